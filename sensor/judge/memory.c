#include "memory.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../outputs/text.h"
#include "lru.h"

#define NS_PER_S   UINT64_C(1000000000)
#define MAX_UNLESS 65536u /* where nobody says how many */

struct server {
    struct lru_node node; /* by its address */
    struct memory_server facts;
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

static const char *const version_names[NUM_MEMORY_VERSIONS] = {"2.0", "3.0", "1.0", "1.1", "1.2", "1.3"};

const char *memory_version_name(enum memory_version version) {
    return version_names[version];
}

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
    return node;
}

/* --- servers --- */

static struct server *find_server(struct memory *memory, const char *ip, uint16_t port, bool add) {
    uint32_t hash = lru_hash(&memory->servers, ip);
    struct lru_node *node = lru_first(&memory->servers, hash);
    struct server *oldest = NULL;
    size_t num = 0;
    for (; node; node = lru_next(node)) {
        struct server *server = (struct server *)node;
        if (strcmp(server->facts.ip, ip) != 0)
            continue;
        if (server->facts.port == port) {
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
    return server;
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

static void extend(struct memory_span *span, uint64_t ns) {
    if (span->sessions == 0 || ns < span->first_ns)
        span->first_ns = ns;
    if (span->sessions == 0 || ns > span->last_ns)
        span->last_ns = ns;
    span->sessions++;
}

static int64_t seconds(uint64_t ns) {
    return (int64_t)(ns / NS_PER_S);
}

static void find(struct memory_judgement *judgement, enum finding finding) {
    judgement->findings |= UINT64_C(1) << finding;
}

/* --- the offer of STARTTLS --- */

static unsigned count_bits(uint32_t bits) {
    return (unsigned)__builtin_popcount(bits);
}

static void judge_offer(const struct memory_server *server, const struct session_event *s,
                        struct memory_judgement *j) {
    const struct memory_span *offers = &server->offers;
    if (s->starttls_offered != FACT_NO || offers->sessions == 0 || offers->first_ns >= s->start_ns)
        return;
    find(j, FINDING_STARTTLS_WITHDRAWN);
    j->offers = (int64_t)offers->sessions;
    j->omissions = (int64_t)server->omissions.sessions;
    j->first_offered_s = seconds(offers->first_ns);
    j->last_offered_s = seconds(offers->last_ns);
    /* Laplace's rule of succession */
    j->confidence = 100 * (count_bits(server->recent) + 1) / (server->num_recent + 2);
}

static bool is_another(const struct memory_client *client, const struct session_event *s) {
    uint64_t apart =
        client->seen_ns > s->start_ns ? client->seen_ns - s->start_ns : s->start_ns - client->seen_ns;
    return client->ip[0] != '\0' && strcmp(client->ip, s->source.ip) != 0 && apart <= MEMORY_DIFFERS_NS;
}

static void judge_difference(struct memory_server *server, const struct session_event *s,
                             struct memory_judgement *j) {
    bool offered = s->starttls_offered == FACT_YES;
    const struct memory_client *other = offered ? &server->omitted_to : &server->offered_to;
    if (s->starttls_offered == FACT_UNKNOWN || !is_another(other, s) || (offered && server->difference_told))
        return;
    find(j, FINDING_STARTTLS_DIFFERS);
    memcpy(j->other_client, other->ip, sizeof j->other_client);
    j->other_offered = fact_of(!offered);
    j->other_seen_s = seconds(other->seen_ns);
    server->difference_told = true;
}

static void remember_client(struct memory_client *client, const struct session_event *s) {
    if (s->start_ns < client->seen_ns)
        return;
    if (strcmp(client->ip, s->source.ip) != 0)
        text_copy(client->ip, sizeof client->ip, s->source.ip);
    client->seen_ns = s->start_ns;
}

/* A client that sees the change itself is no difference between clients. */
static void remember_offer(struct memory_server *server, const struct session_event *s, bool differs) {
    bool offered = s->starttls_offered == FACT_YES;
    struct memory_client *same = offered ? &server->offered_to : &server->omitted_to;
    struct memory_client *other = offered ? &server->omitted_to : &server->offered_to;
    extend(offered ? &server->offers : &server->omissions, s->start_ns);
    server->recent = server->recent << 1 | offered;
    if (server->num_recent < MEMORY_RECENT_MAX)
        server->num_recent++;
    if (!offered)
        server->difference_told = differs;
    remember_client(same, s);
    if (strcmp(other->ip, s->source.ip) == 0)
        *other = (struct memory_client){0};
}

/* --- certificates --- */

static struct memory_cert *find_cert(struct memory_server *server, const char *sha256) {
    for (size_t i = 0; i < MEMORY_CERTS_MAX; i++) {
        if (strcmp(server->certs[i].sha256, sha256) == 0)
            return &server->certs[i];
    }
    return NULL;
}

/* The one that was shown last; an empty one if there is none. */
static const struct memory_cert *last_cert(const struct memory_server *server) {
    const struct memory_cert *last = &server->certs[0];
    for (size_t i = 1; i < MEMORY_CERTS_MAX; i++) {
        if (server->certs[i].last_ns > last->last_ns)
            last = &server->certs[i];
    }
    return last;
}

/* A session that began before the other certificate was there shows the old one. */
static void judge_cert(struct memory_server *server, const struct session_event *s,
                       struct memory_judgement *j) {
    const struct memory_cert *last = last_cert(server);
    if (!s->server_cert.sha256 || last->sha256[0] == '\0' || last->first_ns >= s->start_ns ||
        find_cert(server, s->server_cert.sha256))
        return;
    find(j, FINDING_CERT_CHANGED);
    memcpy(j->cert_sha256, last->sha256, sizeof j->cert_sha256);
    j->cert_seen_s = seconds(last->last_ns);
}

static void remember_cert(struct memory_server *server, const struct session_event *s) {
    struct memory_cert *cert = find_cert(server, s->server_cert.sha256), *oldest = &server->certs[0];
    for (size_t i = 1; !cert && i < MEMORY_CERTS_MAX; i++) {
        if (server->certs[i].last_ns < oldest->last_ns)
            oldest = &server->certs[i];
    }
    if (!cert) {
        cert = oldest;
        *cert = (struct memory_cert){.first_ns = s->start_ns, .last_ns = s->start_ns};
        text_copy(cert->sha256, sizeof cert->sha256, s->server_cert.sha256);
    }
    if (s->start_ns < cert->first_ns)
        cert->first_ns = s->start_ns;
    if (s->start_ns > cert->last_ns)
        cert->last_ns = s->start_ns;
}

/* --- TLS versions --- */

static int version_of(const struct session_event *s) {
    if (!s->tls_version || s->tls_established != FACT_YES)
        return -1;
    for (int i = 0; i < NUM_MEMORY_VERSIONS; i++) {
        if (strcmp(s->tls_version, version_names[i]) == 0)
            return i;
    }
    return -1;
}

static bool client_offers(const struct session_event *s, int version) {
    for (size_t i = 0; i < s->tls_client_versions.num; i++) {
        const char *offered = s->tls_client_versions.items[i];
        if (offered && strcmp(offered, version_names[version]) == 0)
            return true;
    }
    return false;
}

static void judge_version(const struct memory_server *server, const struct session_event *s, int version,
                          struct memory_judgement *j) {
    for (int i = NUM_MEMORY_VERSIONS - 1; version >= 0 && i > version; i--) {
        const struct memory_span *before = &server->versions[i];
        if (before->sessions == 0 || before->first_ns >= s->start_ns || !client_offers(s, i))
            continue;
        find(j, FINDING_TLS_VERSION_LOWERED);
        text_copy(j->tls_version, sizeof j->tls_version, version_names[i]);
        j->tls_version_seen_s = seconds(before->last_ns);
        return;
    }
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

static void ends_of(const struct session_event *s, enum direction direction, char out[MEMORY_ENDS_MAX]) {
    char client[ADDRESS_TEXT_MAX] = "ours";
    if (direction != DIRECTION_OUTBOUND)
        network_of(s->source.ip, client);
    size_t len = text_copy(out, ADDRESS_TEXT_MAX, client);
    out[len++] = '>';
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
                           struct memory_judgement *j) {
    char ends[MEMORY_ENDS_MAX];
    if (s->mail_cleartext != FACT_YES || memory->failures.num == 0)
        return;
    ends_of(s, direction, ends);
    const struct failure *failure = find_failure(memory, ends, false);
    if (!failure || s->start_ns <= failure->facts.began_ns ||
        s->start_ns > failure->facts.ended_ns + MEMORY_FALLBACK_NS)
        return;
    find(j, FINDING_FALLBACK_CLEARTEXT);
    j->failed_s = seconds(failure->facts.ended_ns);
}

static void remember_failure(struct memory *memory, const struct session_event *s, enum direction direction) {
    char ends[MEMORY_ENDS_MAX];
    ends_of(s, direction, ends);
    struct failure *failure = find_failure(memory, ends, true);
    if (!failure || s->end_ns < failure->facts.ended_ns)
        return;
    failure->facts.began_ns = s->start_ns;
    failure->facts.ended_ns = s->end_ns;
    failure->changed = true;
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

static bool is_worth_a_place(const struct session_event *s, int version) {
    return s->starttls_offered != FACT_UNKNOWN || s->server_cert.sha256 || version >= 0 ||
           s->verdict == VERDICT_HANDSHAKE_FAILED;
}

static void remember(struct memory_server *server, const struct session_event *s, int version, bool differs) {
    if (server->first_ns == 0 || s->start_ns < server->first_ns)
        server->first_ns = s->start_ns;
    if (s->start_ns > server->newest_ns)
        server->newest_ns = s->start_ns;
    if (s->starttls_offered != FACT_UNKNOWN)
        remember_offer(server, s, differs);
    if (s->server_cert.sha256)
        remember_cert(server, s);
    if (version >= 0)
        extend(&server->versions[version], s->start_ns);
    if (s->verdict == VERDICT_HANDSHAKE_FAILED && s->start_ns > server->failed_ns)
        server->failed_ns = s->start_ns;
}

static void judge_server(struct server *server, const struct session_event *s, int version,
                         struct memory_judgement *j) {
    judge_offer(&server->facts, s, j);
    judge_difference(&server->facts, s, j);
    judge_cert(&server->facts, s, j);
    judge_version(&server->facts, s, version, j);
    bool differs = (j->findings >> FINDING_STARTTLS_DIFFERS & 1) != 0;
    remember(&server->facts, s, version, differs);
    server->changed = true;
}

void memory_judge(struct memory *memory, struct event *event, enum direction direction) {
    const struct session_event *s = &event->session;
    if (!s->source.ip || !s->destination.ip)
        return; /* out of memory, when it was described */
    int version = version_of(s);
    struct server *server =
        find_server(memory, s->destination.ip, s->destination.port, is_worth_a_place(s, version));
    if (server && server->was_loaded && s->start_ns <= server->known_ns) {
        const struct judgement *before = find_judgement(memory, event->id, false);
        if (before)
            tell_session(event, &before->facts);
        return;
    }
    struct memory_judgement judgement = no_judgement(event);
    judge_fallback(memory, s, direction, &judgement);
    if (s->verdict == VERDICT_HANDSHAKE_FAILED)
        remember_failure(memory, s, direction);
    if (server && is_worth_a_place(s, version))
        judge_server(server, s, version, &judgement);
    if (judgement.findings == 0)
        return;
    tell_session(event, &judgement);
    if (memory->keeps_judgements)
        keep_judgement(memory, &judgement);
}

/* --- from one run to the next --- */

bool memory_restore_server(struct memory *memory, const struct memory_server *facts) {
    struct server *server = find_server(memory, facts->ip, facts->port, true);
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
