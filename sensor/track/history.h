/* history.h: the last bytes of a stream that were read, so that another copy of them can be compared.
 *
 * Whoever can put packets on the wire that only the sensor takes (a short time to live, a wrong checksum), or
 * that reach it before the true ones do, shows it other bytes than the host gets. The true ones have the same
 * sequence numbers and come, too: they are compared with what was read.
 *
 * They stand in blocks. What a connection gave back when it ended, a pool keeps for those that begin. */
#ifndef STARTTAP_SENSOR_TRACK_HISTORY_H
#define STARTTAP_SENSOR_TRACK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_MAX    (16u << 10) /* bytes kept */
#define HISTORY_SPARES 512         /* blocks of 1 KiB that a pool keeps at most */

struct history;
struct history_pool;

struct history_pool *history_pool_new(void);       /* NULL: out of memory */
void history_pool_free(struct history_pool *pool); /* after all that took from it; NULL is fine */

void history_free(struct history *history); /* NULL is fine */

/* These bytes were read from [offset, +len). *history is made when it is NULL, and NULL again for want of
 * memory: then nothing is compared. Bytes that do not follow those that are there begin anew. */
void history_add(struct history **history, struct history_pool *pool, uint64_t offset, const uint8_t *data,
                 size_t len);

/* Whether any of these bytes is another one than was read in its place; bytes whose place is not known,
 * before or behind what is kept, are not. offset may be negative. NULL is fine. */
bool history_differs(const struct history *history, int64_t offset, const uint8_t *data, size_t len);

size_t history_held(const struct history *history); /* bytes of memory; NULL: 0 */

#endif
