#include "../../outputs/summary.h"

#include "sample_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct summary_style plain = {0};

static char *print(const struct summary *summary, const struct summary_style *style) {
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    assert_non_null(file);
    summary_print(summary, file, style);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void check_contains(const char *text, const char *wanted) {
    if (strstr(text, wanted) == NULL) {
        fail_msg("no \"%s\" in:\n%s", wanted, text);
    }
}

static size_t count_lines(const char *text) {
    size_t lines = 0;
    for (; *text != '\0'; text++) {
        lines += *text == '\n';
    }
    return lines;
}

/* No line is wider than columns; for plain ASCII. */
static void check_width(const char *text, size_t columns) {
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        if (len > columns) {
            fail_msg("too wide: %.*s", (int)len, text);
        }
        text += len + 1;
    }
}

static void add_verdict(struct summary *summary, enum verdict verdict, unsigned times) {
    struct event event = {0};
    sample_session(&event);
    event.session.verdict = verdict;
    event.session.unknown_reason = verdict == VERDICT_UNKNOWN ? UNKNOWN_ONE_SIDED : UNKNOWN_NONE;
    for (unsigned i = 0; i < times; i++) {
        summary_add(summary, &event);
    }
    event_cleanup(&event);
}

static void add_mail(struct summary *summary, const char *ip, const char *name, int64_t messages,
                     int64_t bytes) {
    struct event event = {0};
    sample_session(&event);
    event.session.verdict = VERDICT_NOT_OFFERED;
    event.session.destination.ip = ip;
    event.session.destination.domain = name;
    event.session.mail_cleartext = FACT_YES;
    event.session.mail_transactions = messages;
    event.session.mail_cleartext_bytes = bytes;
    summary_add(summary, &event);
    event_cleanup(&event);
}

static void test_empty(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    char *text = print(summary, &plain);
    check_contains(text, "No mail sessions found.");
    check_contains(text, "--any-port");
    check_width(text, 100);
    free(text);
    struct event event = {0};
    event_reset(&event, DATASET_SENSOR);
    summary_add(summary, &event);
    text = print(summary, &plain);
    check_contains(text, "the capture is empty");
    free(text);
    event.sensor.packets = 1234;
    event.sensor.packets_damaged = 2;
    summary_add(summary, &event);
    text = print(summary, &plain);
    check_contains(text, "No mail sessions found in 1,234 packets.");
    check_contains(text, "2 packets were dropped or damaged.");
    free(text);
    summary_free(summary);
    summary_free(NULL);
    event_cleanup(&event);
}

static void test_verdicts_and_adoption(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    add_verdict(summary, VERDICT_STARTTLS, 1998);
    add_verdict(summary, VERDICT_IMPLICIT_TLS, 2);
    add_verdict(summary, VERDICT_MASKED, 1);
    add_verdict(summary, VERDICT_REFUSED, 498);
    add_verdict(summary, VERDICT_HANDSHAKE_FAILED, 1);
    add_verdict(summary, VERDICT_NO_MAIL, 5);
    add_verdict(summary, VERDICT_UNKNOWN, 3);
    char *text = print(summary, &plain);
    check_contains(text, "2,508 sessions, 2023-11-14T22:13:20Z to 2023-11-14T22:13:21Z");
    check_contains(text, "80.0 %  2,000 of 2,500 sessions that count were encrypted");
    check_contains(text, "encrypted      2,000  starttls 1,998, implicit_tls 2\n");
    check_contains(text, "plaintext        499  refused 498, masked 1\n");
    check_contains(text, "failed             1  handshake_failed 1\n");
    check_contains(text, "left out           8  no_mail 5, unknown (one_sided) 3\n");
    check_contains(text, "TLS           1.2 2,000\n");
    check_contains(text, "Ciphers       TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 2,000\n");
    check_contains(text, "nothing: the capture holds every session whole");
    assert_null(strstr(text, "\x1b"));
    assert_null(strstr(text, "Mail in clear"));
    assert_null(strstr(text, "Passwords"));
    assert_null(strstr(text, "Certificates"));
    free(text);
    summary_free(summary);
}

