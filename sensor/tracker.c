#include "tracker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../parsers/reader.h"
#include "judge/describe.h"
#include "judge/recognise.h"
#include "record/recorder.h"
#include "track/connection.h"
#include "track/dns_streams.h"
#include "track/history.h"

/* How long a flow stays in its queue without a packet. */
static const uint64_t patience_ns[NUM_QUEUES] = {
    [QUEUE_HALF_OPEN] = 630 * NS_PER_S,
    [QUEUE_OPEN] = 630 * NS_PER_S,  /* RFC 5321 section 4.5.3.2: an SMTP party may take 10 minutes */
    [QUEUE_CLOSING] = 1 * NS_PER_S, /* a closed connection's late packets still count */
    [QUEUE_CLOSED] = 60 * NS_PER_S, /* and then are known as stragglers */
};

#define HALF_OPEN_PART 8 /* with more than one in so many half open, there is a flood of SYNs */

struct tracker {
    const struct config *config;
    struct tracker_output output;
    struct port_set watched; /* mail and TLS ports */
    struct flow_table *flows;
    struct session_tools tools;
    struct recogniser *recogniser; /* with --any-port */
    struct recorder *recorder;     /* NULL: nothing is recorded */
    struct dns_streams *dns;       /* NULL: the DNS is not looked at */
    const struct segment *answer;  /* the segment that ends the message that dns tells of */
    int answer_place;              /* of its connection; -1: a datagram */
    uint64_t due_ns;               /* elapsed time before which no flow's patience ends */
    struct order order;            /* of what is told now */
    uint32_t input;                /* number of the input being read */
    struct tracker_counters counters;
    uint64_t trust_limits_hit; /* those that are counted there */
};

static bool open_tools(struct tracker *tracker, size_t max_flows, char *error, size_t error_len) {
    const struct config *config = tracker->config;
    struct session_tools *tools = &tracker->tools;
    struct trust_options trust = {.verify = !config->no_verify,
                                  .ca_path = config->ca_path,
                                  .budget = tools->budget,
                                  .num_sharing = config->record ? 1 : config->workers};
    snprintf(error, error_len, "out of memory");
    tracker->flows = flow_table_new(max_flows, tools);
    tools->history = history_new(HISTORY_REACH);
    tools->digest = digest_new();
    if (!tracker->flows || !tools->history || !tools->digest)
        return false;
    tools->hellos = hello_cache_new(tools->digest);
    tools->trust = trust_new(&trust, tools->digest, error, error_len);
    tools->ehlos = ehlo_cache_new();
    if (!tools->hellos || !tools->ehlos || !tools->trust)
        return false;
    if (!config->no_dns && !(tracker->dns = dns_streams_new()))
        return false;
    if (!config->any_port)
        return true;
    snprintf(error, error_len, "nDPI would not start");
    tracker->recogniser = recogniser_new();
    return tracker->recogniser != NULL;
}

struct tracker *tracker_new(const struct config *config, size_t max_flows, struct budget *budget,
                            const struct tracker_output *output, char *error, size_t error_len) {
    struct tracker *tracker = calloc(1, sizeof *tracker);
    if (!tracker) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    tracker->config = config;
    tracker->output = *output;
    tracker->due_ns = UINT64_MAX;
    tracker->tools.budget = budget;
    tracker->tools.received = config->received;
    port_set_join(&config->mail_ports, &config->tls_ports, &tracker->watched);
    if (open_tools(tracker, max_flows, error, error_len))
        return tracker;
    tracker_free(tracker);
    return NULL;
}

bool tracker_reload(struct tracker *tracker, const struct config *fresh, char *error, size_t error_len) {
    struct trust_options trust = {.verify = !fresh->no_verify, .ca_path = fresh->ca_path};
    if (!trust_reload(tracker->tools.trust, &trust, error, error_len))
        return false;
    port_set_join(&fresh->mail_ports, &fresh->tls_ports, &tracker->watched);
    return true;
}

void tracker_set_keylog(struct tracker *tracker, struct keylog *keylog) {
    tracker->tools.keylog = keylog;
}

void tracker_set_recorder(struct tracker *tracker, struct recorder *recorder) {
    tracker->recorder = recorder;
    tracker->tools.veils = recorder && recorder_scrubs(recorder);
}

static void end_recording(struct tracker *tracker, struct flow *flow, bool mail) {
    if (tracker->recorder)
        recorder_end(tracker->recorder, flow, mail ? RECORD_MAIL : RECORD_OTHER);
}

