/* Known answers of RFC 1321 and FIPS 180-4, in an order that shows that reuse leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/judge/digest.h"

static void assert_hex(const uint8_t *bytes, size_t len, const char *expected) {
    char hex[65];
    hex_lower(bytes, len, hex);
    assert_string_equal(hex, expected);
}

static void hashes_known_answers_again_and_again(void **state) {
    (void)state;
    struct digest *digest = digest_new();
    assert_non_null(digest);
    uint8_t out[32];
    for (int round = 0; round < 3; round++) {
        assert_true(digest_sha256(digest, "abc", 3, out));
        assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_true(digest_sha256(digest, "", 0, out));
        assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_true(digest_sha1(digest, "abc", 3, out));
        assert_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
        if (digest_md5(digest, "abc", 3, out)) /* a FIPS build may say no */
            assert_hex(out, 16, "900150983cd24fb0d6963f7d28e17f72");
    }
    digest_free(digest);
}

static void hashes_nothing_at_a_null_pointer(void **state) {
    (void)state;
    struct digest *digest = digest_new();
    uint8_t out[32];
    assert_true(digest_sha256(digest, NULL, 0, out));
    assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_free(digest);
    digest_free(NULL);
}

static void writes_every_byte_as_two_digits(void **state) {
    (void)state;
    const uint8_t bytes[] = {0x00, 0x0f, 0xa0, 0xff};
    char hex[9];
    memset(hex, 'x', sizeof hex);
    hex_lower(bytes, sizeof bytes, hex);
    assert_string_equal(hex, "000fa0ff");
    hex_lower(bytes, 0, hex);
    assert_string_equal(hex, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_known_answers_again_and_again),
        cmocka_unit_test(hashes_nothing_at_a_null_pointer),
        cmocka_unit_test(writes_every_byte_as_two_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
