#include "lanes.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "batch.h"
#include "capture/fanout.h"
#include "ring.h"
#include "siphash.h"

#define NOTICES     256 /* of a lane that wait to be reported */
#define SPARE_POSTS 4u  /* posts of a lane, beside one for each other lane */
#define STOP_MS     10u /* from one look whether the threads have ended to the next */

/* Segments on their way to another lane. */
struct post {
    struct post *next;
    struct lane *owner; /* to whom it goes back */
    struct batch batch;
};

struct lane {
    struct lanes *lanes;
    unsigned number;
    pthread_t thread;
    bool runs;
    struct intake *intake;
    struct tracker *tracker;
    uint64_t num_handed_over;
    struct post **open; /* by the lane that it goes to; NULL: none is being filled */
    uint32_t num_posts; /* that this lane has made */
    int wake_fd;

    struct ring out;
    struct notice *slots; /* NOTICES */

    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t moved;
    struct post *first, **last; /* for this lane, in the order in which they came */
    struct post *spare;         /* this lane's own, that came back */
    bool woken;                 /* wake_fd is readable */
};

struct counts {
    struct intake_counters intake;
    struct decode_counters decoded;
    struct tracker_counters tracker;
    uint64_t handed_over;
};

struct lanes {
    struct lane *lanes;
    struct reporter *reporter;
    struct notice notice; /* of a lane at rest, reported at once */
    unsigned num;
    struct siphash_key flow_key; /* of the flows' hash */
    uint32_t key;                /* of the fan-out's */
    lanes_body body;
    void *context;
    bool runs;
    atomic_bool stopping;
    atomic_uint reading, running; /* threads that read packets, or exist */
    pthread_mutex_t counts_mutex;
    struct counts *counts; /* of each lane, as published */
    int bell_fd;           /* readable: there is something for the main thread */
};

/* --- notices --- */

static void ring_bell(struct lanes *lanes) {
    uint64_t one = 1;
    (void)!write(lanes->bell_fd, &one, sizeof one);
}

static void hand_over_notices(struct lane *lane) {
    if (ring_hand_over(&lane->out))
        ring_bell(lane->lanes);
}

static struct notice *lend_notice(void *context) {
    struct lane *lane = context;
    if (!lane->lanes->runs)
        return &lane->lanes->notice;
    if (ring_full(&lane->out))
        hand_over_notices(lane);
    return &lane->slots[ring_await_room(&lane->out)];
}

static void take_notice(void *context, struct notice *notice) {
    struct lane *lane = context;
    if (lane->lanes->runs)
        ring_put(&lane->out);
    else
        reporter_notice(lane->lanes->reporter, notice);
}

/* What a lane has told, but no more than fits at once, so that others have their turn. */
static bool drain(struct lane *lane) {
    unsigned num = 0;
    for (; num < NOTICES && ring_ready(&lane->out); num++) {
        reporter_notice(lane->lanes->reporter, &lane->slots[ring_await(&lane->out)]);
        ring_take(&lane->out);
    }
    return num == NOTICES;
}

static void await_bell(struct lanes *lanes, unsigned timeout_ms) {
    struct pollfd polled = {.fd = lanes->bell_fd, .events = POLLIN};
    uint64_t number;
    if (poll(&polled, 1, (int)timeout_ms) > 0)
        (void)!read(lanes->bell_fd, &number, sizeof number);
}

void lanes_report(struct lanes *lanes, unsigned timeout_ms) {
    bool more = false;
    await_bell(lanes, timeout_ms);
    for (unsigned i = 0; i < lanes->num; i++)
        more = drain(&lanes->lanes[i]) || more;
    if (more)
        ring_bell(lanes);
}

/* --- handing over --- */

static void wake(struct lane *lane) { /* its mutex is held */
    uint64_t one = 1;
    pthread_cond_signal(&lane->moved);
    if (!lane->woken)
        lane->woken = write(lane->wake_fd, &one, sizeof one) == sizeof one;
}

static void send_post(struct lane *lane, unsigned to) {
    struct post *post = lane->open[to];
    struct lane *taker = &lane->lanes->lanes[to];
    if (!post)
        return;
    lane->open[to] = NULL;
    post->next = NULL;
    pthread_mutex_lock(&taker->mutex);
    *taker->last = post;
    taker->last = &post->next;
    wake(taker);
    pthread_mutex_unlock(&taker->mutex);
}

static void send_all(struct lane *lane) {
    for (unsigned to = 0; to < lane->lanes->num; to++)
        send_post(lane, to);
}

