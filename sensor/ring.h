/* ring.h: how far the two ends of a queue have come: one thread puts, one takes.
 *
 * The slots are the owner's: number n of the queue lies in slot n % size. Each end goes on by itself and
 * looks at the other, under the lock, only where it must: many slots for one lock. */
#ifndef STARTTAP_SENSOR_RING_H
#define STARTTAP_SENSOR_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define CACHE_LINE 64

struct ring {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    uint64_t shared_put, shared_taken; /* as far as the other end may know */
    uint32_t size;
    _Alignas(CACHE_LINE) uint64_t put; /* of the putting thread: slots filled */
    uint64_t known_taken;
    _Alignas(CACHE_LINE) uint64_t taken; /* of the taking thread: slots done with */
    uint64_t known_put;
};

void ring_init(struct ring *ring, uint32_t size);
void ring_cleanup(struct ring *ring);

/* The putting thread: waits until there is room for one more and returns its slot. What was put before is
 * handed over when it has to wait. */
uint32_t ring_await_room(struct ring *ring);
static inline void ring_put(struct ring *ring) { /* that slot is filled */
    ring->put++;
}
bool ring_hand_over(struct ring *ring); /* the taking thread may have all that was put; was there anything? */

/* The putting thread: slots that the taking thread may not know of yet. */
static inline uint64_t ring_held_back(const struct ring *ring) {
    return ring->put - ring->shared_put;
}

/* The putting thread: no room is known of, so ring_await_room() may wait. */
static inline bool ring_full(const struct ring *ring) {
    return ring->put - ring->known_taken >= ring->size;
}

/* The taking thread: waits for the next one and returns its slot. What was taken before is given back when it
 * has to look. */
uint32_t ring_await(struct ring *ring);
bool ring_ready(struct ring *ring); /* without waiting: there is a next one, which ring_await() returns */
static inline void ring_take(struct ring *ring) { /* done with that slot */
    ring->taken++;
}

#endif
