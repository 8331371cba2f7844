#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/history.h"
#include "../support/traffic.h"

/* One direction of a connection. */
struct stream {
    uint64_t *last; /* of the connection */
    enum side side;
    uint64_t known, next;
};

static void add(struct history *history, struct stream *stream, const char *text) {
    history_add(history, stream->last, stream->side, (const uint8_t *)text, strlen(text));
    stream->next += strlen(text);
}

static bool differs(const struct history *history, const struct stream *stream, int64_t offset,
                    const char *text) {
    struct history_copy copy = {stream->side, stream->known,         stream->next,
                                offset,       (const uint8_t *)text, strlen(text)};
    return history_differs(history, *stream->last, &copy);
}

static void another_byte_is_told_wherever_it_is(void **state) {
    (void)state;
    struct history *history = history_new(1024);
    uint64_t last = 0;
    struct stream one = {.last = &last, .side = SIDE_CLIENT}, other = {.last = &last, .side = SIDE_SERVER};
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
static void bytes_before_a_gap_are_not_known(void **state) {
    (void)state;
    struct history *history = history_new(1024);
    uint64_t last = 0;
    struct stream stream = {.last = &last};
    add(history, &stream, "abc");
    stream.known = stream.next = 10;
    assert_false(differs(history, &stream, 0, "ABC"));
    assert_false(differs(history, &stream, 7, "ABC"));
    add(history, &stream, "xyz");
    assert_false(differs(history, &stream, 0, "ABC"));
    assert_false(differs(history, &stream, 7, "ABCxyz"));
    assert_true(differs(history, &stream, 7, "ABCXyz"));
    assert_true(differs(history, &stream, 10, "XYZ"));
    history_free(history);
}

/* By what came meanwhile, to the byte, and not by what this history was given. */
static void a_piece_is_forgotten_behind_the_reach(void **state) {
    (void)state;
    struct history *history = history_new(5000); /* 4096 is the power of two */
    uint64_t last = 0;
    struct stream stream = {.last = &last};
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

/* Those of both sides count together. */
static void the_last_pieces_are_compared(void **state) {
    (void)state;
    struct history *history = history_new(HISTORY_REACH);
    uint64_t last = 0;
    struct stream one = {.last = &last, .side = SIDE_CLIENT}, other = {.last = &last, .side = SIDE_SERVER};
    add(history, &one, "a");
    for (int i = 0; i < HISTORY_PIECES - 1; i++)
        add(history, &other, "a");
    assert_true(differs(history, &one, 0, "b"));
    add(history, &other, "a");
    assert_false(differs(history, &one, 0, "b"));
    history_free(history);
}

/* One longer than the ring leaves in it what has room. */
static void a_long_piece_is_cut(void **state) {
    (void)state;
    struct history *history = history_new(1024);
    uint64_t last = 0;
    struct stream stream = {.last = &last};
    char text[2500];
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('a' + i / 26 % 26);
    text[sizeof text - 1] = '\0';
    add(history, &stream, text);
    assert_true(differs(history, &stream, (int64_t)stream.next - 1, "-"));
    assert_true(differs(history, &stream, (int64_t)stream.next - 1024, "-"));
    assert_false(differs(history, &stream, (int64_t)stream.next - 2048, "-"));
    assert_false(differs(history, &stream, 0, text));
    history_free(history);
}

static void add_other(struct history *history, size_t len) {
    static const uint8_t zeros[2048];
    uint64_t last = 0;
    history_add(history, &last, SIDE_SERVER, zeros, len);
}

/* However little time has passed. Pieces stand in one run each: 8 bytes and their header, then others up to
 * the ring's end; what does not fit there is written where the first one was. */
static void what_is_written_over_is_forgotten(void **state) {
    (void)state;
    const size_t header = 24, size = 2 * 1024;
    for (int longer = 0; longer < 2; longer++) {
        struct history *history = history_new(1024);
        uint64_t last = 0;
        struct stream stream = {.last = &last};
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

#define CONNECTIONS 5
#define MOST        (256u << 10) /* bytes of a side */
#define ADDITIONS   20000

/* Of each byte the volume when it was read and the number of its piece. */
struct side_model {
    uint8_t bytes[MOST];
    uint64_t volume[MOST];
    uint32_t piece[MOST];
    uint64_t known, next;
};

struct model {
    uint64_t last;
    uint32_t num_pieces;
    struct side_model sides[2];
};

static uint32_t draw(uint64_t *lot, uint32_t below) {
    return next_random(lot) % below;
}

static void read_piece(struct history *history, struct model *model, enum side side, uint32_t len,
                       uint64_t volume, uint64_t *lot) {
    struct side_model *mine = &model->sides[side];
    for (uint64_t at = mine->next; at < mine->next + len; at++) {
        mine->bytes[at] = (uint8_t)next_random(lot);
        mine->volume[at] = volume;
        mine->piece[at] = model->num_pieces;
    }
    model->num_pieces++;
    history_add(history, &model->last, side, mine->bytes + mine->next, len);
    mine->next += len;
}

static bool is_known(const struct model *model, enum side side, uint64_t at, uint64_t volume,
                     uint64_t reach) {
    const struct side_model *mine = &model->sides[side];
    return at >= mine->known && model->num_pieces - mine->piece[at] <= HISTORY_PIECES &&
           volume - mine->volume[at] <= reach;
}

/* The true bytes never differ; with one of them changed, they do when it is known. */
static void compare(const struct history *history, const struct model *model, enum side side, uint64_t volume,
                    uint64_t reach, uint64_t *lot) {
    const struct side_model *mine = &model->sides[side];
    if (mine->next == 0)
        return;
    uint64_t back = 1 + draw(lot, (uint32_t)(mine->next < 2 * reach ? mine->next : 2 * reach));
    uint64_t at = mine->next - back;
    size_t len = 1 + draw(lot, (uint32_t)(back < 300 ? back : 300)), changed = draw(lot, (uint32_t)len);
    uint8_t bytes[300];
    struct history_copy copy = {side, mine->known, mine->next, (int64_t)at, bytes, len};
    memcpy(bytes, mine->bytes + at, len);
    assert_false(history_differs(history, model->last, &copy));
    bytes[changed] ^= 1;
    assert_int_equal(history_differs(history, model->last, &copy),
                     is_known(model, side, at + changed, volume, reach));
}

/* Pieces of several connections, around the ring many times: what is known is what the model says, wherever
 * the ring wraps. */
static void what_is_known_is_what_the_model_says(void **state) {
    (void)state;
    const uint64_t reach = 16384;
    uint64_t lot = 1, volume = 0;
    struct history *history = history_new(reach);
    struct model *models = calloc(CONNECTIONS, sizeof *models);
    assert_non_null(history);
    assert_non_null(models);
    size_t ended = 0;
    for (int i = 0; i < ADDITIONS; i++) {
        struct model *model = &models[draw(&lot, CONNECTIONS)];
        enum side side = draw(&lot, 3) == 0 ? SIDE_CLIENT : SIDE_SERVER;
        struct side_model *mine = &model->sides[side];
        uint32_t len = 1 + draw(&lot, draw(&lot, 8) == 0 ? 3000 : 40);
        if (mine->next + len + 10 > MOST) {
            *model = (struct model){0};
            ended++;
        }
        if (draw(&lot, 50) == 0)
            mine->known = mine->next += draw(&lot, 10);
        volume += len + HISTORY_SEGMENT + draw(&lot, 3) * 100;
        history_advance(history, volume);
        read_piece(history, model, side, len, volume, &lot);
        compare(history, &models[draw(&lot, CONNECTIONS)], draw(&lot, 2) == 0 ? SIDE_CLIENT : SIDE_SERVER,
                volume, reach, &lot);
    }
    assert_true(ended > CONNECTIONS);
    free(models);
    history_free(history);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_byte_is_told_wherever_it_is),
        cmocka_unit_test(bytes_before_a_gap_are_not_known),
        cmocka_unit_test(a_piece_is_forgotten_behind_the_reach),
        cmocka_unit_test(the_last_pieces_are_compared),
        cmocka_unit_test(a_long_piece_is_cut),
        cmocka_unit_test(what_is_written_over_is_forgotten),
        cmocka_unit_test(what_is_known_is_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
