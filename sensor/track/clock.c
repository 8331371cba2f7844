#include "clock.h"

uint64_t clock_tick(struct capture_clock *clock, uint64_t ts_ns) {
    if (!clock->started) {
        clock->started = true;
        clock->previous_ns = clock->reached_ns = ts_ns;
        return clock->elapsed_ns;
    }
    uint64_t reached = ts_ns < clock->previous_ns ? ts_ns : clock->previous_ns;
    if (reached > clock->reached_ns) {
        uint64_t step = reached - clock->reached_ns;
        clock->elapsed_ns += step < CLOCK_STEP_MAX_NS ? step : CLOCK_STEP_MAX_NS;
    }
    clock->reached_ns = reached;
    clock->previous_ns = ts_ns;
    uint64_t open_ns = ts_ns - reached;
    uint64_t ahead_ns = clock->elapsed_ns + (open_ns < CLOCK_STEP_MAX_NS ? open_ns : CLOCK_STEP_MAX_NS);
    if (ahead_ns > clock->ahead_ns)
        clock->ahead_ns = ahead_ns;
    return clock->elapsed_ns;
}
