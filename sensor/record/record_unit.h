/* record_unit.h: a TCP segment as it was captured, held back until it is known whether and how it is to be
 * recorded: one frame, or, of a fragmented datagram, all of them. */
#ifndef STARTTAP_SENSOR_RECORD_RECORD_UNIT_H
#define STARTTAP_SENSOR_RECORD_RECORD_UNIT_H

#include "../capture/decode.h"
#include "../track/veil.h"

struct record_flow;

/* A frame with bytes of its own, and which of its bytes are of the segment. */
struct record_frame {
    struct record_frame *next;
    struct packet packet; /* data is bytes */
    uint32_t at, len;     /* the piece is packet.data[at, at + len); behind it there is only padding */
    int64_t from;         /* where the piece begins, counted from the TCP header (before it: negative) */
    bool repeat;          /* the same piece as an earlier frame's */
    uint8_t bytes[];
};

struct record_unit {
    struct record_unit *older, *newer; /* in one of the recorder's queues */
    struct record_unit *next_in_flow;
    struct record_flow *flow;    /* that it waits for; NULL: decided */
    struct record_frame *frames; /* in the order of capture */
    size_t size;                 /* memory that it takes */
    bool late;                   /* others overtook it */
    bool answer;                 /* no segment of mail, but an answer of the DNS */
    bool unread;                 /* its payload is no part of the stream */
    bool contradicts;            /* bytes before it at the same places were others */
    uint8_t side;
    uint64_t since_ns; /* elapsed time when it came */
    int64_t offset;    /* of its payload in the stream */
    uint32_t header_len, payload_len;
};

/* A copy of the packet, with its piece of a fragmented datagram as from (piece->offset); piece NULL: none.
 * NULL: out of memory. */
struct record_frame *record_frame_new(const struct packet *packet, const struct decode_piece *piece);

/* A unit of these frames, which it takes over (on failure they are freed). The segment is the one that the
 * last of them gave; piece is that frame's, NULL where it was no fragment. NULL: out of memory, or pieces
 * that overlap so that nobody could say which of their bytes count. */
struct record_unit *record_unit_new(struct record_frame *frames, const struct segment *segment,
                                    const struct decode_piece *piece);
void record_unit_free(struct record_unit *unit); /* NULL is fine */
void record_frames_free(struct record_frame *frames);
size_t record_frames_size(const struct record_frame *frames); /* memory that they take */

/* The same, with bytes of their own; with scrub, those behind a packet's end are 0. NULL: out of memory. */
struct record_frame *record_frames_copy(const struct record_frame *frames, bool scrub);

/* A unit of an answer's frames, which it takes over; nothing waits for it. NULL as above. */
struct record_unit *record_unit_answer(struct record_frame *frames);

/* Replaces hidden bytes of the payload by 0, and those behind the packet's end: without a veil all of them.
 * In a unit that contradicts others it is 1, so that it still does. The TCP checksum is corrected by what
 * changed: a right one stays right, a wrong one wrong, and a checksum around it (of a tunnel) stays as it
 * is. */
void record_unit_scrub(struct record_unit *unit, const struct veil *veil);

#endif
