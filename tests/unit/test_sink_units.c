#include "../../outputs/sink_units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void check_bytes(const char *text, uint64_t expected) {
    uint64_t value = 7;
    assert_int_equal(sink_units_bytes(text, &value), expected != 0);
    assert_int_equal(value, expected != 0 ? expected : 7);
}

static void check_seconds(const char *text, uint64_t expected) {
    uint64_t value = 7;
    assert_int_equal(sink_units_seconds(text, &value), expected != 0);
    assert_int_equal(value, expected != 0 ? expected : 7);
}

static void test_bytes(void **state) {
    (void)state;
    check_bytes("1", 1);
    check_bytes("17B", 17);
    check_bytes("64kB", 64000);
    check_bytes("64KB", 64000);
    check_bytes("64KiB", 65536);
    check_bytes("100mb", 100000000);
    check_bytes("2GiB", UINT64_C(2147483648));
    check_bytes("3GB", UINT64_C(3000000000));
    check_bytes("", 0);
    check_bytes("0", 0);
    check_bytes("MB", 0);
    check_bytes("-1MB", 0);
    check_bytes("1.5MB", 0);
    check_bytes("1 MB", 0);
    check_bytes("1h", 0);
    check_bytes("1000000000001", 0);
    check_bytes("99999999999999999999999", 0);
    check_bytes("1000000000000GB", 0);
}

static void test_seconds(void **state) {
    (void)state;
    check_seconds("5", 5);
    check_seconds("90s", 90);
    check_seconds("15m", 900);
    check_seconds("1h", 3600);
    check_seconds("7D", 604800);
    check_seconds("1w", 0);
    check_seconds("1hour", 0);
    check_seconds("0h", 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
