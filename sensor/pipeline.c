#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>

#include "reporter.h"

struct pipeline {
    struct intake *intake;
    struct tracker *tracker;
    struct reporter *reporter;
    struct notice notice; /* reused for each */
};

static struct notice *lend_notice(void *context) {
    struct pipeline *p = context;
    return &p->notice;
}

static void take_notice(void *context, struct notice *notice) {
    struct pipeline *p = context;
    reporter_notice(p->reporter, notice);
}

struct pipeline *pipeline_new(const struct config *config, pipeline_emit emit, void *context, char *error,
                              size_t error_len) {
    snprintf(error, error_len, "out of memory");
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    struct tracker_output output = {lend_notice, take_notice, p};
    p->intake = intake_new(config);
    p->reporter = reporter_new(config, emit, context);
    if (p->intake && p->reporter)
        p->tracker = tracker_new(config, config->max_flows, &output, error, error_len);
    if (p->tracker)
        return p;
    pipeline_free(p);
    return NULL;
}

void pipeline_free(struct pipeline *p) {
    if (!p)
        return;
    notice_cleanup(&p->notice);
    tracker_free(p->tracker);
    reporter_free(p->reporter);
    intake_free(p->intake);
    free(p);
}

void pipeline_set_keylog(struct pipeline *p, struct keylog *keylog) {
    tracker_set_keylog(p->tracker, keylog);
}

static void take_time(struct pipeline *p, const struct arrival *arrival) {
    tracker_advance(p->tracker, arrival->moment.elapsed_ns);
    if (arrival->window_ended)
        reporter_end_window(p->reporter, &arrival->window);
}

void pipeline_packet(struct pipeline *p, const struct packet *packet) {
    struct segment segment;
    struct arrival arrival = intake_arrive(p->intake, packet);
    take_time(p, &arrival);
    if (intake_segment(p->intake, packet, &segment))
        tracker_segment(p->tracker, &segment, arrival.moment);
}

void pipeline_tick(struct pipeline *p, uint64_t now_ns) {
    struct arrival arrival = intake_tick(p->intake, now_ns);
    take_time(p, &arrival);
}

void pipeline_next_input(struct pipeline *p) {
    tracker_next_input(p->tracker, intake_moment(p->intake).elapsed_ns);
}

void pipeline_finish(struct pipeline *p) {
    struct window window = intake_last_window(p->intake);
    tracker_finish(p->tracker);
    struct reporter_facts facts = {*intake_counters(p->intake), *intake_decoded(p->intake),
                                   *tracker_counters(p->tracker)};
    reporter_end_window(p->reporter, &window);
    reporter_sensor(p->reporter, &facts);
}

struct pipeline_counters pipeline_counters(const struct pipeline *p) {
    const struct intake_counters *counters = intake_counters(p->intake);
    return (struct pipeline_counters){counters->packets, counters->bytes, reporter_sessions(p->reporter)};
}
