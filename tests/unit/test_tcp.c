/* TCP as it is met on mirrors, through the whole pipeline: each case is a short SMTP connection with
 * something odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/traffic.h"

#define SECOND UINT64_C(1000000000)
#define START  (UINT64_C(1700000000) * SECOND)

/* A connection that is being written, segment by segment. */
struct script {
    struct traffic traffic;
    uint16_t client_port;
    uint32_t seq[2]; /* next of client and server */
    uint64_t ts_ns;
};

enum { CLIENT, SERVER };

static struct script begin(uint16_t client_port, uint32_t client_isn, uint32_t server_isn) {
    return (struct script){.client_port = client_port, .seq = {client_isn, server_isn}, .ts_ns = START};
}

static struct piece piece_of(const struct script *s, int from, uint8_t flags, uint32_t seq,
                             const char *text) {
    struct piece p = {.addr_len = 4,
                      .flags = flags,
                      .seq = seq,
                      .ack = s->seq[1 - from],
                      .ts_ns = s->ts_ns,
                      .window = 1000};
    static const uint8_t addresses[2][4] = {{192, 0, 2, 1}, {198, 51, 100, 25}};
    memcpy(p.src, addresses[from], 4);
    memcpy(p.dst, addresses[1 - from], 4);
    p.src_port = from == CLIENT ? s->client_port : 25;
    p.dst_port = from == CLIENT ? 25 : s->client_port;
    p.payload = (uint8_t *)(uintptr_t)text;
    p.len = (uint32_t)strlen(text);
    p.ip_id = (uint16_t)s->traffic.num;
    return p;
}

/* A segment at any place; what was said before does not move. */
static void stray(struct script *s, int from, uint8_t flags, uint32_t seq, const char *text) {
    struct piece p = piece_of(s, from, flags, seq, text);
    traffic_add(&s->traffic, &p, 0, p.len);
    s->ts_ns += SECOND / 100;
}

static void send(struct script *s, int from, uint8_t flags, const char *text) {
    stray(s, from, flags, s->seq[from], text);
    s->seq[from] += (uint32_t)strlen(text) + ((flags & (TCP_SYN | TCP_FIN)) ? 1 : 0);
}

static void say(struct script *s, int from, const char *text) {
    send(s, from, TCP_ACK | TCP_PSH, text);
}

/* Never captured, but sent. */
static void lose(struct script *s, int from, const char *text) {
    s->seq[from] += (uint32_t)strlen(text);
}

static void shake_hands(struct script *s) {
    send(s, CLIENT, TCP_SYN, "");
    send(s, SERVER, TCP_SYN | TCP_ACK, "");
    send(s, CLIENT, TCP_ACK, "");
}

static void greet(struct script *s) {
    say(s, SERVER, "220 mx.example.org ESMTP\r\n");
    say(s, CLIENT, "EHLO client.example.com\r\n");
    say(s, SERVER, "250-mx.example.org\r\n250 SIZE 1000\r\n");
}

static void send_mail(struct script *s) {
    say(s, CLIENT, "MAIL FROM:<a@example.com>\r\n");
    say(s, SERVER, "250 ok\r\n");
    say(s, CLIENT, "RCPT TO:<b@example.org>\r\n");
    say(s, SERVER, "250 ok\r\n");
    say(s, CLIENT, "DATA\r\n");
    say(s, SERVER, "354 go\r\n");
    say(s, CLIENT, "Subject: x\r\n\r\nhello\r\n.\r\n");
    say(s, SERVER, "250 queued\r\n");
}

static void quit(struct script *s) {
    say(s, CLIENT, "QUIT\r\n");
    say(s, SERVER, "221 bye\r\n");
    send(s, SERVER, TCP_FIN | TCP_ACK, "");
    send(s, CLIENT, TCP_FIN | TCP_ACK, "");
    stray(s, SERVER, TCP_ACK, s->seq[SERVER], "");
}

/* Runs it and expects one session with that verdict. */
static struct outcome run_one(struct script *s, enum verdict verdict) {
    struct outcome outcome = traffic_run(&s->traffic, traffic_config());
    assert_int_equal(outcome.num, 1);
    assert_string_equal(verdict_name(outcome.events[0].session.verdict), verdict_name(verdict));
    traffic_cleanup(&s->traffic);
    return outcome;
}

static void expect_one(struct script *s, enum verdict verdict) {
    struct outcome outcome = run_one(s, verdict);
    outcome_cleanup(&outcome);
}

