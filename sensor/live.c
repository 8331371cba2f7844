#include "live.h"

#include <time.h>

#include "log.h"
#include "signals.h"
#include "track/clock.h"

#define TICK_MS   100u  /* from one look at clocks, signals and interfaces to the next */
#define BATCH_MAX 4096u /* packets between looks, when they do not end */
#define MARGIN_NS (2 * TAPS_HOLD_MS * UINT64_C(1000000)) /* packets this young may not have been read yet */

static uint64_t read_clock(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool goes_on(const struct run *run) {
    return !signals_stop() && outlet_listens(run->outlet);
}

struct taps *live_start(struct run *run) {
    char error[1024];
    struct taps *taps = taps_open(run->config, error, sizeof error);
    if (taps)
        return taps;
    log_line(LEVEL_ERROR, "%s", error);
    run_fail(run, EXIT_RUNTIME);
    return NULL;
}

static size_t take_packets(struct run *run) {
    struct packet packet;
    uint64_t now_ns = read_clock(CLOCK_REALTIME);
    size_t num = 0;
    while (num < BATCH_MAX && taps_next(run->taps, now_ns, &packet)) {
        pipeline_packet(run->pipeline, &packet);
        num++;
    }
    return num;
}

/* While no packets come, time goes on by the host's clock. */
static void look(struct run *run, bool quiet) {
    taps_look(run->taps, read_clock(CLOCK_MONOTONIC) / UINT64_C(1000000));
    if (quiet)
        pipeline_tick(run->pipeline, read_clock(CLOCK_REALTIME) - MARGIN_NS);
    pipeline_flush(run->pipeline);
    service_turn(run);
}

void live_capture(struct run *run) {
    struct packet packet;
    uint64_t looked_ns = read_clock(CLOCK_MONOTONIC);
    bool quiet = true;
    while (goes_on(run)) {
        size_t num = take_packets(run);
        quiet = quiet && num == 0;
        uint64_t now_ns = read_clock(CLOCK_MONOTONIC);
        if (now_ns - looked_ns >= TICK_MS * UINT64_C(1000000)) {
            look(run, quiet);
            looked_ns = now_ns;
            quiet = true;
        }
        if (num < BATCH_MAX)
            taps_wait(run->taps, TICK_MS);
    }
    while (taps_last(run->taps, &packet))
        pipeline_packet(run->pipeline, &packet);
}
