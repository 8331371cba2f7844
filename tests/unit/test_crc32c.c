/* test_crc32c.c: the checksums of RFC 3720 appendix B.4, and the same by table and by instruction. */
#include "../../outputs/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void both_are(const void *data, size_t len, uint32_t expected) {
    assert_int_equal(crc32c(0, data, len), expected);
    assert_int_equal(crc32c_by_table(0, data, len), expected);
}

static void test_known(void **state) {
    (void)state;
    uint8_t bytes[32];
    both_are("", 0, 0);
    both_are("123456789", 9, 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    both_are(bytes, sizeof bytes, 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    both_are(bytes, sizeof bytes, 0x62a8ab43);
    for (uint8_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = i;
    }
    both_are(bytes, sizeof bytes, 0x46dd794e);
}

/* Any length, any alignment, and in two parts. */
static void test_parts(void **state) {
    (void)state;
    uint8_t bytes[70];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 37 + 11);
    }
    for (size_t start = 0; start < 9; start++) {
        for (size_t len = 0; start + len <= sizeof bytes; len++) {
            uint32_t whole = crc32c_by_table(0, bytes + start, len);
            assert_int_equal(crc32c(0, bytes + start, len), whole);
            size_t half = len / 2;
            assert_int_equal(crc32c(crc32c(0, bytes + start, half), bytes + start + half, len - half), whole);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
