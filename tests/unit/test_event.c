#include "../../outputs/fields_value.h"
#include "sample_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_reset_leaves_everything_absent(void **state) {
    (void)state;
    size_t num;
    const struct field *table = fields_table(&num);
    for (unsigned dataset = 0; dataset < NUM_DATASETS; dataset++) {
        struct event event = {0};
        event_reset(&event, (enum dataset)dataset);
        sample_fill(&event, "filled");
        event.observer_name = event.observer_version = NULL; /* kept by a reset */
        event_reset(&event, (enum dataset)dataset);
        for (size_t i = 0; i < num; i++) {
            struct field_value value;
            if (field_in(&table[i], event.dataset)) {
                fields_get(&event, &table[i], &value);
                if ((value.shape != VALUE_ABSENT) != field_always(&table[i])) {
                    fail_msg("%s", table[i].name);
                }
            }
        }
        event_cleanup(&event);
    }
}

static void test_filled_leaves_nothing_absent(void **state) {
    (void)state;
    size_t num;
    const struct field *table = fields_table(&num);
    for (unsigned dataset = 0; dataset < NUM_DATASETS; dataset++) {
        struct event event = {0};
        event_reset(&event, (enum dataset)dataset);
        sample_fill(&event, "filled");
        for (size_t i = 0; i < num; i++) {
            struct field_value value;
            if (field_in(&table[i], event.dataset)) {
                fields_get(&event, &table[i], &value);
                if (value.shape == VALUE_ABSENT) {
                    fail_msg("%s", table[i].name);
                }
            }
        }
        event_cleanup(&event);
    }
}

static void test_reset_keeps_the_observer(void **state) {
    (void)state;
    struct event event = {.observer_name = "sensor1"};
    event_init(&event);
    assert_int_equal(event.dataset, DATASET_SESSION);
    assert_int_equal(event.session.verdict, VERDICT_UNKNOWN);
    assert_true(event.session.vlan_id == EVENT_ABSENT);
    assert_string_equal(event.observer_name, "sensor1");
    event_cleanup(&event);
    event_cleanup(NULL);
}

static void test_text(void **state) {
    (void)state;
    struct event event = {0};
    event_init(&event);
    assert_null(event_text(&event, NULL, 0));
    assert_null(event_string(&event, NULL));
    assert_string_equal(event_text(&event, "abc", 2), "ab");
    assert_string_equal(event_text(&event, "", 0), "");
    assert_string_equal(event_text(&event, "a\0\xff", 3), "a\xef\xbf\xbd\xef\xbf\xbd");
    char wide[EVENT_TEXT_MAX + 10];
    memset(wide, 'x', sizeof wide);
    assert_int_equal(strlen(event_text(&event, wide, sizeof wide)), EVENT_TEXT_MAX);
    memcpy(wide + EVENT_TEXT_MAX - 1, "\xc3\xbc", 2);
    assert_int_equal(strlen(event_text(&event, wide, sizeof wide)), EVENT_TEXT_MAX - 1);
    memset(wide, 0xff, sizeof wide);
    assert_int_equal(strlen(event_text(&event, wide, sizeof wide)), 3 * EVENT_TEXT_MAX);
    event_cleanup(&event);
}

static void test_name(void **state) {
    (void)state;
    struct event event = {0};
    char buffer[8] = "made";
    const char *constant = "constant";
    event_init(&event);
    const char *made = event_name(&event, buffer, buffer);
    assert_ptr_equal(event_name(&event, constant, buffer), constant);
    buffer[0] = 'X';
    assert_string_equal(made, "made");
    event_cleanup(&event);
}

static void count_release(void *object) {
    ++*(int *)object;
}

static void test_holds_until_reset_or_cleaned_up(void **state) {
    (void)state;
    struct event event = {0}, copy = {0};
    int num_released[2] = {0, 0};
    event_init(&event);
    event_hold(&event, &num_released[0], count_release);
    event_hold(&event, &num_released[1], count_release);
    assert_true(event_copy(&copy, &event));
    event_cleanup(&copy); /* a copy is an event of its own */
    assert_int_equal(num_released[0] + num_released[1], 0);
    event_reset(&event, DATASET_PEER);
    assert_int_equal(num_released[0], 1);
    assert_int_equal(num_released[1], 1);
    event_hold(&event, &num_released[0], count_release);
    assert_true(event_copy(&event, &copy));
    assert_int_equal(num_released[0], 2);
    event_hold(&event, &num_released[0], count_release);
    event_cleanup(&event);
    event_cleanup(&event);
    assert_int_equal(num_released[0], 3);
    assert_int_equal(num_released[1], 1);
}

