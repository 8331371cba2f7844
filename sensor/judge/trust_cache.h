/* trust_cache.h: what was worked out once, found again by a SHA-256. Inner part of trust.
 *
 * Bounded twice, by entries and by their cost; the least recently used goes first. */
#ifndef STARTTAP_SENSOR_JUDGE_TRUST_CACHE_H
#define STARTTAP_SENSOR_JUDGE_TRUST_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trust_cache;

/* release is called for each value that leaves the cache. NULL: out of memory. */
struct trust_cache *trust_cache_new(size_t max_entries, size_t max_cost, void (*release)(void *value));
void trust_cache_free(struct trust_cache *cache); /* releases all; NULL is fine */

/* NULL when it is not there. What is found counts as just used. */
void *trust_cache_find(struct trust_cache *cache, const uint8_t key[32]);

/* Keeps value, replacing what the key had, and pushes out what there is no room for: an entry that costs
 * more than the whole cache may hold is kept alone. False when out of memory: value stays the caller's. */
bool trust_cache_put(struct trust_cache *cache, const uint8_t key[32], void *value, size_t cost);

/* Pushes the least recently used entry out. False when the cache is empty. */
bool trust_cache_evict(struct trust_cache *cache);

size_t trust_cache_entries(const struct trust_cache *cache);
uint64_t trust_cache_evicted(const struct trust_cache *cache); /* entries pushed out so far */

#endif
