#include "reporter.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "judge/alerts.h"
#include "judge/describe.h"
#include "judge/geo.h"
#include "judge/naming.h"
#include "judge/peers.h"
#include "judge/policy.h"
#include "judge/tlsrpt.h"
#include "judge/twins.h"
#include "track/flow.h"

static const char *const limit_names[NUM_LIMITS] = {
    [LIMIT_SMTP] = "smtp",
    [LIMIT_TLS] = "tls",
    [LIMIT_TCP_BUFFER] = "tcp_buffer",
    [LIMIT_FLOWS] = "flows",
    [LIMIT_FRAGMENTS] = "fragments",
    [LIMIT_TUNNEL_DEPTH] = "tunnel_depth",
    [LIMIT_MEMORY] = "memory",
    [LIMIT_ALERTS] = "alerts",
    [LIMIT_MEMORY_CAP] = "memory_cap",
    [LIMIT_NAMES] = "names",
};

const char *limit_name(enum limit limit) {
    return limit_names[limit];
}

/* What the chains of servers with TLSA records may take of the certificates' part of the budget. */
#define TRUST_SHARES 16

#define NUM_COUNTERS 20 /* of the sensor event */

struct session_totals {
    uint64_t sessions, one_sided, midstream, duplicates, gap_bytes, gaps;
};

struct reporter {
    struct budget budget;
    const struct config *config;
    reporter_emit emit;
    reporter_tell tell; /* NULL: nobody */
    void *context;
    struct digest *digest;
    const struct geo *geo; /* NULL: none */
    struct memory *memory;
    struct peers *peers;
    struct twins *twins;
    const struct policy *policy; /* NULL: none */
    struct names *names;         /* NULL: --no-dns */
    struct trust *trust;         /* the same */
    struct mta_sts *mta_sts;     /* NULL: no --mta-sts */
    reporter_evidence evidence;  /* NULL: nobody wants it */
    void *evidence_context;
    struct alerts *alerts; /* NULL: none are asked for */
    struct event event;    /* the sensor's */
    uint64_t flows, flows_peak;
    uint64_t events_cut;          /* that lack something for want of memory */
    struct session_totals totals; /* since the start */
    uint64_t counters_before[NUM_COUNTERS], limits_before[NUM_LIMITS], reported_ns; /* at the last report */
};

static void emit_event(struct reporter *reporter, struct event *event) {
    event->observer_name = reporter->config->observer_name;
    event->observer_version = STARTTAP_VERSION;
    reporter->events_cut += event->arena.failed;
    reporter->emit(reporter->context, event);
}

/* For the modules that make events of their own. */
static void emit_made(void *context, struct event *event) {
    emit_event(context, event);
}

static bool open_names(struct reporter *reporter) {
    const struct trust_options options = {.budget = &reporter->budget, .num_sharing = TRUST_SHARES};
    char error[64];
    reporter->names = names_new(&reporter->budget);
    if (reporter->names && reporter->digest)
        reporter->trust = trust_new(&options, reporter->digest, error, sizeof error);
    return reporter->trust != NULL;
}

struct reporter *reporter_new(const struct config *config, reporter_emit emit, void *context) {
    struct reporter *reporter = calloc(1, sizeof *reporter);
    if (!reporter)
        return NULL;
    *reporter = (struct reporter){.config = config, .emit = emit, .context = context};
    budget_init(&reporter->budget,
                config->memory_cap_mb > 0 ? (size_t)config->memory_cap_mb << 20 : SIZE_MAX);
    event_init(&reporter->event);
    reporter->digest = digest_new();
    reporter->twins = twins_new();
    reporter->memory = memory_new(config->max_peers, config->state != NULL);
    if (reporter->memory)
        memory_set_budget(reporter->memory, &reporter->budget);
    if (reporter->digest && reporter->twins && reporter->memory)
        reporter->peers =
            peers_new(config->max_peers, reporter->memory, reporter->digest, emit_made, reporter);
    if (reporter->peers)
        peers_set_budget(reporter->peers, &reporter->budget);
    if (!config->no_dns && !open_names(reporter)) {
        reporter_free(reporter);
        return NULL;
    }
    bool alerting = alert_rules_findings(&config->alert_on) != 0;
    if (reporter->peers && alerting)
        reporter->alerts = alerts_new(&config->alert_on, reporter->digest, emit_made, reporter);
    if (reporter->peers && (reporter->alerts || !alerting))
        return reporter;
    reporter_free(reporter);
    return NULL;
}

void reporter_free(struct reporter *reporter) {
    if (!reporter)
        return;
    alerts_free(reporter->alerts);
    peers_free(reporter->peers);
    memory_free(reporter->memory);
    names_free(reporter->names);
    trust_free(reporter->trust);
    twins_free(reporter->twins);
    mta_sts_free(reporter->mta_sts);
    digest_free(reporter->digest);
    event_cleanup(&reporter->event);
    free(reporter);
}