static void drop_session(struct flow *flow) {
    session_free(flow->session);
    flow->session = NULL;
    recognition_free(flow->recognition);
    flow->recognition = NULL;
    stream_cleanup(&flow->streams[SIDE_CLIENT]);
    stream_cleanup(&flow->streams[SIDE_SERVER]);
}

/* False: there is none. */
static bool forget_oldest(struct tracker *tracker, enum flow_queue queue) {
    if (flow_drop_folded(tracker->flows, queue))
        return true;
    struct flow *flow = flow_oldest(tracker->flows, queue);
    if (!flow)
        return false;
    end_recording(tracker, flow, false);
    drop_session(flow);
    flow_remove(tracker->flows, flow);
    return true;
}

void tracker_free(struct tracker *tracker) {
    if (!tracker)
        return;
    for (enum flow_queue queue = 0; tracker->flows && queue < NUM_QUEUES; queue++) {
        while (forget_oldest(tracker, queue))
            continue;
    }
    flow_table_free(tracker->flows);
    dns_streams_free(tracker->dns);
    recogniser_free(tracker->recogniser);
    trust_free(tracker->tools.trust);
    hello_cache_free(tracker->tools.hellos);
    ehlo_cache_free(tracker->tools.ehlos);
    digest_free(tracker->tools.digest);
    history_free(tracker->tools.history);
    free(tracker);
}

/* --- notices --- */

static struct notice *begin_notice(struct tracker *tracker, enum notice_kind kind) {
    struct notice *notice = tracker->output.next(tracker->output.context);
    notice->kind = kind;
    notice->order = tracker->order;
    return notice;
}

static void send_notice(struct tracker *tracker, struct notice *notice) {
    tracker->output.send(tracker->output.context, notice);
}

static void tell(struct tracker *tracker, enum notice_kind kind) {
    send_notice(tracker, begin_notice(tracker, kind));
}

static void remove_flow(struct tracker *tracker, struct flow *flow) {
    end_recording(tracker, flow, flow->record_mail == RECORD_MAIL); /* stragglers */
    drop_session(flow);
    flow_remove(tracker->flows, flow);
    tell(tracker, NOTICE_GONE);
}

static void touch(struct tracker *tracker, struct flow *flow, enum flow_queue queue, uint64_t elapsed_ns) {
    flow_touch(tracker->flows, flow, queue, elapsed_ns);
    if (elapsed_ns + patience_ns[queue] < tracker->due_ns)
        tracker->due_ns = elapsed_ns + patience_ns[queue];
}

/* What both sides said is SMTP beyond doubt, whatever nDPI thinks. */
static bool is_surely_smtp(const struct session *session) {
    const struct smtp_facts *smtp = smtp_facts(session->smtp);
    return smtp->server_speaks == SMTP_SPEAKS_SMTP && (smtp->ehlo_seen || smtp->helo_seen);
}

/* A SYN that nobody answered is no connection. On an unexpected port only what was recognised is mail. */
static bool is_reported(const struct flow *flow) {
    if (flow->ignored)
        return false;
    if (!flow->unexpected_port)
        return flow->session || flow->syn_ack_seen;
    bool recognised = !flow->recognition && !session_asked_proxy(flow->session);
    return flow->session && (recognised || is_surely_smtp(flow->session));
}

static void count_limits(struct tracker *tracker, const struct flow *flow) {
    const struct session *session = flow->session;
    uint64_t *limits = tracker->counters.limits;
    limits[LIMIT_SMTP] += smtp_facts(session->smtp)->limits_hit;
    limits[LIMIT_MEMORY] += smtp_facts(session->smtp)->no_memory;
    if (session->tls)
        limits[LIMIT_TLS] += tls_facts(session->tls)->limits_hit;
    limits[LIMIT_TCP_BUFFER] += flow->buffer_full;
    uint64_t trust_hit = trust_limits_hit(tracker->tools.trust);
    limits[LIMIT_TLS] += trust_hit - tracker->trust_limits_hit;
    tracker->trust_limits_hit = trust_hit;
}

static void keep_end(struct name_end *end, const uint8_t *address, uint8_t len) {
    memcpy(end->bytes, address, len);
    end->len = len;
}

