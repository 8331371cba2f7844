/* Putting a stream in order, against a model that is nothing but an array: the first copy of a byte wins,
 * what is read is what was pushed, holes and conflicts are where the model has them. Input: steps of what
 * (1), place (1), length (1). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/reader.h"
#include "../../sensor/track/history.h"
#include "../../sensor/track/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM (1u << 16)

/* Of every offset: was it pushed, and as what? */
static struct model {
    bool has[ROOM];
    uint8_t bytes[ROOM];
    uint64_t next;
    uint32_t end; /* nothing was pushed from there on */
} model;

static struct history_pool *pool;

/* Two bytes can be at each place: what was sent, and what somebody else puts there. */
static uint8_t byte_at(uint64_t offset, bool other) {
    return (uint8_t)(offset * 7 + (offset >> 8) + (other ? 128 : 0));
}

static enum stream_push_result push_model(int64_t offset, uint32_t len, bool other) {
    bool conflict = false, fresh = false;
    for (int64_t at = offset; at < offset + (int64_t)len; at++) {
        if (at < (int64_t)model.next)
            continue;
        uint8_t byte = byte_at((uint64_t)at, other);
        if (model.has[at])
            conflict |= model.bytes[at] != byte;
        else
            model.has[at] = fresh = true, model.bytes[at] = byte;
    }
    return conflict ? STREAM_CONFLICT : fresh ? STREAM_NEW : STREAM_OLD;
}

static void push(struct stream *stream, int64_t offset, uint32_t len, bool other) {
    uint8_t *data = malloc(len > 0 ? len : 1);
    assert(data);
    for (uint32_t i = 0; i < len; i++)
        data[i] = byte_at((uint64_t)(offset + i), other);
    if (history_differs(stream->history, offset, data, len))
        assert(offset < (int64_t)model.next);
    enum stream_push_result result = stream_push(stream, offset, data, len);
    free(data);
    if (result == STREAM_FULL) {
        assert(stream->buffered + len > STREAM_BUFFER_MAX || stream->num_chunks >= STREAM_CHUNKS_MAX);
        return;
    }
    enum stream_push_result expected = push_model(offset, len, other);
    assert(result == expected || (result == STREAM_AHEAD && expected == STREAM_NEW));
    if (offset + len > (int64_t)model.end)
        model.end = (uint32_t)(offset + len);
}

static uint64_t model_hole(void) {
    uint64_t at = model.next;
    while (at < model.end && !model.has[at])
        at++;
    return at < model.end ? at - model.next : 0;
}

/* Reads at most that much, and compares all that can be read. */
static void read_some(struct stream *stream, size_t most) {
    size_t len;
    const uint8_t *bytes = stream_peek(stream, &len);
    assert((bytes == NULL) == (len == 0));
    assert((len > 0) == (model.next < model.end && model.has[model.next]));
    for (size_t i = 0; i < len; i++)
        assert(model.has[model.next + i] && model.bytes[model.next + i] == bytes[i]);
    size_t used = len < most ? len : most;
    if (used > 0)
        history_add(&stream->history, pool, stream->next, bytes, used);
    assert(!history_differs(stream->history, (int64_t)stream->next, bytes, 0));
    stream_consume(stream, used);
    model.next += used;
}

static void check(const struct stream *stream) {
    uint32_t num = 0;
    for (uint64_t at = model.next; at < model.end; at++)
        num += model.has[at];
    assert(stream->next == model.next && stream->buffered == num);
    assert(stream_hole(stream) == model_hole());
    assert((stream->chunks == NULL) == (num == 0) && stream->num_chunks <= STREAM_CHUNKS_MAX);
}

static void step(struct stream *stream, uint8_t what, uint8_t place, uint8_t length) {
    int64_t offset = (int64_t)model.next + (int8_t)place * (what & 0x40 ? 16 : 1);
    uint32_t len = (uint32_t)length * (what & 0x20 ? 16 : 1);
    switch (what & 7) {
    case 0:
    case 1:
    case 2:
        if (len > 0 && offset >= 0 && offset + len < ROOM)
            push(stream, offset, len, what & 8);
        break;
    case 3:
        (void)stream_join(stream);
        break;
    case 4: {
        uint64_t hole = model_hole(), skip = hole < len ? hole : len;
        stream_skip(stream, skip);
        model.next += skip;
        break;
    }
    default:
        read_some(stream, len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct stream stream = {.started = true, .first_seq = (uint32_t)size * 0x1000193};
    struct reader in = reader_of(data, size);
    pool = history_pool_new();
    assert(pool);
    memset(model.has, 0, model.end);
    model.next = model.end = 0;
    while (reader_left(&in) >= 3) {
        uint8_t what = reader_u8(&in), place = reader_u8(&in);
        step(&stream, what, place, reader_u8(&in));
        check(&stream);
        assert(stream_offset(&stream, stream.first_seq + (uint32_t)stream.next + place) ==
               (int64_t)stream.next + place);
    }
    while (model.next < model.end) {
        read_some(&stream, SIZE_MAX);
        uint64_t hole = model_hole();
        stream_skip(&stream, hole);
        model.next += hole;
    }
    assert(stream.chunks == NULL && stream.buffered == 0 && stream.held == 0);
    stream_cleanup(&stream);
    history_pool_free(pool);
    return 0;
}
