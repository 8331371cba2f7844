#include "record_unit.h"

#include <stdlib.h>
#include <string.h>

#define CHECKSUM_AT 16 /* in the TCP header (RFC 9293 section 3.1) */

struct record_frame *record_frame_new(const struct packet *packet, const struct decode_piece *piece) {
    struct record_frame *frame = malloc(sizeof *frame + packet->captured_len);
    if (!frame)
        return NULL;
    *frame = (struct record_frame){.packet = *packet};
    memcpy(frame->bytes, packet->data, packet->captured_len);
    frame->packet.data = frame->bytes;
    if (piece) {
        frame->at = (uint32_t)(piece->data - packet->data);
        frame->len = piece->len;
        frame->from = piece->offset;
    }
    return frame;
}

void record_frames_free(struct record_frame *frames) {
    while (frames) {
        struct record_frame *next = frames->next;
        free(frames);
        frames = next;
    }
}

size_t record_frames_size(const struct record_frame *frames) {
    size_t size = 0;
    for (const struct record_frame *frame = frames; frame; frame = frame->next)
        size += sizeof *frame + frame->packet.captured_len;
    return size;
}

static void blank_rest(struct record_frame *frame) {
    uint32_t end = frame->at + frame->len;
    memset(frame->bytes + end, 0, frame->packet.captured_len - end);
}

struct record_frame *record_frames_copy(const struct record_frame *frames, bool scrub) {
    struct record_frame *copies = NULL, **end = &copies;
    for (const struct record_frame *frame = frames; frame; frame = frame->next) {
        const struct decode_piece piece = {
            .data = frame->packet.data + frame->at, .len = frame->len, .offset = (uint32_t)frame->from};
        struct record_frame *copy = record_frame_new(&frame->packet, &piece);
        if (!copy) {
            record_frames_free(copies);
            return NULL;
        }
        if (scrub)
            blank_rest(copy);
        *end = copy;
        end = &copy->next;
    }
    return copies;
}

struct record_unit *record_unit_answer(struct record_frame *frames) {
    struct record_unit *unit = calloc(1, sizeof *unit);
    if (!unit) {
        record_frames_free(frames);
        return NULL;
    }
    unit->frames = frames;
    unit->answer = true;
    unit->size = sizeof *unit + record_frames_size(frames);
    return unit;
}

void record_unit_free(struct record_unit *unit) {
    if (!unit)
        return;
    record_frames_free(unit->frames);
    free(unit);
}

/* Where the segment begins in the datagram, and that its pieces are each other's neighbours or the same. */
static bool place_pieces(struct record_frame *frames, const struct segment *segment,
                         const struct decode_piece *piece) {
    int64_t header_at = segment->header - piece->whole;
    uint64_t sum = 0;
    for (struct record_frame *frame = frames; frame; frame = frame->next) {
        for (const struct record_frame *earlier = frames; earlier != frame; earlier = earlier->next)
            frame->repeat |= earlier->len == frame->len && earlier->from == frame->from - header_at;
        frame->from -= header_at;
        sum += frame->repeat ? 0 : frame->len;
    }
    return sum == piece->whole_len;
}

struct record_unit *record_unit_new(struct record_frame *frames, const struct segment *segment,
                                    const struct decode_piece *piece) {
    struct record_unit *unit = calloc(1, sizeof *unit);
    if (!unit || (piece && !place_pieces(frames, segment, piece))) {
        record_frames_free(frames);
        free(unit);
        return NULL;
    }
    unit->frames = frames;
    unit->header_len = (uint32_t)(segment->payload - segment->header);
    unit->payload_len = segment->payload_len;
    unit->size = sizeof *unit + record_frames_size(frames);
    return unit;
}

/* --- scrubbing --- */

/* Fills [from, to) of the segment where the frame has it. Returns by how much that changed the sum of the
 * segment's 16-bit words. */
static int64_t fill(struct record_frame *frame, int64_t from, int64_t to, uint8_t value) {
    int64_t change = 0, end = frame->from + frame->len;
    from = from > frame->from ? from : frame->from;
    to = to < end ? to : end;
    for (int64_t i = from; i < to; i++) {
        uint8_t *byte = &frame->bytes[frame->at + (i - frame->from)];
        change += (value - *byte) * (i % 2 == 0 ? 256 : 1);
        *byte = value;
    }
    return frame->repeat ? 0 : change;
}

static int64_t fill_all(struct record_unit *unit, int64_t from, int64_t to) {
    int64_t change = 0;
    for (struct record_frame *frame = unit->frames; frame; frame = frame->next)
        change += fill(frame, from, to, unit->contradicts);
    return change;
}

static uint8_t *checksum_byte(struct record_frame *frame, int64_t i) {
    bool has = i >= frame->from && i < frame->from + frame->len;
    return has ? &frame->bytes[frame->at + (i - frame->from)] : NULL;
}

/* RFC 1624, equation 3. */
static void correct_checksum(struct record_frame *frame, uint32_t change) {
    uint8_t *high = checksum_byte(frame, CHECKSUM_AT), *low = checksum_byte(frame, CHECKSUM_AT + 1);
    if (!high || !low)
        return;
    uint32_t sum = (~((uint32_t)*high << 8 | *low) & 0xffff) + change;
    sum = (sum & 0xffff) + (sum >> 16);
    *high = (uint8_t)(~sum >> 8);
    *low = (uint8_t)~sum;
}

void record_unit_scrub(struct record_unit *unit, const struct veil *veil) {
    int64_t change = 0;
    for (uint32_t done = 0; done < unit->payload_len;) {
        int64_t offset = unit->offset + done, end = unit->offset + unit->payload_len;
        uint64_t run_end = offset < 0 && end > 0 ? 0 : (uint64_t)end;
        bool hidden = !veil || offset < 0 || veil_run(veil, (uint64_t)offset, (uint64_t)end, &run_end);
        uint32_t next = (uint32_t)((int64_t)run_end - unit->offset);
        if (hidden)
            change += fill_all(unit, (int64_t)unit->header_len + done, (int64_t)unit->header_len + next);
        done = next;
    }
    int64_t correction = change % 0xffff;
    for (struct record_frame *frame = unit->frames; frame; frame = frame->next) {
        blank_rest(frame);
        if (correction != 0)
            correct_checksum(frame, (uint32_t)(correction < 0 ? correction + 0xffff : correction));
    }
}
