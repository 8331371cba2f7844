/* metrics_table.h: every metric in one table: its name, type, label and help, and where its value stands. The
 * page for Prometheus and its reference (outputs/schema/metrics.md) are both made from it. */
#ifndef STARTTAP_SENSOR_METRICS_TABLE_H
#define STARTTAP_SENSOR_METRICS_TABLE_H

#include "../outputs/buffer.h"
#include "../outputs/sink.h"
#include "notice.h"
#include "reporter.h"

#define METRICS_SINKS_MAX  64 /* as SINK_REPORT_MAX; those beyond are left out */
#define METRICS_NUM_TLS    7  /* the versions there are, and any other */
#define METRICS_NUM_WHERES 2

/* What is known of one sink. */
struct metrics_sink {
    const char *name; /* as it was configured; borrowed, outlives the metrics */
    bool works;       /* false: it failed and was closed */
    struct sink_stats stats;
};

/* All values of the page. */
struct metrics_numbers {
    struct reporter_totals totals;
    uint64_t sessions[NUM_VERDICTS], findings[NUM_FINDINGS], tls[METRICS_NUM_TLS], sessions_truncated;
    uint64_t dropped[METRICS_NUM_WHERES]; /* by the kernel, at the interface */
    uint64_t memory_bytes;
    uint64_t recorded_packets, recorded_bytes, recorded_undecided, recorded_errors;
    uint64_t recorded_lost; /* packets */
    struct metrics_sink sinks[METRICS_SINKS_MAX];
    size_t num_sinks;
};

size_t metrics_tls_version(const char *version); /* its place in tls[] */

void metrics_write_page(const struct metrics_numbers *numbers, struct buffer *out); /* text format 0.0.4 */
void metrics_write_reference(struct buffer *out);

#endif
