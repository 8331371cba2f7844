#include "peers.h"

#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "keep.h"

#define BUCKETS 16384u

struct window {
    uint64_t sessions, by_verdict[NUM_VERDICTS];
    uint64_t messages_cleartext, bytes_cleartext, auth_cleartext;
    uint64_t findings[NUM_FINDINGS];
    struct count versions[PEER_VERSIONS_MAX], ciphers[PEER_CIPHERS_MAX];
    size_t num_versions, num_ciphers;
};

struct peer {
    struct peer *same_bucket, *older, *newer; /* older and newer by the last session */
    uint32_t bucket;
    char ip[ADDRESS_TEXT_MAX];
    char *names[PEER_NAMES_MAX];
    size_t num_names;
    const char *direction; /* of the last session; static */
    bool was_client, was_server;
    uint64_t first_seen_ns, last_seen_ns;
    struct window *window;   /* NULL: no session in the present window */
    struct event_cert *cert; /* the last one seen; NULL none */
    int64_t cert_days_left;
    enum fact ever_offered;
    uint64_t failed_ns; /* end of the last failed handshake; 0 none */
};

struct peers {
    struct digest *digest;
    peers_emit emit;
    void *context;
    struct peer *buckets[BUCKETS];
    struct peer *oldest, *youngest;
    size_t num;
    uint64_t window_start_ns; /* of the last window that ended; a peer dropped early reports under it */
    struct name_pool pool;
    struct event event; /* reused for each report */
};

struct peers *peers_new(struct digest *digest, peers_emit emit, void *context) {
    struct peers *peers = calloc(1, sizeof *peers);
    if (!peers)
        return NULL;
    peers->digest = digest;
    peers->emit = emit;
    peers->context = context;
    event_init(&peers->event);
    return peers;
}

static void peer_free(struct peer *peer) {
    for (size_t i = 0; i < peer->num_names; i++)
        free(peer->names[i]);
    free(peer->window);
    free(peer->cert);
    free(peer);
}

void peers_free(struct peers *peers) {
    if (!peers)
        return;
    while (peers->oldest) {
        struct peer *peer = peers->oldest;
        peers->oldest = peer->newer;
        peer_free(peer);
    }
    name_pool_cleanup(&peers->pool);
    event_cleanup(&peers->event);
    free(peers);
}

size_t peers_count(const struct peers *peers) {
    return peers->num;
}

/* --- the table --- */

/* FNV-1a */
static uint32_t bucket_of(const char *ip) {
    uint32_t hash = 2166136261u;
    for (; *ip; ip++)
        hash = (hash ^ (uint8_t)*ip) * 16777619u;
    return hash % BUCKETS;
}

static void unlink_age(struct peers *peers, struct peer *peer) {
    if (peer->older)
        peer->older->newer = peer->newer;
    else
        peers->oldest = peer->newer;
    if (peer->newer)
        peer->newer->older = peer->older;
    else
        peers->youngest = peer->older;
}

static void make_youngest(struct peers *peers, struct peer *peer) {
    peer->older = peers->youngest;
    peer->newer = NULL;
    if (peers->youngest)
        peers->youngest->newer = peer;
    else
        peers->oldest = peer;
    peers->youngest = peer;
}

static void report(struct peers *peers, const struct peer *peer, uint64_t start_ns, uint64_t end_ns);

static void drop_oldest(struct peers *peers) {
    struct peer *peer = peers->oldest;
    if (peer->window)
        report(peers, peer, peers->window_start_ns, peer->last_seen_ns);
    struct peer **link = &peers->buckets[peer->bucket];
    while (*link != peer)
        link = &(*link)->same_bucket;
    *link = peer->same_bucket;
    unlink_age(peers, peer);
    peer_free(peer);
    peers->num--;
}