static void work_on(struct lane *lane, struct post *post) {
    struct lane *owner = post->owner;
    const struct moment *now = intake_moment(lane->intake);
    for (uint32_t i = 0; i < post->batch.num_segments; i++)
        tracker_segment(lane->tracker, &post->batch.segments[i].segment, now);
    pthread_mutex_lock(&owner->mutex);
    post->next = owner->spare;
    owner->spare = post;
    pthread_cond_signal(&owner->moved);
    pthread_mutex_unlock(&owner->mutex);
}

static void take_posts(struct lane *lane) {
    uint64_t number;
    pthread_mutex_lock(&lane->mutex);
    struct post *post = lane->first;
    lane->first = NULL;
    lane->last = &lane->first;
    if (lane->woken)
        lane->woken = read(lane->wake_fd, &number, sizeof number) != sizeof number;
    pthread_mutex_unlock(&lane->mutex);
    while (post) {
        struct post *next = post->next;
        work_on(lane, post);
        post = next;
    }
}

static struct post *take_spare(struct lane *lane) {
    struct post *post = lane->spare;
    if (post)
        lane->spare = post->next;
    return post;
}

/* Waits until one is back; what others sent meanwhile is worked on, so that they do not wait for us. */
static struct post *await_spare(struct lane *lane) {
    struct post *post;
    send_all(lane);
    pthread_mutex_lock(&lane->mutex);
    while ((post = take_spare(lane)) == NULL) {
        if (!lane->first) {
            pthread_cond_wait(&lane->moved, &lane->mutex);
            continue;
        }
        pthread_mutex_unlock(&lane->mutex);
        take_posts(lane);
        pthread_mutex_lock(&lane->mutex);
    }
    pthread_mutex_unlock(&lane->mutex);
    return post;
}

static struct post *make_post(struct lane *lane) {
    struct post *post = malloc(sizeof *post); /* what is not used of it takes no memory */
    if (!post)
        return NULL;
    post->owner = lane;
    lane->num_posts++;
    return post;
}

static void open_post(struct lane *lane, unsigned to) {
    pthread_mutex_lock(&lane->mutex);
    struct post *post = take_spare(lane);
    pthread_mutex_unlock(&lane->mutex);
    if (!post && lane->num_posts < lane->lanes->num + SPARE_POSTS)
        post = make_post(lane);
    if (!post)
        post = await_spare(lane); /* at least one was made in the beginning */
    batch_clear(&post->batch);
    lane->open[to] = post;
}

static void hand_over(struct lane *lane, unsigned to, const struct segment *segment) {
    if (lane->open[to] && !batch_fits(&lane->open[to]->batch, segment))
        send_post(lane, to);
    if (!lane->open[to])
        open_post(lane, to);
    batch_add(&lane->open[to]->batch, segment, &(struct moment){0});
    lane->num_handed_over++;
}

/* --- a lane --- */

void lanes_packet(struct lanes *lanes, unsigned number, const struct packet *packet) {
    struct lane *lane = &lanes->lanes[number];
    struct segment segment;
    bool wanted = intake_segment(lane->intake, packet, &segment);
    struct window window; /* windows are of all lanes: pipeline.c ends them */
    (void)intake_arrive(lane->intake, packet, &window);
    const struct moment *now = intake_moment(lane->intake);
    tracker_advance(lane->tracker, now->elapsed_ns);
    if (!wanted)
        return;
    unsigned to = segment.datagram ? number : fanout_hash(&segment, lanes->key) % lanes->num;
    if (to == number)
        tracker_segment(lane->tracker, &segment, now);
    else
        hand_over(lane, to, &segment);
}

void lanes_tick(struct lanes *lanes, unsigned number, uint64_t now_ns) {
    struct lane *lane = &lanes->lanes[number];
    struct window window;
    intake_begin(lane->intake, now_ns);
    (void)intake_tick(lane->intake, now_ns, &window);
    tracker_advance(lane->tracker, intake_moment(lane->intake)->elapsed_ns);
}

void lanes_exchange(struct lanes *lanes, unsigned number) {
    struct lane *lane = &lanes->lanes[number];
    send_all(lane);
    take_posts(lane);
    hand_over_notices(lane);
}

void lanes_publish(struct lanes *lanes, unsigned number) {
    struct lane *lane = &lanes->lanes[number];
    struct counts counts = {*intake_counters(lane->intake), *intake_decoded(lane->intake),
                            *tracker_counters(lane->tracker), lane->num_handed_over};
    pthread_mutex_lock(&lanes->counts_mutex);
    lanes->counts[number] = counts;
    pthread_mutex_unlock(&lanes->counts_mutex);
}

