#include "flow.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/fetch.h"
#include "ahead.h"
#include "session.h"

#define BUCKETS_MIN 1024u
#define ROOM_STEP   16 /* as malloc() rounds up itself */
#define ROOM_SESSION                                                                                         \
    394 /* enough for most to the end of their handshake: a block that need not grow leaves no hole */
#define FOLDS_STEP    512 /* of a count that is kept in 8 bits: seldom, what was long ago looks recent */
#define VAIN_ASKS     64  /* folding is in vain too often when it is so again within so many asks */
#define WHOLE_PARTS   8   /* of the budget: one of them for those that are whole */
#define WHOLE_STEP    8   /* more stay whole for each that was folded in vain, */
#define WHOLE_CALM    16  /* and one less whenever so many were folded */
#define MALLOC_HEADER 8
#define FOLDED_FROM   offsetof(struct flow, client) /* what stands before it, the table knows */

/* What the table keeps of each flow. */
struct flow_entry {
    struct flow_entry *same_bucket;
    struct flow_entry *older, *newer; /* neighbours in the queue */
    union {
        struct flow *flow;     /* it is whole */
        struct flow_wait wait; /* it is folded */
    };
    uint32_t hash;
    uint16_t port[2];
    unsigned folded_len : 15; /* 0: it is whole */
    unsigned session_folded : 1;
    uint16_t room;     /* for a fold; stays while the flow is whole: it will be folded again */
    uint8_t folded_at; /* by the number of folds, in FOLDS_STEP */
    uint8_t addr_len;
    uint8_t bytes[]; /* addresses of both ends, the lower one first; then the fold */
};

/* NULL: it is folded. */
static inline struct flow *whole_of(const struct flow_entry *entry) {
    return entry->folded_len == 0 ? entry->flow : NULL;
}

/* Linear hashing: buckets are split one by one, so that no packet waits for a large table to grow. */
struct flow_table {
    struct flow_entry **buckets;
    size_t num_buckets, room;
    size_t mask; /* of a hash: twice the largest power of two up to num_buckets, less 1 */
    size_t num_flows, max_flows;
    size_t held;      /* bytes */
    ptrdiff_t untold; /* of them, what the budget does not know of yet */
    struct flow_entry *oldest[NUM_QUEUES], *youngest[NUM_QUEUES];
    size_t num_queued[NUM_QUEUES];
    struct flow *asked_first, *asked_last; /* whole ones that may be folded, by when they were asked for */
    size_t num_asked;                      /* of those, */
    size_t whole_max, whole_limit;         /* how many there may be now, and ever */
    uint64_t num_folds, num_asks;
    uint64_t vain_at;    /* by the number of asks: the last time that a fold was in vain */
    uint64_t base_ts_ns; /* folds have stamps as differences from it; set when there is no fold */
    const struct session_tools *tools;
    struct flow *spare; /* for one whole flow when there is no more memory */
};

/* The budget is shared by threads, so that each change of it costs as much as a packet does: small ones are
 * told together. */
#define UNTOLD_MAX   (64u << 10)
#define UNTOLD_PARTS 1024 /* of the budget: what one table leaves untold is at most one of them */

static void tell_budget(struct flow_table *table) {
    budget_change(table->tools->budget, 0, (size_t)table->untold);
    table->untold = 0;
}

struct flow_table *flow_table_new(size_t max_flows, const struct session_tools *tools) {
    struct flow_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->num_buckets = table->room = BUCKETS_MIN;
    table->mask = 2 * BUCKETS_MIN - 1;
    table->max_flows = max_flows;
    size_t part = budget_part(tools->budget, WHOLE_PARTS) / FLOW_FOLDED_MAX;
    table->whole_limit = part < FLOWS_WHOLE_MAX ? part : FLOWS_WHOLE_MAX;
    table->whole_max = table->whole_limit < FLOWS_WHOLE_FIRST ? FLOWS_WHOLE : FLOWS_WHOLE_FIRST;
    table->tools = tools;
    table->buckets = calloc(table->room, sizeof(struct flow_entry *));
    table->spare = malloc(sizeof *table->spare);
    if (table->buckets && table->spare)
        return table;
    flow_table_free(table);
    return NULL;
}