static struct peer *add_peer(struct peers *peers, const char *ip, uint32_t bucket) {
    if (peers->num >= PEERS_MAX)
        drop_oldest(peers);
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    strncpy(peer->ip, ip, sizeof peer->ip - 1);
    peer->bucket = bucket;
    peer->same_bucket = peers->buckets[bucket];
    peers->buckets[bucket] = peer;
    make_youngest(peers, peer);
    peers->num++;
    return peer;
}

static struct peer *find_peer(struct peers *peers, const char *ip) {
    uint32_t bucket = bucket_of(ip);
    struct peer *peer = peers->buckets[bucket];
    while (peer && strcmp(peer->ip, ip) != 0)
        peer = peer->same_bucket;
    if (!peer)
        return add_peer(peers, ip, bucket);
    unlink_age(peers, peer);
    make_youngest(peers, peer);
    return peer;
}

/* --- memory becomes findings --- */

static void find_by_memory(const struct peer *peer, struct session_event *s) {
    enum verdict_class class = verdict_counts_as(s->verdict);
    if (class == COUNTS_PLAINTEXT && peer->ever_offered == FACT_YES && s->starttls_offered == FACT_NO)
        event_find(s, FINDING_STARTTLS_WITHDRAWN);
    bool soon = peer->failed_ns != 0 && s->start_ns >= peer->failed_ns &&
                s->start_ns - peer->failed_ns <= PEER_FALLBACK_NS;
    if (soon && s->mail_cleartext == FACT_YES)
        event_find(s, FINDING_FALLBACK_CLEARTEXT);
    const char *sha256 = s->server_cert.sha256;
    if (peer->cert && sha256 && strcmp(peer->cert->sha256, sha256) != 0)
        event_find(s, FINDING_CERT_CHANGED);
}

static void remember(struct peer *peer, const struct session_event *s, bool peer_is_server) {
    if (s->verdict == VERDICT_HANDSHAKE_FAILED)
        peer->failed_ns = s->end_ns;
    if (!peer_is_server)
        return;
    if (s->starttls_offered == FACT_YES)
        peer->ever_offered = FACT_YES;
    else if (s->starttls_offered == FACT_NO && peer->ever_offered == FACT_UNKNOWN)
        peer->ever_offered = FACT_NO;
    if (!s->server_cert.sha256)
        return;
    peer->cert_days_left = s->cert_days_left;
    if (peer->cert && strcmp(peer->cert->sha256, s->server_cert.sha256) == 0)
        return;
    struct event_cert *kept = cert_keep(&s->server_cert);
    if (!kept)
        return;
    free(peer->cert);
    peer->cert = kept;
}

static void add_name(struct peer *peer, const char *name) {
    if (!name || !name[0] || peer->num_names >= PEER_NAMES_MAX)
        return;
    for (size_t i = 0; i < peer->num_names; i++) {
        if (strcmp(peer->names[i], name) == 0)
            return;
    }
    char *copy = strdup(name);
    if (copy)
        peer->names[peer->num_names++] = copy;
}

/* --- counting --- */

static void count_name(struct peers *peers, struct count *items, size_t *num, size_t max, const char *name) {
    if (!name)
        return;
    struct count_list list = {items, *num};
    count_one(&list, max, &peers->pool, name);
    *num = list.num;
}

static void count_session(struct peers *peers, struct window *w, const struct session_event *s) {
    w->sessions++;
    w->by_verdict[s->verdict]++;
    if (s->mail_cleartext == FACT_YES) {
        w->messages_cleartext += s->mail_transactions != EVENT_ABSENT ? (uint64_t)s->mail_transactions : 1;
        if (s->mail_cleartext_bytes != EVENT_ABSENT)
            w->bytes_cleartext += (uint64_t)s->mail_cleartext_bytes;
    }
    if (s->auth_cleartext == FACT_YES)
        w->auth_cleartext++;
    if (s->tls_established == FACT_YES) {
        count_name(peers, w->versions, &w->num_versions, PEER_VERSIONS_MAX, s->tls_version);
        count_name(peers, w->ciphers, &w->num_ciphers, PEER_CIPHERS_MAX, s->tls_cipher);
    }
    for (unsigned i = 0; s->findings >> i != 0; i++)
        w->findings[i] += event_found(s, (enum finding)i);
}

