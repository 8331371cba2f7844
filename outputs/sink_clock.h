/* sink_clock.h: the time on the wall, for transports alone: how late they are, when to try again. What an
 * event says never depends on it. */
#ifndef STARTTAP_OUTPUTS_SINK_CLOCK_H
#define STARTTAP_OUTPUTS_SINK_CLOCK_H

#include <stdint.h>

uint64_t sink_clock_ms(void);      /* since some time in the past; never goes back */
uint64_t sink_clock_wall_ms(void); /* since 1970, UTC */

#endif
