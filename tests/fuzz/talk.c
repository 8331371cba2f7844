#include "talk.h"
#include "../support/put_bytes.h"

#include <stdlib.h>
#include <string.h>

#define LINKTYPE_RAW  101
#define NS_PER_MS     UINT64_C(1000000)
#define CROWD         1100u /* more than FLOWS_WHOLE */
#define FRAGMENT_LEN  24u
#define IPV6_FRAGMENT 44
#define PROTOCOL_TCP  6

static const uint32_t cuts[8] = {TALK_SEGMENT_MAX, 1, 2, 3, 7, 16, 50, 200};

void talk_begin(struct talk *t, talk_take take, void *context) {
    memset(t, 0, offsetof(struct talk, connections));
    t->take = take;
    t->context = context;
    t->ts_ns = UINT64_C(1700000000000000000);
    for (unsigned i = 0; i < TALK_CONNECTIONS; i++) {
        struct talk_connection *c = &t->connections[i];
        c->opened = c->midstream = c->ipv6 = c->reported = false;
        c->server_port = 25;
        for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
            c->ends[side].isn = i & 1 ? UINT32_MAX - 20 : 1000 * (i + 1) + side;
            c->ends[side].len = 0;
            c->ends[side].ended = false;
        }
    }
}

/* --- frames --- */

static uint32_t sum_of(const uint8_t *bytes, size_t len) {
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    return sum;
}