/* What can only be judged once it is known which names were looked up before. */
static void keep_ends(struct notice *notice, const struct flow *flow, const struct config *config) {
    const struct flow_key *key = &flow->key;
    const struct tls_notes *notes = flow->session->notes;
    keep_end(&notice->ends.client, key->address[flow_end(flow, SIDE_CLIENT)], key->addr_len);
    keep_end(&notice->ends.server, key->address[flow_end(flow, SIDE_SERVER)], key->addr_len);
    notice->ends.chain = (struct trust_copy){0};
    if (!config->no_dns && notes && notes->chains[SIDE_SERVER])
        notice->ends.chain = trust_chain_copy(notes->chains[SIDE_SERVER], &notice->event.arena);
}

static void tell_session(struct tracker *tracker, struct flow *flow) {
    struct notice *notice = begin_notice(tracker, NOTICE_SESSION);
    connection_finish(flow);
    event_reset(&notice->event, DATASET_SESSION);
    describe_session(&notice->event, flow, tracker->config, &tracker->tools);
    notice->direction = describe_direction(flow, tracker->config);
    keep_ends(notice, flow, tracker->config);
    count_limits(tracker, flow);
    end_recording(tracker, flow, true);
    send_notice(tracker, notice);
}

static void report(struct tracker *tracker, struct flow *flow) {
    if (is_reported(flow)) {
        if (connection_open_session(flow, &tracker->tools))
            tell_session(tracker, flow);
        else
            tracker->counters.limits[LIMIT_MEMORY]++;
    }
    end_recording(tracker, flow, flow->record_mail == RECORD_MAIL);
    drop_session(flow);
    flow_weigh(tracker->flows, flow);
}

/* --- expiry --- */

/* The queue whose oldest flow's time comes first, if that is by elapsed_ns, and the order of what is told of
 * it. NUM_QUEUES: none. */
static enum flow_queue next_due(const struct tracker *tracker, uint64_t elapsed_ns, struct order *order) {
    enum flow_queue first = NUM_QUEUES;
    for (enum flow_queue queue = 0; queue < NUM_QUEUES; queue++) {
        struct flow_wait wait;
        if (!flow_waits(tracker->flows, queue, &wait) || elapsed_ns < wait.active_ns + patience_ns[queue])
            continue;
        struct order due = {wait.active_ns + patience_ns[queue], 0, wait.last_packet};
        if (first == NUM_QUEUES || order_compare(&due, order) < 0) {
            first = queue;
            *order = due;
        }
    }
    return first;
}

/* False: there is no memory for it now. */
static bool expire(struct tracker *tracker, enum flow_queue queue) {
    if (queue == QUEUE_CLOSED && flow_drop_folded(tracker->flows, queue)) {
        tell(tracker, NOTICE_GONE);
        return true;
    }
    struct flow *flow = flow_oldest(tracker->flows, queue);
    if (!flow)
        return false;
    switch (queue) {
    case QUEUE_HALF_OPEN:
    case QUEUE_OPEN:
        flow->timed_out = flow->input == tracker->input;
        report(tracker, flow);
        remove_flow(tracker, flow);
        break;
    case QUEUE_CLOSING:
        flow_look_ahead(tracker->flows, queue);
        report(tracker, flow);
        flow_close(tracker->flows, flow, tracker->order.elapsed_ns);
        break;
    case QUEUE_CLOSED:
    case NUM_QUEUES:
        remove_flow(tracker, flow);
        break;
    }
    return true;
}

/* Not inlined: most packets only look at the clock. */
static __attribute__((noinline)) void expire_due(struct tracker *tracker, uint64_t elapsed_ns) {
    enum flow_queue queue;
    while ((queue = next_due(tracker, elapsed_ns, &tracker->order)) != NUM_QUEUES) {
        if (!expire(tracker, queue))
            break;
    }
    tracker->due_ns = UINT64_MAX;
    for (queue = 0; queue < NUM_QUEUES; queue++) {
        struct flow_wait wait;
        if (flow_waits(tracker->flows, queue, &wait) && wait.active_ns + patience_ns[queue] < tracker->due_ns)
            tracker->due_ns = wait.active_ns + patience_ns[queue];
    }
}

void tracker_advance(struct tracker *tracker, uint64_t elapsed_ns) {
    if (elapsed_ns >= tracker->due_ns)
        expire_due(tracker, elapsed_ns);
}

/* Where to look for one that makes room. A flood of SYNs pushes nothing else out; when there is none, those
 * that have just begun are not what it would be right to lose first. */
