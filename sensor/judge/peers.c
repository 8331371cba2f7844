#include "peers.h"

#include <stdlib.h>
#include <string.h>

#include "../../outputs/text.h"
#include "../../parsers/fetch.h"
#include "../budget.h"
#include "describe.h"
#include "lru.h"
#include "org_domain.h"
#include "rollup.h"
#include "slot_hash.h"

#define NS_PER_S        UINT64_C(1000000000)
#define NO_DOMAIN       UINT32_MAX
#define NUM_DIRECTIONS  (DIRECTION_EXTERNAL + 1)
#define CERT_SLOTS      256
#define CERT_SHARED_MAX 4096 /* bytes of one that is kept for the next peer */

enum kind { KIND_IP, KIND_NAME, KIND_DOMAIN, NUM_KINDS };

static const char *const kind_names[NUM_KINDS] = {"ip", "name", "domain"};

/* A certificate as the peers that showed it share it. */
struct kept_cert {
    uint32_t holders;
    struct event_cert *cert;
    size_t size;
};

struct peer {
    struct lru_node node;
    enum direction direction;
    uint32_t domain_at;     /* of a name: where in it the domain begins; NO_DOMAIN none */
    struct rollup *window;  /* NULL: no session in the present window */
    struct kept_cert *cert; /* of an address or a name, the last one seen; NULL none */
    int64_t cert_days_left;
    uint64_t first_seen_ns, last_seen_ns;
    size_t texts_size; /* bytes of name and names */
    size_t held;       /* of all; what the budget knows of */
    char **names;      /* of an address */
    size_t num_names;
    char name[];
};

/* Those that made room in the present window. */
struct other {
    struct rollup *window;
    int64_t rolled_up;
    uint64_t first_seen_ns, last_seen_ns;
};

struct peers {
    struct budget *budget;
    size_t held[NUM_KINDS];
    size_t max;
    const struct memory *memory;
    struct digest *digest;
    peers_emit emit;
    void *context;
    struct org_domains *domains;
    struct lru kinds[NUM_KINDS];
    struct other others[NUM_KINDS][NUM_DIRECTIONS];
    struct name_pool pool;
    struct kept_cert
        *certs[CERT_SLOTS]; /* that were shown last, by their hash: the next peer may share them */
    struct event event;     /* reused for each report */
};

struct peers *peers_new(size_t max, const struct memory *memory, struct digest *digest, peers_emit emit,
                        void *context) {
    struct peers *peers = calloc(1, sizeof *peers);
    if (!peers)
        return NULL;
    peers->max = max > 0 ? max : PEERS_MAX;
    peers->memory = memory;
    peers->digest = digest;
    peers->emit = emit;
    peers->context = context;
    event_init(&peers->event);
    peers->domains = org_domains_new();
    bool good = peers->domains != NULL;
    for (size_t i = 0; good && i < NUM_KINDS; i++)
        good = lru_init(&peers->kinds[i]);
    if (good)
        return peers;
    peers_free(peers);
    return NULL;
}

void peers_set_budget(struct peers *peers, struct budget *budget) {
    peers->budget = budget;
}

uint64_t peers_lost(const struct peers *peers) {
    uint64_t lost = peers->pool.lost;
    for (size_t i = 0; i < NUM_KINDS; i++)
        lost += peers->kinds[i].lost;
    return lost;
}

static size_t weight_of(const struct peer *peer) {
    size_t weight = sizeof *peer + peer->texts_size + 4 * BUDGET_BLOCK;
    if (peer->cert)
        weight += peer->cert->size; /* as if it were for this peer alone */
    if (peer->window)
        weight += sizeof *peer->window +
                  (peer->window->versions.size + peer->window->ciphers.size) * sizeof(struct count);
    return weight;
}

static void hold(struct peers *peers, enum kind kind, struct peer *peer, size_t now) {
    peers->held[kind] += now - peer->held;
    budget_change(peers->budget, peer->held, now);
    peer->held = now;
}

static void window_free(struct rollup *window) {
    if (window)
        rollup_cleanup(window);
    free(window);
}

static void cert_release(struct kept_cert *kept) {
    if (!kept || --kept->holders > 0)
        return;
    free(kept->cert);
    free(kept);
}

