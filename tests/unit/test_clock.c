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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_two_packets_have_reached),
        cmocka_unit_test(one_stamp_decades_ahead_adds_nothing),
        cmocka_unit_test(every_other_stamp_decades_ahead_adds_little),
        cmocka_unit_test(a_jump_of_years_counts_as_one_step),
        cmocka_unit_test(a_step_back_adds_nothing_and_time_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
