#include "memory.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../outputs/text.h"
#include "../../parsers/fetch.h"
#include "lru.h"
#include "memory_server.h"

#define NS_PER_S   UINT64_C(1000000000)
#define MAX_UNLESS 65536u /* where nobody says how many */

/* The past: sessions that are not newer than what was known of their server when the memory was loaded. What
 * is made of them is not told. */
enum time { PRESENT, PAST };

struct server {
    struct lru_node node; /* by its address */
    struct memory_server facts;
    enum time time;
    bool was_loaded;
    uint64_t known_ns; /* facts.newest_ns when it was */
    bool changed;
};

struct failure {
    struct lru_node node;
    struct memory_failure facts;
    bool changed;
};

struct judgement {
    struct lru_node node;
    struct memory_judgement facts;
    bool changed;
};

struct memory {
    size_t max;
    bool keeps_judgements;
    struct lru servers, failures, judgements;
};

struct memory *memory_new(size_t max, bool keeps_judgements) {
    struct memory *memory = calloc(1, sizeof *memory);
    if (!memory)
        return NULL;
    memory->max = max > 0 ? max : MAX_UNLESS;
    memory->keeps_judgements = keeps_judgements;
    if (lru_init(&memory->servers) && lru_init(&memory->failures) && lru_init(&memory->judgements))
        return memory;
    memory_free(memory);
    return NULL;
}

void memory_set_budget(struct memory *memory, struct budget *budget) {
    size_t part = budget_part(budget, MEMORY_PARTS);
    lru_charge(&memory->servers, budget, sizeof(struct server), part);
    lru_charge(&memory->failures, budget, sizeof(struct failure), part);
    lru_charge(&memory->judgements, budget, sizeof(struct judgement), part);
}

static void free_node(struct lru_node *node) {
    free(node); /* the first member of each */
}

void memory_free(struct memory *memory) {
    if (!memory)
        return;
    lru_cleanup(&memory->servers, free_node);
    lru_cleanup(&memory->failures, free_node);
    lru_cleanup(&memory->judgements, free_node);
    free(memory);
}

static void forget(struct lru *lru, struct lru_node *node) {
    lru_remove(lru, node);
    free(node);
}

void memory_forget(struct memory *memory) {
    while (memory->servers.oldest)
        forget(&memory->servers, memory->servers.oldest);
    while (memory->failures.oldest)
        forget(&memory->failures, memory->failures.oldest);
    while (memory->judgements.oldest)
        forget(&memory->judgements, memory->judgements.oldest);
}

/* A zeroed one of this size; the oldest makes room. */
static void *add_node(struct lru *lru, size_t max, size_t size, uint32_t hash) {
    while (lru->num >= max || lru->num >= lru->max)
        forget(lru, lru->oldest);
    struct lru_node *node = calloc(1, size);
    if (node)
        lru_add(lru, node, hash);
    else
        lru->lost++;
    return node;
}

/* --- servers --- */

static struct server *find_server(struct memory *memory, const char *ip, uint16_t port, enum time time,
                                  bool add) {
    uint32_t hash = lru_hash(&memory->servers, ip);
    struct lru_node *node = lru_first(&memory->servers, hash);
    struct server *oldest = NULL;
    size_t num = 0;
    for (; node; node = lru_next(node)) {
        struct server *server = (struct server *)node;
        if (strcmp(server->facts.ip, ip) != 0)
            continue;
        if (server->facts.port == port && server->time == time) {
            lru_touch(&memory->servers, node);
            return server;
        }
        num++;
        if (!oldest || server->facts.newest_ns < oldest->facts.newest_ns)
            oldest = server;
    }
    if (!add)
        return NULL;
    if (num >= MEMORY_PORTS_MAX)
        forget(&memory->servers, &oldest->node);
    struct server *server = add_node(&memory->servers, memory->max, sizeof *server, hash);
    if (!server)
        return NULL;
    text_copy(server->facts.ip, sizeof server->facts.ip, ip);
    server->facts.port = port;
    server->time = time;
    return server;
}

void memory_expect(const struct memory *memory, const char *ip) {
    fetch(lru_fetch_node(&memory->servers, lru_hash(&memory->servers, ip)), sizeof(struct server));
}

uint64_t memory_lost(const struct memory *memory) {
    return memory->servers.lost + memory->failures.lost + memory->judgements.lost;
}

struct memory_offer memory_offer(const struct memory *memory, const char *ip) {
    struct memory_offer offer = {.ever = FACT_UNKNOWN};
    struct lru_node *node = lru_first(&memory->servers, lru_hash(&memory->servers, ip));
    for (; node; node = lru_next(node)) {
        const struct memory_server *facts = &((const struct server *)node)->facts;
        if (strcmp(facts->ip, ip) != 0)
            continue;
        if (offer.first_ns == 0 || facts->first_ns < offer.first_ns)
            offer.first_ns = facts->first_ns;
        if (facts->offers.sessions > 0) {
            offer.ever = FACT_YES;
            if (facts->offers.last_ns > offer.last_ns)
                offer.last_ns = facts->offers.last_ns;
        } else if (facts->omissions.sessions > 0 && offer.ever == FACT_UNKNOWN) {
            offer.ever = FACT_NO;
        }
    }
    return offer;
}

