/* decode.h: frame -> TCP segment, or datagram of the DNS. Link layers, VLAN tags, MPLS, PPPoE, PBB, tunnels,
 * IP, fragments, TCP. */
#ifndef STARTTAP_SENSOR_CAPTURE_DECODE_H
#define STARTTAP_SENSOR_CAPTURE_DECODE_H

#include <stddef.h>

#include "packet.h"
#include "port_set.h"

#define DECODE_DEPTH_MAX          8          /* IP headers inside one another */
#define DECODE_FRAGMENT_BYTES_MAX (8u << 20) /* memory for unfinished fragments, all together */

enum decode_result {
    DECODE_TCP, /* or a wanted datagram: *segment is filled, borrowed from the packet or (put together from
                 * fragments) the decoder
                 */
    DECODE_FRAGMENT, /* kept, waits for its other pieces */
    DECODE_OTHER,    /* whole, and no TCP in it, or none between wanted ports */
    DECODE_DAMAGED,  /* headers cut or contradictory; nothing can be said */
};

struct decode_options {
    const struct port_set *ports; /* borrowed; only segments from or to one of these are wanted. NULL: all */
    bool dns;                     /* what comes from DNS_PORT is wanted, too, over TCP and UDP */
    bool verify_checksums;        /* drop TCP segments whose IPv4 header or TCP checksum is wrong; counted */
};

struct decode_counters {
    uint64_t truncated; /* payload cut by the snap length */
    uint64_t damaged, fragments, reassembled, bad_checksums, depth_limit, fragment_limit, unknown_linktype;
};

/* What of a fragmented datagram the last packet was. */
struct decode_piece {
    uint64_t datagram; /* number of the datagram; 0: the packet was no fragment */
    uint32_t offset, len;
    const uint8_t *data;  /* len bytes in the packet: those from offset on of the datagram */
    const uint8_t *whole; /* the datagram's bytes from offset 0 on, once the last piece came; else NULL */
    uint32_t whole_len;
    bool nested; /* fragments inside of fragments: nothing of this is known */
};

struct decoder;
struct decoder *decoder_new(const struct decode_options *options); /* NULL: out of memory */
void decoder_free(struct decoder *decoder);

/* Outputs are untouched unless DECODE_TCP. The segment is valid as long as the packet's bytes are; one that
 * was put together from fragments, until the next call. */
enum decode_result decode_packet(struct decoder *decoder, const struct packet *packet,
                                 struct segment *segment);
const struct decode_piece *decoder_piece(const struct decoder *decoder); /* valid as the segment is */
const struct decode_counters *decoder_counters(const struct decoder *decoder);
void decode_counters_add(struct decode_counters *sum, const struct decode_counters *more);

#endif