static void test_arena_keeps_texts_apart(void **state) {
    (void)state;
    struct event event = {0};
    event_init(&event);
    const char *texts[200];
    for (size_t i = 0; i < 200; i++) {
        char text[300];
        memset(text, (int)('a' + i % 26), i + 1);
        texts[i] = event_text(&event, text, i + 1);
    }
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(strlen(texts[i]), i + 1);
        assert_int_equal(strspn(texts[i], (char[2]){(char)('a' + i % 26), '\0'}), i + 1);
    }
    char *big = arena_alloc(&event.arena, 100000);
    assert_non_null(big);
    memset(big, 1, 100000);
    assert_non_null(event_string(&event, "after"));
    assert_null(arena_alloc(&event.arena, SIZE_MAX - 8));
    event_cleanup(&event);
}

static void test_arena_zeroes_what_it_gives_again(void **state) {
    (void)state;
    struct arena arena = {0};
    unsigned char *first = arena_alloc(&arena, 64);
    memset(first, 0xaa, 64);
    arena_reset(&arena);
    unsigned char *second = arena_alloc(&arena, 64);
    assert_ptr_equal(first, second);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(second[i], 0);
    }
    arena_cleanup(&arena);
    arena_cleanup(NULL);
}

static void test_list(void **state) {
    (void)state;
    struct event event = {0};
    event_init(&event);
    struct text_list list = {0};
    assert_true(event_list(&event, &list, 3));
    assert_int_equal(list.num, 3);
    assert_null(list.items[2]);
    assert_true(event_list(&event, &list, SIZE_MAX));
    assert_int_equal(list.num, EVENT_LIST_MAX);
    list.items[EVENT_LIST_MAX - 1] = "last";
    assert_true(event_list(&event, &list, 0));
    assert_int_equal(list.num, 0);
    event_cleanup(&event);
}

static void test_verdicts(void **state) {
    (void)state;
    unsigned by_class[4] = {0};
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        assert_non_null(verdict_name((enum verdict)i));
        assert_non_null(verdict_meaning((enum verdict)i));
        by_class[verdict_counts_as((enum verdict)i)]++;
    }
    assert_int_equal(by_class[COUNTS_ENCRYPTED], 2);
    assert_int_equal(by_class[COUNTS_PLAINTEXT], 7);
    assert_int_equal(by_class[COUNTS_FAILED], 1);
    assert_int_equal(by_class[COUNTS_NOT], 3);
    assert_string_equal(verdict_name(VERDICT_CLEARTEXT_ON_TLS_PORT), "cleartext_on_tls_port");
    assert_null(unknown_reason_name(UNKNOWN_NONE));
    assert_string_equal(unknown_reason_name(UNKNOWN_ONE_SIDED), "one_sided");
    assert_string_equal(unknown_reason_name(UNKNOWN_EVICTED), "evicted");
}

static void test_findings(void **state) {
    (void)state;
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        const struct finding_info *info = finding_info((enum finding)i);
        assert_non_null(info->name);
        assert_non_null(strchr(info->name, '.'));
        assert_true(info->severity >= SEVERITY_INFORMATIONAL && info->severity <= SEVERITY_HIGH);
        assert_true(strlen(info->explain) > 10 && strchr(info->explain, '\n') == NULL);
        assert_true(strlen(info->remedy) > 10 && strchr(info->remedy, '\n') == NULL);
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(info->name, finding_info((enum finding)j)->name);
        }
    }
    assert_string_equal(finding_info(FINDING_TLS_DOWNGRADE_SENTINEL)->name, "tls.downgrade_sentinel");
    /* Opportunistic TLS: a finding, not an alarm. */
    assert_int_equal(finding_info(FINDING_CERT_UNTRUSTED)->severity, SEVERITY_LOW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_leaves_everything_absent),
        cmocka_unit_test(test_filled_leaves_nothing_absent),
        cmocka_unit_test(test_reset_keeps_the_observer),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_holds_until_reset_or_cleaned_up),
        cmocka_unit_test(test_arena_keeps_texts_apart),
        cmocka_unit_test(test_arena_zeroes_what_it_gives_again),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
