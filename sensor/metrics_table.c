#include "metrics_table.h"

#include <inttypes.h>
#include <stddef.h>

#include "../outputs/text.h"

#ifndef STARTTAP_VERSION
#define STARTTAP_VERSION "unknown"
#endif

/* How the samples of a metric come about; one each of VALUE and MS, several each of the others. */
enum kind {
    KIND_VALUE, /* a uint64_t of struct metrics_numbers */
    KIND_MS,    /* one of milliseconds, written as seconds */
    KIND_VERDICTS,
    KIND_FINDINGS,
    KIND_TLS,
    KIND_LIMITS,
    KIND_WHERES,
    KIND_VERSION,
    KIND_SINK_WORKS,
    KIND_SINK_VALUE, /* a uint64_t of struct sink_stats */
    KIND_SINK_MS,
    KIND_SINK_ERRORS,
};

struct metric {
    const char *name, *type, *labels; /* labels: for the reference; NULL: none */
    enum kind kind;
    size_t offset;
    const char *help;
};

#define OURS(member)    offsetof(struct metrics_numbers, member)
#define TOTAL(member)   offsetof(struct metrics_numbers, totals.sensor.member)
#define OF_SINK(member) offsetof(struct sink_stats, member)

static const struct metric metrics[] = {
    /* what was found */
    {"sessions_total", "counter", "verdict", KIND_VERDICTS, 0, "Connections reported, by verdict."},
    {"findings_total", "counter", "finding", KIND_FINDINGS, 0, "Findings in reported connections, by kind."},
    {"tls_sessions_total", "counter", "version", KIND_TLS, 0,
     "Reported connections with TLS, by the version negotiated."},
    /* how much of it was seen */
    {"sessions_one_sided_total", "counter", NULL, KIND_VALUE, TOTAL(sessions_one_sided),
     "Reported connections of which one side was captured."},
    {"sessions_midstream_total", "counter", NULL, KIND_VALUE, TOTAL(sessions_midstream),
     "Reported connections that began before the capture."},
    {"sessions_truncated_total", "counter", NULL, KIND_VALUE, OURS(sessions_truncated),
     "Reported connections with packets cut by the snap length."},
    {"sessions_with_gaps_total", "counter", NULL, KIND_VALUE, TOTAL(gaps),
     "Reported connections of which bytes were not captured."},
    {"gap_bytes_total", "counter", NULL, KIND_VALUE, TOTAL(gap_bytes),
     "Bytes of reported connections that were not captured."},
    {"packets_duplicate_total", "counter", NULL, KIND_VALUE, TOTAL(packets_duplicate),
     "Packets of reported connections that a mirror showed twice."},
    /* capture */
    {"capture_packets_total", "counter", NULL, KIND_VALUE, TOTAL(packets), "Packets read."},
    {"capture_bytes_total", "counter", NULL, KIND_VALUE, TOTAL(bytes), "Bytes of these packets on the wire."},
    {"capture_dropped_total", "counter", "where", KIND_WHERES, 0,
     "Packets lost before they could be read: by the kernel, whose ring was full, or at the interface."},
    {"packets_truncated_total", "counter", NULL, KIND_VALUE, TOTAL(packets_truncated),
     "Packets cut by the snap length."},
    {"packets_damaged_total", "counter", NULL, KIND_VALUE, TOTAL(packets_damaged),
     "Packets whose headers or checksums are wrong."},
    {"packets_fragment_total", "counter", NULL, KIND_VALUE, TOTAL(packets_fragment),
     "Packets that are fragments of IP."},
    {"segments_to_server_total", "counter", NULL, KIND_VALUE, TOTAL(segments_to_server),
     "TCP segments of mail from clients to servers."},
    {"segments_to_client_total", "counter", NULL, KIND_VALUE, TOTAL(segments_to_client),
     "TCP segments of mail from servers to clients."},
    {"interface_outages_total", "counter", NULL, KIND_VALUE, TOTAL(interface_outages),
     "Times that an interface was down or away."},
    {"interface_outage_seconds_total", "counter", NULL, KIND_MS, TOTAL(interface_outage_ms),
     "Time for which interfaces were down or away, all together."},
    {"clock_steps_total", "counter", NULL, KIND_VALUE, TOTAL(clock_steps),
     "Times that the host's clock was set."},
    {"suspended_seconds_total", "counter", NULL, KIND_MS, TOTAL(suspended_ms),
     "Time for which the host was suspended."},
    /* the sensor itself */
    {"flows_tracked", "gauge", NULL, KIND_VALUE, TOTAL(flows_tracked), "Connections that are followed now."},
    {"flows_evicted_total", "counter", NULL, KIND_VALUE, TOTAL(flows_evicted),
     "Connections that were given up for others, as the table was full."},
    {"limits_hit_total", "counter", "limit", KIND_LIMITS, 0,
     "Times that a named limit was reached, beyond which something is lost."},
    {"memory_bytes", "gauge", NULL, KIND_VALUE, OURS(memory_bytes), "Bytes of memory allocated now."},
    /* sinks */
    {"sink_up", "gauge", "sink", KIND_SINK_WORKS, 0, "Whether the output works: 0 when it failed for good."},
    {"sink_events_total", "counter", "sink", KIND_SINK_VALUE, OF_SINK(num_written),
     "Events that the output took."},
    {"sink_bytes_total", "counter", "sink", KIND_SINK_VALUE, OF_SINK(bytes_written),
     "Bytes of these events."},
    {"sink_delivered_total", "counter", "sink", KIND_SINK_VALUE, OF_SINK(num_delivered),
     "Events that are where they should be: written, or confirmed by Kafka."},
    {"sink_queue_events", "gauge", "sink", KIND_SINK_VALUE, OF_SINK(num_waiting),
     "Events that wait to be delivered."},
    {"sink_queue_bytes", "gauge", "sink", KIND_SINK_VALUE, OF_SINK(bytes_waiting), "Bytes of these events."},
    {"sink_lag_seconds", "gauge", "sink", KIND_SINK_MS, OF_SINK(lag_ms),
     "Age of the oldest event that waits."},
    {"sink_dropped_total", "counter", "sink", KIND_SINK_VALUE, OF_SINK(num_dropped),
     "Events lost, as the queue or the spool was full."},
    {"sink_rejected_total", "counter", "sink", KIND_SINK_VALUE, OF_SINK(num_rejected),
     "Events that the target refused for good."},
    {"sink_errors_total", "counter", "sink, class", KIND_SINK_ERRORS, 0, "Failures of the output, by class."},
    /* recording */
    {"recorded_packets_total", "counter", NULL, KIND_VALUE, OURS(recorded_packets), "Packets written by -w."},
    {"recorded_bytes_total", "counter", NULL, KIND_VALUE, OURS(recorded_bytes), "Bytes of these packets."},
    {"recorded_lost_total", "counter", NULL, KIND_VALUE, OURS(recorded_lost),
     "Packets that -w could not write."},
    {"recorded_undecided_total", "counter", NULL, KIND_VALUE, OURS(recorded_undecided),
     "Packets scrubbed whole, as they could not wait any longer."},
    {"recorded_errors_total", "counter", NULL, KIND_VALUE, OURS(recorded_errors),
     "Failed attempts of -w to write."},
    {"build_info", "gauge", "version", KIND_VERSION, 0, "Always 1; the version is the label."},
};
#define NUM_METRICS (sizeof metrics / sizeof metrics[0])

