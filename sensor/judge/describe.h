/* describe.h: facts of a finished connection -> session event. */
#ifndef STARTTAP_SENSOR_JUDGE_DESCRIBE_H
#define STARTTAP_SENSOR_JUDGE_DESCRIBE_H

#include "../../outputs/event.h"
#include "../config.h"
#include "../track/flow.h"
#include "../track/session.h"
#include "address.h"

/* Fills event, which was reset to DATASET_SESSION, from a flow whose session is finished (connection_finish).
 */
void describe_session(struct event *event, const struct flow *flow, const struct config *config,
                      const struct session_tools *tools);

/* Which way the connection goes, by the home networks. */
enum direction describe_direction(const struct flow *flow, const struct config *config);

#define DESCRIBE_SUBJECT_MAX 288 /* longer than the name of a host with what tells it apart */

/* event.id: the same capture gives the same ids. window_ns is 0 for sessions, but for twins (twins.h): there
 * it is the number of the twin, and the subject is the id that it would have alone. */
void describe_id(struct event *event, struct digest *digest, const char *subject, uint64_t first_ns,
                 uint64_t window_ns);

#endif