static void test_nothing_counts(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    add_verdict(summary, VERDICT_NO_MAIL, 1);
    char *text = print(summary, &plain);
    check_contains(text, "1 session, ");
    check_contains(text, "nothing to judge");
    free(text);
    summary_free(summary);
}

static void test_mail_in_clear(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    add_mail(summary, "192.0.2.1", "small.example", 1, 999);
    add_mail(summary, "192.0.2.2", "large.example", 3, 1500000);
    add_mail(summary, "192.0.2.2", "large.example", 4, 500000);
    add_mail(summary, "192.0.2.3", NULL, 2, EVENT_ABSENT);
    char *text = print(summary, &plain);
    const char *large = strstr(text, "large.example (192.0.2.2)");
    const char *nameless = strstr(text, "  192.0.2.3 ");
    const char *small = strstr(text, "small.example (192.0.2.1)");
    assert_true(large != NULL && nameless != NULL && small != NULL);
    assert_true(large < nameless && nameless < small);
    assert_memory_equal(large + strlen("large.example (192.0.2.2)") + 22, "         7    2.0 MB         2\n",
                        31);
    check_contains(text, " 999 B ");
    check_contains(text, "all of 3 peers");
    check_width(text, 80);
    free(text);
    summary_free(summary);
}

static void test_the_peer_of_an_inbound_session_is_its_client(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    struct event event = {0};
    sample_session(&event);
    event.session.direction = "inbound";
    event.session.auth_cleartext = FACT_YES;
    event.session.mail_cleartext = FACT_YES;
    event.session.mail_transactions = 1;
    summary_add(summary, &event);
    char *text = print(summary, &plain);
    check_contains(text, "client.example.net (192.0.2.10)");
    check_contains(text, "Passwords     1 session with a login in clear, 1 peer\n");
    free(text);
    summary_free(summary);
    event_cleanup(&event);
}

static void test_certificates(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    struct event event = {0};
    sample_session(&event);
    event_find(&event.session, FINDING_CERT_EXPIRING_SOON);
    event.session.cert_days_left = 1;
    summary_add(summary, &event);
    event.session.findings = 0;
    event_find(&event.session, FINDING_CERT_EXPIRED);
    event.session.server_cert.sha256 = "aa";
    event.session.server_cert.subject_cn = "old.example.org";
    event.session.cert_days_left = -400;
    summary_add(summary, &event);
    summary_add(summary, &event);
    char *text = print(summary, &plain);
    check_contains(text, "Certificates  1 expired, 1 about to expire");
    check_contains(text, "expired 400 days before         2\n");
    check_contains(text, "expires in 1 day         1\n");
    assert_true(strstr(text, "old.example.org") < strstr(text, "expires in 1 day"));
    free(text);
    summary_free(summary);
    event_cleanup(&event);
}

static void test_missing(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    struct event event = {0};
    sample_session(&event);
    event.session.one_sided = true;
    event.session.gap_bytes = 1234;
    summary_add(summary, &event);
    event_reset(&event, DATASET_SENSOR);
    event.sensor.packets_dropped = 7;
    event.sensor.interface_dropped = 1;
    summary_add(summary, &event);
    char *text = print(summary, &plain);
    check_contains(text, "packets dropped 8, sessions one-sided 1, with gaps 1,");
    check_contains(text, "bytes lost in gaps 1,234\n");
    free(text);
    summary_free(summary);
    event_cleanup(&event);
}

