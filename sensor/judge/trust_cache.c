#include "trust_cache.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    uint8_t key[32];
    void *value;
    size_t cost;
    struct entry *next_in_bucket;
    struct entry *newer, *older;
};

struct trust_cache {
    struct entry **buckets;
    size_t num_buckets; /* a power of two */
    size_t num_entries, max_entries;
    size_t cost, max_cost;
    uint64_t evicted;
    struct entry *newest, *oldest;
    void (*release)(void *value);
};

/* The key is a hash already. Who forges certificates into one bucket gets a walk of max_entries at most. */
static struct entry **bucket_of(const struct trust_cache *cache, const uint8_t key[32]) {
    uint64_t word;
    memcpy(&word, key, sizeof word);
    return &cache->buckets[word & (cache->num_buckets - 1)];
}

static struct entry **slot_of(const struct trust_cache *cache, const uint8_t key[32]) {
    struct entry **slot = bucket_of(cache, key);
    while (*slot && memcmp((*slot)->key, key, sizeof(*slot)->key) != 0)
        slot = &(*slot)->next_in_bucket;
    return slot;
}

static void unlink_age(struct trust_cache *cache, struct entry *entry) {
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        cache->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        cache->oldest = entry->newer;
}

static void link_newest(struct trust_cache *cache, struct entry *entry) {
    entry->newer = NULL;
    entry->older = cache->newest;
    if (cache->newest)
        cache->newest->newer = entry;
    else
        cache->oldest = entry;
    cache->newest = entry;
}

static void drop(struct trust_cache *cache, struct entry **slot) {
    struct entry *entry = *slot;
    *slot = entry->next_in_bucket;
    unlink_age(cache, entry);
    cache->num_entries--;
    cache->cost -= entry->cost;
    cache->release(entry->value);
    free(entry);
}

struct trust_cache *trust_cache_new(size_t max_entries, size_t max_cost, void (*release)(void *value)) {
    struct trust_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->num_buckets = 1;
    while (cache->num_buckets < max_entries)
        cache->num_buckets *= 2;
    cache->max_entries = max_entries;
    cache->max_cost = max_cost;
    cache->release = release;
    cache->buckets = calloc(cache->num_buckets, sizeof *cache->buckets);
    if (cache->buckets == NULL) {
        free(cache);
        return NULL;
    }
    return cache;
}

void trust_cache_free(struct trust_cache *cache) {
    if (cache == NULL)
        return;
    while (trust_cache_evict(cache))
        continue;
    free(cache->buckets);
    free(cache);
}

void *trust_cache_find(struct trust_cache *cache, const uint8_t key[32]) {
    struct entry *entry = *slot_of(cache, key);
    if (entry == NULL)
        return NULL;
    unlink_age(cache, entry);
    link_newest(cache, entry);
    return entry->value;
}

bool trust_cache_evict(struct trust_cache *cache) {
    if (cache->oldest == NULL)
        return false;
    drop(cache, slot_of(cache, cache->oldest->key));
    cache->evicted++;
    return true;
}

bool trust_cache_put(struct trust_cache *cache, const uint8_t key[32], void *value, size_t cost) {
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return false;
    struct entry **slot = slot_of(cache, key);
    if (*slot)
        drop(cache, slot);
    while (cache->num_entries > 0 &&
           (cache->num_entries >= cache->max_entries || cache->cost + cost > cache->max_cost))
        (void)trust_cache_evict(cache);

    memcpy(entry->key, key, sizeof entry->key);
    entry->value = value;
    entry->cost = cost;
    slot = bucket_of(cache, key);
    entry->next_in_bucket = *slot;
    *slot = entry;
    link_newest(cache, entry);
    cache->num_entries++;
    cache->cost += cost;
    return true;
}

size_t trust_cache_entries(const struct trust_cache *cache) {
    return cache->num_entries;
}

uint64_t trust_cache_evicted(const struct trust_cache *cache) {
    return cache->evicted;
}
