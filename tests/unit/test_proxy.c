#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../parsers/proxy.h"

struct talk { /* the words of both sides, and what comes through the tunnel */
    enum side side;
    const char *bytes;
    size_t len;
    size_t prelude; /* bytes of it */
    bool seen, opened;
};

#define WORDS(text) text, sizeof(text) - 1

/* Tunnels as in RFC 1928, 1929, RFC 9110 section 9.3.6 and the two SOCKS4 memos. */
static const struct talk talks[] = {
    {SIDE_CLIENT,
     WORDS("\x05\x01\x00\x05\x01\x00\x01\x0a\x00\x00\x19\x00\x19"
           "EHLO a\r\n"),
     13, true, true},
    {SIDE_SERVER,
     WORDS("\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
           "220 mx\r\n"),
     12, true, true},
    {SIDE_CLIENT,
     WORDS("\x05\x02\x00\x02\x01\x02me\x03key\x05\x01\x00\x03\x02mx\x00\x19"
           "EHLO a\r\n"),
     21, true, true},
    {SIDE_SERVER,
     WORDS("\x05\x02\x01\x00\x05\x00\x00\x03\x02mx\x00\x19"
           "220 mx\r\n"),
     13, true, true},
    {SIDE_CLIENT,
     WORDS("\x05\x01\x00\x05\x01\x00\x04"
           "0123456789abcdef\x00\x19"
           "EHLO"),
     25, true, true},
    {SIDE_SERVER,
     WORDS("\x05\xff"
           "220 mx\r\n"),
     0, false, false},
    {SIDE_SERVER,
     WORDS("\x05\x01"
           "220 mx\r\n"),
     2, true, false}, /* GSSAPI */
    {SIDE_SERVER,
     WORDS("\x05\x02\x01\x01"
           "220 mx\r\n"),
     4, true, false}, /* wrong password */
    {SIDE_SERVER, WORDS("\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"), 6, true, false}, /* refused */
    {SIDE_CLIENT, WORDS("\x05\x01\x00\x05\x02\x00\x01\x0a\x00\x00\x19\x00\x19"), 7, true, false}, /* BIND */
    {SIDE_CLIENT, WORDS("\x05\x00\x00"), 0, false, false}, /* no method */
    {SIDE_CLIENT,
     WORDS("\x04\x01\x00\x19\x0a\x00\x00\x19me\x00"
           "EHLO a\r\n"),
     11, true, true},
    {SIDE_CLIENT,
     WORDS("\x04\x01\x00\x19\x00\x00\x00\x07\x00mx\x00"
           "EHLO a\r\n"),
     12, true, true}, /* 4a */
    {SIDE_SERVER,
     WORDS("\x00\x5a\x00\x19\x0a\x00\x00\x19"
           "220 mx\r\n"),
     8, true, true},
    {SIDE_SERVER, WORDS("\x00\x5b\x00\x19\x0a\x00\x00\x19"), 8, true, false},
    {SIDE_CLIENT, WORDS("CONNECT mx:25 HTTP/1.1\r\nHost: mx\r\n\r\nEHLO a\r\n"), 36, true, true},
    {SIDE_CLIENT, WORDS("CONNECT mx:25 HTTP/1.0\n\nEHLO a\r\n"), 24, true, true},
    {SIDE_SERVER, WORDS("HTTP/1.0 200 OK\r\n\r\n220 mx\r\n"), 19, true, true},
    {SIDE_SERVER, WORDS("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\nVia: x\r\n\r\n220"), 52, true, true},
    {SIDE_SERVER, WORDS("HTTP/1.1 407 No\r\n\r\n220 mx\r\n"), 12, true, false},
    {SIDE_CLIENT, WORDS("CONNECT a HTTP/1.1\r\n\r\nCONNECT b HTTP/1.1\r\n\r\nEHLO a"), 44, true, true},
    {SIDE_CLIENT,
     WORDS("\x05\x01\x00\x05\x01\x00\x01\x0a\x00\x00\x19\x00\x19"
           "CONNECT b HTTP/1.1\n\nEHLO"),
     33, true, true},
    {SIDE_CLIENT, WORDS("EHLO a\r\n"), 0, false, false},
    {SIDE_CLIENT, WORDS("CONNECTS\r\n"), 0, false, false},
    {SIDE_CLIENT, WORDS("GET / HTTP/1.1\r\n\r\n"), 0, false, false},
    {SIDE_SERVER, WORDS("220 mx ESMTP\r\n"), 0, false, false},
    {SIDE_CLIENT, WORDS("\x16\x03\x01\x00\xa0\x01"), 0, false, false},
};

/* Offers what was not taken again, as a session does, in pieces of the given length. */
static size_t push_in_pieces(struct proxy *proxy, const struct talk *talk, size_t piece, bool *over) {
    size_t taken = 0;
    *over = false;
    for (size_t end = piece; !*over && taken < talk->len; end += piece) {
        size_t used = 0, upto = end < talk->len ? end : talk->len;
        const uint8_t *at = (const uint8_t *)talk->bytes + taken;
        *over = proxy_push(proxy, talk->side, at, upto - taken, &used) == PARSE_OK;
        assert_true(used <= upto - taken);
        taken += used;
        if (upto == talk->len)
            break;
    }
    return taken;
}

static void preludes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof talks / sizeof talks[0]; i++) {
        for (size_t piece = 1; piece <= talks[i].len; piece++) {
            struct proxy proxy = {0};
            bool over;
            size_t taken = push_in_pieces(&proxy, &talks[i], piece, &over);
            if (taken != talks[i].prelude || !over || proxy.seen != talks[i].seen ||
                proxy.opened != talks[i].opened)
                fail_msg("talk %zu in pieces of %zu: took %zu", i, piece, taken);
        }
    }
}

static void too_short_to_tell(void **state) {
    (void)state;
    struct proxy proxy = {0};
    size_t used = 9;
    assert_int_equal(proxy_push(&proxy, SIDE_CLIENT, (const uint8_t *)"CONNECT", 7, &used), PARSE_MORE);
    assert_int_equal(used, 0);
    assert_false(proxy.seen);
    assert_int_equal(proxy_push(&proxy, SIDE_SERVER, (const uint8_t *)"HTTP/1.", 7, &used), PARSE_MORE);
    assert_int_equal(used, 7);
    assert_true(proxy.seen);
    assert_int_equal(proxy_push(&proxy, SIDE_SERVER, NULL, 0, &used), PARSE_MORE);
    assert_int_equal(used, 0);
}

static void header_without_end(void **state) {
    (void)state;
    struct proxy proxy = {0};
    uint8_t text[2 * PROXY_PRELUDE_MAX];
    size_t used = 0;
    memset(text, 'x', sizeof text);
    memcpy(text, "CONNECT ", 8);
    assert_int_equal(proxy_push(&proxy, SIDE_CLIENT, text, sizeof text, &used), PARSE_OK);
    assert_int_equal(used, PROXY_PRELUDE_MAX);
    assert_true(proxy.seen);
    assert_false(proxy.opened);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preludes),
        cmocka_unit_test(too_short_to_tell),
        cmocka_unit_test(header_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
