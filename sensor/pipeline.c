#include "pipeline.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lanes.h"
#include "record/recorder.h"
#include "workers.h"

#define TAKEN_MAX 16 /* segments */

/* intake -> tracker -> reporter, or intake -> workers -> reporter, or lanes -> reporter; one of the three. */
struct pipeline {
    struct intake *intake;
    struct reporter *reporter;
    struct tracker *tracker;
    struct workers *workers;
    struct lanes *lanes;
    const struct config *config;
    struct recorder *recorder;             /* NULL: nothing is recorded */
    struct notice notice;                  /* of the one tracker, reused for each */
    struct timed_segment taken[TAKEN_MAX]; /* for the tracker; in no use between two calls */
    struct capture_facts capture;
};

static struct notice *lend_notice(void *context) {
    struct pipeline *p = context;
    return &p->notice;
}

static void take_notice(void *context, struct notice *notice) {
    struct pipeline *p = context;
    reporter_notice(p->reporter, notice);
}

/* An adapter's own clock goes with packets alone, so one lane must see them all. */
static bool has_lanes(const struct config *config) {
    bool foreign = config->time_stamps && strcmp(config->time_stamps, "adapter_unsynced") == 0;
    return config->num_interfaces > 0 && !foreign;
}

static bool open_trackers(struct pipeline *p, const struct config *config, char *error, size_t error_len) {
    struct tracker_output output = {lend_notice, take_notice, p};
    if (config->workers <= 1 || config->record)
        p->tracker =
            tracker_new(config, config->max_flows, reporter_budget(p->reporter), &output, error, error_len);
    else if (has_lanes(config))
        p->lanes = lanes_new(config, config->workers, p->reporter, error, error_len);
    else
        p->workers = workers_new(config, config->workers, p->reporter, error, error_len);
    return p->tracker || p->workers || p->lanes;
}

/* False with a message. */
static bool load_mta_sts(const struct config *config, struct mta_sts **mta_sts, char *error,
                         size_t error_len) {
    *mta_sts = config->mta_sts ? mta_sts_load(config->mta_sts, error, error_len) : NULL;
    return *mta_sts || !config->mta_sts;
}

struct pipeline *pipeline_new(const struct config *config, pipeline_emit emit, void *context, char *error,
                              size_t error_len) {
    snprintf(error, error_len, "out of memory");
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    struct mta_sts *mta_sts = NULL;
    p->config = config;
    p->intake = intake_new(config);
    p->reporter = reporter_new(config, emit, context);
    bool good = p->intake && p->reporter && load_mta_sts(config, &mta_sts, error, error_len);
    if (good)
        reporter_set_mta_sts(p->reporter, mta_sts);
    if (good && open_trackers(p, config, error, error_len))
        return p;
    pipeline_free(p);
    return NULL;
}

void pipeline_free(struct pipeline *p) {
    if (!p)
        return;
    workers_free(p->workers);
    lanes_free(p->lanes);
    event_cleanup(&p->notice.event);
    tracker_free(p->tracker);
    reporter_free(p->reporter);
    intake_free(p->intake);
    free(p);
}

bool pipeline_reload(struct pipeline *p, const struct config *fresh, char *error, size_t error_len) {
    struct mta_sts *mta_sts;
    if (!load_mta_sts(fresh, &mta_sts, error, error_len))
        return false;
    bool good = p->workers ? workers_reload(p->workers, fresh, error, error_len)
                : p->lanes ? lanes_reload(p->lanes, fresh, error, error_len)
                           : tracker_reload(p->tracker, fresh, error, error_len);
    if (!good) {
        mta_sts_free(mta_sts);
        return false;
    }
    reporter_set_mta_sts(p->reporter, mta_sts);
    intake_reload(p->intake, fresh);
    return true;
}

