#include "../../outputs/json.h"

#include "sample_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char *encode(const struct event *event) {
    struct buffer buffer = {0};
    json_encode(event, &buffer);
    buffer_add_char(&buffer, '\0');
    assert_false(buffer.failed);
    return buffer.data;
}

/* An event of each dataset with every member set: its copy says the same once all that it borrowed is gone.
 */
static void test_every_member(void **state) {
    (void)state;
    struct event copy = {0};
    for (enum dataset dataset = 0; dataset < NUM_DATASETS; dataset++) {
        char text[] = "text that goes away";
        struct event event = {.observer_name = "sensor1", .observer_version = "0.1.0"};
        event_reset(&event, dataset);
        sample_fill(&event, text);
        event.observer_name = "sensor1"; /* borrowed by copies too */
        event.observer_version = "0.1.0";
        char *before = encode(&event);
        assert_true(event_copy(&copy, &event));
        memset(text, 'x', sizeof text - 1);
        event_reset(&event, dataset);
        sample_fill(&event, "other");
        char *after = encode(&copy);
        assert_non_null(strstr(before, "text that goes away"));
        assert_string_equal(before, after);
        free(before);
        free(after);
        event_cleanup(&event);
    }
    event_cleanup(&copy);
}

/* A list that was encoded before is encoded anew from the copy's own texts. */
static void test_encoded_list(void **state) {
    (void)state;
    char json[] = "[\"a\"]";
    const char *items[] = {"a"};
    struct event event = {0}, copy = {0};
    sample_session(&event);
    event.session.smtp_capabilities = (struct text_list){items, 1, json, sizeof json - 1};
    assert_true(event_copy(&copy, &event));
    assert_null(copy.session.smtp_capabilities.json);
    char *before = encode(&event), *after = encode(&copy);
    assert_string_equal(before, after);
    free(before);
    free(after);
    event_cleanup(&event);
    event_cleanup(&copy);
}

/* What is for reports alone. */
static void test_policy_text(void **state) {
    (void)state;
    const char *lines[] = {"version: STSv1", "mode: testing"};
    struct event event = {0}, copy = {0};
    sample_session(&event);
    event.session.mta_sts_lines = (struct text_list){.items = lines, .num = 2};
    assert_true(event_copy(&copy, &event));
    assert_int_equal(copy.session.mta_sts_lines.num, 2);
    assert_string_equal(copy.session.mta_sts_lines.items[1], "mode: testing");
    assert_ptr_not_equal(copy.session.mta_sts_lines.items[1], lines[1]);
    event_cleanup(&event);
    event_cleanup(&copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_member),
        cmocka_unit_test(test_encoded_list),
        cmocka_unit_test(test_policy_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
