/* workers.h: several trackers, each in a thread of its own, and the reporter in one more; the same notices in
 * the same order as from one tracker.
 *
 *   reading thread           worker 0 .. N-1              reporting thread
 *   intake -> segments  ->   tracker -> notices  ->       merged by their order -> reporter
 *
 * Both directions of a connection have the same hash, which chooses the worker; fragments and tunnels are
 * behind us by then. Segments are copied into batches. All workers' batches are handed over at the same time
 * (a round), with the moment up to which they reach, so that an idle worker knows it too; a worker ends each
 * round's notices with a mark. The reporting thread merges round by round, so it waits for no notice that
 * cannot come, and every queue is bounded: whoever is ahead waits.
 *
 * This is for files; live there are lanes.h. */
#ifndef STARTTAP_SENSOR_WORKERS_H
#define STARTTAP_SENSOR_WORKERS_H

#include "capture/packet.h"
#include "config.h"
#include "judge/keylog.h"
#include "reporter.h"

struct workers;

/* num trackers (2 to CONFIG_WORKERS_MAX). config and reporter are borrowed. NULL with a message in error. */
struct workers *workers_new(const struct config *config, unsigned num, struct reporter *reporter, char *error,
                            size_t error_len);
void workers_free(struct workers *workers); /* NULL is fine; ends the threads */

/* Before workers_start(): secrets to look inside TLS 1.3 with. Borrowed, must outlive the workers. */
void workers_set_keylog(struct workers *workers, struct keylog *keylog);

/* From here on the reporter belongs to the reporting thread. False with a message in error. */
bool workers_start(struct workers *workers, char *error, size_t error_len);

/* From the reading thread: returns when all that was handed over is reported, and the threads are at rest;
 * and goes on. */
void workers_pause(struct workers *workers);
bool workers_resume(struct workers *workers, char *error, size_t error_len);

/* While they are at rest: tracker_reload() for all. */
bool workers_reload(struct workers *workers, const struct config *fresh, char *error, size_t error_len);

/* From the reading thread, in the order of the capture, as for a tracker (tracker.h) and the reporter. */
void workers_advance(struct workers *workers, const struct moment *now);
void workers_segment(struct workers *workers, const struct segment *segment, const struct moment *now);
void workers_next_input(struct workers *workers);
void workers_end_window(struct workers *workers, const struct window *window);
void workers_sensor(struct workers *workers,
                    const struct reporter_facts *facts); /* without the trackers' counters */

/* Hands over what is held back to be handed over with more: somebody waits for the events. */
void workers_flush(struct workers *workers);

/* End of the input: tells of every open connection, ends this window, emits the sensor's event; facts without
 * the trackers' counters. Returns when all of it was emitted; the reporter is the caller's again. */
void workers_finish(struct workers *workers, const struct window *window, const struct reporter_facts *facts);

uint64_t workers_sessions(const struct workers *workers); /* emitted so far; from any thread */

#endif