int lanes_wake_fd(const struct lanes *lanes, unsigned number) {
    return lanes->lanes[number].wake_fd;
}

bool lanes_stopping(const struct lanes *lanes) {
    return atomic_load_explicit(&lanes->stopping, memory_order_acquire);
}

static void wake_all(struct lanes *lanes) {
    for (unsigned i = 0; i < lanes->num; i++) {
        pthread_mutex_lock(&lanes->lanes[i].mutex);
        wake(&lanes->lanes[i]);
        pthread_mutex_unlock(&lanes->lanes[i].mutex);
    }
}

/* Until nobody sends any more. Who has seen the last one stop reading has been sent all there is. */
static void take_last_posts(struct lane *lane) {
    struct lanes *lanes = lane->lanes;
    pthread_mutex_lock(&lane->mutex);
    while (lane->first || atomic_load(&lanes->reading) > 0) {
        if (!lane->first) {
            pthread_cond_wait(&lane->moved, &lane->mutex);
            continue;
        }
        pthread_mutex_unlock(&lane->mutex);
        take_posts(lane);
        pthread_mutex_lock(&lane->mutex);
    }
    pthread_mutex_unlock(&lane->mutex);
}

static void *run_lane(void *context) {
    struct lane *lane = context;
    struct lanes *lanes = lane->lanes;
    lanes->body(lanes->context, lane->number);
    send_all(lane);
    atomic_fetch_sub(&lanes->reading, 1);
    wake_all(lanes);
    take_last_posts(lane);
    hand_over_notices(lane);
    atomic_fetch_sub(&lanes->running, 1);
    ring_bell(lanes);
    return NULL;
}

/* --- the main thread --- */

static bool start_threads(struct lanes *lanes) {
    for (unsigned i = 0; i < lanes->num; i++) {
        struct lane *lane = &lanes->lanes[i];
        lane->runs = pthread_create(&lane->thread, NULL, run_lane, lane) == 0;
        if (lane->runs)
            continue;
        atomic_fetch_sub(&lanes->reading, lanes->num - i);
        atomic_fetch_sub(&lanes->running, lanes->num - i);
        return false;
    }
    return true;
}

bool lanes_start(struct lanes *lanes, char *error, size_t error_len) {
    sigset_t all, before;
    sigfillset(&all); /* signals are for the main thread */
    lanes->runs = true;
    atomic_store(&lanes->stopping, false);
    atomic_store(&lanes->reading, lanes->num);
    atomic_store(&lanes->running, lanes->num);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = start_threads(lanes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        return true;
    lanes_stop(lanes);
    snprintf(error, error_len, "--workers=%u: the threads cannot be started", lanes->num);
    return false;
}

void lanes_stop(struct lanes *lanes) {
    if (!lanes->runs)
        return;
    atomic_store(&lanes->stopping, true);
    wake_all(lanes);
    while (atomic_load(&lanes->running) > 0)
        lanes_report(lanes, STOP_MS);
    for (unsigned i = 0; i < lanes->num; i++) {
        struct lane *lane = &lanes->lanes[i];
        if (lane->runs)
            pthread_join(lane->thread, NULL);
        lane->runs = false;
        while (drain(lane))
            continue;
        lanes_publish(lanes, i);
    }
    lanes->runs = false;
}

bool lanes_reload(struct lanes *lanes, const struct config *fresh, char *error, size_t error_len) {
    for (unsigned i = 0; i < lanes->num; i++) {
        if (!tracker_reload(lanes->lanes[i].tracker, fresh, error, error_len))
            return false;
    }
    for (unsigned i = 0; i < lanes->num; i++)
        intake_reload(lanes->lanes[i].intake, fresh);
    return true;
}

void lanes_count(struct lanes *lanes, struct reporter_facts *facts) {
    pthread_mutex_lock(&lanes->counts_mutex);
    for (unsigned i = 0; i < lanes->num; i++) {
        intake_counters_add(&facts->intake, &lanes->counts[i].intake);
        decode_counters_add(&facts->decoded, &lanes->counts[i].decoded);
        tracker_counters_add(&facts->trackers, &lanes->counts[i].tracker);
    }
    pthread_mutex_unlock(&lanes->counts_mutex);
}

uint64_t lanes_handed_over(struct lanes *lanes) {
    uint64_t sum = 0;
    pthread_mutex_lock(&lanes->counts_mutex);
    for (unsigned i = 0; i < lanes->num; i++)
        sum += lanes->counts[i].handed_over;
    pthread_mutex_unlock(&lanes->counts_mutex);
    return sum;
}

void lanes_finish(struct lanes *lanes) {
    for (unsigned i = 0; i < lanes->num; i++) {
        tracker_finish(lanes->lanes[i].tracker);
        lanes_publish(lanes, i);
    }
}

/* --- begin and end --- */

static bool open_lane(struct lanes *lanes, unsigned number, const struct config *config, char *error,
                      size_t error_len) {
    struct lane *lane = &lanes->lanes[number];
    struct tracker_output output = {lend_notice, take_notice, lane};
    lane->intake = intake_new(config);
    if (lane->intake)
        intake_set_key(lane->intake, &lanes->flow_key);
    lane->open = calloc(lanes->num, sizeof(struct post *));
    lane->slots = calloc(NOTICES, sizeof *lane->slots);
    lane->spare = make_post(lane);
    if (!lane->intake || !lane->open || !lane->slots || !lane->spare)
        return false;
    lane->spare->next = NULL;
    lane->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lane->wake_fd < 0) {
        snprintf(error, error_len, "--workers=%u: too many open files", lanes->num);
        return false;
    }
    lane->tracker = tracker_new(config, (config->max_flows + lanes->num - 1) / lanes->num,
                                reporter_budget(lanes->reporter), &output, error, error_len);
    return lane->tracker != NULL;
}

