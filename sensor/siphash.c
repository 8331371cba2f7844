#include "siphash.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Up to 256 bytes come whole, or nothing at all when a signal came first (getrandom(2)). */
struct siphash_key siphash_random_key(void) {
    struct siphash_key key;
    ssize_t len;
    do
        len = getrandom(&key, sizeof key, 0);
    while (len < 0 && errno == EINTR);
    assert(len == (ssize_t)sizeof key); /* every Linux since 3.17 has it */
    return key;
}

/* The last word holds the bytes that are left, and the length. */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len) {
    struct siphash s = siphash_begin(key);
    const uint8_t *bytes = data;
    uint64_t word;
    size_t at = 0;
    for (; len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        siphash_word(&s, word);
    }
    word = (uint64_t)len << 56;
    for (size_t i = 0; at + i < len; i++)
        word |= (uint64_t)bytes[at + i] << 8 * i;
    siphash_word(&s, word);
    return siphash_end(&s);
}