void flow_table_free(struct flow_table *table) {
    if (!table)
        return;
    assert(table->num_flows == 0);
    tell_budget(table);
    free(table->buckets);
    free(table->spare);
    free(table);
}

/* --- memory --- */

#define LEAST_PARTS 64 /* of the budget: one of them is left to each table, whatever others hold */

static void hold(struct flow_table *table, size_t before, size_t now) {
    table->held += now - before;
    table->untold += (ptrdiff_t)(now - before);
    size_t part = budget_part(table->tools->budget, UNTOLD_PARTS),
           most = part < UNTOLD_MAX ? part : UNTOLD_MAX;
    if ((size_t)llabs(table->untold) > most)
        tell_budget(table);
}

/* Its place in a bucket is part of it. */
static size_t entry_cost(const struct flow_entry *entry) {
    return sizeof *entry + 2 * (size_t)entry->addr_len + entry->room + BUDGET_BLOCK + sizeof entry;
}

void flow_weigh(struct flow_table *table, struct flow *flow) {
    size_t now =
        sizeof *flow + BUDGET_BLOCK + flow->streams[SIDE_CLIENT].held + flow->streams[SIDE_SERVER].held;
    if (flow->session)
        now += session_held(flow->session);
    hold(table, flow->held, now);
    flow->held = now;
}

bool flow_table_heavy(struct flow_table *table) {
    if (!budget_overdrawn(table->tools->budget))
        return false;
    tell_budget(table); /* what was given back since */
    return budget_overdrawn(table->tools->budget) &&
           table->held > budget_part(table->tools->budget, LEAST_PARTS);
}

/* --- whole and folded --- */

static struct flow *new_whole(struct flow_table *table) {
    struct flow *flow = malloc(sizeof *flow);
    if (!flow) {
        flow = table->spare;
        table->spare = NULL;
    }
    return flow;
}

static void free_whole(struct flow_table *table, struct flow *flow) {
    hold(table, flow->held, 0);
    if (table->spare)
        free(flow);
    else
        table->spare = flow;
}

static void leave_asked(struct flow_table *table, struct flow *flow) {
    if (!flow->may_fold)
        return;
    *(flow->asked_before ? &flow->asked_before->asked_after : &table->asked_first) = flow->asked_after;
    *(flow->asked_after ? &flow->asked_after->asked_before : &table->asked_last) = flow->asked_before;
    flow->may_fold = false;
    table->num_asked--;
}

/* To the end where those are that will be folded next. */
static void join_quiet(struct flow_table *table, struct flow *flow) {
    flow->asked_before = NULL;
    flow->asked_after = table->asked_first;
    *(flow->asked_after ? &flow->asked_after->asked_before : &table->asked_last) = flow;
    table->asked_first = flow;
    flow->asked_at = table->num_asks - FLOWS_WHOLE;
    flow->may_fold = true;
    table->num_asked++;
}

static void join_asked(struct flow_table *table, struct flow *flow) {
    flow->asked_before = table->asked_last;
    flow->asked_after = NULL;
    *(flow->asked_before ? &flow->asked_before->asked_after : &table->asked_first) = flow;
    table->asked_last = flow;
    flow->asked_at = table->num_asks;
    flow->may_fold = true;
    table->num_asked++;
}

static struct flow_entry **bucket_of(const struct flow_table *table, uint32_t hash) {
    size_t index = hash & table->mask;
    return &table->buckets[index < table->num_buckets ? index : index & table->mask >> 1];
}

static struct flow_entry **link_to(const struct flow_table *table, const struct flow_entry *entry) {
    struct flow_entry **link = bucket_of(table, entry->hash);
    while (*link != entry)
        link = &(*link)->same_bucket;
    return link;
}

static uint8_t *fold_of(struct flow_entry *entry) {
    return entry->bytes + 2 * entry->addr_len;
}

/* realloc(), but one that gets smaller moves, too: what it would leave behind is too small for the next
 * session's, so that all that were closed together would hold twice what the budget knows. */
static struct flow_entry *resized(struct flow_entry *entry, size_t before, size_t size) {
    if (size >= before)
        return realloc(entry, size);
    struct flow_entry *moved = malloc(size);
    if (moved) {
        memcpy(moved, entry, size);
        free(entry);
    }
    return moved;
}

