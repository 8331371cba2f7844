#include "alerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

#define HOUR_NS (3600 * UINT64_C(1000000000))
/* Looked up in one set, so that nobody who chooses addresses can make it slow. */
#define WAYS        8u
#define SETS        (ALERTS_MAX / WAYS)
#define SUBJECT_MAX (ADDRESS_TEXT_MAX + 32)

struct tally {
    char ip[ADDRESS_TEXT_MAX]; /* "": free */
    uint8_t finding;
    uint32_t sessions;
    uint64_t hour_ns;
};

struct set {
    struct tally tallies[WAYS];
    uint32_t oldest;
};

struct alerts {
    const struct alert_rules *rules;
    uint64_t findings; /* that there are rules for */
    struct digest *digest;
    alerts_emit emit;
    void *context;
    struct event event; /* reused */
    uint64_t num_forgotten;
    struct set sets[SETS];
};

struct alerts *alerts_new(const struct alert_rules *rules, struct digest *digest, alerts_emit emit,
                          void *context) {
    struct alerts *alerts = calloc(1, sizeof *alerts);
    if (!alerts)
        return NULL;
    alerts->rules = rules;
    alerts->findings = alert_rules_findings(rules);
    alerts->digest = digest;
    alerts->emit = emit;
    alerts->context = context;
    event_init(&alerts->event);
    return alerts;
}

void alerts_free(struct alerts *alerts) {
    if (!alerts)
        return;
    event_cleanup(&alerts->event);
    free(alerts);
}

/* FNV-1a */
static uint64_t hash_of(const char *ip, enum finding finding, uint64_t hour_ns) {
    uint64_t hash = UINT64_C(14695981039346656037) ^ finding;
    for (hash ^= hour_ns / HOUR_NS << 8; *ip != '\0'; ip++)
        hash = (hash ^ (uint8_t)*ip) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

static struct tally *tally_of(struct alerts *alerts, const char *ip, enum finding finding, uint64_t hour_ns) {
    struct set *set = &alerts->sets[hash_of(ip, finding, hour_ns) % SETS];
    for (size_t i = 0; i < WAYS; i++) {
        struct tally *tally = &set->tallies[i];
        if (tally->finding == finding && tally->hour_ns == hour_ns && strcmp(tally->ip, ip) == 0)
            return tally;
    }
    struct tally *tally = &set->tallies[set->oldest++ % WAYS];
    if (tally->ip[0] != '\0' && tally->sessions < alerts->rules->sessions[tally->finding])
        alerts->num_forgotten++;
    *tally = (struct tally){.finding = (uint8_t)finding, .hour_ns = hour_ns};
    snprintf(tally->ip, sizeof tally->ip, "%s", ip);
    return tally;
}

static struct event_endpoint end_of(const struct event_endpoint *end) {
    return (struct event_endpoint){.ip = end->ip,
                                   .port = end->port,
                                   .domain = end->domain,
                                   .bytes = EVENT_ABSENT,
                                   .packets = EVENT_ABSENT,
                                   .as_number = EVENT_ABSENT};
}

/* The alert borrows what it says from the session and the tables. */
static void tell(struct alerts *alerts, const struct event *session, const struct tally *tally,
                 bool peer_is_server) {
    char subject[SUBJECT_MAX];
    const struct session_event *s = &session->session;
    const struct finding_info *info = finding_info((enum finding)tally->finding);
    struct event *event = &alerts->event;
    event_reset(event, DATASET_ALERT);
    event->alert.hour_ns = tally->hour_ns;
    event->alert.time_ns = s->end_ns;
    event->alert.finding = info->name;
    event->alert.findings = UINT64_C(1) << tally->finding;
    event->alert.reason = info->explain;
    event->alert.remedy = info->remedy;
    event->alert.sessions = tally->sessions;
    event->alert.peer_ip = tally->ip;
    event->alert.peer_name = peer_is_server ? s->destination.domain
                             : s->smtp_ehlo ? s->smtp_ehlo
                                            : s->smtp_helo;
    event->alert.source = end_of(&s->source);
    event->alert.destination = end_of(&s->destination);
    event->alert.direction = s->direction;
    event->alert.community_id = s->community_id;
    event->alert.verdict = s->verdict;
    event->alert.session_id = session->id;
    snprintf(subject, sizeof subject, "%s %s", tally->ip, info->name);
    describe_id(event, alerts->digest, subject, tally->hour_ns, HOUR_NS);
    alerts->emit(alerts->context, event);
}

void alerts_add(struct alerts *alerts, const struct event *session, enum direction direction) {
    const struct session_event *s = &session->session;
    bool peer_is_server = direction != DIRECTION_INBOUND;
    const char *ip = peer_is_server ? s->destination.ip : s->source.ip;
    uint64_t findings = s->findings & alerts->findings;
    if (!ip)
        return;
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        if ((findings >> i & 1) == 0)
            continue;
        struct tally *tally = tally_of(alerts, ip, (enum finding)i, s->end_ns - s->end_ns % HOUR_NS);
        if (tally->sessions < UINT32_MAX && ++tally->sessions == alerts->rules->sessions[i])
            tell(alerts, session, tally, peer_is_server);
    }
}

uint64_t alerts_num_forgotten(const struct alerts *alerts) {
    return alerts->num_forgotten;
}
