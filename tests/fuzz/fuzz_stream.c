/* Putting a stream in order, against a model that is nothing but an array: the first copy of a byte wins,
 * what is read is what was pushed, holes and conflicts are where the model has them. Input: steps of what
 * (1), place (1), length (1). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/reader.h"
#include "../../sensor/track/history.h"
#include "../../sensor/track/stream.h"
#include "turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM (1u << 16)

/* Of every offset: was it pushed (0xff), and as what? Masks, so that loops over many bytes need no branches.
 */
static struct model {
    uint8_t has[ROOM];
    uint8_t bytes[ROOM];
    uint64_t next;
    uint32_t end; /* nothing was pushed from there on */
} model;

static struct history *history;
static uint64_t volume, last_read; /* history.h */

/* Two bytes can be at each place: what was sent, and what somebody else puts there. */
static uint8_t byte_at(uint64_t offset, bool other) {
    return (uint8_t)(offset * 7 + (offset >> 8) + (other ? 128 : 0));
}

static enum stream_push_result push_model(int64_t offset, uint32_t len, const uint8_t *data) {
    uint8_t conflict = 0, fresh = 0;
    uint32_t old = offset < (int64_t)model.next ? (uint32_t)((int64_t)model.next - offset) : 0;
    if (old >= len)
        return STREAM_OLD;
    uint8_t *restrict has = model.has + offset + old, *restrict bytes = model.bytes + offset + old;
    const uint8_t *restrict mine = data + old;
    for (uint32_t i = 0; i < len - old; i++) {
        conflict |= (bytes[i] ^ mine[i]) & has[i];
        fresh |= (uint8_t)~has[i];
        bytes[i] = (uint8_t)((bytes[i] & has[i]) | (mine[i] & ~has[i]));
        has[i] = 0xff;
    }
    return conflict ? STREAM_CONFLICT : fresh ? STREAM_NEW : STREAM_OLD;
}

/* Whether a byte that was read is another one here. */
static bool read_otherwise(uint64_t known, int64_t offset, const uint8_t *data, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        int64_t at = offset + i;
        if (at >= (int64_t)known && at < (int64_t)model.next && model.bytes[at] != data[i])
            return true;
    }
    return false;
}

static void push(struct stream *stream, int64_t offset, uint32_t len, bool other) {
    uint8_t *data = malloc(len > 0 ? len : 1);
    assert(data);
    for (uint32_t i = 0; i < len; i++)
        data[i] = byte_at((uint64_t)(offset + i), other);
    history_advance(history, volume += len + HISTORY_SEGMENT);
    struct history_copy copy = {SIDE_SERVER, stream->known, stream->next, offset, data, len};
    if (history_differs(history, last_read, &copy))
        assert(read_otherwise(stream->known, offset, data, len));
    enum stream_push_result result = stream_push(stream, offset, data, len);
    if (result == STREAM_FULL) {
        free(data);
        assert(stream->buffered + len > STREAM_BUFFER_MAX || stream->num_chunks >= STREAM_CHUNKS_MAX);
        return;
    }
    enum stream_push_result expected = push_model(offset, len, data);
    free(data);
    assert(result == expected || (result == STREAM_AHEAD && expected == STREAM_NEW));
    if (offset + len > (int64_t)model.end)
        model.end = (uint32_t)(offset + len);
}

static uint64_t model_hole(void) {
    if (model.next >= model.end)
        return 0;
    const uint8_t *from = model.has + model.next, *first = memchr(from, 0xff, model.end - model.next);
    return first ? (uint64_t)(first - from) : 0;
}

/* Reads at most that much, and compares all that can be read. */
static void read_some(struct stream *stream, size_t most) {
    size_t len;
    const uint8_t *bytes = stream_peek(stream, &len);
    assert((bytes == NULL) == (len == 0));
    assert((len > 0) == (model.next < model.end && model.has[model.next]));
    assert(len <= model.end - model.next && !memchr(model.has + model.next, 0, len));
    assert(len == 0 || memcmp(model.bytes + model.next, bytes, len) == 0);
    size_t used = len < most ? len : most;
    if (used > 0)
        history_add(history, &last_read, SIDE_SERVER, bytes, used);
    stream_consume(stream, used);
    model.next += used;
}

static void check(const struct stream *stream) {
    uint32_t num = 0;
    for (uint64_t at = model.next; at < model.end; at++)
        num += model.has[at] & 1u;
    assert(stream->buffered == num);
    assert(stream_hole(stream) == model_hole());
    assert((stream->chunks == NULL) == (num == 0));
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
    history = history_new(0);
    volume = last_read = 0;
    assert(history);
    memset(model.has, 0, model.end);
    model.next = model.end = 0;
    bool count_each = has_turn(data, size, 128);
    while (reader_left(&in) >= 3) {
        uint8_t what = reader_u8(&in), place = reader_u8(&in);
        step(&stream, what, place, reader_u8(&in));
        assert(stream.next == model.next && stream.num_chunks <= STREAM_CHUNKS_MAX);
        if (count_each)
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
    history_free(history);
    return 0;
}
