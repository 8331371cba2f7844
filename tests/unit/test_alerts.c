#include "../../sensor/judge/alerts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_NS (3600 * UINT64_C(1000000000))
#define DAY_NS  UINT64_C(1700006400000000000) /* begins an hour */

struct seen {
    size_t num;
    char id[33], peer_ip[ADDRESS_TEXT_MAX], finding[64], name[64];
    struct alert_event alert; /* its texts are gone */
};

static struct seen seen;
static struct digest *digest;
static struct event session;

static void on_alert(void *context, struct event *event) {
    assert_ptr_equal(context, &seen);
    assert_int_equal(event->dataset, DATASET_ALERT);
    seen.num++;
    seen.alert = event->alert;
    memcpy(seen.id, event->id, sizeof seen.id);
    (void)snprintf(seen.peer_ip, sizeof seen.peer_ip, "%s", event->alert.peer_ip);
    (void)snprintf(seen.finding, sizeof seen.finding, "%s", event->alert.finding);
    (void)snprintf(seen.name, sizeof seen.name, "%s", event->alert.peer_name ? event->alert.peer_name : "");
}

static struct alert_rules rules_of(const char *text) {
    char why[256] = "";
    struct alert_rules rules = {0};
    if (!alert_rules_add(&rules, text, why, sizeof why))
        fail_msg("%s: %s", text, why);
    return rules;
}

/* A session to the server with the finding; it ends so much after DAY_NS. */
static void add(struct alerts *alerts, const char *server, enum finding finding, uint64_t after_ns) {
    event_reset(&session, DATASET_SESSION);
    memcpy(session.id, "00000000000000000000000000000001", 33);
    session.session.source.ip = "192.0.2.1";
    session.session.destination.ip = server;
    session.session.destination.domain = "mx.example.org";
    session.session.smtp_ehlo = "client.example.net";
    session.session.end_ns = DAY_NS + after_ns;
    event_find(&session.session, finding);
    alerts_add(alerts, &session, DIRECTION_OPEN);
}

static int begin(void **state) {
    (void)state;
    seen = (struct seen){0};
    digest = digest_new();
    return digest ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    digest_free(digest);
    event_cleanup(&session);
    return 0;
}

/* --- rules --- */

static void test_rules(void **state) {
    (void)state;
    char rule[ALERT_RULE_MAX];
    struct alert_rules rules = rules_of("auth.cleartext,mail.cleartext>=10");
    assert_int_equal(rules.sessions[FINDING_AUTH_CLEARTEXT], 1);
    assert_int_equal(rules.sessions[FINDING_MAIL_CLEARTEXT], 10);
    assert_true(alert_rules_findings(&rules) ==
                (1u << FINDING_AUTH_CLEARTEXT | 1u << FINDING_MAIL_CLEARTEXT));
    alert_rules_format(&rules, FINDING_AUTH_CLEARTEXT, rule);
    assert_string_equal(rule, "auth.cleartext");
    alert_rules_format(&rules, FINDING_MAIL_CLEARTEXT, rule);
    assert_string_equal(rule, "mail.cleartext>=10");
}

static void test_rules_by_severity(void **state) {
    (void)state;
    struct alert_rules rules = rules_of("medium>=3,high,mail.cleartext>=7");
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        enum severity severity = finding_info((enum finding)i)->severity;
        unsigned expected = severity >= SEVERITY_HIGH ? 1 : severity == SEVERITY_MEDIUM ? 3 : 0;
        assert_int_equal(rules.sessions[i], i == FINDING_MAIL_CLEARTEXT ? 7 : expected);
    }
    rules = rules_of("informational");
    assert_true(alert_rules_findings(&rules) == (UINT64_C(1) << NUM_FINDINGS) - 1);
}

static void test_wrong_rules(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "mail",
                                        "mail.cleartext,",
                                        ",mail.cleartext",
                                        "MAIL.CLEARTEXT",
                                        "mail.cleartext>",
                                        "mail.cleartext>=",
                                        "mail.cleartext>=0",
                                        "mail.cleartext>=-1",
                                        "mail.cleartext>=1x",
                                        "mail.cleartext=5",
                                        "mail.cleartext>5",
                                        "mail.cleartext<5",
                                        "mail.cleartext>=1000000001",
                                        "mail.cleartext>=18446744073709551617",
                                        "mail.cleartext high"};
    char why[256];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct alert_rules rules = {0};
        why[0] = '\0';
        assert_false(alert_rules_add(&rules, wrong[i], why, sizeof why));
        assert_true(why[0] != '\0');
        assert_true(alert_rules_findings(&rules) == 0);
    }
}

/* --- alerts --- */

