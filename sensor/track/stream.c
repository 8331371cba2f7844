#include "stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A run of kept bytes. Grows at its end while there is room, so that small
 * segments in a row do not cost a chunk each. */
struct chunk {
    struct chunk *after;
    uint64_t offset;
    uint32_t start; /* first byte in data that was not consumed */
    uint32_t len;   /* bytes from start on */
    uint32_t size;  /* of data */
    uint8_t data[];
};

#define CHUNK_SIZE_MIN 512u

static uint32_t held_by(const struct chunk *chunk) {
    return (uint32_t)sizeof *chunk + chunk->size;
}

static uint64_t chunk_end(const struct chunk *chunk) {
    return chunk->offset + chunk->len;
}

void stream_cleanup(struct stream *stream) {
    struct chunk *chunk = stream->chunks;
    while (chunk) {
        struct chunk *after = chunk->after;
        free(chunk);
        chunk = after;
    }
    stream->chunks = NULL;
    stream->buffered = stream->held = 0;
    stream->num_chunks = 0;
}

int64_t stream_offset(const struct stream *stream, uint32_t seq) {
    uint32_t next_seq = stream->first_seq + (uint32_t)stream->next;
    return (int64_t)stream->next + (int32_t)(seq - next_seq);
}

static bool same_bytes(const struct chunk *chunk, uint64_t offset, const uint8_t *data, size_t len) {
    return memcmp(chunk->data + chunk->start + (offset - chunk->offset), data, len) == 0;
}

/* Puts [offset, +len), which overlaps nothing, behind *link (a chunk before it, or the list's head). */
static bool keep_run(struct stream *stream, struct chunk *before, uint64_t offset, const uint8_t *data,
                     size_t len) {
    if (before && chunk_end(before) == offset && before->size - before->start - before->len >= len) {
        memcpy(before->data + before->start + before->len, data, len);
        before->len += (uint32_t)len;
        stream->buffered += (uint32_t)len;
        return true;
    }
    size_t size = len < CHUNK_SIZE_MIN ? CHUNK_SIZE_MIN : len;
    struct chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        return false;
    struct chunk **link = before ? &before->after : &stream->chunks;
    *chunk = (struct chunk){.after = *link, .offset = offset, .len = (uint32_t)len, .size = (uint32_t)size};
    memcpy(chunk->data, data, len);
    *link = chunk;
    stream->num_chunks++;
    stream->held += held_by(chunk);
    stream->buffered += (uint32_t)len;
    return true;
}

/* Walks the kept chunks and keeps each run of bytes that none of them holds. */
static enum stream_push_result keep_new(struct stream *stream, uint64_t offset, const uint8_t *data,
                                        size_t len) {
    bool conflict = false, kept = false;
    struct chunk *before = NULL;
    while (len > 0) {
        struct chunk *at = before ? before->after : stream->chunks;
        if (at && chunk_end(at) <= offset) {
            before = at;
            continue;
        }
        size_t run = len;
        if (at && at->offset <= offset) {
            size_t over = (size_t)(chunk_end(at) - offset);
            run = over < len ? over : len;
            conflict |= !same_bytes(at, offset, data, run);
        } else {
            if (at && at->offset - offset < len)
                run = (size_t)(at->offset - offset);
            if (!keep_run(stream, before, offset, data, run))
                return STREAM_FULL;
            kept = true;
        }
        offset += run;
        data += run;
        len -= run;
    }
    if (conflict)
        return STREAM_CONFLICT;
    return kept ? STREAM_NEW : STREAM_OLD;
}

enum stream_push_result stream_push(struct stream *stream, int64_t offset, const uint8_t *data, size_t len) {
    int64_t next = (int64_t)stream->next;
    if (offset + (int64_t)len <= next)
        return STREAM_OLD;
    if (offset < next) {
        size_t old = (size_t)(next - offset);
        data += old;
        len -= old;
        offset = next;
    }
    if (stream->buffered + len > STREAM_BUFFER_MAX || stream->num_chunks >= STREAM_CHUNKS_MAX)
        return STREAM_FULL;
    bool ahead = stream->chunks ? stream->chunks->offset > stream->next && (uint64_t)offset > stream->next
                                : (uint64_t)offset > stream->next;
    if ((uint64_t)offset + len > stream->end)
        stream->end = (uint64_t)offset + len;
    enum stream_push_result result = keep_new(stream, (uint64_t)offset, data, len);
    return result == STREAM_NEW && ahead ? STREAM_AHEAD : result;
}

const uint8_t *stream_peek(const struct stream *stream, size_t *len) {
    const struct chunk *chunk = stream->chunks;
    if (!chunk || chunk->offset != stream->next) {
        *len = 0;
        return NULL;
    }
    *len = chunk->len;
    return chunk->data + chunk->start;
}

void stream_consume(struct stream *stream, size_t len) {
    stream->next += len;
    if (stream->end < stream->next)
        stream->end = stream->next;
    while (stream->chunks && stream->chunks->offset < stream->next) {
        struct chunk *chunk = stream->chunks;
        uint64_t used = stream->next - chunk->offset;
        if (used < chunk->len) {
            chunk->offset += used;
            chunk->start += (uint32_t)used;
            chunk->len -= (uint32_t)used;
            stream->buffered -= (uint32_t)used;
            return;
        }
        stream->buffered -= chunk->len;
        stream->held -= held_by(chunk);
        stream->num_chunks--;
        stream->chunks = chunk->after;
        free(chunk);
    }
}

/* The first chunk and those behind it up to last become one. */
static bool join(struct stream *stream, const struct chunk *last) {
    struct chunk *behind = last->after;
    uint32_t len = (uint32_t)(chunk_end(last) - stream->chunks->offset);
    struct chunk *joined = malloc(sizeof *joined + len);
    if (!joined)
        return false;
    *joined = (struct chunk){.after = behind, .offset = stream->chunks->offset, .size = len};
    while (stream->chunks != behind) {
        struct chunk *chunk = stream->chunks;
        memcpy(joined->data + joined->len, chunk->data + chunk->start, chunk->len);
        joined->len += chunk->len;
        stream->held -= held_by(chunk);
        stream->num_chunks--;
        stream->chunks = chunk->after;
        free(chunk);
    }
    stream->chunks = joined;
    stream->held += held_by(joined);
    stream->num_chunks++;
    return true;
}

bool stream_join(struct stream *stream) {
    const struct chunk *first = stream->chunks, *second = first ? first->after : NULL;
    if (!second || first->len > STREAM_JOIN_MAX || chunk_end(first) != second->offset)
        return false;
    return join(stream, second);
}

void stream_join_all(struct stream *stream) {
    const struct chunk *last = stream->chunks;
    while (last && last->after && chunk_end(last) == last->after->offset)
        last = last->after;
    if (last != stream->chunks)
        (void)join(stream, last);
}

uint64_t stream_hole(const struct stream *stream) {
    uint64_t until = stream->next;
    if (stream->chunks) {
        until = stream->chunks->offset;
    } else {
        if (stream->sent > until)
            until = stream->sent;
        if (stream->fin_seen && stream->fin > until)
            until = stream->fin;
    }
    return until - stream->next;
}

void stream_skip(struct stream *stream, uint64_t len) {
    if (len == 0)
        return;
    stream->gap_bytes += len;
    stream->next += len;
    stream->known = stream->next;
    if (stream->end < stream->next)
        stream->end = stream->next;
    assert(!stream->chunks || stream->chunks->offset >= stream->next);
}
