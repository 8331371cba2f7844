/* flow.h: the table of TCP connections, found by their addresses and ports.
 *
 * A flow is found whichever end sent the packet: its key has the lower end
 * first. VLAN tags and tunnels are not part of it, because mirrors show the
 * same connection under several. Flows stand in queues by what they wait
 * for; each queue is in order of last activity, so that expiry looks at its head only.
 *
 * There may be a million, and most of them are quiet. Those that were asked for last are whole, the others
 * are folded with their sessions (parsers/fold.h), a quarter of the size; whoever asks for one gets it whole.
 */
#ifndef STARTTAP_SENSOR_TRACK_FLOW_H
#define STARTTAP_SENSOR_TRACK_FLOW_H

#include "../../parsers/parse.h"
#include "../capture/packet.h"
#include "stream.h"

struct flow_key {
    uint8_t address[2][16]; /* IPv4 in the first 4 bytes, the rest 0 */
    uint16_t port[2];
    uint8_t addr_len;
    uint8_t zero[3]; /* no padding: keys are compared and hashed as bytes */
};

enum flow_queue {
    QUEUE_HALF_OPEN, /* nothing but SYNs so far: of a flood of them, that is all there ever is */
    QUEUE_OPEN,      /* established */
    QUEUE_CLOSING,   /* ended; a short while for packets that come late */
    QUEUE_CLOSED,    /* reported; remembered so that stragglers do not look like something new */
    NUM_QUEUES,
};

#define FLOW_SIGNATURES                                                                                      \
    4 /* recent packets of each direction that are remembered to know a mirror's duplicates */

#define FLOWS_WHOLE       128  /* that are not folded, at least, */
#define FLOWS_WHOLE_FIRST 1024 /* to begin with, */
#define FLOWS_WHOLE_MAX   8192 /* and at most, where so many take turns */
#define FLOW_FOLDED_MAX   2048 /* bytes of one that is; what would take more stays whole */

struct session;
struct recognition;
struct record_flow;
struct flow_entry;

struct flow {
    struct flow_entry *entry; /* its place in the table */
    struct flow *asked_before,
        *asked_after;  /* neighbours among the whole ones, by when they were asked for */
    uint64_t asked_at; /* when it came to this place, by the number of asks */
    size_t held;       /* bytes that the budget knows of */
    struct flow_key key;

    uint64_t active_ns;   /* elapsed time at the last packet; when closed, at the report */
    uint64_t last_packet; /* its number */

    uint8_t client; /* which end of the key opened the connection */
    uint8_t queue;
    uint8_t next_signature[2];
    bool may_fold; /* it is among the neighbours */

    /* TCP, by side */
    struct stream streams[2];
    uint64_t history;               /* stands for what both sides read (history.h) */
    uint64_t hole_since_ns[2];      /* elapsed time when the present hole was met */
    uint32_t hole_since_packets[2]; /* packets of the connection by then */
    uint32_t syn_pending_seq;
    uint64_t syn_pending_ts_ns;

    /* What is reported */
    uint64_t first_ts_ns, last_ts_ns;
    uint32_t packets[2];
    uint32_t signatures[2][FLOW_SIGNATURES];
    uint32_t out_of_order, retransmits, duplicates;
    uint32_t buffer_full; /* times that STREAM_BUFFER_MAX or STREAM_CHUNKS_MAX was reached */
    int32_t vlan_id;
    uint32_t input; /* number of the input that its last packet came from */
    bool hole[2];
    bool rst_seen[2]; /* by the side that sent it */
    bool syn_ack_seen;
    bool established; /* something else than a SYN came */
    bool syn_pending; /* a SYN that does not fit the connection; the next one may begin with it */
    bool midstream, truncated, overlap_conflict, evicted, timed_out;
    bool mail_port, tls_port; /* the server's port is one of those configured */
    bool unexpected_port;     /* neither; nDPI is asked */
    bool ignored;             /* nDPI says that it is no mail */
    uint8_t record_mail;      /* enum record_mail; of the recorder */

    struct record_flow *record;      /* packets that wait to be recorded; NULL: none */
    struct session *session;         /* NULL before the first payload and after the report */
    struct recognition *recognition; /* while nDPI has not made up its mind */
};

struct flow_table;

struct session_tools;

/* tools are those of the sessions, borrowed. NULL: out of memory. */
struct flow_table *flow_table_new(size_t max_flows, const struct session_tools *tools);
void flow_table_free(struct flow_table *table); /* every flow must have been removed; NULL is fine */

/* A flow that was given out stays where it is at least until FLOWS_WHOLE / 2 others were asked for. One that
 * could not be made whole again for want of memory has lost its session and is marked as evicted.
 *
 * Segments are looked up by their flow_hash, which flow_hash() made, with the same key for all of a table's.
 *
 * The flow of a segment, and which end of its key sent it (0 or 1); NULL when there is none. */
struct flow *flow_find(struct flow_table *table, const struct segment *segment, uint8_t *sender);

/* Fetches what will be asked for by segments that come soon, these many at once, as one alone would be waited
 * for at each step. */
#define FLOWS_EXPECTED 16
void flow_expect(const struct flow_table *table, const uint32_t *flow_hashes, size_t num);

/* A new flow, in QUEUE_HALF_OPEN. There must be none and room for it (flow_table_full). NULL: out of memory.
 */
struct flow *flow_add(struct flow_table *table, const struct segment *segment, uint8_t *sender);
void flow_remove(struct flow_table *table, struct flow *flow); /* frees it */
bool flow_table_full(const struct flow_table *table);

/* Notes what the flow holds now; after each segment that has payload, and when its session went. The budget
 * is told of many such changes together. */
void flow_weigh(struct flow_table *table, struct flow *flow);

/* The budget is overdrawn, and this table holds more than the little that nobody takes from it. */
bool flow_table_heavy(struct flow_table *table);
size_t flow_table_count(const struct flow_table *table);
size_t flow_queue_count(const struct flow_table *table, enum flow_queue queue);

/* Puts it at the young end of a queue. */
void flow_touch(struct flow_table *table, struct flow *flow, enum flow_queue queue, uint64_t elapsed_ns);
struct flow *flow_oldest(struct flow_table *table, enum flow_queue queue); /* NULL when empty */

/* It was reported and has no session any more: into QUEUE_CLOSED, and the next one to be folded, as few ask
 * for it again. flow is not to be used after that. */
void flow_close(struct flow_table *table, struct flow *flow, uint64_t elapsed_ns);

/* Of the oldest one, which stays as it is, folded or whole. False when the queue is empty. */
struct flow_wait {
    uint64_t active_ns, last_packet; /* of struct flow */
};
bool flow_waits(const struct flow_table *table, enum flow_queue queue, struct flow_wait *wait);

/* The oldest one is handled now, those behind it will be soon: fetches what is read of them (ahead.h). */
void flow_look_ahead(const struct flow_table *table, enum flow_queue queue);

/* Removes the oldest one if it is folded and has no session, so that it need not be made whole to be freed.
 * False: it is there yet, for flow_oldest() and flow_remove(). */
bool flow_drop_folded(struct flow_table *table, enum flow_queue queue);

static inline enum side flow_side(const struct flow *flow, uint8_t end) {
    return end == flow->client ? SIDE_CLIENT : SIDE_SERVER;
}

static inline uint8_t flow_end(const struct flow *flow, enum side side) {
    return side == SIDE_CLIENT ? flow->client : (uint8_t)(1 - flow->client);
}

#endif
