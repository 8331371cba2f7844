/* Link layers, tags and labels: everything between a frame's first byte and its first IP header. */
#include "decode_layer.h"

/* https://www.tcpdump.org/linktypes.html; 12 and 14 are raw IP in files that took DLT_RAW for a LINKTYPE. */
#define LINKTYPE_NULL        0
#define LINKTYPE_ETHERNET    1
#define LINKTYPE_PPP         9
#define LINKTYPE_FDDI        10
#define LINKTYPE_DLT_RAW     12
#define LINKTYPE_DLT_RAW_BSD 14
#define LINKTYPE_PPP_HDLC    50
#define LINKTYPE_PPP_ETHER   51
#define LINKTYPE_RAW         101
#define LINKTYPE_C_HDLC      104
#define LINKTYPE_LOOP        108
#define LINKTYPE_LINUX_SLL   113
#define LINKTYPE_PPP_PPPD    166
#define LINKTYPE_IPV4        228
#define LINKTYPE_IPV6        229
#define LINKTYPE_LINUX_SLL2  276

#define ETHERTYPE_MIN 0x0600u /* IEEE 802.3 section 3.2.6: from here on a type, up to 1500 a length */
#define LENGTH_MAX    1500u
#define LLC_IN_SLL    0x0004u /* Linux' own number for an 802.2 frame */
#define MAC_PAIR_LEN  12

#define LLC_SNAP      0xaaaa03u /* DSAP, SSAP, unnumbered information (RFC 1042) */
#define LLC_IP        0x060603u
#define OUI_ETHERTYPE 0x000000u
#define OUI_BRIDGE    0x0000f8u /* IEEE 802.1H */

enum layer layer_of_ethertype(uint16_t ethertype) {
    switch (ethertype) {
    case 0x0800:
        return LAYER_IPV4;
    case 0x86dd:
        return LAYER_IPV6;
    case 0x8100: /* 802.1Q */
    case 0x88a8: /* 802.1ad */
    case 0x9100: /* QinQ before the standard */
    case 0x9200:
    case 0x9300:
        return LAYER_VLAN;
    case 0x8847: /* RFC 3032 section 5 */
    case 0x8848:
        return LAYER_MPLS;
    case 0x8864:
        return LAYER_PPPOE;
    case 0x88e7:
        return LAYER_PBB;
    case 0x8926:
        return LAYER_VNTAG;
    case 0x893f:
        return LAYER_ETAG;
    case 0x880b:
        return LAYER_PPP;
    case 0x6558: /* RFC 1701: transparent Ethernet bridging */
        return LAYER_ETHERNET;
    default:
        return END_OTHER;
    }
}

/* Ends a header whose last field, already read, is an EtherType. */
static enum layer follow_ethertype(const struct frame *frame, uint16_t ethertype) {
    return reader_ok(&frame->r) ? layer_of_ethertype(ethertype) : END_DAMAGED;
}

/* As above, where the field may also be an 802.3 length. */
static enum layer follow_type_or_length(struct frame *frame, uint16_t value) {
    if (value >= ETHERTYPE_MIN || !reader_ok(&frame->r))
        return follow_ethertype(frame, value);
    if (value > LENGTH_MAX)
        return END_OTHER;
    if (value <= frame_wire_left(frame))
        frame_bound(frame, value);
    return LAYER_LLC;
}

/* Address family in the byte order of the machine that captured, which is not known (linktypes.html). */
static enum layer decode_null(struct frame *frame) {
    uint32_t family = reader_u32(&frame->r);
    if (family > 0xffff) /* the other byte order: families are small */
        family = family >> 24 | (family >> 8 & 0xff00);
    if (!reader_ok(&frame->r))
        return END_DAMAGED;
    switch (family) {
    case 2: /* everywhere */
        return LAYER_IPV4;
    case 10: /* Linux */
    case 23: /* Windows */
    case 24: /* NetBSD, OpenBSD, BSD/OS, Npcap */
    case 28: /* FreeBSD */
    case 30: /* Darwin */
        return LAYER_IPV6;
    default:
        return END_OTHER;
    }
}

