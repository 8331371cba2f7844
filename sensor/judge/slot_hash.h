/* slot_hash.h: a place in a table in which what comes makes room, and where keys are compared whole: who
 * forges keys for one slot wins nothing but that they are worked out anew. FNV-1a over 8 bytes at a time. */
#ifndef STARTTAP_SENSOR_JUDGE_SLOT_HASH_H
#define STARTTAP_SENSOR_JUDGE_SLOT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t slot_hash(const void *key, size_t len) {
    const uint8_t *bytes = key;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; len >= 8; bytes += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        hash = (hash ^ word) * UINT64_C(1099511628211);
        hash ^= hash >> 32;
    }
    for (; len > 0; bytes++, len--)
        hash = (hash ^ *bytes) * UINT64_C(1099511628211);
    return hash * UINT64_C(0x9e3779b97f4a7c15) >> 32; /* the upper half: there the whole last word counts */
}

#endif
