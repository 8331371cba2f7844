/* IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200), fragments of both. */
#include "decode_layer.h"

#define IPV4_HEADER_MIN 20u
#define IPV6_HEADER_LEN 40u
#define IP_DATAGRAM_MAX 65535u

#define IPV4_TOTAL_LENGTH_AT   2u
#define IPV4_FRAGMENT_AT       6u
#define IPV4_MORE_FRAGMENTS    0x2000u
#define IPV4_OFFSET_MASK       0x1fffu
#define IPV6_PAYLOAD_LENGTH_AT 4u
#define IPV6_FIRST_NEXT_AT     6u
#define OFFLOAD_MAX            (512u << 10) /* Linux' largest segment for a card to cut up */
#define FRAGMENT_UNIT          8u           /* bytes; offsets count them */

#define PROTOCOL_TCP      6
#define PROTOCOL_FRAGMENT 44

static bool is_ipv6(const struct frame *frame) {
    return frame->addr_len == 16;
}

/* What an IP protocol number or next header stands for; END_OTHER: nothing that could hold TCP. */
static enum layer layer_of_protocol(uint8_t protocol, bool ipv6) {
    switch (protocol) {
    case PROTOCOL_TCP:
        return LAYER_TCP;
    case 17:
        return LAYER_UDP;
    case 4: /* RFC 2003 */
        return LAYER_IPV4;
    case 41: /* RFC 4213, RFC 2473 */
        return LAYER_IPV6;
    case 47:
        return LAYER_GRE;
    case 51:
        return LAYER_AUTHENTICATION;
    case 137: /* RFC 4023 */
        return LAYER_MPLS;
    case 0:   /* hop-by-hop */
    case 60:  /* destination options */
    case 135: /* mobility */
    case 139: /* host identity */
    case 140: /* shim6 */
        return ipv6 ? LAYER_EXTENSION : END_OTHER;
    case 43:
        return ipv6 ? LAYER_ROUTING : END_OTHER;
    case PROTOCOL_FRAGMENT:
        return ipv6 ? LAYER_FRAGMENT : END_OTHER;
    default: /* 1 and 58, ICMP, too: the TCP header that it quotes is none */
        return END_OTHER;
    }
}

/* One more IP header; false when there are too many inside one another. */
static bool enter(struct frame *frame) {
    if (frame->depth == DECODE_DEPTH_MAX) {
        frame->decoder->counters.depth_limit++;
        return false;
    }
    frame->depth++;
    frame->checksum_unknown = false;
    return true;
}

/* The datagram's payload has len bytes, says its header. Inside a tunnel it cannot have more than the tunnel
 * says it holds. */
static bool bound_payload(struct frame *frame, uint32_t len) {
    if (frame->depth > 1 && len > frame_wire_left(frame))
        return false;
    frame_bound(frame, len);
    return true;
}

/* A length of 0 is a segment that the network card was to cut up (TSO), or a jumbogram (RFC 2675): the
 * frame's own length counts. */
static bool offload_plausible(const struct frame *frame) {
    return frame_wire_left(frame) <= OFFLOAD_MAX;
}

enum layer decode_ip(struct frame *frame) {
    struct reader ahead = frame->r;
    switch (reader_u8(&ahead) >> 4) {
    case 4:
        return LAYER_IPV4;
    case 6:
        return LAYER_IPV6;
    default:
        return reader_ok(&ahead) ? END_OTHER : END_DAMAGED;
    }
}

static void put_u16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* The last piece came: makes the header say what the whole is, and begins again with it. */
static enum layer decode_whole(struct frame *frame, const struct datagram *whole) {
    uint32_t len = whole->header_len + whole->data_len;
    bool ipv6 = is_ipv6(frame);
    if ((ipv6 ? len - IPV6_HEADER_LEN : len) > IP_DATAGRAM_MAX)
        return END_DAMAGED;
    if (ipv6) {
        put_u16(whole->bytes + IPV6_PAYLOAD_LENGTH_AT, len - IPV6_HEADER_LEN);
        whole->bytes[whole->next_header_at] = whole->protocol;
    } else {
        put_u16(whole->bytes + IPV4_TOTAL_LENGTH_AT, len);
        put_u16(whole->bytes + IPV4_FRAGMENT_AT, 0);
    }
    frame->decoder->counters.reassembled++;
    frame->r = reader_of(whole->bytes, len);
    frame->missing = 0;
    frame->reassembled = true;
    frame->contradicted |= whole->contradicted;
    return ipv6 ? LAYER_IPV6 : LAYER_IPV4;
}

