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

/* Multiply and fold, 8 bytes at a time (the idea of wyhash). */
static uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Of one end. Both factors hold something of the secret seed, so that nobody can make one of them 0. */
static uint64_t hash_end(const uint8_t *address, uint8_t addr_len, uint16_t port, uint64_t seed) {
    uint64_t words[2] = {0};
    if (addr_len == 4) /* copies of a length that the compiler knows are no calls */
        memcpy(words, address, 4);
    else
        memcpy(words, address, 16);
    uint64_t other = ~(seed << 32 | seed >> 32);
    return mix(mix(words[0] ^ seed, words[1] ^ other) ^ port ^ other, seed ^ UINT64_C(0x9e3779b97f4a7c15));
}

/* A sum, so that it does not matter which end is the source. */
uint32_t flow_hash(const struct segment *segment, uint64_t seed) {
    uint64_t sum = hash_end(segment->src, segment->addr_len, segment->src_port, seed) +
                   hash_end(segment->dst, segment->addr_len, segment->dst_port, seed);
    return (uint32_t)(sum ^ sum >> 32);
}

static inline bool same_address(const uint8_t *a, const uint8_t *b, uint8_t addr_len) {
    return addr_len == 4 ? memcmp(a, b, 4) == 0 : memcmp(a, b, 16) == 0;
}

/* Whether the segment goes from this end of the key to the other. */
static inline bool sent_by(const struct flow_key *key, uint8_t end, const struct segment *segment) {
    return key->addr_len == segment->addr_len && key->port[end] == segment->src_port &&
           key->port[1 - end] == segment->dst_port &&
           same_address(key->address[end], segment->src, segment->addr_len) &&
           same_address(key->address[1 - end], segment->dst, segment->addr_len);
}

static struct flow **bucket_of(const struct flow_table *table, uint32_t hash) {
    return &table->buckets[hash & (table->num_buckets - 1)];
}

struct flow *flow_find(struct flow_table *table, const struct segment *segment, uint8_t *sender) {
    for (struct flow *flow = *bucket_of(table, segment->flow_hash); flow; flow = flow->same_bucket) {
        if (flow->hash != segment->flow_hash)
            continue;
        for (*sender = 0; *sender < 2; ++*sender) {
            if (sent_by(&flow->key, *sender, segment))
                return flow;
        }
    }
    return NULL;
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

/* Lower end first; ends are compared by address, then port. *sender is the source's place. */
static struct flow_key key_of(const struct segment *segment, uint8_t *sender) {
    struct flow_key key = {.addr_len = segment->addr_len};
    bool ipv4 = segment->addr_len == 4;
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

struct flow *flow_add(struct flow_table *table, const struct segment *segment, uint8_t *sender) {
    assert(!flow_table_full(table));
    struct flow *flow = calloc(1, sizeof *flow);
    if (!flow)
        return NULL;
    if (table->num_flows >= table->num_buckets)
        grow(table);
    flow->key = key_of(segment, sender);
    flow->hash = segment->flow_hash;
    flow->vlan_id = segment->vlan_id;
    struct flow **bucket = bucket_of(table, flow->hash);
    flow->same_bucket = *bucket;
    *bucket = flow;
    enqueue(table, flow, QUEUE_OPEN);
    table->num_flows++;
    return flow;
}

void flow_remove(struct flow_table *table, struct flow *flow) {
    assert(!flow->session && !flow->recognition);
    struct flow **link = bucket_of(table, flow->hash);
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
