/* packet.h: one captured frame, and what decoding makes of it. Both borrow bytes. */
#ifndef STARTTAP_SENSOR_CAPTURE_PACKET_H
#define STARTTAP_SENSOR_CAPTURE_PACKET_H

#include <stdbool.h>
#include <stdint.h>

struct packet {
    const uint8_t *data;
    uint32_t captured_len; /* bytes at data */
    uint32_t wire_len;     /* bytes the frame had */
    int linktype;          /* LINKTYPE_ value as in the file (https://www.tcpdump.org/linktypes.html) */
    uint64_t ts_ns;        /* since 1970 */
};

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_URG 0x20u

#define DNS_PORT 53

/* A TCP segment (RFC 9293 section 3.1), or a UDP datagram from DNS_PORT: then only addresses, ports, payload,
 * network and time are set. */
struct segment {
    const uint8_t *src, *dst; /* addr_len bytes each, network order */
    uint8_t addr_len;         /* 4 or 16 */
    bool datagram;
    uint16_t flags; /* TCP_FIN ...; not a byte, as gcc would put two of them together, which stalls */
    uint16_t src_port, dst_port;
    uint32_t seq, ack;
    uint16_t window, checksum, urgent;
    uint16_t ip_id;            /* IPv4 identification; 0 for IPv6 */
    const uint8_t *header;     /* the TCP header */
    const uint8_t *payload;    /* payload_len bytes captured, behind the header */
    uint32_t payload_len;      /* <= payload_wire_len */
    uint32_t payload_wire_len; /* as the IP length says: Ethernet padding is not data */
    bool contradicted;         /* it came in fragments that overlapped with different bytes */
    int vlan_id;               /* outermost 802.1Q/QinQ tag; -1 none */
    const uint8_t *network;    /* the innermost IP header and what was captured after it */
    uint32_t network_len;
    uint32_t flow_hash; /* flow.h: of its connection; set by who decodes for a table of flows */
    uint64_t ts_ns;
};

#endif