static void peer_free(struct lru_node *node) {
    struct peer *peer = (struct peer *)node;
    for (size_t i = 0; i < peer->num_names; i++)
        free(peer->names[i]);
    free(peer->names);
    window_free(peer->window);
    cert_release(peer->cert);
    free(peer);
}

void peers_free(struct peers *peers) {
    if (!peers)
        return;
    for (size_t i = 0; i < NUM_KINDS; i++) {
        budget_change(peers->budget, peers->held[i], 0);
        lru_cleanup(&peers->kinds[i], peer_free);
        for (size_t k = 0; k < NUM_DIRECTIONS; k++)
            window_free(peers->others[i][k].window);
    }
    for (size_t i = 0; i < CERT_SLOTS; i++)
        cert_release(peers->certs[i]);
    org_domains_free(peers->domains);
    name_pool_cleanup(&peers->pool);
    event_cleanup(&peers->event);
    free(peers);
}

/* --- the tables --- */

static struct rollup *window_of(struct rollup **window) {
    if (!*window)
        *window = calloc(1, sizeof **window);
    return *window;
}

static void widen(uint64_t *first_ns, uint64_t *last_ns, uint64_t from_ns, uint64_t to_ns) {
    if (*first_ns == 0 || from_ns < *first_ns)
        *first_ns = from_ns;
    if (to_ns > *last_ns)
        *last_ns = to_ns;
}

static void make_room(struct peers *peers, enum kind kind) {
    struct peer *peer = (struct peer *)peers->kinds[kind].oldest;
    struct other *other = &peers->others[kind][peer->direction];
    if (peer->window && window_of(&other->window)) {
        rollup_merge(other->window, peer->window, &peers->pool);
        widen(&other->first_seen_ns, &other->last_seen_ns, peer->first_seen_ns, peer->last_seen_ns);
        other->rolled_up++;
    }
    lru_remove(&peers->kinds[kind], &peer->node);
    hold(peers, kind, peer, 0);
    peer_free(&peer->node);
}

static struct peer *add_peer(struct peers *peers, enum kind kind, const char *name, enum direction direction,
                             uint32_t hash) {
    size_t most = budget_part(peers->budget, PEERS_PARTS);
    while (peers->kinds[kind].num >= peers->max || (peers->kinds[kind].num > 0 && peers->held[kind] > most))
        make_room(peers, kind);
    size_t name_size = strlen(name) + 1;
    struct peer *peer = calloc(1, sizeof *peer + name_size);
    if (!peer) {
        peers->kinds[kind].lost++;
        return NULL;
    }
    const char *domain = kind == KIND_NAME ? org_domain(peers->domains, name) : NULL;
    memcpy(peer->name, name, name_size);
    peer->texts_size = name_size;
    peer->domain_at = domain ? (uint32_t)(domain - name) : NO_DOMAIN;
    peer->direction = direction;
    lru_add(&peers->kinds[kind], &peer->node, hash);
    return peer;
}

static uint32_t hash_of(const struct peers *peers, enum kind kind, const char *name,
                        enum direction direction) {
    return lru_hash(&peers->kinds[kind], name) + (uint32_t)direction;
}

static struct peer *find_peer(struct peers *peers, enum kind kind, const char *name, enum direction direction,
                              uint32_t hash) {
    struct lru *lru = &peers->kinds[kind];
    for (struct lru_node *node = lru_first(lru, hash); node; node = lru_next(node)) {
        struct peer *peer = (struct peer *)node;
        if (peer->direction == direction && strcmp(peer->name, name) == 0) {
            lru_touch(lru, node);
            return peer;
        }
    }
    return add_peer(peers, kind, name, direction, hash);
}

/* --- the names that a session shows of its peer --- */

struct shown {
    char names[PEER_SESSION_NAMES_MAX][HOST_NAME_SIZE];
    struct {
        const char *text;
        size_t len;
    } as_said[PEER_SESSION_NAMES_MAX]; /* most names are said again and again: those need not be read again */
    size_t num;
};

static bool was_said(const struct shown *shown, const char *name, size_t len) {
    for (size_t i = 0; i < shown->num; i++) {
        if (shown->as_said[i].len == len && memcmp(shown->as_said[i].text, name, len) == 0)
            return true;
    }
    return false;
}

