#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/budget.h"
#include "../../sensor/track/clock.h"
#include "../../sensor/tracker.h"
#include "make_cert.h"
#include "tls_bytes.h"

#define NOTICES 64

struct told {
    enum notice_kind kind;
    struct order order;
    uint16_t port; /* the client's, of a session */
    bool evicted;
};

struct bench {
    struct budget budget;
    struct config config;
    struct tracker *tracker;
    struct notice notice;
    struct told told[NOTICES];
    size_t num;
    uint64_t packet;
};

static struct notice *lend(void *context) {
    struct bench *bench = context;
    return &bench->notice;
}

static void take(void *context, struct notice *notice) {
    struct bench *bench = context;
    struct told told = {.kind = notice->kind, .order = notice->order};
    if (notice->kind == NOTICE_SESSION) {
        told.port = notice->event.session.source.port;
        told.evicted = notice->event.session.unknown_reason == UNKNOWN_EVICTED;
    }
    assert_true(bench->num < NOTICES);
    assert_true(bench->num == 0 || order_compare(&bench->told[bench->num - 1].order, &told.order) <= 0);
    bench->told[bench->num++] = told;
}

static void begin(struct bench *bench, size_t max_flows) {
    char error[256];
    *bench = (struct bench){.config = {.no_verify = true}};
    budget_init(&bench->budget, SIZE_MAX);
    bench->config.mail_ports.bits[0] = UINT64_C(1) << 25;
    struct tracker_output output = {lend, take, bench};
    bench->tracker = tracker_new(&bench->config, max_flows, &bench->budget, &output, error, sizeof error);
    assert_non_null(bench->tracker);
}

static void end(struct bench *bench) {
    event_cleanup(&bench->notice.event);
    tracker_free(bench->tracker);
}

struct payload {
    const void *data;
    size_t len;
};

/* The next packet, between the client's port and ours, at this elapsed time, or, if its stamp is true, later.
 */
static void segment_of(struct bench *bench, uint64_t elapsed_ns, uint64_t ahead_ns, uint16_t port,
                       bool from_client, uint32_t seq, uint8_t flags, struct payload payload) {
    static const uint8_t client[4] = {10, 0, 0, 1}, server[4] = {10, 0, 0, 2};
    struct segment s = {.src = from_client ? client : server,
                        .dst = from_client ? server : client,
                        .addr_len = 4,
                        .flags = flags,
                        .src_port = from_client ? port : 25,
                        .dst_port = from_client ? 25 : port,
                        .seq = seq,
                        .ack = 1,
                        .payload = payload.data,
                        .payload_len = (uint32_t)payload.len,
                        .payload_wire_len = (uint32_t)payload.len,
                        .vlan_id = -1,
                        .ts_ns = elapsed_ns + 1};
    tracker_segment(bench->tracker, &s, &(struct moment){elapsed_ns, ++bench->packet, ahead_ns, 0});
}

static void segment_ahead(struct bench *bench, uint64_t elapsed_ns, uint64_t ahead_ns, uint16_t port,
                          bool from_client, uint32_t seq, uint8_t flags, const char *payload) {
    segment_of(bench, elapsed_ns, ahead_ns, port, from_client, seq, flags,
               (struct payload){payload, strlen(payload)});
}

static void segment(struct bench *bench, uint64_t elapsed_ns, uint16_t port, bool from_client, uint32_t seq,
                    uint8_t flags, const char *payload) {
    segment_ahead(bench, elapsed_ns, elapsed_ns, port, from_client, seq, flags, payload);
}

static void open_and_close(struct bench *bench, uint64_t elapsed_ns, uint16_t port) {
    segment(bench, elapsed_ns, port, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    segment(bench, elapsed_ns, port, true, 1, TCP_ACK, "EHLO client.example\r\n");
    segment(bench, elapsed_ns, port, false, 25, TCP_RST, "");
}

static void assert_told(const struct bench *bench, size_t i, enum notice_kind kind, uint64_t elapsed_ns,
                        uint64_t packet, uint64_t tie) {
    const struct told *told = &bench->told[i];
    assert_true(i < bench->num);
    assert_int_equal(told->kind, kind);
    assert_int_equal(told->order.elapsed_ns, elapsed_ns);
    assert_int_equal(told->order.packet, packet);
    assert_int_equal(told->order.tie, tie);
}

/* A closed connection is told of a second later, forgotten a minute after that; not a moment earlier, and the
 * order is that of the moments when that was due, however late time is advanced. */
static void test_due(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 10);
    open_and_close(&bench, 5, 1000);
    assert_told(&bench, 0, NOTICE_OPENED, 5, 1, 0);
    tracker_advance(bench.tracker, 5 + NS_PER_S - 1);
    assert_int_equal(bench.num, 1);
    tracker_advance(bench.tracker, 5 + NS_PER_S);
    assert_told(&bench, 1, NOTICE_SESSION, 5 + NS_PER_S, 0, 3);
    assert_int_equal(bench.told[1].port, 1000);
    tracker_advance(bench.tracker, 5 + 61 * NS_PER_S - 1);
    assert_int_equal(bench.num, 2);
    tracker_advance(bench.tracker, 1000 * NS_PER_S);
    assert_told(&bench, 2, NOTICE_GONE, 5 + 61 * NS_PER_S, 0, 3);
    end(&bench);
}

