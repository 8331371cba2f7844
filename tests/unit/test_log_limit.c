/* test_log_limit.c: nothing floods, nothing is lost from the count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/log_limit.h"

static unsigned say(struct log_limit *limit, const char *text, unsigned times, uint64_t now_s) {
    unsigned said = 0;
    for (unsigned i = 0; i < times; i++)
        said += log_limit_take(limit, LEVEL_WARNING, text, now_s);
    return said;
}

static void test_same_is_counted(void **state) {
    (void)state;
    static struct log_limit limit;
    enum log_level level;
    char out[LOG_LINE_MAX];
    assert_int_equal(say(&limit, "eth0: down", 100, 1000), LOG_SAME_MAX);
    assert_true(log_limit_take(&limit, LEVEL_ERROR, "another", 1000));
    assert_false(log_limit_due(&limit, 1000 + LOG_WINDOW_S - 1, false, &level, out));
    assert_true(log_limit_due(&limit, 1000 + LOG_WINDOW_S, false, &level, out));
    assert_string_equal(out, "repeated 95 times: eth0: down");
    assert_int_equal(level, LEVEL_WARNING);
    assert_false(log_limit_due(&limit, 1000 + LOG_WINDOW_S, true, &level, out));
}

static void test_going_on_is_said_once_in_each_window(void **state) {
    (void)state;
    static struct log_limit limit;
    enum log_level level;
    char out[LOG_LINE_MAX];
    unsigned lines = 0;
    uint64_t now = 1000;
    for (; now < 1000 + 10 * LOG_WINDOW_S; now++) {
        while (log_limit_due(&limit, now, false, &level, out))
            lines++;
        lines += say(&limit, "again", 10, now);
    }
    assert_in_range(lines, LOG_SAME_MAX + 8, LOG_SAME_MAX + 11);
    /* and after some silence it is news again */
    while (log_limit_due(&limit, now, true, &level, out))
        continue;
    assert_int_equal(say(&limit, "again", 1, now + 2 * LOG_WINDOW_S), 1);
}

static void test_digits_make_no_kind(void **state) {
    (void)state;
    static struct log_limit limit;
    enum log_level level;
    char text[64], out[LOG_LINE_MAX];
    unsigned said = 0;
    for (unsigned i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "broker %u: refused after %u ms", i, i * 17);
        said += log_limit_take(&limit, LEVEL_ERROR, text, 5);
    }
    assert_int_equal(said, LOG_SAME_MAX);
    assert_true(log_limit_due(&limit, 5, true, &level, out));
    assert_string_equal(out, "repeated 45 times: broker 49: refused after 833 ms");
}

/* However many kinds there are. */
static void test_all_together(void **state) {
    (void)state;
    static struct log_limit limit;
    enum log_level level;
    char text[64], out[LOG_LINE_MAX];
    unsigned said = 0;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "odd %c%c%c", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676);
        said += log_limit_take(&limit, LEVEL_WARNING, text, 7);
    }
    assert_int_equal(said, LOG_ANY_MAX);
    assert_true(log_limit_take(&limit, LEVEL_ANSWER, "packets: 1", 7));
    assert_true(log_limit_due(&limit, 7 + LOG_WINDOW_S, false, &level, out));
    assert_string_equal(out, "4700 more messages were too many to be said");
    assert_false(log_limit_due(&limit, 7 + LOG_WINDOW_S, true, &level, out));
    assert_int_equal(say(&limit, "news", 1, 8 + LOG_WINDOW_S), 1);
}

static void test_long_text(void **state) {
    (void)state;
    static struct log_limit limit;
    enum log_level level;
    char text[LOG_LINE_MAX], out[LOG_LINE_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    say(&limit, text, LOG_SAME_MAX + 2, 1);
    assert_true(log_limit_due(&limit, 1, true, &level, out));
    assert_in_range(strlen(out), LOG_KIND_TEXT_MAX, LOG_KIND_TEXT_MAX + 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_is_counted),
        cmocka_unit_test(test_going_on_is_said_once_in_each_window),
        cmocka_unit_test(test_digits_make_no_kind),
        cmocka_unit_test(test_all_together),
        cmocka_unit_test(test_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
