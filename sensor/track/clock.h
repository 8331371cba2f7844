/* clock.h: how much time has passed, by the packets' own stamps.
 *
 * Stamps in real captures jump by years (files put together), step back
 * (several interfaces, an adjusted clock), and now and then one packet is
 * decades off. Timeouts need elapsed time, not dates. So: a moment counts as
 * reached only when two packets in a row have reached it, steps back add
 * nothing, and one step adds at most CLOCK_STEP_MAX_NS. */
#ifndef STARTTAP_SENSOR_TRACK_CLOCK_H
#define STARTTAP_SENSOR_TRACK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_S          UINT64_C(1000000000)
#define CLOCK_STEP_MAX_NS (30 * NS_PER_S)

struct capture_clock {   /* zeroed to start */
    uint64_t elapsed_ns; /* since the first packet; never goes back */
    /* What elapsed_ns will be if the last packet's stamp is true. Who waits for a while after a packet counts
     * from here. Never goes back either, so that after a false stamp it is ahead by up to CLOCK_STEP_MAX_NS.
     */
    uint64_t ahead_ns;
    uint64_t previous_ns, reached_ns;
    bool started;
};

/* Shows it the next packet's stamp; returns the time elapsed. */
uint64_t clock_tick(struct capture_clock *clock, uint64_t ts_ns);

#endif
