#include "../../sensor/reporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static struct sensor_event last; /* what was emitted; limits are of the call */
static char last_id[33], last_limit_name[32];
static uint64_t num_emitted, last_limit;

static void on_event(void *context, const struct event *event) {
    (void)context;
    assert_int_equal(event->dataset, DATASET_SENSOR);
    last = event->sensor;
    memcpy(last_id, event->id, sizeof last_id);
    last_limit = last.limits.num > 0 ? last.limits.items[0].num : 0;
    snprintf(last_limit_name, sizeof last_limit_name, "%s", last_limit > 0 ? last.limits.items[0].name : "");
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

static struct reporter_totals told;
static uint64_t num_told;

static void on_totals(void *context, const struct reporter_totals *totals) {
    (void)context;
    told = *totals;
    num_told++;
}

/* Totals are since the start, whatever was reported meanwhile, and no event; nor do they change what the next
 * one says. */
static void test_totals(void **state) {
    (void)state;
    static const struct config config = {.observer_name = "sensor"};
    struct reporter *reporter = reporter_new(&config, on_event, NULL);
    struct reporter_facts facts = {
        .capture = {.start_ns = 1000 * S, .end_ns = 1060 * S, .kernel_dropped = 5},
        .intake = {.packets = 100},
        .decoded = {.fragment_limit = 4, .depth_limit = 2},
        .trackers = {.flows_evicted = 8},
    };
    struct notice opened = {.kind = NOTICE_OPENED};
    facts.trackers.limits[LIMIT_TLS] = 6;
    reporter_set_tell(reporter, on_totals);
    reporter_notice(reporter, &opened);
    reporter_sensor(reporter, &facts);
    num_emitted = num_told = 0;
    facts.intake.packets = 150;
    facts.only_totals = true;
    reporter_sensor(reporter, &facts);
    assert_int_equal(num_emitted, 0);
    assert_int_equal(num_told, 1);
    assert_int_equal(told.sensor.packets, 150);
    assert_int_equal(told.sensor.packets_dropped, 5);
    assert_int_equal(told.sensor.flows_tracked, 1);
    assert_int_equal(told.sensor.flows_evicted, 8);
    assert_int_equal(told.limits[LIMIT_TLS], 6);
    assert_int_equal(told.limits[LIMIT_FRAGMENTS], 4);
    assert_int_equal(told.limits[LIMIT_TUNNEL_DEPTH], 2);
    facts.only_totals = false;
    facts.capture.end_ns = 1120 * S;
    reporter_sensor(reporter, &facts);
    assert_int_equal(num_emitted, 1);
    assert_int_equal(last.start_ns, 1060 * S);
    assert_int_equal(last.packets, 50);
    assert_int_equal(last.packets_dropped, 0);
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

struct seen {
    size_t num[NUM_DATASETS];
    uint64_t peer_sessions, peer_end_ns;
    struct sensor_event sensor;
    char limits[64];
};

static void on_any_event(void *context, const struct event *event) {
    struct seen *seen = context;
    seen->num[event->dataset]++;
    assert_string_equal(event->observer_name, "me");
    if (event->dataset == DATASET_PEER) {
        seen->peer_sessions += event->peer.sessions;
        seen->peer_end_ns = event->peer.window_end_ns;
    }
    if (event->dataset != DATASET_SENSOR)
        return;
    seen->sensor = event->sensor;
    for (size_t i = 0; i < event->sensor.limits.num; i++)
        strcat(strcat(seen->limits, event->sensor.limits.items[i].name), " ");
}

static void tell(struct reporter *reporter, enum notice_kind kind) {
    struct notice notice = {.kind = kind};
    event_init(&notice.event);
    notice.event.session.source.ip = "192.0.2.1";
    notice.event.session.destination.ip = "192.0.2.2";
    notice.event.session.one_sided = true;
    notice.event.session.duplicates = 3;
    notice.event.session.gap_bytes = 100;
    reporter_notice(reporter, &notice);
    event_cleanup(&notice.event);
}

/* Sessions, their peers by windows, and the sum of it all. */
static void test_report(void **state) {
    (void)state;
    struct seen seen = {0};
    struct config config = {.observer_name = (char *)"me"};
    struct reporter *reporter = reporter_new(&config, on_any_event, &seen);
    assert_non_null(reporter);
    static const enum notice_kind kinds[] = {
        NOTICE_OPENED, NOTICE_OPENED, NOTICE_SESSION, NOTICE_GONE,
        NOTICE_OPENED, NOTICE_OPENED, NOTICE_SESSION, NOTICE_GONE,
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        tell(reporter, kinds[i]);
    assert_int_equal(seen.num[DATASET_SESSION], 2);
    assert_int_equal(seen.num[DATASET_PEER], 0);
    reporter_end_window(reporter, &(struct window){1, 2});
    assert_int_equal(seen.num[DATASET_PEER], 1);
    assert_int_equal(seen.peer_sessions, 2);
    assert_int_equal(seen.peer_end_ns, 2);
    reporter_end_window(reporter, &(struct window){2, 3});
    assert_int_equal(seen.num[DATASET_PEER], 1); /* nothing happened in it */

    struct reporter_facts facts = {.intake = {.packets = 7, .first_ts_ns = 1, .last_ts_ns = 9},
                                   .decoded = {.depth_limit = 4, .truncated = 2},
                                   .trackers = {.flows_evicted = 5}};
    facts.trackers.limits[LIMIT_FLOWS] = 5;
    reporter_sensor(reporter, &facts);
    assert_int_equal(seen.num[DATASET_SENSOR], 1);
    assert_int_equal(seen.sensor.flows_peak, 3);
    assert_int_equal(seen.sensor.flows_evicted, 5);
    assert_int_equal(seen.sensor.packets, 7);
    assert_int_equal(seen.sensor.packets_truncated, 2);
    assert_int_equal(seen.sensor.sessions, 2);
    assert_int_equal(seen.sensor.sessions_one_sided, 2);
    assert_int_equal(seen.sensor.packets_duplicate, 6);
    assert_int_equal(seen.sensor.gaps, 2);
    assert_int_equal(seen.sensor.gap_bytes, 200);
    assert_int_equal(seen.sensor.limits_hit, 9);
    assert_string_equal(seen.limits, "flows tunnel_depth ");
    assert_int_equal(reporter_sessions(reporter), 2);
    reporter_free(reporter);
}

static void keep_id(void *context, const struct event *event) {
    char(*ids)[33] = context;
    while ((*ids)[0] != '\0')
        ids++;
    memcpy(*ids, event->id, sizeof *ids);
}

/* Ends that connect again at the same time, by coarse stamps or a clock that was set back, have other ids;
 * which ones does not depend on the run. */
static void test_twins(void **state) {
    (void)state;
    static const char *const began[] = {"a", "b", "a", "a", "b"};
    enum { NUM = sizeof began / sizeof began[0] };
    static const struct config config = {.observer_name = "me"};
    char ids[2][NUM + 1][33] = {0};
    for (size_t run = 0; run < 2; run++) {
        struct reporter *reporter = reporter_new(&config, keep_id, ids[run]);
        assert_non_null(reporter);
        for (size_t i = 0; i < NUM; i++) {
            struct notice notice = {.kind = NOTICE_SESSION};
            event_init(&notice.event);
            memset(notice.event.id, began[i][0], 32);
            reporter_notice(reporter, &notice);
            event_cleanup(&notice.event);
        }
        reporter_free(reporter);
    }
    assert_memory_equal(ids[0], ids[1], sizeof ids[0]);
    assert_int_equal(ids[0][0][31], 'a');
    assert_int_equal(ids[0][1][31], 'b');
    for (size_t i = 0; i < NUM; i++) {
        assert_int_equal(strlen(ids[0][i]), 32);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[0][i], ids[0][k]);
    }
}

/* What the cache of names had to drop is told in the sensor event, once. */
static void test_names_dropped(void **state) {
    static const struct config config = {.observer_name = "sensor"};
    struct reporter *reporter = reporter_new(&config, on_event, NULL);
    struct notice notice = {.kind = NOTICE_NAMES, .ts_ns = 1};
    char names[NAMES_PER_KEY_MAX + 3][8];
    (void)state;
    assert_non_null(reporter);
    event_init(&notice.event);
    for (size_t i = 0; i < NAMES_PER_KEY_MAX + 3; i++) {
        const struct name_fact fact = {.kind = NAME_OF_ADDRESS,
                                       .key_len = 4,
                                       .value_len = (uint16_t)snprintf(names[i], sizeof names[i], "n%zu", i),
                                       .ttl_s = 60,
                                       .key = (const uint8_t *)"addr",
                                       .value = (const uint8_t *)names[i]};
        notice.facts = &fact;
        notice.num_facts = 1;
        reporter_notice(reporter, &notice);
    }
    const struct reporter_facts facts = {.intake = {.packets = 7, .first_ts_ns = 1, .last_ts_ns = 9}};
    reporter_sensor(reporter, &facts);
    assert_string_equal(last_limit_name, "names");
    assert_int_equal(last_limit, 3);
    reporter_sensor(reporter, &facts);
    assert_int_equal(last.limits_hit, 0);
    event_cleanup(&notice.event);
    reporter_free(reporter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals), cmocka_unit_test(test_totals),        cmocka_unit_test(test_files),
        cmocka_unit_test(test_report),    cmocka_unit_test(test_names_dropped), cmocka_unit_test(test_twins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
