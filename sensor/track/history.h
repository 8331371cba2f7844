/* history.h: what was read last, of all connections together, so that another copy of it can be compared.
 *
 * Whoever can put packets on the wire that only the sensor takes (a short time to live, a wrong checksum), or
 * that reach it before the true ones do, shows it other bytes than the host gets. The true ones have the same
 * sequence numbers and come, too: they are compared with what was read.
 *
 * Each piece that a stream gave to its reader is written behind the last one, whosever that was, in a ring:
 * it costs no memory for each connection, and is written in order. The pieces of one stream lead back from
 * the last one, and the last byte of that is the one before what the stream reads next.
 *
 * How long a piece is known does not depend on how many workers share the connections: until HISTORY_REACH
 * bytes of segments came, to whichever of them. The ring holds twice that, for what comes out of order is
 * written when it is read. */
#ifndef STARTTAP_SENSOR_TRACK_HISTORY_H
#define STARTTAP_SENSOR_TRACK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_REACH   (512u << 10) /* bytes of payload, and HISTORY_SEGMENT for each segment that has any */
#define HISTORY_SEGMENT 32
#define HISTORY_PIECES  256 /* of one stream, the last ones, that a copy is compared with */

struct history;

/* That knows what came within the largest power of two of bytes that is not above reach, at least 1,024. All
 * of its memory is taken at once. NULL: out of memory. */
struct history *history_new(size_t reach);
void history_free(struct history *history); /* NULL is fine */

/* So many bytes of segments came (struct moment) by now, this one's counted. Never goes back. */
void history_advance(struct history *history, uint64_t volume);

/* A stream read these bytes, right behind those that *last stands for; 0: behind none that are known. *last
 * stands for these then. Of a very long piece the end alone is kept. */
void history_add(struct history *history, uint64_t *last, const uint8_t *data, size_t len);

/* Whether any of these bytes, which are said to stand at [offset, +len) of the stream, is another one than
 * was read in its place; bytes whose place is not known, before or behind what is kept, are not. end is the
 * offset behind what last stands for. offset may be negative. */
bool history_differs(const struct history *history, uint64_t last, uint64_t end, int64_t offset,
                     const uint8_t *data, size_t len);

#endif
