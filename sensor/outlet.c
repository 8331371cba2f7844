#include "outlet.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../outputs/sink.h"
#include "log.h"
#include "outbox.h"
#include "signals.h"
#include "sink_report.h"

#define LOOK_EACH_MS 100   /* while events are delivered */
#define DRAIN_MIN_MS 1000  /* for what only has to be written down */
#define DRAIN_MS     10000 /* live, at the end, for a sink to take what waits */

struct outlet {
    const struct config *config;
    struct progress *progress;
    struct sink **sinks;      /* NULL where one failed and was closed */
    struct outbox **outboxes; /* live: whoever has one has the sink too, until outlet_finish(); else NULL */
    size_t num_sinks;
    struct sink_report *report;
    pthread_mutex_t mutex;  /* held while sinks are used */
    atomic_size_t num_open; /* of the sinks without outbox */
    bool failed, pipe_broken;
    uint64_t give_up_ms; /* of the monotonic clock; 0: patience alone decides */
};

static void drop_sink(struct outlet *outlet, size_t i) {
    if (sink_gone(outlet->sinks[i])) {
        outlet->pipe_broken = true;
    } else {
        log_line(LEVEL_ERROR, "%s", sink_error(outlet->sinks[i]));
        outlet->failed = true;
    }
    sink_close(outlet->sinks[i]);
    outlet->sinks[i] = NULL;
    outlet->num_open--;
}

/* From a thread of a sink. */
static void on_message(void *context, const char *message) {
    (void)context;
    log_line(LEVEL_WARNING, "%s", message);
}

static uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* How long nothing was delivered. */
struct patience {
    uint64_t num_delivered, since_ms;
};

static bool has_patience(const struct outlet *outlet, struct sink *sink, struct patience *patience) {
    struct sink_stats stats;
    uint64_t now_ms = clock_ms();
    if (outlet->give_up_ms != 0 && now_ms >= outlet->give_up_ms)
        return false;
    sink_stats(sink, &stats);
    if (patience->since_ms == 0 || stats.num_delivered != patience->num_delivered)
        *patience = (struct patience){stats.num_delivered, now_ms};
    return now_ms - patience->since_ms < outlet->config->sink_wait_s * UINT64_C(1000);
}

/* Reading waits for a sink that is full. */
static bool write_event(const struct outlet *outlet, struct sink *sink, const struct event *event) {
    struct patience patience = {0};
    int result;
    while ((result = sink_write(sink, event)) == SINK_FULL && !signals_stop() &&
           has_patience(outlet, sink, &patience)) {
        if (sink_wait(sink, LOOK_EACH_MS) == 0)
            poll(NULL, 0, LOOK_EACH_MS); /* it is not the events that take the room */
    }
    return result == 0;
}

static void report_sinks(struct outlet *outlet, struct sensor_event *event) {
    if (!outlet->outboxes[0]) {
        sink_report_fill(outlet->report, outlet->sinks, outlet->num_sinks, event);
        return;
    }
    sink_report_begin(event);
    for (size_t i = 0; i < outlet->num_sinks; i++) {
        struct sink_stats stats;
        if (outbox_stats(outlet->outboxes[i], &stats))
            sink_report_add(outlet->report, outlet->config->sinks[i], &stats, event);
    }
}

static void give_event(struct outlet *outlet, const struct event *event) {
    struct event told; /* borrows all that event owns */
    if (event->dataset == DATASET_SENSOR) {
        told = *event;
        report_sinks(outlet, &told.sensor);
        event = &told;
    }
    for (size_t i = 0; i < outlet->num_sinks; i++) {
        if (outlet->outboxes[i])
            outbox_put(outlet->outboxes[i], event);
        else if (outlet->sinks[i] && !write_event(outlet, outlet->sinks[i], event))
            drop_sink(outlet, i);
    }
}

void outlet_event(struct outlet *outlet, const struct event *event) {
    pthread_mutex_lock(&outlet->mutex);
    give_event(outlet, event);
    pthread_mutex_unlock(&outlet->mutex);
}

bool outlet_listens(const struct outlet *outlet) {
    if (outlet->num_sinks == 0)
        return true;
    if (!outlet->outboxes[0])
        return atomic_load_explicit(&outlet->num_open, memory_order_relaxed) > 0;
    for (size_t i = 0; i < outlet->num_sinks; i++) {
        if (outbox_works(outlet->outboxes[i]))
            return true;
    }
    return false;
}

bool outlet_pipe_broken(const struct outlet *outlet) {
    return outlet->pipe_broken;
}

