/* intake.h: packet in, segment of a connection that may be mail out.
 *
 * Everything that has to see every packet: the clock, the counters, decoding (fragments, tunnels), and which
 * ports are watched. One per reading thread. */
#ifndef STARTTAP_SENSOR_INTAKE_H
#define STARTTAP_SENSOR_INTAKE_H

#include "capture/decode.h"
#include "capture/packet.h"
#include "config.h"
#include "notice.h"

struct intake;

/* config is borrowed. NULL: out of memory. */
struct intake *intake_new(const struct config *config);
void intake_free(struct intake *intake); /* NULL is fine */

/* Before the first packet: several intakes whose segments meet in one table of flows have the same key. */
struct siphash_key;
void intake_set_key(struct intake *intake, const struct siphash_key *key);

/* From the next packet on: the ports as fresh has them. */
void intake_reload(struct intake *intake, const struct config *fresh);

/* A window of the peers' reports, by packet time. */
struct window {
    uint64_t start_ns, end_ns;
};

/* Time begins now, if it has not, though no packet came. */
void intake_begin(struct intake *intake, uint64_t now_ns);

/* No packet came up to this time, by the clock that stamps packets; nothing before time has begun. True: a
 * window ended, and which. */
bool intake_tick(struct intake *intake, uint64_t now_ns, struct window *ended);

/* First for each packet: true when there is a TCP segment in it to be followed, or a datagram of the DNS. It
 * is borrowed until the next call, from the packet or (put together from fragments) from the intake. */
bool intake_segment(struct intake *intake, const struct packet *packet, struct segment *segment);

/* Then: counts it and lets time pass. True: a window ended before it, and which. Answers of the DNS and
 * pieces of datagrams do not move the clock: in a recording they stand behind the connection whose event
 * rests on them (record/recorder.h). */
bool intake_arrive(struct intake *intake, const struct packet *packet, struct window *ended);

/* What of a fragmented datagram that packet was. */
const struct decode_piece *intake_piece(const struct intake *intake);

/* The window that is still open at the end of the input. */
struct window intake_last_window(const struct intake *intake);

/* Up to the last packet or tick; the same place holds the next one's. */
const struct moment *intake_moment(const struct intake *intake);

struct intake_counters {
    uint64_t packets, bytes;
    uint64_t first_ts_ns, last_ts_ns;                /* earliest and latest stamp */
    uint64_t segments_to_server, segments_to_client; /* by the port that is watched; both or none: neither */
};
const struct intake_counters *intake_counters(const struct intake *intake);
void intake_counters_add(struct intake_counters *sum, const struct intake_counters *more);
const struct decode_counters *intake_decoded(const struct intake *intake);

#endif
