#include "smtp_queue.h"

#include <stdlib.h>

#include "smtp.h"

_Static_assert(SMTP_PIPELINE_MAX == SMTP_QUEUE_FEW << 9, "grows by doubling");

void smtp_queue_cleanup(struct smtp_queue *queue) {
    if (queue->room > 0) {
        free(queue->many);
    }
    *queue = (struct smtp_queue){0};
}

bool smtp_queue_full(const struct smtp_queue *queue) {
    return queue->num >= SMTP_PIPELINE_MAX;
}

static size_t room_of(const struct smtp_queue *queue) {
    return queue->room > 0 ? queue->room : SMTP_QUEUE_FEW;
}

/* The due behind `index` others. */
static uint8_t *due_at(struct smtp_queue *queue, size_t index) {
    uint8_t *dues = queue->room > 0 ? queue->many : queue->few;
    return &dues[(queue->first + index) % room_of(queue)];
}

static bool grow(struct smtp_queue *queue) {
    size_t room = room_of(queue) * 2;
    uint8_t *dues = malloc(room);
    if (dues == NULL) {
        return false;
    }
    for (size_t i = 0; i < queue->num; i++) {
        dues[i] = *due_at(queue, i);
    }
    if (queue->room > 0) {
        free(queue->many);
    }
    queue->many = dues;
    queue->first = 0;
    queue->room = (uint16_t)room;
    return true;
}

bool smtp_queue_push(struct smtp_queue *queue, enum smtp_due due) {
    if (smtp_queue_full(queue) || (queue->num == room_of(queue) && !grow(queue))) {
        return false;
    }
    *due_at(queue, queue->num) = (uint8_t)due;
    queue->num++;
    return true;
}

enum smtp_due smtp_queue_first(const struct smtp_queue *queue) {
    const uint8_t *dues = queue->room > 0 ? queue->many : queue->few;
    return queue->num > 0 ? (enum smtp_due)dues[queue->first] : SMTP_DUE_NONE;
}

enum smtp_due smtp_queue_pop(struct smtp_queue *queue) {
    enum smtp_due due = smtp_queue_first(queue);
    if (due != SMTP_DUE_NONE) {
        queue->first = (uint16_t)((queue->first + 1u) % room_of(queue));
        queue->num--;
    }
    return due;
}
