#include "../../sensor/mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_silent(void **state) {
    (void)state;
    struct mirror mirror = {0};
    assert_false(mirror_look(&mirror, MIRROR_SILENT_S - 1, 0, 0));
    assert_null(mirror_name(mirror.state));
    assert_true(mirror_look(&mirror, MIRROR_SILENT_S, 0, 0));
    assert_string_equal(mirror_name(mirror.state), "silent");
    assert_false(mirror_look(&mirror, 10 * MIRROR_SILENT_S, 0, 0)); /* said once */
    assert_false(mirror_look(&mirror, 10 * MIRROR_SILENT_S, 3, 3)); /* too few to tell more */
    assert_true(mirror_look(&mirror, 10 * MIRROR_SILENT_S, 100, 100));
    assert_string_equal(mirror_name(mirror.state), "ok");
    /* a quiet night is no silent mirror */
    assert_false(mirror_look(&mirror, 1000 * MIRROR_SILENT_S, 100, 100));
}

static void test_one_way(void **state) {
    (void)state;
    static const uint64_t shares[][2] = {
        {MIRROR_SEGMENTS_MIN, 0}, {0, MIRROR_SEGMENTS_MIN}, {1000, 3}, {3, 1000}};
    for (size_t i = 0; i < 4; i++) {
        struct mirror mirror = {0};
        assert_false(mirror_look(&mirror, 1, shares[i][0] / 10, shares[i][1] / 10));
        assert_true(mirror_look(&mirror, 2, shares[i][0], shares[i][1]));
        assert_string_equal(mirror_name(mirror.state), "one_way");
        assert_false(mirror_look(&mirror, 3, 2 * shares[i][0], 2 * shares[i][1]));
        /* repaired */
        assert_true(mirror_look(&mirror, 4, 2 * shares[i][0] + 100, 2 * shares[i][1] + 100));
        assert_int_equal(mirror.state, MIRROR_OK);
        /* and spoilt again */
        assert_true(
            mirror_look(&mirror, 5, 2 * shares[i][0] + 100, 2 * shares[i][1] + 100 + MIRROR_SEGMENTS_MIN));
        assert_int_equal(mirror.state, MIRROR_ONE_WAY);
    }
}

/* A large transfer, with few acknowledgements, is no such case. */
static void test_transfer(void **state) {
    (void)state;
    struct mirror mirror = {0};
    assert_true(mirror_look(&mirror, 1, 10000, 10000 / MIRROR_SHARE_MIN));
    assert_int_equal(mirror.state, MIRROR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_one_way),
        cmocka_unit_test(test_transfer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
