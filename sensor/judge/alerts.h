/* alerts.h: tells once when a peer had a finding so often within an hour as was asked for (alert_rules.h).
 *
 * Hours are those of packet time, whole ones in UTC, by the last packet of a session. The peer is the end
 * that is not ours (home networks), else the server. A peer that goes on raises nothing more before the next
 * hour.
 *
 * What is counted is remembered for ALERTS_MAX peers, findings and hours; then the oldest of some goes, which
 * may be told once more, under the same event.id, or be counted anew from 1. */
#ifndef STARTTAP_SENSOR_JUDGE_ALERTS_H
#define STARTTAP_SENSOR_JUDGE_ALERTS_H

#include "address.h"
#include "alert_rules.h"

#define ALERTS_MAX 65536u

struct alerts;

typedef void (*alerts_emit)(void *context, struct event *event);

/* emit is called with a filled alert, borrowed for the call; its id is set. All but emit's context are
 * borrowed. NULL: out of memory. */
struct alerts *alerts_new(const struct alert_rules *rules, struct digest *digest, alerts_emit emit,
                          void *context);
void alerts_free(struct alerts *alerts); /* NULL is fine */

/* A session with all its findings. */
void alerts_add(struct alerts *alerts, const struct event *session, enum direction direction);

uint64_t alerts_num_forgotten(const struct alerts *alerts); /* for lack of room, counted and not told of */

#endif
