/* outbox.h: a sink with a thread of its own behind a bounded queue. Whoever has an event for it never waits:
 * one that does not fit is dropped and counted. A sink that stands still (a pipe that nobody reads, a slow
 * disk) holds up neither the capture nor other sinks. */
#ifndef STARTTAP_SENSOR_OUTBOX_H
#define STARTTAP_SENSOR_OUTBOX_H

#include "../outputs/sink.h"

/* Events that wait; about 6 KB each, once there were so many at a time. */
#define OUTBOX_EVENTS_MAX 4096u
/* An event is written and flushed after so long at most, if the sink keeps up. */
#define OUTBOX_FLUSH_MS 100u

struct outbox;

/* Takes the sink over on success. NULL: out of memory, or of threads. */
struct outbox *outbox_start(struct sink *sink);

void outbox_put(struct outbox *outbox, const struct event *event); /* copies it; from one thread at a time */
void outbox_reopen(struct outbox *outbox);                         /* sink_reopen(), soon */

/* False once the sink failed: the log says why. */
bool outbox_works(struct outbox *outbox);

/* As they were OUTBOX_FLUSH_MS ago. num_dropped counts what the queue dropped too. False: a sink that keeps
 * none. */
bool outbox_stats(struct outbox *outbox, struct sink_stats *stats);

/* Writes what waits, frees the outbox and gives the sink back, which the caller closes. NULL when that takes
 * longer than timeout_ms: the thread and what it works on are then left to the end of the program. */
struct sink *outbox_stop(struct outbox *outbox, unsigned timeout_ms);

#endif
