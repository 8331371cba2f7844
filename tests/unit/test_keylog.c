/* Key logs in every cut, with everything that a file may hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/judge/keylog.h"
#include "rfc8448.h"
#include "unhex.h"

#define RANDOM_A "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define SECRET32 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SECRET48 SECRET32 "0123456789abcdef0123456789abcdef"

struct complaints {
    size_t num;
    uint64_t line;
    char cause[64];
};

static void on_complaint(void *context, uint64_t line, const char *cause) {
    struct complaints *complaints = context;
    complaints->num++;
    complaints->line = line;
    snprintf(complaints->cause, sizeof complaints->cause, "%s", cause);
}

static struct keylog *read_in_parts(const char *text, size_t part, struct complaints *complaints) {
    struct keylog *keylog = keylog_new(on_complaint, complaints);
    size_t len = strlen(text);
    assert_non_null(keylog);
    for (size_t at = 0; at < len; at += part) {
        size_t now = len - at < part ? len - at : part;
        uint8_t *copy = malloc(now); /* so that a sanitizer sees a read past its end */
        assert_non_null(copy);
        memcpy(copy, text + at, now);
        keylog_push(keylog, copy, now);
        free(copy);
    }
    keylog_end(keylog);
    return keylog;
}

static void expect_secret(struct keylog *keylog, const char *random_hex, enum keylog_label label,
                          const char *secret_hex) {
    uint8_t random[KEYLOG_RANDOM_LEN], expected[KEYLOG_SECRET_MAX];
    struct keylog_secret secret;
    size_t len = unhex(secret_hex, expected, sizeof expected);
    assert_int_equal(unhex(random_hex, random, sizeof random), sizeof random);
    assert_true(keylog_find(keylog, random, label, &secret));
    assert_int_equal(secret.len, len);
    assert_memory_equal(secret.bytes, expected, len);
}

