#include "host_clock.h"

#define NS_PER_MS UINT64_C(1000000)

enum host_clock_event host_clock_look(struct host_clock *clock, const struct host_times *now,
                                      int64_t *by_ns) {
    struct host_times last = clock->started ? clock->last : *now;
    clock->last = *now;
    clock->started = true;
    int64_t boot_ns = (int64_t)(now->boot_ns - last.boot_ns);
    int64_t suspended_ns = boot_ns - (int64_t)(now->monotonic_ns - last.monotonic_ns);
    int64_t stepped_ns = (int64_t)(now->real_ns - last.real_ns) - boot_ns;
    if (suspended_ns >= (int64_t)HOST_CLOCK_STEP_NS) {
        clock->suspended_ms += (uint64_t)suspended_ns / NS_PER_MS;
        *by_ns = suspended_ns;
        return HOST_CLOCK_SUSPENDED;
    }
    if (stepped_ns >= (int64_t)HOST_CLOCK_STEP_NS || stepped_ns <= -(int64_t)HOST_CLOCK_STEP_NS) {
        clock->steps++;
        *by_ns = stepped_ns;
        return HOST_CLOCK_STEPPED;
    }
    *by_ns = 0;
    return HOST_CLOCK_STEADY;
}