static void test_hostile_names(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    add_mail(summary, "192.0.2.1",
             "\x1b]0;owned\x07\xc2\x9b"
             "2J\n\r\xe2\x80\xae"
             "evil",
             1, 1);
    add_mail(summary, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
             "a-name-that-is-much-longer-than-any-screen-is-wide.b\xc3\xbc"
             "cher.example.org.example.org",
             9, 9);
    struct event event = {0};
    sample_session(&event);
    event.session.tls_cipher = "\x1b[2J";
    event.session.tls_version = "\x07";
    event.session.server_cert.subject_cn = "\x1b[31m";
    event_find(&event.session, FINDING_CERT_EXPIRED);
    summary_add(summary, &event);
    for (unsigned utf8 = 0; utf8 < 2; utf8++) {
        char *text = print(summary, &(struct summary_style){.utf8 = utf8 == 1});
        check_contains(text, "?]0;owned?");
        check_contains(text, "(2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff)");
        for (const char *at = text; *at != '\0'; at++) {
            assert_true(*at == '\n' || ((unsigned char)*at >= 0x20 && *at != 0x7f));
            assert_true(utf8 == 1 || (unsigned char)*at < 0x80);
        }
        if (utf8 == 0) {
            check_width(text, 80);
        }
        free(text);
    }
    summary_free(summary);
    event_cleanup(&event);
}

/* Everything at once: one screen all the same. */
static void test_one_screen(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    for (unsigned i = 0; i < 1000; i++) {
        char ip[32];
        char sha[32];
        char cipher[32];
        struct event event = {0};
        sample_session(&event);
        (void)snprintf(ip, sizeof ip, "192.0.2.%u", i % 250);
        (void)snprintf(sha, sizeof sha, "%u", i);
        (void)snprintf(cipher, sizeof cipher, "TLS_UNKNOWN_%u", i);
        event.session.destination.ip = ip;
        event.session.server_cert.sha256 = sha;
        event.session.verdict = (enum verdict)(i % NUM_VERDICTS);
        event.session.unknown_reason = event.session.verdict == VERDICT_UNKNOWN
                                           ? (enum unknown_reason)(i / NUM_VERDICTS % 5 + 1)
                                           : UNKNOWN_NONE;
        event.session.tls_cipher = cipher;
        event.session.mail_cleartext = event.session.auth_cleartext = FACT_YES;
        event.session.one_sided = event.session.midstream = event.session.truncated = true;
        event.session.gap_bytes = 5;
        event_find(&event.session, FINDING_CERT_EXPIRED);
        summary_add(summary, &event);
        event_cleanup(&event);
    }
    char *text = print(summary, &plain);
    assert_in_range(count_lines(text), 20, 24);
    check_width(text, 80);
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        check_contains(text, verdict_name((enum verdict)i));
    }
    check_contains(text, "all of 250 peers");
    free(text);
    text = print(summary, &(struct summary_style){.width = 1000, .height_max = 1000});
    assert_in_range(count_lines(text), 25, 40);
    check_width(text, 120);
    free(text);
    text = print(summary, &(struct summary_style){.width = 1, .height_max = 1});
    check_width(text, 60);
    free(text);
    summary_free(summary);
}

static void test_colors(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    add_mail(summary, "192.0.2.1", "x.example", 1, 1);
    char *text = print(summary, &(struct summary_style){.color = true});
    check_contains(text, "\x1b[31mMail in clear\x1b[0m");
    free(text);
    summary_free(summary);
}

/* The table has its limit, the totals do not. */
static void test_peers_are_limited(void **state) {
    (void)state;
    struct summary *summary = summary_new();
    for (unsigned i = 0; i < SUMMARY_PEERS_MAX + 10; i++) {
        char ip[32];
        (void)snprintf(ip, sizeof ip, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        add_mail(summary, ip, NULL, 1, 1);
    }
    char *text = print(summary, &plain);
    check_contains(text, "all of more than 16384 peers");
    check_contains(text, "16,394");
    free(text);
    summary_free(summary);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_verdicts_and_adoption),
        cmocka_unit_test(test_nothing_counts),
        cmocka_unit_test(test_mail_in_clear),
        cmocka_unit_test(test_the_peer_of_an_inbound_session_is_its_client),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_one_screen),
        cmocka_unit_test(test_colors),
        cmocka_unit_test(test_peers_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