static void add_names(struct peer *peer, const struct session_event *s, bool peer_is_server) {
    if (!peer_is_server) {
        add_name(peer, s->smtp_ehlo);
        add_name(peer, s->smtp_helo);
        return;
    }
    add_name(peer, s->smtp_server_name);
    add_name(peer, s->tls_server_name);
    add_name(peer, s->server_cert.subject_cn);
}

void peers_add(struct peers *peers, struct event *session, enum direction direction) {
    struct session_event *s = &session->session;
    bool peer_is_server = direction != DIRECTION_INBOUND;
    struct peer *peer = find_peer(peers, peer_is_server ? s->destination.ip : s->source.ip);
    if (!peer)
        return;
    if (peer_is_server)
        find_by_memory(peer, s);
    if (!peer->window)
        peer->window = calloc(1, sizeof *peer->window);
    if (!peer->window)
        return;
    if (!peer->was_client && !peer->was_server)
        peer->first_seen_ns = s->start_ns;
    if (s->end_ns > peer->last_seen_ns)
        peer->last_seen_ns = s->end_ns;
    if (s->start_ns < peer->first_seen_ns)
        peer->first_seen_ns = s->start_ns;
    peer->was_server |= peer_is_server;
    peer->was_client |= !peer_is_server;
    peer->direction = direction_name(direction);
    add_names(peer, s, peer_is_server);
    count_session(peers, peer->window, s);
    remember(peer, s, peer_is_server);
}

/* --- reporting --- */

static void count_adoption(struct peer_event *p) {
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        enum verdict_class class = verdict_counts_as((enum verdict)i);
        if (class == COUNTS_ENCRYPTED)
            p->adoption_encrypted += p->by_verdict[i];
        if (class != COUNTS_NOT)
            p->adoption_total += p->by_verdict[i];
    }
}

static void report(struct peers *peers, const struct peer *peer, uint64_t start_ns, uint64_t end_ns) {
    struct event *event = &peers->event;
    struct window *w = peer->window;
    event_reset(event, DATASET_PEER);
    struct peer_event *p = &event->peer;
    p->window_start_ns = start_ns;
    p->window_end_ns = end_ns;
    p->first_seen_ns = peer->first_seen_ns;
    p->last_seen_ns = peer->last_seen_ns;
    p->ip = peer->ip;
    p->direction = peer->direction;
    p->role = peer->was_client && peer->was_server ? "both" : peer->was_client ? "client" : "server";
    p->sessions = w->sessions;
    memcpy(p->by_verdict, w->by_verdict, sizeof p->by_verdict);
    memcpy(p->findings, w->findings, sizeof p->findings);
    p->by_version = (struct count_list){w->versions, w->num_versions};
    p->by_cipher = (struct count_list){w->ciphers, w->num_ciphers};
    p->messages_cleartext = w->messages_cleartext;
    p->bytes_cleartext = w->bytes_cleartext;
    p->auth_cleartext = w->auth_cleartext;
    p->ever_offered = peer->ever_offered;
    count_adoption(p);
    if (peer->cert) {
        p->cert = *peer->cert;
        p->cert_days_left = peer->cert_days_left;
    }
    if (peer->num_names > 0 && event_list(event, &p->names, peer->num_names)) {
        for (size_t i = 0; i < p->names.num; i++)
            p->names.items[i] = peer->names[i];
    }
    describe_id(event, peers->digest, peer->ip, start_ns, end_ns);
    peers->emit(peers->context, event);
}

void peers_end_window(struct peers *peers, uint64_t start_ns, uint64_t end_ns) {
    for (struct peer *peer = peers->oldest; peer; peer = peer->newer) {
        if (!peer->window)
            continue;
        report(peers, peer, start_ns, end_ns);
        free(peer->window);
        peer->window = NULL;
    }
    peers->window_start_ns = end_ns;
}