static void count_session(struct reporter *reporter, const struct session_event *s) {
    struct session_totals *totals = &reporter->totals;
    totals->sessions++;
    totals->one_sided += s->one_sided;
    totals->midstream += s->midstream;
    totals->duplicates += (uint64_t)s->duplicates;
    totals->gap_bytes += (uint64_t)s->gap_bytes;
    totals->gaps += s->gap_bytes > 0;
}

void reporter_set_policy(struct reporter *reporter, const struct policy *policy) {
    reporter->policy = policy;
}

void reporter_set_mta_sts(struct reporter *reporter, struct mta_sts *mta_sts) {
    mta_sts_free(reporter->mta_sts);
    reporter->mta_sts = mta_sts;
}

void reporter_set_evidence(struct reporter *reporter, reporter_evidence evidence, void *context) {
    reporter->evidence = evidence;
    reporter->evidence_context = context;
}

/* The number of a twin makes its id another one. */
static void tell_twins_apart(struct reporter *reporter, struct event *event) {
    char first[sizeof event->id];
    uint64_t number = twins_number(reporter->twins, event->id, event->session.start_ns);
    if (number == 0)
        return;
    memcpy(first, event->id, sizeof first);
    describe_id(event, reporter->digest, first, event->session.start_ns, number);
}

static void name_session(struct reporter *reporter, struct notice *notice) {
    const struct naming naming = {.names = reporter->names,
                                  .mta_sts = reporter->mta_sts,
                                  .digest = reporter->digest,
                                  .trust = reporter->trust,
                                  .rests_on = reporter->evidence,
                                  .context = reporter->evidence_context};
    if (notice->event.session.verdict != VERDICT_NOT_SMTP)
        naming_describe(&naming, &notice->event, &notice->ends);
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
    case NOTICE_NAMES:
        if (reporter->names)
            names_add(reporter->names, notice->facts, notice->num_facts, &notice->ends.client, notice->ts_ns,
                      notice->answer);
        break;
    case NOTICE_SESSION:
        if (notice->event.session.destination.ip)
            memory_expect(reporter->memory, notice->event.session.destination.ip);
        tell_twins_apart(reporter, &notice->event);
        name_session(reporter, notice);
        if (reporter->geo)
            geo_describe(reporter->geo, &notice->event);
        memory_judge(reporter->memory, &notice->event, notice->direction);
        if (reporter->policy)
            policy_judge(reporter->policy, &notice->event);
        notice->event.session.tlsrpt_result_type = tlsrpt_result_type(&notice->event.session);
        peers_add(reporter->peers, &notice->event, notice->direction); /* last: it counts all findings */
        count_session(reporter, &notice->event.session);
        emit_event(reporter, &notice->event);
        if (reporter->alerts)
            alerts_add(reporter->alerts, &notice->event, notice->direction);
        break;
    }
}

void reporter_end_window(struct reporter *reporter, const struct window *window) {
    peers_end_window(reporter->peers, window->start_ns, window->end_ns);
}

/* What is counted since the start, and reported since the last report. */
static const size_t counters[NUM_COUNTERS] = {
    offsetof(struct sensor_event, packets),
    offsetof(struct sensor_event, bytes),
    offsetof(struct sensor_event, packets_dropped),
    offsetof(struct sensor_event, interface_dropped),
    offsetof(struct sensor_event, packets_truncated),
    offsetof(struct sensor_event, packets_damaged),
    offsetof(struct sensor_event, packets_fragment),
    offsetof(struct sensor_event, packets_duplicate),
    offsetof(struct sensor_event, gaps),
    offsetof(struct sensor_event, gap_bytes),
    offsetof(struct sensor_event, flows_evicted),
    offsetof(struct sensor_event, sessions),
    offsetof(struct sensor_event, sessions_one_sided),
    offsetof(struct sensor_event, sessions_midstream),
    offsetof(struct sensor_event, segments_to_server),
    offsetof(struct sensor_event, segments_to_client),
    offsetof(struct sensor_event, interface_outages),
    offsetof(struct sensor_event, interface_outage_ms),
    offsetof(struct sensor_event, clock_steps),
    offsetof(struct sensor_event, suspended_ms),
};

static uint64_t since_last(uint64_t now, uint64_t *before) {
    uint64_t more = now - *before;
    *before = now;
    return more;
}

static void make_interval(struct reporter *reporter, struct sensor_event *s) {
    for (size_t i = 0; i < NUM_COUNTERS; i++) {
        uint64_t *number = (uint64_t *)(void *)((char *)s + counters[i]);
        *number = since_last(*number, &reporter->counters_before[i]);
    }
}

static uint64_t limit_reached(const struct reporter *reporter, const struct reporter_facts *facts,
                              size_t limit) {
    if (limit == LIMIT_ALERTS)
        return reporter->alerts ? alerts_num_forgotten(reporter->alerts) : 0;
    if (limit == LIMIT_NAMES)
        return reporter->names ? names_dropped(reporter->names) : 0;
    if (limit == LIMIT_FRAGMENTS)
        return facts->decoded.fragment_limit;
    if (limit == LIMIT_MEMORY)
        return facts->trackers.limits[LIMIT_MEMORY] + reporter->events_cut + peers_lost(reporter->peers) +
               memory_lost(reporter->memory);
    return limit == LIMIT_TUNNEL_DEPTH ? facts->decoded.depth_limit : facts->trackers.limits[limit];
}

