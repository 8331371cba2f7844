/* notice.h: what a tracker tells the reporter, and where it stands among the notices of all trackers.
 *
 * The order is a function of the connections alone, so that it is the same however they are shared out. */
#ifndef STARTTAP_SENSOR_NOTICE_H
#define STARTTAP_SENSOR_NOTICE_H

#include "../outputs/event.h"
#include "capture/packet.h"
#include "judge/address.h"
#include "judge/naming.h"

/* Where in the run: packets are numbered from 1 in the order in which they were read. */
struct moment {
    uint64_t elapsed_ns; /* track/clock.h */
    uint64_t packet;
    uint64_t ahead_ns; /* track/clock.h; from here on counts what waits after this packet */
    uint64_t volume;   /* of all segments up to this packet's; by it history.h forgets */
};

/* A segment and when it came. */
struct timed_segment { /* two cache lines */
    struct segment segment;
    struct moment moment;
};

/* Compared field by field. What packet k brings about at once, at elapsed time e: (e, k, 0). What was due at
 * elapsed time d: (d, 0, number of the connection's last packet), which is before the packets of that time.
 * What is still open at the end comes after all (tracker.c). */
struct order {
    uint64_t elapsed_ns, packet, tie;
};

static inline int order_compare(const struct order *a, const struct order *b) {
    if (a->elapsed_ns != b->elapsed_ns)
        return a->elapsed_ns < b->elapsed_ns ? -1 : 1;
    if (a->packet != b->packet)
        return a->packet < b->packet ? -1 : 1;
    return a->tie < b->tie ? -1 : a->tie > b->tie;
}

enum notice_kind {
    NOTICE_OPENED,  /* a connection is tracked from now on */
    NOTICE_SESSION, /* one is over: event is filled, but for what only the memory of peers can tell */
    NOTICE_GONE,    /* one is forgotten */
    NOTICE_NAMES,   /* the DNS answered: facts, which came to ends.client at ts_ns */
};

struct notice {
    struct order order;
    enum notice_kind kind;
    enum direction direction; /* of the session */
    struct event event;       /* its arena also holds what ends and facts point to */
    struct naming_ends ends;  /* of the session */
    const struct name_fact *facts;
    size_t num_facts;
    uint64_t ts_ns, answer; /* names_add() */
};

/* Limits that an input can reach; what is beyond them is lost, so the sensor event names them. */
enum limit {
    LIMIT_SMTP,       /* parsers/smtp.h */
    LIMIT_TLS,        /* parsers/tls.h */
    LIMIT_TCP_BUFFER, /* track/stream.h */
    LIMIT_FLOWS,
    LIMIT_FRAGMENTS, /* capture/decode.h */
    LIMIT_TUNNEL_DEPTH,
    LIMIT_MEMORY,
    LIMIT_ALERTS,     /* judge/alerts.h */
    LIMIT_MEMORY_CAP, /* budget.h: connections that made room */
    LIMIT_NAMES,      /* judge/names.h */
    NUM_LIMITS
};

#endif
