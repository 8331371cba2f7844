#include "history.h"

#include <stdlib.h>
#include <string.h>

#define HISTORY_MIN 512u

/* A ring: the byte at an offset stands at that offset, modulo room. */
struct history {
    uint64_t from, end; /* what is kept is [from, end), at most room bytes */
    size_t room;        /* a power of two */
    uint8_t bytes[];
};

void history_free(struct history *history) {
    free(history);
}

size_t history_held(const struct history *history) {
    return history ? sizeof *history + history->room : 0;
}

/* Of len bytes from this offset on, those that stand in one piece. */
static size_t piece(const struct history *history, uint64_t offset, size_t len) {
    size_t left = history->room - (offset & (history->room - 1));
    return len < left ? len : left;
}

static void put(struct history *history, uint64_t offset, const uint8_t *data, size_t len) {
    size_t first = piece(history, offset, len);
    memcpy(history->bytes + (offset & (history->room - 1)), data, first);
    memcpy(history->bytes, data + first, len - first);
    history->end = offset + len;
    if (history->end - history->from > history->room)
        history->from = history->end - history->room;
}

/* With room for so many bytes more, as far as it may grow; NULL, and the old one freed: out of memory. */
static struct history *with_room(struct history *old, size_t len) {
    size_t kept = old ? (size_t)(old->end - old->from) : 0, room = old ? old->room : HISTORY_MIN;
    while (room < HISTORY_MAX && kept + len > room)
        room *= 2;
    if (old && room == old->room)
        return old;
    struct history *history = malloc(sizeof *history + room);
    if (history) {
        history->room = room;
        history->from = history->end = old ? old->from : 0;
    }
    for (size_t len_moved; history && old && old->from < old->end; old->from += len_moved) {
        len_moved = piece(old, old->from, (size_t)(old->end - old->from));
        put(history, old->from, old->bytes + (old->from & (old->room - 1)), len_moved);
    }
    free(old);
    return history;
}

void history_add(struct history **history, uint64_t offset, const uint8_t *data, size_t len) {
    if (len == 0)
        return;
    if (len > HISTORY_MAX) {
        data += len - HISTORY_MAX;
        offset += len - HISTORY_MAX;
        len = HISTORY_MAX;
    }
    struct history *h = *history = with_room(*history, len);
    if (!h)
        return;
    if (h->end != offset)
        h->from = offset;
    put(h, offset, data, len);
}

bool history_differs(const struct history *history, int64_t offset, const uint8_t *data, size_t len) {
    if (!history)
        return false;
    int64_t from = (int64_t)history->from, to = (int64_t)history->end, end = offset + (int64_t)len;
    int64_t first = offset > from ? offset : from, last = end < to ? end : to;
    while (first < last) {
        size_t at = (size_t)first & (history->room - 1),
               num = piece(history, (uint64_t)first, (size_t)(last - first));
        if (memcmp(history->bytes + at, data + (first - offset), num) != 0)
            return true;
        first += (int64_t)num;
    }
    return false;
}
