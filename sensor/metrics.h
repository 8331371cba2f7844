/* metrics.h: what the program counts, served over HTTP for Prometheus (/metrics, text format 0.0.4), and
 * whether it is well (/healthz). A thread of its own answers; the loop only adds under a lock that is never
 * held long. No label has a value that comes from the network. */
#ifndef STARTTAP_SENSOR_METRICS_H
#define STARTTAP_SENSOR_METRICS_H

#include <stddef.h>

#include "metrics_table.h"

#define METRICS_TURN_MAX_MS 30000u /* a loop that has not turned for so long is not well */

struct metrics;

/* Listens on ADDRESS:PORT, [ADDRESS]:PORT or PORT (of 127.0.0.1). NULL with a message in error. */
struct metrics *metrics_open(const char *text, char *error, size_t error_len);
bool metrics_check(const char *text, char *error, size_t error_len); /* the same, but opens nothing */
bool metrics_start(struct metrics *metrics); /* the thread; false: it cannot be started */
void metrics_close(struct metrics *metrics); /* NULL is fine */

void metrics_event(struct metrics *metrics, const struct event *event);             /* from any thread */
void metrics_totals(struct metrics *metrics, const struct reporter_totals *totals); /* likewise */

/* What the loop knows, at each of its turns; since the start. */
struct metrics_turn {
    uint64_t now_ms; /* of the monotonic clock */
    uint64_t kernel_dropped, interface_dropped;
    uint64_t memory_bytes; /* now */
    uint64_t recorded_packets, recorded_bytes, recorded_lost, recorded_undecided, recorded_errors;
    const struct metrics_sink *sinks; /* copied; NULL: as before */
    size_t num_sinks;
};
void metrics_turn(struct metrics *metrics, const struct metrics_turn *turn);

#endif
