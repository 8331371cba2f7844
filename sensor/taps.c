#include "taps.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "capture/fanout.h"
#include "capture/filter_mail.h"
#include "log.h"

#define MESSAGE_LEN 1024
#define NS_PER_MS   UINT64_C(1000000)

/* An interface, as one lane has it. Handles are opened and closed while no lane's thread runs. */
struct tap {
    struct live *live; /* NULL while it is lost */
    struct packet head;
    bool has_head, drained; /* drained: nothing more until the next wait */
    atomic_bool failed;     /* reading said so, with the message: to be closed */
    char message[MESSAGE_LEN];
    struct live_counts counts, counts_before; /* as measured; of handles that are closed */
};

/* An interface, as all lanes have it. */
struct line {
    const char *interface;
    int group; /* of the fan-out, or FANOUT_NEW */
    bool out;  /* down or away */
    bool lost; /* a handle is missing */
    uint64_t out_at_ms, retry_at_ms;
    unsigned retry_ms;
};

struct taps {
    const struct config *config;
    struct live_options options;
    uint32_t key;
    unsigned num_lanes;
    size_t num; /* interfaces */
    struct line *lines;
    struct tap *taps;      /* num of each lane */
    struct pollfd *polled; /* num + 1 of each lane */
    pthread_mutex_t mutex; /* of the counts */
    uint64_t outages, outage_ms;
    uint64_t now_ms;
    bool stamps_foreign, needs_admin;
};

static struct tap *taps_of(const struct taps *taps, unsigned lane) {
    return taps->taps + lane * taps->num;
}

/* --- opening --- */

static bool set_filter(const struct taps *taps, const char *interface, struct live *live, char *message,
                       size_t message_len) {
    char *expression = filter_mail(taps->config, live_linktype(live));
    if (!expression)
        snprintf(message, message_len, "%s: out of memory", interface);
    bool good = expression && live_filter(live, expression, message, message_len);
    free(expression);
    return good;
}

static enum live_open_result open_tap(struct taps *taps, struct line *line, struct tap *tap, char *message,
                                      size_t message_len) {
    enum live_open_result result =
        live_open(line->interface, &taps->options, &tap->live, message, message_len);
    if (result != LIVE_OPENED)
        return result;
    tap->drained = tap->has_head = false;
    taps->stamps_foreign = taps->stamps_foreign || live_stamps_foreign(tap->live);
    taps->needs_admin = taps->needs_admin || live_needs_admin(tap->live);
    if (!taps->options.shared || live_share(tap->live, taps->key, &line->group, message, message_len))
        return LIVE_OPENED;
    return LIVE_REFUSED;
}

/* In the order of the lanes, since so the kernel numbers them; and packets come when all are there, so that
 * none changes its lane. What was opened when another one fails stays so: for the caller to close. */
static enum live_open_result open_line(struct taps *taps, size_t i, char *message, size_t message_len) {
    struct line *line = &taps->lines[i];
    for (unsigned lane = 0; lane < taps->num_lanes; lane++) {
        enum live_open_result result = open_tap(taps, line, &taps_of(taps, lane)[i], message, message_len);
        if (result != LIVE_OPENED)
            return result;
    }
    for (unsigned lane = 0; lane < taps->num_lanes; lane++) {
        if (!set_filter(taps, line->interface, taps_of(taps, lane)[i].live, message, message_len))
            return LIVE_REFUSED;
    }
    return LIVE_OPENED;
}

static bool open_all(struct taps *taps, char *error, size_t error_len) {
    for (size_t i = 0; i < taps->num; i++) {
        taps->lines[i] = (struct line){.interface = taps->config->interfaces[i], .group = FANOUT_NEW};
        if (open_line(taps, i, error, error_len) != LIVE_OPENED)
            return false;
        if (live_note(taps->taps[i].live)[0])
            log_line(LEVEL_WARNING, "%s", live_note(taps->taps[i].live));
        log_line(LEVEL_INFO, "capturing: %s", taps->lines[i].interface);
    }
    return true;
}

struct taps *taps_open(const struct config *config, unsigned num_lanes, uint32_t key, char *error,
                       size_t error_len) {
    struct taps *taps = calloc(1, sizeof *taps);
    snprintf(error, error_len, "out of memory");
    if (!taps)
        return NULL;
    *taps = (struct taps){
        .config = config,
        .options = {.ring_mb = config->ring_mb,
                    .snap_len = config->snap_len,
                    .promiscuous = !config->no_promiscuous,
                    .shared = num_lanes > 1,
                    .time_stamps = config->time_stamps},
        .key = key,
        .num_lanes = num_lanes,
        .num = config->num_interfaces,
        .lines = calloc(config->num_interfaces, sizeof(struct line)),
        .taps = calloc(config->num_interfaces * num_lanes, sizeof(struct tap)),
        .polled = calloc((config->num_interfaces + 1) * num_lanes, sizeof(struct pollfd)),
    };
    pthread_mutex_init(&taps->mutex, NULL);
    if (taps->lines && taps->taps && taps->polled && open_all(taps, error, error_len))
        return taps;
    taps_close(taps);
    return NULL;
}