/* Keeps a piece whose data are all that is left of the frame. Pieces of what cannot hold TCP, and pieces that
 * the snap length cut, are not worth keeping. */
static enum layer keep_fragment(struct frame *frame, struct fragment *fragment) {
    struct decoder *decoder = frame->decoder;
    decoder->counters.fragments++;
    if (layer_of_protocol(fragment->protocol, is_ipv6(frame)) >= NUM_LAYERS)
        return END_OTHER;
    if (frame->missing > 0) {
        decoder->counters.truncated++;
        return END_DAMAGED;
    }
    if (decoder->fragments == NULL && (decoder->fragments = fragments_new()) == NULL) {
        decoder->counters.fragment_limit++;
        return END_FRAGMENT;
    }
    fragment->src = frame->src;
    fragment->dst = frame->dst;
    fragment->addr_len = frame->addr_len;
    fragment->ts_ns = frame->ts_ns;
    fragment->data_len = (uint32_t)reader_left(&frame->r);
    fragment->data = reader_bytes(&frame->r, fragment->data_len);

    struct datagram whole = {0};
    enum fragment_result result =
        fragments_add(decoder->fragments, fragment, &decoder->counters.fragment_limit, &whole);
    decoder->piece = (struct decode_piece){
        .datagram = whole.number,
        .offset = fragment->offset,
        .len = fragment->data_len,
        .data = fragment->data,
        .whole = result == FRAGMENT_WHOLE ? whole.bytes + whole.header_len : NULL,
        .whole_len = whole.data_len,
        .nested = decoder->piece.datagram != 0, /* this packet made another whole before */
    };
    switch (result) {
    case FRAGMENT_WHOLE:
        return decode_whole(frame, &whole);
    case FRAGMENT_KEPT:
        return END_FRAGMENT;
    default:
        return END_DAMAGED;
    }
}

enum layer decode_ipv4(struct frame *frame) {
    if (!enter(frame))
        return END_OTHER;
    const uint8_t *header = reader_bytes(&frame->r, IPV4_HEADER_MIN);
    if (header == NULL)
        return END_DAMAGED;
    struct reader r = reader_of(header, IPV4_HEADER_MIN);
    uint8_t version_len = reader_u8(&r);
    reader_skip(&r, 1); /* type of service */
    uint16_t total_len = reader_u16(&r);
    uint16_t id = reader_u16(&r);
    uint16_t flags_offset = reader_u16(&r);
    reader_skip(&r, 1); /* time to live */
    uint8_t protocol = reader_u8(&r);
    reader_skip(&r, 2); /* checksum */
    const uint8_t *src = reader_bytes(&r, 4);
    const uint8_t *dst = reader_bytes(&r, 4);
    uint32_t header_len = (version_len & 0x0fu) * 4u;
    if (version_len >> 4 != 4 || header_len < IPV4_HEADER_MIN)
        return END_DAMAGED;
    reader_skip(&frame->r, header_len - IPV4_HEADER_MIN);
    if (!reader_ok(&frame->r))
        return END_DAMAGED;
    bool fits = total_len == 0 ? offload_plausible(frame)
                               : total_len >= header_len && bound_payload(frame, total_len - header_len);
    if (!fits)
        return END_DAMAGED;
    if (frame->decoder->options.verify_checksums && !frame->reassembled &&
        !checksum_right(header, header_len, 0))
        return END_BAD_CHECKSUM;
    frame->reassembled = false;
    frame->network = header;
    frame->src = src;
    frame->dst = dst;
    frame->addr_len = 4;
    frame->ip_id = id;
    if ((flags_offset & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) == 0)
        return layer_of_protocol(protocol, false);