static void test_once_each_hour(void **state) {
    (void)state;
    struct alert_rules rules = rules_of("mail.cleartext>=3");
    struct alerts *alerts = alerts_new(&rules, digest, on_alert, &seen);
    add(alerts, "198.51.100.1", FINDING_MAIL_CLEARTEXT, 0);
    add(alerts, "198.51.100.1", FINDING_MAIL_CLEARTEXT, 1);
    add(alerts, "198.51.100.2", FINDING_MAIL_CLEARTEXT, 2);       /* another peer */
    add(alerts, "198.51.100.1", FINDING_AUTH_CLEARTEXT, 3);       /* not asked for */
    add(alerts, "198.51.100.1", FINDING_MAIL_CLEARTEXT, HOUR_NS); /* the next hour */
    assert_int_equal(seen.num, 0);
    add(alerts, "198.51.100.1", FINDING_MAIL_CLEARTEXT, HOUR_NS - 1);
    assert_int_equal(seen.num, 1);
    assert_string_equal(seen.peer_ip, "198.51.100.1");
    assert_string_equal(seen.finding, "mail.cleartext");
    assert_string_equal(seen.name, "mx.example.org");
    assert_int_equal(seen.alert.sessions, 3);
    assert_int_equal(seen.alert.hour_ns, DAY_NS);
    assert_int_equal(seen.alert.time_ns, DAY_NS + HOUR_NS - 1);
    assert_ptr_equal(seen.alert.reason, finding_info(FINDING_MAIL_CLEARTEXT)->explain);
    char first[33];
    memcpy(first, seen.id, sizeof first);
    assert_int_equal(strlen(first), 32);
    for (size_t i = 0; i < 10; i++)
        add(alerts, "198.51.100.1", FINDING_MAIL_CLEARTEXT, 5);
    assert_int_equal(seen.num, 1);
    add(alerts, "198.51.100.1", FINDING_MAIL_CLEARTEXT, HOUR_NS + 1);
    add(alerts, "198.51.100.1", FINDING_MAIL_CLEARTEXT, HOUR_NS + 2);
    assert_int_equal(seen.num, 2);
    assert_string_not_equal(seen.id, first);
    alerts_free(alerts);
}

/* The same capture gives the same ids, and each finding and peer its own. */
static void test_ids(void **state) {
    (void)state;
    char ids[4][33];
    struct alert_rules rules = rules_of("starttls.command_injection,starttls.response_injection");
    static const char ip[] = "2001:db8:1111:2222:3333:4444:5555:6666";
    for (size_t run = 0; run < 2; run++) {
        struct alerts *alerts = alerts_new(&rules, digest, on_alert, &seen);
        add(alerts, ip, FINDING_STARTTLS_COMMAND_INJECTION, run);
        memcpy(ids[run], seen.id, sizeof ids[0]);
        add(alerts, ip, FINDING_STARTTLS_RESPONSE_INJECTION, run);
        memcpy(ids[2 + run], seen.id, sizeof ids[0]);
        alerts_free(alerts);
    }
    assert_int_equal(seen.num, 4);
    assert_string_equal(ids[0], ids[1]);
    assert_string_equal(ids[2], ids[3]);
    assert_string_not_equal(ids[0], ids[2]);
}

static void test_peer_is_the_other_end(void **state) {
    (void)state;
    struct alert_rules rules = rules_of("auth.cleartext");
    struct alerts *alerts = alerts_new(&rules, digest, on_alert, &seen);
    add(alerts, "198.51.100.1", FINDING_AUTH_CLEARTEXT, 0);
    assert_string_equal(seen.peer_ip, "198.51.100.1");
    alerts_add(alerts, &session, DIRECTION_INBOUND);
    assert_int_equal(seen.num, 2);
    assert_string_equal(seen.peer_ip, "192.0.2.1");
    assert_string_equal(seen.name, "client.example.net");
    alerts_free(alerts);
}

/* However many peers there are, memory stays what it is, and what was lost is counted. */
static void test_many_peers(void **state) {
    (void)state;
    char ip[ADDRESS_TEXT_MAX];
    struct alert_rules rules = rules_of("mail.cleartext>=2");
    struct alerts *alerts = alerts_new(&rules, digest, on_alert, &seen);
    for (unsigned i = 0; i < 4 * ALERTS_MAX; i++) {
        (void)snprintf(ip, sizeof ip, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        add(alerts, ip, FINDING_MAIL_CLEARTEXT, 0);
    }
    assert_int_equal(seen.num, 0);
    assert_true(alerts_num_forgotten(alerts) == 3 * ALERTS_MAX);
    add(alerts, ip, FINDING_MAIL_CLEARTEXT, 1); /* the last one is remembered */
    assert_int_equal(seen.num, 1);
    alerts_free(alerts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_rules_by_severity),
        cmocka_unit_test(test_wrong_rules),
        cmocka_unit_test_setup_teardown(test_once_each_hour, begin, end),
        cmocka_unit_test_setup_teardown(test_ids, begin, end),
        cmocka_unit_test_setup_teardown(test_peer_is_the_other_end, begin, end),
        cmocka_unit_test_setup_teardown(test_many_peers, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
