/* tracker.h: segments in, notices of connections out, in the order of notice.h.
 *
 * The table of connections, their expiry, their sessions, and what judges them. One thread at a time; several
 * trackers may share the work when each connection's segments all come to the same one. */
#ifndef STARTTAP_SENSOR_TRACKER_H
#define STARTTAP_SENSOR_TRACKER_H

#include "capture/packet.h"
#include "config.h"
#include "judge/keylog.h"
#include "notice.h"

/* Where the notices go: next() lends one to be filled, send() takes it back. One at a time; it is
 * zeroed when it is lent for the first time, and its event, which may hold what is the tracker's, is cleaned
 * up by who lends it, before tracker_free(). */
struct tracker_output {
    struct notice *(*next)(void *context);
    void (*send)(void *context, struct notice *notice);
    void *context;
};

struct budget;
struct tracker;

/* config and budget are borrowed; max_flows is its share of config->max_flows. NULL with a message in error.
 */
struct tracker *tracker_new(const struct config *config, size_t max_flows, struct budget *budget,
                            const struct tracker_output *output, char *error, size_t error_len);
void tracker_free(struct tracker *tracker); /* NULL is fine */

/* From the next segment on: the ports, the anchors and whether to verify, as fresh has them. False with a
 * message: nothing changed. */
bool tracker_reload(struct tracker *tracker, const struct config *fresh, char *error, size_t error_len);

/* Before the first segment: secrets to look inside TLS 1.3 with. Borrowed, must outlive the tracker. */
void tracker_set_keylog(struct tracker *tracker, struct keylog *keylog);

/* Before the first segment: told of each segment's flow, of the one packet at hand (recorder.h), so it goes
 * with one tracker alone. Borrowed, must outlive the tracker. */
struct recorder;
void tracker_set_recorder(struct tracker *tracker, struct recorder *recorder);

/* Time has passed, up to this moment: what was due by then is told. */
void tracker_advance(struct tracker *tracker, uint64_t elapsed_ns);

/* The next segment, which came at this moment; time need not have been advanced to it. */
void tracker_segment(struct tracker *tracker, const struct segment *segment, const struct moment *now);

/* Several in their order, in less time than one by one. */
void tracker_segments(struct tracker *tracker, const struct timed_segment *segments, size_t num);

/* The next segments come from another capture; the one that ends here reached elapsed_ns. Connections go on,
 * but silence across the seam proves nothing. */
void tracker_next_input(struct tracker *tracker, uint64_t elapsed_ns);

/* End of the input: tells of every connection that is still open. */
void tracker_finish(struct tracker *tracker);

struct tracker_counters {
    uint64_t flows_evicted;
    uint64_t limits[NUM_LIMITS]; /* how often each was reached */
};
const struct tracker_counters *tracker_counters(const struct tracker *tracker);
void tracker_counters_add(struct tracker_counters *sum, const struct tracker_counters *more);

#endif
