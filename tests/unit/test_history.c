#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/history.h"

static struct history_pool *pool;

static int open_pool(void **state) {
    (void)state;
    pool = history_pool_new();
    return pool ? 0 : -1;
}

static int close_pool(void **state) {
    (void)state;
    history_pool_free(pool);
    return 0;
}

static void add(struct history **history, uint64_t offset, const char *text) {
    history_add(history, pool, offset, (const uint8_t *)text, strlen(text));
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
            history_add(&history, pool, end, bytes + end, piece);
        assert_false(history_differs(history, 0, bytes, end));
        for (size_t back = 1; back <= HISTORY_MAX && back <= end; back = back * 2 + 1) {
            uint8_t other = (uint8_t)(bytes[end - back] + 1);
            assert_true(history_differs(history, (int64_t)(end - back), &other, 1));
        }
        history_free(history);
    }
}

/* A block that was another stream's holds nothing of this one, and what is held is told. */
static void blocks_are_used_again(void **state) {
    (void)state;
    static const uint8_t zeros[HISTORY_MAX + 1];
    struct history *first = NULL, *second = NULL;
    history_add(&first, pool, 0, zeros, HISTORY_MAX);
    size_t held = history_held(first);
    assert_true(held >= HISTORY_MAX);
    history_add(&first, pool, HISTORY_MAX, zeros, 1);
    assert_int_equal(history_held(first), held);
    history_free(first);
    add(&second, 5, "abc");
    assert_true(differs(second, 5, "abd"));
    assert_false(history_differs(second, 0, zeros, 5));
    assert_false(history_differs(second, 8, zeros, 100));
    assert_true(history_held(second) < held);
    history_free(second);
    assert_int_equal(history_held(NULL), 0);
}

/* To the byte: what was written over is known no more, what was not is. */
static void the_oldest_byte_goes_first(void **state) {
    (void)state;
    static uint8_t bytes[HISTORY_MAX];
    struct history *history = NULL;
    memset(bytes, 'a', sizeof bytes);
    history_add(&history, pool, 0, bytes, sizeof bytes);
    assert_true(differs(history, 0, "b"));
    add(&history, HISTORY_MAX, "b");
    assert_false(differs(history, 0, "a"));
    assert_false(differs(history, 0, "b"));
    assert_true(differs(history, 1, "b"));
    history_free(history);
}

static void bytes_from_before_begin_anew(void **state) {
    (void)state;
    struct history *history = NULL;
    add(&history, 0, "abcdefgh");
    add(&history, 4, "wxyz");
    assert_false(differs(history, 0, "...."));
    assert_true(differs(history, 4, "efgh"));
    assert_false(differs(history, 4, "wxyz"));
    history_free(history);
}

/* More than a pool keeps. */
static void a_pool_has_a_limit(void **state) {
    (void)state;
    static const uint8_t zeros[HISTORY_MAX];
    struct history *histories[HISTORY_SPARES / 4] = {NULL};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof histories / sizeof histories[0]; i++)
            history_add(&histories[i], pool, 0, zeros, sizeof zeros);
        for (size_t i = 0; i < sizeof histories / sizeof histories[0]; i++) {
            history_free(histories[i]);
            histories[i] = NULL;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_byte_is_told_wherever_it_is),
        cmocka_unit_test(bytes_behind_a_gap_begin_anew),
        cmocka_unit_test(the_last_bytes_are_kept),
        cmocka_unit_test(blocks_are_used_again),
        cmocka_unit_test(the_oldest_byte_goes_first),
        cmocka_unit_test(bytes_from_before_begin_anew),
        cmocka_unit_test(a_pool_has_a_limit),
    };
    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
