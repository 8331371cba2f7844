#include "service.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <time.h>

#include "config_reload.h"
#include "lanes.h"
#include "log.h"
#include "policy_open.h"
#include "run.h"
#include "signals.h"

#define STATUS_EACH_MS  10000u
#define KEYLOG_EACH_MS  500u
#define MEASURE_EACH_MS 1000u

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void service_open(struct service *service, int argc, char **argv, struct config *config) {
    *service = (struct service){.argc = argc, .argv = argv, .config = config};
    notify_open(&service->notify);
}

void service_close(struct service *service) {
    notify_close(&service->notify);
}

void service_ready(struct run *run) {
    if (run->taps)
        log_service();
    notify_send(&run->service.notify, "READY=1\nSTATUS=%s", run->taps ? "capturing" : "reading");
}

void service_stopping(struct run *run) {
    notify_send(&run->service.notify, "STOPPING=1\nSTATUS=delivering what is left");
    if (signals_stop())
        outlet_hurry(run->outlet, run->config->drain_timeout_s);
}

/* --- SIGHUP --- */

static void say_changes(const struct config_changes *changes) {
    if (changes->restarting[0] != '\0')
        log_line(LEVEL_WARNING, "configuration: changed, which takes a restart: %s", changes->restarting);
    log_line(LEVEL_NOTICE, "configuration: read again; changed: %s",
             changes->changed[0] != '\0' ? changes->changed : "nothing");
}

/* What sessions are judged by, from files of their own; NULL: not wanted. */
struct judges {
    struct policy *policy;
    struct geo *geo;
};

static bool open_judges(const struct config *fresh, struct judges *judges, char *error, size_t error_len) {
    if (fresh->policy && !(judges->policy = policy_open(fresh, error, error_len)))
        return false;
    if (fresh->num_mmdb > 0)
        judges->geo = geo_open(fresh->mmdb, fresh->num_mmdb, error, error_len);
    return fresh->num_mmdb == 0 || judges->geo;
}

static void exchange_judges(struct run *run, const struct judges *judges) {
    pipeline_set_policy(run->pipeline, judges->policy);
    policy_free(run->policy);
    run->policy = judges->policy;
    pipeline_set_geo(run->pipeline, judges->geo);
    geo_close(run->geo);
    run->geo = judges->geo;
    if (judges->policy)
        log_line(LEVEL_NOTICE, "policy: read again; %zu rules", policy_num_rules(judges->policy));
}

/* All of it, or nothing; while the pipeline pauses. */
static void reload(struct run *run) {
    struct service *service = &run->service;
    struct config fresh;
    struct config_changes changes;
    char error[512];
    if (!config_reload(service->argc, service->argv, service->config, &fresh, &changes)) {
        log_line(LEVEL_ERROR, "configuration: what was in force stays so");
        return;
    }
    struct judges judges = {0};
    if (!open_judges(&fresh, &judges, error, sizeof error) ||
        !pipeline_reload(run->pipeline, &fresh, error, sizeof error)) {
        log_line(LEVEL_ERROR, "configuration: what was in force stays so: %s", error);
        policy_free(judges.policy);
        geo_close(judges.geo);
        config_cleanup(&fresh);
        return;
    }
    exchange_judges(run, &judges);
    config_exchange(service->config, &fresh);
    config_cleanup(&fresh);
    log_set_level(service->config->quiet, service->config->verbose);
    if (changes.filters)
        taps_refilter(run->taps);
    say_changes(&changes);
}

void service_resume(struct run *run) {
    char error[512];
    if (pipeline_resume(run->pipeline, error, sizeof error))
        return;
    log_line(LEVEL_ERROR, "%s", error);
    run_fail(run, EXIT_RUNTIME);
    (void)raise(SIGTERM);
}

static void hang_up(struct run *run) {
    struct notify *notify = &run->service.notify;
    notify_reloading(notify, now_us());
    run_reopen(run);
    if (run->taps && run->keylog)
        keylog_file_reopen(run->keylog);
    if (run->taps)
        reload(run);
    notify_send(notify, "READY=1");
}

/* --- SIGUSR1 --- */

