/* TCP's own header (RFC 9293 section 3.1), and the Internet checksum. */
#include "decode_layer.h"

#define TCP_HEADER_MIN 20u
#define PROTOCOL_TCP   6u

uint32_t checksum_add(const uint8_t *data, size_t len, uint32_t sum) {
    struct reader r = reader_of(data, len);
    while (reader_left(&r) >= 2) {
        sum += reader_u16(&r);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    if (reader_left(&r) == 1)
        sum += (uint32_t)reader_u8(&r) << 8;
    return sum;
}

bool checksum_right(const uint8_t *data, size_t len, uint32_t sum) {
    sum = checksum_add(data, len, sum);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

/* Over the addresses, protocol and length (RFC 9293 section 3.1, RFC 8200 section 8.1) and all of the
 * segment. What cannot be known counts as right: a segment that was cut, or one with another final address.
 */
static bool verify_checksum(const struct frame *frame) {
    if (frame->missing > 0 || frame->checksum_unknown)
        return true;
    size_t len = reader_left(&frame->r);
    uint32_t sum = PROTOCOL_TCP + (uint32_t)(len >> 16) + (uint32_t)(len & 0xffff);
    sum = checksum_add(frame->src, frame->addr_len, sum);
    sum = checksum_add(frame->dst, frame->addr_len, sum);
    return checksum_right(frame->r.pos, len, sum);
}

enum layer decode_tcp(struct frame *frame) {
    uint32_t wire_len = frame_wire_left(frame);
    if (frame->decoder->options.verify_checksums && !verify_checksum(frame))
        return END_BAD_CHECKSUM;
    const uint8_t *header = reader_bytes(&frame->r, TCP_HEADER_MIN);
    if (header == NULL)
        return END_DAMAGED;
    struct reader r = reader_of(header, TCP_HEADER_MIN);
    uint16_t src_port = reader_u16(&r);
    uint16_t dst_port = reader_u16(&r);
    uint32_t seq = reader_u32(&r);
    uint32_t ack = reader_u32(&r);
    uint32_t header_len = (reader_u8(&r) >> 4) * 4u;
    uint8_t flags = reader_u8(&r);
    uint16_t window = reader_u16(&r);
    uint16_t checksum = reader_u16(&r);
    uint16_t urgent = reader_u16(&r);
    if (header_len < TCP_HEADER_MIN || header_len > wire_len)
        return END_DAMAGED;
    /* The snap length may have cut within the options; nobody needs them. */
    size_t options_len = header_len - TCP_HEADER_MIN;
    size_t left = reader_left(&frame->r);
    reader_skip(&frame->r, options_len < left ? options_len : left);
    uint32_t payload_len = (uint32_t)reader_left(&frame->r);
    frame->decoder->counters.truncated += payload_len < wire_len - header_len;
    if (!is_wanted(frame->decoder, src_port, dst_port))
        return END_OTHER;
    *frame->segment = (struct segment){
        .src = frame->src,
        .dst = frame->dst,
        .addr_len = frame->addr_len,
        .flags = flags,
        .src_port = src_port,
        .dst_port = dst_port,
        .seq = seq,
        .ack = ack,
        .window = window,
        .checksum = checksum,
        .urgent = urgent,
        .ip_id = frame->ip_id,
        .header = header,
        .payload = frame->r.pos,
        .payload_len = payload_len,
        .payload_wire_len = wire_len - header_len,
        .contradicted = frame->contradicted,
        .vlan_id = frame->vlan_id,
        .network = frame->network,
        .network_len = (uint32_t)(frame->r.end - frame->network),
        .ts_ns = frame->ts_ns,
    };
    return END_TCP;
}
