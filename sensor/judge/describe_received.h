/* describe_received.h: what messages in clear say of their hops before -> starttap.received.*. */
#ifndef STARTTAP_SENSOR_JUDGE_DESCRIBE_RECEIVED_H
#define STARTTAP_SENSOR_JUDGE_DESCRIBE_RECEIVED_H

#include "../../outputs/event.h"
#include "../../parsers/received.h"

void describe_received(struct event *event, const struct received *received);

#endif