void service_say_workers(const struct run *run, enum log_level level) {
    struct lanes *lanes = pipeline_lanes(run->pipeline);
    if (lanes)
        log_line(level, "workers: %u; segments that one handed over to another: %" PRIu64, lanes_num(lanes),
                 lanes_handed_over(lanes));
}

static void answer(const struct run *run) {
    struct pipeline_counters counters = pipeline_counters(run->pipeline);
    log_line(LEVEL_ANSWER, "packets %" PRIu64 ", bytes %" PRIu64 ", sessions %" PRIu64, counters.packets,
             counters.bytes, counters.sessions);
    if (run->taps) {
        struct taps_counts taps;
        taps_count(run->taps, now_us() / 1000, &taps);
        log_line(LEVEL_ANSWER,
                 "interfaces: received %" PRIu64 ", dropped by the kernel %" PRIu64 ", by adapters %" PRIu64
                 ", outages %" PRIu64 " of %" PRIu64 " ms",
                 taps.packets.received, taps.packets.kernel_dropped, taps.packets.interface_dropped,
                 taps.outages, taps.outage_ms);
    }
    service_say_workers(run, LEVEL_ANSWER);
    outlet_answer(run->outlet);
}

/* --- signs of life --- */

static void say_status(struct run *run, uint64_t now_ms) {
    struct service *service = &run->service;
    if (service->notify.fd < 0 || now_ms - service->said_ms < STATUS_EACH_MS)
        return;
    struct pipeline_counters counters = pipeline_counters(run->pipeline);
    service->said_ms = now_ms;
    notify_send(&service->notify, "STATUS=capturing: %" PRIu64 " packets, %" PRIu64 " sessions",
                counters.packets, counters.sessions);
}

/* A key log grows as long as its server runs. */
static void read_keylog(struct run *run, uint64_t now_ms) {
    char error[512];
    if (!run->keylog || now_ms - run->service.keylog_ms < KEYLOG_EACH_MS)
        return;
    run->service.keylog_ms = now_ms;
    if (!keylog_file_has_more(run->keylog))
        return;
    pipeline_pause(run->pipeline);
    if (!keylog_file_read(run->keylog, error, sizeof error))
        log_line(LEVEL_WARNING, "%s", error);
    service_resume(run);
}

bool service_measures(const struct run *run, uint64_t now_ms) {
    return run->metrics && now_ms - run->service.measured_ms >= MEASURE_EACH_MS;
}

static void measure(struct run *run, uint64_t now_ms) {
    struct metrics_sink sinks[METRICS_SINKS_MAX];
    size_t num_sinks;
    struct taps_counts taps = {0};
    struct recorder_stats recorded = {0};
    bool told = outlet_measure(run->outlet, sinks, &num_sinks);
    if (run->taps)
        taps_count(run->taps, now_ms, &taps);
    if (run->recorder)
        recorder_stats(run->recorder, &recorded);
    const struct metrics_turn turn = {
        .now_ms = now_ms,
        .kernel_dropped = taps.packets.kernel_dropped,
        .interface_dropped = taps.packets.interface_dropped,
        .memory_bytes = service_memory_bytes(),
        .recorded_packets = recorded.file.packets,
        .recorded_bytes = recorded.file.bytes,
        .recorded_lost = recorded.file.packets_lost,
        .recorded_undecided = recorded.undecided,
        .recorded_errors = recorded.file.errors,
        .sinks = told ? sinks : NULL,
        .num_sinks = told ? num_sinks : 0,
    };
    run->service.measured_ms = now_ms;
    pipeline_tell(run->pipeline);
    metrics_turn(run->metrics, &turn);
}

uint64_t service_memory_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

void service_turn(struct run *run) {
    bool reopen = signals_take_reopen(), count = signals_take_counters();
    if (reopen || count) {
        pipeline_pause(run->pipeline); /* sinks, too, may be at work in its threads */
        if (reopen)
            hang_up(run);
        if (count)
            answer(run);
        service_resume(run);
    }
    if (!run->taps && !run->metrics)
        return;
    uint64_t now_ms = now_us() / 1000;
    if (service_measures(run, now_ms))
        measure(run, now_ms);
    if (!run->taps)
        return;
    (void)notify_turn(&run->service.notify, now_ms);
    say_status(run, now_ms);
    read_keylog(run, now_ms);
    log_tick();
}