static const enum flow_queue *queues_to_clear(const struct tracker *tracker) {
    static const enum flow_queue flooded[NUM_QUEUES] = {QUEUE_HALF_OPEN, QUEUE_CLOSED, QUEUE_CLOSING,
                                                        QUEUE_OPEN};
    static const enum flow_queue usual[NUM_QUEUES] = {QUEUE_CLOSED, QUEUE_CLOSING, QUEUE_OPEN,
                                                      QUEUE_HALF_OPEN};
    size_t num = flow_table_count(tracker->flows);
    return flow_queue_count(tracker->flows, QUEUE_HALF_OPEN) > num / HALF_OPEN_PART ? flooded : usual;
}

/* By one connection, of its queue the one that was silent for longest. False: there is none. */
static bool make_room(struct tracker *tracker, enum limit why) {
    const enum flow_queue *order = queues_to_clear(tracker);
    for (size_t i = 0; i < NUM_QUEUES; i++) {
        enum flow_queue queue = order[i];
        struct flow *flow = flow_oldest(tracker->flows, queue);
        if (!flow)
            continue;
        if (queue == QUEUE_OPEN || queue == QUEUE_HALF_OPEN) {
            flow->evicted = true;
            tracker->counters.flows_evicted++;
            tracker->counters.limits[why]++;
        }
        if (queue != QUEUE_CLOSED)
            report(tracker, flow);
        remove_flow(tracker, flow);
        return true;
    }
    return false;
}

/* --- which connections --- */

static bool is_watched(const struct tracker *tracker, uint16_t port) {
    return port_set_has(&tracker->watched, port);
}

/* Picked up in the middle: who is the server? A mail port tells; with two of them (or none) the first bytes
 * do. */
static bool sender_is_client(const struct tracker *tracker, const struct segment *segment) {
    if (segment->flags & TCP_SYN)
        return !(segment->flags & TCP_ACK);
    bool from_watched = is_watched(tracker, segment->src_port),
         to_watched = is_watched(tracker, segment->dst_port);
    if (from_watched != to_watched)
        return to_watched;
    struct reader r = reader_of(segment->payload, segment->payload_len);
    uint8_t first[6];
    for (size_t i = 0; i < sizeof first; i++)
        first[i] = reader_u8(&r);
    if (first[0] == 22 && first[1] == 3)
        return first[5] != 2; /* a TLS handshake record: 2 is ServerHello */
    if (first[0] >= '2' && first[0] <= '5' && (first[3] == ' ' || first[3] == '-'))
        return false;
    return segment->src_port > segment->dst_port;
}

static struct flow *add_flow(struct tracker *tracker, const struct segment *segment,
                             const struct flow *before, uint8_t *sender) {
    bool client_sent = sender_is_client(tracker, segment);
    uint16_t server_port = client_sent ? segment->dst_port : segment->src_port;
    if (!is_watched(tracker, server_port) && !tracker->config->any_port)
        return NULL;
    if (flow_table_full(tracker->flows))
        make_room(tracker, LIMIT_FLOWS);
    struct flow *flow = flow_add(tracker->flows, segment, sender);
    if (!flow) {
        tracker->counters.limits[LIMIT_MEMORY]++;
        return NULL;
    }
    tell(tracker, NOTICE_OPENED);
    flow->client = client_sent ? *sender : (uint8_t)(1 - *sender);
    flow->mail_port = port_set_has(&tracker->config->mail_ports, server_port);
    flow->tls_port = port_set_has(&tracker->config->tls_ports, server_port);
    flow->unexpected_port = !flow->mail_port && !flow->tls_port;
    if (flow->unexpected_port)
        flow->recognition = recognition_new(tracker->recogniser);
    connection_begin(flow, before, segment);
    return flow;
}

/* The flow that the segment begins, in the place of the one (NULL: none) that it does not belong to. NULL:
 * not to be followed. Not inlined: most segments begin nothing. */
static __attribute__((noinline)) struct flow *begin_flow(struct tracker *tracker, struct flow *flow,
                                                         const struct segment *segment, uint8_t *sender) {
    bool begins = (segment->flags & TCP_SYN) != 0 || segment->payload_len > 0;
    if (!flow)
        return begins && !(segment->flags & TCP_RST) ? add_flow(tracker, segment, NULL, sender) : NULL;
    struct flow before = {.syn_pending = flow->syn_pending,
                          .syn_pending_seq = flow->syn_pending_seq,
                          .syn_pending_ts_ns = flow->syn_pending_ts_ns};
    if (flow->queue != QUEUE_CLOSED)
        report(tracker, flow);
    remove_flow(tracker, flow);
    return add_flow(tracker, segment, &before, sender);
}

