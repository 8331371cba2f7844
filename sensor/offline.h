/* offline.h: the loop over capture files. */
#ifndef STARTTAP_SENSOR_OFFLINE_H
#define STARTTAP_SENSOR_OFFLINE_H

#include "run.h"

/* Reads what config->inputs names into the pipeline, until the end, a signal to stop, or nobody listens any
 * more. What cannot be read, or is damaged, is said on the log and set in run->status; the rest is read. */
void offline_read(struct run *run);

#endif
