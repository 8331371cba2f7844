#include "taps.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "capture/filter_mail.h"
#include "log.h"

#define MESSAGE_LEN 1024
#define NS_PER_MS   UINT64_C(1000000)

struct tap {
    const char *interface;
    struct live *live; /* NULL while it is lost */
    struct packet head;
    bool has_head, drained;           /* drained: nothing more until the next wait */
    struct live_counts counts_before; /* of handles that are closed */
    bool out;                         /* down or away */
    uint64_t out_at_ms, retry_at_ms;
    unsigned retry_ms;
};

struct taps {
    const struct config *config;
    struct live_options options;
    size_t num;
    struct tap *taps;
    struct pollfd *polled;
    uint64_t outages, outage_ms;
    uint64_t now_ms;
    bool stamps_foreign, needs_admin;
};

/* --- opening --- */

static enum live_open_result open_tap(struct taps *taps, struct tap *tap, char *message, size_t message_len) {
    enum live_open_result result =
        live_open(tap->interface, &taps->options, &tap->live, message, message_len);
    if (result != LIVE_OPENED)
        return result;
    char *expression = filter_mail(taps->config, live_linktype(tap->live));
    if (!expression)
        snprintf(message, message_len, "%s: out of memory", tap->interface);
    if (expression && live_filter(tap->live, expression, message, message_len)) {
        free(expression);
        tap->drained = tap->has_head = false;
        taps->stamps_foreign = taps->stamps_foreign || live_stamps_foreign(tap->live);
        taps->needs_admin = taps->needs_admin || live_needs_admin(tap->live);
        return LIVE_OPENED;
    }
    free(expression);
    live_close(tap->live);
    tap->live = NULL;
    return LIVE_REFUSED;
}

static bool open_all(struct taps *taps, char *error, size_t error_len) {
    for (size_t i = 0; i < taps->num; i++) {
        struct tap *tap = &taps->taps[i];
        tap->interface = taps->config->interfaces[i];
        if (open_tap(taps, tap, error, error_len) != LIVE_OPENED)
            return false;
        if (live_note(tap->live)[0])
            log_line(LEVEL_WARNING, "%s", live_note(tap->live));
        log_line(LEVEL_INFO, "capturing: %s", tap->interface);
    }
    return true;
}

struct taps *taps_open(const struct config *config, char *error, size_t error_len) {
    struct taps *taps = calloc(1, sizeof *taps);
    struct tap *items = calloc(config->num_interfaces, sizeof *items);
    struct pollfd *polled = calloc(config->num_interfaces, sizeof *polled);
    if (!taps || !items || !polled) {
        snprintf(error, error_len, "out of memory");
        free(polled);
        free(items);
        free(taps);
        return NULL;
    }
    *taps = (struct taps){
        .config = config,
        .options = {.ring_mb = config->ring_mb,
                    .snap_len = config->snap_len,
                    .promiscuous = !config->no_promiscuous,
                    .time_stamps = config->time_stamps},
        .num = config->num_interfaces,
        .taps = items,
        .polled = polled,
    };
    if (open_all(taps, error, error_len))
        return taps;
    taps_close(taps);
    return NULL;
}

void taps_close(struct taps *taps) {
    if (!taps)
        return;
    for (size_t i = 0; i < taps->num; i++)
        live_close(taps->taps[i].live);
    free(taps->polled);
    free(taps->taps);
    free(taps);
}

/* --- lost and found --- */

static void add_counts(struct live_counts *sum, const struct live_counts *more) {
    sum->received += more->received;
    sum->kernel_dropped += more->kernel_dropped;
    sum->interface_dropped += more->interface_dropped;
}

/* Nothing comes from now on. It may go down first, and away then: one outage. */
static void begin_outage(struct taps *taps, struct tap *tap, const char *message) {
    if (!tap->out) {
        tap->out = true;
        tap->out_at_ms = taps->now_ms;
        taps->outages++;
    }
    log_line(LEVEL_WARNING, "%s; capture goes on when it is back", message);
}

static void end_outage(struct taps *taps, struct tap *tap) {
    uint64_t out_ms = taps->now_ms - tap->out_at_ms;
    tap->out = false;
    taps->outage_ms += out_ms;
    log_line(LEVEL_WARNING, "%s: is back after %.1f s; what passed meanwhile was missed", tap->interface,
             (double)out_ms / 1000);
}

static void lose(struct taps *taps, struct tap *tap, const char *message) {
    struct live_counts counts;
    live_count(tap->live, &counts);
    add_counts(&tap->counts_before, &counts);
    live_close(tap->live);
    tap->live = NULL;
    tap->has_head = false;
    tap->retry_ms = TAPS_RETRY_MIN_MS;
    tap->retry_at_ms = taps->now_ms + tap->retry_ms;
    begin_outage(taps, tap, message);
}

