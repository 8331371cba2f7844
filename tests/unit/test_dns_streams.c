#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/dns_streams.h"

#define FIRST_SEQ 0xfffffffau /* the sequence number wraps inside the first message */

static const uint8_t server[4] = {192, 0, 2, 53}, client[4] = {192, 0, 2, 10};

/* What came out, each message behind its length. */
struct taken {
    size_t num, len[256];
    uint8_t bytes[1024];
    size_t used;
};

static void take(void *context, const uint8_t *message, size_t len) {
    struct taken *taken = context;
    assert_true(taken->num < 256 && taken->used + len <= sizeof taken->bytes);
    taken->len[taken->num++] = len;
    if (len > 0)
        memcpy(taken->bytes + taken->used, message, len);
    taken->used += len;
}

static void send(struct dns_streams *streams, struct taken *taken, uint16_t port, uint8_t flags, uint32_t seq,
                 const void *payload, size_t len) {
    const struct segment segment = {.src = server,
                                    .dst = client,
                                    .addr_len = 4,
                                    .flags = flags,
                                    .src_port = 53,
                                    .dst_port = port,
                                    .seq = seq,
                                    .payload = payload,
                                    .payload_len = (uint32_t)len,
                                    .payload_wire_len = (uint32_t)len};
    bool begun;
    int place = dns_streams_find(streams, &segment, &begun);
    assert_true(place < DNS_STREAMS_MAX && (place >= 0 || !begun));
    if (place >= 0)
        dns_streams_segment(streams, place, &segment, take, taken);
}

static const uint8_t messages[] = {0, 5, 'f', 'i', 'r', 's', 't', 0, 0, 0, 3, 't', 'w', 'o'};

static void check(const struct taken *taken) {
    assert_int_equal(taken->num, 3);
    assert_int_equal(taken->len[0], 5);
    assert_int_equal(taken->len[1], 0);
    assert_int_equal(taken->len[2], 3);
    assert_memory_equal(taken->bytes, "firsttwo", 8);
}

/* The same messages from any cut into three, in order and with the parts swapped, and when all comes twice.
 */
static void test_cuts(void **state) {
    const size_t len = sizeof messages;
    (void)state;
    for (size_t a = 0; a <= len; a++) {
        for (size_t b = a; b <= len; b++) {
            struct dns_streams *streams = dns_streams_new();
            struct taken taken = {0};
            assert_non_null(streams);
            send(streams, &taken, 4000, TCP_SYN | TCP_ACK, FIRST_SEQ - 1, NULL, 0);
            send(streams, &taken, 4000, TCP_ACK, FIRST_SEQ, messages, a);
            send(streams, &taken, 4000, TCP_ACK, FIRST_SEQ + (uint32_t)b, messages + b, len - b);
            send(streams, &taken, 4000, TCP_ACK, FIRST_SEQ + (uint32_t)a, messages + a, b - a);
            send(streams, &taken, 4000, TCP_ACK, FIRST_SEQ, messages, len);
            check(&taken);
            dns_streams_free(streams);
        }
    }
}

/* Without its SYN nobody knows where a message begins; a hole is not read over. */
static void test_what_is_missing(void **state) {
    struct dns_streams *streams = dns_streams_new();
    struct taken taken = {0};
    (void)state;
    assert_non_null(streams);
    send(streams, &taken, 4000, TCP_ACK, 1000, messages, sizeof messages);
    assert_int_equal(taken.num, 0);
    send(streams, &taken, 4000, TCP_SYN | TCP_ACK, 999, NULL, 0);
    send(streams, &taken, 4000, TCP_ACK, 1000 + 7, messages + 7, sizeof messages - 7);
    assert_int_equal(taken.num, 0);
    send(streams, &taken, 4000, TCP_FIN | TCP_ACK, 1000 + sizeof messages, NULL, 0);
    send(streams, &taken, 4000, TCP_ACK, 1000, messages, 7); /* late, behind the FIN */
    check(&taken);
    dns_streams_free(streams);
    dns_streams_free(NULL);
}

/* Over is over: the next connection from that port begins anew, and so it does without an end of the first.
 */
static void test_ports_again(void **state) {
    struct dns_streams *streams = dns_streams_new();
    struct taken taken = {0};
    (void)state;
    assert_non_null(streams);
    send(streams, &taken, 4000, TCP_SYN | TCP_ACK, 99, NULL, 0);
    send(streams, &taken, 4000, TCP_ACK, 100, messages, 4);
    send(streams, &taken, 4000, TCP_RST, 104, NULL, 0);
    send(streams, &taken, 4000, TCP_ACK, 104, messages + 4, 3);
    assert_int_equal(taken.num, 0);
    send(streams, &taken, 4000, TCP_SYN | TCP_ACK, 5000, NULL, 0);
    send(streams, &taken, 4000, TCP_ACK, 5001, messages, 4);
    send(streams, &taken, 4000, TCP_SYN | TCP_ACK, 9000, NULL, 0);
    send(streams, &taken, 4000, TCP_SYN | TCP_ACK, 9000, NULL, 0); /* sent again: no new one */
    send(streams, &taken, 4000, TCP_ACK, 9001, messages, sizeof messages);
    check(&taken);
    dns_streams_free(streams);
}

/* With one more than there are places the one silent for longest goes. */
static void test_limit(void **state) {
    struct dns_streams *streams = dns_streams_new();
    struct taken taken = {0};
    (void)state;
    assert_non_null(streams);
    for (uint16_t i = 0; i <= DNS_STREAMS_MAX; i++) {
        send(streams, &taken, (uint16_t)(4000 + i), TCP_SYN | TCP_ACK, 99, NULL, 0);
        send(streams, &taken, 4000, TCP_ACK, 100, messages, 1); /* this one is not silent */
    }
    send(streams, &taken, 4001, TCP_ACK, 100, messages, sizeof messages);
    assert_int_equal(taken.num, 0);
    send(streams, &taken, 4000, TCP_ACK, 100, messages, sizeof messages);
    check(&taken);
    send(streams, &taken, 4000 + DNS_STREAMS_MAX, TCP_ACK, 100, messages, 7);
    assert_int_equal(taken.num, 4);
    dns_streams_free(streams);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_ports_again),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
