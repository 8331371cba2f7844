#include "flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS_MIN 1024u

struct flow_table {
    struct flow **buckets;
    size_t num_buckets; /* a power of two */
    size_t num_flows, max_flows;
    uint64_t seed; /* so that nobody can choose addresses that share a bucket */
    struct flow *oldest[NUM_QUEUES], *youngest[NUM_QUEUES];
};

uint64_t flow_seed(void) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) < 0)
        seed = 0;
    return seed;
}

struct flow_table *flow_table_new(size_t max_flows) {
    struct flow_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->num_buckets = BUCKETS_MIN;
    table->max_flows = max_flows;
    table->buckets = calloc(table->num_buckets, sizeof *table->buckets);
    if (!table->buckets) {
        free(table);
        return NULL;
    }
    table->seed = flow_seed();
    return table;
}

void flow_table_free(struct flow_table *table) {
    if (!table)
        return;
    for (size_t i = 0; i < table->num_buckets; i++) {
        while (table->buckets[i])
            flow_remove(table, table->buckets[i]);
    }
    free(table->buckets);
    free(table);
}

/* Lower end first; ends are compared by address, then port. *sender is the source's place. */
static struct flow_key key_of(const struct segment *segment, uint8_t *sender) {
    struct flow_key key = {.addr_len = segment->addr_len};
    bool ipv4 = segment->addr_len == 4; /* copies of a length that the compiler knows are no calls */
    int order = ipv4 ? memcmp(segment->src, segment->dst, 4) : memcmp(segment->src, segment->dst, 16);
    if (order == 0)
        order = (int)segment->src_port - (int)segment->dst_port;
    *sender = order <= 0 ? 0 : 1;
    uint8_t *src = key.address[*sender], *dst = key.address[1 - *sender];
    if (ipv4) {
        memcpy(src, segment->src, 4);
        memcpy(dst, segment->dst, 4);
    } else {
        memcpy(src, segment->src, 16);
        memcpy(dst, segment->dst, 16);
    }
    key.port[*sender] = segment->src_port;
    key.port[1 - *sender] = segment->dst_port;
    return key;
}

/* Multiply and fold, 8 bytes at a time (the idea of wyhash). */
static uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t hash_of(const struct flow_key *key, uint64_t seed) {
    uint64_t words[5];
    _Static_assert(sizeof words == sizeof *key, "all of the key");
    memcpy(words, key, sizeof words);
    uint64_t hash = mix(words[0] ^ seed, words[1] ^ UINT64_C(0x9e3779b97f4a7c15));
    hash ^= mix(words[2] ^ hash, words[3] ^ UINT64_C(0xd1b54a32d192ed03));
    return (uint32_t)mix(hash ^ words[4], seed ^ UINT64_C(0xa0761d6478bd642f));
}

uint32_t flow_hash(const struct segment *segment, uint64_t seed) {
    uint8_t sender;
    struct flow_key key = key_of(segment, &sender);
    return hash_of(&key, seed);
}

static bool same_key(const struct flow_key *a, const struct flow_key *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

struct flow *flow_find(struct flow_table *table, const struct segment *segment, uint8_t *sender) {
    struct flow_key key = key_of(segment, sender);
    uint32_t hash = hash_of(&key, table->seed);
    struct flow *flow = table->buckets[hash & (table->num_buckets - 1)];
    while (flow && (flow->hash != hash || !same_key(&flow->key, &key)))
        flow = flow->same_bucket;
    return flow;
}

/* Doubles the buckets; when there is no memory for it, chains grow instead. */
static void grow(struct flow_table *table) {
    size_t num = table->num_buckets * 2;
    struct flow **buckets = calloc(num, sizeof(struct flow *));
    if (!buckets)
        return;
    for (size_t i = 0; i < table->num_buckets; i++) {
        struct flow *flow = table->buckets[i];
        while (flow) {
            struct flow *next = flow->same_bucket;
            flow->same_bucket = buckets[flow->hash & (num - 1)];
            buckets[flow->hash & (num - 1)] = flow;
            flow = next;
        }
    }
    free(table->buckets);
    table->buckets = buckets;
    table->num_buckets = num;
}

static void unqueue(struct flow_table *table, struct flow *flow) {
    if (flow->older)
        flow->older->newer = flow->newer;
    if (flow->newer)
        flow->newer->older = flow->older;
    if (table->oldest[flow->queue] == flow)
        table->oldest[flow->queue] = flow->newer;
    if (table->youngest[flow->queue] == flow)
        table->youngest[flow->queue] = flow->older;
    flow->older = flow->newer = NULL;
}

static void enqueue(struct flow_table *table, struct flow *flow, enum flow_queue queue) {
    flow->queue = (uint8_t)queue;
    flow->older = table->youngest[queue];
    if (flow->older)
        flow->older->newer = flow;
    table->youngest[queue] = flow;
    if (!table->oldest[queue])
        table->oldest[queue] = flow;
}

struct flow *flow_add(struct flow_table *table, const struct segment *segment, uint8_t *sender) {
    assert(!flow_table_full(table));
    struct flow *flow = calloc(1, sizeof *flow);
    if (!flow)
        return NULL;
    if (table->num_flows >= table->num_buckets)
        grow(table);
    flow->key = key_of(segment, sender);
    flow->hash = hash_of(&flow->key, table->seed);
    flow->vlan_id = segment->vlan_id;
    struct flow **bucket = &table->buckets[flow->hash & (table->num_buckets - 1)];
    flow->same_bucket = *bucket;
    *bucket = flow;
    enqueue(table, flow, QUEUE_OPEN);
    table->num_flows++;
    return flow;
}

void flow_remove(struct flow_table *table, struct flow *flow) {
    assert(!flow->session && !flow->recognition);
    struct flow **link = &table->buckets[flow->hash & (table->num_buckets - 1)];
    while (*link != flow)
        link = &(*link)->same_bucket;
    *link = flow->same_bucket;
    unqueue(table, flow);
    table->num_flows--;
    stream_cleanup(&flow->streams[SIDE_CLIENT]);
    stream_cleanup(&flow->streams[SIDE_SERVER]);
    free(flow);
}

bool flow_table_full(const struct flow_table *table) {
    return table->num_flows >= table->max_flows;
}

size_t flow_table_count(const struct flow_table *table) {
    return table->num_flows;
}

void flow_touch(struct flow_table *table, struct flow *flow, enum flow_queue queue, uint64_t elapsed_ns) {
    flow->active_ns = elapsed_ns;
    if (table->youngest[queue] == flow && flow->queue == queue)
        return;
    unqueue(table, flow);
    enqueue(table, flow, queue);
}

struct flow *flow_oldest(const struct flow_table *table, enum flow_queue queue) {
    return table->oldest[queue];
}
