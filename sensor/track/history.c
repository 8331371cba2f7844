#include "history.h"

#include <stdlib.h>
#include <string.h>

#define HISTORY_MIN 512u

struct history {
    uint64_t from; /* offset of the first byte kept */
    uint32_t len, room;
    uint8_t bytes[];
};

void history_free(struct history *history) {
    free(history);
}

size_t history_held(const struct history *history) {
    return history ? sizeof *history + history->room : 0;
}

/* Doubled, so that a short conversation costs little; what is full at its largest forgets its older half. */
static struct history *with_room(struct history *history, size_t len) {
    size_t room = history ? history->room : HISTORY_MIN, used = history ? history->len : 0;
    while (room < HISTORY_MAX && used + len > room)
        room *= 2;
    if (!history || room > history->room) {
        struct history *grown = realloc(history, sizeof *history + room);
        if (!grown) {
            free(history);
            return NULL;
        }
        if (!history)
            grown->from = grown->len = 0;
        grown->room = (uint32_t)room;
        history = grown;
    }
    if (used + len > room) {
        uint32_t most = HISTORY_MAX / 2, kept = history->len < most ? history->len : most;
        if (kept + len > HISTORY_MAX)
            kept = (uint32_t)(HISTORY_MAX - len);
        memmove(history->bytes, history->bytes + history->len - kept, kept);
        history->from += history->len - kept;
        history->len = kept;
    }
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
    if (h->len == 0 || h->from + h->len != offset) {
        h->from = offset;
        h->len = 0;
    }
    memcpy(h->bytes + h->len, data, len);
    h->len += (uint32_t)len;
}

bool history_differs(const struct history *history, int64_t offset, const uint8_t *data, size_t len) {
    if (!history)
        return false;
    int64_t from = (int64_t)history->from, to = from + history->len, end = offset + (int64_t)len;
    int64_t first = offset > from ? offset : from, last = end < to ? end : to;
    return first < last &&
           memcmp(history->bytes + (first - from), data + (first - offset), (size_t)(last - first)) != 0;
}
