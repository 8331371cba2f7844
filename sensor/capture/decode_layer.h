/* decode_layer.h: one frame on its way through the decoder's layers. Internal to capture.
 *
 * Each layer is a function that reads its own header from frame->r and names the layer that follows. Each one
 * consumes bytes or goes to a layer that does, so a frame takes at most as many steps as it has bytes; IP
 * headers, the dear ones, are counted as well. A header of fixed length is taken whole and read by a reader
 * of its own: the compiler then sees that each read fits. */
#ifndef STARTTAP_SENSOR_CAPTURE_DECODE_LAYER_H
#define STARTTAP_SENSOR_CAPTURE_DECODE_LAYER_H

#include "../../parsers/reader.h"
#include "decode.h"
#include "decode_fragment.h"

enum layer {
    LAYER_ETHERNET,
    LAYER_LLC,
    LAYER_VLAN,
    LAYER_VNTAG,
    LAYER_ETAG,
    LAYER_PBB,
    LAYER_MPLS,
    LAYER_PPPOE,
    LAYER_PPP,
    LAYER_IP, /* version 4 or 6: the first nibble says it */
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_EXTENSION,
    LAYER_ROUTING,
    LAYER_FRAGMENT,
    LAYER_AUTHENTICATION,
    LAYER_UDP,
    LAYER_GRE,
    LAYER_ERSPAN2,
    LAYER_ERSPAN3,
    LAYER_VXLAN,
    LAYER_GENEVE,
    LAYER_GTPU,
    LAYER_TCP,
    NUM_LAYERS, /* what follows ends the walk: */
    END_TCP = NUM_LAYERS,
    END_FRAGMENT,
    END_OTHER,
    END_DAMAGED,
    END_BAD_CHECKSUM,
};

struct decoder {
    struct decode_options options;
    struct decode_counters counters;
    struct fragments *fragments; /* NULL until the first one comes */
    struct decode_piece piece;   /* of the packet at hand */
};

struct frame {
    struct reader r;  /* what was captured of the layer at hand and of all inside it */
    uint32_t missing; /* bytes that followed on the wire but were not captured */
    struct decoder *decoder;
    struct segment *segment; /* the caller's; written by the TCP layer alone, once all is well */
    uint64_t ts_ns;
    int vlan_id; /* outermost; -1 none */

    /* The innermost IP header so far. */
    const uint8_t *network, *src, *dst;
    uint8_t addr_len;
    uint16_t ip_id;
    const uint8_t *next_header; /* IPv6: where the type of the layer at hand was written */

    uint8_t depth;         /* IP headers so far */
    bool by_port;          /* a UDP port number made us look inside: nonsense there is no damage */
    bool contradicted;     /* pieces that overlap had different bytes */
    bool reassembled;      /* the IP header at hand was verified piece by piece */
    bool checksum_unknown; /* the TCP checksum covers an address that is not the header's own */
};

/* Bytes that the layer at hand still had on the wire. */
static inline uint32_t frame_wire_left(const struct frame *frame) {
    return (uint32_t)reader_left(&frame->r) + frame->missing;
}

/* The layer at hand ends after len bytes on the wire; what lies behind is padding. More than there were: the
 * record understates the frame (some tools that cut frames rewrite both lengths), so they are missing. */
static inline void frame_bound(struct frame *frame, uint32_t len) {
    size_t left = reader_left(&frame->r);
    frame->missing = len > left ? len - (uint32_t)left : 0;
    if (len < left)
        frame->r = reader_sub(&frame->r, len);
}

/* decode_link.c */
enum layer layer_of_link(struct frame *frame, int linktype);
enum layer layer_of_ethertype(uint16_t ethertype); /* END_OTHER: none of ours */
enum layer decode_ethernet(struct frame *frame);
enum layer decode_llc(struct frame *frame);
enum layer decode_vlan(struct frame *frame);
enum layer decode_vntag(struct frame *frame);
enum layer decode_etag(struct frame *frame);
enum layer decode_pbb(struct frame *frame);
enum layer decode_mpls(struct frame *frame);
enum layer decode_pppoe(struct frame *frame);
enum layer decode_ppp(struct frame *frame);

/* decode_ip.c */
enum layer decode_ip(struct frame *frame);
enum layer decode_ipv4(struct frame *frame);
enum layer decode_ipv6(struct frame *frame);
enum layer decode_extension(struct frame *frame);
enum layer decode_routing(struct frame *frame);
enum layer decode_fragment(struct frame *frame);
enum layer decode_authentication(struct frame *frame);

/* decode_tunnel.c */
bool is_tunnel_port(uint16_t port); /* of UDP */
enum layer decode_udp(struct frame *frame);
enum layer decode_gre(struct frame *frame);
enum layer decode_erspan2(struct frame *frame);
enum layer decode_erspan3(struct frame *frame);
enum layer decode_vxlan(struct frame *frame);
enum layer decode_geneve(struct frame *frame);
enum layer decode_gtpu(struct frame *frame);

/* decode_tcp.c */
enum layer decode_tcp(struct frame *frame);

static inline bool is_wanted(const struct decoder *decoder, uint16_t src_port, uint16_t dst_port) {
    const struct port_set *ports = decoder->options.ports;
    return ports == NULL || port_set_has(ports, src_port) || port_set_has(ports, dst_port) ||
           (decoder->options.dns && src_port == DNS_PORT);
}

/* Of UDP (RFC 768). */
static inline bool is_wanted_datagram(const struct decoder *decoder, uint16_t src_port) {
    return decoder->options.dns && src_port == DNS_PORT;
}

/* decode_plain.c: all layers at one look. END_TCP or END_OTHER, as the layers would say without counting
 * anything; LAYER_ETHERNET: not that plain, ask them. */
enum layer decode_plain(const struct decoder *decoder, const struct packet *packet, struct segment *segment);

/* decode.c: what decode_packet() says, by the layers alone. */
enum decode_result decode_by_layers(struct decoder *decoder, const struct packet *packet,
                                    struct segment *segment);

/* The Internet checksum (RFC 1071) of len bytes, begun with the sum of what came before, is it right? */
bool checksum_right(const uint8_t *data, size_t len, uint32_t sum);
uint32_t checksum_add(const uint8_t *data, size_t len, uint32_t sum);

#endif
