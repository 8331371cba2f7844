/* kafka_window.h: which records of the spool are with the library, and which were confirmed.
 *
 * A queue in the order of the spool. Records leave it at its head, once they are done; after a failure the
 * window is rewound and the records are read again from the head on: those that were done meanwhile are
 * passed over. */
#ifndef STARTTAP_OUTPUTS_KAFKA_WINDOW_H
#define STARTTAP_OUTPUTS_KAFKA_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KAFKA_WINDOW_LEN 16384 /* messages given to the library and not confirmed */

enum kafka_message_state { KAFKA_MESSAGE_SENT, KAFKA_MESSAGE_FAILED, KAFKA_MESSAGE_DONE };

struct kafka_message {
    uint64_t number;  /* in the spool */
    uint64_t time_ms; /* when it was written */
    enum kafka_message_state state;
};

/* A zeroed struct is an empty window. head <= next <= tail count messages from the beginning; a message's
 * slot is its count. */
struct kafka_window {
    struct kafka_message messages[KAFKA_WINDOW_LEN];
    uint64_t head, next, tail; /* next: to be sent, below tail after a rewind */
    size_t num_sent;           /* under way */
};

bool kafka_window_is_full(const struct kafka_window *window);
uint64_t
kafka_window_next(const struct kafka_window *window); /* the slot that kafka_window_send() will give */

/* Asked of each record that was read from the spool, in order: true when it was confirmed before, and is
 * passed over. Records that were in the window and are no longer in the spool count as done. */
bool kafka_window_is_done(struct kafka_window *window, uint64_t number);

/* Takes the record that was just found not to be done; its slot. The window must not be full. */
uint64_t kafka_window_send(struct kafka_window *window, uint64_t number, uint64_t time_ms);

/* What became of a message: KAFKA_MESSAGE_FAILED or KAFKA_MESSAGE_DONE. */
void kafka_window_report(struct kafka_window *window, uint64_t slot, enum kafka_message_state state);

/* Lets go of what is done at the head. The number below which all is done, for spool_ack(); 0: nothing new.
 */
uint64_t kafka_window_advance(struct kafka_window *window);

void kafka_window_fail_all(struct kafka_window *window); /* what is under way will not come back */
void kafka_window_rewind(struct kafka_window *window);   /* the spool is read again from the head on */

/* When the oldest message that is not done was written; 0 when there is none. */
uint64_t kafka_window_oldest_ms(const struct kafka_window *window);

#endif
