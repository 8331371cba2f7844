/* history.h: what was read last, of all connections together, so that another copy of it can be compared.
 *
 * Whoever can put packets on the wire that only the sensor takes (a short time to live, a wrong checksum), or
 * that reach it before the true ones do, shows it other bytes than the host gets. The true ones have the same
 * sequence numbers and come, too: they are compared with what was read.
 *
 * Each piece that was read is written behind the last one, whosever that was, in a ring: that costs no memory
 * for each connection, and is written in order. The pieces of a connection, of both sides, lead back from the
 * last one; the last byte of each side is the one before what it reads next.
 *
 * How long a piece is known does not depend on how many workers share the connections: until HISTORY_REACH
 * bytes of segments came, to whichever of them. The ring holds twice that, for what comes out of order is
 * written when it is read. */
#ifndef STARTTAP_SENSOR_TRACK_HISTORY_H
#define STARTTAP_SENSOR_TRACK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../parsers/parse.h"

#define HISTORY_REACH   (512u << 10) /* bytes of payload, and HISTORY_SEGMENT for each segment that has any */
#define HISTORY_SEGMENT 32
#define HISTORY_PIECES  512 /* of a connection, the last ones, that a copy is compared with */

struct history;

/* That knows what came within the largest power of two of bytes that is not above reach, at least 1,024. All
 * of its memory is taken at once. NULL: out of memory. */
struct history *history_new(size_t reach);
void history_free(struct history *history); /* NULL is fine */

/* So many bytes of segments came (struct moment) by now, this one's counted. Never goes back. */
void history_advance(struct history *history, uint64_t volume);

/* A side read these bytes. *last stands for all that its connection read; 0: nothing yet. */
void history_add(struct history *history, uint64_t *last, enum side side, const uint8_t *data, size_t len);

/* Bytes that are said to stand at [offset, +len) of what a side sent. */
struct history_copy {
    enum side side;
    uint64_t known, next; /* the side read [known, next) without a gap, and nothing since */
    int64_t offset;       /* may be negative */
    const uint8_t *data;
    size_t len;
};

/* Whether any of them is another one than was read in its place. Those whose place is not known, before or
 * behind what is kept, are not. */
bool history_differs(const struct history *history, uint64_t last, const struct history_copy *copy);

#endif