void taps_close(struct taps *taps) {
    if (!taps)
        return;
    for (size_t i = 0; taps->taps && i < taps->num * taps->num_lanes; i++)
        live_close(taps->taps[i].live);
    pthread_mutex_destroy(&taps->mutex);
    free(taps->polled);
    free(taps->taps);
    free(taps->lines);
    free(taps);
}

/* --- lost and found --- */

static void add_counts(struct live_counts *sum, const struct live_counts *more) {
    sum->received += more->received;
    sum->kernel_dropped += more->kernel_dropped;
    sum->interface_dropped += more->interface_dropped;
}

/* Nothing comes from now on. It may go down first, and away then: one outage. */
static void begin_outage(struct taps *taps, struct line *line, const char *message) {
    if (!line->out) {
        line->out = true;
        line->out_at_ms = taps->now_ms;
        taps->outages++;
    }
    log_line(LEVEL_WARNING, "%s; capture goes on when it is back", message);
}

static void end_outage(struct taps *taps, struct line *line) {
    uint64_t out_ms = taps->now_ms - line->out_at_ms;
    line->out = false;
    taps->outage_ms += out_ms;
    log_line(LEVEL_WARNING, "%s: is back after %.1f s; what passed meanwhile was missed", line->interface,
             (double)out_ms / 1000);
}

static void close_tap(struct tap *tap) {
    if (tap->live) {
        struct live_counts counts;
        live_count(tap->live, &counts);
        add_counts(&tap->counts_before, &counts);
        tap->counts = tap->counts_before;
        live_close(tap->live);
    }
    tap->live = NULL;
    tap->has_head = false;
    atomic_store(&tap->failed, false);
}

/* All lanes together, so that they have the same order again. */
static void close_line(struct taps *taps, size_t i) {
    for (unsigned lane = 0; lane < taps->num_lanes; lane++)
        close_tap(&taps_of(taps, lane)[i]);
    taps->lines[i].group = FANOUT_NEW;
    taps->lines[i].lost = true;
}

static struct tap *failed_tap(const struct taps *taps, size_t i) {
    for (unsigned lane = 0; lane < taps->num_lanes; lane++) {
        struct tap *tap = &taps_of(taps, lane)[i];
        if (atomic_load(&tap->failed))
            return tap;
    }
    return NULL;
}

static void lose(struct taps *taps, size_t i, const struct tap *failed) {
    struct line *line = &taps->lines[i];
    line->retry_ms = TAPS_RETRY_MIN_MS;
    line->retry_at_ms = taps->now_ms + line->retry_ms;
    begin_outage(taps, line, failed->message);
    close_line(taps, i);
}

static void look_at_link(struct taps *taps, size_t i) {
    struct line *line = &taps->lines[i];
    char message[MESSAGE_LEN];
    bool up = live_link_up(taps->taps[i].live);
    if (up && line->out)
        end_outage(taps, line);
    if (up || line->out)
        return;
    snprintf(message, sizeof message, "%s: the link is down", line->interface);
    begin_outage(taps, line, message);
}

static void try_again(struct taps *taps, size_t i) {
    struct line *line = &taps->lines[i];
    char message[MESSAGE_LEN];
    enum live_open_result result = open_line(taps, i, message, sizeof message);
    line->lost = result != LIVE_OPENED;
    if (!line->lost)
        return; /* look_at_link() says when it is up */
    close_line(taps, i);
    if (result == LIVE_REFUSED && line->retry_ms == TAPS_RETRY_MIN_MS)
        log_line(LEVEL_ERROR, "%s", message);
    line->retry_ms = line->retry_ms * 2 < TAPS_RETRY_MAX_MS ? line->retry_ms * 2 : TAPS_RETRY_MAX_MS;
    line->retry_at_ms = taps->now_ms + line->retry_ms;
}

bool taps_look(struct taps *taps, uint64_t now_ms) {
    bool wants_mending = false;
    taps->now_ms = now_ms;
    for (size_t i = 0; i < taps->num; i++) {
        struct line *line = &taps->lines[i];
        if (!line->lost && !failed_tap(taps, i))
            look_at_link(taps, i);
        else
            wants_mending = wants_mending || !line->lost || now_ms >= line->retry_at_ms;
    }
    return wants_mending;
}

void taps_mend(struct taps *taps) {
    for (size_t i = 0; i < taps->num; i++) {
        const struct tap *failed = failed_tap(taps, i);
        if (failed)
            lose(taps, i, failed);
        else if (taps->lines[i].lost && taps->now_ms >= taps->lines[i].retry_at_ms)
            try_again(taps, i);
    }
}