static void show(struct shown *shown, const char *name, size_t len) {
    if (shown->num >= PEER_SESSION_NAMES_MAX || was_said(shown, name, len) ||
        !host_name_normal(name, len, shown->names[shown->num]))
        return;
    for (size_t i = 0; i < shown->num; i++) {
        if (strcmp(shown->names[i], shown->names[shown->num]) == 0)
            return;
    }
    shown->as_said[shown->num].text = name;
    shown->as_said[shown->num].len = len;
    shown->num++;
}

static void show_text(struct shown *shown, const char *name) {
    if (name)
        show(shown, name, strlen(name));
}

static void show_cert(struct shown *shown, const struct event_cert *cert) {
    if (cert->subject_cn)
        show_text(shown, cert->subject_cn);
    else if (cert->alternative_names.num > 0)
        show_text(shown, cert->alternative_names.items[0]);
}

static void show_names(struct shown *shown, const struct session_event *s, bool peer_is_server) {
    shown->num = 0;
    if (!peer_is_server) {
        show_text(shown, s->smtp_ehlo);
        show_text(shown, s->smtp_helo);
        show_cert(shown, &s->client_cert);
        return;
    }
    if (s->smtp_banner)
        show(shown, s->smtp_banner, strcspn(s->smtp_banner, " "));
    show_text(shown, s->smtp_server_name);
    show_text(shown, s->tls_server_name);
    show_cert(shown, &s->server_cert);
    show_text(shown, s->destination.domain);
}

/* As they came, for an address: whatever they are. */
static void add_name(struct peers *peers, struct peer *peer, const char *name) {
    if (!name || !name[0] || peer->num_names >= PEER_NAMES_MAX)
        return;
    for (size_t i = 0; i < peer->num_names; i++) {
        if (strcmp(peer->names[i], name) == 0)
            return;
    }
    char **grown = realloc(peer->names, (peer->num_names + 1) * sizeof *grown);
    if (grown)
        peer->names = grown;
    if (!grown || (grown[peer->num_names] = strdup(name)) == NULL) {
        peers->kinds[KIND_IP].lost++;
        return;
    }
    peer->num_names++;
    peer->texts_size += sizeof *grown + strlen(name) + 1 + BUDGET_BLOCK;
}

static void add_names(struct peers *peers, struct peer *peer, const struct session_event *s,
                      bool peer_is_server) {
    if (!peer_is_server) {
        add_name(peers, peer, s->smtp_ehlo);
        add_name(peers, peer, s->smtp_helo);
        add_name(peers, peer, s->client_cert.subject_cn);
        return;
    }
    add_name(peers, peer, s->smtp_server_name);
    add_name(peers, peer, s->tls_server_name);
    add_name(peers, peer, s->server_cert.subject_cn);
    add_name(peers, peer, s->destination.domain);
}

/* --- counting --- */

static bool is_cert(const struct kept_cert *kept, const struct event_cert *cert) {
    return kept && strcmp(kept->cert->sha256, cert->sha256) == 0;
}

static struct kept_cert *cert_new(const struct event_cert *cert) {
    struct kept_cert *kept = calloc(1, sizeof *kept);
    if (!kept || !(kept->cert = cert_keep(cert, &kept->size))) {
        free(kept);
        return NULL;
    }
    kept->holders = 1;
    return kept;
}

/* One that the caller holds, too. One of which little was known, for want of memory, is not given to others.
 * NULL: out of memory. */
static struct kept_cert *cert_share(struct peers *peers, const struct event_cert *cert) {
    struct kept_cert **slot = &peers->certs[slot_hash(cert->sha256, strlen(cert->sha256)) % CERT_SLOTS];
    if (is_cert(*slot, cert) && (*slot)->cert->key_known) {
        (*slot)->holders++;
        return *slot;
    }
    struct kept_cert *kept = cert_new(cert);
    if (kept && kept->size <= CERT_SHARED_MAX) {
        cert_release(*slot);
        *slot = kept;
        kept->holders++;
    }
    return kept;
}

