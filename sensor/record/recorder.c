#include "recorder.h"

#include <assert.h>
#include <stdlib.h>

#include "../track/dns_streams.h"
#include "../track/session.h"
#include "record_answers.h"

#define NUM_BUCKETS 256u

/* Units in the order of capture. */
struct queue {
    struct record_unit *oldest, *newest;
};

/* Of one flow: the units that are not decided, in the order of capture. */
struct record_flow {
    struct record_unit *oldest, *newest;
    size_t size;
    struct flow *flow;
};

/* Pieces of datagrams that are not whole, by the datagram's number. */
struct fragment_store {
    struct fragment_bucket {
        struct record_frame *oldest, *newest;
        uint64_t datagram; /* of all in it; the newer one drives the older out */
    } buckets[NUM_BUCKETS];
    size_t size;
};

/* What a connection of the DNS has sent. */
struct answer_stream {
    struct record_frame *oldest, *newest;
    size_t size;
    bool too_long; /* it is not kept */
};

struct recorder {
    struct record_file *file;
    bool scrub;
    struct queue fresh; /* decided ones wait for older ones */
    struct queue late;  /* overtaken; none is decided */
    size_t held;
    uint64_t elapsed_ns;
    struct fragment_store fragments;
    struct record_answers *answers;
    struct answer_stream streams[DNS_STREAMS_MAX];
    struct recorder_stats stats;

    /* The packet at hand. */
    const struct packet *packet;
    const struct decode_piece *piece; /* NULL: no fragment */
    struct record_frame *frames;      /* of the datagram that it made whole, itself among them */
};

struct recorder *recorder_new(struct record_file *file, bool scrub) {
    struct recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder)
        return NULL;
    recorder->answers = record_answers_new();
    if (!recorder->answers) {
        free(recorder);
        return NULL;
    }
    recorder->file = file;
    recorder->scrub = scrub;
    return recorder;
}

bool recorder_scrubs(const struct recorder *recorder) {
    return recorder->scrub;
}

/* --- queues --- */

static void enqueue(struct queue *queue, struct record_unit *unit) {
    unit->newer = NULL;
    unit->older = queue->newest;
    *(queue->newest ? &queue->newest->newer : &queue->oldest) = unit;
    queue->newest = unit;
}

static void unqueue(struct queue *queue, struct record_unit *unit) {
    *(unit->older ? &unit->older->newer : &queue->oldest) = unit->newer;
    *(unit->newer ? &unit->newer->older : &queue->newest) = unit->older;
}

static void take_out(struct recorder *recorder, struct record_unit *unit) {
    unqueue(unit->late ? &recorder->late : &recorder->fresh, unit);
    recorder->held -= unit->size;
}

static void write_out(struct recorder *recorder, struct record_unit *unit) {
    take_out(recorder, unit);
    for (const struct record_frame *frame = unit->frames; frame; frame = frame->next) {
        if (unit->answer)
            record_file_add_older(recorder->file, &frame->packet);
        else
            record_file_add(recorder->file, &frame->packet);
    }
    record_unit_free(unit);
}

static uint64_t num_frames(const struct record_unit *unit) {
    uint64_t num = 0;
    for (const struct record_frame *frame = unit->frames; frame; frame = frame->next)
        num++;
    return num;
}

/* --- decisions --- */

static struct record_unit *leave_flow(struct record_flow *flow) {
    struct record_unit *unit = flow->oldest;
    flow->oldest = unit->next_in_flow;
    if (!flow->oldest)
        flow->newest = NULL;
    flow->size -= unit->size;
    unit->flow = NULL;
    return unit;
}

static void drop_oldest(struct recorder *recorder, struct record_flow *flow) {
    struct record_unit *unit = leave_flow(flow);
    take_out(recorder, unit);
    record_unit_free(unit);
}

static const struct veil *veil_of(const struct flow *flow, const struct record_unit *unit) {
    return flow->session && flow->session->veils && !unit->unread ? &flow->session->veils[unit->side] : NULL;
}

/* Scrubbed as far as is known by now. It is written when its turn comes; one that was overtaken, at once. */
static void decide_oldest(struct recorder *recorder, struct record_flow *flow) {
    struct record_unit *unit = leave_flow(flow);
    if (recorder->scrub)
        record_unit_scrub(unit, veil_of(flow->flow, unit));
    if (unit->late)
        write_out(recorder, unit);
}

/* Bytes that no parser will ever get wait for nothing. */
static bool is_settled(const struct recorder *recorder, const struct flow *flow,
                       const struct record_unit *unit) {
    const struct veil *veil = veil_of(flow, unit);
    int64_t end = unit->offset + unit->payload_len;
    return !recorder->scrub || !veil || unit->payload_len == 0 || end <= 0 ||
           (uint64_t)end <= veil->settled || end - (int64_t)veil->pos > (int64_t)STREAM_WINDOW_MAX;
}

static void decide(struct recorder *recorder, struct flow *flow) {
    struct record_flow *record = flow->record;
    while (record->oldest && is_settled(recorder, flow, record->oldest))
        decide_oldest(recorder, record);
}

