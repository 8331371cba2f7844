/* sink_units.h: sizes and times as they are written in an output's options: 100MB, 1h. */
#ifndef STARTTAP_OUTPUTS_SINK_UNITS_H
#define STARTTAP_OUTPUTS_SINK_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* A number with a unit behind it, above 0; false, *value untouched, for anything else.
 * Bytes: B, kB, MB, GB (1000 each), KiB, MiB, GiB (1024), in any case; without a unit bytes.
 * Seconds: s, m, h, d; without a unit seconds. */
bool sink_units_bytes(const char *text, uint64_t *bytes);
bool sink_units_seconds(const char *text, uint64_t *seconds);

#endif
