#include "build_frame.h"

#include "../../sensor/intake.h"
#include "../../sensor/track/clock.h"

#define START (UINT64_C(1700000000) * NS_PER_S) /* 20 s into a minute */

static const struct config *settings(void) {
    static struct config config;
    config = (struct config){.peer_window_s = 60};
    config.mail_ports.bits[0] = UINT64_C(1) << 25;
    config.tls_ports.bits[465 / 64] = UINT64_C(1) << 465 % 64;
    return &config;
}

/* A raw IPv4 frame (LINKTYPE_RAW) of a TCP segment to this port. */
static struct packet packet_to(uint8_t frame[44], uint16_t port, uint64_t ts_ns) {
    static const uint8_t template[44] = {0x45, 0,  0,    44,   0,    0,    0, 0, 64, 6, 0,   0,   10,  0,  0,
                                         1,    10, 0,    0,    2,    0xc0, 0, 0, 0,  0, 0,   0,   1,   0,  0,
                                         0,    1,  0x50, 0x18, 0xff, 0xff, 0, 0, 0,  0, 'Q', 'U', 'I', 'T'};
    memcpy(frame, template, sizeof template);
    frame[22] = (uint8_t)(port >> 8);
    frame[23] = (uint8_t)port;
    return (struct packet){
        .data = frame, .captured_len = 44, .wire_len = 50, .linktype = 101, .ts_ns = ts_ns};
}

static void test_ports(void **state) {
    (void)state;
    uint8_t frame[44];
    struct window window;
    struct segment segment;
    struct config config = *settings();
    static const uint16_t watched[] = {25, 465}, others[] = {24, 26, 80, 443};
    for (int any = 0; any < 2; any++) {
        config.any_port = any;
        struct intake *intake = intake_new(&config);
        assert_non_null(intake);
        for (size_t i = 0; i < 2; i++) {
            struct packet packet = packet_to(frame, watched[i], START);
            assert_true(intake_segment(intake, &packet, &segment));
            intake_arrive(intake, &packet, &window);
            assert_int_equal(segment.dst_port, watched[i]);
            assert_int_equal(segment.payload_len, 4);
        }
        for (size_t i = 0; i < 4; i++) {
            struct packet packet = packet_to(frame, others[i], START);
            assert_int_equal(intake_segment(intake, &packet, &segment), any);
            intake_arrive(intake, &packet, &window);
        }
        assert_int_equal(intake_counters(intake)->packets, 6);
        assert_int_equal(intake_counters(intake)->bytes, 300);
        intake_free(intake);
    }
}

/* A window ends at a whole minute that two packets have reached, or a tick after them. */
static void test_windows(void **state) {
    (void)state;
    uint8_t frame[44];
    struct window window;
    static const uint64_t at_s[] = {0, 10, 41, 30, 50, 51, 200, 200};
    static const bool ends[] = {false, false, false, false, false, true, false, true};
    struct intake *intake = intake_new(settings());
    assert_non_null(intake);
    assert_false(intake_tick(intake, START, &window));
    assert_int_equal(intake_moment(intake)->elapsed_ns, 0);
    for (size_t i = 0; i < sizeof ends; i++) {
        struct packet packet = packet_to(frame, 25, START + at_s[i] * NS_PER_S);
        assert_int_equal(intake_arrive(intake, &packet, &window), ends[i]);
        assert_int_equal(intake_moment(intake)->packet, i + 1);
        if (ends[i])
            assert_int_equal(window.end_ns % (60 * NS_PER_S), 0);
    }
    assert_int_equal(intake_last_window(intake).start_ns, START + 160 * NS_PER_S);
    assert_int_equal(intake_last_window(intake).end_ns, START + 200 * NS_PER_S);
    assert_false(intake_tick(intake, START + 230 * NS_PER_S, &window));
    assert_true(intake_tick(intake, START + 230 * NS_PER_S, &window));
    assert_int_equal(window.start_ns, START + 160 * NS_PER_S);
    assert_int_equal(window.end_ns, START + 220 * NS_PER_S);
    assert_int_equal(intake_moment(intake)->packet, sizeof ends);
    intake_free(intake);
}

static void test_span(void **state) {
    (void)state;
    uint8_t frame[44];
    struct window window;
    static const uint64_t at_s[] = {5, 3, 9, 7};
    struct intake *intake = intake_new(settings());
    assert_non_null(intake);
    for (size_t i = 0; i < 4; i++) {
        struct packet packet = packet_to(frame, 25, START + at_s[i] * NS_PER_S);
        intake_arrive(intake, &packet, &window);
    }
    assert_int_equal(intake_counters(intake)->first_ts_ns, START + 3 * NS_PER_S);
    assert_int_equal(intake_counters(intake)->last_ts_ns, START + 9 * NS_PER_S);
    intake_free(intake);
}

/* An answer of the DNS is counted, but it moves no clock: not forward, and not back. */
static void test_answers_and_time(void **state) {
    (void)state;
    uint8_t frame[44], answer[44];
    struct window window;
    struct segment segment;
    struct intake *intake = intake_new(settings());
    assert_non_null(intake);
    for (unsigned i = 0; i < 3; i++) {
        struct packet packet = packet_to(frame, 25, START + i * NS_PER_S);
        assert_true(intake_segment(intake, &packet, &segment));
        intake_arrive(intake, &packet, &window);
    }
    uint64_t elapsed_ns = intake_moment(intake)->elapsed_ns;
    assert_int_equal(elapsed_ns, NS_PER_S);
    for (unsigned i = 0; i < 8; i++) {
        struct packet packet =
            packet_to(answer, 40000, i % 2 ? START + 900 * NS_PER_S : START - 900 * NS_PER_S);
        answer[20] = 0;
        answer[21] = DNS_PORT;
        assert_true(intake_segment(intake, &packet, &segment));
        assert_int_equal(segment.src_port, DNS_PORT);
        assert_false(intake_arrive(intake, &packet, &window));
        assert_int_equal(intake_moment(intake)->elapsed_ns, elapsed_ns);
    }
    struct packet packet = packet_to(frame, 25, START + 3 * NS_PER_S);
    assert_true(intake_segment(intake, &packet, &segment));
    assert_false(intake_arrive(intake, &packet, &window));
    assert_int_equal(intake_moment(intake)->elapsed_ns, 2 * NS_PER_S);
    assert_int_equal(intake_counters(intake)->packets, 12);
    intake_free(intake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_span),
        cmocka_unit_test(test_answers_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
