#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/lanes.h"
#include "../../sensor/track/clock.h"

#define CLIENTS  40u  /* each with another address */
#define PORTS    100u /* connections of each */
#define SEGMENTS 6u   /* of each connection; many more than posts and notices that may wait */
#define NUM_MAX  8u

struct run {
    struct lanes *lanes;
    unsigned num;
    unsigned first_port[NUM_MAX]; /* of each lane, when its thread begins again */
    unsigned stop_at;             /* ports */
    size_t sessions, whole;
};

static void on_event(void *context, const struct event *event) {
    struct run *run = context;
    if (event->dataset != DATASET_SESSION)
        return;
    run->sessions++;
    run->whole += event->session.source.packets == SEGMENTS;
}

static const struct config *settings(void) {
    static struct config config;
    config = (struct config){.no_verify = true, .max_flows = 100000, .observer_name = (char *)"me"};
    config.mail_ports.bits[0] = UINT64_C(1) << 25;
    return &config;
}

static void put_16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* LINKTYPE_RAW, IPv4, from a client to port 25: "EHLO x" and so on, cut into pieces of two bytes. */
static void send_piece(struct run *run, unsigned lane, unsigned client, unsigned port, unsigned piece) {
    uint8_t data[42] = {0x45, 0, 0, 42, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 0, 10, 1, 0, 1};
    uint8_t *tcp = data + 20;
    data[15] = (uint8_t)client;
    put_16(tcp, 20000 + port);
    put_16(tcp + 2, 25);
    tcp[7] = (uint8_t)(1 + 2 * piece);
    tcp[12] = 0x50;
    tcp[13] = TCP_ACK;
    memcpy(tcp + 20, &"EHLO me.test"[2 * (size_t)piece], 2);
    struct packet packet = {
        .data = data, .captured_len = 42, .wire_len = 42, .linktype = 101, .ts_ns = NS_PER_S + port};
    lanes_packet(run->lanes, lane, &packet);
}

/* Each lane brings some packets of all connections: most belong to others. */
static void body(void *context, unsigned lane) {
    struct run *run = context;
    for (unsigned port = run->first_port[lane]; port < run->stop_at; port++) {
        for (unsigned i = lane; i < CLIENTS * SEGMENTS; i += run->num)
            send_piece(run, lane, i / SEGMENTS, port, i % SEGMENTS);
        if (port % 16 == 3)
            lanes_exchange(run->lanes, lane);
        run->first_port[lane] = port + 1;
    }
    lanes_tick(run->lanes, lane, 2 * NS_PER_S);
    lanes_exchange(run->lanes, lane);
}

static void test_all_arrive(void **state) {
    (void)state;
    static const unsigned nums[] = {2, 3, NUM_MAX};
    for (size_t i = 0; i < sizeof nums / sizeof nums[0]; i++) {
        char error[256];
        struct run run = {.num = nums[i]};
        struct reporter *reporter = reporter_new(settings(), on_event, &run);
        run.lanes = lanes_new(settings(), nums[i], reporter, error, sizeof error);
        assert_non_null(run.lanes);
        assert_int_equal(lanes_num(run.lanes), nums[i]);
        lanes_set_body(run.lanes, body, &run);
        for (unsigned turn = 1; turn <= 4; turn++) { /* stopped and started again, nothing is lost */
            run.stop_at = PORTS / 4 * turn;
            assert_true(lanes_start(run.lanes, error, sizeof error));
            lanes_report(run.lanes, 1);
            lanes_stop(run.lanes);
        }
        assert_true(lanes_reload(run.lanes, settings(), error, sizeof error));
        lanes_finish(run.lanes);
        assert_int_equal(run.sessions, CLIENTS * PORTS);
        assert_int_equal(run.whole, CLIENTS * PORTS);
        struct reporter_facts facts = {0};
        lanes_count(run.lanes, &facts);
        assert_int_equal(facts.intake.packets, CLIENTS * PORTS * SEGMENTS);
        assert_int_equal(facts.intake.segments_to_server, CLIENTS * PORTS * SEGMENTS);
        lanes_free(run.lanes);
        reporter_free(reporter);
    }
}

/* Not started; and freed while the threads run: all is given back and nothing hangs. */
static void test_given_up(void **state) {
    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        char error[256];
        struct run run = {.num = 2, .stop_at = PORTS};
        struct reporter *reporter = reporter_new(settings(), on_event, &run);
        run.lanes = lanes_new(settings(), 2, reporter, error, sizeof error);
        assert_non_null(run.lanes);
        lanes_set_body(run.lanes, body, &run);
        if (turn == 1)
            assert_true(lanes_start(run.lanes, error, sizeof error));
        lanes_free(run.lanes);
        reporter_free(reporter);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_arrive),
        cmocka_unit_test(test_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