/* The entry with room for a fold of that many bytes, which may have moved it. NULL: out of memory. */
static struct flow_entry *with_room(struct flow_table *table, struct flow_entry *entry, size_t len) {
    if (len <= entry->room && len >= entry->room / 2)
        return entry;
    size_t before = offsetof(struct flow_entry, bytes) + 2 * (size_t)entry->addr_len + MALLOC_HEADER;
    size_t least = entry->flow->session ? ROOM_SESSION : 0, want = len < least ? least : len;
    size_t size = (before + want + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP - MALLOC_HEADER;
    struct flow_entry **link = link_to(table, entry);
    uint8_t queue = entry->flow->queue;
    struct flow_entry *moved = resized(entry, before - MALLOC_HEADER + entry->room, size);
    if (!moved)
        return NULL;
    size_t cost = entry_cost(moved);
    moved->room = (uint16_t)(size + MALLOC_HEADER - before);
    hold(table, cost, entry_cost(moved));
    moved->flow->entry = moved;
    *link = moved;
    *(moved->older ? &moved->older->newer : &table->oldest[queue]) = moved;
    *(moved->newer ? &moved->newer->older : &table->youngest[queue]) = moved;
    return moved;
}

/* Smaller numbers, most of them 0: those that are alike as what lies between them. */
static void to_differences(struct flow *flow, uint64_t base_ts_ns) {
    flow->vlan_id++;
    flow->last_ts_ns -= flow->first_ts_ns;
    flow->first_ts_ns -= base_ts_ns;
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        flow->streams[side].end -= flow->streams[side].next;
        flow->streams[side].sent -= flow->streams[side].next;
    }
}

static void from_differences(struct flow *flow, uint64_t base_ts_ns) {
    flow->vlan_id--;
    flow->first_ts_ns += base_ts_ns;
    flow->last_ts_ns += flow->first_ts_ns;
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        flow->streams[side].end += flow->streams[side].next;
        flow->streams[side].sent += flow->streams[side].next;
    }
}

/* Unless it buffers something, is recorded or too large: then it stays whole until it is asked for again. Not
 * inlined: most packets fold nothing. */
static __attribute__((noinline)) void fold_flow(struct flow_table *table, struct flow *flow) {
    if (flow->streams[SIDE_CLIENT].chunks || flow->streams[SIDE_SERVER].chunks || flow->recognition ||
        flow->record)
        return;
    uint8_t bytes[FLOW_FOLDED_MAX];
    struct fold fold = {bytes, bytes + sizeof bytes, false};
    struct flow state = *flow;
    state.session = NULL;
    to_differences(&state, table->base_ts_ns);
    fold_state(&fold, (uint8_t *)&state + FOLDED_FROM, sizeof state - FOLDED_FROM);
    if (flow->session && !session_fold(flow->session, &fold))
        return;
    size_t len = (size_t)(fold.at - bytes);
    struct flow_entry *entry = fold.full ? NULL : with_room(table, flow->entry, len);
    if (!entry)
        return;
    memcpy(fold_of(entry), bytes, len);
    entry->folded_len = len & 0x7fff;
    entry->session_folded = flow->session != NULL;
    entry->folded_at = (uint8_t)(table->num_folds++ / FOLDS_STEP);
    entry->wait = (struct flow_wait){flow->active_ns, flow->last_packet};
    if (flow->session)
        session_free_folded(flow->session);
    free_whole(table, flow);
}

/* No room for one more. */
static bool is_crowded(const struct flow_table *table) {
    return table->num_asked >= table->whole_max;
}

/* Before one more is asked for: those that were longest ago make room. */
static void fold_quiet(struct flow_table *table) {
    if (is_crowded(table) && table->whole_max > FLOWS_WHOLE && table->num_folds % WHOLE_CALM == 0)
        table->whole_max--;
    while (is_crowded(table)) {
        struct flow *flow = table->asked_first;
        assert(flow && flow->may_fold && !flow->asked_before);
        leave_asked(table, flow);
        fold_flow(table, flow);
    }
    fetch(table->asked_first, sizeof *table->asked_first); /* the next time's */
}

/* It is asked for again: with so many more whole ones as were folded since it would still be one. Where that
 * happens often, more stay whole. */
