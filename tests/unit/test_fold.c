#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../parsers/fold.h"

#define ROOM 4096

struct state {
    uint64_t numbers[20];
    bool flags[8];
    uint8_t bytes[16];
};

static uint64_t next(uint64_t *random) {
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *random >> 33;
}

/* Any bytes come back, with zeros anywhere among them, and take no more room than was asked for. */
static void test_state(void **context) {
    (void)context;
    uint64_t random = 1;
    for (int round = 0; round < 20000; round++) {
        struct state state, again;
        uint8_t *bytes = (uint8_t *)&state;
        uint64_t share = next(&random) % 9; /* of eight bytes are not 0 */
        for (size_t i = 0; i < sizeof state; i++)
            bytes[i] = next(&random) % 8 < share ? (uint8_t)next(&random) : 0;
        uint8_t room[ROOM];
        memset(room, 0xaa, sizeof room);
        struct fold fold = {room, room + sizeof room, false};
        fold_state(&fold, &state, sizeof state);
        fold_u8(&fold, 77);
        assert_false(fold.full);
        struct reader in = reader_of(room, (size_t)(fold.at - room));
        memset(&again, 0xff, sizeof again);
        unfold_state(&in, &again, sizeof again);
        assert_memory_equal(&state, &again, sizeof state);
        assert_int_equal(reader_u8(&in), 77);
        assert_true(reader_done(&in));
        assert_int_equal(*fold.at, 0xaa);
    }
}

/* A map of three bytes, and nothing for zeros. */
static void test_size(void **context) {
    (void)context;
    struct state state = {.numbers = {[3] = 0x0100, [19] = UINT64_MAX}};
    uint8_t room[ROOM];
    struct fold fold = {room, room + sizeof room, false};
    fold_state(&fold, &(struct state){0}, sizeof state);
    assert_int_equal(fold.at - room, 3);
    fold.at = room;
    fold_state(&fold, &state, sizeof state);
    assert_int_equal(fold.at - room, 3 + (1 + 1) + (1 + 8));
}

static void test_texts(void **context) {
    (void)context;
    static const size_t lengths[] = {0, 1, 127, 128, 129, 512, FOLD_TEXT_MAX};
    static uint8_t text[FOLD_TEXT_MAX], room[FOLD_TEXT_MAX + 2];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct fold fold = {room, room + sizeof room, false};
        fold_text(&fold, text, lengths[i]);
        assert_false(fold.full);
        struct reader in = reader_of(room, (size_t)(fold.at - room));
        struct reader again = unfold_text(&in);
        assert_int_equal(reader_left(&again), lengths[i]);
        assert_memory_equal(again.pos, text, lengths[i]);
        assert_true(reader_done(&in));
    }
}

/* What does not fit is not written beyond the end, and it shows. */
static void test_full(void **context) {
    (void)context;
    struct state state;
    uint8_t room[ROOM];
    memset(&state, 1, sizeof state);
    for (size_t len = 0; len < 300; len++) {
        memset(room, 0xaa, sizeof room);
        struct fold fold = {room, room + len, false};
        fold_state(&fold, &state, sizeof state);
        fold_text(&fold, "text", 4);
        fold_u8(&fold, 1);
        assert_int_equal(fold.full, len < 3 + 9 * sizeof state / 8 + 6);
        assert_true(fold.at <= fold.end);
        for (size_t i = len; i < sizeof room; i++)
            assert_int_equal(room[i], 0xaa);
    }
    struct fold fold = {room, room + sizeof room, false};
    fold_text(&fold, room, FOLD_TEXT_MAX + 1);
    assert_true(fold.full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
