#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/decode.h"
#include "judge/describe.h"
#include "judge/peers.h"
#include "judge/recognise.h"
#include "track/connection.h"

/* How long a flow stays in its queue without a packet. */
static const uint64_t patience_ns[NUM_QUEUES] = {
    [QUEUE_OPEN] = 630 * NS_PER_S,  /* RFC 5321 section 4.5.3.2: an SMTP party may take 10 minutes */
    [QUEUE_CLOSING] = 1 * NS_PER_S, /* a closed connection's late packets still count */
    [QUEUE_CLOSED] = 60 * NS_PER_S, /* and then are known as stragglers */
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
    NUM_LIMITS
};

static const char *const limit_names[NUM_LIMITS] = {
    [LIMIT_SMTP] = "smtp",
    [LIMIT_TLS] = "tls",
    [LIMIT_TCP_BUFFER] = "tcp_buffer",
    [LIMIT_FLOWS] = "flows",
    [LIMIT_FRAGMENTS] = "fragments",
    [LIMIT_TUNNEL_DEPTH] = "tunnel_depth",
    [LIMIT_MEMORY] = "memory",
};

struct pipeline {
    const struct config *config;
    pipeline_emit emit;
    void *context;
    struct port_set watched; /* mail and TLS ports */
    struct decoder *decoder;
    struct flow_table *flows;
    struct session_tools tools;
    struct recogniser *recogniser; /* with --any-port */
    struct peers *peers;
    struct capture_clock clock;
    uint64_t due_ns;    /* elapsed time before which no flow's patience ends */
    uint32_t input;     /* number of the input being read */
    struct event event; /* reused for each session */
    uint64_t first_ts_ns, last_ts_ns, window_start_ns;
    size_t flows_peak;
    struct pipeline_counters counters;
    struct sensor_event totals;  /* what the sensor event will say */
    uint64_t limits[NUM_LIMITS]; /* how often each was reached */
};

static void emit_event(struct pipeline *p, struct event *event) {
    event->observer_name = p->config->observer_name;
    event->observer_version = STARTTAP_VERSION;
    p->emit(p->context, event);
}

static void emit_peer(void *context, struct event *event) {
    emit_event(context, event);
}

static bool open_tools(struct pipeline *p, char *error, size_t error_len) {
    const struct config *config = p->config;
    struct trust_options trust = {.verify = !config->no_verify, .ca_path = config->ca_path};
    struct decode_options decode = {.ports = config->any_port ? NULL : &p->watched,
                                    .verify_checksums = config->verify_checksums};
    snprintf(error, error_len, "out of memory");
    p->decoder = decoder_new(&decode);
    p->flows = flow_table_new(config->max_flows);
    p->tools.digest = digest_new();
    if (!p->decoder || !p->flows || !p->tools.digest)
        return false;
    p->tools.hellos = hello_cache_new(p->tools.digest);
    p->tools.trust = trust_new(&trust, p->tools.digest, error, error_len);
    p->peers = peers_new(p->tools.digest, emit_peer, p);
    if (!p->tools.hellos || !p->tools.trust || !p->peers)
        return false;
    if (!config->any_port)
        return true;
    snprintf(error, error_len, "nDPI would not start");
    p->recogniser = recogniser_new();
    return p->recogniser != NULL;
}

struct pipeline *pipeline_new(const struct config *config, pipeline_emit emit, void *context, char *error,
                              size_t error_len) {
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    p->config = config;
    p->emit = emit;
    p->context = context;
    event_init(&p->event);
    for (size_t i = 0; i < sizeof p->watched.bits / sizeof p->watched.bits[0]; i++)
        p->watched.bits[i] = config->mail_ports.bits[i] | config->tls_ports.bits[i];
    if (open_tools(p, error, error_len))
        return p;
    pipeline_free(p);
    return NULL;
}

void pipeline_set_keylog(struct pipeline *p, struct keylog *keylog) {
    p->tools.keylog = keylog;
}

static void drop_session(struct flow *flow) {
    session_free(flow->session);
    flow->session = NULL;
    recognition_free(flow->recognition);
    flow->recognition = NULL;
    stream_cleanup(&flow->streams[SIDE_CLIENT]);
    stream_cleanup(&flow->streams[SIDE_SERVER]);
}