/* --- failed handshakes --- */

static void network_of(const char *ip, char out[ADDRESS_TEXT_MAX]) {
    uint8_t address[16];
    const char *dot = strrchr(ip, '.');
    if (!strchr(ip, ':') && dot) {
        snprintf(out, ADDRESS_TEXT_MAX, "%.*s", (int)(dot - ip), ip);
        return;
    }
    if (inet_pton(AF_INET6, ip, address) == 1) {
        memset(address + 8, 0, 8);
        inet_ntop(AF_INET6, address, out, ADDRESS_TEXT_MAX);
    }
}

static void ends_of(const struct session_event *s, enum direction direction, enum time time,
                    char out[MEMORY_ENDS_MAX]) {
    char client[ADDRESS_TEXT_MAX] = "ours";
    if (direction != DIRECTION_OUTBOUND)
        network_of(s->source.ip, client);
    size_t len = text_copy(out, ADDRESS_TEXT_MAX, client);
    out[len++] = time == PAST ? '<' : '>';
    text_copy(out + len, MEMORY_ENDS_MAX - len, direction == DIRECTION_INBOUND ? "ours" : s->destination.ip);
}

static struct failure *find_failure(struct memory *memory, const char *ends, bool add) {
    uint32_t hash = lru_hash(&memory->failures, ends);
    for (struct lru_node *node = lru_first(&memory->failures, hash); node; node = lru_next(node)) {
        struct failure *failure = (struct failure *)node;
        if (strcmp(failure->facts.ends, ends) == 0)
            return failure;
    }
    struct failure *failure = add ? add_node(&memory->failures, memory->max, sizeof *failure, hash) : NULL;
    if (failure)
        text_copy(failure->facts.ends, sizeof failure->facts.ends, ends);
    return failure;
}

static void judge_fallback(struct memory *memory, const struct session_event *s, enum direction direction,
                           enum time time, struct memory_judgement *j) {
    char ends[MEMORY_ENDS_MAX];
    if (s->mail_cleartext != FACT_YES || memory->failures.num == 0)
        return;
    ends_of(s, direction, time, ends);
    const struct failure *failure = find_failure(memory, ends, false);
    if (!failure || s->start_ns <= failure->facts.began_ns ||
        s->start_ns > failure->facts.ended_ns + MEMORY_FALLBACK_NS)
        return;
    j->findings |= UINT64_C(1) << FINDING_FALLBACK_CLEARTEXT;
    j->failed_s = (int64_t)(failure->facts.ended_ns / NS_PER_S);
}

static void remember_failure(struct memory *memory, const struct session_event *s, enum direction direction,
                             enum time time) {
    char ends[MEMORY_ENDS_MAX];
    ends_of(s, direction, time, ends);
    struct failure *failure = find_failure(memory, ends, true);
    if (!failure || s->end_ns < failure->facts.ended_ns)
        return;
    failure->facts.began_ns = s->start_ns;
    failure->facts.ended_ns = s->end_ns;
    failure->changed = time == PRESENT;
    lru_touch(&memory->failures, &failure->node);
}

/* --- what was found --- */

static struct memory_judgement no_judgement(const struct event *event) {
    struct memory_judgement j = {
        .start_ns = event->session.start_ns,
        .offers = EVENT_ABSENT,
        .omissions = EVENT_ABSENT,
        .first_offered_s = EVENT_ABSENT,
        .last_offered_s = EVENT_ABSENT,
        .confidence = EVENT_ABSENT,
        .cert_seen_s = EVENT_ABSENT,
        .tls_version_seen_s = EVENT_ABSENT,
        .failed_s = EVENT_ABSENT,
        .other_seen_s = EVENT_ABSENT,
    };
    memcpy(j.id, event->id, sizeof j.id);
    return j;
}

static const char *text(struct event *event, const char *words) {
    return words[0] != '\0' ? event_string(event, words) : NULL;
}

static void tell_session(struct event *event, const struct memory_judgement *j) {
    struct session_event *s = &event->session;
    s->findings |= j->findings;
    s->memory_offers = j->offers;
    s->memory_omissions = j->omissions;
    s->memory_first_offered_s = j->first_offered_s;
    s->memory_last_offered_s = j->last_offered_s;
    s->memory_confidence = j->confidence;
    s->memory_cert_sha256 = text(event, j->cert_sha256);
    s->memory_cert_seen_s = j->cert_seen_s;
    s->memory_tls_version = text(event, j->tls_version);
    s->memory_tls_version_seen_s = j->tls_version_seen_s;
    s->memory_failed_s = j->failed_s;
    s->memory_other_client = text(event, j->other_client);
    s->memory_other_offered = j->other_offered;
    s->memory_other_seen_s = j->other_seen_s;
}

