#include "twins.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096u /* slots, a power of two; half of them stay empty */
#define ROOM_MAX   (2 * TWINS_REMEMBERED)
#define SEEN       UINT64_C(0xff)      /* of a slot: how many connections had the id; 0 it is empty */
#define SEEN_MAX   SEEN                /* so many or more, or it is not known */
#define ALONE      (UINT64_C(1) << 32) /* from here on: numbers that are given once */

/* Open addressing. An id in hex is 16 bytes of SHA-256, so nobody can choose where it stands. */
struct generation {
    uint64_t *slots; /* 56 bits of the id, and SEEN */
    uint32_t room, num;
    uint64_t newest_ns; /* that a connection in it began at */
};

struct twins {
    struct generation young, old;
    bool forgot;
    uint64_t forgotten_ns; /* the newest that a forgotten one began at */
    uint64_t total;
};

static bool open_generation(struct generation *generation, uint32_t room) {
    generation->slots = calloc(room, sizeof *generation->slots);
    generation->room = room;
    return generation->slots != NULL;
}

struct twins *twins_new(void) {
    struct twins *twins = calloc(1, sizeof *twins);
    if (!twins)
        return NULL;
    if (open_generation(&twins->young, ROOM_FIRST) && open_generation(&twins->old, ROOM_FIRST))
        return twins;
    twins_free(twins);
    return NULL;
}

void twins_free(struct twins *twins) {
    if (!twins)
        return;
    free(twins->young.slots);
    free(twins->old.slots);
    free(twins);
}

static uint64_t key_of(const char *id) {
    uint64_t key = 0;
    for (unsigned i = 0; i < 14 && id[i] != '\0'; i++)
        key = key << 4 | (uint64_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'a' + 10);
    return key << 8;
}

/* The slot of the key, or the empty one in which it belongs. */
static uint64_t *slot_of(const struct generation *generation, uint64_t key) {
    for (uint64_t at = key >> 8;; at++) {
        uint64_t *slot = &generation->slots[at & (generation->room - 1)];
        if ((*slot & SEEN) == 0 || (*slot & ~SEEN) == key)
            return slot;
    }
}

/* False: it is as large as it may be, or there is no memory. */
static bool grow(struct generation *generation) {
    struct generation larger = *generation;
    if (generation->room == ROOM_MAX || !open_generation(&larger, 2 * generation->room))
        return false;
    for (uint32_t i = 0; i < generation->room; i++) {
        uint64_t slot = generation->slots[i];
        if ((slot & SEEN) != 0)
            *slot_of(&larger, slot & ~SEEN) = slot;
    }
    free(generation->slots);
    *generation = larger;
    return true;
}

static void forget(struct twins *twins) {
    struct generation emptied = twins->old;
    if (emptied.num > 0) {
        twins->forgot = true;
        if (emptied.newest_ns > twins->forgotten_ns)
            twins->forgotten_ns = emptied.newest_ns;
        memset(emptied.slots, 0, emptied.room * sizeof *emptied.slots);
    }
    twins->old = twins->young;
    twins->young = (struct generation){.slots = emptied.slots, .room = emptied.room};
}

uint64_t twins_number(struct twins *twins, const char *id, uint64_t start_ns) {
    uint64_t key = key_of(id);
    if (twins->young.num == twins->young.room / 2 && !grow(&twins->young))
        forget(twins);
    uint64_t *slot = slot_of(&twins->young, key);
    uint64_t seen = *slot & SEEN;
    if (seen == 0) {
        bool unsure = twins->forgot && start_ns <= twins->forgotten_ns;
        uint64_t before = *slot_of(&twins->old, key) & SEEN;
        seen = before > 0 ? before : unsure ? SEEN_MAX : 0;
        twins->young.num++;
    }
    if (start_ns > twins->young.newest_ns)
        twins->young.newest_ns = start_ns;
    *slot = key | (seen < SEEN_MAX ? seen + 1 : SEEN_MAX);
    twins->total++;
    return seen < SEEN_MAX ? seen : ALONE + twins->total;
}
