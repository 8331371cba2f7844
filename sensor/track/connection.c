#include "connection.h"

#include <string.h>

#include "history.h"

#define SENT_AHEAD_MAX                                                                                       \
    (16 << 20) /* a larger window cannot be filled: the number is not of this connection                     \
                */

/* --- which connection --- */

static bool has_data(const struct flow *flow) {
    const struct stream *s = flow->streams;
    return s[0].next > 0 || s[1].next > 0 || s[0].buffered > 0 || s[1].buffered > 0;
}

static bool syn_begins_anew(struct flow *flow, const struct segment *segment, enum side side) {
    const struct stream *stream = &flow->streams[side];
    if (stream->started && stream->first_seq == segment->seq + 1)
        return false; /* sent again */
    if (flow->queue == QUEUE_CLOSED || connection_ended(flow))
        return true;
    if (!has_data(flow))
        return false; /* the same attempt with another number: take_syn() sees to it */
    flow->syn_pending = true;
    flow->syn_pending_seq = segment->seq;
    flow->syn_pending_ts_ns = segment->ts_ns;
    return false;
}

/* Whoever sends on behind its own RST or FIN did not send that: it was forged, and the host that it was meant
 * for may not have taken it. */
static bool goes_on(const struct flow *flow, const struct segment *segment, enum side side) {
    const struct stream *stream = &flow->streams[side];
    int64_t end = stream_offset(stream, segment->seq) + segment->payload_wire_len;
    return (flow->rst_seen[side] || stream->fin_seen) && end > (int64_t)stream->end + 1;
}

bool connection_is_new(struct flow *flow, const struct segment *segment, enum side side) {
    if ((segment->flags & TCP_SYN) && !(segment->flags & TCP_ACK))
        return syn_begins_anew(flow, segment, side);
    if (flow->syn_pending && (segment->flags & TCP_SYN))
        return segment->ack == flow->syn_pending_seq + 1;
    if (flow->syn_pending && segment->payload_len > 0 && segment->seq == flow->syn_pending_seq + 1)
        return true;
    if (flow->queue != QUEUE_CLOSED)
        return false;
    if (segment->flags & TCP_SYN)
        return flow->streams[side].first_seq != segment->seq + 1;
    int64_t away = stream_offset(&flow->streams[side], segment->seq) - (int64_t)flow->streams[side].next;
    return segment->payload_len > 0 &&
           (away > STRAY_DISTANCE || away < -STRAY_DISTANCE || goes_on(flow, segment, side));
}

static void start_stream(struct stream *stream, uint32_t first_seq, bool certain) {
    *stream = (struct stream){.started = true, .first_seq = first_seq, .syn_seen = certain};
}

void connection_begin(struct flow *flow, const struct flow *before, const struct segment *segment) {
    flow->first_ts_ns = segment->ts_ns;
    flow->last_ts_ns = segment->ts_ns;
    if (!before)
        return;
    if (before->syn_pending) {
        flow->first_ts_ns = before->syn_pending_ts_ns;
        if (flow->last_ts_ns < flow->first_ts_ns) /* the stamps went back meanwhile */
            flow->last_ts_ns = flow->first_ts_ns;
        flow->packets[SIDE_CLIENT] = 1;
        start_stream(&flow->streams[SIDE_CLIENT], before->syn_pending_seq + 1, true);
    }
}

/* --- data --- */

static size_t feed(struct flow *flow, enum side side, const uint8_t *data, size_t len, bool force) {
    size_t used = session_push(flow->session, side, data, len, force);
    struct stream *stream = &flow->streams[side];
    history_add(flow->session->tools->history, &flow->history, side, data, used);
    stream_consume(stream, used);
    return used;
}

static bool drain_side(struct flow *flow, enum side side, bool force) {
    bool moved = false;
    size_t len = 0;
    const uint8_t *data;
    if (force)
        stream_join_all(&flow->streams[side]);
    while ((data = stream_peek(&flow->streams[side], &len)) != NULL) {
        if (feed(flow, side, data, len, force) > 0)
            moved = true;
        else if (!stream_join(&flow->streams[side]))
            break;
    }
    return moved;
}

/* Lets both sides go on as far as what is there allows. */
static void drain(struct flow *flow) {
    bool moved = true;
    while (moved && (flow->streams[0].chunks || flow->streams[1].chunks)) {
        moved = drain_side(flow, SIDE_CLIENT, false);
        moved |= drain_side(flow, SIDE_SERVER, false);
    }
}

static bool give_up_hole(struct flow *flow, enum side side) {
    uint64_t hole = stream_hole(&flow->streams[side]);
    if (hole == 0 || flow->packets[side] == 0)
        return false; /* a side that was never seen has no holes */
    flow->hole[side] = false;
    stream_skip(&flow->streams[side], hole);
    session_gap(flow->session, side, hole);
    drain(flow);
    return true;
}

