/* siphash.h: a hash for tables whose keys strangers choose (SipHash-1-3).
 *
 * Without its key nobody can find inputs that share a bucket (Aumasson, Bernstein: SipHash, a fast
 * short-input PRF, 2012). One round for each word and three at the end, as in the tables of CPython, Rust and
 * Linux. */
#ifndef STARTTAP_SENSOR_SIPHASH_H
#define STARTTAP_SENSOR_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t k0, k1;
};

/* From the kernel's generator; waits until that has been seeded, which it is long before a service starts. */
struct siphash_key siphash_random_key(void);

struct siphash {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t siphash_rotate(uint64_t value, unsigned by) {
    return value << by | value >> (64 - by);
}

static inline void siphash_round(struct siphash *s) {
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = siphash_rotate(s->v1, 13) ^ s->v0;
    s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
    s->v0 = siphash_rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = siphash_rotate(s->v1, 17) ^ s->v2;
    s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
    s->v2 = siphash_rotate(s->v2, 32);
}

static inline struct siphash siphash_begin(const struct siphash_key *key) {
    return (struct siphash){key->k0 ^ UINT64_C(0x736f6d6570736575), key->k1 ^ UINT64_C(0x646f72616e646f6d),
                            key->k0 ^ UINT64_C(0x6c7967656e657261), key->k1 ^ UINT64_C(0x7465646279746573)};
}

static inline void siphash_word(struct siphash *s, uint64_t word) {
    s->v3 ^= word;
    siphash_round(s);
    s->v0 ^= word;
}

static inline uint64_t siphash_end(struct siphash *s) {
    s->v2 ^= 0xff;
    siphash_round(s);
    siphash_round(s);
    siphash_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* Of bytes; what is hashed by words must have a fixed number of them, or begin with how many. */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif
