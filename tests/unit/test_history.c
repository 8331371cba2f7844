#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/history.h"

static void add(struct history **history, uint64_t offset, const char *text) {
    history_add(history, offset, (const uint8_t *)text, strlen(text));
}

static bool differs(const struct history *history, int64_t offset, const char *text) {
    return history_differs(history, offset, (const uint8_t *)text, strlen(text));
}

static void another_byte_is_told_wherever_it_is(void **state) {
    (void)state;
    struct history *history = NULL;
    assert_false(differs(history, 0, "abc"));
    add(&history, 0, "abc");
    add(&history, 3, "def");
    assert_false(differs(history, 0, "abcdef"));
    assert_false(differs(history, 2, "cd"));
    assert_true(differs(history, 2, "cD"));
    assert_true(differs(history, 5, "Fghi"));
    assert_false(differs(history, 5, "fghi"));
    assert_true(differs(history, -2, "..A"));
    assert_false(differs(history, -2, "..a"));
    assert_false(differs(history, 6, "x"));
    assert_false(differs(history, -3, "xyz"));
    assert_false(differs(history, 2, ""));
    history_free(history);
}

static void bytes_behind_a_gap_begin_anew(void **state) {
    (void)state;
    struct history *history = NULL;
    add(&history, 0, "abc");
    add(&history, 10, "xyz");
    assert_false(differs(history, 0, "ABC"));
    assert_true(differs(history, 10, "XYZ"));
    history_free(history);
}

/* In pieces of all lengths: the last HISTORY_MAX are there, and nothing is compared with the wrong
 * place. */
static void the_last_bytes_are_kept(void **state) {
    (void)state;
    static uint8_t bytes[8 * HISTORY_MAX];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t piece = 1; piece <= 2 * HISTORY_MAX; piece = piece * 3 + 1) {
        struct history *history = NULL;
        size_t end = 0;
        for (; end + piece <= sizeof bytes; end += piece)
            history_add(&history, end, bytes + end, piece);
        assert_false(history_differs(history, 0, bytes, end));
        for (size_t back = 1; back <= HISTORY_MAX && back <= end; back = back * 2 + 1) {
            uint8_t other = (uint8_t)(bytes[end - back] + 1);
            assert_true(history_differs(history, (int64_t)(end - back), &other, 1));
        }
        history_free(history);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_byte_is_told_wherever_it_is),
        cmocka_unit_test(bytes_behind_a_gap_begin_anew),
        cmocka_unit_test(the_last_bytes_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
