#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/clock.h"
#include "../../sensor/track/flow_hash.h"
#include "../../sensor/workers.h"

#define NUM_CONNECTIONS 1000u /* many more than notices that may wait */

/* Of the reporting thread, in which cmocka must not fail. */
struct seen {
    uint16_t ports[NUM_CONNECTIONS];
    size_t num, num_peers_before_last, num_peers, num_sensors;
};

static void on_event(void *context, const struct event *event) {
    struct seen *seen = context;
    if (event->dataset == DATASET_SESSION && seen->num < NUM_CONNECTIONS)
        seen->ports[seen->num++] = event->session.source.port;
    if (event->dataset == DATASET_PEER && event->peer.ip) { /* names have events of their own */
        seen->num_peers++;
        seen->num_peers_before_last += seen->num < NUM_CONNECTIONS;
    }
    seen->num_sensors += event->dataset == DATASET_SENSOR;
}

static const struct config *settings(void) {
    static struct config config;
    config = (struct config){.no_verify = true, .max_flows = 100000, .observer_name = (char *)"me"};
    config.mail_ports.bits[0] = UINT64_C(1) << 25;
    return &config;
}

static void greet(struct workers *workers, uint16_t port, struct moment now, size_t payload_len) {
    static uint8_t payload[100000];
    static const uint8_t client[4] = {10, 0, 0, 1}, server[4] = {10, 0, 0, 2};
    memcpy(payload, "220 mail.example ESMTP\r\n", 24);
    struct segment s = {.src = server,
                        .dst = client,
                        .addr_len = 4,
                        .flags = TCP_ACK,
                        .src_port = 25,
                        .dst_port = port,
                        .seq = 1,
                        .ack = 1,
                        .payload = payload,
                        .payload_len = (uint32_t)payload_len,
                        .payload_wire_len = (uint32_t)payload_len,
                        .vlan_id = -1,
                        .ts_ns = now.elapsed_ns + 1};
    s.flow_hash = flow_hash(&s, &(struct siphash_key){1, 2});
    workers_advance(workers, &now);
    workers_segment(workers, &s, &now);
}

static void run(unsigned num, size_t payload_len, struct seen *seen) {
    char error[256];
    struct moment now = {0};
    struct reporter *reporter = reporter_new(settings(), on_event, seen);
    struct workers *workers = workers_new(settings(), num, reporter, error, sizeof error);
    assert_non_null(workers);
    assert_true(workers_start(workers, error, sizeof error));
    for (unsigned i = 0; i < NUM_CONNECTIONS; i++) {
        now = (struct moment){i / 3 * NS_PER_S, i + 1, i / 3 * NS_PER_S, 0}; /* three at a time */
        greet(workers, (uint16_t)(20000 + i), now, payload_len);
        if (i % 100 == 7)
            workers_flush(workers);
        if (i == NUM_CONNECTIONS / 2)
            workers_next_input(workers);
    }
    workers_advance(workers, &(struct moment){800 * NS_PER_S, now.packet, 800 * NS_PER_S, 0});
    workers_end_window(workers, &(struct window){1, 2});
    workers_advance(workers, &(struct moment){2000 * NS_PER_S, now.packet, 2000 * NS_PER_S, 0});
    struct reporter_facts facts = {0};
    workers_finish(workers, &(struct window){2, 3}, &facts);
    assert_int_equal(workers_sessions(workers), NUM_CONNECTIONS);
    workers_free(workers);
    reporter_free(reporter);
}

/* Each connection is told of when its patience ends: in the order in which they came, whoever has it. */
static void test_order(void **state) {
    (void)state;
    static const unsigned nums[] = {2, 3, 64};
    for (size_t i = 0; i < sizeof nums / sizeof nums[0]; i++) {
        struct seen seen = {0};
        run(nums[i], i == 1 ? 100000 : 24, &seen);
        assert_int_equal(seen.num, NUM_CONNECTIONS);
        for (size_t k = 0; k < NUM_CONNECTIONS; k++)
            assert_int_equal(seen.ports[k], 20000 + k);
        assert_int_equal(seen.num_peers, 2);
        assert_int_equal(seen.num_peers_before_last, 1);
        assert_int_equal(seen.num_sensors, 1);
    }
}

/* Not started, or not finished: all is given back and nothing hangs. */
static void test_given_up(void **state) {
    (void)state;
    char error[256];
    struct seen seen = {0};
    for (unsigned turn = 0; turn < 3; turn++) {
        struct reporter *reporter = reporter_new(settings(), on_event, &seen);
        struct workers *workers = workers_new(settings(), 2, reporter, error, sizeof error);
        assert_non_null(workers);
        if (turn > 0)
            assert_true(workers_start(workers, error, sizeof error));
        for (unsigned i = 0; turn == 2 && i < 1500; i++)
            greet(workers, (uint16_t)(20000 + i), (struct moment){i, i + 1, i, 0}, 24);
        workers_free(workers);
        reporter_free(reporter);
    }
    assert_int_equal(seen.num_sensors, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
