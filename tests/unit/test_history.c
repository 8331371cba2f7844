#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/history.h"
#include "../support/traffic.h"

/* One direction: what it read, and what stands for that. */
struct stream {
    uint64_t last, end;
};

static void add(struct history *history, struct stream *stream, const char *text) {
    history_add(history, &stream->last, (const uint8_t *)text, strlen(text));
    stream->end += strlen(text);
}

static bool differs(const struct history *history, const struct stream *stream, int64_t offset,
                    const char *text) {
    return history_differs(history, stream->last, stream->end, offset, (const uint8_t *)text, strlen(text));
}

static void another_byte_is_told_wherever_it_is(void **state) {
    (void)state;
    struct history *history = history_new(1024);
    struct stream one = {0}, other = {0};
    assert_false(differs(history, &one, 0, "abc"));
    add(history, &one, "abc");
    add(history, &other, "uvwxyz");
    add(history, &one, "def");
    assert_false(differs(history, &one, 0, "abcdef"));
    assert_false(differs(history, &one, 2, "cd"));
    assert_true(differs(history, &one, 2, "cD"));
    assert_true(differs(history, &one, 2, "Cd"));
    assert_true(differs(history, &one, 5, "Fghi"));
    assert_false(differs(history, &one, 5, "fghi"));
    assert_true(differs(history, &one, -2, "..A"));
    assert_false(differs(history, &one, -2, "..a"));
    assert_false(differs(history, &one, 6, "x"));
    assert_false(differs(history, &one, -3, "xyz"));
    assert_false(differs(history, &one, 2, ""));
    assert_false(differs(history, &other, 0, "uvwxyz"));
    assert_true(differs(history, &other, 0, "abc"));
    history_free(history);
}

/* What is before a gap is not known. */
static void bytes_behind_none_begin_anew(void **state) {
    (void)state;
    struct history *history = history_new(1024);
    struct stream stream = {0};
    add(history, &stream, "abc");
    stream = (struct stream){0, 10};
    add(history, &stream, "xyz");
    assert_false(differs(history, &stream, 0, "ABC"));
    assert_false(differs(history, &stream, 7, "ABCxyz"));
    assert_true(differs(history, &stream, 10, "XYZ"));
    history_free(history);
}

/* By what came meanwhile, to the byte, and not by what this history was given. */
static void a_piece_is_forgotten_behind_the_reach(void **state) {
    (void)state;
    struct history *history = history_new(5000); /* 4096 is the power of two */
    struct stream stream = {0};
    history_advance(history, 1000);
    add(history, &stream, "abc");
    history_advance(history, 2000);
    add(history, &stream, "def");
    history_advance(history, 1000 + 4096);
    assert_true(differs(history, &stream, 0, "ABC"));
    history_advance(history, 1001 + 4096);
    assert_false(differs(history, &stream, 0, "ABC"));
    assert_true(differs(history, &stream, 0, "ABCDEF"));
    history_advance(history, 2001 + 4096);
    assert_false(differs(history, &stream, 0, "ABCDEF"));
    add(history, &stream, "ghi");
    assert_true(differs(history, &stream, 6, "GHI"));
    assert_false(differs(history, &stream, 3, "DEFghi"));
    history_free(history);
}

static void the_last_pieces_are_compared(void **state) {
    (void)state;
    struct history *history = history_new(HISTORY_REACH);
    struct stream stream = {0};
    for (int i = 0; i < HISTORY_PIECES + 1; i++)
        add(history, &stream, "a");
    assert_false(differs(history, &stream, 0, "b"));
    assert_true(differs(history, &stream, 1, "b"));
    history_free(history);
}

/* A piece too long for the ring leaves its end there, and what was before it is not known. */
static void of_a_long_piece_the_end_is_kept(void **state) {
    (void)state;
    struct history *history = history_new(1024);
    const size_t kept = 2 * 1024 / 4;
    struct stream stream = {0};
    char text[2000];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    add(history, &stream, "aaa");
    add(history, &stream, text);
    int64_t first = (int64_t)(stream.end - kept);
    assert_true(differs(history, &stream, first, "b"));
    assert_false(differs(history, &stream, first - 1, "b"));
    assert_false(differs(history, &stream, 0, "bbb"));
    history_free(history);
}

static void add_other(struct history *history, size_t len) {
    static const uint8_t zeros[2048];
    uint64_t last = 0;
    history_add(history, &last, zeros, len);
}

/* However little time has passed. Pieces stand in one run each: 8 bytes and their header, then others up to
 * the ring's end; what does not fit there is written where the first one was. */
