#include "inner.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_FIRST 1024

struct waiting {
    uint8_t *data;
    size_t start, end, room; /* what waits is [start, end) */
    bool gap_behind;
};

struct inner {
    struct smtp *smtp;
    struct waiting waiting[2];
};

struct inner *inner_new(enum inner_start start) {
    static const uint8_t greeting[] = "220\r\n";
    struct inner *inner = calloc(1, sizeof *inner);
    if (!inner)
        return NULL;
    inner->smtp = smtp_new();
    if (!inner->smtp) {
        free(inner);
        return NULL;
    }
    if (start == INNER_UNKNOWN)
        smtp_midstream(inner->smtp);
    if (start == INNER_RESET)
        smtp_push(inner->smtp, SIDE_SERVER, greeting, sizeof greeting - 1, false);
    return inner;
}

/* A response to AUTH may wait for what the server says to it. */
static void drop(struct waiting *waiting) {
    if (waiting->data)
        explicit_bzero(waiting->data, waiting->room);
    free(waiting->data);
    *waiting = (struct waiting){.gap_behind = waiting->gap_behind};
}

void inner_free(struct inner *inner) {
    if (!inner)
        return;
    drop(&inner->waiting[SIDE_CLIENT]);
    drop(&inner->waiting[SIDE_SERVER]);
    smtp_free(inner->smtp);
    free(inner);
}

size_t inner_held(const struct inner *inner) {
    return sizeof *inner + smtp_held(inner->smtp) + inner->waiting[SIDE_CLIENT].room +
           inner->waiting[SIDE_SERVER].room;
}

/* True when the side came on. */
static bool drain_side(struct inner *inner, enum side side, bool force) {
    struct waiting *waiting = &inner->waiting[side];
    size_t left = waiting->end - waiting->start;
    if (left > 0) {
        size_t used = smtp_push(inner->smtp, side, waiting->data + waiting->start, left, force);
        waiting->start += used;
        if (used == left)
            drop(waiting);
        return used > 0;
    }
    if (!waiting->gap_behind)
        return false;
    waiting->gap_behind = false;
    smtp_gap(inner->smtp, side, 1);
    return true;
}

static void drain(struct inner *inner) {
    bool moved = true;
    while (moved) {
        moved = drain_side(inner, SIDE_CLIENT, false);
        moved |= drain_side(inner, SIDE_SERVER, false);
    }
}

static bool fits(struct waiting *waiting, size_t len) {
    size_t left = waiting->end - waiting->start;
    if (left + len > INNER_WAIT_MAX)
        return false;
    if (waiting->end + len <= waiting->room)
        return true;
    size_t room = 2 * (left + len) > WAITING_FIRST ? 2 * (left + len) : WAITING_FIRST;
    uint8_t *data = malloc(room);
    if (!data)
        return false;
    if (left > 0)
        memcpy(data, waiting->data + waiting->start, left);
    drop(waiting);
    waiting->data = data;
    waiting->end = left;
    waiting->room = room;
    return true;
}

/* Cuts the wait short. What the parser does not want even then (TLS inside of TLS) is lost. */
static void relieve(struct inner *inner, enum side side) {
    if (drain_side(inner, side, true))
        return;
    drop(&inner->waiting[side]);
    smtp_gap(inner->smtp, side, 1);
}

static void keep(struct inner *inner, enum side side, const uint8_t *data, size_t len) {
    struct waiting *waiting = &inner->waiting[side];
    while (waiting->end > waiting->start && !fits(waiting, len))
        relieve(inner, side);
    if (!fits(waiting, len)) {
        smtp_gap(inner->smtp, side, len);
        return;
    }
    memcpy(waiting->data + waiting->end, data, len);
    waiting->end += len;
}

void inner_push(struct inner *inner, enum side side, const uint8_t *data, size_t len) {
    struct waiting *waiting = &inner->waiting[side];
    size_t used = 0;
    while (waiting->gap_behind)
        relieve(inner, side);
    if (waiting->end == waiting->start)
        used = smtp_push(inner->smtp, side, data, len, false);
    if (used < len)
        keep(inner, side, data + used, len - used);
    drain(inner);
}

void inner_gap(struct inner *inner, enum side side) {
    inner->waiting[side].gap_behind = true;
    drain(inner);
}

/* The server's first: a reply may end the client's wait. Each turn uses up a gap or bytes, so it ends. */
void inner_finish(struct inner *inner) {
    do
        drain(inner);
    while (drain_side(inner, SIDE_SERVER, true) || drain_side(inner, SIDE_CLIENT, true));
}

const struct smtp_facts *inner_facts(const struct inner *inner) {
    return smtp_facts(inner->smtp);
}