static void expect_num(struct script *s, size_t num) {
    struct outcome outcome = traffic_run(&s->traffic, traffic_config());
    assert_int_equal(outcome.num, num);
    traffic_cleanup(&s->traffic);
    outcome_cleanup(&outcome);
}

static void plain_mail(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s), greet(&s), send_mail(&s), quit(&s);
    struct outcome outcome = run_one(&s, VERDICT_NOT_OFFERED);
    const struct session_event *e = &outcome.events[0].session;
    assert_int_equal(e->mail_cleartext, FACT_YES);
    assert_int_equal(e->mail_transactions, 1);
    assert_int_equal(e->source.packets + e->destination.packets, 19);
    assert_int_equal(e->retransmits + e->out_of_order + e->gap_bytes + e->duplicates, 0);
    assert_false(e->midstream);
    outcome_cleanup(&outcome);
}

static void sequence_numbers_that_wrap(void **state) {
    (void)state;
    struct script s = begin(40000, UINT32_MAX - 20, UINT32_MAX - 3);
    shake_hands(&s), greet(&s), send_mail(&s), quit(&s);
    expect_one(&s, VERDICT_NOT_OFFERED);
}

static void a_syn_sent_again_with_another_number(void **state) {
    (void)state;
    struct script s = begin(40000, 5000, 1);
    stray(&s, CLIENT, TCP_SYN, 1000, "");
    shake_hands(&s), greet(&s), send_mail(&s), quit(&s);
    struct outcome outcome = run_one(&s, VERDICT_NOT_OFFERED);
    assert_int_equal(outcome.events[0].session.gap_bytes, 0);
    outcome_cleanup(&outcome);
}

static void a_simultaneous_open(void **state) {
    (void)state;
    struct script s = begin(40000, 100, 900);
    stray(&s, CLIENT, TCP_SYN, 100, "");
    stray(&s, SERVER, TCP_SYN, 900, "");
    send(&s, CLIENT, TCP_SYN | TCP_ACK, "");
    send(&s, SERVER, TCP_SYN | TCP_ACK, "");
    greet(&s), send_mail(&s), quit(&s);
    struct outcome outcome = run_one(&s, VERDICT_NOT_OFFERED);
    assert_int_equal(outcome.events[0].session.destination.port, 25);
    outcome_cleanup(&outcome);
}

static void a_port_used_again_after_the_end(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s), greet(&s), send_mail(&s), quit(&s);
    s.seq[CLIENT] = 700000, s.seq[SERVER] = 800000;
    shake_hands(&s), greet(&s), send_mail(&s), quit(&s);
    expect_num(&s, 2);
}

static void a_port_used_again_after_a_connection_that_never_ended(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s), greet(&s), send_mail(&s);
    s.seq[CLIENT] = 700000, s.seq[SERVER] = 800000;
    shake_hands(&s), greet(&s), send_mail(&s), quit(&s);
    expect_num(&s, 2);
}

static void a_stray_syn_does_not_split_a_connection(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s), greet(&s);
    stray(&s, CLIENT, TCP_SYN, 123456789, "");
    send_mail(&s), quit(&s);
    expect_one(&s, VERDICT_NOT_OFFERED);
}

static void keep_alives_and_window_probes(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s), greet(&s);
    stray(&s, CLIENT, TCP_ACK, s.seq[CLIENT] - 1, "");
    stray(&s, SERVER, TCP_ACK, s.seq[SERVER] - 1, "x");
    stray(&s, CLIENT, TCP_ACK, s.seq[CLIENT], "M"); /* a probe into a closed window carries the next byte */
    send_mail(&s), quit(&s);
    struct outcome outcome = run_one(&s, VERDICT_NOT_OFFERED);
    assert_int_equal(outcome.events[0].session.retransmits, 0);
    outcome_cleanup(&outcome);
}

static void retransmissions_are_counted(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s), greet(&s);
    stray(&s, SERVER, TCP_ACK, s.seq[SERVER] - 10, "SIZE 10");
    send_mail(&s), quit(&s);
    struct outcome outcome = run_one(&s, VERDICT_NOT_OFFERED);
    assert_int_equal(outcome.events[0].session.retransmits, 1);
    assert_int_equal(outcome.events[0].session.duplicates, 0);
    outcome_cleanup(&outcome);
}