static struct judgement *find_judgement(struct memory *memory, const char *id, bool add) {
    uint32_t hash = lru_hash(&memory->judgements, id);
    for (struct lru_node *node = lru_first(&memory->judgements, hash); node; node = lru_next(node)) {
        struct judgement *judgement = (struct judgement *)node;
        if (strcmp(judgement->facts.id, id) == 0)
            return judgement;
    }
    return add ? add_node(&memory->judgements, MEMORY_JUDGEMENTS_MAX, sizeof(struct judgement), hash) : NULL;
}

static void keep_judgement(struct memory *memory, const struct memory_judgement *facts) {
    struct judgement *judgement = find_judgement(memory, facts->id, true);
    if (!judgement)
        return;
    judgement->facts = *facts;
    judgement->changed = true;
}

/* --- a session --- */

/* A session of the past: what was found of it, or what follows from the past that this run has read. The key
 * that is known now was known then, or is no news. */
static void judge_past(struct memory *memory, struct server *known, const struct event *event,
                       struct memory_judgement *judgement) {
    const struct session_event *s = &event->session;
    bool knows_key = memory_server_knows_key(&known->facts, s);
    const struct judgement *before = find_judgement(memory, event->id, false);
    struct server *past = find_server(memory, s->destination.ip, s->destination.port, PAST,
                                      memory_server_learns(s)); /* known may be gone */
    if (past)
        memory_server_judge(&past->facts, s, knows_key, judgement);
    if (before)
        *judgement = before->facts;
    if (past)
        memory_server_remember(&past->facts, s, judgement);
}

void memory_judge(struct memory *memory, struct event *event, enum direction direction) {
    const struct session_event *s = &event->session;
    if (!s->source.ip || !s->destination.ip)
        return; /* out of memory, when it was described */
    bool learns = memory_server_learns(s);
    struct server *server = find_server(memory, s->destination.ip, s->destination.port, PRESENT, learns);
    enum time time = server && server->was_loaded && s->start_ns <= server->known_ns ? PAST : PRESENT;
    struct memory_judgement judgement = no_judgement(event);
    judge_fallback(memory, s, direction, time, &judgement);
    if (s->verdict == VERDICT_HANDSHAKE_FAILED)
        remember_failure(memory, s, direction, time);
    if (time == PAST) {
        judge_past(memory, server, event, &judgement);
    } else if (server && learns) {
        memory_server_judge(&server->facts, s, false, &judgement);
        memory_server_remember(&server->facts, s, &judgement);
        server->changed = true;
    }
    if (judgement.findings == 0)
        return;
    tell_session(event, &judgement);
    if (memory->keeps_judgements && time == PRESENT)
        keep_judgement(memory, &judgement);
}

/* --- from one run to the next --- */

bool memory_restore_server(struct memory *memory, const struct memory_server *facts) {
    struct server *server = find_server(memory, facts->ip, facts->port, PRESENT, true);
    if (!server)
        return false;
    server->facts = *facts;
    server->was_loaded = true;
    server->known_ns = facts->newest_ns;
    server->changed = false;
    return true;
}

bool memory_restore_failure(struct memory *memory, const struct memory_failure *facts) {
    struct failure *failure = find_failure(memory, facts->ends, true);
    if (!failure)
        return false;
    failure->facts = *facts;
    failure->changed = false;
    return true;
}

bool memory_restore_judgement(struct memory *memory, const struct memory_judgement *facts) {
    struct judgement *judgement = find_judgement(memory, facts->id, true);
    if (!judgement)
        return false;
    judgement->facts = *facts;
    judgement->changed = false;
    return true;
}

bool memory_tell(const struct memory *memory, const struct memory_teller *teller) {
    struct lru_node *node;
    for (node = memory->servers.oldest; node; node = node->newer) {
        const struct server *server = (const struct server *)node;
        if (server->changed && !teller->server(teller->context, &server->facts))
            return false;
    }
    for (node = memory->failures.oldest; node; node = node->newer) {
        const struct failure *failure = (const struct failure *)node;
        if (failure->changed && !teller->failure(teller->context, &failure->facts))
            return false;
    }
    for (node = memory->judgements.oldest; node; node = node->newer) {
        const struct judgement *judgement = (const struct judgement *)node;
        if (judgement->changed && !teller->judgement(teller->context, &judgement->facts))
            return false;
    }
    return true;
}

void memory_told(struct memory *memory) {
    struct lru_node *node;
    for (node = memory->servers.oldest; node; node = node->newer)
        ((struct server *)node)->changed = false;
    for (node = memory->failures.oldest; node; node = node->newer)
        ((struct failure *)node)->changed = false;
    for (node = memory->judgements.oldest; node; node = node->newer)
        ((struct judgement *)node)->changed = false;
}

void memory_untold(struct memory *memory) {
    struct lru_node *node;
    for (node = memory->servers.oldest; node; node = node->newer)
        ((struct server *)node)->changed = ((struct server *)node)->time == PRESENT;
    for (node = memory->failures.oldest; node; node = node->newer)
        ((struct failure *)node)->changed = !strchr(((struct failure *)node)->facts.ends, '<');
    for (node = memory->judgements.oldest; node; node = node->newer)
        ((struct judgement *)node)->changed = true;
}