void outlet_reopen(struct outlet *outlet) {
    pthread_mutex_lock(&outlet->mutex);
    for (size_t i = 0; i < outlet->num_sinks; i++) {
        if (outlet->outboxes[i])
            outbox_reopen(outlet->outboxes[i]);
        else if (outlet->sinks[i])
            sink_reopen(outlet->sinks[i]);
    }
    pthread_mutex_unlock(&outlet->mutex);
}

void outlet_hurry(struct outlet *outlet, uint32_t seconds) {
    outlet->give_up_ms = clock_ms() + seconds * UINT64_C(1000) + 1;
}

/* For a sink to take what waits in its queue. */
static unsigned time_left_ms(const struct outlet *outlet) {
    uint64_t now_ms = clock_ms();
    if (outlet->give_up_ms == 0)
        return DRAIN_MS;
    uint64_t left_ms = outlet->give_up_ms > now_ms ? outlet->give_up_ms - now_ms : 0;
    return left_ms > DRAIN_MIN_MS ? (unsigned)left_ms : DRAIN_MIN_MS;
}

static uint64_t sum_errors(const struct sink_stats *stats) {
    uint64_t sum = 0;
    for (size_t i = 0; i < NUM_SINK_ERRORS; i++)
        sum += stats->errors[i];
    return sum;
}

static bool stats_of(const struct outlet *outlet, size_t i, struct sink_stats *stats) {
    if (outlet->outboxes[i])
        return outbox_works(outlet->outboxes[i]) && outbox_stats(outlet->outboxes[i], stats);
    return outlet->sinks[i] && sink_stats(outlet->sinks[i], stats);
}

void outlet_answer(const struct outlet *outlet) {
    for (size_t i = 0; i < outlet->num_sinks; i++) {
        struct sink_stats stats;
        if (stats_of(outlet, i, &stats))
            log_line(LEVEL_ANSWER,
                     "%s: events %" PRIu64 ", delivered %" PRIu64 ", waiting %" PRIu64 ", dropped %" PRIu64
                     ", rejected %" PRIu64 ", errors %" PRIu64 ", behind %" PRIu64 " ms",
                     outlet->config->sinks[i], stats.num_written, stats.num_delivered, stats.num_waiting,
                     stats.num_dropped, stats.num_rejected, sum_errors(&stats), stats.lag_ms);
        else
            log_line(LEVEL_ANSWER, "%s: failed, and closed", outlet->config->sinks[i]);
    }
}

bool outlet_measure(struct outlet *outlet, struct metrics_sink *sinks, size_t *num) {
    *num = outlet->num_sinks < METRICS_SINKS_MAX ? outlet->num_sinks : METRICS_SINKS_MAX;
    if (pthread_mutex_trylock(&outlet->mutex) != 0)
        return false;
    for (size_t i = 0; i < *num; i++) {
        sinks[i] = (struct metrics_sink){.name = outlet->config->sinks[i]};
        sinks[i].works = outlet->outboxes[i] ? outbox_works(outlet->outboxes[i]) : outlet->sinks[i] != NULL;
        (void)stats_of(outlet, i, &sinks[i].stats);
    }
    pthread_mutex_unlock(&outlet->mutex);
    return true;
}

/* The sinks are the caller's again, but for those that stand still. */
static void end_threads(struct outlet *outlet) {
    for (size_t i = 0; i < outlet->num_sinks; i++) {
        if (!outlet->outboxes[i])
            continue;
        bool works = outbox_works(outlet->outboxes[i]);
        outlet->sinks[i] = outbox_stop(outlet->outboxes[i], time_left_ms(outlet));
        outlet->outboxes[i] = NULL;
        outlet->pipe_broken = outlet->pipe_broken || (outlet->sinks[i] && sink_gone(outlet->sinks[i]));
        outlet->failed = outlet->failed || !outlet->sinks[i] || (!works && !sink_gone(outlet->sinks[i]));
        if (works)
            continue;
        sink_close(outlet->sinks[i]);
        outlet->sinks[i] = NULL;
    }
}

void outlet_free(struct outlet *outlet) {
    if (!outlet)
        return;
    end_threads(outlet);
    for (size_t i = 0; i < outlet->num_sinks; i++)
        sink_close(outlet->sinks[i]);
    sink_report_free(outlet->report);
    free(outlet->outboxes);
    free(outlet->sinks);
    pthread_mutex_destroy(&outlet->mutex);
    free(outlet);
}

