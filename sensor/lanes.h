/* lanes.h: live, several capture threads, each with an intake and a tracker of its own: a lane.
 *
 *   lane 0:  packets -> intake -> tracker -> notices \
 *                            \ /                      reporter, in the main thread
 *                            / \                     /
 *   lane 1:  packets -> intake -> tracker -> notices
 *
 * A connection belongs to the lane that its addresses say (capture/fanout.h), where the kernel puts its plain
 * packets. What comes in by another lane (tunnels; packets on their way while sockets come and go) is handed
 * over in copied batches. Lanes share nothing for a packet: a lock is taken for each batch of segments or
 * notices.
 *
 * Each lane has its own time, that of its packets or, while none come, that of lanes_tick(); a segment that
 * is handed over comes at the time of the lane that takes it. Nobody waits for a lane that is idle. The
 * notices of different lanes have no common order.
 *
 * A lane that has to wait for another one does meanwhile what others wait for it to do, and the main thread,
 * while it waits for lanes, reports: so there is always somebody who goes on. */
#ifndef STARTTAP_SENSOR_LANES_H
#define STARTTAP_SENSOR_LANES_H

#include "capture/packet.h"
#include "config.h"
#include "judge/keylog.h"
#include "reporter.h"

struct lanes;

/* num: 2 to CONFIG_WORKERS_MAX. config and reporter are borrowed. NULL with a message in error. */
struct lanes *lanes_new(const struct config *config, unsigned num, struct reporter *reporter, char *error,
                        size_t error_len);
void lanes_free(struct lanes *lanes); /* NULL is fine; ends the threads */

/* Before lanes_start(). The body is what a lane's thread does: it captures until lanes_stopping(). */
typedef void (*lanes_body)(void *context, unsigned lane);
void lanes_set_body(struct lanes *lanes, lanes_body body, void *context);
void lanes_set_keylog(struct lanes *lanes, struct keylog *keylog);

unsigned lanes_num(const struct lanes *lanes);
uint32_t lanes_key(const struct lanes *lanes); /* for fanout_join() */

/* --- the main thread --- */

bool lanes_start(struct lanes *lanes, char *error, size_t error_len);

/* Returns when the lanes' threads have ended and all that they told is reported. lanes_start() goes on. */
void lanes_stop(struct lanes *lanes);

/* Waits until there is something to report, at most so long, and reports it. */
void lanes_report(struct lanes *lanes, unsigned timeout_ms);

/* While they are stopped: intake_reload() and tracker_reload() for all. */
bool lanes_reload(struct lanes *lanes, const struct config *fresh, char *error, size_t error_len);

/* The counters of all lanes, as last published; or, while they are stopped, as they are. */
void lanes_count(struct lanes *lanes, struct reporter_facts *facts);

/* Likewise: segments that came in by one lane and belong to another. */
uint64_t lanes_handed_over(struct lanes *lanes);

/* Once they are stopped for good: reports every open connection. */
void lanes_finish(struct lanes *lanes);

/* --- the thread of a lane --- */

bool lanes_stopping(const struct lanes *lanes);
void lanes_packet(struct lanes *lanes, unsigned number, const struct packet *packet);

/* No packet came up to this time. */
void lanes_tick(struct lanes *lanes, unsigned number, uint64_t now_ns);

/* Gives others what is theirs, takes what they have given, and hands over the notices: before each wait. */
void lanes_exchange(struct lanes *lanes, unsigned number);
int lanes_wake_fd(const struct lanes *lanes, unsigned number); /* readable: lanes_exchange() or an end */

void lanes_publish(struct lanes *lanes, unsigned number); /* its counters; each 100 ms or so */

#endif
