/* Tunnels over UDP and GRE. UDP ports are a guess: every header is checked for what it must hold, and what
 * does not decode to the end is no tunnel (and no damage). */
#include "decode_layer.h"

#define UDP_HEADER_LEN 8u

#define GRE_CHECKSUM    0x8000u /* RFC 2784 section 2.1, RFC 2890 section 2, RFC 1701 */
#define GRE_ROUTING     0x4000u
#define GRE_KEY         0x2000u
#define GRE_SEQUENCE    0x1000u
#define GRE_ACKNOWLEDGE 0x0080u /* version 1: RFC 2637 section 4.1 */
#define GRE_VERSION     0x0007u

static enum layer layer_of_port(uint16_t port) {
    switch (port) {
    case 4789: /* RFC 7348 section 5 */
    case 8472: /* Linux' default, from before the RFC */
        return LAYER_VXLAN;
    case 6081: /* RFC 8926 section 3.3 */
        return LAYER_GENEVE;
    case 2152: /* 3GPP TS 29.281 section 4.4.2 */
        return LAYER_GTPU;
    case 4754: /* RFC 8086 */
        return LAYER_GRE;
    default:
        return END_OTHER;
    }
}

bool is_tunnel_port(uint16_t port) {
    return layer_of_port(port) != END_OTHER;
}

/* An answer of the DNS. What stands behind the datagram is not told from it: a message knows its own end. */
static enum layer take_datagram(struct frame *frame, const uint8_t *header, uint16_t dst_port) {
    *frame->segment = (struct segment){
        .src = frame->src,
        .dst = frame->dst,
        .addr_len = frame->addr_len,
        .datagram = true,
        .src_port = DNS_PORT,
        .dst_port = dst_port,
        .header = header,
        .payload = frame->r.pos,
        .payload_len = (uint32_t)reader_left(&frame->r),
        .payload_wire_len = frame_wire_left(frame),
        .vlan_id = frame->vlan_id,
        .network = frame->network,
        .network_len = (uint32_t)(frame->r.end - frame->network),
        .ts_ns = frame->ts_ns,
    };
    return END_TCP;
}

/* RFC 768. The port may be on either side: some tunnels answer from it. */
enum layer decode_udp(struct frame *frame) {
    struct reader *r = &frame->r;
    const uint8_t *header = r->pos;
    uint16_t src_port = reader_u16(r);
    uint16_t dst_port = reader_u16(r);
    uint16_t len = reader_u16(r);
    reader_skip(r, 2); /* checksum */
    enum layer layer = layer_of_port(dst_port);
    if (layer == END_OTHER)
        layer = layer_of_port(src_port);
    if (layer == END_OTHER)
        return is_wanted_datagram(frame->decoder, src_port) && reader_ok(r)
                   ? take_datagram(frame, header, dst_port)
                   : END_OTHER;
    frame->by_port = true;
    if (!reader_ok(r))
        return END_DAMAGED;
    if (len != 0) { /* 0: longer than the field can say (RFC 2675 section 4) */
        if (len < UDP_HEADER_LEN || len - UDP_HEADER_LEN > frame_wire_left(frame))
            return END_DAMAGED;
        frame_bound(frame, len - UDP_HEADER_LEN);
    }
    return layer;
}

/* RFC 7348 section 5: flags, of which I must be set; reserved; network identifier. */
enum layer decode_vxlan(struct frame *frame) {
    uint8_t flags = reader_u8(&frame->r);
    reader_skip(&frame->r, 7);
    return flags & 0x08 ? LAYER_ETHERNET : END_OTHER;
}

/* RFC 8926 section 3.4: version 0, options in units of 4 bytes, protocol, network identifier. */
enum layer decode_geneve(struct frame *frame) {
    struct reader *r = &frame->r;
    uint8_t version_options = reader_u8(r);
    reader_skip(r, 1);
    uint16_t protocol = reader_u16(r);
    reader_skip(r, 4);
    reader_skip(r, (version_options & 0x3fu) * 4u);
    if (version_options >> 6 != 0 || !reader_ok(r))
        return END_OTHER;
    return layer_of_ethertype(protocol);
}

/* 3GPP TS 29.281 section 5.1 and 5.2: flags, message type, length, tunnel; three more fields when any of
 * their flags is set; extension headers in units of 4 bytes that end with the type of the next. */
