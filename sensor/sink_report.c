#include "sink_report.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_LEN 512

enum list { LIST_EVENTS, LIST_BYTES, LIST_WAITING, LIST_LAG, LIST_LOST, LIST_ERRORS, NUM_LISTS };

struct sink_report {
    bool live;
    struct count counts[NUM_LISTS][SINK_REPORT_MAX];
    char names[SINK_REPORT_MAX][NAME_LEN]; /* of LIST_ERRORS: sink and class */
};

struct sink_report *sink_report_new(bool live) {
    struct sink_report *report = calloc(1, sizeof *report);
    if (report)
        report->live = live;
    return report;
}

void sink_report_free(struct sink_report *report) {
    free(report);
}

static void add(struct sink_report *report, enum list which, struct count_list *list, const char *name,
                uint64_t num) {
    list->items = report->counts[which];
    if (list->num < SINK_REPORT_MAX)
        report->counts[which][list->num++] = (struct count){name, num};
}

static void add_errors(struct sink_report *report, const char *sink, const struct sink_stats *stats,
                       struct count_list *list) {
    for (size_t i = 0; i < NUM_SINK_ERRORS; i++) {
        if (stats->errors[i] == 0 || list->num == SINK_REPORT_MAX)
            continue;
        char *name = report->names[list->num];
        snprintf(name, NAME_LEN, "%s %s", sink, sink_error_class_name((enum sink_error_class)i));
        add(report, LIST_ERRORS, list, name, stats->errors[i]);
    }
}

void sink_report_begin(struct sensor_event *event) {
    event->sink_events = event->sink_bytes = event->sink_waiting = (struct count_list){0};
    event->sink_lag_ms = event->sink_lost = event->sink_errors = (struct count_list){0};
}

void sink_report_add(struct sink_report *report, const char *name, const struct sink_stats *stats,
                     struct sensor_event *event) {
    uint64_t num_lost = stats->num_dropped + stats->num_rejected;
    if (!report->live && !stats->remote)
        return;
    add(report, LIST_EVENTS, &event->sink_events, name, stats->num_written);
    add(report, LIST_BYTES, &event->sink_bytes, name, stats->bytes_written);
    add(report, LIST_WAITING, &event->sink_waiting, name, stats->num_waiting);
    add(report, LIST_LAG, &event->sink_lag_ms, name, stats->lag_ms);
    if (num_lost > 0)
        add(report, LIST_LOST, &event->sink_lost, name, num_lost);
    add_errors(report, name, stats, &event->sink_errors);
}

void sink_report_fill(struct sink_report *report, struct sink *const *sinks, size_t num_sinks,
                      struct sensor_event *event) {
    sink_report_begin(event);
    for (size_t i = 0; i < num_sinks; i++) {
        struct sink_stats stats;
        if (sinks[i] && sink_stats(sinks[i], &stats))
            sink_report_add(report, sink_target(sinks[i]), &stats, event);
    }
}