static void remove_flow(struct pipeline *p, struct flow *flow) {
    drop_session(flow);
    flow_remove(p->flows, flow);
}

void pipeline_free(struct pipeline *p) {
    if (!p)
        return;
    for (enum flow_queue queue = 0; p->flows && queue < NUM_QUEUES; queue++) {
        struct flow *flow;
        while ((flow = flow_oldest(p->flows, queue)) != NULL)
            remove_flow(p, flow);
    }
    flow_table_free(p->flows);
    decoder_free(p->decoder);
    recogniser_free(p->recogniser);
    peers_free(p->peers);
    trust_free(p->tools.trust);
    hello_cache_free(p->tools.hellos);
    digest_free(p->tools.digest);
    event_cleanup(&p->event);
    free(p);
}

/* --- reports --- */

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

static void count_limits(struct pipeline *p, const struct flow *flow) {
    const struct session *session = flow->session;
    p->limits[LIMIT_SMTP] += smtp_facts(session->smtp)->limits_hit;
    if (session->tls)
        p->limits[LIMIT_TLS] += tls_facts(session->tls)->limits_hit;
    p->limits[LIMIT_TCP_BUFFER] += flow->buffer_full;
}

static void count_reported(struct pipeline *p, const struct session_event *s) {
    p->counters.sessions++;
    p->totals.sessions_one_sided += s->one_sided;
    p->totals.sessions_midstream += s->midstream;
    p->totals.packets_duplicate += (uint64_t)s->duplicates;
    p->totals.gap_bytes += (uint64_t)s->gap_bytes;
    p->totals.gaps += s->gap_bytes > 0;
}

static void report(struct pipeline *p, struct flow *flow) {
    if (is_reported(flow)) {
        if (connection_open_session(flow, &p->tools)) {
            connection_finish(flow);
            event_reset(&p->event, DATASET_SESSION);
            describe_session(&p->event, flow, p->config, &p->tools);
            peers_add(p->peers, &p->event, describe_direction(flow, p->config));
            count_reported(p, &p->event.session);
            count_limits(p, flow);
            emit_event(p, &p->event);
        } else {
            p->limits[LIMIT_MEMORY]++;
        }
    }
    drop_session(flow);
}

/* --- expiry --- */

/* Puts it at the young end of a queue, to wait there anew. */
static void touch(struct pipeline *p, struct flow *flow, enum flow_queue queue) {
    uint64_t due_ns = p->clock.elapsed_ns + patience_ns[queue];
    flow_touch(p->flows, flow, queue, p->clock.elapsed_ns);
    if (due_ns < p->due_ns)
        p->due_ns = due_ns;
}

static void end_patience(struct pipeline *p, struct flow *flow) {
    switch ((enum flow_queue)flow->queue) {
    case QUEUE_CLOSING:
        report(p, flow);
        touch(p, flow, QUEUE_CLOSED);
        return;
    case QUEUE_OPEN:
        flow->timed_out = flow->input == p->input;
        report(p, flow);
        break;
    default:
        break;
    }
    remove_flow(p, flow);
}

static void expire(struct pipeline *p) {
    if (p->clock.elapsed_ns < p->due_ns)
        return;
    p->due_ns = UINT64_MAX;
    for (enum flow_queue queue = NUM_QUEUES; queue-- > 0;) {
        struct flow *flow;
        while ((flow = flow_oldest(p->flows, queue)) != NULL &&
               p->clock.elapsed_ns - flow->active_ns >= patience_ns[queue])
            end_patience(p, flow);
        if (flow && flow->active_ns + patience_ns[queue] < p->due_ns)
            p->due_ns = flow->active_ns + patience_ns[queue];
    }
}

static void make_room(struct pipeline *p) {
    for (enum flow_queue queue = NUM_QUEUES; queue-- > 0;) {
        struct flow *flow = flow_oldest(p->flows, queue);
        if (!flow)
            continue;
        if (queue == QUEUE_OPEN) {
            flow->evicted = true;
            p->totals.flows_evicted++;
            p->limits[LIMIT_FLOWS]++;
        }
        if (queue != QUEUE_CLOSED)
            report(p, flow);
        remove_flow(p, flow);
        return;
    }
}

