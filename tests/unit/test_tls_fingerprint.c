/* JA3, JA3S and JA4. The ClientHello of the published JA4 example with GREASE in every list (FoxIO,
 * sigalg-grease.pcapng) is written out below; its raw form there is JA4_r
 * t13d1517h2_002f,...,cca9_0005,...,ff01_0904,...,0601. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../parsers/tls_fingerprint.h"
#include "../../parsers/tls_hello.h"
#include "tls_bytes.h"

static struct tls_client_hello parse(const struct bytes *body) {
    struct tls_client_hello hello;
    assert_int_equal(tls_client_hello_parse(reader_of(body->data, body->len), &hello), PARSE_OK);
    return hello;
}

static void put_list(struct bytes *b, uint16_t type, const uint16_t *values, size_t num) {
    PUT_U16(b, type);
    size_t data = vec_open(b, 2), list = vec_open(b, 2);
    for (size_t i = 0; i < num; i++) {
        PUT_U16(b, values[i]);
    }
    vec_close(b, list, 2);
    vec_close(b, data, 2);
}

static void published_example(struct bytes *body) {
    static const uint16_t suites[] = {0x4a4a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                                      0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
    static const uint16_t groups[] = {0xdada, 0x11ec, 0x001d, 0x0017, 0x0018};
    static const uint16_t schemes[] = {0x6a6a, 0x0904, 0x0905, 0x0906, 0x0403, 0x0804,
                                       0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601};
    static const uint16_t others[] = {0x0017, 0x0033, 0x44cd, 0xff01, 0x0023};
    struct bytes *e = calloc(1, sizeof *e);
    assert_non_null(e);
    put_extension(e, 0x9a9a, "", 0);
    put_extension(e, 0xfe0d, "\0", 1);
    put_extension(e, 16, "\0\x0c\x02h2\x08http/1.1", 14);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        put_extension(e, others[i], "", 0);
    }
    put_list(e, 10, groups, 5);
    put_list(e, 13, schemes, 12);
    put_extension(e, 43, "\x06\xfa\xfa\x03\x04\x03\x03", 7);
    put_extension(e, 11, "\x01\0", 2);
    put_extension(e, 0xca34, "", 0);
    put_extension(e, 45, "\x01\x01", 2);
    put_extension(e, 0, "\0\x06\0\0\x03h.x", 8);
    put_extension(e, 5, "\x01\0\0\0\0", 5);
    put_extension(e, 27, "\x02\0\x02", 3);
    put_extension(e, 18, "", 0);
    put_extension(e, 0x2a2a, "\0", 1);
    put_client_hello(body, 0x0303, suites, 16, e);
    free(e);
}

static void published_ja4(void **state) {
    (void)state;
    struct bytes *body = calloc(1, sizeof *body);
    assert_non_null(body);
    published_example(body);
    struct tls_client_hello hello = parse(body);
    char text[400];
    struct tls_ja4_text ja4;
    assert_true(tls_ja4_text(&hello, text, sizeof text, &ja4));
    assert_string_equal(ja4.a, "t13d1517h2");
    assert_string_equal(ja4.b, "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9");
    assert_string_equal(ja4.c, "0005,000a,000b,000d,0012,0017,001b,0023,002b,002d,0033,44cd,ca34,fe0d,ff01_"
                               "0904,0905,0906,0403,0804,0401,0503,0805,0501,0806,0601");
    free(body);
}

static void ja3_without_grease(void **state) {
    (void)state;
    struct bytes *body = calloc(1, sizeof *body);
    assert_non_null(body);
    published_example(body);
    struct tls_client_hello hello = parse(body);
    static const char expected[] =
        "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,"
        "65037-16-23-51-17613-65281-35-10-13-43-11-51764-45-0-5-27-18,4588-29-23-24,0";
    char text[400];
    assert_int_equal(tls_ja3_text(&hello, text, sizeof text), sizeof expected - 1);
    assert_string_equal(text, expected);
    free(body);
}

/* The example of https://github.com/salesforce/ja3 without extensions: "769,4-5-10-9-100-98-3-6-19-18-99,,,".
 */
static void published_ja3_without_extensions(void **state) {
    (void)state;
    static const uint16_t suites[] = {4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99};
    struct bytes *body = calloc(1, sizeof *body);
    assert_non_null(body);
    put_client_hello(body, 0x0301, suites, 11, NULL);
    struct tls_client_hello hello = parse(body);
    char text[100];
    struct tls_ja4_text ja4;
    assert_true(tls_ja3_text(&hello, text, sizeof text) > 0);
    assert_string_equal(text, "769,4-5-10-9-100-98-3-6-19-18-99,,,");
    assert_true(tls_ja4_text(&hello, text, sizeof text, &ja4));
    assert_string_equal(ja4.a, "t10i110000");
    assert_string_equal(ja4.c, "");
    free(body);
}

