/* SMTP out of decrypted TLS: nothing is offered twice, so what has to wait waits here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/inner.h"

static void push(struct inner *inner, enum side side, const char *text) {
    size_t len = strlen(text);
    uint8_t *copy = malloc(len); /* so that a sanitizer sees a read past its end */
    assert_non_null(copy);
    memcpy(copy, text, len);
    inner_push(inner, side, copy, len);
    free(copy);
}

static void say(struct inner *inner, const char *text) {
    push(inner, SIDE_CLIENT, text);
}

static void reply(struct inner *inner, const char *text) {
    push(inner, SIDE_SERVER, text);
}

static void expect_text(struct smtp_text text, const char *expected) {
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void expect_the_mail(const struct inner *inner) {
    const struct smtp_facts *facts = inner_facts(inner);
    expect_text(facts->ehlo, "client.example.net");
    expect_text(facts->server_name, "mx.example.org");
    expect_text(facts->auth_mechanism, "LOGIN");
    assert_int_equal(facts->num_capabilities, 2);
    assert_int_equal(facts->transactions, 1);
    assert_int_equal(facts->messages, 1);
    assert_int_equal(facts->num_rcpt_domains, 1);
    assert_int_equal(facts->last_reply_code, 221);
    assert_true(facts->requiretls_used);
    assert_true(facts->auth_ok);
    assert_false(facts->forced);
    assert_false(facts->client_gap || facts->server_gap);
    assert_int_equal(facts->offered, SMTP_NO);
}

static const char *const client_lines[] = {
    "EHLO client.example.net\r\n",
    "AUTH LOGIN\r\n",
    "YWxpY2U=\r\n",
    "c2VjcmV0\r\n",
    "MAIL FROM:<a@example.net> REQUIRETLS\r\n",
    "RCPT TO:<b@example.org>\r\n",
    "DATA\r\n",
    "Subject: MAIL FROM:<x@example.com>\r\n\r\nRCPT TO:<y@example.com>\r\n.\r\n",
    "QUIT\r\n",
};
static const char *const server_lines[] = {
    "250-mx.example.org\r\n250-AUTH LOGIN\r\n250 REQUIRETLS\r\n",
    "334 VXNlcm5hbWU6\r\n",
    "334 UGFzc3dvcmQ6\r\n",
    "235 ok\r\n",
    "250 ok\r\n",
    "250 ok\r\n",
    "354 go on\r\n",
    "250 queued\r\n",
    "221 bye\r\n",
};
#define NUM_LINES (sizeof client_lines / sizeof client_lines[0])

static void in_turn(void **state) {
    (void)state;
    struct inner *inner = inner_new(INNER_RESET);
    for (size_t i = 0; i < NUM_LINES; i++) {
        say(inner, client_lines[i]);
        reply(inner, server_lines[i]);
    }
    inner_finish(inner);
    expect_the_mail(inner);
    assert_int_equal(inner_facts(inner)->banner.len, 0); /* the greeting was in clear */
    inner_free(inner);
}

/* Whole sides one after the other, and in every mixture that a seed gives. */
static void in_any_order(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 300; seed++) {
        struct inner *inner = inner_new(INNER_RESET);
        size_t client = 0, server = 0;
        uint32_t random = seed * 2654435761u;
        while (client < NUM_LINES || server < NUM_LINES) {
            random = random * 1664525u + 1013904223u;
            bool clients_turn = seed == 0 || (seed > 1 && (random >> 16 & 1) != 0);
            if (server == NUM_LINES || (clients_turn && client < NUM_LINES))
                say(inner, client_lines[client++]);
            else
                reply(inner, server_lines[server++]);
        }
        inner_finish(inner);
        expect_the_mail(inner);
        inner_free(inner);
    }
}

static void byte_by_byte(void **state) {
    (void)state;
    struct inner *inner = inner_new(INNER_RESET);
    for (size_t i = 0; i < NUM_LINES; i++) {
        for (size_t k = 0; server_lines[i][k]; k++)
            inner_push(inner, SIDE_SERVER, (const uint8_t *)&server_lines[i][k], 1);
    }
    for (size_t i = 0; i < NUM_LINES; i++) {
        for (size_t k = 0; client_lines[i][k]; k++)
            inner_push(inner, SIDE_CLIENT, (const uint8_t *)&client_lines[i][k], 1);
    }
    inner_finish(inner);
    expect_the_mail(inner);
    inner_free(inner);
}

