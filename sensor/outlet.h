/* outlet.h: all the sinks of a run as one. Says on the log what goes wrong with them. Events may come from
 * another thread than the loop's: outlet_event() and outlet_reopen() lock. */
#ifndef STARTTAP_SENSOR_OUTLET_H
#define STARTTAP_SENSOR_OUTLET_H

#include <stdbool.h>

#include "../outputs/event.h"
#include "config.h"
#include "metrics_table.h"
#include "progress.h"

struct outlet;

/* Opens the sinks that config names; config and progress are borrowed and must outlive the outlet. NULL when
 * one cannot be opened: the log says which and why. */
struct outlet *outlet_open(const struct config *config, struct progress *progress);

/* Begins the threads of sinks: once the program has become what it will be. False: the log says why. Live,
 * nobody waits for a sink from now on: each is behind a queue (outbox.h), and what it does not take in time
 * is dropped and counted. */
bool outlet_start(struct outlet *outlet);

/* Gives the event to each sink, that of the sensor with what it says of sinks (sink_report.h). One that is
 * full is waited for; one that fails is closed, and the others go on. */
void outlet_event(struct outlet *outlet, const struct event *event);

bool outlet_listens(const struct outlet *outlet); /* false: all sinks failed; reading on is of no use */
bool outlet_pipe_broken(
    const struct outlet *outlet);          /* the reader of standard output went away: end quietly */
void outlet_reopen(struct outlet *outlet); /* whoever renamed the files asks for new ones */

/* A stop was asked for: from now on nothing waits longer than that. */
void outlet_hurry(struct outlet *outlet, uint32_t seconds);

/* Tells on the log of each sink what it was given and what became of it. */
void outlet_answer(const struct outlet *outlet);

/* The same for the metrics: the first *num (up to METRICS_SINKS_MAX) of sinks are filled. False: events are
 * being written, which may take a while. */
bool outlet_measure(struct outlet *outlet, struct metrics_sink *sinks, size_t *num);

/* Waits until all is delivered, or that is in vain, or a signal comes meanwhile; then closes the sinks. False
 * when any event did not get where it should, then or earlier. */
bool outlet_finish(struct outlet *outlet);
void outlet_free(struct outlet *outlet); /* NULL is fine */

#endif