void taps_measure(struct taps *taps, unsigned lane) {
    for (size_t i = 0; i < taps->num; i++) {
        struct tap *tap = &taps_of(taps, lane)[i];
        struct live_counts now = tap->counts_before, more = {0};
        if (tap->live)
            live_count(tap->live, &more);
        add_counts(&now, &more);
        pthread_mutex_lock(&taps->mutex);
        tap->counts = now;
        pthread_mutex_unlock(&taps->mutex);
    }
}

/* What an adapter dropped each of its handles says: it counts once. */
static void count_line(struct taps *taps, size_t i, struct live_counts *counts) {
    uint64_t interface_dropped = 0;
    pthread_mutex_lock(&taps->mutex);
    for (unsigned lane = 0; lane < taps->num_lanes; lane++) {
        const struct live_counts *more = &taps_of(taps, lane)[i].counts;
        counts->received += more->received;
        counts->kernel_dropped += more->kernel_dropped;
        if (more->interface_dropped > interface_dropped)
            interface_dropped = more->interface_dropped;
    }
    pthread_mutex_unlock(&taps->mutex);
    counts->interface_dropped += interface_dropped;
}

void taps_count(struct taps *taps, uint64_t now_ms, struct taps_counts *counts) {
    *counts = (struct taps_counts){.outages = taps->outages, .outage_ms = taps->outage_ms};
    for (size_t i = 0; i < taps->num; i++) {
        if (taps->lines[i].out)
            counts->outage_ms += now_ms - taps->lines[i].out_at_ms;
        count_line(taps, i, &counts->packets);
    }
}

void taps_refilter(struct taps *taps) {
    char message[MESSAGE_LEN];
    for (size_t i = 0; i < taps->num * taps->num_lanes; i++) {
        struct live *live = taps->taps[i].live;
        const char *interface = taps->lines[i % taps->num].interface;
        if (live && !set_filter(taps, interface, live, message, sizeof message))
            log_line(LEVEL_ERROR, "%s: the filter stays as it was: %s", interface, message);
    }
}

bool taps_stamps_foreign(const struct taps *taps) {
    return taps->stamps_foreign;
}

bool taps_needs_admin(const struct taps *taps) {
    return taps->needs_admin;
}

/* --- packets --- */

static bool works(const struct tap *tap) {
    return tap->live && !atomic_load_explicit(&tap->failed, memory_order_relaxed);
}

/* Reads one packet ahead. */
static void fetch(struct tap *tap) {
    if (tap->has_head || tap->drained || !works(tap))
        return;
    switch (live_next(tap->live, &tap->head, tap->message, sizeof tap->message)) {
    case LIVE_PACKET:
        tap->has_head = true;
        break;
    case LIVE_NONE:
        tap->drained = true;
        break;
    case LIVE_LOST:
        atomic_store(&tap->failed, true);
        break;
    }
}

/* The tap with the earliest head; NULL when there is none. *silent: another one that works has none. */
static struct tap *earliest(const struct taps *taps, unsigned lane, bool *silent) {
    struct tap *first = NULL;
    *silent = false;
    for (size_t i = 0; i < taps->num; i++) {
        struct tap *tap = &taps_of(taps, lane)[i];
        fetch(tap);
        if (!tap->has_head)
            *silent = *silent || works(tap);
        else if (!first || tap->head.ts_ns < first->head.ts_ns)
            first = tap;
    }
    return first;
}

static bool hand_out(struct tap *tap, struct packet *packet) {
    tap->has_head = false;
    *packet = tap->head;
    return true;
}

bool taps_next(struct taps *taps, unsigned lane, uint64_t now_ns, struct packet *packet) {
    const uint64_t hold_ns = TAPS_HOLD_MS * NS_PER_MS;
    bool silent;
    struct tap *tap = earliest(taps, lane, &silent);
    if (!tap)
        return false;
    /* a stamp of the future is of another clock: waiting for it could take years */
    bool young = tap->head.ts_ns + hold_ns > now_ns && tap->head.ts_ns < now_ns + hold_ns;
    return silent && young ? false : hand_out(tap, packet);
}

bool taps_last(struct taps *taps, unsigned lane, struct packet *packet) {
    bool silent;
    struct tap *tap = earliest(taps, lane, &silent);
    return tap && hand_out(tap, packet);
}

void taps_wait(struct taps *taps, unsigned lane, int wake_fd, unsigned timeout_ms) {
    struct pollfd *polled = taps->polled + lane * (taps->num + 1);
    nfds_t num = 0;
    for (size_t i = 0; i < taps->num; i++) {
        struct tap *tap = &taps_of(taps, lane)[i];
        if (tap->has_head) /* is readable, but must not be read before its time */
            timeout_ms = timeout_ms < LIVE_BLOCK_MS ? timeout_ms : LIVE_BLOCK_MS;
        else if (works(tap))
            polled[num++] = (struct pollfd){.fd = live_fd(tap->live), .events = POLLIN};
        tap->drained = false;
    }
    if (wake_fd >= 0)
        polled[num++] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    (void)poll(polled, num, (int)timeout_ms);
}
