#include "../../outputs/sink_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char error[256];

static void check_wrong(const char *text, const char *says) {
    struct sink_spec spec;
    error[0] = '\0';
    assert_false(sink_spec_parse(&spec, text, error, sizeof error));
    assert_null(spec.text);
    if (strstr(error, says) == NULL) {
        fail_msg("'%s': %s", text, error);
    }
}

static void check_target(const char *text, const char *scheme, const char *target, size_t num_options) {
    struct sink_spec spec;
    assert_true(sink_spec_parse(&spec, text, error, sizeof error));
    assert_string_equal(spec.scheme, scheme);
    assert_string_equal(spec.target, target);
    assert_int_equal(spec.num_options, num_options);
    sink_spec_cleanup(&spec);
    assert_null(spec.text);
}

static void test_targets(void **state) {
    (void)state;
    check_target("json:-", "json", "-", 0);
    check_target("json:a:b", "json", "a:b", 0);
    check_target("json:a?", "json", "a", 0);
    check_target("json:what?.json?", "json", "what?.json", 0);
    check_target("json:a?b?c=d", "json", "a?b", 1);
    check_target("kafka://b1:9092,b2/topic?a&b=c", "kafka", "//b1:9092,b2/topic", 2);
    check_target("x:y?a&&b&", "x", "y", 2);
}

static void test_options(void **state) {
    (void)state;
    struct sink_spec spec;
    assert_true(sink_spec_parse(&spec, "json:a?append&every=1h&eq=a=b&empty=", error, sizeof error));
    assert_string_equal(sink_spec_option(&spec, "append"), "");
    assert_string_equal(sink_spec_option(&spec, "every"), "1h");
    assert_string_equal(sink_spec_option(&spec, "eq"), "a=b");
    assert_string_equal(sink_spec_option(&spec, "empty"), "");
    assert_null(sink_spec_option(&spec, "ever"));
    sink_spec_cleanup(&spec);
}

static void test_wrong(void **state) {
    (void)state;
    check_wrong("", "a scheme is missing");
    check_wrong("events.json", "a scheme is missing, as in json:events.json");
    check_wrong("a?b:c", "a scheme is missing");
    check_wrong("json:", "what follows the 'json:' is missing");
    check_wrong("json:?a=b", "what follows the 'json:' is missing");
    check_wrong("json:a?=b", "an option without a name");
    check_wrong("json:a?b=1&b=2", "given twice: b");
    check_wrong("json:a?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", "too many options: 17");
}

static void test_datasets(void **state) {
    (void)state;
    unsigned datasets = 0;
    assert_true(datasets_add(&datasets, "sensor", error, sizeof error));
    assert_int_equal(datasets, 4);
    assert_true(datasets_add(&datasets, "peer,session", error, sizeof error));
    assert_int_equal(datasets, 7);
    datasets = 2;
    const char *const wrong[] = {"", ",", "session,", "sessions", "session peer", "Session"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(datasets_add(&datasets, wrong[i], error, sizeof error));
        assert_non_null(strstr(error, "is not a dataset"));
        assert_int_equal(datasets, 2);
    }
    assert_string_equal(dataset_word(0), "session");
}

static void test_cleanup_takes_null(void **state) {
    (void)state;
    sink_spec_cleanup(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_datasets),
        cmocka_unit_test(test_cleanup_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
