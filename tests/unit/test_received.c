#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../parsers/received.h"
#include "../../parsers/smtp.h"

struct example {
    const char *field;
    enum received_tls tls;
    const char *with, *version, *cipher, *from, *by;
};

/* Fields as programs write them, with other names and addresses. */
static const struct example examples[] = {
    /* Postfix 3.4 and later (postconf(5), smtpd_tls_received_header) */
    {"from mail.example.org (mail.example.org [192.0.2.1])\r\n"
     "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n"
     "\t key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)\r\n"
     "\t(No client certificate requested)\r\n"
     "\tby mx.example.net (Postfix) with ESMTPS id 4Y2xkQ1pZz\r\n"
     "\tfor <user@example.net>; Sun, 22 Nov 2026 01:00:00 +0000 (UTC)",
     RECEIVED_TLS, "ESMTPS", "1.3", "TLS_AES_256_GCM_SHA384", "mail.example.org", "mx.example.net"},
    /* an older one (pastebin.com/v8Fszh0L) */
    {"from [192.0.2.9] (host.example [192.0.2.9]) (using TLSv1 with cipher DHE-RSA-AES256-SHA (256/256 bits))"
     " (Client did not present a certificate) by mx.example.net (Postfix) with ESMTPSA id 7B8C1148F7DD8",
     RECEIVED_TLS, "ESMTPSA", "1.0", "DHE-RSA-AES256-SHA", "[192.0.2.9]", "mx.example.net"},
    {"from mail.example.org (unknown [192.0.2.1]) by mx.example.net (Postfix) with ESMTP id 1A for <a@b>; x",
     RECEIVED_CLEAR, "ESMTP", "", "", "mail.example.org", "mx.example.net"},
    {"by mx.example.net (Postfix, from userid 1000) id 4Y2xkQ; Sun, 22 Nov 2026 01:00:00 +0000",
     RECEIVED_UNKNOWN, "", "", "", "", "mx.example.net"},
    /* Sendmail 8.17 (cf/m4/proto.m4: HReceived), and 8.14 (pastebin.com/wHgzUr2k) */
    {"from a.example (a.example [192.0.2.1]) by b.example (8.17.1/8.17.1) with ESMTPS id 2AM1 "
     "(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO) for <c@b.example>; x",
     RECEIVED_TLS, "ESMTPS", "1.3", "TLS_AES_256_GCM_SHA384", "a.example", "b.example"},
    {"from a.example (a.example [192.0.2.1]) by b.example (8.14.5/8.14.5) with ESMTP id x2RCD0Rg031869 "
     "(version=TLSv1/SSLv3 cipher=DHE-RSA-AES256-GCM-SHA384 bits=256 verify=OK); x",
     RECEIVED_TLS, "ESMTP", "", "DHE-RSA-AES256-GCM-SHA384", "a.example", "b.example"},
    /* Gmail (serverfault and pastebin.com/qNWttFy1), and between its own machines */
    {"from m.example (m.example. [192.0.2.1]) by mx.google.com with ESMTPS id m1.2 for <a@gmail.com> "
     "(version=TLS1_2 cipher=ECDHE-RSA-AES128-GCM-SHA256 bits=128/128); Tue, 05 Jul 2016 07:29:11 -0700",
     RECEIVED_TLS, "ESMTPS", "1.2", "ECDHE-RSA-AES128-GCM-SHA256", "m.example", "mx.google.com"},
    {"by 2002:a05:6214:1c4d:b0:6d3 with SMTP id k136; Tue, 5 Jul 2016 07:29:11 -0700 (PDT)", RECEIVED_CLEAR,
     "SMTP", "", "", "", "2002:a05:6214:1c4d:b0:6d3"},
    /* Exchange (pastebin.com/wHgzUr2k, pastebin.com/v8Fszh0L) */
    {"from EX2016.example (192.0.2.216) by EX2017.example\r\n (192.0.2.217) with Microsoft SMTP Server "
     "(version=TLS1_2,\r\n cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) id 15.1.1034.26 via Mailbox\r\n"
     " Transport; Wed, 27 Mar 2019 23:42:34 +0100",
     RECEIVED_TLS, "MICROSOFT", "1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "EX2016.example",
     "EX2017.example"},
    {"from a.example (192.0.2.1) by b.example (192.0.2.2) with Microsoft SMTP Server (TLS) id 15.0.1473.3",
     RECEIVED_TLS, "MICROSOFT", "", "", "a.example", "b.example"},
    {"from a.example ([fe80::1]) by b.example ([fe80::1%12]) with mapi id 15.20.1", RECEIVED_UNKNOWN, "MAPI",
     "", "", "a.example", "b.example"},
    /* Exim 4.9x (its specification, received_header_text), 4.91 (pastebin.com/vWNJL7fv), clear */
    {"from a.example ([192.0.2.1]) by b.example with esmtps  (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.96) "
     "(envelope-from <x@a.example>) id 1abc-0001-2D for y@b.example; x",
     RECEIVED_TLS, "ESMTPS", "1.3", "TLS_AES_256_GCM_SHA384", "a.example", "b.example"},
    {"from [192.0.2.48] (port=48790 helo=a.example) by b.example with esmtps "
     "(TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256) (Exim 4.91) (envelope-from <x@a.example>) id 1h7z6V",
     RECEIVED_TLS, "ESMTPS", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", "[192.0.2.48]", "b.example"},
    {"from [192.0.2.194] (port=51789 helo=[x]) by b.example with esmtpa (Exim 4.85) id 1h7z5c",
     RECEIVED_CLEAR, "ESMTPA", "", "", "[192.0.2.194]", "b.example"},
    /* OpenSMTPD (smtp_session.c: smtp_message_begin()) */
    {"from a.example (a.example [192.0.2.1]) by b.example (OpenSMTPD) with ESMTPS id 5f8a3c0e "
     "(TLSv1.3:TLS_CHACHA20_POLY1305_SHA256:256:NO) for <u@b.example>; x",
     RECEIVED_TLS, "ESMTPS", "1.3", "TLS_CHACHA20_POLY1305_SHA256", "a.example", "b.example"},
    /* qmail with TLS (pastebin.com/wHgzUr2k); its other fields say nothing of a hop */
    {"from a.example (HELO b) (192.0.2.176) by c.example with ESMTPS (AES128-GCM-SHA256 encrypted); x",
     RECEIVED_TLS, "ESMTPS", "", "AES128-GCM-SHA256", "a.example", "c.example"},
    /* Postini; RFC 6531 */
    {"from source ([192.0.2.254]) (using SSLv3) by p.example; Wed, 08 Jan 2007", RECEIVED_TLS, "", "ssl3", "",
     "source", "p.example"},
    {"from a.example by b.example with UTF8SMTPSA id 1", RECEIVED_TLS, "UTF8SMTPSA", "", "", "a.example",
     "b.example"},
};
#define NUM_EXAMPLES (sizeof examples / sizeof examples[0])

static void check(const struct received_hop *hop, const struct example *example) {
    assert_string_equal(hop->with, example->with);
    assert_string_equal(hop->version, example->version);
    assert_string_equal(hop->cipher, example->cipher);
    assert_string_equal(hop->from, example->from);
    assert_string_equal(hop->by, example->by);
    assert_int_equal(hop->tls, example->tls);
}

static void test_examples(void **state) {
    (void)state;
    for (size_t i = 0; i < NUM_EXAMPLES; i++) {
        struct received_hop hop;
        assert_true(received_read(examples[i].field, strlen(examples[i].field), &hop));
        check(&hop, &examples[i]);
    }
}

static void test_no_hops(void **state) {
    static const char *const fields[] = {"", "(qmail 20153 invoked from network); 27 Mar 2019 22:42:33 -0000",
                                         "((((((((((from a by b))))))))))", "from", ";"};
    struct received_hop hop;
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_false(received_read(fields[i], strlen(fields[i]), &hop));
}

static struct received *read_message(const char *message, size_t piece) {
    struct received *received = calloc(1, sizeof *received);
    size_t len = strlen(message);
    assert_non_null(received);
    received_begin(received);
    for (size_t at = 0; at < len; at += piece) {
        size_t rest = len - at;
        if (!received_push(received, (const uint8_t *)message + at, rest < piece ? rest : piece))
            break;
    }
    received_end(received, true);
    return received;
}

/* Whatever the cut, only Received fields count, and only before the blank line. */
static void test_header(void **state) {
    static const char message[] = "Return-Path: <x@a>\r\n"
                                  "X-Received: from no by no with SMTP\r\n"
                                  "Received: from a by b\r\n\twith\r\n ESMTPS id 1\r\n"
                                  "received : by c with SMTP;\n"
                                  "Subject: Received: from no by no\r\n"
                                  " Received: from no by no\r\n"
                                  "RECEIVED:from d by e with LMTP\r\n"
                                  "\r\n"
                                  "Received: from no by no with SMTP\r\n";
    (void)state;
    for (size_t piece = 1; piece < sizeof message; piece++) {
        struct received *received = read_message(message, piece);
        assert_int_equal(received->num_hops, 3);
        assert_string_equal(received->hops[0].by, "b");
        assert_int_equal(received->hops[0].tls, RECEIVED_TLS);
        assert_string_equal(received->hops[1].by, "c");
        assert_int_equal(received->hops[1].tls, RECEIVED_CLEAR);
        assert_string_equal(received->hops[2].from, "d");
        assert_int_equal(received->limits_hit, 0);
        free(received);
    }
}

/* The field before a hole is whole only when the next line's first byte shows it. */
static void test_hole(void **state) {
    static const char cut[] = "Received: from a by b with ESMTP\r\n";
    struct received *received = calloc(1, sizeof *received);
    (void)state;
    assert_non_null(received);
    received_begin(received);
    assert_true(received_push(received, (const uint8_t *)cut, sizeof cut - 1));
    received_end(received, false);
    assert_int_equal(received->num_hops, 0);
    assert_false(received_push(received, (const uint8_t *)cut, sizeof cut - 1));
    free(received);
}

static void test_limits(void **state) {
    char *message = calloc(1, RECEIVED_HEADER_MAX * 2);
    char *at = message;
    (void)state;
    assert_non_null(message);
    for (int i = 0; i < RECEIVED_HOPS_MAX + 2; i++) {
        memcpy(at, "Received: by b\n", 15);
        at += 15;
    }
    struct received *received = read_message(message, 4096);
    assert_int_equal(received->num_hops, RECEIVED_HOPS_MAX);
    assert_int_equal(received->limits_hit, 2);
    free(received);

    memset(message, 'x', RECEIVED_HEADER_MAX + 1);
    memcpy(message, "Received: by b ", 15);
    received = read_message(message, 4096);
    assert_int_equal(received->num_hops, 0);
    assert_int_equal(received->limits_hit, 1);
    free(received);

    message[RECEIVED_FIELD_MAX * 2] = '\0';
    received = read_message(message, 1);
    assert_int_equal(received->num_hops, 1);
    assert_string_equal(received->hops[0].by, "b");
    assert_int_equal(received->limits_hit, 1);
    free(received);
    free(message);
}

/* --- in a conversation --- */

static void say(struct smtp *smtp, enum side side, const char *text) {
    size_t len = strlen(text);
    assert_int_equal(smtp_push(smtp, side, (const uint8_t *)text, len, false), len);
}

static struct smtp *begin_mail(bool reads_received) {
    struct smtp *smtp = smtp_new();
    assert_non_null(smtp);
    if (reads_received)
        smtp_read_received(smtp);
    say(smtp, SIDE_SERVER, "220 mx\r\n");
    say(smtp, SIDE_CLIENT, "EHLO c\r\n");
    say(smtp, SIDE_SERVER, "250-mx\r\n250 CHUNKING\r\n");
    say(smtp, SIDE_CLIENT, "MAIL FROM:<a@b>\r\n");
    say(smtp, SIDE_SERVER, "250 ok\r\n");
    say(smtp, SIDE_CLIENT, "RCPT TO:<c@d>\r\n");
    say(smtp, SIDE_SERVER, "250 ok\r\n");
    return smtp;
}

/* Two messages: by DATA, and by BDAT in chunks that cut a field. Bodies are not read. */
static void test_conversation(void **state) {
    struct smtp *smtp = begin_mail(true);
    (void)state;
    say(smtp, SIDE_CLIENT, "DATA\r\n");
    say(smtp, SIDE_SERVER, "354 go\r\n");
    say(smtp, SIDE_CLIENT,
        "Received: from a by b with ESMTPS\r\nReceived: from c by d with SMTP\r\n\r\n"
        "Received: from no by no with SMTP\r\n.\r\n");
    say(smtp, SIDE_SERVER, "250 ok\r\n");
    say(smtp, SIDE_CLIENT, "MAIL FROM:<a@b>\r\n");
    say(smtp, SIDE_SERVER, "250 ok\r\n");
    say(smtp, SIDE_CLIENT, "BDAT 20\r\nReceived: from e by ");
    say(smtp, SIDE_CLIENT, "BDAT 17 LAST\r\nf with LMTPS\r\n\r\nxQUIT\r\n");
    const struct received *received = smtp_facts(smtp)->received;
    assert_non_null(received);
    assert_int_equal(received->num_hops, 3);
    assert_string_equal(received->hops[0].by, "b");
    assert_int_equal(received->hops[1].number, 2);
    assert_int_equal(received->hops[1].tls, RECEIVED_CLEAR);
    assert_int_equal(received->hops[2].number, 1);
    assert_string_equal(received->hops[2].by, "f");
    assert_int_equal(received->hops[2].tls, RECEIVED_TLS);
    assert_true(smtp_facts(smtp)->quit_seen);
    smtp_free(smtp);
}

/* A hole in the header: what stands before it may be cut, what stands behind it may be body. */
static void test_conversation_with_hole(void **state) {
    struct smtp *smtp = begin_mail(true);
    (void)state;
    say(smtp, SIDE_CLIENT, "DATA\r\n");
    say(smtp, SIDE_SERVER, "354 go\r\n");
    say(smtp, SIDE_CLIENT, "Received: from a by b with ESMTPS\r\nReceived: from c by d with");
    smtp_gap(smtp, SIDE_CLIENT, 10);
    say(smtp, SIDE_CLIENT, "\r\nReceived: from no by no with SMTP\r\n.\r\n");
    assert_int_equal(smtp_facts(smtp)->received->num_hops, 1);
    smtp_free(smtp);
}

static void test_not_asked(void **state) {
    struct smtp *smtp = begin_mail(false);
    (void)state;
    say(smtp, SIDE_CLIENT, "DATA\r\n");
    say(smtp, SIDE_SERVER, "354 go\r\n");
    say(smtp, SIDE_CLIENT, "Received: from a by b with ESMTPS\r\n\r\n.\r\n");
    assert_null(smtp_facts(smtp)->received);
    smtp_free(smtp);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_no_hops),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_hole),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_conversation),
        cmocka_unit_test(test_conversation_with_hole),
        cmocka_unit_test(test_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