void pipeline_set_keylog(struct pipeline *p, struct keylog *keylog) {
    if (p->workers)
        workers_set_keylog(p->workers, keylog);
    else if (p->lanes)
        lanes_set_keylog(p->lanes, keylog);
    else
        tracker_set_keylog(p->tracker, keylog);
}

void pipeline_set_policy(struct pipeline *p, const struct policy *policy) {
    reporter_set_policy(p->reporter, policy);
}

bool pipeline_start(struct pipeline *p, char *error, size_t error_len) {
    return p->workers ? workers_start(p->workers, error, error_len)
           : p->lanes ? lanes_start(p->lanes, error, error_len)
                      : true;
}

void pipeline_pause(struct pipeline *p) {
    if (p->workers)
        workers_pause(p->workers);
    if (p->lanes)
        lanes_stop(p->lanes);
}

bool pipeline_resume(struct pipeline *p, char *error, size_t error_len) {
    return p->workers ? workers_resume(p->workers, error, error_len)
           : p->lanes ? lanes_start(p->lanes, error, error_len)
                      : true;
}

static void record_evidence(void *context, const struct name_found *fact) {
    struct pipeline *p = context;
    for (size_t i = 0; fact->answers && i < fact->answers->num; i++)
        recorder_add_answer(p->recorder, fact->answers->items[i].number);
}

void pipeline_set_recorder(struct pipeline *p, struct recorder *recorder) {
    p->recorder = recorder;
    reporter_set_evidence(p->reporter, recorder ? record_evidence : NULL, p);
    if (p->tracker)
        tracker_set_recorder(p->tracker, recorder);
}

void pipeline_set_geo(struct pipeline *p, const struct geo *geo) {
    reporter_set_geo(p->reporter, geo);
}

struct memory *pipeline_memory(struct pipeline *p) {
    return reporter_memory(p->reporter);
}

static void take_time(struct pipeline *p, const struct moment *now) {
    if (p->workers)
        workers_advance(p->workers, now);
    else if (p->tracker)
        tracker_advance(p->tracker, now->elapsed_ns);
}

static void end_window(struct pipeline *p, const struct window *window) {
    if (p->workers)
        workers_end_window(p->workers, window);
    else
        reporter_end_window(p->reporter, window);
}

struct lanes *pipeline_lanes(struct pipeline *p) {
    return p->lanes;
}

void pipeline_packet(struct pipeline *p, const struct packet *packet) {
    struct segment segment;
    struct window window;
    assert(!p->lanes);
    bool wanted = intake_segment(p->intake, packet, &segment);
    bool window_ended = intake_arrive(p->intake, packet, &window);
    const struct moment *now = intake_moment(p->intake);
    take_time(p, now);
    if (window_ended)
        end_window(p, &window);
    if (p->recorder)
        recorder_packet(p->recorder, packet, intake_piece(p->intake), now->elapsed_ns);
    if (wanted && p->workers)
        workers_segment(p->workers, &segment, now);
    else if (wanted)
        tracker_segment(p->tracker, &segment, now);
    if (p->recorder)
        recorder_done(p->recorder);
}

/* Its bytes are the packet's own, not those of fragments that were put together (decode.h). */
static bool is_within(const struct segment *segment, const struct packet *packet) {
    uintptr_t payload = (uintptr_t)segment->payload, data = (uintptr_t)packet->data;
    return payload >= data && payload - data <= packet->captured_len;
}

/* The tracker gets what was taken. Returns how many are left. */
static size_t hand_over(struct pipeline *p, size_t num_taken) {
    tracker_segments(p->tracker, p->taken, num_taken);
    return 0;
}