static void look_at_link(struct taps *taps, struct tap *tap) {
    char message[MESSAGE_LEN];
    bool up = live_link_up(tap->live);
    if (up && tap->out)
        end_outage(taps, tap);
    if (up || tap->out)
        return;
    snprintf(message, sizeof message, "%s: the link is down", tap->interface);
    begin_outage(taps, tap, message);
}

static void try_again(struct taps *taps, struct tap *tap) {
    char message[MESSAGE_LEN];
    enum live_open_result result = open_tap(taps, tap, message, sizeof message);
    if (result == LIVE_OPENED)
        return; /* look_at_link() says when it is up */
    if (result == LIVE_REFUSED && tap->retry_ms == TAPS_RETRY_MIN_MS)
        log_line(LEVEL_ERROR, "%s", message);
    tap->retry_ms = tap->retry_ms * 2 < TAPS_RETRY_MAX_MS ? tap->retry_ms * 2 : TAPS_RETRY_MAX_MS;
    tap->retry_at_ms = taps->now_ms + tap->retry_ms;
}

void taps_look(struct taps *taps, uint64_t now_ms) {
    taps->now_ms = now_ms;
    for (size_t i = 0; i < taps->num; i++) {
        struct tap *tap = &taps->taps[i];
        if (!tap->live && now_ms >= tap->retry_at_ms)
            try_again(taps, tap);
        if (tap->live)
            look_at_link(taps, tap);
    }
}

void taps_count(struct taps *taps, uint64_t now_ms, struct taps_counts *counts) {
    *counts = (struct taps_counts){.outages = taps->outages, .outage_ms = taps->outage_ms};
    for (size_t i = 0; i < taps->num; i++) {
        struct tap *tap = &taps->taps[i];
        struct live_counts now = {0};
        if (tap->live)
            live_count(tap->live, &now);
        if (tap->out)
            counts->outage_ms += now_ms - tap->out_at_ms;
        add_counts(&counts->packets, &tap->counts_before);
        add_counts(&counts->packets, &now);
    }
}

void taps_refilter(struct taps *taps) {
    for (size_t i = 0; i < taps->num; i++) {
        struct tap *tap = &taps->taps[i];
        char message[MESSAGE_LEN] = "out of memory";
        char *expression = tap->live ? filter_mail(taps->config, live_linktype(tap->live)) : NULL;
        if (tap->live && !(expression && live_filter(tap->live, expression, message, sizeof message)))
            log_line(LEVEL_ERROR, "%s: the filter stays as it was: %s", tap->interface, message);
        free(expression);
    }
}

bool taps_stamps_foreign(const struct taps *taps) {
    return taps->stamps_foreign;
}

bool taps_needs_admin(const struct taps *taps) {
    return taps->needs_admin;
}

/* --- packets --- */

/* Reads one packet ahead. */
static void fetch(struct taps *taps, struct tap *tap) {
    char message[MESSAGE_LEN];
    if (tap->has_head || tap->drained || !tap->live)
        return;
    switch (live_next(tap->live, &tap->head, message, sizeof message)) {
    case LIVE_PACKET:
        tap->has_head = true;
        break;
    case LIVE_NONE:
        tap->drained = true;
        break;
    case LIVE_LOST:
        lose(taps, tap, message);
        break;
    }
}

/* The tap with the earliest head; NULL when there is none. *silent: another one that works has none. */
static struct tap *earliest(struct taps *taps, bool *silent) {
    struct tap *first = NULL;
    *silent = false;
    for (size_t i = 0; i < taps->num; i++) {
        struct tap *tap = &taps->taps[i];
        fetch(taps, tap);
        if (!tap->has_head)
            *silent = *silent || tap->live;
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

bool taps_next(struct taps *taps, uint64_t now_ns, struct packet *packet) {
    const uint64_t hold_ns = TAPS_HOLD_MS * NS_PER_MS;
    bool silent;
    struct tap *tap = earliest(taps, &silent);
    if (!tap)
        return false;
    /* a stamp of the future is of another clock: waiting for it could take years */
    bool young = tap->head.ts_ns + hold_ns > now_ns && tap->head.ts_ns < now_ns + hold_ns;
    return silent && young ? false : hand_out(tap, packet);
}

bool taps_last(struct taps *taps, struct packet *packet) {
    bool silent;
    struct tap *tap = earliest(taps, &silent);
    return tap && hand_out(tap, packet);
}

void taps_wait(struct taps *taps, unsigned timeout_ms) {
    nfds_t num = 0;
    for (size_t i = 0; i < taps->num; i++) {
        struct tap *tap = &taps->taps[i];
        if (tap->has_head) /* is readable, but must not be read before its time */
            timeout_ms = timeout_ms < LIVE_BLOCK_MS ? timeout_ms : LIVE_BLOCK_MS;
        else if (tap->live)
            taps->polled[num++] = (struct pollfd){.fd = live_fd(tap->live), .events = POLLIN};
        tap->drained = false;
    }
    (void)poll(taps->polled, num, (int)timeout_ms);
}
