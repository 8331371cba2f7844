#include "../../sensor/reporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static struct sensor_event last; /* what was emitted; limits are of the call */
static char last_id[33];
static uint64_t num_emitted, last_limit;

static void on_event(void *context, const struct event *event) {
    (void)context;
    assert_int_equal(event->dataset, DATASET_SENSOR);
    last = event->sensor;
    memcpy(last_id, event->id, sizeof last_id);
    last_limit = last.limits.num > 0 ? last.limits.items[0].num : 0;
    num_emitted++;
}

/* Each live report stands for its own interval: counts are what came since the last one, times follow on one
 * another. */
static void test_intervals(void **state) {
    (void)state;
    static const struct config config = {.observer_name = "sensor"};
    struct reporter *reporter = reporter_new(&config, on_event, NULL);
    struct reporter_facts facts = {
        .capture = {.start_ns = 1000 * S,
                    .end_ns = 1060 * S,
                    .kernel_dropped = 5,
                    .mirror = "ok",
                    .memory_bytes = 77},
        .intake = {.packets = 100, .bytes = 9000, .segments_to_server = 60, .segments_to_client = 40},
        .decoded = {.truncated = 3, .depth_limit = 2},
    };
    struct notice opened = {.kind = NOTICE_OPENED}, gone = {.kind = NOTICE_GONE};
    reporter_notice(reporter, &opened);
    reporter_notice(reporter, &opened);
    reporter_notice(reporter, &gone);
    reporter_sensor(reporter, &facts);
    char first_id[33];
    memcpy(first_id, last_id, sizeof first_id);
    assert_int_equal(last.start_ns, 1000 * S);
    assert_int_equal(last.end_ns, 1060 * S);
    assert_int_equal(last.packets, 100);
    assert_int_equal(last.packets_dropped, 5);
    assert_int_equal(last.packets_truncated, 3);
    assert_int_equal(last.segments_to_server, 60);
    assert_int_equal(last.flows_peak, 2);
    assert_int_equal(last.flows_tracked, 1);
    assert_int_equal(last.limits_hit, 2);
    assert_int_equal(last_limit, 2);

    facts.capture.end_ns = 1120 * S;
    facts.capture.kernel_dropped = 6;
    facts.capture.clock_steps = 1;
    facts.intake.packets = 107;
    reporter_sensor(reporter, &facts);
    assert_int_equal(last.start_ns, 1060 * S);
    assert_int_equal(last.end_ns, 1120 * S);
    assert_int_equal(last.packets, 7);
    assert_int_equal(last.packets_dropped, 1);
    assert_int_equal(last.packets_truncated, 0);
    assert_int_equal(last.segments_to_server, 0);
    assert_int_equal(last.clock_steps, 1);
    assert_int_equal(last.flows_peak, 1); /* of this interval */
    assert_int_equal(last.memory_bytes, 77);
    assert_int_equal(last.limits_hit, 0);
    assert_int_equal(last.duplicate[1], 7);
    assert_string_not_equal(first_id, last_id);
    assert_int_equal(num_emitted, 2);
    reporter_free(reporter);
}

/* Of files nothing is told that only live capture knows. */
static void test_files(void **state) {
    (void)state;
    static const struct config config = {.observer_name = "sensor"};
    struct reporter *reporter = reporter_new(&config, on_event, NULL);
    struct reporter_facts facts = {
        .intake = {.packets = 100, .first_ts_ns = 1, .last_ts_ns = 2, .segments_to_server = 60}};
    reporter_sensor(reporter, &facts);
    assert_int_equal(last.start_ns, 1);
    assert_int_equal(last.end_ns, 2);
    assert_int_equal(last.packets, 100);
    assert_int_equal(last.segments_to_server, EVENT_ABSENT);
    assert_int_equal(last.clock_steps, EVENT_ABSENT);
    assert_int_equal(last.duplicate[1], 0);
    assert_null(last.mirror);
    reporter_free(reporter);
    reporter_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