static void note_fold_in_vain(struct flow_table *table, const struct flow_entry *entry) {
    size_t since = (uint8_t)(table->num_folds / FOLDS_STEP - entry->folded_at) * (size_t)FOLDS_STEP;
    if (!is_crowded(table) || table->whole_max + since > table->whole_limit)
        return;
    if (table->num_asks - table->vain_at < VAIN_ASKS)
        table->whole_max += WHOLE_STEP;
    table->vain_at = table->num_asks;
}

/* There was no memory for its session: what comes will be taken for something picked up in the middle. */
static void lose_session(struct flow *flow) {
    flow->evicted = true;
    flow->streams[SIDE_CLIENT].syn_seen = flow->streams[SIDE_SERVER].syn_seen = false;
}

static struct flow_key key_of(const struct flow_entry *entry) {
    struct flow_key key = {.addr_len = entry->addr_len, .port = {entry->port[0], entry->port[1]}};
    memcpy(key.address[0], entry->bytes, entry->addr_len);
    memcpy(key.address[1], entry->bytes + entry->addr_len, entry->addr_len);
    return key;
}

static __attribute__((noinline)) struct flow *unfold_flow(struct flow_table *table,
                                                          struct flow_entry *entry) {
    fetch(fold_of(entry), entry->folded_len);
    fetch(entry->older, sizeof *entry); /* as it will leave its place between them */
    fetch(entry->newer, sizeof *entry);
    struct flow *flow = new_whole(table);
    if (!flow)
        return NULL;
    struct reader in = reader_of(fold_of(entry), entry->folded_len);
    unfold_state(&in, (uint8_t *)flow + FOLDED_FROM, sizeof *flow - FOLDED_FROM);
    from_differences(flow, table->base_ts_ns);
    flow->active_ns = entry->wait.active_ns;
    flow->last_packet = entry->wait.last_packet;
    flow->entry = entry;
    flow->key = key_of(entry);
    flow->may_fold = false;
    flow->held = 0;
    flow->session = entry->session_folded ? session_unfold(&in, table->tools) : NULL;
    if (entry->session_folded && !flow->session)
        lose_session(flow);
    entry->flow = flow;
    entry->folded_len = 0;
    flow_weigh(table, flow);
    return flow;
}

/* Whole, and among the last ones asked for: its neighbours are touched only when others may soon be behind
 * it. */
static struct flow *give_out(struct flow_table *table, struct flow_entry *entry) {
    struct flow *flow = whole_of(entry);
    table->num_asks++;
    if (flow && flow->may_fold && table->num_asks - flow->asked_at < FLOWS_WHOLE / 2)
        return flow;
    if (flow)
        leave_asked(table, flow);
    else
        note_fold_in_vain(table, entry);
    fold_quiet(table);
    if (!flow)
        flow = unfold_flow(table, entry);
    if (flow)
        join_asked(table, flow);
    return flow;
}

/* --- finding --- */

static inline bool same_address(const uint8_t *a, const uint8_t *b, uint8_t addr_len) {
    return addr_len == 4 ? memcmp(a, b, 4) == 0 : memcmp(a, b, 16) == 0;
}

/* Whether the segment goes from this end to the other. */
static inline bool sent_by(const struct flow_entry *entry, uint8_t end, const struct segment *segment) {
    uint8_t addr_len = entry->addr_len;
    return addr_len == segment->addr_len && entry->port[end] == segment->src_port &&
           entry->port[1 - end] == segment->dst_port &&
           same_address(entry->bytes + end * addr_len, segment->src, addr_len) &&
           same_address(entry->bytes + (1 - end) * addr_len, segment->dst, addr_len);
}

struct flow *flow_find(struct flow_table *table, const struct segment *segment, uint8_t *sender) {
    struct flow_entry **bucket = bucket_of(table, segment->flow_hash), **link = bucket, *entry;
    for (; (entry = *link) != NULL; link = &entry->same_bucket) {
        if (entry->hash != segment->flow_hash)
            continue;
        fetch(whole_of(entry), sizeof *entry->flow); /* which the segment will ask for */
        for (*sender = 0; *sender < 2; ++*sender) {
            if (!sent_by(entry, *sender, segment))
                continue;
            *link = entry->same_bucket; /* to the front: those behind it are mostly over */
            entry->same_bucket = *bucket;
            *bucket = entry;
            return give_out(table, entry);
        }
    }
    return NULL;
}

