#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../parsers/tls_search.h"

/* A record of 69 bytes with a hello of 65, up to its version. */
#define CLIENT "\x16\x03\x01\x00\x45\x01\x00\x00\x41\x03\x03"
#define SERVER "\x16\x03\x03\x00\x45\x02\x00\x00\x41\x03\x03"
#define NOT    SIZE_MAX

struct text {
    enum side side;
    const char *bytes;
    size_t len;
    size_t at; /* where the hello begins; NOT */
};

#define BYTES(text) text, sizeof(text) - 1

static const struct text texts[] = {
    {SIDE_CLIENT, BYTES(CLIENT "rest"), 0},
    {SIDE_SERVER, BYTES("S" SERVER "rest"), 1}, /* PostgreSQL's answer */
    {SIDE_CLIENT, BYTES("<starttls/>\n" CLIENT "rest"), 12},
    {SIDE_CLIENT, BYTES("\x16\x16\x03" CLIENT "rest"), 3}, /* what fits at first begins anew */
    {SIDE_CLIENT, BYTES("\x16\x03\x01\x00" CLIENT), 4},
    {SIDE_CLIENT, BYTES(SERVER "rest"), NOT},
    {SIDE_SERVER, BYTES(CLIENT "rest"), NOT},
    {SIDE_CLIENT, BYTES("\x16\x03\x01\x00\x45\x01\x00\x00\x28\x03\x03"), NOT}, /* too short a hello */
    {SIDE_CLIENT, BYTES("\x16\x03\x01\x00\x45\x01\x01\x00\x41\x03\x03"), NOT}, /* too long */
    {SIDE_CLIENT, BYTES("\x16\x03\x01\x41\x45\x01\x00\x00\x41\x03\x03"), NOT}, /* too long a record */
    {SIDE_CLIENT, BYTES("\x16\x03\x01\x00\x06\x01\x00\x00\x41\x03\x03"), NOT}, /* too short a record */
    {SIDE_CLIENT, BYTES("\x16\x03\x05\x00\x45\x01\x00\x00\x41\x03\x03"), NOT},
    {SIDE_CLIENT, BYTES("\x17\x03\x01\x00\x45\x01\x00\x00\x41\x03\x03"), NOT},
    {SIDE_CLIENT, BYTES("\x16\x03\x01\x00\x45\x01\x00\x00\x41\x03"), NOT},
};

static void in_every_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const uint8_t *bytes = (const uint8_t *)texts[i].bytes;
        for (size_t cut = 0; cut <= texts[i].len; cut++) {
            struct tls_search search = {0};
            size_t seen = tls_search_push(&search, texts[i].side, bytes, cut);
            seen += tls_search_push(&search, texts[i].side, bytes + cut, texts[i].len - cut);
            assert_int_equal(search.found, texts[i].at != NOT);
            assert_int_equal(tls_search_goes_on(&search), texts[i].at == NOT);
            assert_int_equal(seen, search.found ? texts[i].at + TLS_SEARCH_BEGIN : texts[i].len);
            if (search.found)
                assert_memory_equal(search.begin, bytes + texts[i].at, TLS_SEARCH_BEGIN);
        }
    }
}

static void only_so_far(void **state) {
    (void)state;
    struct tls_search search = {0};
    static const uint8_t zeros[TLS_SEARCH_MAX];
    size_t before = TLS_SEARCH_MAX - TLS_SEARCH_BEGIN;
    assert_int_equal(tls_search_push(&search, SIDE_CLIENT, zeros, before), before);
    struct tls_search late = search;
    assert_int_equal(tls_search_push(&search, SIDE_CLIENT, (const uint8_t *)CLIENT "x", 12),
                     TLS_SEARCH_BEGIN);
    assert_true(search.found);
    assert_int_equal(tls_search_push(&late, SIDE_CLIENT, (const uint8_t *)"x" CLIENT, 12), TLS_SEARCH_BEGIN);
    assert_false(late.found);
    assert_false(tls_search_goes_on(&late));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_every_cut),
        cmocka_unit_test(only_so_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
