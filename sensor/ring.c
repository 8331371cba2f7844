#include "ring.h"

void ring_init(struct ring *ring, uint32_t size) {
    *ring = (struct ring){.size = size};
    pthread_mutex_init(&ring->mutex, NULL);
    pthread_cond_init(&ring->moved, NULL);
}

void ring_cleanup(struct ring *ring) {
    pthread_cond_destroy(&ring->moved);
    pthread_mutex_destroy(&ring->mutex);
}

static bool share_put(struct ring *ring) {
    if (ring->shared_put == ring->put)
        return false;
    ring->shared_put = ring->put;
    pthread_cond_signal(&ring->moved); /* only one end can be waiting */
    return true;
}

uint32_t ring_await_room(struct ring *ring) {
    if (ring->put - ring->known_taken >= ring->size) {
        pthread_mutex_lock(&ring->mutex);
        (void)share_put(ring);
        while (ring->put - ring->shared_taken >= ring->size)
            pthread_cond_wait(&ring->moved, &ring->mutex);
        ring->known_taken = ring->shared_taken;
        pthread_mutex_unlock(&ring->mutex);
    }
    return (uint32_t)(ring->put % ring->size);
}

bool ring_hand_over(struct ring *ring) {
    pthread_mutex_lock(&ring->mutex);
    bool more = share_put(ring);
    pthread_mutex_unlock(&ring->mutex);
    return more;
}

static void share_taken(struct ring *ring) {
    if (ring->shared_taken == ring->taken)
        return;
    ring->shared_taken = ring->taken;
    pthread_cond_signal(&ring->moved);
}

bool ring_ready(struct ring *ring) {
    if (ring->taken == ring->known_put) {
        pthread_mutex_lock(&ring->mutex);
        share_taken(ring);
        ring->known_put = ring->shared_put;
        pthread_mutex_unlock(&ring->mutex);
    }
    return ring->taken != ring->known_put;
}

uint32_t ring_await(struct ring *ring) {
    if (ring->taken == ring->known_put) {
        pthread_mutex_lock(&ring->mutex);
        share_taken(ring);
        while (ring->shared_put == ring->taken)
            pthread_cond_wait(&ring->moved, &ring->mutex);
        ring->known_put = ring->shared_put;
        pthread_mutex_unlock(&ring->mutex);
    }
    return (uint32_t)(ring->taken % ring->size);
}
