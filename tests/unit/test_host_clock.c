#include "../../sensor/host_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static struct host_times now;
static struct host_clock host_clock;
static int64_t by_ns;

static enum host_clock_event look(uint64_t passed_ns, uint64_t suspended_ns, int64_t stepped_ns) {
    now.monotonic_ns += passed_ns;
    now.boot_ns += passed_ns + suspended_ns;
    now.real_ns += passed_ns + suspended_ns + (uint64_t)stepped_ns;
    return host_clock_look(&host_clock, &now, &by_ns);
}

static int begin(void **state) {
    (void)state;
    now = (struct host_times){1700000000 * S, 5 * S, 3600 * S};
    host_clock = (struct host_clock){0};
    assert_int_equal(look(0, 0, 0), HOST_CLOCK_STEADY);
    return 0;
}

static void test_steady(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(look(S / 10, 0, i % 2 ? 50000 : -50000), HOST_CLOCK_STEADY); /* slewing */
    assert_int_equal(look(3600 * S, 0, 0), HOST_CLOCK_STEADY); /* a loop that was held up */
    assert_int_equal(host_clock.steps, 0);
    assert_int_equal(host_clock.suspended_ms, 0);
}

static void test_steps(void **state) {
    (void)state;
    assert_int_equal(look(S / 10, 0, (int64_t)(7200 * S)), HOST_CLOCK_STEPPED);
    assert_int_equal(by_ns, 7200 * S);
    assert_int_equal(look(S / 10, 0, 0), HOST_CLOCK_STEADY);
    assert_int_equal(look(S / 10, 0, -(int64_t)(86400 * S)), HOST_CLOCK_STEPPED);
    assert_int_equal(by_ns, -(int64_t)(86400 * S));
    assert_int_equal(host_clock.steps, 2);
    assert_int_equal(host_clock.suspended_ms, 0);
}

static void test_suspended(void **state) {
    (void)state;
    assert_int_equal(look(S / 10, 8 * 3600 * S, 0), HOST_CLOCK_SUSPENDED);
    assert_int_equal(by_ns, 8 * 3600 * S);
    assert_int_equal(look(S / 10, 2 * S, 0), HOST_CLOCK_SUSPENDED);
    assert_int_equal(host_clock.suspended_ms, (8 * 3600 + 2) * 1000);
    assert_int_equal(host_clock.steps, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_steady, begin),
        cmocka_unit_test_setup(test_steps, begin),
        cmocka_unit_test_setup(test_suspended, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
