#include "history.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_LEN  1024u
#define NUM_BLOCKS (HISTORY_MAX / BLOCK_LEN)

struct block {
    uint8_t bytes[BLOCK_LEN];
};

struct history_pool {
    size_t num_spares;
    struct block *spares[HISTORY_SPARES]; /* not linked through themselves: they are in no cache any more */
};

/* The byte at an offset stands at that offset, modulo HISTORY_MAX. */
struct history {
    struct history_pool *pool;
    uint64_t from, end; /* what is kept is [from, end), at most HISTORY_MAX bytes */
    size_t held;
    struct block *blocks[NUM_BLOCKS]; /* NULL: none yet */
};

struct history_pool *history_pool_new(void) {
    return calloc(1, sizeof(struct history_pool));
}

void history_pool_free(struct history_pool *pool) {
    while (pool && pool->num_spares > 0)
        free(pool->spares[--pool->num_spares]);
    free(pool);
}

static struct block *take_block(struct history_pool *pool) {
    return pool->num_spares > 0 ? pool->spares[--pool->num_spares] : malloc(sizeof(struct block));
}

static void give_back(struct history_pool *pool, struct block *block) {
    if (pool->num_spares < HISTORY_SPARES)
        pool->spares[pool->num_spares++] = block;
    else
        free(block);
}

static struct history *history_new(struct history_pool *pool) {
    struct history *history = calloc(1, sizeof *history);
    if (history) {
        history->pool = pool;
        history->held = sizeof *history;
    }
    return history;
}

void history_free(struct history *history) {
    for (size_t i = 0; history && i < NUM_BLOCKS; i++) {
        if (history->blocks[i])
            give_back(history->pool, history->blocks[i]);
    }
    free(history);
}

size_t history_held(const struct history *history) {
    return history ? history->held : 0;
}

/* Of len bytes from this offset on, those that stand in its block. */
static size_t piece(uint64_t offset, size_t len) {
    size_t left = BLOCK_LEN - offset % BLOCK_LEN;
    return len < left ? len : left;
}

static bool put(struct history *history, uint64_t offset, const uint8_t *data, size_t len) {
    while (len > 0) {
        struct block **block = &history->blocks[offset / BLOCK_LEN % NUM_BLOCKS];
        if (!*block) {
            *block = take_block(history->pool);
            if (!*block)
                return false;
            history->held += sizeof **block;
        }
        size_t num = piece(offset, len);
        __asm__("" : "+r"(num)); /* gcc would write a loop of words for what it knows to be short */
        memcpy((*block)->bytes + offset % BLOCK_LEN, data, num);
        offset += num;
        data += num;
        len -= num;
    }
    return true;
}

void history_add(struct history **history, struct history_pool *pool, uint64_t offset, const uint8_t *data,
                 size_t len) {
    if (len == 0)
        return;
    if (len > HISTORY_MAX) {
        data += len - HISTORY_MAX;
        offset += len - HISTORY_MAX;
        len = HISTORY_MAX;
    }
    struct history *h = *history ? *history : history_new(pool);
    if (h && !put(h, offset, data, len)) {
        history_free(h);
        h = NULL;
    }
    *history = h;
    if (!h)
        return;
    if (h->end != offset)
        h->from = offset;
    h->end = offset + len;
    if (h->end - h->from > HISTORY_MAX)
        h->from = h->end - HISTORY_MAX;
}

bool history_differs(const struct history *history, int64_t offset, const uint8_t *data, size_t len) {
    if (!history)
        return false;
    int64_t from = (int64_t)history->from, to = (int64_t)history->end, end = offset + (int64_t)len;
    int64_t first = offset > from ? offset : from, last = end < to ? end : to;
    while (first < last) {
        const struct block *block = history->blocks[(uint64_t)first / BLOCK_LEN % NUM_BLOCKS];
        size_t num = piece((uint64_t)first, (size_t)(last - first));
        if (memcmp(block->bytes + (uint64_t)first % BLOCK_LEN, data + (first - offset), num) != 0)
            return true;
        first += (int64_t)num;
    }
    return false;
}