/* The end comes after a silence: what is late is waited for from there, not from before the silence. */
static void test_end_after_a_silence(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 10);
    segment(&bench, 0, 1000, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    segment_ahead(&bench, 0, 5 * NS_PER_S, 1000, false, 25, TCP_RST, "");
    tracker_advance(bench.tracker, 6 * NS_PER_S - 1);
    assert_int_equal(bench.num, 1);
    tracker_advance(bench.tracker, 6 * NS_PER_S);
    assert_told(&bench, 1, NOTICE_SESSION, 6 * NS_PER_S, 0, 2);
    end(&bench);
}

/* It is over when its patience is, though a packet came after that and nothing had yet confirmed the time. */
static void test_packet_after_the_end(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 10);
    open_and_close(&bench, 0, 1000);
    segment_ahead(&bench, 0, 30 * NS_PER_S, 1000, false, 25, TCP_RST, "");
    tracker_advance(bench.tracker, NS_PER_S);
    assert_told(&bench, 1, NOTICE_SESSION, NS_PER_S, 0, 3);
    end(&bench);
}

/* Both queues, one moment: the last packet's number decides. */
static void test_ties(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 10);
    segment(&bench, 0, 1000, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    segment(&bench, 0, 1001, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    open_and_close(&bench, 629 * NS_PER_S, 1002);
    open_and_close(&bench, 629 * NS_PER_S, 1003);
    tracker_advance(bench.tracker, 700 * NS_PER_S);
    static const struct {
        uint16_t port;
        uint64_t packet;
    } expected[] = {{1000, 1}, {1001, 2}, {1002, 5}, {1003, 8}};
    size_t found = 0;
    for (size_t i = 0; i < bench.num; i++) {
        if (bench.told[i].kind != NOTICE_SESSION)
            continue;
        assert_told(&bench, i, NOTICE_SESSION, 630 * NS_PER_S, 0, expected[found].packet);
        assert_int_equal(bench.told[i].port, expected[found++].port);
    }
    assert_int_equal(found, 4);
    end(&bench);
}

/* A new connection between the same ports tells of the one before at once. */
static void test_same_ports(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 10);
    open_and_close(&bench, 5, 1000);
    segment(&bench, 7, 1000, true, 77777, TCP_SYN, "");
    assert_told(&bench, 1, NOTICE_SESSION, 7, 4, 0);
    assert_told(&bench, 2, NOTICE_GONE, 7, 4, 0);
    assert_told(&bench, 3, NOTICE_OPENED, 7, 4, 0);
    assert_int_equal(bench.num, 4);
    end(&bench);
}

static void test_eviction(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 2);
    for (uint16_t port = 1000; port < 1003; port++)
        segment(&bench, port, port, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    assert_told(&bench, 2, NOTICE_SESSION, 1002, 3, 0);
    assert_int_equal(bench.told[2].port, 1000);
    assert_true(bench.told[2].evicted);
    assert_told(&bench, 3, NOTICE_GONE, 1002, 3, 0);
    assert_told(&bench, 4, NOTICE_OPENED, 1002, 3, 0);
    assert_int_equal(tracker_counters(bench.tracker)->flows_evicted, 1);
    assert_int_equal(tracker_counters(bench.tracker)->limits[LIMIT_FLOWS], 1);
    end(&bench);
}

/* A flood of SYNs takes places from its own, however new they are. */
static void test_half_open_first(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 4);
    for (uint16_t port = 1000; port < 1002; port++)
        segment(&bench, port, port, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    for (uint16_t port = 2000; port < 2006; port++)
        segment(&bench, port, port, true, 1, TCP_SYN, "");
    assert_int_equal(tracker_counters(bench.tracker)->flows_evicted, 4);
    for (size_t i = 0; i < bench.num; i++)
        assert_int_not_equal(bench.told[i].kind, NOTICE_SESSION);
    end(&bench);
}