static const char *const tls_versions[METRICS_NUM_TLS] = {"1.3",  "1.2",  "1.1",  "1.0",
                                                          "ssl3", "ssl2", "other"};
static const char *const wheres[METRICS_NUM_WHERES] = {"kernel", "interface"};

size_t metrics_tls_version(const char *version) {
    size_t i = 0;
    while (i < METRICS_NUM_TLS - 1 && strcmp(version, tls_versions[i]) != 0)
        i++;
    return i;
}

/* --- values --- */

static uint64_t number_at(const void *base, size_t offset) {
    uint64_t number;
    memcpy(&number, (const char *)base + offset, sizeof number);
    return number;
}

static void add_value(struct buffer *out, enum kind kind, uint64_t value) {
    if (kind == KIND_MS || kind == KIND_SINK_MS)
        buffer_printf(out, " %" PRIu64 ".%03u\n", value / 1000, (unsigned)(value % 1000));
    else
        buffer_printf(out, " %" PRIu64 "\n", value);
}

/* A label's value: bytes that are not UTF-8 would spoil the whole page. */
static void add_label(struct buffer *out, const char *name, const char *value) {
    size_t len = strlen(value);
    buffer_printf(out, "%s=\"", name);
    while (len > 0) {
        uint32_t code;
        size_t taken = text_decode(value, len, &code);
        if (code == '\\' || code == '"')
            buffer_add_char(out, '\\');
        if (code == '\n')
            buffer_add_string(out, "\\n");
        else if (code == TEXT_BAD)
            buffer_add_string(out, "\xef\xbf\xbd");
        else
            buffer_add(out, value, taken);
        value += taken;
        len -= taken;
    }
    buffer_add_char(out, '"');
}

static void add_sample(struct buffer *out, const struct metric *metric, const char *label, uint64_t value) {
    buffer_printf(out, "starttap_%s{", metric->name);
    add_label(out, metric->labels, label);
    buffer_add_char(out, '}');
    add_value(out, metric->kind, value);
}

static void add_list(struct buffer *out, const struct metric *metric, const char *const *labels,
                     const uint64_t *values, size_t num) {
    for (size_t i = 0; i < num; i++)
        add_sample(out, metric, labels[i], values[i]);
}

