#include "fold.h"

#include <assert.h>
#include <string.h>

#define WORD       8
#define LONG_TEXT  0x80 /* in a text's first length byte: there is a second one */
#define SHORT_TEXT 0x7f

static bool has_room(struct fold *fold, size_t len) {
    fold->full = fold->full || (size_t)(fold->end - fold->at) < len;
    return !fold->full;
}

/* A bit for each of the eight bytes that is not 0. */
static unsigned mask_of(uint64_t word) {
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t high_bits = (((word & low7) + low7) | word) & ~low7;
    return (unsigned)((high_bits >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

/* The bytes that are not 0, behind a mask of where they stand. */
static uint8_t *fold_word(uint8_t *at, uint64_t word) {
    unsigned mask = mask_of(word);
    *at++ = (uint8_t)mask;
    for (; mask != 0; mask &= mask - 1)
        *at++ = (uint8_t)(word >> 8 * __builtin_ctz(mask));
    return at;
}

static uint64_t unfold_word(struct reader *in) {
    uint64_t word = 0;
    for (unsigned mask = reader_u8(in); mask != 0; mask &= mask - 1)
        word |= (uint64_t)reader_u8(in) << 8 * __builtin_ctz(mask);
    return word;
}

/* A map says which words are not 0; these follow. */
void fold_state(struct fold *fold, const void *state, size_t size) {
    size_t num = size / WORD, map_len = (num + 7) / 8;
    assert(size % WORD == 0);
    if (!has_room(fold, map_len + num * (1 + WORD)))
        return;
    uint8_t *map = fold->at, *at = map + map_len;
    memset(map, 0, map_len);
    for (size_t i = 0; i < num; i++) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)state + i * WORD, WORD);
        if (word != 0) {
            map[i / 8] = (uint8_t)(map[i / 8] | 1u << i % 8);
            at = fold_word(at, word);
        }
    }
    fold->at = at;
}

void unfold_state(struct reader *in, void *state, size_t size) {
    struct reader at = *in; /* its own: nobody else can change it meanwhile */
    size_t map_len = (size / WORD + 7) / 8;
    const uint8_t *map = reader_bytes(&at, map_len);
    memset(state, 0, size);
    for (size_t i = 0; map && i < map_len; i++) {
        for (unsigned bits = map[i]; bits != 0; bits &= bits - 1) {
            uint64_t word = unfold_word(&at);
            memcpy((uint8_t *)state + (i * 8 + (size_t)__builtin_ctz(bits)) * WORD, &word, WORD);
        }
    }
    *in = at;
}

void fold_u8(struct fold *fold, uint8_t value) {
    if (has_room(fold, 1))
        *fold->at++ = value;
}

void fold_text(struct fold *fold, const void *text, size_t len) {
    if (len > FOLD_TEXT_MAX || !has_room(fold, len + 2)) {
        fold->full = true;
        return;
    }
    if (len > SHORT_TEXT)
        *fold->at++ = (uint8_t)(LONG_TEXT | len >> 7);
    *fold->at++ = (uint8_t)(len & SHORT_TEXT);
    if (len > 0)
        memcpy(fold->at, text, len);
    fold->at += len;
}

struct reader unfold_text(struct reader *in) {
    size_t len = reader_u8(in);
    if (len & LONG_TEXT)
        len = (len & SHORT_TEXT) << 7 | reader_u8(in);
    return reader_sub(in, len);
}
