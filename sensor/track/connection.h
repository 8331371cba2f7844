/* connection.h: what a TCP segment does to its connection (RFC 9293 section 3).
 *
 * Puts both directions in order and feeds the session. A hole is given up, and
 * told to the session as a gap, when the bytes were certainly sent (acknowledged, or passed)
 * and HOLE_WAIT_NS and HOLE_WAIT_PACKETS have passed (a mirror may show an
 * acknowledgement before the data), when a buffer is full, or when the
 * connection is over. */
#ifndef STARTTAP_SENSOR_TRACK_CONNECTION_H
#define STARTTAP_SENSOR_TRACK_CONNECTION_H

#include "clock.h"
#include "flow.h"
#include "session.h"

#define HOLE_WAIT_NS      (2 * NS_PER_S)  /* after it was met, when acknowledged */
#define HOLE_WAIT_PACKETS 32              /* both must have passed */
#define HOLE_WAIT_LONG_NS (60 * NS_PER_S) /* when nobody acknowledges: only one side is captured */
#define STRAY_DISTANCE    (1 << 20) /* bytes off the old place that make a segment one of a new connection */

#define RESET_DISTANCE (1 << 20) /* bytes off the old place that a RST may be */

/* True when this segment is the first (known) of another connection between the same ports. Remembers a SYN
 * that does not fit; connection_begin() of the new flow takes it from `before`. */
bool connection_is_new(struct flow *flow, const struct segment *segment, enum side side);

/* A fresh flow: takes the SYN that was pending on the flow before it (NULL: none), and is told from one that
 * began at the same time, as happens where time stamps are coarse. */
void connection_begin(struct flow *flow, const struct flow *before, const struct segment *segment);

/* Takes the segment in. A session is made at the first payload; false when there is no memory for it. */
bool connection_segment(struct flow *flow, const struct segment *segment, enum side side, uint64_t elapsed_ns,
                        const struct session_tools *tools);

/* Makes the flow's session if there is none yet; false when there is no memory. */
bool connection_open_session(struct flow *flow, const struct session_tools *tools);

/* True once a RST or both FINs were seen. */
bool connection_ended(const struct flow *flow);

/* Nothing more will come: gives up holes and ends waits, so that the session knows all there is to know. */
void connection_finish(struct flow *flow);

#endif
