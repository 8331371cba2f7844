#include "../../outputs/kafka_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kafka_window *window;

static int setup(void **state) {
    (void)state;
    window = calloc(1, sizeof *window);
    return window != NULL ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    free(window);
    return 0;
}

static uint64_t send(uint64_t number) {
    assert_false(kafka_window_is_done(window, number));
    uint64_t slot = kafka_window_next(window);
    assert_int_equal(kafka_window_send(window, number, number * 10), slot);
    return slot;
}

static void test_acknowledged_in_order(void **state) {
    (void)state;
    assert_int_equal(kafka_window_oldest_ms(window), 0);
    uint64_t first = send(5), second = send(6), third = send(9);
    assert_int_equal(window->num_sent, 3);
    kafka_window_report(window, second, KAFKA_MESSAGE_DONE);
    assert_int_equal(kafka_window_advance(window), 0);
    assert_int_equal(kafka_window_oldest_ms(window), 50);
    kafka_window_report(window, first, KAFKA_MESSAGE_DONE);
    assert_int_equal(kafka_window_advance(window), 7);
    assert_int_equal(kafka_window_advance(window), 0);
    assert_int_equal(kafka_window_oldest_ms(window), 90);
    kafka_window_report(window, third, KAFKA_MESSAGE_DONE);
    assert_int_equal(kafka_window_advance(window), 10);
    assert_int_equal(window->num_sent, 0);
    assert_int_equal(kafka_window_oldest_ms(window), 0);
}

/* What was confirmed in between is not sent again; what failed is, in order. */
static void test_rewind(void **state) {
    (void)state;
    uint64_t slots[6];
    for (uint64_t i = 0; i < 6; i++) {
        slots[i] = send(i + 1);
    }
    for (uint64_t i = 0; i < 6; i++) {
        kafka_window_report(window, slots[i], i == 1 || i == 4 ? KAFKA_MESSAGE_FAILED : KAFKA_MESSAGE_DONE);
    }
    assert_int_equal(kafka_window_advance(window), 2);
    kafka_window_rewind(window);
    slots[1] = send(2);
    assert_true(kafka_window_is_done(window, 3));
    assert_true(kafka_window_is_done(window, 4));
    slots[4] = send(5);
    assert_true(kafka_window_is_done(window, 6));
    uint64_t last = send(7);
    kafka_window_report(window, slots[1], KAFKA_MESSAGE_DONE);
    assert_int_equal(kafka_window_advance(window), 5);
    kafka_window_report(window, slots[4], KAFKA_MESSAGE_DONE);
    assert_int_equal(kafka_window_advance(window), 7);
    kafka_window_report(window, last, KAFKA_MESSAGE_DONE);
    assert_int_equal(kafka_window_advance(window), 8);
}

/* Records that the spool dropped meanwhile hold nothing up. */
static void test_rewind_over_a_hole(void **state) {
    (void)state;
    for (uint64_t i = 1; i <= 4; i++) {
        (void)send(i);
    }
    kafka_window_fail_all(window);
    assert_int_equal(window->num_sent, 0);
    kafka_window_rewind(window);
    uint64_t slot = send(4);
    kafka_window_report(window, slot, KAFKA_MESSAGE_DONE);
    assert_int_equal(kafka_window_advance(window), 5);
    (void)send(5);
    kafka_window_fail_all(window);
    kafka_window_rewind(window);
    slot = send(8);
    kafka_window_report(window, slot, KAFKA_MESSAGE_DONE);
    assert_int_equal(kafka_window_advance(window), 9);
}

static void test_full(void **state) {
    (void)state;
    for (uint64_t round = 0; round < 3; round++) {
        uint64_t first = kafka_window_next(window);
        for (uint64_t i = 0; i < KAFKA_WINDOW_LEN; i++) {
            assert_false(kafka_window_is_full(window));
            (void)send(first + i + 1);
        }
        assert_true(kafka_window_is_full(window));
        for (uint64_t i = 0; i < KAFKA_WINDOW_LEN; i++) {
            kafka_window_report(window, first + i, KAFKA_MESSAGE_DONE);
        }
        assert_int_equal(kafka_window_advance(window), first + KAFKA_WINDOW_LEN + 1);
    }
}

/* Rewound while full: it is full again only where it was. */
static void test_full_and_rewound(void **state) {
    (void)state;
    for (uint64_t i = 1; i <= KAFKA_WINDOW_LEN; i++) {
        uint64_t slot = send(i);
        kafka_window_report(window, slot, i == 1 ? KAFKA_MESSAGE_FAILED : KAFKA_MESSAGE_DONE);
    }
    kafka_window_rewind(window);
    assert_false(kafka_window_is_full(window));
    uint64_t slot = send(1);
    for (uint64_t i = 2; i <= KAFKA_WINDOW_LEN; i++) {
        assert_true(kafka_window_is_done(window, i));
    }
    assert_false(kafka_window_is_done(window, KAFKA_WINDOW_LEN + 1));
    assert_true(kafka_window_is_full(window));
    kafka_window_report(window, slot, KAFKA_MESSAGE_DONE);
    assert_int_equal(kafka_window_advance(window), KAFKA_WINDOW_LEN + 1);
}

int main(void) {
#define WINDOW_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WINDOW_TEST(test_acknowledged_in_order), WINDOW_TEST(test_rewind),
        WINDOW_TEST(test_rewind_over_a_hole),    WINDOW_TEST(test_full),
        WINDOW_TEST(test_full_and_rewound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