static void finds_each_secret_in_any_cut(void **state) {
    (void)state;
    for (size_t part = 1; part < sizeof rfc8448_keylog; part += part < 200 ? 1 : 97) {
        struct complaints complaints = {0};
        struct keylog *keylog = read_in_parts(rfc8448_keylog, part, &complaints);
        assert_int_equal(complaints.num, 0);
        assert_int_equal(keylog_num_secrets(keylog), 4);
        expect_secret(keylog, rfc8448_random, KEYLOG_CLIENT_HANDSHAKE,
                      "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
        expect_secret(keylog, rfc8448_random, KEYLOG_SERVER_HANDSHAKE,
                      "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        expect_secret(keylog, rfc8448_random, KEYLOG_CLIENT_APPLICATION,
                      "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
        expect_secret(keylog, rfc8448_random, KEYLOG_SERVER_APPLICATION,
                      "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
        keylog_free(keylog);
    }
}

/* What a file may hold besides, none of it worth a word. */
static void passes_over_what_it_does_not_use(void **state) {
    (void)state;
    static const char text[] = "# a comment\n"
                               "\n"
                               "\r\n"
                               "#\n"
                               "CLIENT_RANDOM " RANDOM_A " " SECRET48 "\n"
                               "EXPORTER_SECRET " RANDOM_A " " SECRET48 "\n"
                               "CLIENT_EARLY_TRAFFIC_SECRET " RANDOM_A " " SECRET48 "\n"
                               "ECH_SECRET what it likes\n"
                               "A_LABEL_OF_2040\n"
                               "SERVER_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET48 "\r\n"
                               "CLIENT_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET32;
    struct complaints complaints = {0};
    struct keylog *keylog = read_in_parts(text, sizeof text, &complaints);
    assert_int_equal(complaints.num, 0);
    assert_int_equal(keylog_num_secrets(keylog), 2);
    expect_secret(keylog, RANDOM_A, KEYLOG_SERVER_APPLICATION, SECRET48);
    expect_secret(keylog, RANDOM_A, KEYLOG_CLIENT_APPLICATION, SECRET32);
    keylog_free(keylog);
}

static void names_line_and_cause_of_a_bad_line(void **state) {
    (void)state;
    char long_line[KEYLOG_LINE_MAX + 2];
    memset(long_line, 'A', sizeof long_line);
    long_line[sizeof long_line - 1] = '\0';
    const struct {
        const char *line, *cause;
    } cases[] = {
        {"SERVER_TRAFFIC_SECRET_0", "random"},
        {"SERVER_TRAFFIC_SECRET_0 ", "random"},
        {"SERVER_TRAFFIC_SECRET_0 00 " SECRET32, "random"},
        {"SERVER_TRAFFIC_SECRET_0 " RANDOM_A "00 " SECRET32, "random"},
        {"SERVER_TRAFFIC_SECRET_0 x" SECRET32 " " SECRET32, "random"},
        {"SERVER_TRAFFIC_SECRET_0  " RANDOM_A " " SECRET32, "random"},
        {"SERVER_TRAFFIC_SECRET_0 " RANDOM_A, "secret"},
        {"SERVER_TRAFFIC_SECRET_0 " RANDOM_A " 00", "secret"},
        {"SERVER_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET32 "0", "secret"},
        {"SERVER_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET32 "00", "secret"},
        {"SERVER_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET48 "00", "secret"},
        {"SERVER_TRAFFIC_SECRET_0 " RANDOM_A
         " g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "secret"},
        {"SERVER_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET32 " more", "follows"},
        {"some text", "not a line"},
        {" SERVER_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET32, "not a line"},
        {"\x01\x02", "not a line"},
        {long_line, "too long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[2048];
        struct complaints complaints = {0};
        snprintf(text, sizeof text, "# first\n%s\nCLIENT_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET32 "\n",
                 cases[i].line);
        struct keylog *keylog = read_in_parts(text, 7, &complaints);
        assert_int_equal(complaints.num, 1);
        assert_int_equal(complaints.line, 2);
        assert_non_null(strstr(complaints.cause, cases[i].cause));
        assert_int_equal(keylog_num_secrets(keylog), 1); /* and goes on behind it */
        keylog_free(keylog);
    }
}

/* The longest line that is looked at, and a lone CR, which is no line's end. */
static void lines_at_the_limit(void **state) {
    (void)state;
    char text[KEYLOG_LINE_MAX + 1];
    struct complaints complaints = {0};
    memset(text, 'A', sizeof text);
    text[KEYLOG_LINE_MAX] = '\0';
    struct keylog *keylog = read_in_parts(text, 100, &complaints);
    assert_int_equal(complaints.num, 0); /* a label that nobody knows */
    keylog_push(keylog, (const uint8_t *)"a\rb\n", 4);
    assert_int_equal(complaints.num, 1);
    keylog_free(keylog);
}

static void tells_what_is_not_there(void **state) {
    (void)state;
    struct complaints complaints = {0};
    struct keylog *keylog = read_in_parts(rfc8448_keylog, 1000, &complaints);
    struct keylog_secret secret = {.len = 7};
    uint8_t random[KEYLOG_RANDOM_LEN] = {0};
    assert_false(keylog_find(keylog, random, KEYLOG_CLIENT_HANDSHAKE, &secret));
    memset(random, 0xff, sizeof random);
    assert_false(keylog_find(keylog, random, KEYLOG_SERVER_APPLICATION, &secret));
    unhex(rfc8448_random, random, sizeof random);
    random[31] ^= 1;
    assert_false(keylog_find(keylog, random, KEYLOG_CLIENT_HANDSHAKE, &secret));
    assert_int_equal(secret.len, 7);
    keylog_free(keylog);
    keylog = keylog_new(NULL, NULL);
    keylog_push(keylog, (const uint8_t *)"bad line\n", 9); /* nobody to tell */
    assert_false(keylog_find(keylog, random, KEYLOG_CLIENT_HANDSHAKE, &secret));
    keylog_free(keylog);
    keylog_free(NULL);
}

/* A file that is read on later, with searches between; of two secrets for the same thing the later one. */
static void grows(void **state) {
    (void)state;
    static const char more[] = "SERVER_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET48 "\nCLIENT_TRAFF";
    static const char rest[] =
        "IC_SECRET_0 " RANDOM_A " " SECRET32 "\nSERVER_TRAFFIC_SECRET_0 " RANDOM_A " " SECRET32 "\n";
    struct complaints complaints = {0};
    struct keylog *keylog = read_in_parts(rfc8448_keylog, 1000, &complaints);
    assert_false(keylog_is_growing(keylog));
    keylog_set_growing(keylog, true);
    assert_true(keylog_is_growing(keylog));
    keylog_push(keylog, (const uint8_t *)more, sizeof more - 1);
    expect_secret(keylog, RANDOM_A, KEYLOG_SERVER_APPLICATION, SECRET48);
    keylog_push(keylog, (const uint8_t *)rest, sizeof rest - 1);
    expect_secret(keylog, RANDOM_A, KEYLOG_CLIENT_APPLICATION, SECRET32);
    expect_secret(keylog, RANDOM_A, KEYLOG_SERVER_APPLICATION, SECRET32);
    expect_secret(keylog, rfc8448_random, KEYLOG_SERVER_HANDSHAKE,
                  "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    assert_int_equal(complaints.num, 0);
    keylog_free(keylog);
}

/* One more than there is room for: it is counted, and what came before is still found. */
static void keeps_no_more_than_its_limit(void **state) {
    (void)state;
    char line[256];
    struct complaints complaints = {0};
    struct keylog *keylog = keylog_new(on_complaint, &complaints);
    for (unsigned i = 0; i <= KEYLOG_SECRETS_MAX; i++) {
        int len = snprintf(line, sizeof line, "SERVER_TRAFFIC_SECRET_0 %08x%s %s\n", i * 2654435761u,
                           &SECRET32[8], SECRET32);
        keylog_push(keylog, (const uint8_t *)line, (size_t)len);
    }
    assert_int_equal(keylog_num_secrets(keylog), KEYLOG_SECRETS_MAX);
    assert_int_equal(keylog_num_dropped(keylog), 1);
    assert_int_equal(complaints.num, 0);
    snprintf(line, sizeof line, "%08x%s", 77u * 2654435761u, &SECRET32[8]);
    expect_secret(keylog, line, KEYLOG_SERVER_APPLICATION, SECRET32);
    keylog_free(keylog);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_secret_in_any_cut),
        cmocka_unit_test(passes_over_what_it_does_not_use),
        cmocka_unit_test(names_line_and_cause_of_a_bad_line),
        cmocka_unit_test(lines_at_the_limit),
        cmocka_unit_test(tells_what_is_not_there),
        cmocka_unit_test(grows),
        cmocka_unit_test(keeps_no_more_than_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