static uint16_t folded(uint32_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* In memory of its own size, so that reading past its end is seen. */
static void hand_out(struct talk *t, const uint8_t *frame, uint32_t len) {
    if (t->num_frames >= TALK_FRAMES_MAX) {
        t->odd = true;
        return;
    }
    uint32_t captured = t->snap_len > 0 && t->snap_len < len ? t->snap_len : len;
    uint8_t *exact = malloc(captured);
    if (!exact)
        abort();
    memcpy(exact, frame, captured);
    const struct packet packet = {exact, captured, len, LINKTYPE_RAW, t->ts_ns};
    t->num_frames++;
    t->ts_ns += NS_PER_MS;
    t->take(t->context, &packet);
    free(exact);
}

static void send_frame(struct talk *t, const uint8_t *frame, uint32_t len, uint8_t how) {
    if (how & TALK_LOST)
        return;
    if (how & TALK_LATE && t->num_late < TALK_LATE_MAX) {
        t->late[t->num_late].len = len;
        memcpy(t->late[t->num_late++].bytes, frame, len);
    } else {
        hand_out(t, frame, len);
    }
    if (how & TALK_TWICE)
        hand_out(t, frame, len);
}

void talk_flush(struct talk *t) {
    for (uint32_t i = 0; i < t->num_late; i++)
        hand_out(t, t->late[i].bytes, t->late[i].len);
    t->num_late = 0;
}

static uint8_t *put_address(uint8_t *at, const struct talk *t, const struct talk_connection *c, bool client) {
    uint8_t last = client ? (uint8_t)(1 + (c - t->connections)) : 9;
    if (c->ipv6) {
        memcpy(at, "\x20\x01\x0d\xb8", 4);
        memset(at + 4, 0, 11);
        at[15] = last;
        return at + 16;
    }
    at[0] = 10, at[1] = 0, at[2] = 0, at[3] = last;
    return at + 4;
}

/* field: flags and offset as IPv4 has them; whole datagrams have 0. */
static uint8_t *put_ip(uint8_t *at, const struct talk *t, const struct talk_connection *c, enum side from,
                       uint32_t data_len, uint32_t field) {
    uint8_t *start = at;
    if (c->ipv6) {
        at = put32(at, 0x60000000);
        at = put16(at, data_len + (field ? 8 : 0));
        *at++ = field ? IPV6_FRAGMENT : PROTOCOL_TCP;
        *at++ = 64;
        at = put_address(at, t, c, from == SIDE_CLIENT);
        at = put_address(at, t, c, from == SIDE_SERVER);
        if (!field)
            return at;
        at = put16(at, PROTOCOL_TCP << 8);
        at = put16(at, (field & 0x1fff) << 3 | field >> 13);
        return put32(at, t->datagram_id);
    }
    at = put16(at, 0x4500);
    at = put16(at, 20 + data_len);
    at = put16(at, t->datagram_id);
    at = put16(at, field);
    at = put16(at, 64 << 8 | PROTOCOL_TCP);
    at = put16(at, 0);
    at = put_address(at, t, c, from == SIDE_CLIENT);
    at = put_address(at, t, c, from == SIDE_SERVER);
    put16(start + 10, folded(sum_of(start, 20)));
    return at;
}

static void send_fragments(struct talk *t, const struct talk_connection *c, enum side from,
                           const uint8_t *tcp, uint32_t len, uint8_t how) {
    uint8_t frame[80 + FRAGMENT_LEN];
    uint32_t num = (len + FRAGMENT_LEN - 1) / FRAGMENT_LEN;
    for (uint32_t i = 0; i < num; i++) {
        uint32_t piece = how & TALK_BACKWARDS ? num - 1 - i : i, at = piece * FRAGMENT_LEN;
        uint32_t data_len = len - at < FRAGMENT_LEN ? len - at : FRAGMENT_LEN;
        uint8_t *data = put_ip(frame, t, c, from, data_len, at / 8 | (piece + 1 < num ? 0x2000u : 0));
        memcpy(data, tcp + at, data_len);
        uint32_t frame_len = (uint32_t)(data - frame) + data_len;
        t->odd |= t->snap_len > 0 && t->snap_len < frame_len; /* never becomes whole */
        send_frame(t, frame, frame_len, how);
    }
}

static void send_segment(struct talk *t, struct talk_connection *c, enum side from, uint32_t seq,
                         uint8_t flags, const uint8_t *payload, uint32_t len, uint8_t how) {
    const struct talk_end *to = &c->ends[1 - from];
    uint8_t frame[TALK_SEGMENT_MAX + 80], addresses[32];
    bool syn = (flags & TCP_SYN) != 0;
    t->datagram_id++;
    uint8_t *tcp = put_ip(frame, t, c, from, 20 + len, 0), *at = tcp;
    at = put16(at, from == SIDE_CLIENT ? TALK_CLIENT_PORT + (uint32_t)(c - t->connections) : c->server_port);
    at = put16(at, from == SIDE_CLIENT ? c->server_port : TALK_CLIENT_PORT + (uint32_t)(c - t->connections));
    at = put32(at, seq);
    at = put32(at, flags & TCP_ACK ? to->isn + 1 + (syn ? 0 : to->len + to->ended) : 0);
    at = put16(at, 0x5000u | flags);
    at = put16(at, 0x2000);
    at = put32(at, flags & TCP_URG ? 1 : 0);
    if (len > 0)
        memcpy(at, payload, len);
    size_t addresses_len = (size_t)(put_address(put_address(addresses, t, c, true), t, c, false) - addresses);
    put16(tcp + 16,
          folded(sum_of(addresses, addresses_len) + PROTOCOL_TCP + 20 + len + sum_of(tcp, 20 + len)));
    if (!(how & TALK_LOST))
        c->reported |= (len > 0 && !(flags & TCP_RST)) || (syn && flags & TCP_ACK);
    if (how & TALK_FRAGMENTS && len > 4)
        send_fragments(t, c, from, tcp, 20 + len, how);
    else
        send_frame(t, frame, (uint32_t)(at - frame) + len, how);
}

static void open_connection(struct talk *t, struct talk_connection *c) {
    if (c->opened)
        return;
    c->opened = true;
    if (c->midstream)
        return;
    send_segment(t, c, SIDE_CLIENT, c->ends[SIDE_CLIENT].isn, TCP_SYN, NULL, 0, 0);
    send_segment(t, c, SIDE_SERVER, c->ends[SIDE_SERVER].isn, TCP_SYN | TCP_ACK, NULL, 0, 0);
    send_segment(t, c, SIDE_CLIENT, c->ends[SIDE_CLIENT].isn + 1, TCP_ACK, NULL, 0, 0);
}

/* --- what is said --- */

void talk_repeat(struct talk *t, unsigned connection, enum side side, uint32_t offset, const uint8_t *bytes,
                 size_t len, uint8_t how) {
    struct talk_connection *c = &t->connections[connection % TALK_CONNECTIONS];
    uint32_t cut = cuts[how & TALK_CUT], num = ((uint32_t)len + cut - 1) / cut;
    for (uint32_t i = 0; i < num; i++) {
        uint32_t at = (how & TALK_BACKWARDS ? num - 1 - i : i) * cut;
        uint32_t piece = (uint32_t)len - at < cut ? (uint32_t)len - at : cut;
        bool lost = how & TALK_LOST && (num == 1 || i % 3 != 0);
        send_segment(t, c, side, c->ends[side].isn + 1 + offset + at, TCP_ACK, bytes + at, piece,
                     lost ? how : how & 0x7f);
    }
}

void talk_say(struct talk *t, unsigned connection, enum side side, const uint8_t *bytes, size_t len,
              uint8_t how) {
    struct talk_connection *c = &t->connections[connection % TALK_CONNECTIONS];
    struct talk_end *end = &c->ends[side];
    uint32_t offset = end->len;
    open_connection(t, c);
    if (len == 0)
        return;
    if (len > TALK_SAID_MAX - end->len || t->num_frames >= TALK_FRAMES_MAX) {
        t->odd = true;
        return;
    }
    t->tricky |= (how & TALK_TRICKS) != 0;
    t->lossy |= (how & (TALK_LATE | TALK_LOST)) != 0 || c->midstream;
    if (t->plain)
        how &= (uint8_t)~TALK_TRICKS;
    memcpy(end->said + end->len, bytes, len);
    end->len += (uint32_t)len;
    talk_repeat(t, connection, side, offset, bytes, len, how);
}

void talk_flags(struct talk *t, unsigned connection, enum side side, uint8_t flags, int32_t astray) {
    struct talk_connection *c = &t->connections[connection % TALK_CONNECTIONS];
    struct talk_end *end = &c->ends[side];
    open_connection(t, c);
    send_segment(t, c, side, end->isn + 1 + end->len + end->ended + (uint32_t)astray, flags, NULL, 0, 0);
    if (flags & TCP_FIN && astray == 0)
        end->ended = true;
}

void talk_crowd(struct talk *t) {
    static uint8_t frame[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, PROTOCOL_TCP, 0, 0, 10, 1, 0, 0, 10, 0, 0, 9};
    if (t->crowded || t->plain)
        return;
    t->crowded = t->tricky = true;
    for (uint32_t i = 0; i < CROWD; i++) {
        put16(frame + 14, i);
        put16(frame + 10, 0);
        put16(frame + 10, folded(sum_of(frame, 20)));
        put32(frame + 20, TALK_CLIENT_PORT << 16 | 25);
        put32(frame + 24, i);
        put32(frame + 32, (0x5000u | TCP_SYN) << 16 | 0x2000);
        put32(frame + 36, 0);
        put16(frame + 36, folded(sum_of(frame + 12, 8) + PROTOCOL_TCP + 20 + sum_of(frame + 20, 20)));
        const struct packet packet = {frame, sizeof frame, sizeof frame, LINKTYPE_RAW, t->ts_ns};
        t->take(t->context, &packet);
    }
}

unsigned talk_num_sessions(const struct talk *t) {
    unsigned num = 0;
    for (unsigned i = 0; i < TALK_CONNECTIONS; i++)
        num += t->connections[i].reported;
    return num;
}