/* Makes room on a side whose buffer is full. What it waits for may be behind a hole of the other side, so
 * that goes first; then its own hole; then the wait is cut short. False: there is nothing that could go. */
static bool relieve(struct flow *flow, enum side side) {
    if (!flow->streams[side].chunks)
        return false;
    if (stream_hole(&flow->streams[side]) == 0 && give_up_hole(flow, side_other(side)))
        return true;
    if (give_up_hole(flow, side))
        return true;
    bool moved = drain_side(flow, side, true);
    drain(flow);
    return moved;
}

static enum stream_push_result keep(struct flow *flow, enum side side, int64_t offset, const uint8_t *data,
                                    size_t len) {
    enum stream_push_result result;
    while ((result = stream_push(&flow->streams[side], offset, data, len)) == STREAM_FULL) {
        flow->buffer_full++;
        if (!relieve(flow, side))
            break;
    }
    return result;
}

/* In order and nothing kept: straight to the session, no copy. Else kept until it is in order. */
static enum stream_push_result take_bytes(struct flow *flow, enum side side, int64_t offset,
                                          const uint8_t *data, size_t len) {
    struct stream *stream = &flow->streams[side];
    int64_t next = (int64_t)stream->next;
    if (offset + (int64_t)len <= next)
        return STREAM_OLD;
    if (stream->chunks || offset > next) {
        enum stream_push_result result = keep(flow, side, offset, data, len);
        drain(flow);
        return result;
    }
    size_t old = (size_t)(next - offset);
    size_t used = feed(flow, side, data + old, len - old, false);
    if (old + used < len)
        keep(flow, side, next + (int64_t)used, data + old + used, len - old - used);
    drain(flow);
    return STREAM_NEW;
}

/* Nobody listens any more: only how far the stream went is kept. */
static void pass_over(struct stream *stream, int64_t end) {
    if (end > (int64_t)stream->next)
        stream_consume(stream, (size_t)(end - (int64_t)stream->next));
    stream->known = stream->next;
}

static bool is_keep_alive(const struct stream *stream, const struct segment *segment, int64_t offset) {
    return segment->payload_len <= 1 && offset == (int64_t)stream->end - 1;
}

/* Bytes that hosts may read otherwise than we do: another copy of what was read (the byte of a keep-alive
 * means nothing, RFC 9293 section 3.8.4), or urgent ones, which most take out of the stream (RFC 6093). */
static bool contradicts(const struct flow *flow, const struct segment *segment, enum side side,
                        int64_t offset, bool keep_alive) {
    const struct stream *stream = &flow->streams[side];
    if ((segment->flags & TCP_URG) && segment->urgent > 0)
        return true;
    if (offset >= (int64_t)stream->next ||
        (keep_alive && segment->payload_len == 1 && segment->payload[0] == 0))
        return false;
    struct history_copy copy = {side,   stream->known,    stream->next,
                                offset, segment->payload, segment->payload_len};
    return history_differs(flow->session->tools->history, flow->history, &copy);
}

static void take_payload(struct flow *flow, const struct segment *segment, enum side side, int64_t offset,
                         bool duplicate) {
    struct stream *stream = &flow->streams[side];
    int64_t away = offset - (int64_t)stream->next;
    if (away > STREAM_WINDOW_MAX || away < -(int64_t)STREAM_WINDOW_MAX)
        return;
    if (segment->payload_len < segment->payload_wire_len)
        flow->truncated = true;
    if (!session_listens(flow->session, side)) {
        pass_over(stream, offset + segment->payload_wire_len);
        return;
    }
    bool fills_hole = offset < (int64_t)stream->end;
    bool keep_alive = is_keep_alive(stream, segment, offset);
    flow->overlap_conflict |= contradicts(flow, segment, side, offset, keep_alive);
    switch (take_bytes(flow, side, offset, segment->payload, segment->payload_len)) {
    case STREAM_NEW:
    case STREAM_AHEAD:
        if (fills_hole)
            flow->out_of_order++;
        break;
    case STREAM_CONFLICT:
        flow->overlap_conflict = true;
        break;
    case STREAM_OLD:
        if (!duplicate && !keep_alive)
            flow->retransmits++;
        break;
    case STREAM_FULL:
        break;
    }
    /* What the snap length cut off never comes: no need to wait for it. */
    int64_t cut_at = offset + segment->payload_len, wire_end = offset + segment->payload_wire_len;
    if (wire_end > cut_at && cut_at == (int64_t)stream->next && !stream->chunks) {
        stream_skip(stream, (uint64_t)(wire_end - cut_at));
        session_gap(flow->session, side, (uint64_t)(wire_end - cut_at));
        drain(flow);
    }
}

