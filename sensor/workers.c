#include "workers.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "ring.h"

#define BATCHES        8            /* of a worker: being filled, waiting, worked on */
#define ROUND_SEGMENTS 512u         /* of all workers: a round is handed over with so many, */
#define ROUND_BYTES    (256u << 10) /* or so many bytes of payload, */
#define ROUND_PACKETS  16384u       /* or after so many packets */
#define NOTICES        256          /* of a worker that wait to be reported */

/* What follows on the segments of a round, and on its notices. */
struct round_end {
    struct moment until;
    bool next_input, window_ended;
    bool finish; /* the trackers tell of every open connection */
    bool report; /* the sensor's event, with facts */
    bool last;   /* the threads end */
    struct window window;
    struct reporter_facts facts;
};

struct work {
    struct batch batch;
    struct round_end end;
};

/* In the queue to the reporting thread: a notice, or the end of a round. */
struct slot {
    struct notice notice;
    bool ends_round;
    struct round_end end;
    struct tracker_counters counters;
};

struct worker {
    struct ring in, out;
    struct tracker *tracker;
    pthread_t thread;
    bool runs;
    struct work *batch;   /* the one that the reading thread fills */
    struct work *batches; /* BATCHES */
    struct slot *slots;   /* NOTICES */
    struct slot *head;    /* of the reporting thread: the first slot that was not taken */
};

struct workers {
    struct worker *workers;
    unsigned num;
    struct reporter *reporter;
    pthread_t reporting;
    bool reports;
    struct moment until;                           /* what was read reaches up to here */
    uint32_t num_packets, num_segments, num_bytes; /* of this round */
    atomic_uint_fast64_t sessions;
};

/* --- a worker --- */

static struct slot *next_slot(struct worker *worker) {
    return &worker->slots[ring_await_room(&worker->out)];
}

static struct notice *lend_notice(void *context) {
    struct slot *slot = next_slot(context);
    slot->ends_round = false;
    return &slot->notice;
}

static void take_notice(void *context, struct notice *notice) {
    struct worker *worker = context;
    (void)notice; /* it lies in the slot */
    ring_put(&worker->out);
}

static void end_round(struct worker *worker, const struct round_end *end) {
    struct slot *slot = next_slot(worker);
    slot->ends_round = true;
    slot->end = *end;
    slot->counters = *tracker_counters(worker->tracker);
    ring_put(&worker->out);
}

/* Several rounds at once while there is more to do: each time wakes the reporting thread. */
static void hand_over_rounds(struct worker *worker) {
    if (ring_held_back(&worker->out) >= NOTICES / 4 || !ring_ready(&worker->in))
        ring_hand_over(&worker->out);
}

static void work_on(struct worker *worker, const struct work *work) {
    const struct batch *batch = &work->batch;
    tracker_segments(worker->tracker, batch->segments, batch->num_segments);
    tracker_advance(worker->tracker, work->end.until.elapsed_ns);
    if (work->end.next_input)
        tracker_next_input(worker->tracker, work->end.until.elapsed_ns);
    if (work->end.finish)
        tracker_finish(worker->tracker);
}

static void *run_worker(void *context) {
    struct worker *worker = context;
    bool last = false;
    while (!last) {
        const struct work *work = &worker->batches[ring_await(&worker->in)];
        work_on(worker, work);
        end_round(worker, &work->end);
        last = work->end.last;
        ring_take(&worker->in);
        hand_over_rounds(worker);
    }
    return NULL;
}

/* --- the reporting thread --- */

/* The worker whose first notice comes before those of the others; NULL when the round is over. */
static struct worker *first_of(struct workers *workers) {
    struct worker *first = NULL;
    for (unsigned i = 0; i < workers->num; i++) {
        struct worker *worker = &workers->workers[i];
        if (!worker->head)
            worker->head = &worker->slots[ring_await(&worker->out)];
        if (worker->head->ends_round)
            continue;
        if (!first || order_compare(&worker->head->notice.order, &first->head->notice.order) < 0)
            first = worker;
    }
    return first;
}

