/* live.h: the loop over network interfaces. */
#ifndef STARTTAP_SENSOR_LIVE_H
#define STARTTAP_SENSOR_LIVE_H

#include "run.h"
#include "taps.h"

/* Opens config->interfaces. NULL: the log says what is wrong, and run->status is set. */
struct taps *live_start(struct run *run);

/* Captures into the pipeline until a signal to stop, or nobody listens any more. Whatever wakes it up, an
 * event is out within two seconds of its connection's end. */
void live_capture(struct run *run);

#endif
