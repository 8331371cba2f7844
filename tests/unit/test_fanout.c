#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/capture/fanout.h"

#define KEY 0x9e3779b1u

static uint32_t hash_of(const uint8_t *one, const uint8_t *two, uint8_t len) {
    struct segment segment = {.src = one, .dst = two, .addr_len = len};
    return fanout_hash(&segment, KEY);
}

/* Both directions, whatever the ports. */
static void test_symmetric(void **state) {
    (void)state;
    uint8_t client[16], server[16];
    for (unsigned i = 0; i < 16; i++) {
        client[i] = (uint8_t)(17 * i + 3);
        server[i] = (uint8_t)(29 * i * i + 5);
    }
    assert_int_equal(hash_of(client, server, 4), hash_of(server, client, 4));
    assert_int_equal(hash_of(client, server, 16), hash_of(server, client, 16));
    assert_int_not_equal(hash_of(client, server, 4), hash_of(client, server, 16));
}

/* Clients of one server, whichever octet tells them apart, are shared out evenly. */
static void test_balance(void **state) {
    (void)state;
    static const uint8_t server[16] = {0x20, 1, 0xd, 0xb8, [15] = 25};
    for (uint8_t len = 4; len <= 16; len += 12) {
        for (unsigned octet = 0; octet < len; octet++) {
            unsigned counts[4] = {0};
            uint8_t client[16] = {0x20, 1, 0xd, 0xb8};
            for (unsigned i = 0; i < 256; i++) {
                client[octet] = (uint8_t)i;
                counts[hash_of(client, server, len) % 4]++;
            }
            for (unsigned lane = 0; lane < 4; lane++)
                assert_in_range(counts[lane], 256 / 8, 256 / 2);
        }
    }
}

static void test_key(void **state) {
    (void)state;
    assert_int_equal(fanout_key(0) & 1, 1);
    assert_int_equal(fanout_key(UINT64_MAX) & 1, 1);
    assert_int_not_equal(fanout_key(0), fanout_key(2));
}

/* No such socket: said, and nothing kept. */
static void test_refused(void **state) {
    (void)state;
    int group = FANOUT_NEW;
    assert_int_not_equal(fanout_join(-1, KEY, &group), 0);
    assert_int_equal(group, FANOUT_NEW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symmetric),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
