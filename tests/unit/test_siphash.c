#include "../../sensor/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* From another implementation, with a key of zeros:
 * PYTHONHASHSEED=0 python3 -c 'print(hex(hash(b"a") & (2 ** 64 - 1)))' (CPython 3.11, sys.hash_info says
 * siphash13). */
static void test_known_answers(void **state) {
    (void)state;
    static const struct siphash_key zero;
    uint8_t bytes[63];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_true(siphash(&zero, "a", 1) == UINT64_C(0x407448d2b89b1813));
    assert_true(siphash(&zero, "mail.example", 12) == UINT64_C(0xcb540d6536b8c1f1));
    assert_true(siphash(&zero, bytes, 16) == UINT64_C(0x8972188433a5c5b7));
    assert_true(siphash(&zero, bytes, 40) == UINT64_C(0x95bc321ab41d8206));
    assert_true(siphash(&zero, bytes, 63) == UINT64_C(0x385d3e39e5f37359));
}

static void test_key_matters(void **state) {
    (void)state;
    struct siphash_key a = siphash_random_key(), b = siphash_random_key(), half = a;
    assert_memory_not_equal(&a, &b, sizeof a);
    half.k1 ^= 1;
    assert_true(siphash(&a, "x", 1) != siphash(&b, "x", 1));
    assert_true(siphash(&a, "x", 1) != siphash(&half, "x", 1));
    assert_true(siphash(&a, "", 0) != siphash(&a, "\0", 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_key_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
