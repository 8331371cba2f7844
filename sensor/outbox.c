#include "outbox.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "signals.h"

struct outbox {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct sink *sink; /* the thread's alone, until it is done */

    /* Under the lock: */
    size_t first, num; /* of the events that wait */
    bool reopen, stop, done, failed;
    bool has_stats;
    struct sink_stats stats;
    uint64_t num_lost;
    bool losing; /* said so */

    struct event events[OUTBOX_EVENTS_MAX]; /* those that wait are the thread's, the others the caller's */
};

/* --- the thread --- */

static struct timespec after_ms(unsigned ms) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static void fail(struct outbox *outbox) {
    if (!sink_gone(outbox->sink))
        log_line(LEVEL_ERROR, "%s", sink_error(outbox->sink));
    pthread_mutex_lock(&outbox->lock);
    outbox->failed = true;
    pthread_mutex_unlock(&outbox->lock);
}

/* Says so once. Under the lock. */
static void lose_event(struct outbox *outbox) {
    if (!outbox->losing)
        log_line(LEVEL_ERROR, "%s: does not keep up; events are dropped", sink_target(outbox->sink));
    outbox->losing = true;
    outbox->num_lost++;
}

/* All that waited was written and nothing was lost meanwhile: that is over. Under the lock. */
static void note_recovery(struct outbox *outbox, size_t num, uint64_t lost_before) {
    if (!outbox->losing || num == 0 || outbox->num > 0 || outbox->num_lost != lost_before)
        return;
    outbox->losing = false;
    log_line(LEVEL_WARNING, "%s: keeps up again; %" PRIu64 " events were dropped so far",
             sink_target(outbox->sink), outbox->num_lost);
}

/* Writes the first num events that wait. Those of a sink that is full are dropped: live, there is no waiting.
 */
static void write_events(struct outbox *outbox, size_t first, size_t num, uint64_t lost_before) {
    for (size_t i = 0; i < num && !outbox->failed; i++) {
        int result = sink_write(outbox->sink, &outbox->events[(first + i) % OUTBOX_EVENTS_MAX]);
        if (result == SINK_FULL) {
            pthread_mutex_lock(&outbox->lock);
            lose_event(outbox);
            pthread_mutex_unlock(&outbox->lock);
        } else if (result != 0) {
            fail(outbox);
        }
    }
    pthread_mutex_lock(&outbox->lock);
    outbox->first = (outbox->first + num) % OUTBOX_EVENTS_MAX; /* outbox_put() may have begun anew */
    outbox->num -= num;
    note_recovery(outbox, num, lost_before);
    pthread_mutex_unlock(&outbox->lock);
}

static void flush(struct outbox *outbox) {
    struct sink_stats stats;
    if (!outbox->failed && sink_flush(outbox->sink) != 0)
        fail(outbox);
    bool has_stats = sink_stats(outbox->sink, &stats);
    pthread_mutex_lock(&outbox->lock);
    outbox->has_stats = has_stats;
    outbox->stats = stats;
    pthread_mutex_unlock(&outbox->lock);
}

static void *deliver(void *context) {
    struct outbox *outbox = context;
    bool stop = false;
    while (!stop) {
        struct timespec deadline = after_ms(OUTBOX_FLUSH_MS);
        pthread_mutex_lock(&outbox->lock);
        while (!outbox->stop && outbox->num < OUTBOX_EVENTS_MAX / 2 &&
               pthread_cond_timedwait(&outbox->changed, &outbox->lock, &deadline) != ETIMEDOUT)
            ;
        size_t first = outbox->first, num = outbox->num;
        uint64_t lost_before = outbox->num_lost;
        bool reopen = outbox->reopen;
        outbox->reopen = false;
        stop = outbox->stop && num == 0;
        pthread_mutex_unlock(&outbox->lock);
        write_events(outbox, first, num, lost_before);
        if (reopen && !outbox->failed)
            sink_reopen(outbox->sink);
        flush(outbox);
    }
    pthread_mutex_lock(&outbox->lock);
    outbox->done = true;
    pthread_cond_broadcast(&outbox->changed);
    pthread_mutex_unlock(&outbox->lock);
    return NULL;
}

/* --- the caller --- */

/* Signals are for the thread that captures, whose waiting they end. */
static bool start_thread(struct outbox *outbox) {
    signals_hold_begin();
    int error = pthread_create(&outbox->thread, NULL, deliver, outbox);
    signals_hold_end();
    return error == 0;
}

static void outbox_free(struct outbox *outbox) {
    for (size_t i = 0; i < OUTBOX_EVENTS_MAX; i++)
        event_cleanup(&outbox->events[i]);
    pthread_cond_destroy(&outbox->changed);
    pthread_mutex_destroy(&outbox->lock);
    free(outbox);
}

struct outbox *outbox_start(struct sink *sink) {
    pthread_condattr_t monotonic;
    struct outbox *outbox = calloc(1, sizeof *outbox);
    if (!outbox)
        return NULL;
    outbox->sink = sink;
    outbox->has_stats = sink_stats(sink, &outbox->stats);
    pthread_mutex_init(&outbox->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&outbox->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (start_thread(outbox))
        return outbox;
    outbox_free(outbox);
    return NULL;
}

void outbox_put(struct outbox *outbox, const struct event *event) {
    pthread_mutex_lock(&outbox->lock);
    bool full = outbox->num == OUTBOX_EVENTS_MAX;
    if (outbox->num == 0)
        outbox->first = 0; /* few events need few places, each of which keeps its memory */
    size_t at = (outbox->first + outbox->num) % OUTBOX_EVENTS_MAX;
    pthread_mutex_unlock(&outbox->lock);
    bool copied = !full && event_copy(&outbox->events[at], event); /* nobody else looks there */
    pthread_mutex_lock(&outbox->lock);
    if (copied)
        outbox->num++;
    else
        lose_event(outbox);
    if (outbox->num >= OUTBOX_EVENTS_MAX / 2)
        pthread_cond_broadcast(&outbox->changed);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_reopen(struct outbox *outbox) {
    pthread_mutex_lock(&outbox->lock);
    outbox->reopen = true;
    pthread_mutex_unlock(&outbox->lock);
}

bool outbox_works(struct outbox *outbox) {
    pthread_mutex_lock(&outbox->lock);
    bool failed = outbox->failed;
    pthread_mutex_unlock(&outbox->lock);
    return !failed;
}

bool outbox_stats(struct outbox *outbox, struct sink_stats *stats) {
    pthread_mutex_lock(&outbox->lock);
    bool has_stats = outbox->has_stats;
    *stats = outbox->stats;
    stats->num_dropped += outbox->num_lost;
    pthread_mutex_unlock(&outbox->lock);
    return has_stats;
}

struct sink *outbox_stop(struct outbox *outbox, unsigned timeout_ms) {
    struct timespec deadline = after_ms(timeout_ms);
    int waited = 0;
    pthread_mutex_lock(&outbox->lock);
    outbox->stop = true;
    pthread_cond_broadcast(&outbox->changed);
    while (!outbox->done && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&outbox->changed, &outbox->lock, &deadline);
    bool done = outbox->done;
    size_t num = outbox->num;
    pthread_mutex_unlock(&outbox->lock);
    if (!done) {
        log_line(LEVEL_ERROR, "%s: stands still; %zu events are lost", sink_target(outbox->sink), num);
        return NULL;
    }
    pthread_join(outbox->thread, NULL);
    struct sink *sink = outbox->sink;
    outbox_free(outbox);
    return sink;
}