/* What has waited too long for its flow goes: without it if that may be no mail, else as far as is known. */
static void give_up_oldest(struct recorder *recorder, struct record_flow *record) {
    if (record->flow->record_mail == RECORD_OPEN) {
        recorder->stats.not_recognised += num_frames(record->oldest);
        drop_oldest(recorder, record);
    } else {
        recorder->stats.undecided += num_frames(record->oldest);
        decide_oldest(recorder, record);
    }
}

/* --- in the order of capture --- */

/* Mail that is scrubbed is worth being kept in order: read again with a part of a connection minutes late, it
 * would be two. Most of what may be no mail is none. */
static bool may_be_overtaken(const struct recorder *recorder, const struct record_unit *unit) {
    if (unit->flow->flow->record_mail == RECORD_OPEN)
        return recorder->elapsed_ns - unit->since_ns >= RECORD_WAIT_NS;
    return recorder->held > RECORD_HELD_MAX / 2;
}

static void release(struct recorder *recorder) {
    struct record_unit *unit;
    while ((unit = recorder->fresh.oldest) != NULL) {
        if (!unit->flow) {
            write_out(recorder, unit);
        } else if (may_be_overtaken(recorder, unit)) {
            unqueue(&recorder->fresh, unit);
            unit->late = true;
            enqueue(&recorder->late, unit);
        } else {
            break;
        }
    }
    while (recorder->held > RECORD_HELD_MAX) {
        unit = recorder->late.oldest ? recorder->late.oldest : recorder->fresh.oldest;
        if (unit->flow)
            give_up_oldest(recorder, unit->flow);
        else
            write_out(recorder, unit);
    }
}

/* --- fragments --- */

static void empty_bucket(struct fragment_store *store, struct fragment_bucket *bucket) {
    for (const struct record_frame *frame = bucket->oldest; frame; frame = frame->next)
        store->size -= frame->packet.captured_len;
    record_frames_free(bucket->oldest);
    *bucket = (struct fragment_bucket){0};
}

static void store_piece(struct recorder *recorder) {
    struct fragment_store *store = &recorder->fragments;
    struct fragment_bucket *bucket = &store->buckets[recorder->piece->datagram % NUM_BUCKETS];
    if (bucket->datagram != recorder->piece->datagram || store->size > RECORD_FRAGMENT_MAX)
        empty_bucket(store, bucket);
    struct record_frame *frame = record_frame_new(recorder->packet, recorder->piece);
    if (!frame) {
        recorder->stats.unrecordable++;
        return;
    }
    bucket->datagram = recorder->piece->datagram;
    *(bucket->newest ? &bucket->newest->next : &bucket->oldest) = frame;
    bucket->newest = frame;
    store->size += frame->packet.captured_len;
}

/* The last piece came: all of them, in the order of capture. */
static void collect_pieces(struct recorder *recorder) {
    struct fragment_store *store = &recorder->fragments;
    struct fragment_bucket *bucket = &store->buckets[recorder->piece->datagram % NUM_BUCKETS];
    if (bucket->datagram != recorder->piece->datagram)
        return;
    recorder->frames = bucket->oldest;
    for (const struct record_frame *frame = bucket->oldest; frame; frame = frame->next)
        store->size -= frame->packet.captured_len;
    *bucket = (struct fragment_bucket){0};
}

void recorder_packet(struct recorder *recorder, const struct packet *packet, const struct decode_piece *piece,
                     uint64_t elapsed_ns) {
    assert(!recorder->frames);
    recorder->elapsed_ns = elapsed_ns;
    recorder->packet = packet;
    recorder->piece = piece->datagram ? piece : NULL;
    if (!recorder->piece || piece->nested)
        return;
    store_piece(recorder);
    if (piece->whole)
        collect_pieces(recorder);
}

void recorder_done(struct recorder *recorder) {
    record_frames_free(recorder->frames);
    recorder->frames = NULL;
    recorder->packet = NULL;
    release(recorder);
}

/* --- segments --- */

/* The packet at hand, or all of its datagram. */
static struct record_frame *take_frames(struct recorder *recorder, const struct segment *segment) {
    struct record_frame *frames = recorder->frames;
    recorder->frames = NULL;
    if (recorder->piece)
        return frames;
    struct decode_piece all = {.data = segment->header,
                               .len = (uint32_t)(segment->payload - segment->header) + segment->payload_len};
    return record_frame_new(recorder->packet, &all);
}

static struct record_unit *make_unit(struct recorder *recorder, const struct segment *segment) {
    struct record_frame *frames = take_frames(recorder, segment);
    struct record_unit *unit = frames ? record_unit_new(frames, segment, recorder->piece) : NULL;
    if (!unit)
        recorder->stats.unrecordable++;
    return unit;
}

static bool join_flow(struct flow *flow, struct record_unit *unit) {
    if (!flow->record)
        flow->record = calloc(1, sizeof *flow->record);
    struct record_flow *record = flow->record;
    if (!record)
        return false;
    record->flow = flow;
    *(record->newest ? &record->newest->next_in_flow : &record->oldest) = unit;
    record->newest = unit;
    record->size += unit->size;
    unit->flow = record;
    return true;
}