static void a_forged_reset_does_not_end_it(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s), greet(&s);
    stray(&s, SERVER, TCP_RST, s.seq[SERVER], "");
    stray(&s, CLIENT, TCP_RST, s.seq[CLIENT], "");
    send_mail(&s), quit(&s);
    expect_one(&s, VERDICT_NOT_OFFERED);
}

static void mail_that_was_acknowledged_and_never_captured_leaves_it_open(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s), greet(&s);
    lose(&s, CLIENT, "MAIL FROM:<a@example.com>\r\n");
    say(&s, SERVER, "250 ok\r\n");
    send(&s, SERVER, TCP_FIN | TCP_ACK, "");
    struct outcome outcome = run_one(&s, VERDICT_UNKNOWN);
    assert_int_equal(outcome.events[0].session.unknown_reason, UNKNOWN_GAP);
    assert_int_equal(outcome.events[0].session.gap_bytes, 27);
    outcome_cleanup(&outcome);
}

static void picked_up_in_the_middle(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    s.seq[CLIENT] = 5000, s.seq[SERVER] = 9000;
    send_mail(&s), quit(&s);
    struct outcome outcome = run_one(&s, VERDICT_UNKNOWN);
    const struct session_event *e = &outcome.events[0].session;
    assert_int_equal(e->unknown_reason, UNKNOWN_MIDSTREAM);
    assert_true(e->midstream);
    assert_int_equal(e->source.port, 40000);
    assert_int_equal(e->mail_cleartext, FACT_YES);
    outcome_cleanup(&outcome);
}

static void stamps_that_jump_do_not_split_it(void **state) {
    (void)state;
    static const int64_t jumps_s[] = {3600 * 24 * 365 * 9, -(3600 * 24 * 365 * 20), -3600};
    for (size_t i = 0; i < sizeof jumps_s / sizeof jumps_s[0]; i++) {
        struct script s = begin(40000, 1, 1);
        shake_hands(&s), greet(&s);
        s.ts_ns = (uint64_t)((int64_t)s.ts_ns + jumps_s[i] * (int64_t)SECOND);
        send_mail(&s), quit(&s);
        expect_one(&s, VERDICT_NOT_OFFERED);
    }
}

static void one_stamp_decades_ahead_does_not_expire_the_others(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s), greet(&s);
    uint64_t now = s.ts_ns;
    s.ts_ns += UINT64_C(3600) * 24 * 365 * 40 * SECOND;
    say(&s, CLIENT, "MAIL FROM:<a@example.com>\r\n");
    s.ts_ns = now + SECOND;
    say(&s, SERVER, "250 ok\r\n");
    say(&s, CLIENT, "QUIT\r\n");
    say(&s, SERVER, "221 bye\r\n");
    send(&s, SERVER, TCP_FIN | TCP_ACK, "");
    send(&s, CLIENT, TCP_FIN | TCP_ACK, "");
    expect_one(&s, VERDICT_NOT_OFFERED);
}

static void a_syn_that_nobody_answers_is_no_session(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    stray(&s, CLIENT, TCP_SYN, 1, "");
    stray(&s, SERVER, TCP_RST | TCP_ACK, 0, "");
    expect_num(&s, 0);
}

static void a_connection_without_a_word_is_no_mail(void **state) {
    (void)state;
    struct script s = begin(40000, 1, 1);
    shake_hands(&s);
    stray(&s, CLIENT, TCP_RST, s.seq[CLIENT], "");
    expect_one(&s, VERDICT_NO_MAIL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_mail),
        cmocka_unit_test(sequence_numbers_that_wrap),
        cmocka_unit_test(a_syn_sent_again_with_another_number),
        cmocka_unit_test(a_simultaneous_open),
        cmocka_unit_test(a_port_used_again_after_the_end),
        cmocka_unit_test(a_port_used_again_after_a_connection_that_never_ended),
        cmocka_unit_test(a_stray_syn_does_not_split_a_connection),
        cmocka_unit_test(keep_alives_and_window_probes),
        cmocka_unit_test(retransmissions_are_counted),
        cmocka_unit_test(a_forged_reset_does_not_end_it),
        cmocka_unit_test(mail_that_was_acknowledged_and_never_captured_leaves_it_open),
        cmocka_unit_test(picked_up_in_the_middle),
        cmocka_unit_test(stamps_that_jump_do_not_split_it),
        cmocka_unit_test(one_stamp_decades_ahead_does_not_expire_the_others),
        cmocka_unit_test(a_syn_that_nobody_answers_is_no_session),
        cmocka_unit_test(a_connection_without_a_word_is_no_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