static void implicit_tls_begins_with_a_greeting(void **state) {
    (void)state;
    struct inner *inner = inner_new(INNER_GREETING);
    reply(inner, "220 mx.example.org ESMTP\r\n");
    for (size_t i = 0; i < NUM_LINES; i++) {
        say(inner, client_lines[i]);
        reply(inner, server_lines[i]);
    }
    inner_finish(inner);
    expect_text(inner_facts(inner)->banner, "mx.example.org ESMTP");
    expect_the_mail(inner);
    inner_free(inner);
}

static void picked_up_in_the_middle(void **state) {
    (void)state;
    struct inner *inner = inner_new(INNER_UNKNOWN);
    say(inner, "MAIL FROM:<a@example.net>\r\n");
    reply(inner, "250 ok\r\n");
    inner_finish(inner);
    assert_true(inner_facts(inner)->mail_attempted);
    assert_int_equal(inner_facts(inner)->offered, SMTP_OPEN);
    inner_free(inner);
}

/* Replies that cannot be read: the client's commands are still told from its content. */
static void one_side_is_missing(void **state) {
    (void)state;
    struct inner *inner = inner_new(INNER_RESET);
    inner_gap(inner, SIDE_SERVER);
    for (size_t i = 0; i < NUM_LINES; i++)
        say(inner, client_lines[i]);
    inner_finish(inner);
    const struct smtp_facts *facts = inner_facts(inner);
    expect_text(facts->ehlo, "client.example.net");
    assert_true(facts->mail_attempted);
    assert_true(facts->server_gap);
    assert_int_equal(facts->offered, SMTP_OPEN);
    assert_int_equal(facts->transactions, 0);
    assert_int_equal(facts->num_rcpt_domains, 1);
    inner_free(inner);
}

/* The gap is behind what waits, not before it. */
static void a_gap_behind_what_waits(void **state) {
    (void)state;
    struct inner *inner = inner_new(INNER_RESET);
    reply(inner, server_lines[0]);
    inner_gap(inner, SIDE_SERVER);
    assert_false(inner_facts(inner)->server_gap);
    say(inner, client_lines[0]);
    const struct smtp_facts *facts = inner_facts(inner);
    assert_true(facts->server_gap);
    assert_int_equal(facts->num_capabilities, 2);
    inner_finish(inner);
    inner_free(inner);
}

/* Bytes behind such a gap end the wait. */
static void bytes_behind_a_gap(void **state) {
    (void)state;
    struct inner *inner = inner_new(INNER_RESET);
    reply(inner, server_lines[0]);
    inner_gap(inner, SIDE_SERVER);
    reply(inner, "250 later\r\n");
    assert_true(inner_facts(inner)->server_gap);
    inner_free(inner);
}

/* A body behind a DATA whose reply never comes, larger than what may wait. */
static void waiting_has_a_limit(void **state) {
    (void)state;
    static char line[1001];
    struct inner *inner = inner_new(INNER_RESET);
    memset(line, 'x', sizeof line - 3);
    memcpy(line + sizeof line - 3, "\r\n", 3);
    say(inner, client_lines[0]);
    reply(inner, server_lines[0]);
    for (size_t i = 4; i < 7; i++)
        say(inner, client_lines[i]);
    for (size_t i = 0; i < INNER_WAIT_MAX / 1000; i++)
        say(inner, line);
    assert_false(inner_facts(inner)->forced);
    for (size_t i = 0; i < 10; i++)
        say(inner, line);
    assert_true(inner_facts(inner)->forced);
    assert_true(inner_facts(inner)->content_bytes > 0);
    inner_finish(inner);
    inner_free(inner);
}

/* TLS inside of TLS is none of ours, and no reason to hang. */
static void tls_inside_of_tls(void **state) {
    (void)state;
    static const uint8_t hello[400] = {22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3};
    struct inner *inner = inner_new(INNER_RESET);
    inner_push(inner, SIDE_CLIENT, hello, sizeof hello);
    for (size_t i = 0; i < 2 * INNER_WAIT_MAX / sizeof hello; i++)
        inner_push(inner, SIDE_CLIENT, hello, sizeof hello);
    inner_gap(inner, SIDE_CLIENT);
    inner_push(inner, SIDE_CLIENT, hello, sizeof hello);
    inner_finish(inner);
    assert_int_equal(inner_facts(inner)->transactions, 0);
    inner_free(inner);
    inner_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_turn),
        cmocka_unit_test(in_any_order),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(implicit_tls_begins_with_a_greeting),
        cmocka_unit_test(picked_up_in_the_middle),
        cmocka_unit_test(one_side_is_missing),
        cmocka_unit_test(a_gap_behind_what_waits),
        cmocka_unit_test(bytes_behind_a_gap),
        cmocka_unit_test(waiting_has_a_limit),
        cmocka_unit_test(tls_inside_of_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
