/* build_frame.h: frames for the decoder's tests, built from the inside out: each push puts a header in front
 * of what is there and counts its length. */
#ifndef STARTTAP_TESTS_UNIT_BUILD_FRAME_H
#define STARTTAP_TESTS_UNIT_BUILD_FRAME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/capture/decode.h"

#define BUILD_ROOM     70000
#define BUILD_SRC_PORT 40000
#define BUILD_DST_PORT 25
#define BUILD_SEQ      0x01020304u

struct build {
    uint8_t room[BUILD_ROOM];
    uint8_t *start;
    size_t len;
};

static inline void build_begin(struct build *b, const void *payload, size_t len) {
    assert_true(len < BUILD_ROOM - 1000);
    b->start = b->room + BUILD_ROOM - len;
    b->len = len;
    if (len > 0)
        memcpy(b->start, payload, len);
}

static inline void push_bytes(struct build *b, const void *bytes, size_t len) {
    assert_true((size_t)(b->start - b->room) >= len);
    b->start -= len;
    b->len += len;
    memcpy(b->start, bytes, len);
}

/* "08 00" and the like. */
static inline void push_hex(struct build *b, const char *hex) {
    uint8_t bytes[256];
    size_t num = 0;
    for (int used = 0; num < sizeof bytes; hex += used) {
        unsigned value;
        if (sscanf(hex, " %2x%n", &value, &used) != 1)
            break;
        bytes[num++] = (uint8_t)value;
    }
    push_bytes(b, bytes, num);
}

static inline void push_u16(struct build *b, size_t value) {
    const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
    push_bytes(b, bytes, sizeof bytes);
}

static inline void put_u16_at(struct build *b, size_t at, size_t value) {
    b->start[at] = (uint8_t)(value >> 8);
    b->start[at + 1] = (uint8_t)value;
}

/* A TCP header without options in front of the payload. */
static inline void push_tcp(struct build *b) {
    push_hex(b, "9c 40 00 19  01 02 03 04  0a 0b 0c 0d  50 18 20 00  00 00 00 00");
}

static inline void push_udp(struct build *b, size_t src_port, size_t dst_port) {
    push_hex(b, "00 00");
    push_u16(b, b->len + 6);
    push_u16(b, dst_port);
    push_u16(b, src_port);
}

/* flags_offset as in the header: 0x2000 more fragments, offset in units of 8. */
static inline void push_ipv4_piece(struct build *b, uint8_t protocol, uint16_t id, uint16_t flags_offset) {
    const uint8_t ttl_protocol[] = {64, protocol};
    push_hex(b, "00 00  0a 00 00 01  0a 00 00 02");
    push_bytes(b, ttl_protocol, sizeof ttl_protocol);
    push_u16(b, flags_offset);
    push_u16(b, id);
    push_u16(b, b->len + 4);
    push_hex(b, "45 00");
}

static inline void push_ipv4(struct build *b, uint8_t protocol) {
    push_ipv4_piece(b, protocol, 0x1234, 0);
}

static inline void push_ipv6(struct build *b, uint8_t next) {
    const uint8_t next_hops[] = {next, 64};
    size_t len = b->len;
    push_hex(b, "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02");
    push_hex(b, "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01");
    push_bytes(b, next_hops, sizeof next_hops);
    push_u16(b, len);
    push_hex(b, "60 00 00 00");
}

static inline void push_ethernet(struct build *b, size_t ethertype) {
    push_u16(b, ethertype);
    push_hex(b, "02 00 00 00 00 02  02 00 00 00 00 01");
}

/* TCP in IPv4 or IPv6, with a payload that the checks know. */
static const char BUILD_PAYLOAD[] = "EHLO a\r\n";

static inline void build_ipv4_tcp(struct build *b) {
    build_begin(b, BUILD_PAYLOAD, sizeof BUILD_PAYLOAD - 1);
    push_tcp(b);
    push_ipv4(b, 6);
}

static inline void build_ipv6_tcp(struct build *b) {
    build_begin(b, BUILD_PAYLOAD, sizeof BUILD_PAYLOAD - 1);
    push_tcp(b);
    push_ipv6(b, 6);
}

/* Decodes len bytes of the frame, whose wire length is its own, from memory of just that size. */
static inline enum decode_result decode_first(struct decoder *decoder, const struct build *b, size_t len,
                                              int linktype, uint64_t ts_ns, struct segment *segment,
                                              uint8_t **copy) {
    *copy = malloc(len > 0 ? len : 1);
    assert_non_null(*copy);
    memcpy(*copy, b->start, len);
    struct packet packet = {*copy, (uint32_t)len, (uint32_t)b->len, linktype, ts_ns};
    return decode_packet(decoder, &packet, segment);
}

/* The segment is the one of build_ipv4_tcp() or build_ipv6_tcp(), whole. */
static inline void assert_segment(const struct segment *s, size_t addr_len) {
    assert_int_equal(s->addr_len, addr_len);
    assert_int_equal(s->src[addr_len - 1], 1);
    assert_int_equal(s->dst[addr_len - 1], 2);
    assert_int_equal(s->src_port, BUILD_SRC_PORT);
    assert_int_equal(s->dst_port, BUILD_DST_PORT);
    assert_int_equal(s->seq, BUILD_SEQ);
    assert_int_equal(s->ack, 0x0a0b0c0d);
    assert_int_equal(s->flags, TCP_PSH | TCP_ACK);
    assert_int_equal(s->window, 0x2000);
    assert_int_equal(s->payload_wire_len, sizeof BUILD_PAYLOAD - 1);
    assert_int_equal(s->payload_len, sizeof BUILD_PAYLOAD - 1);
    assert_memory_equal(s->payload, BUILD_PAYLOAD, sizeof BUILD_PAYLOAD - 1);
    assert_int_equal(s->network[0] >> 4, addr_len == 4 ? 4 : 6);
    assert_ptr_equal(s->network + s->network_len, s->payload + s->payload_len);
}

static inline void assert_decodes_to(const struct build *b, int linktype, enum decode_result expected,
                                     size_t addr_len, int vlan_id) {
    struct decoder *decoder = decoder_new(&(struct decode_options){0});
    struct segment segment;
    uint8_t *copy;
    assert_non_null(decoder);
    assert_int_equal(decode_first(decoder, b, b->len, linktype, 7, &segment, &copy), expected);
    if (expected == DECODE_TCP) {
        assert_segment(&segment, addr_len);
        assert_int_equal(segment.vlan_id, vlan_id);
        assert_int_equal(segment.ts_ns, 7);
    }
    free(copy);
    /* Any shorter capture of the same frame: never more than there is, and never a wrong payload. */
    for (size_t len = 0; len < b->len; len++) {
        enum decode_result result = decode_first(decoder, b, len, linktype, 7, &segment, &copy);
        if (result == DECODE_TCP) {
            assert_int_equal(expected, DECODE_TCP);
            assert_int_equal(segment.payload_wire_len, sizeof BUILD_PAYLOAD - 1);
            assert_true(segment.payload_len <= sizeof BUILD_PAYLOAD - 1);
            assert_memory_equal(segment.payload, BUILD_PAYLOAD, segment.payload_len);
        }
        free(copy);
    }
    decoder_free(decoder);
}

#endif