static void take_head(struct worker *worker) {
    worker->head = NULL;
    ring_take(&worker->out);
}

/* One round; false when it was the last. */
static bool report_round(struct workers *workers) {
    struct worker *worker;
    while ((worker = first_of(workers)) != NULL) {
        reporter_notice(workers->reporter, &worker->head->notice);
        take_head(worker);
    }
    struct round_end end = workers->workers[0].head->end;
    for (unsigned i = 0; i < workers->num; i++) {
        tracker_counters_add(&end.facts.trackers, &workers->workers[i].head->counters);
        take_head(&workers->workers[i]);
    }
    if (end.window_ended)
        reporter_end_window(workers->reporter, &end.window);
    if (end.report)
        reporter_sensor(workers->reporter, &end.facts);
    atomic_store_explicit(&workers->sessions, reporter_sessions(workers->reporter), memory_order_relaxed);
    return !end.last;
}

static void *run_reporter(void *context) {
    while (report_round(context))
        continue;
    return NULL;
}

/* --- the reading thread --- */

static void begin_batch(struct worker *worker) {
    worker->batch = &worker->batches[ring_await_room(&worker->in)];
    batch_clear(&worker->batch->batch);
}

/* Hands over a round; end->until is filled in. */
static void hand_over(struct workers *workers, struct round_end *end) {
    end->until = workers->until;
    for (unsigned i = 0; i < workers->num; i++) {
        struct worker *worker = &workers->workers[i];
        worker->batch->end = *end;
        ring_put(&worker->in);
        ring_hand_over(&worker->in);
    }
    workers->num_packets = workers->num_segments = workers->num_bytes = 0;
    for (unsigned i = 0; i < workers->num && !end->last; i++)
        begin_batch(&workers->workers[i]);
}

void workers_flush(struct workers *workers) {
    struct round_end end = {0};
    hand_over(workers, &end);
}

void workers_advance(struct workers *workers, const struct moment *now) {
    workers->until = *now;
    if (++workers->num_packets >= ROUND_PACKETS)
        workers_flush(workers);
}

void workers_next_input(struct workers *workers) {
    struct round_end end = {.next_input = true};
    hand_over(workers, &end);
}

void workers_end_window(struct workers *workers, const struct window *window) {
    struct round_end end = {.window_ended = true, .window = *window};
    hand_over(workers, &end);
}

void workers_sensor(struct workers *workers, const struct reporter_facts *facts) {
    struct round_end end = {.report = true, .facts = *facts};
    hand_over(workers, &end);
}

void workers_segment(struct workers *workers, const struct segment *segment, const struct moment *now) {
    uint32_t share = (uint32_t)((uint64_t)segment->flow_hash * workers->num >> 32);
    struct worker *worker = &workers->workers[share];
    if (!batch_fits(&worker->batch->batch, segment))
        workers_flush(workers);
    batch_add(&worker->batch->batch, segment, now);
    workers->num_segments++;
    workers->num_bytes += segment->payload_len;
    if (workers->num_segments >= ROUND_SEGMENTS || workers->num_bytes >= ROUND_BYTES)
        workers_flush(workers);
}

/* --- begin and end --- */

static bool open_worker(struct workers *workers, unsigned i, const struct config *config, char *error,
                        size_t error_len) {
    struct worker *worker = &workers->workers[i];
    struct tracker_output output = {lend_notice, take_notice, worker};
    size_t max_flows = (config->max_flows + workers->num - 1) / workers->num;
    worker->batches = malloc(BATCHES * sizeof *worker->batches);
    worker->slots = calloc(NOTICES, sizeof *worker->slots);
    if (!worker->batches || !worker->slots)
        return false;
    worker->tracker =
        tracker_new(config, max_flows, reporter_budget(workers->reporter), &output, error, error_len);
    if (worker->tracker)
        begin_batch(worker);
    return worker->tracker != NULL;
}

