/* decode_fragment.h: puts fragmented datagrams together. Internal to capture.
 *
 * RFC 791 section 3.2, RFC 8200 section 4.5; where pieces overlap, the first copy wins, and it is told when
 * another one is different. Pieces come in any order and any number of times, also soon after the datagram
 * was whole: one that then contradicts it gives the datagram once more, and may yet be of a new one with the
 * same identification. What is kept is bounded: past
 * FRAGMENT_DATAGRAMS_MAX or DECODE_FRAGMENT_BYTES_MAX the oldest unfinished datagram goes. */
#ifndef STARTTAP_SENSOR_CAPTURE_DECODE_FRAGMENT_H
#define STARTTAP_SENSOR_CAPTURE_DECODE_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#define FRAGMENT_DATAGRAMS_MAX 1024
#define FRAGMENT_HEADER_MAX    512 /* IPv4 has at most 60; IPv6 with its extension headers mostly below 100 */
/* Between one piece and the next, in packet time and in either direction: beyond it the identification
 * belongs to another datagram (RFC 8200 section 4.5 says 60 s). A clock that jumps costs the datagrams it
 * jumps over alone. */
#define FRAGMENT_TIMEOUT_NS UINT64_C(60000000000)

/* A piece this long after its datagram was whole is compared with it, for the last FRAGMENT_FINISHED_MAX. */
#define FRAGMENT_LATE_NS      UINT64_C(2000000000)
#define FRAGMENT_FINISHED_MAX 64

struct fragment {
    const uint8_t *src, *dst; /* addr_len bytes each */
    uint8_t addr_len;
    uint8_t protocol; /* part of an IPv4 datagram's key; of IPv6 the first piece's counts */
    uint32_t id;
    uint32_t offset; /* bytes */
    bool more;
    const uint8_t *header; /* up to the data (IPv4) or to the fragment header (IPv6) */
    uint32_t header_len;
    uint32_t next_header_at; /* IPv6: where in header the next header's type has to be put */
    const uint8_t *data;
    uint32_t data_len;
    uint64_t ts_ns;
};

/* The first piece's header, and behind it the data of all. */
struct datagram {
    uint64_t number; /* counted from 1; set for a piece that was kept, too */
    uint8_t *bytes;
    uint32_t header_len, data_len;
    uint32_t next_header_at;
    uint8_t protocol;
    bool contradicted; /* pieces that overlap had different bytes */
};

enum fragment_result {
    FRAGMENT_KEPT,
    FRAGMENT_WHOLE, /* *whole is filled, the caller may write to it; valid until the next call */
    FRAGMENT_BAD,   /* pieces that contradict one another or the rules; the datagram is forgotten */
};

struct fragments;
struct fragments *fragments_new(void); /* NULL: out of memory */
void fragments_free(struct fragments *fragments);

/* The fragment may borrow from the datagram that was last made whole. *num_dropped counts the unfinished
 * datagrams that had to go for lack of room. */
enum fragment_result fragments_add(struct fragments *fragments, const struct fragment *fragment,
                                   uint64_t *num_dropped, struct datagram *whole);

#endif
