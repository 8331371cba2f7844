#include "decode.h"

#include <stdlib.h>

#include "decode_layer.h"

typedef enum layer (*layer_function)(struct frame *frame);

static const layer_function LAYERS[NUM_LAYERS] = {
    [LAYER_ETHERNET] = decode_ethernet,
    [LAYER_LLC] = decode_llc,
    [LAYER_VLAN] = decode_vlan,
    [LAYER_VNTAG] = decode_vntag,
    [LAYER_ETAG] = decode_etag,
    [LAYER_PBB] = decode_pbb,
    [LAYER_MPLS] = decode_mpls,
    [LAYER_PPPOE] = decode_pppoe,
    [LAYER_PPP] = decode_ppp,
    [LAYER_IP] = decode_ip,
    [LAYER_IPV4] = decode_ipv4,
    [LAYER_IPV6] = decode_ipv6,
    [LAYER_EXTENSION] = decode_extension,
    [LAYER_ROUTING] = decode_routing,
    [LAYER_FRAGMENT] = decode_fragment,
    [LAYER_AUTHENTICATION] = decode_authentication,
    [LAYER_UDP] = decode_udp,
    [LAYER_GRE] = decode_gre,
    [LAYER_ERSPAN2] = decode_erspan2,
    [LAYER_ERSPAN3] = decode_erspan3,
    [LAYER_VXLAN] = decode_vxlan,
    [LAYER_GENEVE] = decode_geneve,
    [LAYER_GTPU] = decode_gtpu,
    [LAYER_TCP] = decode_tcp,
};

struct decoder *decoder_new(const struct decode_options *options) {
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder != NULL)
        decoder->options = *options;
    return decoder;
}

void decoder_free(struct decoder *decoder) {
    if (decoder == NULL)
        return;
    fragments_free(decoder->fragments);
    free(decoder);
}

const struct decode_counters *decoder_counters(const struct decoder *decoder) {
    return &decoder->counters;
}

void decode_counters_add(struct decode_counters *sum, const struct decode_counters *more) {
    sum->truncated += more->truncated;
    sum->damaged += more->damaged;
    sum->fragments += more->fragments;
    sum->reassembled += more->reassembled;
    sum->bad_checksums += more->bad_checksums;
    sum->depth_limit += more->depth_limit;
    sum->fragment_limit += more->fragment_limit;
    sum->unknown_linktype += more->unknown_linktype;
}

const struct decode_piece *decoder_piece(const struct decoder *decoder) {
    return &decoder->piece;
}

static enum decode_result result_of(const struct frame *frame, enum layer end) {
    struct decode_counters *counters = &frame->decoder->counters;
    switch (end) {
    case END_TCP:
        return DECODE_TCP;
    case END_FRAGMENT:
        return DECODE_FRAGMENT;
    case END_DAMAGED:
        if (frame->by_port)
            return DECODE_OTHER;
        counters->damaged++;
        return DECODE_DAMAGED;
    case END_BAD_CHECKSUM:
        counters->bad_checksums++;
        return DECODE_DAMAGED;
    default:
        return DECODE_OTHER;
    }
}

/* Not inlined: most packets are plain. */
__attribute__((noinline)) enum decode_result
decode_by_layers(struct decoder *decoder, const struct packet *packet, struct segment *segment) {
    struct frame frame = {
        .r = reader_of(packet->data, packet->captured_len),
        .missing = packet->wire_len > packet->captured_len ? packet->wire_len - packet->captured_len : 0,
        .decoder = decoder,
        .segment = segment,
        .ts_ns = packet->ts_ns,
        .vlan_id = -1,
    };
    decoder->piece.datagram = 0;
    enum layer layer = layer_of_link(&frame, packet->linktype);
    while (layer < NUM_LAYERS)
        layer = LAYERS[layer](&frame);
    return result_of(&frame, layer);
}

enum decode_result decode_packet(struct decoder *decoder, const struct packet *packet,
                                 struct segment *segment) {
    decoder->piece.datagram = 0;
    switch (decode_plain(decoder, packet, segment)) {
    case END_TCP:
        return DECODE_TCP;
    case END_OTHER:
        return DECODE_OTHER;
    default:
        return decode_by_layers(decoder, packet, segment);
    }
}