/* The flow that the segment belongs to, made when it begins one. NULL: not to be followed. */
static struct flow *follow(struct tracker *tracker, const struct segment *segment, uint8_t *sender) {
    struct flow *flow = flow_find(tracker->flows, segment, sender);
    if (flow && !connection_is_new(flow, segment, flow_side(flow, *sender)))
        return flow;
    return begin_flow(tracker, flow, segment, sender);
}

static void recognise(struct tracker *tracker, struct flow *flow, const struct segment *segment,
                      enum side side) {
    switch (recognition_look(flow->recognition, segment, side == SIDE_CLIENT)) {
    case RECOGNISED_NOT_YET:
        return;
    case RECOGNISED_OTHER:
        flow->ignored =
            !flow->session || !(is_surely_smtp(flow->session) || session_asked_proxy(flow->session));
        if (flow->ignored) {
            end_recording(tracker, flow, false);
            drop_session(flow);
        }
        break;
    case RECOGNISED_SMTP:
        break;
    }
    recognition_free(flow->recognition);
    flow->recognition = NULL;
}

static enum record_mail record_mail(const struct flow *flow) {
    if (!flow->unexpected_port)
        return RECORD_MAIL;
    if (flow->ignored)
        return RECORD_OTHER;
    if (flow->queue == QUEUE_CLOSED)
        return flow->record_mail;
    bool open = flow->recognition || session_asked_proxy(flow->session);
    return open && !(flow->session && is_surely_smtp(flow->session)) ? RECORD_OPEN : RECORD_MAIL;
}

static void record(struct tracker *tracker, struct flow *flow, const struct segment *segment, enum side side,
                   bool contradicts) {
    if (tracker->recorder)
        recorder_segment(tracker->recorder, flow, segment, side, record_mail(flow), contradicts);
}

/* A message of the DNS. A notice that is not sent is lent again. */
static void take_answer(void *context, const uint8_t *message, size_t len) {
    struct tracker *tracker = context;
    const struct segment *segment = tracker->answer;
    struct notice *notice = begin_notice(tracker, NOTICE_NAMES);
    arena_reset(&notice->event.arena);
    notice->num_facts = names_read(message, len, &notice->event.arena, &notice->facts);
    if (notice->num_facts == 0)
        return;
    keep_end(&notice->ends.client, segment->dst, segment->addr_len);
    notice->ts_ns = segment->ts_ns;
    notice->answer =
        tracker->recorder ? recorder_keep_answer(tracker->recorder, segment, tracker->answer_place) : 0;
    send_notice(tracker, notice);
}

static void take_dns_stream(struct tracker *tracker, const struct segment *segment) {
    bool begun;
    tracker->answer_place = dns_streams_find(tracker->dns, segment, &begun);
    if (tracker->answer_place < 0)
        return;
    if (tracker->recorder)
        recorder_dns_segment(tracker->recorder, segment, tracker->answer_place, begun);
    dns_streams_segment(tracker->dns, tracker->answer_place, segment, take_answer, tracker);
}

/* True when it is nothing but an answer of the DNS. */
static bool take_dns(struct tracker *tracker, const struct segment *segment) {
    if (!tracker->dns || segment->src_port != DNS_PORT)
        return segment->datagram;
    tracker->answer = segment;
    tracker->answer_place = -1;
    if (segment->datagram)
        take_answer(tracker, segment->payload, segment->payload_len);
    else
        take_dns_stream(tracker, segment);
    return segment->datagram || !(tracker->config->any_port || is_watched(tracker, segment->src_port) ||
                                  is_watched(tracker, segment->dst_port));
}

/* Its patience counts from this packet; but one that came after the end of a closed connection, if its stamp
 * is true, leaves it to the next to find that it is over. */
static void wait_on(struct tracker *tracker, struct flow *flow, enum flow_queue queue,
                    const struct moment *now) {
    bool was_closing = queue == QUEUE_CLOSING && flow->queue == QUEUE_CLOSING;
    if (was_closing && now->ahead_ns >= flow->active_ns + patience_ns[queue])
        return;
    flow->last_packet = now->packet;
    touch(tracker, flow, queue, now->ahead_ns);
}

