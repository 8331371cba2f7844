/* peer_session.h: sessions as the judge of peers gets them, for its tests. */
#ifndef STARTTAP_TESTS_UNIT_PEER_SESSION_H
#define STARTTAP_TESTS_UNIT_PEER_SESSION_H

#include <stdio.h>

#include "../../outputs/event.h"

#define S UINT64_C(1000000000)

/* One in clear without an offer of STARTTLS, from client to server at port 25, a second long. Texts are
 * borrowed. */
static inline struct session_event *begin_session(struct event *event, const char *client, const char *server,
                                                  uint64_t at_s) {
    struct session_event *s = &event->session;
    event_reset(event, DATASET_SESSION);
    snprintf(event->id, sizeof event->id, "%s-%llu", client, (unsigned long long)at_s);
    s->source.ip = client;
    s->destination.ip = server;
    s->destination.port = 25;
    s->start_ns = at_s * S;
    s->end_ns = (at_s + 1) * S;
    s->verdict = VERDICT_NOT_OFFERED;
    s->starttls_offered = FACT_NO;
    return s;
}

static inline struct session_event *begin_tls_session(struct event *event, const char *client,
                                                      const char *server, uint64_t at_s) {
    struct session_event *s = begin_session(event, client, server, at_s);
    s->verdict = VERDICT_STARTTLS;
    s->starttls_offered = s->tls_established = FACT_YES;
    s->tls_version = "1.2";
    return s;
}

#endif
