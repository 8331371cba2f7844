/* What most packets of a mirror are: Ethernet, a VLAN tag or two or none, IP with no header behind its own,
 * TCP or UDP, nothing cut or in fragments. Each check stands for one that the layers make, and what does not
 * pass them all is for the layers. */
#include "decode_layer.h"

#define LINKTYPE_ETHERNET   1
#define ETHERNET_HEADER_LEN 14u
#define MAC_PAIR_LEN        12u
#define ETHERTYPE_IPV4      0x0800u
#define ETHERTYPE_IPV6      0x86ddu
#define ETHERTYPE_VLAN      0x8100u
#define VLAN_TAGS_MAX       2

#define IPV4_HEADER_MIN   20u
#define IPV4_ANY_FRAGMENT 0x3fffu /* more to come, or an offset */
#define IPV6_HEADER_LEN   40u
#define PROTOCOL_TCP      6u
#define PROTOCOL_UDP      17u
#define TCP_HEADER_MIN    20u
#define UDP_HEADER_LEN    8u

struct datagram_view {
    const uint8_t *header, *src, *dst;
    uint32_t header_len, len; /* len with the header */
    uint16_t id;
    uint8_t addr_len, protocol;
};

static inline bool view_ipv4(struct reader at, struct datagram_view *ip) {
    size_t left = reader_left(&at);
    const uint8_t *header = reader_bytes(&at, IPV4_HEADER_MIN);
    if (header == NULL)
        return false;
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
    uint32_t header_len = (version_len & 0x0fu) * 4u;
    *ip = (struct datagram_view){header, src, src + 4, header_len, total_len, id, 4, protocol};
    return version_len >> 4 == 4 && header_len >= IPV4_HEADER_MIN && total_len >= header_len &&
           total_len <= left && (flags_offset & IPV4_ANY_FRAGMENT) == 0;
}

static inline bool view_ipv6(struct reader at, struct datagram_view *ip) {
    size_t left = reader_left(&at);
    const uint8_t *header = reader_bytes(&at, IPV6_HEADER_LEN);
    if (header == NULL)
        return false;
    struct reader r = reader_of(header, IPV6_HEADER_LEN);
    uint32_t version = reader_u32(&r) >> 28;
    uint16_t payload_len = reader_u16(&r);
    uint8_t next = reader_u8(&r);
    reader_skip(&r, 1); /* hop limit */
    const uint8_t *src = reader_bytes(&r, 16);
    uint32_t len = IPV6_HEADER_LEN + payload_len;
    *ip = (struct datagram_view){header, src, src + 16, IPV6_HEADER_LEN, len, 0, 16, next};
    return version == 6 && payload_len > 0 && len <= left;
}

/* Answers of the DNS; tunnels are for the layers; nothing else is wanted. */
static inline enum layer pass_udp(const struct decoder *decoder, const struct packet *packet, int vlan_id,
                                  const struct datagram_view *ip, struct reader at, struct segment *segment) {
    const uint8_t *header = reader_bytes(&at, UDP_HEADER_LEN);
    if (header == NULL)
        return LAYER_ETHERNET;
    struct reader r = reader_of(header, UDP_HEADER_LEN);
    uint16_t src_port = reader_u16(&r);
    uint16_t dst_port = reader_u16(&r);
    if (is_tunnel_port(src_port) || is_tunnel_port(dst_port))
        return LAYER_ETHERNET;
    if (!is_wanted_datagram(decoder, src_port))
        return END_OTHER;
    *segment = (struct segment){
        .src = ip->src,
        .dst = ip->dst,
        .addr_len = ip->addr_len,
        .datagram = true,
        .src_port = src_port,
        .dst_port = dst_port,
        .header = header,
        .payload = at.pos,
        .payload_len = (uint32_t)reader_left(&at),
        .payload_wire_len = (uint32_t)reader_left(&at),
        .vlan_id = vlan_id,
        .network = ip->header,
        .network_len = ip->len,
        .ts_ns = packet->ts_ns,
    };
    return END_TCP;
}

static inline enum layer take_tcp(const struct decoder *decoder, const struct packet *packet, int vlan_id,
                                  const struct datagram_view *ip, struct reader at, struct segment *segment) {
    uint32_t len = (uint32_t)reader_left(&at);
    const uint8_t *header = reader_bytes(&at, TCP_HEADER_MIN);
    if (header == NULL)
        return LAYER_ETHERNET;
    struct reader r = reader_of(header, TCP_HEADER_MIN);
    uint16_t src_port = reader_u16(&r);
    uint16_t dst_port = reader_u16(&r);
    uint32_t seq = reader_u32(&r);
    uint32_t ack = reader_u32(&r);
    uint32_t header_len = (reader_u8(&r) >> 4) * 4u;
    if (header_len < TCP_HEADER_MIN || header_len > len)
        return LAYER_ETHERNET;
    if (!is_wanted(decoder, src_port, dst_port))
        return END_OTHER;
    uint8_t flags = reader_u8(&r);
    uint16_t window = reader_u16(&r);
    uint16_t checksum = reader_u16(&r);
    reader_skip(&at, header_len - TCP_HEADER_MIN);
    /* Each member is named: for one that is left out all would be cleared first. */
    *segment = (struct segment){
        .src = ip->src,
        .dst = ip->dst,
        .addr_len = ip->addr_len,
        .flags = flags,
        .datagram = false,
        .src_port = src_port,
        .dst_port = dst_port,
        .seq = seq,
        .ack = ack,
        .window = window,
        .checksum = checksum,
        .urgent = reader_u16(&r),
        .ip_id = ip->id,
        .header = header,
        .payload = at.pos,
        .payload_len = len - header_len,
        .payload_wire_len = len - header_len,
        .contradicted = false,
        .vlan_id = vlan_id,
        .network = ip->header,
        .network_len = ip->len,
        .ts_ns = packet->ts_ns,
        .flow_hash = 0,
    };
    return END_TCP;
}

enum layer decode_plain(const struct decoder *decoder, const struct packet *packet, struct segment *segment) {
    struct reader r = reader_of(packet->data, packet->captured_len);
    struct datagram_view ip;
    int vlan_id = -1;
    const uint8_t *header = reader_bytes(&r, ETHERNET_HEADER_LEN);
    if (packet->linktype != LINKTYPE_ETHERNET || decoder->options.verify_checksums || header == NULL)
        return LAYER_ETHERNET;
    struct reader type_field = reader_of(header + MAC_PAIR_LEN, sizeof(uint16_t));
    uint16_t type = reader_u16(&type_field);
    for (int i = 0; i < VLAN_TAGS_MAX && type == ETHERTYPE_VLAN; i++) {
        uint16_t control = reader_u16(&r);
        vlan_id = vlan_id < 0 ? control & 0x0fff : vlan_id;
        type = reader_u16(&r);
    }
    bool whole = type == ETHERTYPE_IPV4   ? view_ipv4(r, &ip)
                 : type == ETHERTYPE_IPV6 ? view_ipv6(r, &ip)
                                          : false;
    if (!whole)
        return LAYER_ETHERNET;
    reader_skip(&r, ip.header_len);
    struct reader payload = reader_sub(&r, ip.len - ip.header_len);
    if (ip.protocol == PROTOCOL_TCP)
        return take_tcp(decoder, packet, vlan_id, &ip, payload, segment);
    return ip.protocol == PROTOCOL_UDP ? pass_udp(decoder, packet, vlan_id, &ip, payload, segment)
                                       : LAYER_ETHERNET;
}