void tracker_segment(struct tracker *tracker, const struct segment *segment, const struct moment *now) {
    uint8_t sender = 0;
    tracker_advance(tracker, now->elapsed_ns);
    tracker->order = (struct order){now->elapsed_ns, now->packet, 0};
    if (take_dns(tracker, segment))
        return;
    struct flow *flow = follow(tracker, segment, &sender);
    if (!flow)
        return;
    flow->input = tracker->input;
    enum side side = flow_side(flow, sender);
    history_advance(tracker->tools.history, now->volume);
    if (flow->queue == QUEUE_CLOSED) {
        record(tracker, flow, segment, side, false);
        return;
    }
    bool contradicted = flow->overlap_conflict;
    flow->overlap_conflict = false; /* does this one, too? */
    if (!flow->ignored && !connection_segment(flow, segment, side, now->elapsed_ns, &tracker->tools))
        tracker->counters.limits[LIMIT_MEMORY]++;
    bool contradicts = flow->overlap_conflict;
    flow->overlap_conflict = contradicted || contradicts;
    if (flow->recognition)
        recognise(tracker, flow, segment, side);
    record(tracker, flow, segment, side, contradicts);
    if (segment->payload_len > 0)
        flow_weigh(tracker->flows, flow);
    flow->established |= segment->payload_len > 0 || !(segment->flags & (TCP_SYN | TCP_RST));
    enum flow_queue open = flow->established ? QUEUE_OPEN : QUEUE_HALF_OPEN;
    wait_on(tracker, flow, connection_ended(flow) ? QUEUE_CLOSING : open, now);
    while (flow_table_heavy(tracker->flows) && make_room(tracker, LIMIT_MEMORY_CAP))
        continue;
}

static void take_expected(struct tracker *tracker, const struct timed_segment *segments, size_t num) {
    uint32_t flow_hashes[FLOWS_EXPECTED] = {0};
    for (size_t i = 0; i < num; i++)
        flow_hashes[i] = segments[i].segment.flow_hash;
    flow_expect(tracker->flows, flow_hashes, num);
    for (size_t i = 0; i < num; i++)
        tracker_segment(tracker, &segments[i].segment, &segments[i].moment);
}

void tracker_segments(struct tracker *tracker, const struct timed_segment *segments, size_t num) {
    for (; num > FLOWS_EXPECTED; num -= FLOWS_EXPECTED, segments += FLOWS_EXPECTED)
        take_expected(tracker, segments, FLOWS_EXPECTED);
    take_expected(tracker, segments, num);
}

void tracker_next_input(struct tracker *tracker, uint64_t elapsed_ns) {
    tracker_advance(tracker, elapsed_ns);
    tracker->input++;
}

/* Of two queues the one whose last packet came first; in each of them that is the order already. */
static struct flow *oldest_of(struct tracker *tracker, enum flow_queue queue, enum flow_queue other_queue) {
    struct flow *flow = flow_oldest(tracker->flows, queue), *other = flow_oldest(tracker->flows, other_queue);
    if (!flow || !other)
        return flow ? flow : other;
    struct order a = {flow->active_ns, flow->last_packet, 0}, b = {other->active_ns, other->last_packet, 0};
    return order_compare(&a, &b) <= 0 ? flow : other;
}

static void finish_queues(struct tracker *tracker, enum flow_queue queue, enum flow_queue other,
                          uint64_t order_ns) {
    struct flow *flow;
    while ((flow = oldest_of(tracker, queue, other)) != NULL) {
        tracker->order = (struct order){order_ns, flow->active_ns, flow->last_packet};
        report(tracker, flow);
        remove_flow(tracker, flow);
    }
}

void tracker_finish(struct tracker *tracker) {
    finish_queues(tracker, QUEUE_CLOSING, QUEUE_CLOSING, UINT64_MAX - 1);
    finish_queues(tracker, QUEUE_OPEN, QUEUE_HALF_OPEN, UINT64_MAX);
}

const struct tracker_counters *tracker_counters(const struct tracker *tracker) {
    return &tracker->counters;
}

void tracker_counters_add(struct tracker_counters *sum, const struct tracker_counters *more) {
    sum->flows_evicted += more->flows_evicted;
    for (size_t i = 0; i < NUM_LIMITS; i++)
        sum->limits[i] += more->limits[i];
}
