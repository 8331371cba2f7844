/* twins.h: no two connections of a run have the same event.id.
 *
 * The id is made from the ends of a connection and the time at which it began, and that can come again: ends
 * that connect twice within a tick of a coarse clock, a clock that was set back, stamps that jump, a
 * connection that was forgotten to make room and is picked up again, a capture that is read under two names.
 * Such are twins, and are numbered in the order in which they end; so the same captures give the same ids.
 *
 * Ids are kept of the last TWINS_REMEMBERED connections and as many before them, of fewer when there is no
 * memory. Who began before the end of what was forgotten may have a twin there, and gets a number that no
 * other has. */
#ifndef STARTTAP_SENSOR_JUDGE_TWINS_H
#define STARTTAP_SENSOR_JUDGE_TWINS_H

#include <stdbool.h>
#include <stdint.h>

#define TWINS_REMEMBERED (1u << 17) /* connections, at least; at most twice as many, which take 4 MiB */

struct twins;

struct twins *twins_new(void);        /* NULL: out of memory */
void twins_free(struct twins *twins); /* NULL is fine */

/* id: 128 bits in hex; start_ns is one of the facts that it was made from. 0 for the first one of its id,
 * else a number that none of the same id got before. */
uint64_t twins_number(struct twins *twins, const char *id, uint64_t start_ns);

#endif
