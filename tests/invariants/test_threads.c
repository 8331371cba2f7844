/* Any number of workers, and packets that come together, give the same bytes: every bundled capture by
 * itself, and all of them shuffled into one another, with packets lost, repeated, out of order and
 * contradicted later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../outputs/encoder.h"
#include "../../sensor/capture/source.h"
#include "../../sensor/pipeline.h"
#include "../../sensor/track/history.h"
#include "../support/traffic.h"

#define NUM_FORMATS 2
static const struct encoder *const encoders[NUM_FORMATS] = {&json_encoder, &csv_encoder};
static const unsigned worker_counts[] = {1, 2, 3, 8};

/* Frames with bytes of their own; input counts the files that they come from. */
struct frame {
    struct packet packet;
    unsigned input;
};

struct frames {
    struct frame *items;
    size_t num, room;
};

static void add_frame(struct frames *frames, const struct packet *packet, unsigned input) {
    if (frames->num == frames->room) {
        frames->room = frames->room ? frames->room * 2 : 1024;
        frames->items = realloc(frames->items, frames->room * sizeof *frames->items);
        assert_non_null(frames->items);
    }
    uint8_t *data = malloc(packet->captured_len + 1);
    assert_non_null(data);
    memcpy(data, packet->data, packet->captured_len);
    frames->items[frames->num] = (struct frame){*packet, input};
    frames->items[frames->num++].packet.data = data;
}

static void read_frames(struct frames *frames, const char *path, unsigned input) {
    char error[256];
    struct packet packet;
    struct source *source = source_open(path, error, sizeof error);
    if (!source)
        fail_msg("%s", error);
    while (source_next(source, &packet) == SOURCE_PACKET)
        add_frame(frames, &packet, input);
    source_close(source);
}

static void free_frames(struct frames *frames) {
    for (size_t i = 0; i < frames->num; i++)
        free((uint8_t *)frames->items[i].packet.data);
    free(frames->items);
}

static struct frames read_all(void) {
    struct frames frames = {0};
    char **paths = bundled_captures();
    for (unsigned i = 0; paths[i]; i++)
        read_frames(&frames, paths[i], i);
    bundled_cleanup(paths);
    return frames;
}

/* --- a run --- */

struct run {
    void *states[NUM_FORMATS];
    struct buffer out[NUM_FORMATS];
    size_t num_events[NUM_DATASETS];
};

/* In the reporting thread, where cmocka must not fail. */
static void encode(void *context, const struct event *event) {
    struct run *run = context;
    run->num_events[event->dataset]++;
    for (size_t i = 0; i < NUM_FORMATS; i++)
        encoders[i]->encode(run->states[i], event, &run->out[i]);
}

/* Packets of one input together, up to so many. */
#define TOGETHER_MAX 50

static size_t give_some(struct pipeline *pipeline, const struct frame *frames, size_t num, uint64_t *lot) {
    struct packet packets[TOGETHER_MAX];
    size_t most = next_random(lot) % TOGETHER_MAX + 1, given = 0;
    while (given < num && given < most && frames[given].input == frames[0].input) {
        packets[given] = frames[given].packet;
        given++;
    }
    pipeline_packets(pipeline, packets, given);
    return given;
}

static size_t give_one(struct pipeline *pipeline, const struct frame *frame) {
    pipeline_packet(pipeline, &frame->packet);
    return 1;
}

enum way { ONE_BY_ONE, TOGETHER };

