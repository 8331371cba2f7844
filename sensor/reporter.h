/* reporter.h: notices in, in their order; events out.
 *
 * What joins the connections: the peers with their memory and windows, and the totals of the sensor. One per
 * run. */
#ifndef STARTTAP_SENSOR_REPORTER_H
#define STARTTAP_SENSOR_REPORTER_H

#include "intake.h"
#include "notice.h"
#include "tracker.h"

/* Called for each event, which is borrowed for the call. */
typedef void (*reporter_emit)(void *context, const struct event *event);

struct reporter;

/* config is borrowed. NULL: out of memory. */
struct reporter *reporter_new(const struct config *config, reporter_emit emit, void *context);
void reporter_free(struct reporter *reporter); /* NULL is fine */

/* What sessions are judged by; borrowed. NULL: nothing. Between two notices. */
struct policy;
void reporter_set_policy(struct reporter *reporter, const struct policy *policy);

/* Policies by which sessions are judged from now on; the reporter frees them. NULL: none. */
void reporter_set_mta_sts(struct reporter *reporter, struct mta_sts *mta_sts);

/* Told, before a session's event is emitted, of each fact of the DNS that it rests on. Before the first
 * notice. */
typedef void (*reporter_evidence)(void *context, const struct name_found *fact);
void reporter_set_evidence(struct reporter *reporter, reporter_evidence evidence, void *context);

void reporter_notice(struct reporter *reporter, struct notice *notice);

/* Reports the peers that had a session in the window. */
void reporter_end_window(struct reporter *reporter, const struct window *window);

/* What live capture knows of itself; counted since its start. */
struct capture_facts {
    uint64_t start_ns, end_ns; /* of the run up to now, by the host's time since 1970; 0: not live, the
                                  packets' stamps count */
    uint64_t kernel_dropped, interface_dropped;
    uint64_t interface_outages, interface_outage_ms;
    uint64_t clock_steps, suspended_ms;
    uint64_t memory_bytes; /* in use; not a count */
    const char *mirror;    /* a constant, or NULL */
};

/* What others have counted since the start. */
struct reporter_facts {
    struct capture_facts capture;
    struct intake_counters intake;
    struct decode_counters decoded;
    struct tracker_counters trackers; /* all of them together: tracker_counters_add() */
    bool only_totals;                 /* no event: see reporter_set_tell() */
};

/* The sensor's own event: what there is to say since the last one. */
void reporter_sensor(struct reporter *reporter, const struct reporter_facts *facts);

/* The same without an event, for whoever asks each second: all counts since the start, and how things stand.
 */
struct reporter_totals {
    struct sensor_event sensor; /* its numbers alone: no lists, no ratios */
    uint64_t limits[NUM_LIMITS];
};
typedef void (*reporter_tell)(void *context, const struct reporter_totals *totals);

/* Before the first notice: who is told, by a reporter_sensor() with facts->only_totals. Context is that of
 * emit. */
void reporter_set_tell(struct reporter *reporter, reporter_tell tell);

const char *limit_name(enum limit limit); /* "tcp_buffer" */

/* Before the first notice: where addresses belong. Borrowed. */
struct geo;
void reporter_set_geo(struct reporter *reporter, const struct geo *geo);

/* Between two notices: what is remembered of peers, to be saved and restored. */
/* What all that grows with the traffic may hold; trackers whose notices come here share it. */
struct budget;
struct budget *reporter_budget(struct reporter *reporter);

struct memory;
struct memory *reporter_memory(struct reporter *reporter);

uint64_t reporter_sessions(const struct reporter *reporter); /* emitted so far */

#endif
