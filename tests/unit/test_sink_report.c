#include "../../sensor/sink_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct sink_stats told[3];

static void stats_of(struct sink *sink, struct sink_stats *stats) {
    *stats = told[sink->target[0] - 'a'];
}

static const struct sink_ops ops = {.stats = stats_of};
static const struct sink_ops silent_ops;

static void check_list(const struct count_list *list, size_t num, const char *name, uint64_t number) {
    assert_int_equal(list->num, num);
    for (size_t i = 0; i < num; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            assert_int_equal(list->items[i].num, number);
            return;
        }
    }
    assert_int_equal(num, 0);
}

/* Reading captures: what is over the network. */
static void test_offline(void **state) {
    (void)state;
    struct sink a = {.ops = &ops, .target = "a"}, b = {.ops = &ops, .target = "b"},
                c = {.ops = &ops, .target = "c"};
    struct sink d = {.ops = &silent_ops, .target = "d"};
    struct sink *sinks[] = {&a, NULL, &b, &c, &d};
    struct sensor_event event = {0};
    struct sink_report *report = sink_report_new(false);
    assert_non_null(report);
    told[0] = (struct sink_stats){
        .remote = true, .num_written = 1, .bytes_written = 2, .num_waiting = 3, .lag_ms = 4};
    told[1] = (struct sink_stats){.num_written = 99};
    told[2] = (struct sink_stats){.remote = true, .num_written = 5, .num_dropped = 6, .num_rejected = 1};
    told[2].errors[SINK_ERROR_CONNECTION] = 8;
    told[2].errors[SINK_ERROR_FATAL] = 9;
    for (unsigned round = 0; round < 2; round++) { /* the same again, not added */
        sink_report_fill(report, sinks, 5, &event);
        check_list(&event.sink_events, 2, "a", 1);
        check_list(&event.sink_events, 2, "c", 5);
        check_list(&event.sink_bytes, 2, "a", 2);
        check_list(&event.sink_waiting, 2, "a", 3);
        check_list(&event.sink_lag_ms, 2, "a", 4);
        check_list(&event.sink_lost, 1, "c", 7);
        check_list(&event.sink_errors, 2, "c connection", 8);
        check_list(&event.sink_errors, 2, "c fatal", 9);
    }
    sink_report_fill(report, sinks + 2, 1, &event);
    check_list(&event.sink_events, 0, "", 0);
    check_list(&event.sink_errors, 0, "", 0);
    told[1].errors[SINK_ERROR_DISK] = 7;
    sink_report_fill(report, sinks + 2, 1, &event);
    check_list(&event.sink_events, 0, "", 0);
    check_list(&event.sink_errors, 0, "", 0);
    sink_report_free(report);
}

static void test_live(void **state) {
    (void)state;
    struct sink a = {.ops = &ops, .target = "a"}, b = {.ops = &ops, .target = "b"};
    struct sink *sinks[] = {&a, &b};
    struct sensor_event event = {0};
    struct sink_report *report = sink_report_new(true);
    assert_non_null(report);
    told[0] = (struct sink_stats){.remote = true, .num_written = 1};
    told[1] = (struct sink_stats){.num_written = 2, .bytes_written = 3, .num_waiting = 4, .lag_ms = 5};
    told[1].errors[SINK_ERROR_DISK] = 6;
    sink_report_fill(report, sinks, 2, &event);
    check_list(&event.sink_events, 2, "b", 2);
    check_list(&event.sink_bytes, 2, "b", 3);
    check_list(&event.sink_waiting, 2, "b", 4);
    check_list(&event.sink_lag_ms, 2, "b", 5);
    check_list(&event.sink_lost, 0, "", 0);
    check_list(&event.sink_errors, 1, "b disk", 6);
    sink_report_free(report);
}

static void test_many_sinks(void **state) {
    (void)state;
    struct sink a = {.ops = &ops, .target = "a"};
    struct sink *sinks[2 * SINK_REPORT_MAX];
    struct sensor_event event = {0};
    struct sink_report *report = sink_report_new(false);
    assert_non_null(report);
    for (size_t i = 0; i < 2 * SINK_REPORT_MAX; i++) {
        sinks[i] = &a;
    }
    told[0] = (struct sink_stats){.remote = true};
    for (size_t i = 0; i < NUM_SINK_ERRORS; i++) {
        told[0].errors[i] = 1;
    }
    sink_report_fill(report, sinks, 2 * SINK_REPORT_MAX, &event);
    assert_int_equal(event.sink_events.num, SINK_REPORT_MAX);
    assert_int_equal(event.sink_errors.num, SINK_REPORT_MAX);
    sink_report_free(report);
    sink_report_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offline),
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_many_sinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