static void run_frames(struct run *run, const struct frames *frames, const struct config *base,
                       unsigned workers, enum way way) {
    char error[256];
    struct config config = *base;
    config.workers = workers;
    *run = (struct run){0};
    for (size_t i = 0; i < NUM_FORMATS; i++) {
        run->states[i] = encoders[i]->open();
        assert_non_null(run->states[i]);
    }
    struct pipeline *pipeline = pipeline_new(&config, encode, run, error, sizeof error);
    if (!pipeline || !pipeline_start(pipeline, error, sizeof error))
        fail_msg("%s", error);
    uint64_t lot = 5;
    for (size_t i = 0; i < frames->num;) {
        const struct frame *frame = &frames->items[i];
        if (i > 0 && frame->input != frames->items[i - 1].input)
            pipeline_next_input(pipeline);
        i += way == TOGETHER ? give_some(pipeline, frame, frames->num - i, &lot) : give_one(pipeline, frame);
    }
    pipeline_finish(pipeline);
    pipeline_free(pipeline);
}

static void free_run(struct run *run) {
    for (size_t i = 0; i < NUM_FORMATS; i++) {
        encoders[i]->close(run->states[i]);
        buffer_cleanup(&run->out[i]);
    }
}

static void check_run(const char *about, const struct run *run, const struct run *expected) {
    for (size_t i = 0; i < NUM_FORMATS; i++) {
        const struct buffer *a = &expected->out[i], *b = &run->out[i];
        size_t at = 0, least = a->len < b->len ? a->len : b->len;
        while (at < least && a->data[at] == b->data[at])
            at++;
        if (at < a->len || at < b->len)
            fail_msg("%s: %s differs at byte %zu of %zu and %zu:\n%.*s\n%.*s", about, encoders[i]->scheme, at,
                     a->len, b->len, (int)(a->len - at < 400 ? a->len - at : 400), a->data + at,
                     (int)(b->len - at < 400 ? b->len - at : 400), b->data + at);
    }
}

static void check(const char *about, const struct frames *frames, const struct config *config) {
    struct run one, several;
    run_frames(&one, frames, config, 1, ONE_BY_ONE);
    assert_true(one.num_events[DATASET_SENSOR] == 1 && one.out[0].len > 0);
    for (size_t i = 0; i < sizeof worker_counts / sizeof worker_counts[0]; i++) {
        run_frames(&several, frames, config, worker_counts[i], i % 2 == 0 ? TOGETHER : ONE_BY_ONE);
        check_run(about, &several, &one);
        free_run(&several);
    }
    free_run(&one);
}

/* --- tests --- */

static struct config settings(void) {
    struct config config = *traffic_config();
    config.max_flows = 1000000;
    config.observer_name = (char *)"observer";
    return config;
}

static void test_captures(void **state) {
    (void)state;
    struct config config = settings();
    char **paths = bundled_captures();
    for (unsigned i = 0; paths[i]; i++) {
        struct frames frames = {0};
        read_frames(&frames, paths[i], i);
        check(paths[i], &frames, &config);
        free_frames(&frames);
    }
    bundled_cleanup(paths);
}

static void test_many_inputs(void **state) {
    (void)state;
    struct config config = settings();
    struct frames frames = read_all();
    check("all captures", &frames, &config);
    config.peer_window_s = 60;
    config.any_port = true;
    check("all captures, windows, any port", &frames, &config);
    free_frames(&frames);
}

/* The captures' packets dealt in turn, each time some time after the one before; three times over, so that
 * connections come again between the same ports while the earlier ones are open, closing and closed. */
static struct frames shuffle(const struct frames *all, uint64_t seed) {
    struct frames out = {0};
    size_t *next = malloc(all->num * sizeof *next), num = 0;
    assert_non_null(next);
    uint64_t ts_ns = UINT64_C(1700000000000000000);
    for (unsigned turn = 0; turn < 3; turn++) {
        num = 0;
        for (size_t i = 0; i < all->num; i++) { /* where each capture begins */
            if (i == 0 || all->items[i].input != all->items[i - 1].input)
                next[num++] = i;
        }
        while (num > 0) {
            size_t which = next_random(&seed) % num, at = next[which];
            uint32_t luck = next_random(&seed) % 100;
            struct packet packet = all->items[at].packet;
            ts_ns += luck < 2 ? UINT64_C(1500000000) : luck < 30 ? 0 : UINT64_C(1000000);
            packet.ts_ns = luck == 99 ? ts_ns - UINT64_C(50000000) : ts_ns;
            if (luck != 50)
                add_frame(&out, &packet, 0);
            if (luck == 51)
                add_frame(&out, &packet, 0);
            if (luck == 52 && out.num > 1) {
                struct packet last = out.items[out.num - 1].packet;
                out.items[out.num - 1].packet = out.items[out.num - 2].packet;
                out.items[out.num - 2].packet = last;
            }
            next[which]++;
            if (next[which] == all->num || all->items[next[which]].input != all->items[at].input)
                next[which] = next[--num];
        }
        ts_ns += turn == 0 ? 0 : UINT64_C(700000000000);
    }
    free(next);
    return out;
}

