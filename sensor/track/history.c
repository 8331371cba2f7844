#include "history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define REACH_MIN    1024u
#define ALIGN        8u
#define PAGE         4096u
#define LONGEST_PART 4 /* of the ring: a longer piece is cut */

/* Its bytes follow. */
struct piece {
    uint64_t volume; /* when it was written */
    uint32_t back;   /* from its place to that of the connection's piece before it; 0: none */
    uint32_t len;
    enum side side;
};

static_assert(sizeof(struct piece) + ALIGN <= HISTORY_SEGMENT, "a piece may take more than it counts");

/* A place is how many bytes were written, or left out at the ring's end, before what stands there; the first
 * is the ring's size, so that none is 0. */
struct history {
    uint64_t written; /* the next place */
    uint64_t volume;
    size_t reach, size; /* powers of two */
    uint8_t ring[] __attribute__((aligned(ALIGN)));
};

/* Its pages are touched, so that no packet has to wait for one. */
struct history *history_new(size_t reach) {
    size_t power = REACH_MIN;
    while (power <= reach / 2)
        power *= 2;
    struct history *history = malloc(sizeof *history + 2 * power);
    if (!history)
        return NULL;
    *history = (struct history){.written = 2 * power, .reach = power, .size = 2 * power};
    for (size_t i = 0; i < history->size; i += PAGE)
        history->ring[i] = 0;
    return history;
}

void history_free(struct history *history) {
    free(history);
}

void history_advance(struct history *history, uint64_t volume) {
    history->volume = volume;
}

static bool is_written_over(const struct history *history, uint64_t place) {
    return history->written - place > history->size;
}

/* In one run: what is left at the ring's end is passed over when it does not do. */
static uint64_t reserve(struct history *history, size_t len) {
    size_t at = history->written & (history->size - 1);
    if (history->size - at < len)
        history->written += history->size - at;
    uint64_t place = history->written;
    history->written += (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    return place;
}

static void add_piece(struct history *history, uint64_t *last, enum side side, const uint8_t *data,
                      size_t len) {
    uint64_t place = reserve(history, sizeof(struct piece) + len);
    bool follows = *last != 0 && !is_written_over(history, *last);
    struct piece piece = {history->volume, follows ? (uint32_t)(place - *last) : 0, (uint32_t)len, side};
    uint8_t *at = history->ring + (place & (history->size - 1));
    memcpy(at, &piece, sizeof piece);
    __asm__("" : "+r"(len)); /* gcc would write a loop of words for what it knows to be short */
    memcpy(at + sizeof piece, data, len);
    *last = place;
}

void history_add(struct history *history, uint64_t *last, enum side side, const uint8_t *data, size_t len) {
    size_t most = history->size / LONGEST_PART;
    for (; len > most; len -= most, data += most)
        add_piece(history, last, side, data, most);
    if (len > 0)
        add_piece(history, last, side, data, len);
}

/* False: it is not known any more. */
static bool find_piece(const struct history *history, uint64_t place, struct piece *piece,
                       const uint8_t **bytes) {
    if (place == 0 || is_written_over(history, place))
        return false;
    const uint8_t *at = history->ring + (place & (history->size - 1));
    memcpy(piece, at, sizeof *piece);
    *bytes = at + sizeof *piece;
    return history->volume - piece->volume <= history->reach;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* In [from, to), where these bytes were read. No piece lies across a gap. */
static bool differs(const struct history_copy *copy, int64_t from, int64_t to, const uint8_t *bytes) {
    int64_t first = later(from, copy->offset);
    int64_t end = copy->offset + (int64_t)copy->len, stop = end < to ? end : to;
    return first < stop &&
           memcmp(bytes + (first - from), copy->data + (first - copy->offset), (size_t)(stop - first)) != 0;
}

bool history_differs(const struct history *history, uint64_t last, const struct history_copy *copy) {
    int64_t to = (int64_t)copy->next, least = later(copy->offset, (int64_t)copy->known);
    struct piece piece;
    const uint8_t *bytes;
    if (copy->offset + (int64_t)copy->len <= least)
        return false; /* all of it is before what is known */
    for (size_t i = 0; i < HISTORY_PIECES && to > least && find_piece(history, last, &piece, &bytes); i++) {
        last = piece.back == 0 ? 0 : last - piece.back;
        if (piece.side != copy->side)
            continue;
        if (differs(copy, to - piece.len, to, bytes))
            return true;
        to -= piece.len;
    }
    return false;
}
