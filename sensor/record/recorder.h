/* recorder.h: which packets are recorded, and when: those of mail connections, in the order of capture.
 *
 * A packet waits while it is not known whether its connection is mail (--any-port), and, with scrubbing,
 * while the parsers have not decided what its bytes are (of a connection seen from one side, that may take
 * until its end). Those behind it wait too, so that the file is in order; but they overtake one that may be
 * no mail after RECORD_WAIT_NS, and any when half of RECORD_HELD_MAX waits. What waits is bounded, for each
 * connection (RECORD_FLOW_MAX) and all together (RECORD_HELD_MAX): beyond it the oldest packet goes,
 * unrecorded, or with all that is undecided hidden. Nothing that is undecided is ever shown. */
#ifndef STARTTAP_SENSOR_RECORD_RECORDER_H
#define STARTTAP_SENSOR_RECORD_RECORDER_H

#include "../track/flow.h"
#include "record_file.h"
#include "record_unit.h"

#define RECORD_WAIT_NS      UINT64_C(1000000000)
#define RECORD_FLOW_MAX     (1u << 20)
#define RECORD_HELD_MAX     (64u << 20)
#define RECORD_FRAGMENT_MAX (8u << 20) /* pieces of datagrams that are not whole yet */

/* Is the connection mail? */
enum record_mail { RECORD_OPEN, RECORD_MAIL, RECORD_OTHER };

struct recorder_stats {
    struct record_file_stats file;
    uint64_t not_recognised; /* packets that had to go before their connection was known to be mail */
    uint64_t undecided;      /* recorded with all hidden that was not decided */
    uint64_t unrecordable;   /* pieces inside of pieces, or overlapping ones; no memory */
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

/* The flow's session is about to go: what waits for it is decided. mail is not RECORD_OPEN. */
void recorder_end(struct recorder *recorder, struct flow *flow, enum record_mail mail);

void recorder_flush(struct recorder *recorder);
void recorder_reopen(struct recorder *recorder);
bool recorder_gone(const struct recorder *recorder);
void recorder_stats(const struct recorder *recorder, struct recorder_stats *stats);

/* All flows have ended. Writes what is left; false: not all could be written. NULL is fine. */
bool recorder_close(struct recorder *recorder);

#endif