enum layer decode_gtpu(struct frame *frame) {
    const uint8_t version_1_gtp = 0x30, version_and_type = 0xf0, optional_fields = 0x07, extension = 0x04;
    const uint8_t user_data = 255;
    struct reader *r = &frame->r;
    uint8_t flags = reader_u8(r);
    uint8_t type = reader_u8(r);
    uint16_t len = reader_u16(r);
    reader_skip(r, 4); /* tunnel */
    if ((flags & version_and_type) != version_1_gtp || type != user_data || len > frame_wire_left(frame))
        return END_OTHER;
    frame_bound(frame, len);
    if (flags & optional_fields) {
        reader_skip(r, 3); /* sequence number, N-PDU number */
        uint8_t next = reader_u8(r);
        while ((flags & extension) && next != 0 && reader_ok(r)) {
            size_t extension_len = reader_u8(r) * 4u;
            if (extension_len == 0)
                return END_OTHER;
            reader_skip(r, extension_len - 2);
            next = reader_u8(r);
        }
    }
    return LAYER_IP;
}

/* MikroTik's EoIP and PPTP share the version: key is mandatory, and holds the length (RFC 2637 section 4.1).
 */
static enum layer follow_gre_1(struct frame *frame, uint16_t flags, uint16_t protocol) {
    const uint16_t eoip = 0x6400;
    struct reader *r = &frame->r;
    if (!(flags & GRE_KEY))
        return END_OTHER;
    reader_skip(r, 4);
    if (flags & GRE_SEQUENCE)
        reader_skip(r, 4);
    if (flags & GRE_ACKNOWLEDGE)
        reader_skip(r, 4);
    if (protocol == eoip)
        return LAYER_ETHERNET;
    return reader_left(r) > 0 ? layer_of_ethertype(protocol) : END_OTHER; /* a bare acknowledgement */
}

enum layer decode_gre(struct frame *frame) {
    const uint16_t erspan = 0x88be, erspan3 = 0x22eb;
    struct reader *r = &frame->r;
    uint16_t flags = reader_u16(r);
    uint16_t protocol = reader_u16(r);
    if (!reader_ok(r))
        return END_DAMAGED;
    if ((flags & GRE_VERSION) == 1)
        return follow_gre_1(frame, flags, protocol);
    if ((flags & GRE_VERSION) != 0 || (flags & GRE_ROUTING))
        return END_OTHER; /* source routes (RFC 1701) were given up before the year 2000 */
    if (flags & GRE_CHECKSUM)
        reader_skip(r, 4);
    if (flags & GRE_KEY)
        reader_skip(r, 4);
    if (flags & GRE_SEQUENCE)
        reader_skip(r, 4);
    if (!reader_ok(r))
        return END_DAMAGED;
    if (protocol == erspan) /* type I has no header of its own, and no sequence number */
        return flags & GRE_SEQUENCE ? LAYER_ERSPAN2 : LAYER_ETHERNET;
    return protocol == erspan3 ? LAYER_ERSPAN3 : layer_of_ethertype(protocol);
}

/* draft-foschiano-erspan-03 section 4.2: version 1, VLAN, session, index. */
enum layer decode_erspan2(struct frame *frame) {
    uint32_t version = reader_u32(&frame->r) >> 28;
    reader_skip(&frame->r, 4);
    return version == 1 ? LAYER_ETHERNET : END_OTHER;
}

/* Section 4.3: version 2, VLAN, session, time, group, then frame type and whether 8 more bytes follow. */
enum layer decode_erspan3(struct frame *frame) {
    const uint16_t subheader = 0x0001;
    struct reader *r = &frame->r;
    uint32_t version = reader_u32(r) >> 28;
    reader_skip(r, 6);
    uint16_t type_flags = reader_u16(r);
    unsigned frame_type = type_flags >> 10 & 0x1f;
    if (type_flags & subheader)
        reader_skip(r, 8);
    if (version != 2 || !reader_ok(r))
        return END_OTHER;
    switch (frame_type) {
    case 0:
        return LAYER_ETHERNET;
    case 2:
        return LAYER_IP;
    default:
        return END_OTHER;
    }
}