static void list_limits(struct reporter *reporter, const struct reporter_facts *facts, struct sensor_event *s,
                        struct count items[NUM_LIMITS]) {
    s->limits = (struct count_list){items, 0};
    for (size_t i = 0; i < NUM_LIMITS; i++) {
        uint64_t reached = since_last(limit_reached(reporter, facts, i), &reporter->limits_before[i]);
        if (reached == 0)
            continue;
        items[s->limits.num++] = (struct count){limit_names[i], reached};
        s->limits_hit += reached;
    }
}

static void tell_packets(const struct reporter_facts *facts, struct sensor_event *s) {
    s->start_ns = facts->intake.first_ts_ns;
    s->end_ns = facts->intake.last_ts_ns;
    s->packets = facts->intake.packets;
    s->bytes = facts->intake.bytes;
    s->packets_truncated = facts->decoded.truncated;
    s->packets_damaged = facts->decoded.damaged;
    s->packets_fragment = facts->decoded.fragments;
    s->flows_evicted = facts->trackers.flows_evicted;
}

static void tell_sessions(const struct reporter *reporter, struct sensor_event *s) {
    const struct session_totals *totals = &reporter->totals;
    s->sessions = totals->sessions;
    s->sessions_one_sided = totals->one_sided;
    s->sessions_midstream = totals->midstream;
    s->packets_duplicate = totals->duplicates;
    s->gap_bytes = totals->gap_bytes;
    s->gaps = totals->gaps;
    s->flows_peak = reporter->flows_peak;
    s->memory_bytes = reporter->flows_peak * sizeof(struct flow);
}

static void tell_capture(const struct reporter *reporter, const struct reporter_facts *facts,
                         struct sensor_event *s) {
    const struct capture_facts *capture = &facts->capture;
    s->packets_dropped = capture->kernel_dropped;
    s->interface_dropped = capture->interface_dropped;
    s->segments_to_server = (int64_t)facts->intake.segments_to_server;
    s->segments_to_client = (int64_t)facts->intake.segments_to_client;
    s->interface_outages = (int64_t)capture->interface_outages;
    s->interface_outage_ms = (int64_t)capture->interface_outage_ms;
    s->clock_steps = (int64_t)capture->clock_steps;
    s->suspended_ms = (int64_t)capture->suspended_ms;
    s->flows_tracked = reporter->flows;
    s->memory_bytes = capture->memory_bytes;
    s->mirror = capture->mirror;
}

static void tell_totals(const struct reporter *reporter, const struct reporter_facts *facts) {
    struct reporter_totals totals = {0};
    tell_packets(facts, &totals.sensor);
    tell_sessions(reporter, &totals.sensor);
    tell_capture(reporter, facts, &totals.sensor);
    for (size_t i = 0; i < NUM_LIMITS; i++)
        totals.limits[i] = limit_reached(reporter, facts, i);
    if (reporter->tell)
        reporter->tell(reporter->context, &totals);
}

void reporter_set_tell(struct reporter *reporter, reporter_tell tell) {
    reporter->tell = tell;
}

void reporter_sensor(struct reporter *reporter, const struct reporter_facts *facts) {
    if (facts->only_totals) {
        tell_totals(reporter, facts);
        return;
    }
    struct count limits[NUM_LIMITS];
    struct event *event = &reporter->event;
    bool live = facts->capture.start_ns != 0;
    event_reset(event, DATASET_SENSOR);
    struct sensor_event *s = &event->sensor;
    tell_packets(facts, s);
    tell_sessions(reporter, s);
    if (live) {
        s->start_ns = reporter->reported_ns != 0 ? reporter->reported_ns : facts->capture.start_ns;
        s->end_ns = reporter->reported_ns = facts->capture.end_ns;
        tell_capture(reporter, facts, s);
        make_interval(reporter, s);
        s->one_sided[0] = s->sessions_one_sided;
        s->one_sided[1] = s->sessions;
        s->duplicate[0] = s->packets_duplicate;
        s->duplicate[1] = s->packets;
    }
    list_limits(reporter, facts, s, limits);
    describe_id(event, reporter->digest, "sensor", s->start_ns, s->end_ns);
    reporter->flows_peak = reporter->flows;
    emit_event(reporter, event);
}

void reporter_set_geo(struct reporter *reporter, const struct geo *geo) {
    reporter->geo = geo;
}

struct budget *reporter_budget(struct reporter *reporter) {
    return &reporter->budget;
}

struct memory *reporter_memory(struct reporter *reporter) {
    return reporter->memory;
}

uint64_t reporter_sessions(const struct reporter *reporter) {
    return reporter->totals.sessions;
}
