/* describe_tls.h: the TLS and certificate half of describe.h. */
#ifndef STARTTAP_SENSOR_JUDGE_DESCRIBE_TLS_H
#define STARTTAP_SENSOR_JUDGE_DESCRIBE_TLS_H

#include "describe.h"
#include "verdict.h"

/* Everything under tls.* and starttap.{tls,cert,client_cert}.*, and the findings that follow from it. The
 * verdict and the SMTP names are in the event already. */
void describe_tls(struct event *event, const struct flow *flow);

#endif
