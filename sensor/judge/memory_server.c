#include "memory_server.h"

#include <string.h>

#include "../../outputs/text.h"

#define NS_PER_S UINT64_C(1000000000)

static const char *const version_names[NUM_MEMORY_VERSIONS] = {"2.0", "3.0", "1.0", "1.1", "1.2", "1.3"};

const char *memory_version_name(enum memory_version version) {
    return version_names[version];
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

static void judge_difference(const struct memory_server *server, const struct session_event *s,
                             struct memory_judgement *j) {
    bool offered = s->starttls_offered == FACT_YES;
    const struct memory_client *other = offered ? &server->omitted_to : &server->offered_to;
    if (s->starttls_offered == FACT_UNKNOWN || !is_another(other, s) || (offered && server->difference_told))
        return;
    find(j, FINDING_STARTTLS_DIFFERS);
    memcpy(j->other_client, other->ip, sizeof j->other_client);
    j->other_offered = fact_of(!offered);
    j->other_seen_s = seconds(other->seen_ns);
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
    server->difference_told = differs || (offered && server->difference_told);
    remember_client(same, s);
    if (strcmp(other->ip, s->source.ip) == 0)
        *other = (struct memory_client){0};
}

/* --- certificates --- */

/* The one with the same key; of a key that is not known, the same certificate. */
static size_t find_cert(const struct memory_server *server, const struct event_cert *cert) {
    size_t i = 0;
    for (; i < MEMORY_CERTS_MAX; i++) {
        const struct memory_cert *known = &server->certs[i];
        if (known->key_known && cert->key_known &&
            memcmp(known->key_sha256, cert->key_sha256, sizeof cert->key_sha256) == 0)
            break;
        if (strcmp(known->sha256, cert->sha256) == 0)
            break;
    }
    return i;
}

bool memory_server_knows_key(const struct memory_server *server, const struct session_event *s) {
    return s->server_cert.sha256 && find_cert(server, &s->server_cert) < MEMORY_CERTS_MAX;
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
static void judge_cert(const struct memory_server *server, const struct session_event *s,
                       struct memory_judgement *j) {
    const struct memory_cert *last = last_cert(server);
    if (!s->server_cert.sha256 || last->sha256[0] == '\0' || last->first_ns >= s->start_ns ||
        memory_server_knows_key(server, s))
        return;
    find(j, FINDING_CERT_CHANGED);
    memcpy(j->cert_sha256, last->sha256, sizeof j->cert_sha256);
    j->cert_seen_s = seconds(last->last_ns);
}

static struct memory_cert *oldest_cert(struct memory_server *server) {
    struct memory_cert *oldest = &server->certs[0];
    for (size_t i = 1; i < MEMORY_CERTS_MAX; i++) {
        if (server->certs[i].last_ns < oldest->last_ns)
            oldest = &server->certs[i];
    }
    return oldest;
}

static void remember_cert(struct memory_server *server, const struct session_event *s) {
    const struct event_cert *seen = &s->server_cert;
    size_t at = find_cert(server, seen);
    struct memory_cert *cert = at < MEMORY_CERTS_MAX ? &server->certs[at] : oldest_cert(server);
    if (at == MEMORY_CERTS_MAX)
        *cert = (struct memory_cert){.first_ns = s->start_ns};
    if (s->start_ns < cert->first_ns)
        cert->first_ns = s->start_ns;
    if (s->start_ns < cert->last_ns)
        return;
    cert->last_ns = s->start_ns;
    cert->key_known = seen->key_known;
    memcpy(cert->key_sha256, seen->key_sha256, sizeof cert->key_sha256);
    if (strcmp(cert->sha256, seen->sha256) != 0)
        text_copy(cert->sha256, sizeof cert->sha256, seen->sha256);
}

/* --- TLS versions --- */

static int version_of(const struct session_event *s) {
    if (!s->tls_version || s->tls_established != FACT_YES)
        return -1;
    int i = NUM_MEMORY_VERSIONS - 1; /* most sessions are of the newest ones */
    while (i >= 0 && strcmp(s->tls_version, version_names[i]) != 0)
        i--;
    return i;
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

/* --- all of it --- */

bool memory_server_learns(const struct session_event *s) {
    return s->starttls_offered != FACT_UNKNOWN || s->server_cert.sha256 || version_of(s) >= 0 ||
           s->verdict == VERDICT_HANDSHAKE_FAILED;
}

void memory_server_judge(const struct memory_server *server, const struct session_event *s, bool knows_key,
                         struct memory_judgement *j) {
    judge_offer(server, s, j);
    judge_difference(server, s, j);
    if (!knows_key)
        judge_cert(server, s, j);
    judge_version(server, s, version_of(s), j);
}

void memory_server_remember(struct memory_server *server, const struct session_event *s,
                            const struct memory_judgement *j) {
    bool differs = (j->findings >> FINDING_STARTTLS_DIFFERS & 1) != 0;
    int version = version_of(s);
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
