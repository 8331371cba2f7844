/* inner.h: the SMTP that comes out of decrypted TLS: a parser, and the bytes that it makes wait.
 *
 * Out of a capture a side that has to wait is offered again by whoever put the stream in order; what was
 * decrypted exists only once, so it waits here, up to INNER_WAIT_MAX bytes a side. */
#ifndef STARTTAP_SENSOR_TRACK_INNER_H
#define STARTTAP_SENSOR_TRACK_INNER_H

#include "../../parsers/smtp.h"

#define INNER_WAIT_MAX 65536 /* bytes of a side that wait; beyond it the wait is cut short */

/* What the conversation begins with. */
enum inner_start {
    INNER_GREETING, /* implicit TLS: the server speaks first */
    INNER_RESET, /* after STARTTLS: the state behind a greeting, which does not come (RFC 3207 section 4.2) */
    INNER_UNKNOWN, /* how TLS began was not captured */
};

struct inner;

struct inner *inner_new(enum inner_start start); /* NULL: out of memory */
void inner_free(struct inner *inner);            /* NULL is fine; what waited is wiped */

/* The next len bytes of a side, borrowed for the call. */
void inner_push(struct inner *inner, enum side side, const uint8_t *data, size_t len);
/* What that side said next is missing, nobody knows how much. */
void inner_gap(struct inner *inner, enum side side);
/* No more will come: ends all waits. */
void inner_finish(struct inner *inner);

const struct smtp_facts *inner_facts(const struct inner *inner);

size_t inner_held(const struct inner *inner); /* bytes of memory */

#endif
