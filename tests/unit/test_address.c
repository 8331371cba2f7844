#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../sensor/judge/address.h"

static struct endpoint_address endpoint(const char *text, uint16_t port, uint8_t bytes[16]) {
    uint8_t len = inet_pton(AF_INET, text, bytes) == 1 ? 4 : 16;
    if (len == 16)
        assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
    return (struct endpoint_address){bytes, len, port};
}

static void assert_id(const char *a, uint16_t a_port, const char *b, uint16_t b_port, const char *id) {
    uint8_t a_bytes[16], b_bytes[16];
    char text[COMMUNITY_ID_MAX];
    struct endpoint_address from = endpoint(a, a_port, a_bytes), to = endpoint(b, b_port, b_bytes);
    struct digest *digest = digest_new();
    address_community_id(digest, &from, &to, text);
    assert_string_equal(text, id);
    address_community_id(digest, &to, &from, text);
    assert_string_equal(text, id);
    digest_free(digest);
}

static void assert_same_text(int family, const uint8_t bytes[16]) {
    char expected[INET6_ADDRSTRLEN], text[ADDRESS_TEXT_MAX];
    struct endpoint_address end = {bytes, family == AF_INET ? 4 : 16, 25};
    assert_non_null(inet_ntop(family, bytes, expected, sizeof expected));
    assert_string_equal(address_text(&end, text), expected);
}

/* Every pattern of zero groups, with groups of one to four digits between them. */
static void addresses_read_as_inet_ntop_writes_them(void **state) {
    (void)state;
    static const uint16_t groups[] = {0x1, 0xab, 0xffff, 0x0def, 0x1000, 0xff, 0x20, 0x1234};
    for (unsigned round = 0; round < 256 * 8; round++) {
        uint8_t bytes[16] = {0};
        for (unsigned i = 0; i < 8; i++) {
            uint16_t group = (round & 1u << i) != 0 ? groups[(i + (round >> 8)) % 8] : 0;
            bytes[2 * i] = (uint8_t)(group >> 8);
            bytes[2 * i + 1] = (uint8_t)group;
        }
        assert_same_text(AF_INET6, bytes);
    }
    for (unsigned number = 0; number < 256; number++) {
        const uint8_t bytes[16] = {(uint8_t)number, (uint8_t)(255 - number), 0, (uint8_t)(number * 7)};
        assert_same_text(AF_INET, bytes);
    }
}

/* The first stands in the specification's own baseline, the second is what tshark says of an SMTP connection.
 */
static void community_ids_are_those_of_the_specification(void **state) {
    (void)state;
    assert_id("128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    assert_id("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943, "2607:f8b0:400c:c03::1a", 25,
              "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
}

static void direction_follows_the_home_networks(void **state) {
    (void)state;
    struct network home[] = {{{10, 0, 0, 0}, 4, 9}, {{0x20, 0x01, 0x0d, 0xb8}, 16, 32}};
    struct config config = {.home = home, .num_home = 2};
    uint8_t bytes[4][16];
    struct endpoint_address in = endpoint("10.127.1.1", 1, bytes[0]),
                            edge = endpoint("10.128.0.1", 1, bytes[1]);
    struct endpoint_address in6 = endpoint("2001:db8::1", 1, bytes[2]),
                            out6 = endpoint("2001:db9::1", 1, bytes[3]);
    assert_int_equal(address_direction(&config, &in, &edge), DIRECTION_OUTBOUND);
    assert_int_equal(address_direction(&config, &edge, &in), DIRECTION_INBOUND);
    assert_int_equal(address_direction(&config, &in, &in), DIRECTION_INTERNAL);
    assert_int_equal(address_direction(&config, &edge, &edge), DIRECTION_EXTERNAL);
    assert_int_equal(address_direction(&config, &in6, &out6), DIRECTION_OUTBOUND);
    config.num_home = 0;
    assert_int_equal(address_direction(&config, &in, &edge), DIRECTION_OPEN);
    assert_null(direction_name(DIRECTION_OPEN));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_read_as_inet_ntop_writes_them),
        cmocka_unit_test(community_ids_are_those_of_the_specification),
        cmocka_unit_test(direction_follows_the_home_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
