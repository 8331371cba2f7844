/* ahead.h: the connections that are told of next are fetched into the cache while others are handled.
 *
 * What is told of a connection was last touched a second or more before, by ten thousands of packets: each of
 * the objects that it is spread over would be waited for, one after the other, as each is found by the one
 * before. So the queue is looked at ahead of time, and with each connection that is told of, those behind it
 * come one object nearer. */
#ifndef STARTTAP_SENSOR_TRACK_AHEAD_H
#define STARTTAP_SENSOR_TRACK_AHEAD_H

#include "flow.h"

#define AHEAD_MAX 4 /* connections */

/* Fetches one more object of each: flows[0] is told of next, flows[1] after it, and so on. NULL: none, or
 * folded. */
void ahead_fetch(const struct flow *const flows[AHEAD_MAX]);

#endif