/* --- which connections --- */

static bool is_watched(const struct pipeline *p, uint16_t port) {
    return port_set_has(&p->watched, port);
}

/* Picked up in the middle: who is the server? A mail port tells; with two of them (or none) the first bytes
 * do. */
static bool sender_is_client(const struct pipeline *p, const struct segment *segment) {
    if (segment->flags & TCP_SYN)
        return !(segment->flags & TCP_ACK);
    bool from_watched = is_watched(p, segment->src_port), to_watched = is_watched(p, segment->dst_port);
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

static struct flow *add_flow(struct pipeline *p, const struct segment *segment, const struct flow *before,
                             uint8_t *sender) {
    bool client_sent = sender_is_client(p, segment);
    uint16_t server_port = client_sent ? segment->dst_port : segment->src_port;
    if (!is_watched(p, server_port) && !p->config->any_port)
        return NULL;
    if (flow_table_full(p->flows))
        make_room(p);
    struct flow *flow = flow_add(p->flows, segment, sender);
    if (!flow) {
        p->limits[LIMIT_MEMORY]++;
        return NULL;
    }
    flow->client = client_sent ? *sender : (uint8_t)(1 - *sender);
    flow->mail_port = port_set_has(&p->config->mail_ports, server_port);
    flow->tls_port = port_set_has(&p->config->tls_ports, server_port);
    flow->unexpected_port = !flow->mail_port && !flow->tls_port;
    if (flow->unexpected_port)
        flow->recognition = recognition_new(p->recogniser);
    connection_begin(flow, before, segment);
    if (flow_table_count(p->flows) > p->flows_peak)
        p->flows_peak = flow_table_count(p->flows);
    return flow;
}

/* The flow that the segment belongs to, made when it begins one. NULL: not to be followed. */
static struct flow *follow(struct pipeline *p, const struct segment *segment, uint8_t *sender) {
    struct flow *flow = flow_find(p->flows, segment, sender);
    if (flow && !connection_is_new(flow, segment, flow_side(flow, *sender)))
        return flow;
    bool begins = (segment->flags & TCP_SYN) != 0 || segment->payload_len > 0;
    if (!flow)
        return begins && !(segment->flags & TCP_RST) ? add_flow(p, segment, NULL, sender) : NULL;
    struct flow before = {.syn_pending = flow->syn_pending,
                          .syn_pending_seq = flow->syn_pending_seq,
                          .syn_pending_ts_ns = flow->syn_pending_ts_ns};
    if (flow->queue != QUEUE_CLOSED)
        report(p, flow);
    remove_flow(p, flow);
    return add_flow(p, segment, &before, sender);
}

static void recognise(struct flow *flow, const struct segment *segment, enum side side) {
    switch (recognition_look(flow->recognition, segment, side == SIDE_CLIENT)) {
    case RECOGNISED_NOT_YET:
        return;
    case RECOGNISED_OTHER:
        flow->ignored =
            !flow->session || !(is_surely_smtp(flow->session) || session_asked_proxy(flow->session));
        if (flow->ignored)
            drop_session(flow);
        break;
    case RECOGNISED_SMTP:
        break;
    }
    recognition_free(flow->recognition);
    flow->recognition = NULL;
}

static void take_segment(struct pipeline *p, const struct segment *segment) {
    uint8_t sender = 0;
    struct flow *flow = follow(p, segment, &sender);
    if (!flow)
        return;
    flow->input = p->input;
    enum side side = flow_side(flow, sender);
    if (flow->queue == QUEUE_CLOSED)
        return;
    if (!flow->ignored && !connection_segment(flow, segment, side, p->clock.elapsed_ns, &p->tools))
        p->limits[LIMIT_MEMORY]++;
    if (flow->recognition)
        recognise(flow, segment, side);
    touch(p, flow, connection_ended(flow) ? QUEUE_CLOSING : QUEUE_OPEN);
}

/* --- windows --- */

static void end_window(struct pipeline *p, uint64_t end_ns) {
    peers_end_window(p->peers, p->window_start_ns, end_ns);
    p->window_start_ns = end_ns;
}

/* By packet time that two packets in a row have reached, so that one false stamp ends no window. */
static void turn_window(struct pipeline *p) {
    uint64_t length_ns = p->config->peer_window_s * NS_PER_S;
    if (length_ns == 0)
        return;
    if (p->clock.reached_ns >= p->window_start_ns + length_ns)
        end_window(p, p->clock.reached_ns - p->clock.reached_ns % length_ns);
}

static void take_time(struct pipeline *p, uint64_t ts_ns) {
    clock_tick(&p->clock, ts_ns);
    if (p->counters.packets == 1) {
        uint64_t length_ns = p->config->peer_window_s * NS_PER_S;
        p->first_ts_ns = p->last_ts_ns = ts_ns;
        p->window_start_ns = length_ns == 0 ? ts_ns : ts_ns - ts_ns % length_ns;
    }
    if (ts_ns < p->first_ts_ns)
        p->first_ts_ns = ts_ns;
    if (ts_ns > p->last_ts_ns)
        p->last_ts_ns = ts_ns;
}

void pipeline_packet(struct pipeline *p, const struct packet *packet) {
    struct segment segment;
    p->counters.packets++;
    p->counters.bytes += packet->wire_len;
    take_time(p, packet->ts_ns);
    expire(p);
    turn_window(p);
    if (decode_packet(p->decoder, packet, &segment) == DECODE_TCP)
        take_segment(p, &segment);
}

void pipeline_tick(struct pipeline *p, uint64_t now_ns) {
    if (p->counters.packets == 0)
        return;
    clock_tick(&p->clock, now_ns);
    expire(p);
    turn_window(p);
}

void pipeline_next_input(struct pipeline *p) {
    p->input++;
}

static void list_limits(struct pipeline *p, struct sensor_event *s, struct count items[NUM_LIMITS]) {
    const struct decode_counters *decoded = decoder_counters(p->decoder);
    p->limits[LIMIT_FRAGMENTS] = decoded->fragment_limit;
    p->limits[LIMIT_TUNNEL_DEPTH] = decoded->depth_limit;
    s->limits = (struct count_list){items, 0};
    for (size_t i = 0; i < NUM_LIMITS; i++) {
        if (p->limits[i] == 0)
            continue;
        items[s->limits.num++] = (struct count){limit_names[i], p->limits[i]};
        s->limits_hit += p->limits[i];
    }
}

static void emit_sensor(struct pipeline *p) {
    struct count limits[NUM_LIMITS];
    const struct decode_counters *decoded = decoder_counters(p->decoder);
    struct event *event = &p->event;
    event_reset(event, DATASET_SENSOR);
    struct sensor_event *s = &event->sensor;
    *s = p->totals;
    s->start_ns = p->first_ts_ns;
    s->end_ns = p->last_ts_ns;
    s->packets = p->counters.packets;
    s->bytes = p->counters.bytes;
    s->sessions = p->counters.sessions;
    s->packets_truncated = decoded->truncated;
    s->packets_damaged = decoded->damaged;
    s->packets_fragment = decoded->fragments;
    s->flows_peak = p->flows_peak;
    s->memory_bytes = p->flows_peak * sizeof(struct flow);
    list_limits(p, s, limits);
    describe_id(event, p->tools.digest, "sensor", s->start_ns, s->end_ns);
    emit_event(p, event);
}

void pipeline_finish(struct pipeline *p) {
    struct flow *flow;
    while ((flow = flow_oldest(p->flows, QUEUE_CLOSING)) != NULL) {
        report(p, flow);
        touch(p, flow, QUEUE_CLOSED);
    }
    while ((flow = flow_oldest(p->flows, QUEUE_OPEN)) != NULL) {
        report(p, flow);
        remove_flow(p, flow);
    }
    end_window(p, p->last_ts_ns);
    emit_sensor(p);
}

struct pipeline_counters pipeline_counters(const struct pipeline *p) {
    return p->counters;
}
