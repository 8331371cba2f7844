/* Conversations on ports that say nothing, shown segment by segment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/judge/recognise.h"

struct line {
    char from; /* 'C' or 'S' */
    const char *text;
};

static struct recogniser *recogniser;

static int setup(void **state) {
    (void)state;
    recogniser = recogniser_new();
    return recogniser == NULL;
}

static int teardown(void **state) {
    (void)state;
    recogniser_free(recogniser);
    return 0;
}

struct conversation {
    struct recognition *recognition;
    uint8_t addr_len;
    uint16_t port;
    uint32_t seq[2];
};

static enum recognised say(struct conversation *conversation, char from, const void *payload, size_t len) {
    static const uint8_t client[16] = {192, 0, 2, 1}, server[16] = {192, 0, 2, 2};
    bool from_client = from == 'C';
    uint32_t *seq = &conversation->seq[from_client];
    /* exactly so long that a reader beyond the end is caught */
    uint8_t *copy = len > 0 ? malloc(len) : NULL;
    if (copy)
        memcpy(copy, payload, len);
    const struct segment segment = {
        .src = from_client ? client : server,
        .dst = from_client ? server : client,
        .addr_len = conversation->addr_len,
        .flags = TCP_ACK | TCP_PSH,
        .src_port = from_client ? 40000 : conversation->port,
        .dst_port = from_client ? conversation->port : 40000,
        .seq = *seq,
        .ack = conversation->seq[!from_client],
        .window = 1000,
        .payload = copy,
        .payload_len = (uint32_t)len,
        .payload_wire_len = (uint32_t)len,
        .vlan_id = -1,
        .ts_ns = UINT64_C(1700000000000000000),
    };
    enum recognised result = recognition_look(conversation->recognition, &segment, from_client);
    *seq += (uint32_t)len;
    free(copy);
    return result;
}

/* What is said of the whole conversation; *num_needed is how many lines it took. */
static enum recognised hold(const struct line *lines, size_t num, uint16_t port, uint8_t addr_len,
                            size_t *num_needed) {
    struct conversation conversation = {recognition_new(recogniser), addr_len, port, {1000, 2000}};
    enum recognised result = RECOGNISED_NOT_YET;
    assert_non_null(conversation.recognition);
    for (*num_needed = 0; *num_needed < num && result == RECOGNISED_NOT_YET; ++*num_needed)
        result = say(&conversation, lines[*num_needed].from, lines[*num_needed].text,
                     strlen(lines[*num_needed].text));
    recognition_free(conversation.recognition);
    return result;
}

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const struct line smtp[] = {
    {'S', "220 mx.example.org ESMTP Postfix\r\n"},
    {'C', "EHLO client.example.org\r\n"},
    {'S', "250-mx.example.org\r\n250-SIZE 1000000\r\n250 STARTTLS\r\n"},
    {'C', "STARTTLS\r\n"},
};

static void recognises_smtp_on_any_port(void **state) {
    (void)state;
    static const uint16_t ports[] = {10025, 80, 443, 22, 53, 1};
    size_t needed;
    for (size_t i = 0; i < NUM(ports); i++) {
        assert_int_equal(hold(smtp, NUM(smtp), ports[i], 4, &needed), RECOGNISED_SMTP);
        assert_in_range(needed, 1, 3);
        assert_int_equal(hold(smtp, NUM(smtp), ports[i], 16, &needed), RECOGNISED_SMTP);
    }
}

/* which nDPI 4.2 with all its protocols takes for MQTT */
static void recognises_smtp_behind_an_odd_banner(void **state) {
    (void)state;
    static const struct line lines[] = {
        {'S', "220 linuxbox -- E-MailRelay V2.1a -- Service ready\r\n"},
        {'C', "HELO linuxbox\r\n"},
        {'S', "250 OK\r\n"},
        {'C', "MAIL FROM:<a@example.org>\r\n"},
    };
    size_t needed;
    assert_int_equal(hold(lines, NUM(lines), 10025, 4, &needed), RECOGNISED_SMTP);
}

static void recognises_smtp_by_the_client_alone(void **state) {
    (void)state;
    static const struct line lines[] = {
        {'C', "EHLO client.example.org\r\n"},
        {'C', "MAIL FROM:<a@example.org>\r\n"},
        {'C', "RCPT TO:<b@example.org>\r\n"},
    };
    size_t needed;
    assert_int_equal(hold(lines, NUM(lines), 10025, 4, &needed), RECOGNISED_SMTP);
}

