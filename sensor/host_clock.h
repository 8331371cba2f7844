/* host_clock.h: what happened to the host's clocks between two looks: it was suspended, somebody set the
 * time. Reads none itself. */
#ifndef STARTTAP_SENSOR_HOST_CLOCK_H
#define STARTTAP_SENSOR_HOST_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* What two clocks may be apart between two looks for other reasons (slewing, a busy host). */
#define HOST_CLOCK_STEP_NS UINT64_C(1000000000)

struct host_times {
    uint64_t real_ns;      /* CLOCK_REALTIME: is set and slewed */
    uint64_t monotonic_ns; /* CLOCK_MONOTONIC: stands still while the host is suspended */
    uint64_t boot_ns;      /* CLOCK_BOOTTIME: does not */
};

struct host_clock { /* zeroed to start */
    struct host_times last;
    bool started;
    uint64_t suspended_ms, steps; /* since the start */
};

enum host_clock_event { HOST_CLOCK_STEADY, HOST_CLOCK_STEPPED, HOST_CLOCK_SUSPENDED };

/* What was new; by_ns is how long it was suspended, or by how much the time was set (either way). */
enum host_clock_event host_clock_look(struct host_clock *clock, const struct host_times *now, int64_t *by_ns);

#endif
