/* recorder.h: which packets are recorded, and when: those of mail connections, in the order of capture, and
 * the answers of the DNS that their events rest on.
 *
 * A packet waits while it is not known whether its connection is mail (--any-port), and, with scrubbing,
 * while the parsers have not decided what its bytes are (of a connection seen from one side, that may take
 * until its end). Those behind it wait too, so that the file is in order; but they overtake one that may be
 * no mail after RECORD_WAIT_NS, and any when half of RECORD_HELD_MAX waits. What waits is bounded, for each
 * connection (RECORD_FLOW_MAX) and all together (RECORD_HELD_MAX): beyond it the oldest packet goes,
 * unrecorded, or with all that is undecided hidden. Nothing that is undecided is ever shown.
 *
 * Which answers an event rests on is known when it is made, at its connection's end: they stand there in the
 * file, once in each file, with the stamps that they came with. Readers bear that: names.h goes by the
 * stamps, and an answer does not turn the clock back (intake.c). Of an answer over TCP all that its
 * connection had sent up to then is kept, if that is no more than RECORD_STREAM_MAX; else it is not recorded.
 */
#ifndef STARTTAP_SENSOR_RECORD_RECORDER_H
#define STARTTAP_SENSOR_RECORD_RECORDER_H

#include "../track/flow.h"
#include "record_file.h"
#include "record_unit.h"

#define RECORD_WAIT_NS      UINT64_C(1000000000)
#define RECORD_FLOW_MAX     (1u << 20)
#define RECORD_HELD_MAX     (64u << 20)
#define RECORD_FRAGMENT_MAX (8u << 20) /* pieces of datagrams that are not whole yet */
#define RECORD_STREAM_MAX   (128u << 10)

/* Is the connection mail? */
enum record_mail { RECORD_OPEN, RECORD_MAIL, RECORD_OTHER };

struct recorder_stats {
    struct record_file_stats file;
    uint64_t not_recognised; /* packets that had to go before their connection was known to be mail */
    uint64_t undecided;      /* recorded with all hidden that was not decided */
    uint64_t unrecordable;   /* pieces inside of pieces, or overlapping ones; no memory */
    uint64_t answers;        /* of the DNS, recorded */
    uint64_t held_bytes;     /* that wait now */
};

struct recorder;

/* Takes the file over. NULL: out of memory, the file stays the caller's. */
struct recorder *recorder_new(struct record_file *file, bool scrub);
bool recorder_scrubs(const struct recorder *recorder);

/* Each packet, once it was decoded, with the decoder's piece; both are borrowed until recorder_done(). */
void recorder_packet(struct recorder *recorder, const struct packet *packet, const struct decode_piece *piece,
                     uint64_t elapsed_ns);
/* It is this segment of this flow, which has taken it in. contradicts: other bytes were at its places. */
void recorder_segment(struct recorder *recorder, struct flow *flow, const struct segment *segment,
                      enum side side, enum record_mail mail, bool contradicts);
void recorder_done(struct recorder *recorder);

/* It is a segment of the DNS, of this place (dns_streams_find()), from the server. */
void recorder_dns_segment(struct recorder *recorder, const struct segment *segment, int place, bool begun);
/* It made an answer whole that told something; place -1: a datagram. Returns its number, 0: it is not kept.
 */
uint64_t recorder_keep_answer(struct recorder *recorder, const struct segment *segment, int place);
/* An event rests on that answer. Nothing happens when it was not kept or is in the file. */
void recorder_add_answer(struct recorder *recorder, uint64_t number);

/* The flow's session is about to go: what waits for it is decided. mail is not RECORD_OPEN. */
void recorder_end(struct recorder *recorder, struct flow *flow, enum record_mail mail);

void recorder_flush(struct recorder *recorder);
void recorder_reopen(struct recorder *recorder);
bool recorder_gone(const struct recorder *recorder);
void recorder_stats(const struct recorder *recorder, struct recorder_stats *stats);

/* All flows have ended. Writes what is left; false: not all could be written. NULL is fine. */
bool recorder_close(struct recorder *recorder);

#endif