static void test_shuffled(void **state) {
    (void)state;
    struct config config = settings();
    struct frames all = read_all();
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct frames shuffled = shuffle(&all, seed);
        config.peer_window_s = seed == 1 ? 1 : 0;
        check("shuffled", &shuffled, &config);
        free_frames(&shuffled);
    }
    free_frames(&all);
}

#define ETHERNET_LEN 14
#define IPV4_LEN     20
#define MORE         0x20 /* fragments follow: of the byte that the flags are in */

static bool is_plain_ipv4(const struct packet *packet) {
    const uint8_t *data = packet->data;
    return packet->linktype == 1 && packet->captured_len == packet->wire_len &&
           packet->captured_len > ETHERNET_LEN + IPV4_LEN + 48 && data[12] == 8 && data[13] == 0 &&
           data[ETHERNET_LEN] == 0x45;
}

/* A part of what the frame's IP header is followed by, as a fragment. */
static void add_fragment(struct frames *frames, const struct frame *whole, uint32_t from, uint32_t len,
                         uint32_t left) {
    uint8_t bytes[1 << 16];
    assert_in_range(len, 1, sizeof bytes - ETHERNET_LEN - IPV4_LEN);
    memcpy(bytes, whole->packet.data, ETHERNET_LEN + IPV4_LEN);
    memcpy(bytes + ETHERNET_LEN + IPV4_LEN, whole->packet.data + ETHERNET_LEN + IPV4_LEN + from, len);
    bytes[ETHERNET_LEN + 2] = (uint8_t)((IPV4_LEN + len) >> 8);
    bytes[ETHERNET_LEN + 3] = (uint8_t)(IPV4_LEN + len);
    bytes[ETHERNET_LEN + 6] = (uint8_t)((left > 0 ? MORE : 0) | from >> 11);
    bytes[ETHERNET_LEN + 7] = (uint8_t)(from >> 3);
    struct packet packet = whole->packet;
    packet.data = bytes;
    packet.captured_len = packet.wire_len = ETHERNET_LEN + IPV4_LEN + len;
    add_frame(frames, &packet, whole->input);
}

static struct frames in_fragments(const struct frames *frames) {
    struct frames out = {0};
    for (size_t i = 0; i < frames->num; i++) {
        const struct frame *frame = &frames->items[i];
        if (!is_plain_ipv4(&frame->packet)) {
            add_frame(&out, &frame->packet, frame->input);
            continue;
        }
        uint32_t len = frame->packet.captured_len - ETHERNET_LEN - IPV4_LEN;
        add_fragment(&out, frame, 0, 40, len - 40);
        add_fragment(&out, frame, 40, len - 40, 0);
    }
    return out;
}

/* Segments that are put together from fragments, of packets that come together and one by one: as many
 * sessions as without fragments. */
static void test_fragments(void **state) {
    (void)state;
    struct config config = settings();
    struct frames all = read_all(), fragments = in_fragments(&all);
    assert_true(fragments.num > all.num + all.num / 4);
    check("fragments", &fragments, &config);
    struct run whole, parts;
    run_frames(&whole, &all, &config, 1, TOGETHER);
    run_frames(&parts, &fragments, &config, 1, TOGETHER);
    assert_int_equal(parts.num_events[DATASET_SESSION], whole.num_events[DATASET_SESSION]);
    free_run(&whole);
    free_run(&parts);
    free_frames(&fragments);
    free_frames(&all);
}