/* --- header --- */

/* Packets that a mirror shows twice have the same header to the last bit. */
static bool is_duplicate(struct flow *flow, const struct segment *segment, enum side side) {
    uint32_t signature = segment->seq * UINT32_C(2654435761) ^ segment->ack * UINT32_C(2246822519) ^
                         ((uint32_t)segment->checksum << 16 | segment->ip_id) ^
                         ((uint32_t)segment->window << 8 | segment->flags) ^ segment->payload_wire_len << 12;
    uint32_t *known = flow->signatures[side];
    for (size_t i = 0; i < FLOW_SIGNATURES; i++) {
        if (known[i] == signature && flow->packets[side] > 0)
            return true;
    }
    known[flow->next_signature[side]] = signature;
    flow->next_signature[side] = (uint8_t)((flow->next_signature[side] + 1) % FLOW_SIGNATURES);
    return false;
}

static void take_syn(struct flow *flow, const struct segment *segment, enum side side) {
    struct stream *own = &flow->streams[side], *other = &flow->streams[side_other(side)];
    bool fresh = own->next == 0 && !own->chunks;
    if (!own->started || (fresh && own->first_seq != segment->seq + 1))
        start_stream(own, segment->seq + 1, true);
    if (own->first_seq == segment->seq + 1)
        own->syn_seen = true;
    if (!(segment->flags & TCP_ACK))
        return;
    flow->syn_ack_seen = true;
    bool other_fresh = other->next == 0 && !other->chunks;
    if (!other->started || (other_fresh && other->first_seq != segment->ack))
        start_stream(other, segment->ack, true);
}

/* The first acknowledgement of a connection tells where the other side's bytes begin, if its SYN was not
 * seen. */
static void start_streams(struct flow *flow, const struct segment *segment, enum side side) {
    struct stream *own = &flow->streams[side], *other = &flow->streams[side_other(side)];
    if (!own->started)
        start_stream(own, segment->seq, false);
    if (other->started || !(segment->flags & TCP_ACK))
        return;
    bool handshake = own->syn_seen && segment->payload_wire_len == 0 && segment->seq == own->first_seq;
    start_stream(other, segment->ack, handshake);
}

/* Bytes before this offset were sent: they were acknowledged, or a later segment stands behind them. The FIN
 * counts as one in sequence space (section 3.4) and is left out; when it was not seen, a single byte more
 * than was captured is taken for it. */
static void take_sent(struct stream *stream, uint32_t seq) {
    int64_t offset = stream_offset(stream, seq);
    if (stream->fin_seen && offset > (int64_t)stream->fin)
        offset = (int64_t)stream->fin;
    if (!stream->fin_seen && offset == (int64_t)stream->end + 1)
        offset--;
    if (offset > (int64_t)stream->sent && offset - (int64_t)stream->end < SENT_AHEAD_MAX)
        stream->sent = (uint64_t)offset;
}

static void take_fin(struct stream *stream, int64_t at) {
    if (stream->fin_seen || at < (int64_t)stream->next || at - (int64_t)stream->next > STREAM_WINDOW_MAX)
        return;
    stream->fin_seen = true;
    stream->fin = (uint64_t)at;
    if (stream->sent > stream->fin)
        stream->sent = stream->fin;
}

/* A RST far from where the stream is ends nothing (section 3.10.7.4); how far it may be off depends on
 * windows and on what was not captured. */
static bool may_reset(const struct stream *stream, int64_t offset) {
    uint64_t end = stream->sent > stream->end ? stream->sent : stream->end;
    return offset >= (int64_t)stream->next - RESET_DISTANCE && offset <= (int64_t)end + RESET_DISTANCE;
}

static void check_hole(struct flow *flow, enum side side, uint64_t elapsed_ns) {
    struct stream *stream = &flow->streams[side];
    uint64_t hole = stream_hole(stream);
    if (hole == 0) {
        flow->hole[side] = false;
        return;
    }
    uint32_t packets = flow->packets[SIDE_CLIENT] + flow->packets[SIDE_SERVER];
    if (!flow->hole[side]) {
        flow->hole_since_ns[side] = elapsed_ns;
        flow->hole_since_packets[side] = packets;
    }
    flow->hole[side] = true;
    if (packets - flow->hole_since_packets[side] < HOLE_WAIT_PACKETS)
        return;
    bool sent = stream->sent >= stream->next + hole;
    uint64_t waited_ns = elapsed_ns - flow->hole_since_ns[side];
    if (waited_ns >= (sent ? HOLE_WAIT_NS : HOLE_WAIT_LONG_NS))
        give_up_hole(flow, side);
}

