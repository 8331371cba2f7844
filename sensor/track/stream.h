/* stream.h: one direction of a TCP connection, put in order (RFC 9293 section 3.4).
 *
 * Bytes have offsets: 0 is the first byte after the SYN. `next` is the first
 * byte that was not consumed. What cannot be consumed at once, because a hole
 * is before it or the reader waits for the other side, is kept as chunks,
 * sorted and without overlap: the first copy of a byte wins.
 *
 *   push (offset, bytes)   bytes arrive
 *   peek, consume          the reader takes what is in order
 *   hole, skip             what is missing before the first kept byte, and giving it up */
#ifndef STARTTAP_SENSOR_TRACK_STREAM_H
#define STARTTAP_SENSOR_TRACK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_BUFFER_MAX (256u << 10) /* bytes kept in one direction */
#define STREAM_CHUNKS_MAX 2048         /* pieces of them */
#define STREAM_WINDOW_MAX                                                                                    \
    (1u << 30) /* a segment further than this from the next byte is not of this connection */

struct chunk;

struct stream {
    struct chunk *chunks; /* sorted by offset */
    uint64_t known;       /* from this offset on nothing before next was skipped */
    uint64_t next;        /* offset of the first byte not consumed */
    uint64_t end;         /* highest offset seen + 1 */
    uint64_t sent;        /* bytes before it were certainly sent, captured or not; FIN not counted */
    uint64_t gap_bytes;   /* given up */
    uint32_t first_seq;   /* sequence number of offset 0 */
    uint32_t buffered;    /* bytes in chunks */
    uint32_t held;        /* bytes of memory that the chunks take */
    uint16_t num_chunks;
    bool started;  /* first_seq is known */
    bool syn_seen; /* from a SYN or the other side's SYN-ACK: offset 0 is truly the first byte */
    bool fin_seen;
    uint64_t fin; /* offset of the FIN, one after the last byte */
};

enum stream_push_result {
    STREAM_NEW,      /* holds bytes not seen before */
    STREAM_AHEAD,    /* the same, and a hole is in front of them */
    STREAM_OLD,      /* nothing that was not there before */
    STREAM_CONFLICT, /* overlaps kept bytes with other content; new bytes beside them were kept */
    STREAM_FULL,     /* a limit was reached, nothing was kept: consume or skip, then push again */
};

void stream_cleanup(struct stream *stream);

/* Where a sequence number lies; the nearest place to `next` (sequence numbers wrap). May be negative: before
 * the start. */
int64_t stream_offset(const struct stream *stream, uint32_t seq);

/* Keeps a copy of what is new in [offset, offset + len). offset may be negative or below next. */
enum stream_push_result stream_push(struct stream *stream, int64_t offset, const uint8_t *data, size_t len);

/* The bytes at `next`, when they are there: borrowed until the next call. NULL and 0 otherwise. */
const uint8_t *stream_peek(const struct stream *stream, size_t *len);
void stream_consume(struct stream *stream, size_t len);

/* A reader that needs a few more bytes to decide leaves the end of a chunk: puts it in front of the next one,
 * when that follows without a hole. False: there is no such chunk, or more than STREAM_JOIN_MAX bytes would
 * have to move. */
#define STREAM_JOIN_MAX 64
bool stream_join(struct stream *stream);

/* All that follow on the first chunk without a hole become one with it: what has to be decided now is decided
 * by all that is there. Out of memory: they stay apart. */
void stream_join_all(struct stream *stream);

/* Bytes known lost at `next`: before kept bytes, or before what was certainly sent. 0
 * when none. */
uint64_t stream_hole(const struct stream *stream);
void stream_skip(struct stream *stream, uint64_t len);

#endif