    struct fragment fragment = {
        .protocol = protocol,
        .id = id,
        .offset = (flags_offset & IPV4_OFFSET_MASK) * FRAGMENT_UNIT,
        .more = flags_offset & IPV4_MORE_FRAGMENTS,
        .header = header,
        .header_len = header_len,
    };
    return keep_fragment(frame, &fragment);
}

enum layer decode_ipv6(struct frame *frame) {
    if (!enter(frame))
        return END_OTHER;
    const uint8_t *header = reader_bytes(&frame->r, IPV6_HEADER_LEN);
    if (header == NULL)
        return END_DAMAGED;
    struct reader r = reader_of(header, IPV6_HEADER_LEN);
    uint32_t version = reader_u32(&r) >> 28;
    uint16_t payload_len = reader_u16(&r);
    uint8_t next = reader_u8(&r);
    reader_skip(&r, 1); /* hop limit */
    const uint8_t *src = reader_bytes(&r, 16);
    const uint8_t *dst = reader_bytes(&r, 16);
    if (version != 6)
        return END_DAMAGED;
    if (!(payload_len == 0 ? offload_plausible(frame) : bound_payload(frame, payload_len)))
        return END_DAMAGED;
    frame->reassembled = false;
    frame->network = header;
    frame->src = src;
    frame->dst = dst;
    frame->addr_len = 16;
    frame->ip_id = 0;
    frame->next_header = header + IPV6_FIRST_NEXT_AT;
    return layer_of_protocol(next, true);
}

/* RFC 8200 section 4.1: the layout that most extension headers share: next header, length in units of 8 bytes
 * not counting the first. */
enum layer decode_extension(struct frame *frame) {
    struct reader *r = &frame->r;
    frame->next_header = r->pos;
    uint8_t next = reader_u8(r);
    size_t len = (reader_u8(r) + 1u) * 8u;
    reader_skip(r, len - 2);
    /* A home address option (RFC 6275 section 6.3) stands in for the source in the checksum. */
    frame->checksum_unknown = true;
    return reader_ok(r) ? layer_of_protocol(next, true) : END_DAMAGED;
}

/* RFC 8200 section 4.4. */
enum layer decode_routing(struct frame *frame) {
    struct reader ahead = frame->r;
    reader_skip(&ahead, 3);
    bool at_destination = reader_u8(&ahead) == 0; /* no segments left */
    bool known = !frame->checksum_unknown && at_destination;
    enum layer next = decode_extension(frame);
    frame->checksum_unknown = !known; /* else it covers the last address of the route (section 8.1) */
    return next;
}

/* RFC 8200 section 4.5. */
enum layer decode_fragment(struct frame *frame) {
    struct reader *r = &frame->r;
    const uint8_t *start = r->pos;
    uint8_t next = reader_u8(r);
    reader_skip(r, 1);
    uint16_t offset_more = reader_u16(r);
    uint32_t id = reader_u32(r);
    if (!reader_ok(r))
        return END_DAMAGED;
    bool more = offset_more & 1;
    uint32_t offset = offset_more & ~7u;
    if (offset == 0 && !more) { /* atomic: whole by itself (RFC 6946) */
        frame->next_header = start;
        return layer_of_protocol(next, true);
    }
    struct fragment fragment = {
        .protocol = next,
        .id = id,
        .offset = offset,
        .more = more,
        .header = frame->network,
        .header_len = (uint32_t)(start - frame->network),
        .next_header_at = (uint32_t)(frame->next_header - frame->network),
    };
    return keep_fragment(frame, &fragment);
}

/* RFC 4302 section 2: length in units of 4 bytes, minus 2. What it protects is in clear. */
enum layer decode_authentication(struct frame *frame) {
    struct reader *r = &frame->r;
    frame->next_header = r->pos;
    uint8_t next = reader_u8(r);
    size_t len = (reader_u8(r) + 2u) * 4u;
    if (len < 12) /* next, length, reserved, index, sequence */
        return END_DAMAGED;
    reader_skip(r, len - 2);
    return reader_ok(r) ? layer_of_protocol(next, is_ipv6(frame)) : END_DAMAGED;
}