/* Beyond the budget the one that was idle longest goes, and the budget knows what is left. */
static void test_budget(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 100);
    bench.budget.max = 100 << 10; /* small enough to be told of nearly each change */
    segment(&bench, 1, 1000, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    size_t one = atomic_load(&bench.budget.held);
    assert_true(one > sizeof(struct notice) / 100);
    bench.budget.max = 2 * one + one / 2;
    for (uint16_t port = 1001; port < 1004; port++)
        segment(&bench, port, port, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    assert_int_equal(tracker_counters(bench.tracker)->flows_evicted, 2);
    assert_int_equal(tracker_counters(bench.tracker)->limits[LIMIT_MEMORY_CAP], 2);
    assert_true(atomic_load(&bench.budget.held) <= bench.budget.max);
    size_t evicted = 0;
    for (size_t i = 0; i < bench.num; i++)
        evicted += bench.told[i].evicted;
    assert_int_equal(evicted, 2);
    tracker_finish(bench.tracker);
    assert_int_equal(atomic_load(&bench.budget.held), 0);
    end(&bench);
}

/* The end: those that were closing, then those that were open, each in the order of their last packets. */
static void test_finish(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, 10);
    segment(&bench, 1, 1000, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    segment(&bench, 2, 1001, false, 1, TCP_ACK, "220 mail.example ESMTP\r\n");
    open_and_close(&bench, 3, 1002);
    segment(&bench, 4, 1000, true, 1, TCP_ACK, "EHLO client.example\r\n");
    tracker_finish(bench.tracker);
    assert_told(&bench, 3, NOTICE_SESSION, UINT64_MAX - 1, 3, 5);
    assert_told(&bench, 5, NOTICE_SESSION, UINT64_MAX, 2, 2);
    assert_told(&bench, 7, NOTICE_SESSION, UINT64_MAX, 4, 6);
    assert_int_equal(bench.num, 9);
    end(&bench);
}

static void test_order(void **state) {
    (void)state;
    const struct order orders[] = {{1, 0, 9}, {1, 2, 0}, {1, 2, 1}, {2, 0, 0}, {UINT64_MAX, 0, 0}};
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 5; k++)
            assert_int_equal(order_compare(&orders[i], &orders[k]), (i > k) - (i < k));
    }
}

/* --- a chain that is larger than what is copied of one --- */

static void say(struct bench *bench, bool from_client, uint32_t seq, const struct bytes *bytes) {
    segment_of(bench, 5, 5, 1000, from_client, seq, TCP_ACK, (struct payload){bytes->data, bytes->len});
}

/* The message in records and segments of 16 kB each. */
static void say_long(struct bench *bench, uint32_t seq, const uint8_t *message, size_t len) {
    for (size_t at = 0; at < len; at += 16384) {
        struct bytes record = {0};
        put_record(&record, 22, message + at, len - at < 16384 ? len - at : 16384);
        say(bench, false, seq, &record);
        seq += (uint32_t)record.len;
    }
}

/* A Certificate (RFC 5246 section 7.4.2) that shows one certificate so many times. */
static size_t put_certificates(uint8_t *out, const struct made *made, size_t num) {
    struct bytes head = {0}, each = {0};
    size_t len = num * (3 + made->len);
    PUT_U8(&head, 11);
    PUT_U24(&head, (uint32_t)len + 3);
    PUT_U24(&head, (uint32_t)len);
    PUT_U24(&each, (uint32_t)made->len);
    memcpy(out, head.data, head.len);
    for (size_t i = 0, at = head.len; i < num; i++, at += each.len + made->len) {
        memcpy(out + at, each.data, each.len);
        memcpy(out + at + each.len, made->der, made->len);
    }
    return head.len + len;
}

static uint64_t limits_hit_by_a_chain(size_t num) {
    static char large[50000]; /* twice in each, as subject and issuer */
    static uint8_t message[400000];
    static const uint16_t suite = 0xc030;
    static const uint8_t random[32] = {1};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    memset(large, 'x', sizeof large);
    struct made *made = cert_make(&(struct recipe){.cn = large, .cn_len = sizeof large}, key, NULL);
    struct bench bench;
    struct bytes body = {0}, client = {0}, server = {0};
    begin(&bench, 10);
    put_client_hello(&body, 0x0303, &suite, 1, NULL);
    put_handshake(&client, 1, body.data, body.len);
    body.len = 0;
    put_server_hello(&body, 0x0303, random, suite, NULL);
    put_handshake(&server, 2, body.data, body.len);
    segment(&bench, 5, 1000, true, 0, TCP_SYN, "");
    segment(&bench, 5, 1000, false, 0, TCP_SYN | TCP_ACK, "");
    segment(&bench, 5, 1000, false, 1, TCP_ACK, "220 a\r\n");
    segment(&bench, 5, 1000, true, 1, TCP_ACK, "EHLO b\r\n");
    segment(&bench, 5, 1000, false, 8, TCP_ACK, "250-a\r\n250 STARTTLS\r\n");
    segment(&bench, 5, 1000, true, 9, TCP_ACK, "STARTTLS\r\n");
    segment(&bench, 5, 1000, false, 29, TCP_ACK, "220 c\r\n");
    say(&bench, true, 19, &client);
    say(&bench, false, 36, &server);
    say_long(&bench, 36 + (uint32_t)server.len, message, put_certificates(message, made, num));
    tracker_finish(bench.tracker);
    assert_int_equal(bench.notice.event.session.cert_chain_length, num);
    assert_int_equal(bench.notice.ends.chain.num, num > 2 ? 0 : num);
    uint64_t hit = tracker_counters(bench.tracker)->limits[LIMIT_TLS];
    end(&bench);
    made_free(made);
    EVP_PKEY_free(key);
    return hit;
}

static void test_large_chain(void **state) {
    (void)state;
    assert_int_equal(limits_hit_by_a_chain(2), 0);
    assert_int_equal(limits_hit_by_a_chain(3), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_end_after_a_silence),
        cmocka_unit_test(test_packet_after_the_end),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_same_ports),
        cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_half_open_first),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_finish),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_large_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