static enum layer decode_sll(struct frame *frame) {
    reader_skip(&frame->r, 14); /* packet type, ARPHRD, address length, address */
    uint16_t protocol = reader_u16(&frame->r);
    return protocol == LLC_IN_SLL ? LAYER_LLC : follow_ethertype(frame, protocol);
}

static enum layer decode_sll2(struct frame *frame) {
    uint16_t protocol = reader_u16(&frame->r);
    reader_skip(&frame->r, 18); /* reserved, interface, ARPHRD, packet type, address length, address */
    if (!reader_ok(&frame->r))
        return END_DAMAGED;
    return protocol == LLC_IN_SLL ? LAYER_LLC : layer_of_ethertype(protocol);
}

static enum layer decode_cisco_hdlc(struct frame *frame) {
    reader_skip(&frame->r, 2); /* address, control */
    return follow_ethertype(frame, reader_u16(&frame->r));
}

/* PPP in HDLC-like framing (RFC 1662), or Cisco HDLC: the address byte tells. */
static enum layer decode_ppp_hdlc(struct frame *frame) {
    struct reader ahead = frame->r;
    uint8_t address = reader_u8(&ahead);
    return address == 0x0f || address == 0x8f ? decode_cisco_hdlc(frame) : decode_ppp(frame);
}

enum layer layer_of_link(struct frame *frame, int linktype) {
    switch (linktype) {
    case LINKTYPE_ETHERNET:
        return LAYER_ETHERNET;
    case LINKTYPE_LINUX_SLL:
        return decode_sll(frame);
    case LINKTYPE_LINUX_SLL2:
        return decode_sll2(frame);
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP: /* as NULL, in network byte order */
        return decode_null(frame);
    case LINKTYPE_RAW:
    case LINKTYPE_DLT_RAW:
    case LINKTYPE_DLT_RAW_BSD:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
        return LAYER_IP;
    case LINKTYPE_PPP:
        return LAYER_PPP;
    case LINKTYPE_PPP_HDLC:
        return decode_ppp_hdlc(frame);
    case LINKTYPE_PPP_ETHER:
        return LAYER_PPPOE;
    case LINKTYPE_PPP_PPPD:
        reader_skip(&frame->r, 2); /* direction in the place of the address, control */
        return LAYER_PPP;
    case LINKTYPE_C_HDLC:
        return decode_cisco_hdlc(frame);
    case LINKTYPE_FDDI:
        reader_skip(&frame->r, 1 + MAC_PAIR_LEN); /* frame control, addresses */
        return LAYER_LLC;
    default:
        frame->decoder->counters.unknown_linktype++;
        return END_OTHER;
    }
}

enum layer decode_ethernet(struct frame *frame) {
    reader_skip(&frame->r, MAC_PAIR_LEN);
    uint16_t type = reader_u16(&frame->r);
    return follow_type_or_length(frame, type);
}

/* IEEE 802.2, and SNAP behind it (RFC 1042). */
enum layer decode_llc(struct frame *frame) {
    uint32_t llc = reader_u24(&frame->r);
    if (!reader_ok(&frame->r))
        return END_DAMAGED;
    if (llc == LLC_IP)
        return LAYER_IP;
    if (llc != LLC_SNAP)
        return END_OTHER;
    uint32_t oui = reader_u24(&frame->r);
    uint16_t protocol = reader_u16(&frame->r);
    if (oui != OUI_ETHERTYPE && oui != OUI_BRIDGE)
        return reader_ok(&frame->r) ? END_OTHER : END_DAMAGED;
    return follow_ethertype(frame, protocol);
}