static void does_not_take_other_protocols_for_smtp(void **state) {
    (void)state;
    static const struct line http[] = {
        {'C', "GET / HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: x\r\n\r\n"},
        {'S', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    };
    static const struct line ssh[] = {
        {'S', "SSH-2.0-OpenSSH_9.2\r\n"},
        {'C', "SSH-2.0-OpenSSH_9.2\r\n"},
    };
    static const struct line pop[] = {
        {'S', "+OK POP3 ready\r\n"}, {'C', "USER me\r\n"},       {'S', "+OK\r\n"},
        {'C', "PASS x\r\n"},         {'S', "+OK logged in\r\n"}, {'C', "LIST\r\n"},
        {'S', "+OK 0\r\n"},          {'C', "NOOP\r\n"},          {'S', "+OK\r\n"},
        {'C', "RSET\r\n"},           {'S', "+OK\r\n"},           {'C', "QUIT\r\n"},
    };
    static const struct line ftp[] = {
        {'S', "220 ftp.example.org ready\r\n"},
        {'C', "USER anonymous\r\n"},
        {'S', "331 password please\r\n"},
        {'C', "PASS a@example.org\r\n"},
        {'S', "230 logged in\r\n"},
        {'C', "CWD /pub\r\n"},
        {'S', "250 done\r\n"},
        {'C', "NOOP\r\n"},
        {'S', "200 ok\r\n"},
        {'C', "QUIT\r\n"},
        {'S', "221 bye\r\n"},
        {'C', "\r\n"},
    };
    static const struct {
        const struct line *lines;
        size_t num;
    } cases[] = {{http, NUM(http)}, {ssh, NUM(ssh)}, {pop, NUM(pop)}, {ftp, NUM(ftp)}};
    static const uint16_t ports[] = {10025, 25, 465, 587};
    for (size_t i = 0; i < NUM(cases); i++) {
        for (size_t j = 0; j < NUM(ports); j++) {
            size_t needed;
            if (hold(cases[i].lines, cases[i].num, ports[j], 4, &needed) != RECOGNISED_OTHER)
                fail_msg("conversation %zu on port %d, line %zu", i, ports[j], needed);
        }
    }
}

static void takes_no_port_for_evidence(void **state) {
    (void)state;
    static const uint8_t hello[] = {22, 3, 1, 0, 5, 1, 0, 0, 1, 3};
    static const uint16_t ports[] = {465, 587, 25};
    for (size_t i = 0; i < NUM(ports); i++) {
        struct conversation conversation = {recognition_new(recogniser), 4, ports[i], {1, 1}};
        assert_int_equal(say(&conversation, 'C', hello, sizeof hello), RECOGNISED_OTHER);
        recognition_free(conversation.recognition);
    }
    for (size_t i = 0; i < NUM(ports); i++) {
        struct conversation conversation = {recognition_new(recogniser), 4, ports[i], {1, 1}};
        enum recognised result = RECOGNISED_NOT_YET;
        for (int j = 0; j < RECOGNISE_SEGMENTS_MAX; j++) {
            assert_int_not_equal(result, RECOGNISED_SMTP);
            result = say(&conversation, j % 2 ? 'S' : 'C', "\x01\x80\x02\xff\x7f\xc0", 6);
        }
        assert_int_equal(result, RECOGNISED_OTHER);
        recognition_free(conversation.recognition);
    }
}

static void gives_up_and_keeps_to_it(void **state) {
    (void)state;
    struct conversation conversation = {recognition_new(recogniser), 4, 10025, {1, 1}};
    for (int i = 1; i <= RECOGNISE_SEGMENTS_MAX; i++) {
        assert_int_equal(say(&conversation, 'C', NULL, 0), RECOGNISED_NOT_YET); /* no payload, no turn */
        assert_int_equal(say(&conversation, 'C', "zq\x01\x02\r\n", 6),
                         i < RECOGNISE_SEGMENTS_MAX ? RECOGNISED_NOT_YET : RECOGNISED_OTHER);
    }
    for (size_t i = 0; i < NUM(smtp); i++)
        assert_int_equal(say(&conversation, smtp[i].from, smtp[i].text, strlen(smtp[i].text)),
                         RECOGNISED_OTHER);
    recognition_free(conversation.recognition);
    recognition_free(NULL);
    recogniser_free(NULL);
}

static void bears_segments_of_any_size(void **state) {
    (void)state;
    static uint8_t large[65535];
    static const size_t lens[] = {1, 2, 3, 39, 1460, 4095, 4096, 4097, 9000, 65535};
    memset(large, 'x', sizeof large);
    for (size_t i = 0; i < NUM(lens); i++) {
        for (uint8_t addr_len = 4; addr_len <= 16; addr_len += 12) {
            struct conversation conversation = {recognition_new(recogniser), addr_len, 10025, {1, 1}};
            assert_int_not_equal(say(&conversation, 'C', large, lens[i]), RECOGNISED_SMTP);
            recognition_free(conversation.recognition);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recognises_smtp_on_any_port),
        cmocka_unit_test(recognises_smtp_behind_an_odd_banner),
        cmocka_unit_test(recognises_smtp_by_the_client_alone),
        cmocka_unit_test(does_not_take_other_protocols_for_smtp),
        cmocka_unit_test(takes_no_port_for_evidence),
        cmocka_unit_test(gives_up_and_keeps_to_it),
        cmocka_unit_test(bears_segments_of_any_size),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