static void ja3s(void **state) {
    (void)state;
    static const uint8_t random[32] = {0};
    struct bytes *body = calloc(1, sizeof *body), *e = calloc(1, sizeof *e);
    assert_true(body != NULL && e != NULL);
    put_extension(e, 51, "", 0);
    put_extension(e, 43, "\x03\x04", 2);
    put_server_hello(body, 0x0303, random, 0x1302, e);
    struct tls_server_hello hello;
    char text[40];
    assert_int_equal(tls_server_hello_parse(reader_of(body->data, body->len), &hello), PARSE_OK);
    assert_int_equal(tls_ja3s_text(&hello, text, sizeof text), 14);
    assert_string_equal(text, "771,4866,51-43");
    free(body);
    free(e);
}

static void ja4_alpn(void **state) {
    (void)state;
    static const struct {
        const char *list;
        size_t len;
        const char *expected;
    } rows[] = {
        {"\0\x03\x02h2", 5, "h2"},
        {"\0\x02\x01x", 4, "xx"},
        {"\0\x09\x08http/1.1", 11, "h1"},
        {"\0\x02\x01\xab", 4, "ab"},
        {"\0\x03\x02\xab\xcd", 5, "ad"},
        {"\0\x03\x02\x30\xab", 5, "3b"},
        {"\0\x05\x04\x30\x31\xab\xcd", 7, "3d"},
        {"\0\x05\x04\x30\xab\xcd\x31", 7, "01"},
        {"\0\x01\0", 3, "00"},
        {"\0\0", 2, "00"},
        {"", 0, "00"},
        {"\0\x04\x09h2x", 6, "00"},
        {"\0\x03\x02 2", 5, "22"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static const uint16_t suite = 0x1301;
        struct bytes *body = calloc(1, sizeof *body), *e = calloc(1, sizeof *e);
        assert_true(body != NULL && e != NULL);
        put_extension(e, 16, rows[i].list, rows[i].len);
        put_client_hello(body, 0x0303, &suite, 1, e);
        struct tls_client_hello hello = parse(body);
        char text[40];
        struct tls_ja4_text ja4;
        assert_true(tls_ja4_text(&hello, text, sizeof text, &ja4));
        assert_memory_equal(ja4.a, "t12i0101", 8);
        assert_string_equal(ja4.a + 8, rows[i].expected);
        free(body);
        free(e);
    }
}

static void counts_stop_at_99(void **state) {
    (void)state;
    static uint16_t suites[30000];
    struct bytes *body = calloc(1, sizeof *body);
    char *text = malloc(TLS_FINGERPRINT_MAX);
    assert_true(body != NULL && text != NULL);
    for (size_t i = 0; i < 30000; i++) {
        suites[i] = (uint16_t)(60000 - i);
    }
    put_client_hello(body, 0x0303, suites, 30000, NULL);
    struct tls_client_hello hello = parse(body);
    struct tls_ja4_text ja4;
    assert_true(tls_ja4_text(&hello, text, TLS_FINGERPRINT_MAX, &ja4));
    assert_string_equal(ja4.a, "t12i990000");
    assert_memory_equal(ja4.b, "7531,7532,", 10);
    assert_true(tls_ja3_text(&hello, text, TLS_FINGERPRINT_MAX) > 100000);
    free(text);
    free(body);
}

static void too_small_buffers_give_nothing(void **state) {
    (void)state;
    struct bytes *body = calloc(1, sizeof *body);
    char *whole = malloc(4096);
    assert_true(body != NULL && whole != NULL);
    published_example(body);
    struct tls_client_hello hello = parse(body);
    struct tls_ja4_text ja4;
    size_t ja3_len = tls_ja3_text(&hello, whole, 4096);
    assert_true(tls_ja4_text(&hello, whole, 4096, &ja4));
    size_t ja4_len = strlen(ja4.b) + strlen(ja4.c);
    for (size_t len = 0; len < 400; len++) {
        char *text = malloc(len > 0 ? len : 1); /* exact, for the sanitizer */
        assert_non_null(text);
        assert_int_equal(tls_ja3_text(&hello, text, len), len > ja3_len ? ja3_len : 0);
        /* two terminators, and at most one comma more while a list is being written */
        assert_true(tls_ja4_text(&hello, text, len, &ja4) == (len >= ja4_len + 3));
        free(text);
    }
    free(whole);
    free(body);
}

static void sslv2_has_none(void **state) {
    (void)state;
    struct tls_client_hello hello;
    char text[100];
    struct tls_ja4_text ja4;
    static const uint8_t record[] = "\x01\x03\x01\0\x03\0\0\0\x10\0\0\x35"
                                    "0123456789abcdef";
    assert_int_equal(tls_client_hello_parse_sslv2(reader_of(record, sizeof record - 1), &hello), PARSE_OK);
    assert_int_equal(tls_ja3_text(&hello, text, sizeof text), 0);
    assert_false(tls_ja4_text(&hello, text, sizeof text, &ja4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_ja4),
        cmocka_unit_test(ja3_without_grease),
        cmocka_unit_test(published_ja3_without_extensions),
        cmocka_unit_test(ja3s),
        cmocka_unit_test(ja4_alpn),
        cmocka_unit_test(counts_stop_at_99),
        cmocka_unit_test(too_small_buffers_give_nothing),
        cmocka_unit_test(sslv2_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