static bool open_all(struct outlet *outlet) {
    char error[512];
    const struct config *config = outlet->config;
    struct sink_options options = {
        .datasets = config->datasets,
        .force = config->force,
        .kafka = {config->kafka_config, config->kafka_properties, config->num_kafka_properties},
        .spool = config->spool,
        .spool_max = (uint64_t)config->spool_max_mb << 20,
        .drop_oldest = config->num_interfaces > 0,
        .live = config->num_interfaces > 0,
        .log = on_message,
        .start_later = true,
    };
    for (size_t i = 0; i < outlet->num_sinks; i++) {
        outlet->sinks[i] = sink_open(config->sinks[i], &options, error, sizeof error);
        if (outlet->sinks[i])
            continue;
        log_line(LEVEL_ERROR, "%s", error);
        return false;
    }
    return true;
}

struct outlet *outlet_open(const struct config *config, struct progress *progress) {
    struct outlet *outlet = calloc(1, sizeof *outlet);
    struct sink **sinks = calloc(config->num_sinks + 1, sizeof *sinks);
    struct outbox **outboxes = calloc(config->num_sinks + 1, sizeof *outboxes);
    struct sink_report *report = sink_report_new(config->num_interfaces > 0);
    if (!outlet || !sinks || !outboxes || !report) {
        free(outlet);
        free(sinks);
        free(outboxes);
        sink_report_free(report);
        log_line(LEVEL_ERROR, "out of memory");
        return NULL;
    }
    *outlet = (struct outlet){.config = config,
                              .progress = progress,
                              .sinks = sinks,
                              .outboxes = outboxes,
                              .num_sinks = config->num_sinks,
                              .num_open = config->num_sinks,
                              .report = report};
    pthread_mutex_init(&outlet->mutex, NULL);
    if (open_all(outlet))
        return outlet;
    outlet_free(outlet);
    return NULL;
}

static bool start_outboxes(struct outlet *outlet) {
    for (size_t i = 0; i < outlet->num_sinks; i++) {
        outlet->outboxes[i] = outbox_start(outlet->sinks[i]);
        if (outlet->outboxes[i])
            continue;
        log_line(LEVEL_ERROR, "%s: no thread can be had for it", outlet->config->sinks[i]);
        return false;
    }
    return true;
}

bool outlet_start(struct outlet *outlet) {
    bool good = true;
    signals_hold_begin(); /* they are for the loop */
    for (size_t i = 0; good && i < outlet->num_sinks; i++) {
        good = sink_start(outlet->sinks[i]) == 0;
        if (!good)
            log_line(LEVEL_ERROR, "%s", sink_error(outlet->sinks[i]));
    }
    good = good && (outlet->config->num_interfaces == 0 || start_outboxes(outlet));
    signals_hold_end();
    return good;
}

static bool wait_for(struct outlet *outlet, struct sink *sink) {
    struct patience patience = {0};
    struct sink_stats stats;
    bool was_stopped = signals_stop();
    uint64_t num_waiting;
    while ((num_waiting = sink_wait(sink, LOOK_EACH_MS)) > 0 && has_patience(outlet, sink, &patience) &&
           (was_stopped || !signals_stop()))
        progress_deliver(outlet->progress, sink_target(sink), num_waiting);
    /* A sensor that is stopped while Kafka is away has done its work: the events are safe. */
    bool is_kept = outlet->config->num_interfaces > 0 && sink_keeps(sink);
    if (num_waiting > 0) {
        const char *why = sink_error(sink); /* NULL: nothing failed, it is slow */
        log_line(is_kept ? LEVEL_NOTICE : LEVEL_ERROR, "%s%s", why ? why : sink_target(sink),
                 why ? "" : ": not all was taken in time");
        outlet->failed = outlet->failed || !is_kept;
    }
    if (sink_stats(sink, &stats) && stats.num_rejected > 0)
        outlet->failed = true; /* the sink said of which events and why */
    return num_waiting == 0;
}

bool outlet_finish(struct outlet *outlet) {
    end_threads(outlet);
    for (size_t i = 0; i < outlet->num_sinks; i++) {
        if (outlet->sinks[i] && sink_flush(outlet->sinks[i]) != 0)
            drop_sink(outlet, i);
        if (!outlet->sinks[i])
            continue;
        bool delivered = wait_for(outlet, outlet->sinks[i]);
        bool closed = sink_close(outlet->sinks[i]) == 0;
        outlet->sinks[i] = NULL;
        if (closed || !delivered)
            continue;
        log_line(LEVEL_ERROR, "%s: cannot be closed: %s", outlet->config->sinks[i], strerror(errno));
        outlet->failed = true;
    }
    return !outlet->failed;
}