static void init_lane(struct lanes *lanes, unsigned number) {
    struct lane *lane = &lanes->lanes[number];
    lane->lanes = lanes;
    lane->number = number;
    lane->wake_fd = -1;
    lane->last = &lane->first;
    ring_init(&lane->out, NOTICES);
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->moved, NULL);
}

struct lanes *lanes_new(const struct config *config, unsigned num, struct reporter *reporter, char *error,
                        size_t error_len) {
    snprintf(error, error_len, "out of memory");
    struct lanes *lanes = calloc(1, sizeof *lanes);
    if (!lanes)
        return NULL;
    pthread_mutex_init(&lanes->counts_mutex, NULL);
    lanes->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    lanes->reporter = reporter;
    lanes->flow_key = siphash_random_key();
    lanes->key = fanout_key(siphash_random_key().k0);
    lanes->counts = calloc(num, sizeof *lanes->counts);
    lanes->lanes = aligned_alloc(CACHE_LINE, num * sizeof *lanes->lanes);
    if (!lanes->lanes || !lanes->counts || lanes->bell_fd < 0)
        goto fail;
    memset(lanes->lanes, 0, num * sizeof *lanes->lanes);
    lanes->num = num;
    for (unsigned i = 0; i < num; i++)
        init_lane(lanes, i);
    for (unsigned i = 0; i < num; i++) {
        if (!open_lane(lanes, i, config, error, error_len))
            goto fail;
    }
    return lanes;
fail:
    lanes_free(lanes);
    return NULL;
}

static void free_posts(struct post *post) {
    while (post) {
        struct post *next = post->next;
        free(post);
        post = next;
    }
}

static void close_lane(struct lane *lane) {
    for (size_t i = 0; lane->slots && i < NOTICES; i++)
        event_cleanup(&lane->slots[i].event);
    tracker_free(lane->tracker);
    intake_free(lane->intake);
    free_posts(lane->first);
    free_posts(lane->spare);
    for (unsigned i = 0; lane->open && i < lane->lanes->num; i++)
        free(lane->open[i]);
    if (lane->wake_fd >= 0)
        close(lane->wake_fd);
    ring_cleanup(&lane->out);
    pthread_cond_destroy(&lane->moved);
    pthread_mutex_destroy(&lane->mutex);
    free(lane->open);
    free(lane->slots);
}

void lanes_free(struct lanes *lanes) {
    if (!lanes)
        return;
    lanes_stop(lanes);
    event_cleanup(&lanes->notice.event);
    for (unsigned i = 0; i < lanes->num; i++)
        close_lane(&lanes->lanes[i]);
    if (lanes->bell_fd >= 0)
        close(lanes->bell_fd);
    pthread_mutex_destroy(&lanes->counts_mutex);
    free(lanes->counts);
    free(lanes->lanes);
    free(lanes);
}

void lanes_set_body(struct lanes *lanes, lanes_body body, void *context) {
    lanes->body = body;
    lanes->context = context;
}

void lanes_set_keylog(struct lanes *lanes, struct keylog *keylog) {
    for (unsigned i = 0; i < lanes->num; i++)
        tracker_set_keylog(lanes->lanes[i].tracker, keylog);
}

unsigned lanes_num(const struct lanes *lanes) {
    return lanes->num;
}

uint32_t lanes_key(const struct lanes *lanes) {
    return lanes->key;
}