static void add_errors(struct buffer *out, const struct metric *metric, const struct metrics_sink *sink) {
    for (unsigned i = 0; i < NUM_SINK_ERRORS; i++) {
        buffer_printf(out, "starttap_%s{", metric->name);
        add_label(out, "sink", sink->name);
        buffer_add_char(out, ',');
        add_label(out, "class", sink_error_class_name((enum sink_error_class)i));
        buffer_add_char(out, '}');
        add_value(out, metric->kind, sink->stats.errors[i]);
    }
}

static void add_sinks(struct buffer *out, const struct metric *metric,
                      const struct metrics_numbers *numbers) {
    for (size_t i = 0; i < numbers->num_sinks; i++) {
        const struct metrics_sink *sink = &numbers->sinks[i];
        if (metric->kind == KIND_SINK_ERRORS)
            add_errors(out, metric, sink);
        else if (metric->kind == KIND_SINK_WORKS)
            add_sample(out, metric, sink->name, sink->works);
        else
            add_sample(out, metric, sink->name, number_at(&sink->stats, metric->offset));
    }
}

/* --- the page --- */

static void add_samples(struct buffer *out, const struct metric *metric,
                        const struct metrics_numbers *numbers) {
    switch (metric->kind) {
    case KIND_VALUE:
    case KIND_MS:
        buffer_printf(out, "starttap_%s", metric->name);
        add_value(out, metric->kind, number_at(numbers, metric->offset));
        break;
    case KIND_VERDICTS:
        for (unsigned i = 0; i < NUM_VERDICTS; i++)
            add_sample(out, metric, verdict_name((enum verdict)i), numbers->sessions[i]);
        break;
    case KIND_FINDINGS:
        for (unsigned i = 0; i < NUM_FINDINGS; i++)
            add_sample(out, metric, finding_info((enum finding)i)->name, numbers->findings[i]);
        break;
    case KIND_TLS:
        add_list(out, metric, tls_versions, numbers->tls, METRICS_NUM_TLS);
        break;
    case KIND_LIMITS:
        for (unsigned i = 0; i < NUM_LIMITS; i++)
            add_sample(out, metric, limit_name((enum limit)i), numbers->totals.limits[i]);
        break;
    case KIND_WHERES:
        add_list(out, metric, wheres, numbers->dropped, METRICS_NUM_WHERES);
        break;
    case KIND_VERSION:
        add_sample(out, metric, STARTTAP_VERSION, 1);
        break;
    case KIND_SINK_WORKS:
    case KIND_SINK_VALUE:
    case KIND_SINK_MS:
    case KIND_SINK_ERRORS:
        add_sinks(out, metric, numbers);
        break;
    }
}

void metrics_write_page(const struct metrics_numbers *numbers, struct buffer *out) {
    for (size_t i = 0; i < NUM_METRICS; i++) {
        const struct metric *metric = &metrics[i];
        buffer_printf(out, "# HELP starttap_%s %s\n# TYPE starttap_%s %s\n", metric->name, metric->help,
                      metric->name, metric->type);
        add_samples(out, metric, numbers);
    }
}

/* --- the reference --- */

static void add_values(struct buffer *out, const char *label, const char *const *values, size_t num) {
    buffer_printf(out, "- `%s`: ", label);
    for (size_t i = 0; i < num; i++)
        buffer_printf(out, "`%s`%s", values[i], i + 1 < num ? ", " : "\n");
}

static void add_label_values(struct buffer *out) {
    const char *limits[NUM_LIMITS], *classes[NUM_SINK_ERRORS];
    for (unsigned i = 0; i < NUM_LIMITS; i++)
        limits[i] = limit_name((enum limit)i);
    for (unsigned i = 0; i < NUM_SINK_ERRORS; i++)
        classes[i] = sink_error_class_name((enum sink_error_class)i);
    buffer_add_string(out, "\n## Labels\n\n"
                           "- `verdict`, `finding`: those of [fields.md](fields.md)\n");
    add_values(out, "version", tls_versions, METRICS_NUM_TLS);
    add_values(out, "where", wheres, METRICS_NUM_WHERES);
    add_values(out, "limit", limits, NUM_LIMITS);
    add_values(out, "class", classes, NUM_SINK_ERRORS);
    buffer_printf(out, "- `sink`: the outputs as `-o` names them, the first %d\n", METRICS_SINKS_MAX);
}

void metrics_write_reference(struct buffer *out) {
    buffer_add_string(
        out, "# The metrics of starttap\n\n"
             "Made from the table in `sensor/metrics_table.c`; its test fails when this page and the code "
             "differ.\n\n"
             "`--metrics ADDRESS:PORT` serves them at `/metrics`, in Prometheus' text format. Counters are "
             "since the start of\nthe program; those of capture and outputs are at most a second old. No "
             "label has a value that comes from the\nnetwork: peers are in events only.\n\n"
             "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < NUM_METRICS; i++) {
        const struct metric *metric = &metrics[i];
        buffer_printf(out, "| `starttap_%s` | %s | %s | %s |\n", metric->name, metric->type,
                      metric->labels ? metric->labels : "", metric->help);
    }
    add_label_values(out);
}
