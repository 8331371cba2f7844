#include "live.h"

#include <inttypes.h>
#include <time.h>

#include "host_clock.h"
#include "lanes.h"
#include "log.h"
#include "mirror.h"
#include "signals.h"
#include "track/clock.h"

#define NS_PER_MS UINT64_C(1000000)
#define TICK_NS   (100 * NS_PER_MS) /* from one look at clocks, signals and interfaces to the next */
#define TICK_MS   100u
#define BATCH_MAX 4096u                          /* packets between looks, when they do not end */
#define MARGIN_NS (2 * TAPS_HOLD_MS * NS_PER_MS) /* packets this young may not have been read yet */

/* What the loop keeps beside the run. */
struct loop {
    struct run *run;
    struct host_clock clock;
    struct host_times started, now, looked, reported;
    struct mirror mirror;
    bool quiet;                       /* no packet since the last look */
    uint64_t packet_ns, packet_at_ns; /* the last packet's stamp, and when it was taken (monotonic) */
};

static uint64_t read_clock(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static struct host_times read_clocks(void) {
    return (struct host_times){read_clock(CLOCK_REALTIME), read_clock(CLOCK_MONOTONIC),
                               read_clock(CLOCK_BOOTTIME)};
}

/* --- a lane --- */

static size_t take_for_lane(struct run *run, unsigned lane, uint64_t now_ns) {
    struct packet packet;
    size_t num = 0;
    while (num < BATCH_MAX && taps_next(run->taps, lane, now_ns, &packet)) {
        lanes_packet(pipeline_lanes(run->pipeline), lane, &packet);
        num++;
    }
    return num;
}

/* Those that the kernel had not handed over yet. More may come meanwhile: not for ever. */
static void take_last_for_lane(struct run *run, unsigned lane) {
    struct packet packet;
    uint64_t until_ns = read_clock(CLOCK_MONOTONIC) + TICK_NS;
    while (read_clock(CLOCK_MONOTONIC) < until_ns) {
        taps_wait(run->taps, lane, -1, TICK_MS);
        for (size_t num = 0; num < BATCH_MAX && taps_last(run->taps, lane, &packet); num++)
            lanes_packet(pipeline_lanes(run->pipeline), lane, &packet);
    }
}

/* The thread of a lane. */
static void capture_lane(void *context, unsigned lane) {
    struct run *run = context;
    struct lanes *lanes = pipeline_lanes(run->pipeline);
    struct host_times now = read_clocks(), looked = now;
    bool quiet = true;
    while (!lanes_stopping(lanes)) {
        size_t num = take_for_lane(run, lane, now.real_ns);
        quiet = quiet && num == 0;
        now = read_clocks();
        if (now.monotonic_ns - looked.monotonic_ns >= TICK_NS) {
            if (quiet)
                lanes_tick(lanes, lane, now.real_ns - MARGIN_NS);
            taps_measure(run->taps, lane);
            lanes_publish(lanes, lane);
            looked = now;
            quiet = true;
        }
        lanes_exchange(lanes, lane);
        if (num < BATCH_MAX)
            taps_wait(run->taps, lane, lanes_wake_fd(lanes, lane), TICK_MS);
        now = read_clocks();
    }
    if (run->ending)
        take_last_for_lane(run, lane);
    taps_measure(run->taps, lane);
}

struct taps *live_start(struct run *run) {
    char error[1024];
    struct lanes *lanes = pipeline_lanes(run->pipeline);
    if (lanes)
        lanes_set_body(lanes, capture_lane, run);
    struct taps *taps = taps_open(run->config, lanes ? lanes_num(lanes) : 1, lanes ? lanes_key(lanes) : 0,
                                  error, sizeof error);
    if (taps)
        return taps;
    log_line(LEVEL_ERROR, "%s", error);
    run_fail(run, EXIT_RUNTIME);
    return NULL;
}

/* --- what is told of the capture --- */

static void tell_capture(struct loop *loop) {
    struct taps_counts counts;
    taps_count(loop->run->taps, loop->now.monotonic_ns / NS_PER_MS, &counts);
    struct capture_facts facts = {
        .start_ns = loop->started.real_ns,
        .end_ns = loop->now.real_ns,
        .kernel_dropped = counts.packets.kernel_dropped,
        .interface_dropped = counts.packets.interface_dropped,
        .interface_outages = counts.outages,
        .interface_outage_ms = counts.outage_ms,
        .clock_steps = loop->clock.steps,
        .suspended_ms = loop->clock.suspended_ms,
        .memory_bytes = service_memory_bytes(),
        .mirror = mirror_name(loop->mirror.state),
    };
    pipeline_set_capture(loop->run->pipeline, &facts);
}

static void look_at_clock(struct loop *loop) {
    int64_t by_ns;
    switch (host_clock_look(&loop->clock, &loop->now, &by_ns)) {
    case HOST_CLOCK_STEADY:
        break;
    case HOST_CLOCK_STEPPED:
        log_line(LEVEL_WARNING, "the clock was set by %+.1f s", (double)by_ns / 1e9);
        break;
    case HOST_CLOCK_SUSPENDED:
        log_line(LEVEL_WARNING, "the host was suspended for %.1f s; what passed meanwhile was missed",
                 (double)by_ns / 1e9);
        break;
    }
}

static void look_at_mirror(struct loop *loop) {
    struct pipeline_counters counters = pipeline_counters(loop->run->pipeline);
    uint64_t running_s = (loop->now.monotonic_ns - loop->started.monotonic_ns) / NS_PER_S;
    enum mirror_state before = loop->mirror.state;
    if (!mirror_look(&loop->mirror, running_s, counters.segments_to_server, counters.segments_to_client))
        return;
    switch (loop->mirror.state) {
    case MIRROR_SILENT:
        log_line(LEVEL_WARNING,
                 "no mail was seen for %u s: does the mirror send anything? Are --mail-ports right?",
                 MIRROR_SILENT_S);
        break;
    case MIRROR_ONE_WAY:
        log_line(LEVEL_WARNING,
                 "only one direction of mail is seen (%" PRIu64 " segments to servers, %" PRIu64
                 " from them): the mirror has to send both",
                 counters.segments_to_server, counters.segments_to_client);
        break;
    default:
        if (before != MIRROR_UNKNOWN)
            log_line(LEVEL_NOTICE, "both directions of mail are seen now");
        break;
    }
}

/* --- the loop --- */

static bool goes_on(const struct run *run) {
    return !signals_stop() && run_is_of_use(run);
}

static size_t take_packets(struct loop *loop) {
    struct packet packet;
    size_t num = 0;
    while (num < BATCH_MAX && taps_next(loop->run->taps, 0, loop->now.real_ns, &packet)) {
        pipeline_packet(loop->run->pipeline, &packet);
        loop->packet_ns = packet.ts_ns;
        num++;
    }
    if (num > 0)
        loop->packet_at_ns = loop->now.monotonic_ns;
    loop->quiet = loop->quiet && num == 0;
    return num;
}

/* While no packets come, time goes on by the host's clock; or, where another one stamps packets, as long as
 * it took. */
static void tick(struct loop *loop) {
    uint64_t now_ns = loop->now.real_ns;
    if (taps_stamps_foreign(loop->run->taps))
        now_ns = loop->packet_ns + (loop->now.monotonic_ns - loop->packet_at_ns);
    pipeline_tick(loop->run->pipeline, now_ns - MARGIN_NS);
}

static void report_sensor(struct loop *loop) {
    uint64_t interval_ns = loop->run->config->sensor_interval_s * NS_PER_S;
    if (interval_ns == 0 || loop->now.monotonic_ns - loop->reported.monotonic_ns < interval_ns)
        return;
    loop->reported = loop->now;
    tell_capture(loop);
    pipeline_sensor(loop->run->pipeline);
}

static void look_at_taps(struct loop *loop) {
    struct run *run = loop->run;
    if (!pipeline_lanes(run->pipeline))
        taps_measure(run->taps, 0);
    if (!taps_look(run->taps, loop->now.monotonic_ns / NS_PER_MS))
        return;
    pipeline_pause(run->pipeline);
    taps_mend(run->taps);
    service_resume(run);
}

static void look(struct loop *loop) {
    look_at_clock(loop);
    look_at_mirror(loop);
    look_at_taps(loop);
    if (loop->quiet || pipeline_lanes(loop->run->pipeline))
        tick(loop);
    pipeline_flush(loop->run->pipeline);
    if (loop->run->recorder)
        recorder_flush(loop->run->recorder);
    report_sensor(loop);
    if (service_measures(loop->run, loop->now.monotonic_ns / NS_PER_MS))
        tell_capture(loop);
    service_turn(loop->run);
    loop->looked = loop->now;
    loop->quiet = true;
}

/* Those that the kernel had not handed over yet. More may come meanwhile: not for ever. */
static void take_last_packets(struct run *run) {
    struct packet packet;
    uint64_t until_ns = read_clock(CLOCK_MONOTONIC) + TICK_NS;
    while (read_clock(CLOCK_MONOTONIC) < until_ns) {
        taps_wait(run->taps, 0, -1, TICK_MS);
        for (size_t num = 0; num < BATCH_MAX && taps_last(run->taps, 0, &packet); num++)
            pipeline_packet(run->pipeline, &packet);
    }
}

/* One turn of the thread that captures, */
static void capture(struct loop *loop) {
    size_t num = take_packets(loop);
    loop->now = read_clocks();
    if (loop->now.monotonic_ns - loop->looked.monotonic_ns >= TICK_NS)
        look(loop);
    if (num < BATCH_MAX) {
        taps_wait(loop->run->taps, 0, -1, TICK_MS);
        loop->now = read_clocks();
    }
}

/* or of the one that reports what the lanes capture. */
static void oversee(struct loop *loop) {
    lanes_report(pipeline_lanes(loop->run->pipeline), TICK_MS);
    loop->now = read_clocks();
    if (loop->now.monotonic_ns - loop->looked.monotonic_ns >= TICK_NS)
        look(loop);
}

void live_capture(struct run *run) {
    struct host_times start = read_clocks();
    struct loop loop = {
        .run = run, .started = start, .now = start, .looked = start, .reported = start, .quiet = true};
    bool lanes = pipeline_lanes(run->pipeline) != NULL;
    while (goes_on(run)) {
        if (lanes)
            oversee(&loop);
        else
            capture(&loop);
    }
    run->ending = true;
    if (lanes) {
        pipeline_pause(run->pipeline);
        service_say_workers(run, LEVEL_INFO);
    } else {
        take_last_packets(run);
        taps_measure(run->taps, 0);
    }
    loop.now = read_clocks();
    tell_capture(&loop);
}
