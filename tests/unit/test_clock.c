#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../sensor/track/clock.h"

#define YEAR_NS (UINT64_C(365) * 86400 * NS_PER_S)

static uint64_t tick_all(const uint64_t *stamps, size_t num) {
    struct capture_clock clock = {0};
    uint64_t elapsed = 0;
    for (size_t i = 0; i < num; i++)
        elapsed = clock_tick(&clock, stamps[i]);
    return elapsed;
}

static void counts_what_two_packets_have_reached(void **state) {
    (void)state;
    const uint64_t stamps[] = {10 * NS_PER_S, 12 * NS_PER_S, 15 * NS_PER_S, 15 * NS_PER_S};
    assert_int_equal(tick_all(stamps, 3), 2 * NS_PER_S);
    assert_int_equal(tick_all(stamps, 4), 5 * NS_PER_S);
}

static void one_stamp_decades_ahead_adds_nothing(void **state) {
    (void)state;
    const uint64_t stamps[] = {0, NS_PER_S, 40 * YEAR_NS, 2 * NS_PER_S, 3 * NS_PER_S, 3 * NS_PER_S};
    assert_int_equal(tick_all(stamps, 6), 3 * NS_PER_S);
}

static void every_other_stamp_decades_ahead_adds_little(void **state) {
    (void)state;
    struct capture_clock clock = {0};
    uint64_t elapsed = 0;
    for (uint64_t i = 0; i < 1000; i++)
        elapsed = clock_tick(&clock, i % 2 ? 40 * YEAR_NS : i * NS_PER_S / 1000);
    assert_true(elapsed <= NS_PER_S);
}

static void a_jump_of_years_counts_as_one_step(void **state) {
    (void)state;
    const uint64_t stamps[] = {0, 9 * YEAR_NS, 9 * YEAR_NS + NS_PER_S, 9 * YEAR_NS + NS_PER_S};
    assert_int_equal(tick_all(stamps, 3), CLOCK_STEP_MAX_NS);
    assert_int_equal(tick_all(stamps, 4), CLOCK_STEP_MAX_NS + NS_PER_S);
}

static void a_step_back_adds_nothing_and_time_goes_on(void **state) {
    (void)state;
    const uint64_t stamps[] = {100 * NS_PER_S, 101 * NS_PER_S, 50 * NS_PER_S,
                               51 * NS_PER_S,  52 * NS_PER_S,  52 * NS_PER_S};
    assert_int_equal(tick_all(stamps, 6), 2 * NS_PER_S);
}

/* The last packet before a silence: nothing has confirmed its stamp yet, and yet it came then. */
static void what_waits_counts_from_the_last_stamp(void **state) {
    (void)state;
    struct capture_clock clock = {0};
    clock_tick(&clock, 100 * NS_PER_S);
    clock_tick(&clock, 105 * NS_PER_S);
    assert_int_equal(clock.elapsed_ns, 0);
    assert_int_equal(clock.ahead_ns, 5 * NS_PER_S);
    clock_tick(&clock, 106 * NS_PER_S);
    assert_int_equal(clock.elapsed_ns, 5 * NS_PER_S);
    assert_int_equal(clock.ahead_ns, 6 * NS_PER_S);
}

static void a_false_stamp_is_ahead_by_one_step(void **state) {
    (void)state;
    struct capture_clock clock = {0};
    clock_tick(&clock, 0);
    clock_tick(&clock, 40 * YEAR_NS);
    assert_int_equal(clock.ahead_ns, CLOCK_STEP_MAX_NS);
    clock_tick(&clock, NS_PER_S);
    assert_int_equal(clock.elapsed_ns, NS_PER_S);
    assert_int_equal(clock.ahead_ns, CLOCK_STEP_MAX_NS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_two_packets_have_reached),
        cmocka_unit_test(what_waits_counts_from_the_last_stamp),
        cmocka_unit_test(a_false_stamp_is_ahead_by_one_step),
        cmocka_unit_test(one_stamp_decades_ahead_adds_nothing),
        cmocka_unit_test(every_other_stamp_decades_ahead_adds_little),
        cmocka_unit_test(a_jump_of_years_counts_as_one_step),
        cmocka_unit_test(a_step_back_adds_nothing_and_time_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