static void keep_cert(struct peers *peers, struct peer *peer, const struct session_event *s) {
    if (!s->server_cert.sha256)
        return;
    peer->cert_days_left = s->cert_days_left;
    if (is_cert(peer->cert, &s->server_cert))
        return;
    struct kept_cert *kept = cert_share(peers, &s->server_cert);
    if (!kept) {
        peers->kinds[KIND_IP].lost++;
        return;
    }
    cert_release(peer->cert);
    peer->cert = kept;
}

static struct peer *count_for(struct peers *peers, enum kind kind, const char *name, enum direction direction,
                              uint32_t hash, const struct session_event *s) {
    struct peer *peer = find_peer(peers, kind, name, direction, hash);
    if (!peer)
        return NULL;
    if (!window_of(&peer->window)) {
        peers->kinds[kind].lost++;
        return NULL;
    }
    widen(&peer->first_seen_ns, &peer->last_seen_ns, s->start_ns, s->end_ns);
    rollup_add(peer->window, s, &peers->pool);
    if (kind != KIND_DOMAIN && direction != DIRECTION_INBOUND)
        keep_cert(peers, peer, s);
    hold(peers, kind, peer, weight_of(peer));
    return peer;
}

static bool among(const char *const *domains, size_t num, const char *domain) {
    for (size_t i = 0; i < num; i++) {
        if (strcmp(domains[i], domain) == 0)
            return true;
    }
    return false;
}

/* Those that a session counts for, by their hashes. */
struct counted {
    uint32_t address, names[PEER_SESSION_NAMES_MAX];
    size_t num_names;
};

/* What is read of a peer, which may be another one than will be found. */
static void fetch_peer(const struct peer *peer) {
    fetch(peer->name, FETCH_LINE);
    fetch(peer->node.older, sizeof peer->node);
    fetch(peer->node.newer, sizeof peer->node);
    fetch(peer->window, sizeof *peer->window);
    fetch(peer->cert, FETCH_LINE);
}

/* Step by step for all of them, so that their memory is waited for together and not one after the other. */
static void fetch_counted(const struct peers *peers, const struct counted *counted) {
    const struct peer *found[1 + PEER_SESSION_NAMES_MAX];
    const struct lru *addresses = &peers->kinds[KIND_IP], *names = &peers->kinds[KIND_NAME];
    lru_fetch_bucket(addresses, counted->address);
    for (size_t i = 0; i < counted->num_names; i++)
        lru_fetch_bucket(names, counted->names[i]);
    found[0] = (const struct peer *)lru_fetch_node(addresses, counted->address);
    for (size_t i = 0; i < counted->num_names; i++)
        found[i + 1] = (const struct peer *)lru_fetch_node(names, counted->names[i]);
    for (size_t i = 0; i <= counted->num_names; i++) {
        if (found[i])
            fetch_peer(found[i]);
    }
}

void peers_add(struct peers *peers, const struct event *session, enum direction direction) {
    const struct session_event *s = &session->session;
    bool peer_is_server = direction != DIRECTION_INBOUND;
    const char *ip = peer_is_server ? s->destination.ip : s->source.ip;
    if (!ip)
        return; /* out of memory, when it was described */
    struct shown shown;
    show_names(&shown, s, peer_is_server);
    struct counted counted = {.address = hash_of(peers, KIND_IP, ip, direction), .num_names = shown.num};
    for (size_t i = 0; i < shown.num; i++)
        counted.names[i] = hash_of(peers, KIND_NAME, shown.names[i], direction);
    fetch_counted(peers, &counted);
    struct peer *address = count_for(peers, KIND_IP, ip, direction, counted.address, s);
    if (address) {
        add_names(peers, address, s, peer_is_server);
        hold(peers, KIND_IP, address, weight_of(address));
    }
    const char *domains[PEER_SESSION_NAMES_MAX];
    size_t num_domains = 0;
    for (size_t i = 0; i < shown.num; i++) {
        const struct peer *peer = count_for(peers, KIND_NAME, shown.names[i], direction, counted.names[i], s);
        const char *domain = peer && peer->domain_at != NO_DOMAIN ? shown.names[i] + peer->domain_at : NULL;
        if (domain && !among(domains, num_domains, domain))
            domains[num_domains++] = domain;
    }
    for (size_t i = 0; i < num_domains; i++)
        count_for(peers, KIND_DOMAIN, domains[i], direction,
                  hash_of(peers, KIND_DOMAIN, domains[i], direction), s);
}