/* Step by step, each for all: what a step finds came meanwhile. */
void flow_expect(const struct flow_table *table, const uint32_t *flow_hashes, size_t num) {
    struct flow_entry *entries[FLOWS_EXPECTED];
    assert(num <= FLOWS_EXPECTED);
    for (size_t i = 0; i < num; i++)
        fetch(bucket_of(table, flow_hashes[i]), sizeof(struct flow_entry *));
    for (size_t i = 0; i < num; i++) {
        entries[i] = *bucket_of(table, flow_hashes[i]);
        fetch(entries[i], sizeof *entries[i]);
    }
    for (size_t i = 0; i < num; i++) {
        const struct flow_entry *entry = entries[i];
        if (!entry || entry->hash != flow_hashes[i])
            continue;
        if (whole_of(entry))
            fetch(entry->flow, sizeof *entry->flow);
        else
            fetch(entry->bytes, 2 * (size_t)entry->addr_len + entry->folded_len);
    }
}

/* --- queues and buckets --- */

static void unqueue(struct flow_table *table, struct flow_entry *entry, uint8_t queue) {
    table->num_queued[queue]--;
    *(entry->older ? &entry->older->newer : &table->oldest[queue]) = entry->newer;
    *(entry->newer ? &entry->newer->older : &table->youngest[queue]) = entry->older;
}

static void enqueue(struct flow_table *table, struct flow *flow, enum flow_queue queue) {
    struct flow_entry *entry = flow->entry;
    flow->queue = (uint8_t)queue;
    table->num_queued[queue]++;
    entry->older = table->youngest[queue];
    entry->newer = NULL;
    *(entry->older ? &entry->older->newer : &table->oldest[queue]) = entry;
    table->youngest[queue] = entry;
}

/* One bucket more, which takes its part of another one's flows. When there is no memory for it, chains grow
 * instead. The kernel moves a large block without copying it. */
static void split_bucket(struct flow_table *table) {
    size_t added = table->num_buckets;
    if (added == table->room) {
        struct flow_entry **buckets = realloc(table->buckets, 2 * table->room * sizeof(struct flow_entry *));
        if (!buckets)
            return;
        table->buckets = buckets;
        table->room *= 2;
    }
    table->num_buckets++;
    table->buckets[added] = NULL;
    struct flow_entry **link = &table->buckets[added & table->mask >> 1];
    while (*link) {
        struct flow_entry *entry = *link;
        struct flow_entry **bucket = bucket_of(table, entry->hash);
        if (bucket != &table->buckets[added]) {
            link = &entry->same_bucket;
            continue;
        }
        *link = entry->same_bucket;
        entry->same_bucket = *bucket;
        *bucket = entry;
    }
    if (table->num_buckets > table->mask)
        table->mask = 2 * table->mask + 1;
}

/* Lower end first; ends are compared by address, then port. *sender is the source's place. */
static struct flow_entry *new_entry(const struct segment *segment, uint8_t *sender) {
    uint8_t addr_len = segment->addr_len;
    struct flow_entry *entry = malloc(offsetof(struct flow_entry, bytes) + 2 * (size_t)addr_len);
    if (!entry)
        return NULL;
    int order = memcmp(segment->src, segment->dst, addr_len);
    if (order == 0)
        order = (int)segment->src_port - (int)segment->dst_port;
    *sender = order <= 0 ? 0 : 1;
    uint8_t other = (uint8_t)(1 - *sender);
    entry->hash = segment->flow_hash;
    entry->addr_len = addr_len;
    entry->folded_len = 0;
    entry->room = 0;
    entry->port[*sender] = segment->src_port;
    entry->port[other] = segment->dst_port;
    memcpy(entry->bytes + *sender * addr_len, segment->src, addr_len);
    memcpy(entry->bytes + other * addr_len, segment->dst, addr_len);
    return entry;
}