struct workers *workers_new(const struct config *config, unsigned num, struct reporter *reporter, char *error,
                            size_t error_len) {
    snprintf(error, error_len, "out of memory");
    struct workers *workers = calloc(1, sizeof *workers);
    if (!workers)
        return NULL;
    workers->reporter = reporter;
    workers->workers = aligned_alloc(CACHE_LINE, num * sizeof *workers->workers);
    if (!workers->workers)
        goto fail;
    memset(workers->workers, 0, num * sizeof *workers->workers);
    workers->num = num;
    for (unsigned i = 0; i < num; i++) {
        ring_init(&workers->workers[i].in, BATCHES);
        ring_init(&workers->workers[i].out, NOTICES);
    }
    for (unsigned i = 0; i < num; i++) {
        if (!open_worker(workers, i, config, error, error_len))
            goto fail;
    }
    return workers;
fail:
    workers_free(workers);
    return NULL;
}

void workers_set_keylog(struct workers *workers, struct keylog *keylog) {
    for (unsigned i = 0; i < workers->num; i++)
        tracker_set_keylog(workers->workers[i].tracker, keylog);
}

static bool start_threads(struct workers *workers) {
    for (unsigned i = 0; i < workers->num; i++) {
        struct worker *worker = &workers->workers[i];
        worker->runs = pthread_create(&worker->thread, NULL, run_worker, worker) == 0;
        if (!worker->runs)
            return false;
    }
    workers->reports = pthread_create(&workers->reporting, NULL, run_reporter, workers) == 0;
    return workers->reports;
}

bool workers_start(struct workers *workers, char *error, size_t error_len) {
    sigset_t all, before;
    sigfillset(&all); /* signals are for the reading thread, which they interrupt */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = start_threads(workers);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started)
        snprintf(error, error_len, "--workers=%u: the threads cannot be started", workers->num);
    return started;
}

/* The last round; the threads end behind it. */
static void stop(struct workers *workers, struct round_end *end) {
    end->last = true;
    hand_over(workers, end);
    for (unsigned i = 0; i < workers->num; i++) {
        if (workers->workers[i].runs)
            pthread_join(workers->workers[i].thread, NULL);
        workers->workers[i].runs = false;
    }
    if (workers->reports)
        pthread_join(workers->reporting, NULL);
    workers->reports = false;
}

void workers_pause(struct workers *workers) {
    struct round_end end = {0};
    stop(workers, &end);
}

bool workers_resume(struct workers *workers, char *error, size_t error_len) {
    for (unsigned i = 0; i < workers->num; i++)
        begin_batch(&workers->workers[i]);
    return workers_start(workers, error, error_len);
}

/* What one takes the others take, too. */
bool workers_reload(struct workers *workers, const struct config *fresh, char *error, size_t error_len) {
    for (unsigned i = 0; i < workers->num; i++) {
        if (!tracker_reload(workers->workers[i].tracker, fresh, error, error_len))
            return false;
    }
    return true;
}

void workers_finish(struct workers *workers, const struct window *window,
                    const struct reporter_facts *facts) {
    struct round_end end = {
        .finish = true, .report = true, .window_ended = true, .window = *window, .facts = *facts};
    stop(workers, &end);
}

void workers_free(struct workers *workers) {
    if (!workers)
        return;
    struct round_end end = {0};
    if (workers->num > 0 && workers->workers[0].runs)
        stop(workers, &end);
    for (unsigned i = 0; i < workers->num; i++) {
        struct worker *worker = &workers->workers[i];
        for (size_t k = 0; worker->slots && k < NOTICES; k++)
            event_cleanup(&worker->slots[k].notice.event);
        tracker_free(worker->tracker);
        ring_cleanup(&worker->in);
        ring_cleanup(&worker->out);
        free(worker->slots);
        free(worker->batches);
    }
    free(workers->workers);
    free(workers);
}

uint64_t workers_sessions(const struct workers *workers) {
    return atomic_load_explicit(&workers->sessions, memory_order_relaxed);
}
