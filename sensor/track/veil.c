#include "veil.h"

#include <stdlib.h>
#include <string.h>

#define RANGES_FIRST 8

void veil_cleanup(struct veil *veil) {
    free(veil->ranges);
    *veil = (struct veil){0};
}

static void forget(struct veil *veil, size_t num) {
    veil->known_from = veil->ranges[num - 1].to;
    veil->num -= num;
    memmove(veil->ranges, veil->ranges + num, veil->num * sizeof *veil->ranges);
}

/* Room for one more range; without memory for it the old ones go. */
static bool make_room(struct veil *veil) {
    if (veil->num < veil->room)
        return true;
    if (veil->room < VEIL_RANGES_MAX) {
        size_t room = veil->room > 0 ? 2 * veil->room : RANGES_FIRST;
        struct veil_range *ranges = realloc(veil->ranges, room * sizeof *ranges);
        if (ranges) {
            veil->ranges = ranges;
            veil->room = room;
            return true;
        }
    }
    if (veil->num > 0)
        forget(veil, (veil->num + 1) / 2);
    return veil->num < veil->room;
}

void veil_hide(struct veil *veil, uint64_t from, uint64_t to) {
    struct veil_range *last = veil->num > 0 ? &veil->ranges[veil->num - 1] : NULL;
    if (last && from <= last->to) {
        if (to > last->to)
            last->to = to;
        return;
    }
    if (from >= to)
        return;
    if (make_room(veil))
        veil->ranges[veil->num++] = (struct veil_range){from, to};
    else
        veil->known_from = to;
}

void veil_show(struct veil *veil, uint64_t from) {
    while (veil->num > 0 && veil->ranges[veil->num - 1].from >= from)
        veil->num--;
    if (veil->num > 0 && veil->ranges[veil->num - 1].to > from)
        veil->ranges[veil->num - 1].to = from;
}

void veil_close(struct veil *veil) {
    veil_hide(veil, veil->pos, UINT64_MAX);
    veil->settled = UINT64_MAX;
}

/* The first range that ends behind the byte; num when there is none. */
static size_t find(const struct veil *veil, uint64_t at) {
    size_t low = 0, high = veil->num;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (veil->ranges[middle].to <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

bool veil_run(const struct veil *veil, uint64_t from, uint64_t to, uint64_t *end) {
    if (from < veil->known_from) {
        *end = least(to, veil->known_from);
        return true;
    }
    if (from >= veil->settled) {
        *end = to;
        return true;
    }
    size_t i = find(veil, from);
    bool hidden = i < veil->num && veil->ranges[i].from <= from;
    uint64_t next = i == veil->num ? to : hidden ? veil->ranges[i].to : veil->ranges[i].from;
    *end = least(to, least(next, veil->settled));
    return hidden;
}