struct flow *flow_add(struct flow_table *table, const struct segment *segment, uint8_t *sender) {
    assert(!flow_table_full(table));
    table->num_asks++;
    fold_quiet(table);
    struct flow_entry *entry = new_entry(segment, sender);
    struct flow *flow = entry ? new_whole(table) : NULL;
    if (!flow) {
        free(entry);
        return NULL;
    }
    if (table->num_flows >= table->num_buckets)
        split_bucket(table);
    *flow = (struct flow){.entry = entry, .key = key_of(entry), .vlan_id = segment->vlan_id};
    entry->flow = flow;
    if (table->num_flows == 0)
        table->base_ts_ns = segment->ts_ns;
    struct flow_entry **bucket = bucket_of(table, entry->hash);
    entry->same_bucket = *bucket;
    *bucket = entry;
    hold(table, 0, entry_cost(entry));
    flow_weigh(table, flow);
    enqueue(table, flow, QUEUE_HALF_OPEN);
    join_asked(table, flow);
    table->num_flows++;
    return flow;
}

static void remove_entry(struct flow_table *table, struct flow_entry *entry, uint8_t queue) {
    *link_to(table, entry) = entry->same_bucket;
    unqueue(table, entry, queue);
    table->num_flows--;
    hold(table, entry_cost(entry), 0);
    free(entry);
}

void flow_remove(struct flow_table *table, struct flow *flow) {
    assert(!flow->session && !flow->recognition);
    leave_asked(table, flow);
    remove_entry(table, flow->entry, flow->queue);
    stream_cleanup(&flow->streams[SIDE_CLIENT]);
    stream_cleanup(&flow->streams[SIDE_SERVER]);
    free_whole(table, flow);
}

bool flow_table_full(const struct flow_table *table) {
    return table->num_flows >= table->max_flows;
}

size_t flow_queue_count(const struct flow_table *table, enum flow_queue queue) {
    return table->num_queued[queue];
}

size_t flow_table_count(const struct flow_table *table) {
    return table->num_flows;
}

void flow_touch(struct flow_table *table, struct flow *flow, enum flow_queue queue, uint64_t elapsed_ns) {
    flow->active_ns = elapsed_ns;
    if (table->youngest[queue] == flow->entry)
        return;
    unqueue(table, flow->entry, flow->queue);
    enqueue(table, flow, queue);
}

struct flow *flow_oldest(struct flow_table *table, enum flow_queue queue) {
    struct flow_entry *entry = table->oldest[queue];
    return entry ? give_out(table, entry) : NULL;
}

/* What the report alone needed: without it there is less to fold. */
static void forget_counts(const struct flow_table *table, struct flow *flow) {
    memset(flow->signatures, 0, sizeof flow->signatures);
    memset(flow->hole_since_ns, 0, sizeof flow->hole_since_ns);
    memset(flow->hole_since_packets, 0, sizeof flow->hole_since_packets);
    memset(flow->packets, 0, sizeof flow->packets);
    flow->first_ts_ns = flow->last_ts_ns = table->base_ts_ns;
    flow->out_of_order = flow->retransmits = flow->duplicates = flow->buffer_full = 0;
}

void flow_close(struct flow_table *table, struct flow *flow, uint64_t elapsed_ns) {
    assert(!flow->session);
    flow_touch(table, flow, QUEUE_CLOSED, elapsed_ns);
    forget_counts(table, flow);
    leave_asked(table, flow);
    join_quiet(table, flow);
}

void flow_look_ahead(const struct flow_table *table, enum flow_queue queue) {
    const struct flow_entry *entry = table->oldest[queue];
    const struct flow *flows[AHEAD_MAX] = {NULL};
    for (size_t i = 0; entry && i < AHEAD_MAX; i++) {
        entry = entry->newer;
        flows[i] = entry ? whole_of(entry) : NULL;
    }
    if (entry)
        fetch(entry->newer, sizeof *entry); /* the last one of the next time */
    ahead_fetch(flows);
}

bool flow_waits(const struct flow_table *table, enum flow_queue queue, struct flow_wait *wait) {
    const struct flow_entry *entry = table->oldest[queue];
    if (!entry)
        return false;
    const struct flow *flow = whole_of(entry);
    *wait = flow ? (struct flow_wait){flow->active_ns, flow->last_packet} : entry->wait;
    return true;
}

bool flow_drop_folded(struct flow_table *table, enum flow_queue queue) {
    struct flow_entry *entry = table->oldest[queue];
    if (!entry || whole_of(entry) || entry->session_folded)
        return false;
    remove_entry(table, entry, (uint8_t)queue);
    return true;
}
