/* progress.h: the line on standard error that says how far a long read has come. Only on a terminal, and only
 * once the work has taken a second. */
#ifndef STARTTAP_SENSOR_PROGRESS_H
#define STARTTAP_SENSOR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/source.h"
#include "pipeline.h"

struct progress {
    bool wanted;
    bool quiet;
    uint64_t started_ns, shown_ns; /* of the monotonic clock */
};

void progress_start(struct progress *progress, bool quiet);
void progress_step(struct progress *progress, const struct source *source, const struct pipeline *pipeline);
/* The same while the last events of a sink are delivered. Where there is no terminal, a plain line each ten
 * seconds. */
void progress_deliver(struct progress *progress, const char *sink, uint64_t num_waiting);
void progress_clear(void); /* the work is done: wipes the line */

#endif
