#include "kafka_window.h"

#include <assert.h>

static struct kafka_message *message_at(struct kafka_window *window, uint64_t slot) {
    return &window->messages[slot % KAFKA_WINDOW_LEN];
}

bool kafka_window_is_full(const struct kafka_window *window) {
    return window->next == window->tail && window->tail - window->head == KAFKA_WINDOW_LEN;
}

uint64_t kafka_window_next(const struct kafka_window *window) {
    return window->next;
}

bool kafka_window_is_done(struct kafka_window *window, uint64_t number) {
    while (window->next < window->tail) {
        struct kafka_message *message = message_at(window, window->next);
        if (message->number > number) {
            return true; /* it left the window before the others */
        }
        if (message->number == number && message->state != KAFKA_MESSAGE_DONE) {
            return false;
        }
        message->state = KAFKA_MESSAGE_DONE;
        window->next++;
        if (message->number == number) {
            return true;
        }
    }
    return false;
}

uint64_t kafka_window_send(struct kafka_window *window, uint64_t number, uint64_t time_ms) {
    assert(!kafka_window_is_full(window));
    uint64_t slot = window->next++;
    if (slot == window->tail) {
        window->tail++;
    }
    *message_at(window, slot) =
        (struct kafka_message){.number = number, .time_ms = time_ms, .state = KAFKA_MESSAGE_SENT};
    window->num_sent++;
    return slot;
}

void kafka_window_report(struct kafka_window *window, uint64_t slot, enum kafka_message_state state) {
    assert(slot >= window->head && slot < window->tail);
    struct kafka_message *message = message_at(window, slot);
    assert(message->state == KAFKA_MESSAGE_SENT && window->num_sent > 0);
    message->state = state;
    window->num_sent--;
}

uint64_t kafka_window_advance(struct kafka_window *window) {
    uint64_t below = 0;
    while (window->head < window->next && message_at(window, window->head)->state == KAFKA_MESSAGE_DONE) {
        below = message_at(window, window->head)->number + 1;
        window->head++;
    }
    return below;
}

void kafka_window_fail_all(struct kafka_window *window) {
    for (uint64_t slot = window->head; slot < window->next; slot++) {
        struct kafka_message *message = message_at(window, slot);
        if (message->state == KAFKA_MESSAGE_SENT) {
            message->state = KAFKA_MESSAGE_FAILED;
        }
    }
    window->num_sent = 0;
}

void kafka_window_rewind(struct kafka_window *window) {
    assert(window->num_sent == 0);
    window->next = window->head;
}

uint64_t kafka_window_oldest_ms(const struct kafka_window *window) {
    return window->head < window->tail ? window->messages[window->head % KAFKA_WINDOW_LEN].time_ms : 0;
}
