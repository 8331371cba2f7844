#include "flow_hash.h"

#include <string.h>

/* One end of an IPv4 connection, address and port in a word. */
static inline uint64_t short_end(const uint8_t *address, uint16_t port) {
    uint32_t bits;
    memcpy(&bits, address, sizeof bits);
    return (uint64_t)bits << 16 | port;
}

struct long_end {
    uint64_t address[2], port;
};

static inline struct long_end long_end(const uint8_t *address, uint16_t port) {
    struct long_end end = {.port = port};
    memcpy(end.address, address, sizeof end.address);
    return end;
}

static inline bool is_before(const struct long_end *a, const struct long_end *b) {
    if (a->address[0] != b->address[0])
        return a->address[0] < b->address[0];
    return a->address[1] != b->address[1] ? a->address[1] < b->address[1] : a->port < b->port;
}

/* The last word tells that there are two of them, or five. */
static inline void hash_ipv4(struct siphash *hash, const struct segment *segment) {
    uint64_t src = short_end(segment->src, segment->src_port),
             dst = short_end(segment->dst, segment->dst_port);
    siphash_word(hash, src < dst ? src : dst);
    siphash_word(hash, (src < dst ? dst : src) | UINT64_C(4) << 48);
}

static inline void hash_ipv6(struct siphash *hash, const struct segment *segment) {
    const struct long_end src = long_end(segment->src, segment->src_port),
                          dst = long_end(segment->dst, segment->dst_port);
    const bool swap = is_before(&dst, &src);
    const struct long_end *low = swap ? &dst : &src, *high = swap ? &src : &dst;
    siphash_word(hash, low->address[0]);
    siphash_word(hash, low->address[1]);
    siphash_word(hash, high->address[0]);
    siphash_word(hash, high->address[1]);
    siphash_word(hash, low->port | high->port << 16 | UINT64_C(6) << 48);
}

/* The lower end first, so that it does not matter which end is the source. */
uint32_t flow_hash(const struct segment *segment, const struct siphash_key *key) {
    struct siphash hash = siphash_begin(key);
    if (segment->addr_len == 4)
        hash_ipv4(&hash, segment);
    else
        hash_ipv6(&hash, segment);
    uint64_t sum = siphash_end(&hash);
    return (uint32_t)(sum ^ sum >> 32);
}
