#include "reporter.h"

#include <stdlib.h>

#include "judge/describe.h"
#include "judge/peers.h"
#include "track/flow.h"

static const char *const limit_names[NUM_LIMITS] = {
    [LIMIT_SMTP] = "smtp",
    [LIMIT_TLS] = "tls",
    [LIMIT_TCP_BUFFER] = "tcp_buffer",
    [LIMIT_FLOWS] = "flows",
    [LIMIT_FRAGMENTS] = "fragments",
    [LIMIT_TUNNEL_DEPTH] = "tunnel_depth",
    [LIMIT_MEMORY] = "memory",
};

struct reporter {
    const struct config *config;
    reporter_emit emit;
    void *context;
    struct digest *digest;
    struct peers *peers;
    struct event event; /* the sensor's */
    uint64_t flows, flows_peak;
    struct sensor_event totals; /* what the sensor event will say of the sessions */
};

static void emit_event(struct reporter *reporter, struct event *event) {
    event->observer_name = reporter->config->observer_name;
    event->observer_version = STARTTAP_VERSION;
    reporter->emit(reporter->context, event);
}

static void emit_peer(void *context, struct event *event) {
    emit_event(context, event);
}

struct reporter *reporter_new(const struct config *config, reporter_emit emit, void *context) {
    struct reporter *reporter = calloc(1, sizeof *reporter);
    if (!reporter)
        return NULL;
    *reporter = (struct reporter){.config = config, .emit = emit, .context = context};
    event_init(&reporter->event);
    reporter->digest = digest_new();
    if (reporter->digest)
        reporter->peers = peers_new(reporter->digest, emit_peer, reporter);
    if (reporter->peers)
        return reporter;
    reporter_free(reporter);
    return NULL;
}

void reporter_free(struct reporter *reporter) {
    if (!reporter)
        return;
    peers_free(reporter->peers);
    digest_free(reporter->digest);
    event_cleanup(&reporter->event);
    free(reporter);
}

static void count_session(struct reporter *reporter, const struct session_event *s) {
    struct sensor_event *totals = &reporter->totals;
    totals->sessions++;
    totals->sessions_one_sided += s->one_sided;
    totals->sessions_midstream += s->midstream;
    totals->packets_duplicate += (uint64_t)s->duplicates;
    totals->gap_bytes += (uint64_t)s->gap_bytes;
    totals->gaps += s->gap_bytes > 0;
}

void reporter_notice(struct reporter *reporter, struct notice *notice) {
    switch (notice->kind) {
    case NOTICE_OPENED:
        if (++reporter->flows > reporter->flows_peak)
            reporter->flows_peak = reporter->flows;
        break;
    case NOTICE_GONE:
        reporter->flows--;
        break;
    case NOTICE_SESSION:
        peers_add(reporter->peers, &notice->event, notice->direction);
        count_session(reporter, &notice->event.session);
        emit_event(reporter, &notice->event);
        break;
    }
}

void reporter_end_window(struct reporter *reporter, const struct window *window) {
    peers_end_window(reporter->peers, window->start_ns, window->end_ns);
}

static void list_limits(const struct reporter_facts *facts, struct sensor_event *s,
                        struct count items[NUM_LIMITS]) {
    s->limits = (struct count_list){items, 0};
    for (size_t i = 0; i < NUM_LIMITS; i++) {
        uint64_t reached = facts->trackers.limits[i];
        if (i == LIMIT_FRAGMENTS)
            reached = facts->decoded.fragment_limit;
        else if (i == LIMIT_TUNNEL_DEPTH)
            reached = facts->decoded.depth_limit;
        if (reached == 0)
            continue;
        items[s->limits.num++] = (struct count){limit_names[i], reached};
        s->limits_hit += reached;
    }
}

void reporter_sensor(struct reporter *reporter, const struct reporter_facts *facts) {
    struct count limits[NUM_LIMITS];
    struct event *event = &reporter->event;
    event_reset(event, DATASET_SENSOR);
    struct sensor_event *s = &event->sensor;
    *s = reporter->totals;
    s->start_ns = facts->intake.first_ts_ns;
    s->end_ns = facts->intake.last_ts_ns;
    s->packets = facts->intake.packets;
    s->bytes = facts->intake.bytes;
    s->packets_truncated = facts->decoded.truncated;
    s->packets_damaged = facts->decoded.damaged;
    s->packets_fragment = facts->decoded.fragments;
    s->flows_peak = reporter->flows_peak;
    s->flows_evicted = facts->trackers.flows_evicted;
    s->memory_bytes = reporter->flows_peak * sizeof(struct flow);
    list_limits(facts, s, limits);
    describe_id(event, reporter->digest, "sensor", s->start_ns, s->end_ns);
    emit_event(reporter, event);
}

uint64_t reporter_sessions(const struct reporter *reporter) {
    return reporter->totals.sessions;
}