static void what_is_written_over_is_forgotten(void **state) {
    (void)state;
    const size_t header = 16, size = 2 * 1024;
    for (int longer = 0; longer < 2; longer++) {
        struct history *history = history_new(1024);
        struct stream stream = {0};
        add(history, &stream, "abcdefgh");
        for (int i = 0; i < 7; i++)
            add_other(history, 256 - header);
        size_t left = size - (header + 8) - 7 * (size_t)256;
        assert_true(differs(history, &stream, 0, "ABCDEFGH"));
        add_other(history, left - header + (size_t)longer);
        assert_int_equal(differs(history, &stream, 0, "ABCDEFGH"), !longer);
        assert_false(differs(history, &stream, 0, "abcdefgh"));
        add_other(history, 1);
        assert_false(differs(history, &stream, 0, "ABCDEFGH"));
        add(history, &stream, "ijklmnop");
        assert_true(differs(history, &stream, 8, "IJKLMNOP"));
        assert_false(differs(history, &stream, 0, "ABCDEFGHijklmnop"));
        history_free(history);
    }
}

/* --- against a model --- */

#define STREAMS   5
#define MOST      (256u << 10) /* bytes of a stream */
#define ADDITIONS 20000

/* Of each byte the volume when it was read and the number of its piece. */
struct model {
    struct stream stream;
    uint8_t bytes[MOST];
    uint64_t volume[MOST];
    uint32_t piece[MOST], num_pieces;
};

static uint32_t draw(uint64_t *lot, uint32_t below) {
    return next_random(lot) % below;
}

static void read_piece(struct history *history, struct model *model, uint64_t volume, uint64_t *lot,
                       uint32_t len) {
    struct stream *stream = &model->stream;
    for (uint32_t i = 0; i < len; i++) {
        uint64_t at = stream->end + i;
        model->bytes[at] = (uint8_t)next_random(lot);
        model->volume[at] = volume;
        model->piece[at] = model->num_pieces;
    }
    model->num_pieces++;
    history_add(history, &stream->last, model->bytes + stream->end, len);
    stream->end += len;
}

static bool is_known(const struct model *model, uint64_t at, uint64_t volume, uint64_t reach) {
    return model->num_pieces - model->piece[at] <= HISTORY_PIECES && volume - model->volume[at] <= reach;
}

/* The true bytes never differ; with one of them changed, they do when it is known. */
static void compare(const struct history *history, const struct model *model, uint64_t volume, uint64_t reach,
                    uint64_t *lot) {
    uint64_t end = model->stream.end;
    if (end == 0)
        return;
    uint64_t back = 1 + draw(lot, (uint32_t)(end < 2 * reach ? end : 2 * reach)), at = end - back;
    size_t len = 1 + draw(lot, (uint32_t)(back < 300 ? back : 300)), changed = draw(lot, (uint32_t)len);
    uint8_t copy[300];
    memcpy(copy, model->bytes + at, len);
    assert_false(history_differs(history, model->stream.last, end, (int64_t)at, copy, len));
    copy[changed] ^= 1;
    bool told = history_differs(history, model->stream.last, end, (int64_t)at, copy, len);
    assert_int_equal(told, is_known(model, at + changed, volume, reach));
}

/* Pieces of several streams, around the ring many times: what is known is what the model says, wherever the
 * ring wraps. */
static void what_is_known_is_what_the_model_says(void **state) {
    (void)state;
    const uint64_t reach = 16384;
    uint64_t lot = 1, volume = 0;
    struct history *history = history_new(reach);
    struct model *models = calloc(STREAMS, sizeof *models);
    assert_non_null(history);
    assert_non_null(models);
    size_t laps = 0;
    for (int i = 0; i < ADDITIONS; i++) {
        struct model *model = &models[draw(&lot, STREAMS)];
        uint32_t len = 1 + draw(&lot, draw(&lot, 8) == 0 ? 3000 : 40);
        if (model->stream.end + len > MOST) {
            model->stream = (struct stream){0};
            model->num_pieces = 0;
            laps++;
        }
        volume += len + HISTORY_SEGMENT + draw(&lot, 3) * 100;
        history_advance(history, volume);
        read_piece(history, model, volume, &lot, len);
        compare(history, &models[draw(&lot, STREAMS)], volume, reach, &lot);
    }
    assert_true(laps > STREAMS);
    free(models);
    history_free(history);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_byte_is_told_wherever_it_is),
        cmocka_unit_test(bytes_behind_none_begin_anew),
        cmocka_unit_test(a_piece_is_forgotten_behind_the_reach),
        cmocka_unit_test(the_last_pieces_are_compared),
        cmocka_unit_test(of_a_long_piece_the_end_is_kept),
        cmocka_unit_test(what_is_written_over_is_forgotten),
        cmocka_unit_test(what_is_known_is_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