/* IEEE 802.1Q section 9.6: priority, drop eligible, 12 bits of VLAN identifier. */
enum layer decode_vlan(struct frame *frame) {
    uint16_t control = reader_u16(&frame->r);
    uint16_t type = reader_u16(&frame->r);
    if (frame->vlan_id < 0 && reader_ok(&frame->r))
        frame->vlan_id = control & 0x0fff;
    return follow_type_or_length(frame, type);
}

/* Cisco's VN-Tag: direction and virtual interfaces. */
enum layer decode_vntag(struct frame *frame) {
    reader_skip(&frame->r, 4);
    return follow_type_or_length(frame, reader_u16(&frame->r));
}

/* IEEE 802.1BR section 7.5: priority, ingress and egress channels. */
enum layer decode_etag(struct frame *frame) {
    reader_skip(&frame->r, 6);
    return follow_type_or_length(frame, reader_u16(&frame->r));
}

/* IEEE 802.1ah (802.1Q section 9.7): flags and service identifier, then the customer's whole frame. */
enum layer decode_pbb(struct frame *frame) {
    reader_skip(&frame->r, 4);
    return LAYER_ETHERNET;
}

/* Does an Ethernet frame that holds one of our types begin len bytes on? */
static bool ethernet_follows(struct reader ahead, size_t len) {
    reader_skip(&ahead, len + MAC_PAIR_LEN);
    uint16_t type = reader_u16(&ahead);
    return reader_ok(&ahead) && layer_of_ethertype(type) < NUM_LAYERS;
}

/* RFC 3032 section 2.1: labels up to the one at the bottom of the stack. Nothing says what follows; the first
 * nibble is an IP version, or 0 for a pseudowire's control word (RFC 4385 section 3), which may be absent. */
enum layer decode_mpls(struct frame *frame) {
    const uint32_t bottom_of_stack = 0x100;
    uint32_t label;
    do {
        label = reader_u32(&frame->r);
    } while (!(label & bottom_of_stack) && reader_ok(&frame->r));
    if (!reader_ok(&frame->r))
        return END_DAMAGED;
    struct reader ahead = frame->r;
    unsigned nibble = reader_u8(&ahead) >> 4;
    if (nibble == 4 || nibble == 6)
        return LAYER_IP;
    if (nibble == 0 && ethernet_follows(frame->r, 4)) {
        reader_skip(&frame->r, 4);
        return LAYER_ETHERNET;
    }
    return ethernet_follows(frame->r, 0) ? LAYER_ETHERNET : END_OTHER;
}

/* RFC 2516 section 4: version and type 1, code 0 for a session, its identifier, length. */
enum layer decode_pppoe(struct frame *frame) {
    uint8_t version_type = reader_u8(&frame->r);
    uint8_t code = reader_u8(&frame->r);
    reader_skip(&frame->r, 2);
    uint16_t len = reader_u16(&frame->r);
    if (!reader_ok(&frame->r))
        return END_DAMAGED;
    if (version_type != 0x11 || code != 0)
        return END_OTHER;
    if (len <= frame_wire_left(frame))
        frame_bound(frame, len);
    return LAYER_PPP;
}

/* RFC 1661 section 2, with or without address and control (RFC 1662 section 3.1), the protocol in one byte or
 * two (RFC 1661 section 6.5). */
enum layer decode_ppp(struct frame *frame) {
    const uint8_t all_stations = 0xff;
    uint16_t protocol = reader_u8(&frame->r);
    if (protocol == all_stations) {
        reader_skip(&frame->r, 1); /* control */
        protocol = reader_u8(&frame->r);
    }
    if ((protocol & 1) == 0)
        protocol = (uint16_t)(protocol << 8 | reader_u8(&frame->r));
    if (!reader_ok(&frame->r))
        return END_DAMAGED;
    switch (protocol) {
    case 0x0021: /* RFC 1332 */
        return LAYER_IPV4;
    case 0x0057: /* RFC 5072 */
        return LAYER_IPV6;
    case 0x0281: /* RFC 3032 section 4.2 */
    case 0x0283:
        return LAYER_MPLS;
    default:
        return END_OTHER;
    }
}