static void take_together(struct pipeline *p, const struct packet *packets, size_t num) {
    size_t taken = 0;
    struct window window;
    for (const struct packet *packet = packets; packet < packets + num; packet++) {
        struct timed_segment *next = &p->taken[taken];
        bool wanted = intake_segment(p->intake, packet, &next->segment);
        if (intake_arrive(p->intake, packet, &window)) {
            taken = hand_over(p, taken);
            take_time(p, intake_moment(p->intake));
            end_window(p, &window);
            p->taken[0].segment = next->segment;
        }
        if (!wanted)
            continue;
        next = &p->taken[taken++];
        next->moment = *intake_moment(p->intake);
        if (taken == TAKEN_MAX || !is_within(&next->segment, packet))
            taken = hand_over(p, taken);
    }
    (void)hand_over(p, taken);
    take_time(p, intake_moment(p->intake));
}

void pipeline_packets(struct pipeline *p, const struct packet *packets, size_t num) {
    if (p->tracker && !p->recorder) {
        take_together(p, packets, num);
        return;
    }
    for (size_t i = 0; i < num; i++)
        pipeline_packet(p, &packets[i]);
}

void pipeline_tick(struct pipeline *p, uint64_t now_ns) {
    if (p->lanes)
        intake_begin(p->intake, now_ns);
    struct window window;
    bool window_ended = intake_tick(p->intake, now_ns, &window);
    take_time(p, intake_moment(p->intake));
    if (window_ended)
        end_window(p, &window);
}

void pipeline_flush(struct pipeline *p) {
    if (p->workers)
        workers_flush(p->workers);
}

void pipeline_next_input(struct pipeline *p) {
    if (p->workers)
        workers_next_input(p->workers);
    else if (p->tracker)
        tracker_next_input(p->tracker, intake_moment(p->intake)->elapsed_ns);
}

void pipeline_set_capture(struct pipeline *p, const struct capture_facts *facts) {
    p->capture = *facts;
}

static struct reporter_facts gather(const struct pipeline *p) {
    struct reporter_facts facts = {
        .capture = p->capture, .intake = *intake_counters(p->intake), .decoded = *intake_decoded(p->intake)};
    if (p->tracker)
        facts.trackers = *tracker_counters(p->tracker);
    if (p->lanes)
        lanes_count(p->lanes, &facts);
    return facts;
}

static void report(struct pipeline *p, const struct reporter_facts *facts) {
    if (p->workers)
        workers_sensor(p->workers, facts);
    else
        reporter_sensor(p->reporter, facts);
}

void pipeline_sensor(struct pipeline *p) {
    struct reporter_facts facts = gather(p);
    report(p, &facts);
}

void pipeline_set_tell(struct pipeline *p, reporter_tell tell) {
    reporter_set_tell(p->reporter, tell);
}

void pipeline_tell(struct pipeline *p) {
    struct reporter_facts facts = gather(p);
    facts.only_totals = true;
    report(p, &facts);
}

/* Packets are counted by the lanes; this intake has the windows alone. */
static struct window finish_lanes(struct pipeline *p, struct window window) {
    lanes_stop(p->lanes);
    lanes_finish(p->lanes);
    struct reporter_facts facts = gather(p);
    window.end_ns = facts.intake.last_ts_ns;
    if (p->config->peer_window_s == 0)
        window.start_ns = facts.intake.first_ts_ns;
    return window;
}

void pipeline_finish(struct pipeline *p) {
    struct window window = intake_last_window(p->intake);
    if (p->workers) {
        struct reporter_facts facts = gather(p);
        workers_finish(p->workers, &window, &facts);
        return;
    }
    if (p->lanes)
        window = finish_lanes(p, window);
    else
        tracker_finish(p->tracker);
    reporter_end_window(p->reporter, &window);
    pipeline_sensor(p);
}

struct pipeline_counters pipeline_counters(const struct pipeline *p) {
    const struct reporter_facts facts = gather(p);
    const struct intake_counters *counters = &facts.intake;
    return (struct pipeline_counters){
        .packets = counters->packets,
        .bytes = counters->bytes,
        .sessions = p->workers ? workers_sessions(p->workers) : reporter_sessions(p->reporter),
        .segments_to_server = counters->segments_to_server,
        .segments_to_client = counters->segments_to_client,
    };
}