#define CONTRADICTED "\"overlap_conflict\":true"

static size_t count_text(const struct buffer *out, const char *text) {
    const char *at = (const char *)out->data, *end = at + out->len;
    size_t num = 0, len = strlen(text);
    for (; (at = memmem(at, (size_t)(end - at), text, len)) != NULL; at += len)
        num++;
    return num;
}

static const struct packet *longest(const struct frames *frames) {
    const struct packet *found = &frames->items[0].packet;
    for (size_t i = 0; i < frames->num; i++) {
        if (frames->items[i].packet.captured_len > found->captured_len)
            found = &frames->items[i].packet;
    }
    return found;
}

/* Frames of a while ago once more, the last byte another one; before every other one of these, if so wished,
 * so much of one connection that what came before is forgotten. */
static struct frames with_copies(const struct frames *frames, bool crowded, uint64_t seed) {
    struct frames out = {0};
    struct packet filler = *longest(frames);
    for (size_t i = 0; i < frames->num; i++) {
        add_frame(&out, &frames->items[i].packet, 0);
        uint32_t ago = next_random(&seed) % 500;
        if (next_random(&seed) % 20 > 0 || ago > i)
            continue;
        struct packet packet = frames->items[i - ago].packet;
        packet.ts_ns = filler.ts_ns = frames->items[i].packet.ts_ns;
        for (uint32_t len = 0; crowded && i % 2 && len < HISTORY_REACH; len += filler.captured_len)
            add_frame(&out, &filler, 0);
        add_frame(&out, &packet, 0);
        uint8_t *data = (uint8_t *)out.items[out.num - 1].packet.data;
        data[packet.captured_len - 1] ^= 1;
    }
    return out;
}

/* Of copies some contradict what is remembered and some what is not any more: the same ones with any number
 * of workers. */
static void test_copies(void **state) {
    (void)state;
    struct config config = settings();
    struct frames all = read_all(), shuffled = shuffle(&all, 3);
    size_t told[2];
    for (int crowded = 0; crowded < 2; crowded++) {
        struct run run;
        struct frames copies = with_copies(&shuffled, crowded, 4);
        check("copies", &copies, &config);
        run_frames(&run, &copies, &config, 1, ONE_BY_ONE);
        told[crowded] = count_text(&run.out[0], CONTRADICTED);
        free_run(&run);
        free_frames(&copies);
    }
    print_message("contradicted: %zu, crowded %zu\n", told[0], told[1]);
    assert_true(told[1] > 0 && told[0] > told[1]);
    free_frames(&shuffled);
    free_frames(&all);
}

/* The end of a run that nobody waits for: threads and memory are given back. */
static void test_abandoned(void **state) {
    (void)state;
    char error[256];
    struct run run = {0};
    struct config config = settings();
    struct frames all = read_all();
    config.workers = 3;
    for (size_t i = 0; i < NUM_FORMATS; i++)
        run.states[i] = encoders[i]->open();
    for (size_t num = 0; num < all.num; num = num * 3 + 1) {
        struct pipeline *pipeline = pipeline_new(&config, encode, &run, error, sizeof error);
        if (!pipeline || (num > 0 && !pipeline_start(pipeline, error, sizeof error)))
            fail_msg("%s", error);
        for (size_t i = 0; i < num; i++)
            pipeline_packet(pipeline, &all.items[i].packet);
        pipeline_free(pipeline);
    }
    assert_int_equal(run.num_events[DATASET_SENSOR], 0);
    free_run(&run);
    free_frames(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captures), cmocka_unit_test(test_many_inputs), cmocka_unit_test(test_shuffled),
        cmocka_unit_test(test_copies),   cmocka_unit_test(test_fragments),   cmocka_unit_test(test_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
