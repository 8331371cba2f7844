#include "../../outputs/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static const char *finish(struct buffer *buffer) {
    buffer_add_char(buffer, '\0');
    assert_false(buffer->failed);
    return buffer->data;
}

static void check_clean(const char *in, size_t len, size_t max, const char *expected) {
    char out[256];
    size_t size = text_clean(out, in, len, max);
    assert_int_equal(size, text_clean(NULL, in, len, max));
    out[size] = '\0';
    assert_string_equal(out, expected);
}

/* The expected values are what Python's bytes.decode("utf-8", "replace") gives. */
static void test_clean(void **state) {
    (void)state;
    check_clean("plain", 5, 100, "plain");
    check_clean("", 0, 100, "");
    check_clean("b\xc3\xbc"
                "cher",
                7, 100,
                "b\xc3\xbc"
                "cher");
    check_clean("\xf0\x9f\x93\xa7", 4, 100, "\xf0\x9f\x93\xa7");
    check_clean("a\0b", 3, 100,
                "a\xef\xbf\xbd"
                "b");
    check_clean("\xff\xfe", 2, 100, "\xef\xbf\xbd\xef\xbf\xbd");
    check_clean("\xc0\xaf", 2, 100, "\xef\xbf\xbd\xef\xbf\xbd");                 /* overlong */
    check_clean("\xed\xa0\x80", 3, 100, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* surrogate */
    check_clean("\xf4\x90\x80\x80", 4, 100, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_clean("\xf0\x9f\x93!", 4, 100, "\xef\xbf\xbd!"); /* one for the whole broken sequence */
    check_clean("\xe2\x82", 2, 100, "\xef\xbf\xbd");       /* cut short by the end */
}

static void test_clean_cuts_between_characters(void **state) {
    (void)state;
    check_clean("aaab", 4, 3, "aaa");
    check_clean("aa\xc3\xbc", 4, 3, "aa");
    check_clean("aa\xc3\xbc", 4, 4, "aa\xc3\xbc");
    check_clean("aa", 2, 0, "");
}

static void check_json(const char *in, const char *expected) {
    struct buffer buffer = {0};
    char quoted[64];
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", expected);
    text_add_json(&buffer, in);
    assert_string_equal(finish(&buffer), quoted);
    buffer_cleanup(&buffer);
}

static void test_json(void **state) {
    (void)state;
    check_json("", "");
    check_json("250 mx.example.org", "250 mx.example.org");
    check_json("a\"b\\c/", "a\\\"b\\\\c/");
    check_json("\x01\t\r\n\x1b\x1f", "\\u0001\\u0009\\u000d\\u000a\\u001b\\u001f");
    check_json("\x7f\xc2\x80\xc2\x9f\xc2\xa0", "\\u007f\\u0080\\u009f\xc2\xa0");
    check_json("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", "\\u2028\\u2029\xe2\x80\xaa");
    check_json("x\xff", "x\xef\xbf\xbd");
}

static void check_csv(const char *in, bool in_list, const char *expected) {
    struct buffer buffer = {0};
    text_add_csv(&buffer, in, in_list);
    assert_string_equal(finish(&buffer), expected);
    buffer_cleanup(&buffer);
}

static void test_csv(void **state) {
    (void)state;
    check_csv("a,b \"c\"", false, "a,b \"\"c\"\"");
    check_csv("=1+1", false, "'=1+1");
    check_csv("+1", false, "'+1");
    check_csv("-1", false, "'-1");
    check_csv("@SUM(A1)", false, "'@SUM(A1)");
    check_csv("AUTH=LOGIN", false, "AUTH=LOGIN");
    check_csv("x;=cmd|-y,@z", false, "x;'=cmd|'-y,'@z");
    check_csv("\xef\xbc\x9d"
              "1",
              false,
              "'\xef\xbc\x9d"
              "1"); /* full-width = */
    check_csv("\t=1\r\n", false, "\\u0009=1\\u000d\\u000a");
    check_csv("a|b", false, "a|b");
    check_csv("a|b", true, "a\\u007cb");
    check_csv("\xc2\x9b"
              "0m",
              false, "\\u009b0m");
    check_csv("\xff", false, "\xef\xbf\xbd");
}

/* Text is looked at in chunks: whatever stands in one must be found at each place of it. */
static void test_specials_at_every_place(void **state) {
    (void)state;
    for (size_t len = 1; len <= 40; len++) {
        for (size_t at = 0; at < len; at++) {
            char in[41] = {0}, expected[64] = {0};
            memset(in, 'x', len);
            memset(expected, 'x', at);
            in[at] = '"';
            memcpy(expected + at, "\\\"", 2);
            memset(expected + at + 2, 'x', len - at - 1);
            check_json(in, expected);
            expected[at] = '"';
            check_csv(in, false, expected);
            in[at] = '\xff';
            memcpy(expected + at, "\xef\xbf\xbd", 3);
            memset(expected + at + 3, 'x', len - at - 1);
            check_json(in, expected);
            check_csv(in, true, expected);
            check_clean(in, len, 100, expected);
            in[at] = '\0';
            check_clean(in, len, 100, expected);
        }
    }
}

/* Each byte of ASCII on its own: escaped, or as it is. */
static void test_every_ascii_byte(void **state) {
    (void)state;
    for (int c = 1; c < 0x80; c++) {
        char in[] = {'x', (char)c, '\0'}, expected[16];
        bool control = c < 0x20 || c == 0x7f;
        (void)snprintf(expected, sizeof expected,
                       control                 ? "x\\u%04x"
                       : c == '"' || c == '\\' ? "x\\%c"
                                               : "x%c",
                       c);
        check_json(in, expected);
        (void)snprintf(expected, sizeof expected, control ? "x\\u%04x" : c == '"' ? "x\"%c" : "x%c", c);
        check_csv(in, false, expected);
        check_clean(in, 2, 2, in);
    }
}

static void check_terminal(const char *in, size_t columns, bool utf8, const char *expected, size_t used) {
    struct buffer buffer = {0};
    assert_int_equal(text_add_terminal(&buffer, in, columns, utf8), used);
    assert_string_equal(finish(&buffer), expected);
    buffer_cleanup(&buffer);
}

static void test_terminal(void **state) {
    (void)state;
    check_terminal("mx.example.org", 14, false, "mx.example.org", 14);
    check_terminal("mx.example.org", 10, false, "mx.exam...", 10);
    check_terminal("mx.example.org", 10, true, "mx.exampl\xe2\x80\xa6", 10);
    check_terminal("\x1b[31mred\x07", 80, true, "?[31mred?", 9);
    check_terminal("\xc2\x9b"
                   "0m",
                   80, true, "?0m", 3); /* CSI in C1 */
    check_terminal("a\xe2\x80\xae"
                   "b\xe2\x80\x8b"
                   "c",
                   80, true, "a?b?c", 5);           /* override, zero width */
    check_terminal("e\xcc\x81", 80, true, "e?", 2); /* combining accent */
    check_terminal("\xd7\x90", 80, true, "?", 1);   /* Hebrew would turn the line */
    check_terminal("b\xc3\xbc", 80, true, "b\xc3\xbc", 2);
    check_terminal("b\xc3\xbc", 80, false, "b?", 2);
    check_terminal("\xe6\x97\xa5\xe6\x9c\xac", 4, true, "\xe6\x97\xa5\xe6\x9c\xac", 4); /* two columns each */
    check_terminal("\xe6\x97\xa5\xe6\x9c\xac", 3, true, "\xe6\x97\xa5\xe2\x80\xa6", 3);
    check_terminal("\xe6\x97\xa5\xe6\x9c\xac", 2, true, "\xe2\x80\xa6", 1);
    check_terminal("abc", 0, true, "", 0);
    check_terminal("", 0, true, "", 0);
}

static void test_time(void **state) {
    (void)state;
    char out[TEXT_TIME_MAX];
    text_time_ns(out, 0);
    assert_string_equal(out, "1970-01-01T00:00:00.000000000Z");
    assert_int_equal(text_time_ns(out, UINT64_C(1709210096000000007)), 30);
    assert_string_equal(out, "2024-02-29T12:34:56.000000007Z");
    text_time_ns(out, UINT64_MAX);
    assert_string_equal(out, "2554-07-21T23:34:33.709551615Z");
    assert_int_equal(text_time_s(out, -1), 20);
    assert_string_equal(out, "1969-12-31T23:59:59Z");
    text_time_s(out, INT64_C(253402300799));
    assert_string_equal(out, "9999-12-31T23:59:59Z");
    text_time_s(out, INT64_C(253402300800));
    assert_string_equal(out, "9999-12-31T23:59:59Z");
    text_time_s(out, INT64_MAX);
    assert_string_equal(out, "9999-12-31T23:59:59Z");
    text_time_s(out, INT64_C(-62167219200));
    assert_string_equal(out, "0000-01-01T00:00:00Z");
    text_time_s(out, INT64_MIN);
    assert_string_equal(out, "0000-01-01T00:00:00Z");
}

/* Against the C library, over all that it can say alike. */
static void test_time_as_libc(void **state) {
    (void)state;
    for (int64_t time_s = INT64_C(-62167219200); time_s <= INT64_C(253402300799);
         time_s += 86399 * 37 + 12345) {
        char out[TEXT_TIME_MAX];
        char expected[64];
        struct tm tm;
        time_t as_time = (time_t)time_s;
        assert_non_null(gmtime_r(&as_time, &tm));
        (void)snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        text_time_s(out, time_s);
        assert_string_equal(out, expected);
    }
}

static void check_number(int64_t number, const char *expected) {
    struct buffer buffer = {0};
    buffer_add_number(&buffer, number);
    assert_string_equal(finish(&buffer), expected);
    buffer_cleanup(&buffer);
}

static void test_numbers(void **state) {
    (void)state;
    check_number(0, "0");
    check_number(-5, "-5");
    check_number(1234567890, "1234567890");
    check_number(INT64_MAX, "9223372036854775807");
    check_number(INT64_MIN, "-9223372036854775808");
    for (int64_t power = 10; power < INT64_MAX / 10; power *= 10) {
        for (int64_t number = power - 1; number <= power + 1; number++) {
            char expected[24];
            (void)snprintf(expected, sizeof expected, "%lld", (long long)number);
            check_number(number, expected);
        }
    }
    struct buffer buffer = {0};
    buffer_add_unsigned(&buffer, UINT64_MAX);
    assert_string_equal(finish(&buffer), "18446744073709551615");
    buffer_cleanup(&buffer);
}

static void test_buffer_error_sticks(void **state) {
    (void)state;
    struct buffer buffer = {0};
    buffer_add_string(&buffer, "kept");
    assert_false(buffer_reserve(&buffer, SIZE_MAX - 2));
    buffer_add_string(&buffer, "not added");
    assert_true(buffer.failed);
    assert_int_equal(buffer.len, 4);
    buffer_clear(&buffer);
    buffer_add_string(&buffer, "again");
    assert_false(buffer.failed);
    assert_int_equal(buffer.len, 5);
    buffer_cleanup(&buffer);
    buffer_cleanup(NULL);
}

static void test_copy(void **context) {
    (void)context;
    char out[4];
    assert_int_equal(text_copy(out, sizeof out, "ab"), 2);
    assert_string_equal(out, "ab");
    assert_int_equal(text_copy(out, sizeof out, "abcd"), 3);
    assert_string_equal(out, "abc");
    assert_int_equal(text_copy(out, 1, "abcd"), 0);
    assert_string_equal(out, "");
}

static void test_terminal_in_place(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a\tb\r\nc", "a b  c"},
        {"\x1b[31m\x7f\xc2\x9b", "?[31m??"},
        {"Gr\xc3\xbc\xc3\x9f \xe6\x97\xa5", "Gr\xc3\xbc\xc3\x9f \xe6\x97\xa5"},
        {"\xe2\x80\xaex\xff\xe2\x82", "?x??"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        size_t len = strlen(cases[i][0]);
        memcpy(text, cases[i][0], len);
        text[text_make_terminal(text, len)] = '\0';
        assert_string_equal(text, cases[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_terminal_in_place),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_clean_cuts_between_characters),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_specials_at_every_place),
        cmocka_unit_test(test_every_ascii_byte),
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_time_as_libc),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_buffer_error_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
