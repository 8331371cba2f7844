/* smtp_queue.h: what replies are due for, in the order of the commands. */
#ifndef STARTTAP_PARSERS_SMTP_QUEUE_H
#define STARTTAP_PARSERS_SMTP_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum smtp_due {
    SMTP_DUE_NONE,     /* no command: the queue is empty, or pairing has ended */
    SMTP_DUE_GREETING, /* never in the queue */
    SMTP_DUE_MAYBE,    /* a line that a server may refuse (4xx, 5xx) or may never have answered: an empty
                          one, or a proxy's preamble before the first SMTP command */
    SMTP_DUE_HOLE,     /* from here on an unknown number of commands is missing */
    SMTP_DUE_TLS,      /* here the client went on to TLS */
    SMTP_DUE_EHLO,
    SMTP_DUE_LHLO,
    SMTP_DUE_STARTTLS,
    SMTP_DUE_MAIL,
    SMTP_DUE_RCPT,
    SMTP_DUE_DATA,
    SMTP_DUE_CONTENT,      /* the end of a content: DATA's dot, or BDAT LAST and its octets */
    SMTP_DUE_HOLE_CONTENT, /* the end of a content in which bytes are missing, its dot perhaps among them */
    SMTP_DUE_AUTH,         /* AUTH, or a response of it */
    SMTP_DUE_OTHER,        /* any other command */
};

#define SMTP_QUEUE_FEW 8 /* more are seldom under way, and then not for long */

/* A ring that grows up to SMTP_PIPELINE_MAX; all zero is an empty one. Memory of its own only for many. */
struct smtp_queue {
    union {
        uint8_t few[SMTP_QUEUE_FEW];
        uint8_t *many; /* room of them; when room is not 0 */
    };
    uint16_t first, num, room;
};

void smtp_queue_cleanup(struct smtp_queue *queue); /* leaves an empty one */
bool smtp_queue_full(const struct smtp_queue *queue);
bool smtp_queue_push(struct smtp_queue *queue, enum smtp_due due); /* false: full, or no memory */
enum smtp_due smtp_queue_first(const struct smtp_queue *queue);    /* SMTP_DUE_NONE: empty */
enum smtp_due smtp_queue_pop(struct smtp_queue *queue);            /* the same, and takes it out */

#endif