/* --- reporting --- */

static void identify(struct peers *peers, enum kind kind, const char *name, enum direction direction,
                     uint64_t start_ns, uint64_t end_ns) {
    char subject[DESCRIBE_SUBJECT_MAX + 1];
    struct peer_event *p = &peers->event.peer;
    p->window_start_ns = start_ns;
    p->window_end_ns = end_ns;
    p->kind = kind_names[kind];
    p->name = name;
    p->direction = direction_name(direction);
    p->role = direction == DIRECTION_INBOUND ? "client" : "server";
    const char *parts[] = {kind_names[kind], "|", p->direction ? p->direction : "", "|", name};
    size_t num = sizeof parts / sizeof parts[0], len = 0;
    for (size_t i = kind == KIND_IP && !p->direction ? num - 1 : 0; i < num; i++)
        len += text_copy(subject + len, sizeof subject - len, parts[i]);
    describe_id(&peers->event, peers->digest, subject, start_ns, end_ns);
}

/* What only an address has. */
static void tell_address(struct peers *peers, const struct peer *peer) {
    struct peer_event *p = &peers->event.peer;
    p->ip = peer->name;
    if (peer->num_names > 0 && event_list(&peers->event, &p->names, peer->num_names)) {
        for (size_t i = 0; i < p->names.num; i++)
            p->names.items[i] = peer->names[i];
    }
    if (peer->direction == DIRECTION_INBOUND)
        return;
    struct memory_offer offer = memory_offer(peers->memory, peer->name);
    p->ever_offered = offer.ever;
    if (offer.ever == FACT_YES)
        p->last_offered_s = (int64_t)(offer.last_ns / NS_PER_S);
    if (offer.first_ns != 0 && offer.first_ns < p->first_seen_ns)
        p->first_seen_ns = offer.first_ns;
}

static void report(struct peers *peers, enum kind kind, const struct peer *peer, uint64_t start_ns,
                   uint64_t end_ns) {
    struct peer_event *p = &peers->event.peer;
    event_reset(&peers->event, DATASET_PEER);
    identify(peers, kind, peer->name, peer->direction, start_ns, end_ns);
    p->first_seen_ns = peer->first_seen_ns;
    p->last_seen_ns = peer->last_seen_ns;
    rollup_tell(peer->window, p);
    if (kind == KIND_IP)
        tell_address(peers, peer);
    if (peer->cert) {
        p->cert = *peer->cert->cert;
        p->cert_days_left = peer->cert_days_left;
    }
    peers->emit(peers->context, &peers->event);
}

static void report_other(struct peers *peers, enum kind kind, enum direction direction, uint64_t start_ns,
                         uint64_t end_ns) {
    struct other *other = &peers->others[kind][direction];
    struct peer_event *p = &peers->event.peer;
    if (!other->window)
        return;
    event_reset(&peers->event, DATASET_PEER);
    identify(peers, kind, "other", direction, start_ns, end_ns);
    p->first_seen_ns = other->first_seen_ns;
    p->last_seen_ns = other->last_seen_ns;
    p->rolled_up = other->rolled_up;
    rollup_tell(other->window, p);
    peers->emit(peers->context, &peers->event);
    window_free(other->window);
    *other = (struct other){0};
}

void peers_end_window(struct peers *peers, uint64_t start_ns, uint64_t end_ns) {
    for (unsigned kind = 0; kind < NUM_KINDS; kind++) {
        for (struct lru_node *node = peers->kinds[kind].oldest; node; node = node->newer) {
            struct peer *peer = (struct peer *)node;
            if (!peer->window)
                continue;
            report(peers, (enum kind)kind, peer, start_ns, end_ns);
            window_free(peer->window);
            peer->window = NULL;
        }
        for (unsigned direction = 0; direction < NUM_DIRECTIONS; direction++)
            report_other(peers, (enum kind)kind, (enum direction)direction, start_ns, end_ns);
    }
}