bool connection_open_session(struct flow *flow, const struct session_tools *tools) {
    if (flow->session)
        return true;
    flow->session = session_new(tools);
    if (!flow->session)
        return false;
    flow->midstream = !flow->streams[SIDE_CLIENT].syn_seen && !flow->streams[SIDE_SERVER].syn_seen;
    if (flow->midstream)
        session_midstream(flow->session);
    return true;
}

/* Header prediction (V. Jacobson, 4BSD TCP header prediction, 1990): nearly every segment is the next one of
 * its side, nothing is missing on either, none has ended, and it acknowledges no more than was seen. */
static bool is_expected(const struct segment *segment, const struct stream *own, const struct stream *other) {
    const unsigned unusual = TCP_SYN | TCP_FIN | TCP_RST | TCP_URG;
    bool complete = own->end == own->next && own->sent <= own->next && other->sent <= other->next;
    bool open = own->started && other->started && !own->fin_seen && !other->fin_seen;
    return open && complete && (segment->flags & (unusual | TCP_ACK)) == TCP_ACK &&
           segment->payload_len == segment->payload_wire_len &&
           stream_offset(own, segment->seq) == (int64_t)own->next &&
           stream_offset(other, segment->ack) <= (int64_t)other->next;
}

/* What is left then of all that connection_segment() does. */
static bool take_expected(struct flow *flow, const struct segment *segment, enum side side,
                          const struct session_tools *tools) {
    struct stream *own = &flow->streams[side], *other = &flow->streams[side_other(side)];
    int64_t acked = stream_offset(other, segment->ack);
    own->sent = own->next;
    other->sent = acked > (int64_t)other->sent ? (uint64_t)acked : other->sent;
    if (segment->payload_len == 0)
        return true;
    if (!connection_open_session(flow, tools))
        return false;
    flow->rst_seen[side] = false; /* it was forged */
    int64_t offset = (int64_t)own->next;
    if (session_listens(flow->session, side))
        (void)take_bytes(flow, side, offset, segment->payload, segment->payload_len);
    else
        pass_over(own, offset + segment->payload_len);
    return true;
}

bool connection_segment(struct flow *flow, const struct segment *segment, enum side side, uint64_t elapsed_ns,
                        const struct session_tools *tools) {
    struct stream *own = &flow->streams[side], *other = &flow->streams[side_other(side)];
    bool duplicate = is_duplicate(flow, segment, side);
    flow->overlap_conflict |= segment->contradicted;
    if (duplicate)
        flow->duplicates++;
    else
        flow->packets[side]++;
    if (segment->ts_ns > flow->last_ts_ns)
        flow->last_ts_ns = segment->ts_ns;
    if (is_expected(segment, own, other))
        return take_expected(flow, segment, side, tools);
    if (segment->flags & TCP_SYN)
        take_syn(flow, segment, side);
    else
        start_streams(flow, segment, side);
    int64_t offset = stream_offset(own, segment->seq + ((segment->flags & TCP_SYN) ? 1 : 0));
    if ((segment->flags & TCP_ACK) && other->started)
        take_sent(other, segment->ack);
    take_sent(own, segment->seq + ((segment->flags & TCP_SYN) ? 1 : 0));
    if (segment->flags & TCP_FIN)
        take_fin(own, offset + segment->payload_wire_len);
    if (segment->flags & TCP_RST) {
        if (may_reset(own, offset))
            flow->rst_seen[side] = true;
        return true; /* text in a RST is a diagnostic, not data (section 3.5.2) */
    }
    if (segment->payload_wire_len > 0) {
        if (!connection_open_session(flow, tools))
            return false;
        if (offset + segment->payload_wire_len > (int64_t)own->end)
            flow->rst_seen[side] = false; /* it was forged */
        take_payload(flow, segment, side, offset, duplicate);
    }
    if (flow->session) {
        check_hole(flow, SIDE_CLIENT, elapsed_ns);
        check_hole(flow, SIDE_SERVER, elapsed_ns);
    }
    return true;
}

bool connection_ended(const struct flow *flow) {
    return flow->rst_seen[0] || flow->rst_seen[1] || (flow->streams[0].fin_seen && flow->streams[1].fin_seen);
}

/* Holes first, and the server's before the client's: a reply that comes after its hole may end the client's
 * wait. Waits are cut short last. Each turn uses up a hole or bytes, so it ends. */
void connection_finish(struct flow *flow) {
    if (!flow->session)
        return;
    for (;;) {
        drain(flow);
        if (give_up_hole(flow, SIDE_SERVER))
            continue;
        if (give_up_hole(flow, SIDE_CLIENT))
            continue;
        if (drain_side(flow, SIDE_SERVER, true))
            continue;
        if (drain_side(flow, SIDE_CLIENT, true))
            continue;
        session_finish(flow->session);
        return;
    }
}