static void hold(struct recorder *recorder, struct flow *flow, struct record_unit *unit) {
    enqueue(&recorder->fresh, unit);
    recorder->held += unit->size;
    if (!join_flow(flow, unit)) {
        recorder->stats.unrecordable++;
        take_out(recorder, unit);
        record_unit_free(unit);
        return;
    }
    if (flow->record_mail == RECORD_MAIL)
        decide(recorder, flow);
    while (flow->record->size > RECORD_FLOW_MAX)
        give_up_oldest(recorder, flow->record);
    if (flow->record->oldest)
        return;
    free(flow->record);
    flow->record = NULL;
}

void recorder_segment(struct recorder *recorder, struct flow *flow, const struct segment *segment,
                      enum side side, enum record_mail mail, bool contradicts) {
    flow->record_mail = (uint8_t)mail;
    if (mail == RECORD_OTHER)
        return;
    bool at_once = mail == RECORD_MAIL && !recorder->scrub && !recorder->piece && !recorder->fresh.oldest &&
                   !flow->record;
    if (at_once) {
        record_file_add(recorder->file, recorder->packet);
        return;
    }
    struct record_unit *unit = make_unit(recorder, segment);
    if (!unit)
        return;
    unit->side = (uint8_t)side;
    unit->since_ns = recorder->elapsed_ns;
    unit->contradicts = contradicts;
    unit->unread = (segment->flags & TCP_RST) != 0;
    unit->offset = stream_offset(&flow->streams[side], segment->seq + ((segment->flags & TCP_SYN) ? 1 : 0));
    hold(recorder, flow, unit);
}

void recorder_end(struct recorder *recorder, struct flow *flow, enum record_mail mail) {
    struct record_flow *record = flow->record;
    flow->record_mail = (uint8_t)mail;
    while (record && record->oldest) {
        if (mail == RECORD_MAIL)
            decide_oldest(recorder, record);
        else
            drop_oldest(recorder, record);
    }
    free(record);
    flow->record = NULL;
}

/* --- answers of the DNS --- */

static void empty_stream(struct answer_stream *stream) {
    record_frames_free(stream->oldest);
    *stream = (struct answer_stream){0};
}

void recorder_dns_segment(struct recorder *recorder, const struct segment *segment, int place, bool begun) {
    struct answer_stream *stream = &recorder->streams[place];
    if (begun)
        empty_stream(stream);
    if (stream->too_long || (segment->payload_len == 0 && !begun))
        return;
    struct record_frame *frames = take_frames(recorder, segment);
    stream->size += record_frames_size(frames);
    if (!frames || stream->size > RECORD_STREAM_MAX) {
        record_frames_free(frames);
        empty_stream(stream);
        stream->too_long = true;
        return;
    }
    *(stream->newest ? &stream->newest->next : &stream->oldest) = frames;
    while (frames->next)
        frames = frames->next;
    stream->newest = frames;
}

uint64_t recorder_keep_answer(struct recorder *recorder, const struct segment *segment, int place) {
    struct record_frame *frames = place >= 0 ? record_frames_copy(recorder->streams[place].oldest, false)
                                             : take_frames(recorder, segment);
    return frames ? record_answers_keep(recorder->answers, frames) : 0;
}

void recorder_add_answer(struct recorder *recorder, uint64_t number) {
    const struct record_frame *kept =
        record_answers_once(recorder->answers, number, record_file_number(recorder->file));
    if (!kept)
        return;
    struct record_frame *frames = record_frames_copy(kept, recorder->scrub);
    struct record_unit *unit = frames ? record_unit_answer(frames) : NULL;
    if (!unit) {
        recorder->stats.unrecordable++;
        return;
    }
    recorder->stats.answers++;
    enqueue(&recorder->fresh, unit);
    recorder->held += unit->size;
    release(recorder);
}

/* --- the file --- */

void recorder_flush(struct recorder *recorder) {
    record_file_flush(recorder->file);
}

void recorder_reopen(struct recorder *recorder) {
    record_file_reopen(recorder->file);
}

bool recorder_gone(const struct recorder *recorder) {
    return record_file_gone(recorder->file);
}

void recorder_stats(const struct recorder *recorder, struct recorder_stats *stats) {
    *stats = recorder->stats;
    stats->held_bytes = recorder->held + recorder->fragments.size + record_answers_size(recorder->answers);
    for (size_t i = 0; i < DNS_STREAMS_MAX; i++)
        stats->held_bytes += recorder->streams[i].size;
    record_file_stats(recorder->file, &stats->file);
}

bool recorder_close(struct recorder *recorder) {
    if (!recorder)
        return true;
    release(recorder);
    assert(!recorder->fresh.oldest && !recorder->late.oldest);
    for (size_t i = 0; i < NUM_BUCKETS; i++)
        empty_bucket(&recorder->fragments, &recorder->fragments.buckets[i]);
    for (size_t i = 0; i < DNS_STREAMS_MAX; i++)
        empty_stream(&recorder->streams[i]);
    record_answers_free(recorder->answers);
    record_frames_free(recorder->frames);
    bool good = record_file_close(recorder->file);
    free(recorder);
    return good;
}
