#include "smtp_queue.h"

#include <stdlib.h>

#include "smtp.h"

#define ROOM_FIRST 32 /* SMTP_PIPELINE_MAX is this, doubled seven times */

void smtp_queue_cleanup(struct smtp_queue *queue) {
    free(queue->dues);
    *queue = (struct smtp_queue){0};
}

bool smtp_queue_full(const struct smtp_queue *queue) {
    return queue->num >= SMTP_PIPELINE_MAX;
}

static bool grow(struct smtp_queue *queue) {
    size_t room = queue->room > 0 ? (size_t)queue->room * 2 : ROOM_FIRST;
    uint8_t *dues = malloc(room);
    if (dues == NULL) {
        return false;
    }
    for (size_t i = 0; i < queue->num; i++) {
        dues[i] = queue->dues[(queue->first + i) % queue->room];
    }
    free(queue->dues);
    queue->dues = dues;
    queue->first = 0;
    queue->room = (uint16_t)room;
    return true;
}

bool smtp_queue_push(struct smtp_queue *queue, enum smtp_due due) {
    if (smtp_queue_full(queue) || (queue->num == queue->room && !grow(queue))) {
        return false;
    }
    queue->dues[(queue->first + queue->num) % queue->room] = (uint8_t)due;
    queue->num++;
    return true;
}

enum smtp_due smtp_queue_first(const struct smtp_queue *queue) {
    return queue->num > 0 ? (enum smtp_due)queue->dues[queue->first] : SMTP_DUE_NONE;
}

enum smtp_due smtp_queue_pop(struct smtp_queue *queue) {
    enum smtp_due due = smtp_queue_first(queue);
    if (due != SMTP_DUE_NONE) {
        queue->first = (uint16_t)((queue->first + 1) % queue->room);
        queue->num--;
    }
    return due;
}
