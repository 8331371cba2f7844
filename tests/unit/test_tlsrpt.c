/* Reports on TLS: what a session is reported as, what a report counts, and the files. */
#include "../../outputs/sink.h"
#include "../../outputs/tlsrpt.h"
#include "../../outputs/tlsrpt_report.h"
#include "../../sensor/judge/tlsrpt.h"

#include "sample_event.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#define DAY_S    86400u
#define DAY      UINT64_C(1700006400) /* 2023-11-15 */
#define NS_PER_S UINT64_C(1000000000)
#define FIRST    "sender.example!example.org!1700006400!1700092799.json.gz"
#define SECOND   "sender.example!example.org!1700006400!1700092799!2.json.gz"
#define NEXT_DAY "sender.example!example.org!1700092800!1700179199.json.gz"
#define TEXT_LEN 65536

static char dir[64], said[1024], text[TEXT_LEN];
static struct event event;

static void on_message(void *context, const char *message) {
    (void)context;
    (void)snprintf(said, sizeof said, "%s", message);
}

static struct session_event *session(enum verdict verdict, const char *result_type) {
    sample_session(&event);
    struct session_event *s = &event.session;
    s->verdict = verdict;
    s->tlsrpt_result_type = result_type;
    s->smtp_server_name = "mx.example.org";
    s->end_ns = DAY * NS_PER_S;
    event.observer_name = "sender.example";
    return s;
}

static void to_recipients(struct session_event *s, const char **domains, size_t num) {
    s->mail_rcpt_domains = (struct text_list){.items = domains, .num = num};
}

/* --- how a session failed --- */

static void test_result_types(void **state) {
    (void)state;
    static const struct {
        enum verdict verdict;
        const char *mode, *alert;
        enum fact chain, name;
        const char *expected;
    } cases[] = {
        {VERDICT_STARTTLS, "starttls", NULL, FACT_NO, FACT_NO, NULL},
        {VERDICT_NOT_OFFERED, "plain", NULL, FACT_UNKNOWN, FACT_UNKNOWN, "starttls-not-supported"},
        {VERDICT_MASKED, "plain", NULL, FACT_UNKNOWN, FACT_UNKNOWN, "starttls-not-supported"},
        {VERDICT_REFUSED, "plain", NULL, FACT_UNKNOWN, FACT_UNKNOWN, "starttls-not-supported"},
        {VERDICT_ACCEPTED_NO_TLS, "starttls", NULL, FACT_UNKNOWN, FACT_UNKNOWN, "validation-failure"},
        {VERDICT_HANDSHAKE_FAILED, "starttls", NULL, FACT_NO, FACT_NO, "validation-failure"},
        {VERDICT_HANDSHAKE_FAILED, "starttls", "server:handshake_failure", FACT_NO, FACT_NO,
         "validation-failure"},
        {VERDICT_HANDSHAKE_FAILED, "starttls", "server:unknown_ca", FACT_NO, FACT_NO, "validation-failure"},
        {VERDICT_HANDSHAKE_FAILED, "starttls", "client:certificate_expired", FACT_NO, FACT_YES,
         "certificate-expired"},
        {VERDICT_HANDSHAKE_FAILED, "starttls", "client:unknown_ca", FACT_NO, FACT_YES,
         "certificate-not-trusted"},
        {VERDICT_HANDSHAKE_FAILED, "starttls", "client:bad_certificate", FACT_UNKNOWN, FACT_NO,
         "certificate-not-trusted"},
        {VERDICT_HANDSHAKE_FAILED, "starttls", "client:bad_certificate", FACT_YES, FACT_NO,
         "certificate-host-mismatch"},
        {VERDICT_HANDSHAKE_FAILED, "implicit", "client:unknown_ca", FACT_NO, FACT_NO, NULL},
        {VERDICT_IMPLICIT_TLS, "implicit", NULL, FACT_YES, FACT_YES, NULL},
        {VERDICT_OFFERED_UNUSED, "plain", NULL, FACT_UNKNOWN, FACT_UNKNOWN, NULL},
        {VERDICT_NO_EHLO, "plain", NULL, FACT_UNKNOWN, FACT_UNKNOWN, NULL},
        {VERDICT_NO_MAIL, NULL, NULL, FACT_UNKNOWN, FACT_UNKNOWN, NULL},
        {VERDICT_UNKNOWN, NULL, NULL, FACT_UNKNOWN, FACT_UNKNOWN, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *alerts[] = {cases[i].alert};
        struct session_event *s = session(cases[i].verdict, NULL);
        s->mode = cases[i].mode;
        s->cert_chain_valid = cases[i].chain;
        s->cert_name_match = cases[i].name;
        s->tls_alerts = (struct text_list){.items = alerts, .num = cases[i].alert != NULL};
        const char *type = tlsrpt_result_type(s);
        if (type == NULL || cases[i].expected == NULL) {
            assert_ptr_equal(type, cases[i].expected);
        } else {
            assert_string_equal(type, cases[i].expected);
        }
    }
}

/* --- what counts --- */

static void test_counts(void **state) {
    (void)state;
    assert_int_equal(tlsrpt_counts(session(VERDICT_STARTTLS, NULL)), 1);
    assert_int_equal(tlsrpt_counts(session(VERDICT_REFUSED, "starttls-not-supported")), -1);
    assert_int_equal(tlsrpt_counts(session(VERDICT_UNKNOWN, NULL)), 0);
    assert_int_equal(tlsrpt_counts(session(VERDICT_OFFERED_UNUSED, NULL)), 0);
    struct session_event *s = session(VERDICT_STARTTLS, NULL);
    s->direction = "outbound";
    assert_int_equal(tlsrpt_counts(s), 1);
    s->direction = "inbound";
    assert_int_equal(tlsrpt_counts(s), 0);
    s->direction = NULL;
    s->destination.port = 587;
    assert_int_equal(tlsrpt_counts(s), 0);
    s = session(VERDICT_NOT_OFFERED, "starttls-not-supported");
    s->auth_mechanism = "PLAIN";
    assert_int_equal(tlsrpt_counts(s), 0);
    s = session(VERDICT_IMPLICIT_TLS, NULL);
    s->mode = "implicit";
    assert_int_equal(tlsrpt_counts(s), 0);
}

static const char *written(const struct tlsrpt_day *day, size_t i) {
    static struct buffer out;
    const struct tlsrpt_sender sender = {"Example \"Org\"", "mailto:tls@sender.example", "sender.example"};
    buffer_cleanup(&out);
    tlsrpt_write(day->reports[i], DAY, &sender, &out);
    buffer_add_char(&out, '\0');
    assert_false(out.failed);
    (void)snprintf(text, sizeof text, "%s", out.data);
    buffer_cleanup(&out);
    return text;
}

/* Under a policy that was seen, what nobody could judge does not count. */
static void test_policies(void **state) {
    (void)state;
    static const struct {
        const char *dnssec, *dane, *dane_reason, *mode, *sts, *sts_reason, *expected;
        int counts;
    } cases[] = {
        {"claimed", "match", NULL, NULL, NULL, NULL, NULL, 1},
        {"claimed", "unknown", "certificate_not_visible", "enforce", "fail", "certificate_expired", NULL, 0},
        {"claimed", "mismatch", "no_record_matches", NULL, NULL, NULL, "certificate-not-trusted", -1},
        {"claimed", "mismatch", "name_mismatch", NULL, NULL, NULL, "certificate-host-mismatch", -1},
        {"not_claimed", "mismatch", "no_record_matches", NULL, NULL, NULL, NULL, 1},
        {"not_claimed", "mismatch", NULL, "enforce", "pass", NULL, NULL, 1},
        {NULL, NULL, NULL, "enforce", "fail", "certificate_expired", "certificate-expired", -1},
        {NULL, NULL, NULL, "testing", "fail", "mx_mismatch", "validation-failure", -1},
        {NULL, NULL, NULL, "testing", "unknown", "certificate_not_visible", NULL, 0},
        {NULL, NULL, NULL, "none", "fail", "certificate_expired", NULL, 1},
    };
    const char *records[] = {"3 1 1 00ff"};
    struct tlsrpt_day day = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct session_event *s = session(VERDICT_STARTTLS, NULL);
        s->dane_records = (struct text_list){.items = records, .num = cases[i].dnssec != NULL};
        s->dane_dnssec = cases[i].dnssec;
        s->dane_result = cases[i].dane;
        s->dane_reason = cases[i].dane_reason;
        s->mta_sts_domain = "mx.example.org";
        s->mta_sts_mode = cases[i].mode;
        s->mta_sts_result = cases[i].sts;
        s->mta_sts_reason = cases[i].sts_reason;
        s->tlsrpt_result_type = tlsrpt_result_type(s);
        assert_int_equal(s->tlsrpt_result_type == NULL, cases[i].expected == NULL);
        assert_true(cases[i].expected == NULL || strcmp(s->tlsrpt_result_type, cases[i].expected) == 0);
        assert_int_equal(tlsrpt_counts(s), cases[i].counts);
        assert_true(tlsrpt_day_add(&day, s));
    }
    assert_int_equal(day.num, 1);
    static const char *const expected[] = {"tlsa",
                                           "1,\"total-failure-session-count\":2}",
                                           "sts",
                                           "1,\"total-failure-session-count\":2}",
                                           "no-policy-found",
                                           "2,\"total-failure-session-count\":0}"};
    const char *at = written(&day, 0);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        at = strstr(at, expected[i]);
        assert_non_null(at);
    }
    tlsrpt_day_cleanup(&day);
}

static const char *one_domain[] = {"example.org"};

static struct session_event *under_sts(const char **lines, size_t num) {
    struct session_event *s = session(VERDICT_STARTTLS, NULL);
    to_recipients(s, one_domain, 1);
    s->mta_sts_domain = "Example.org";
    s->mta_sts_mode = "enforce";
    s->mta_sts_result = "pass";
    s->mta_sts_lines = (struct text_list){.items = lines, .num = num};
    return s;
}

static struct session_event *under_tlsa(const char **records, size_t num) {
    struct session_event *s = session(VERDICT_STARTTLS, NULL);
    to_recipients(s, one_domain, 1);
    s->dane_dnssec = "claimed";
    s->dane_result = "match";
    s->dane_records = (struct text_list){.items = records, .num = num};
    return s;
}

/* RFC 8460 section 4.4 and appendix B; each text has counts of its own. */
static void test_policy_texts(void **state) {
    (void)state;
    const char *lines[] = {"version: STSv1", "mode: enforce", "mx: *.mail.example.org", "mx:\tmx.example.org",
                           "max_age: 86400"};
    const char *others[] = {"version: STSv1", "mode: enforce", "mx: mx.example.org", "max_age: 86400"};
    const char *records[] = {"3 1 1 22ff", "2 0 1 00ff"}, *turned[] = {"2 0 1 00ff", "3 1 1 22ff"};
    const char *cut[] = {"3 0 0 22ff..."};
    const char *both[] = {"example.org", "other.example"};
    struct tlsrpt_day day = {0};
    assert_true(tlsrpt_day_add(&day, under_sts(lines, 5)));
    assert_true(tlsrpt_day_add(&day, under_sts(others, 4)));
    assert_true(tlsrpt_day_add(&day, under_sts(lines, 0))); /* too long a text */
    struct session_event *s = under_sts(lines, 5);
    to_recipients(s, both, 2);
    assert_true(tlsrpt_day_add(&day, s));
    assert_true(tlsrpt_day_add(&day, under_tlsa(records, 2)));
    assert_true(tlsrpt_day_add(&day, under_tlsa(turned, 2)));
    assert_true(tlsrpt_day_add(&day, under_tlsa(cut, 1)));
    assert_int_equal(day.num, 1); /* of other.example it is not known */
    const char *json = strstr(written(&day, 0), "\"policies\":");
#define SUCCESSFUL(n)                                                                                        \
    "\"summary\":{\"total-successful-session-count\":" #n ",\"total-failure-session-count\":0}}"
    assert_string_equal(
        json, "\"policies\":["
              "{\"policy\":{\"policy-type\":\"tlsa\",\"policy-string\":[\"2 0 1 00ff\",\"3 1 1 22ff\"],"
              "\"policy-domain\":\"example.org\"}," SUCCESSFUL(
                  2) ","
                     "{\"policy\":{\"policy-type\":\"tlsa\",\"policy-domain\":\"example.org\"}," SUCCESSFUL(
                         1) ","
                            "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: "
                            "STSv1\",\"mode: enforce\","
                            "\"mx: *.mail.example.org\",\"mx:\\u0009mx.example.org\",\"max_age: 86400\"],"
                            "\"policy-domain\":\"example.org\",\"mx-host\":[\"*.mail.example.org\",\"mx."
                            "example.org\"]}," SUCCESSFUL(
                                2) ","
                                   "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: "
                                   "STSv1\",\"mode: enforce\","
                                   "\"mx: mx.example.org\",\"max_age: 86400\"],"
                                   "\"policy-domain\":\"example.org\",\"mx-host\":[\"mx.example.org\"]}"
                                   "," SUCCESSFUL(1) ","
                                                     "{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":"
                                                     "\"example.org\"}," SUCCESSFUL(1) "]}\n");
    tlsrpt_day_cleanup(&day);
}

static void test_many_policies(void **state) {
    (void)state;
    char record[32];
    const char *records[] = {record};
    struct tlsrpt_day day = {0};
    for (unsigned i = 0; i < 2 * TLSRPT_POLICIES_MAX; i++) {
        (void)snprintf(record, sizeof record, "3 1 1 %08x", i);
        assert_true(tlsrpt_day_add(&day, under_tlsa(records, 1)));
    }
    assert_int_equal(day.num_sessions, 2 * TLSRPT_POLICIES_MAX);
    const char *json = written(&day, 0);
    size_t num = 0, num_texts = 0;
    for (const char *at = json; (at = strstr(at, "\"policy-type\"")) != NULL; at++) {
        num++;
    }
    for (const char *at = json; (at = strstr(at, "\"policy-string\"")) != NULL; at++) {
        num_texts++;
    }
    assert_int_equal(num_texts, TLSRPT_POLICIES_MAX);
    assert_int_equal(num, TLSRPT_POLICIES_MAX + 1);
    tlsrpt_day_cleanup(&day);
}

static void test_host_names(void **state) {
    (void)state;
    static const char *const good[][2] = {{"Example.ORG", "example.org"},
                                          {"example.org.", "example.org"},
                                          {"_x.a-b.example", "_x.a-b.example"},
                                          {"xn--bcher-kva.example", "xn--bcher-kva.example"},
                                          {"1.example", "1.example"}};
    static const char *const wrong[] = {"",
                                        ".",
                                        "..",
                                        "../../etc/passwd",
                                        "a/b.org",
                                        "a!b.org",
                                        "[192.0.2.1]",
                                        "192.0.2.1",
                                        "localhost",
                                        "-a.org",
                                        "a-.org",
                                        "a.org-",
                                        "a..org",
                                        ".a.org",
                                        "a b.org",
                                        "a.org\n",
                                        ("b\xc3\xbc"
                                         "cher.example"),
                                        "a.org\"",
                                        "2001:db8::1"};
    char name[TLSRPT_DOMAIN_LEN], longest[300];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(tlsrpt_host_name(good[i][0], name));
        assert_string_equal(name, good[i][1]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (tlsrpt_host_name(wrong[i], name)) {
            fail_msg("taken: %s", wrong[i]);
        }
    }
    for (size_t i = 0; i < sizeof longest; i++) {
        longest[i] = i % 50 == 49 ? '.' : 'a';
    }
    longest[253] = '\0';
    assert_true(tlsrpt_host_name(longest, name));
    longest[253] = 'a';
    longest[254] = '\0';
    assert_false(tlsrpt_host_name(longest, name));
    memset(longest, 'a', 64);
    assert_false(tlsrpt_host_name(longest, name));
}

static void test_report(void **state) {
    (void)state;
    struct tlsrpt_day day = {0};
    const char *both[] = {"example.org", "Other.example", "EXAMPLE.org", NULL};
    assert_true(tlsrpt_day_add(&day, session(VERDICT_STARTTLS, NULL)));
    struct session_event *s = session(VERDICT_NOT_OFFERED, "starttls-not-supported");
    to_recipients(s, both, 4);
    assert_true(tlsrpt_day_add(&day, s));
    assert_true(tlsrpt_day_add(&day, s));
    s = session(VERDICT_STARTTLS, NULL);
    s->destination.domain = "[198.51.100.25]";
    assert_true(tlsrpt_day_add(&day, s));
    s->destination.domain = NULL;
    assert_true(tlsrpt_day_add(&day, s));
    assert_int_equal(day.num_sessions, 3);
    assert_int_equal(day.num, 3); /* in their order */
    assert_string_equal(tlsrpt_domain(day.reports[0]), "example.org");
    assert_string_equal(tlsrpt_domain(day.reports[1]), "mx.example.org");
    assert_string_equal(tlsrpt_domain(day.reports[2]), "other.example");
    assert_non_null(
        strstr(written(&day, 0),
               "{\"organization-name\":\"Example \\\"Org\\\"\",\"date-range\":{\"start-datetime\":"
               "\"2023-11-15T00:00:00Z\",\"end-datetime\":\"2023-11-15T23:59:59Z\"},"
               "\"contact-info\":\"mailto:tls@sender.example\",\"report-id\":\"2023-11-15_example.org_"));
    assert_non_null(
        strstr(text, "@sender.example\",\"policies\":[{\"policy\":{\"policy-type\":\"no-policy-found\","
                     "\"policy-domain\":\"example.org\"},\"summary\":{\"total-successful-session-count\":0,"
                     "\"total-failure-session-count\":2},\"failure-details\":[{\"result-type\":"
                     "\"starttls-not-supported\",\"sending-mta-ip\":\"192.0.2.10\","
                     "\"receiving-mx-hostname\":\"mx.example.org\",\"receiving-mx-helo\":"
                     "\"mx.example.org\",\"receiving-ip\":\"198.51.100.25\",\"failed-session-count\":2,"
                     "\"failure-reason-code\":\"not_offered\"}]}]}\n"));
    assert_non_null(strstr(written(&day, 1),
                           "\"total-successful-session-count\":1,\"total-failure-session-count\":0}}]}"));
    tlsrpt_day_cleanup(&day);
}

static size_t count(const char *word) {
    size_t num = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        num++;
    }
    return num;
}

/* However many kinds of failure there are, all sessions are counted. */
static void test_many_failures(void **state) {
    (void)state;
    char ip[32];
    uint64_t sum = 0;
    struct tlsrpt_day day = {0};
    for (unsigned i = 0; i < 3 * TLSRPT_DETAILS_MAX; i++) {
        struct session_event *s =
            session(VERDICT_REFUSED, i % 2 == 0 ? "starttls-not-supported" : "validation-failure");
        (void)snprintf(ip, sizeof ip, "192.0.2.%u", i);
        s->source.ip = ip;
        assert_true(tlsrpt_day_add(&day, s));
    }
    assert_int_equal(day.num, 1);
    assert_non_null(strstr(written(&day, 0), "\"total-failure-session-count\":192}"));
    assert_int_equal(count("\"result-type\""), TLSRPT_DETAILS_MAX + 2);
    for (const char *at = text; (at = strstr(at, "failed-session-count\":")) != NULL; at++) {
        sum += strtoull(at + strlen("failed-session-count\":"), NULL, 10);
    }
    assert_int_equal(sum, 3 * TLSRPT_DETAILS_MAX);
    tlsrpt_day_cleanup(&day);
}

static void test_many_domains(void **state) {
    (void)state;
    char name[64];
    struct tlsrpt_day day = {0};
    for (unsigned i = 0; i < TLSRPT_DOMAINS_MAX + 5; i++) {
        struct session_event *s = session(VERDICT_STARTTLS, NULL);
        (void)snprintf(name, sizeof name, "d%u.example", i * 7919 % 100003);
        s->destination.domain = name;
        assert_true(tlsrpt_day_add(&day, s));
    }
    assert_int_equal(day.num, TLSRPT_DOMAINS_MAX);
    assert_int_equal(day.num_dropped, 5);
    for (size_t i = 1; i < day.num; i++) {
        assert_true(strcmp(tlsrpt_domain(day.reports[i - 1]), tlsrpt_domain(day.reports[i])) < 0);
    }
    tlsrpt_day_cleanup(&day);
}

/* --- files --- */

static int begin(void **state) {
    (void)state;
    said[0] = '\0';
    (void)snprintf(dir, sizeof dir, "/tmp/test_tlsrpt_XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static size_t num_files(bool remove_them) {
    size_t num = 0;
    char path[512];
    DIR *stream = opendir(dir);
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            num++;
            (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
            assert_true(!remove_them || unlink(path) == 0);
        }
    }
    (void)closedir(stream);
    return num;
}

static int end(void **state) {
    (void)state;
    (void)chmod(dir, 0700);
    (void)num_files(true);
    event_cleanup(&event);
    return rmdir(dir);
}

static const char *read_report(const char *name) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    gzFile file = gzopen(path, "rb");
    if (file == NULL) {
        fail_msg("%s is not there", path);
    }
    int len = gzread(file, text, sizeof text - 1);
    assert_true(len > 0);
    text[len] = '\0';
    assert_int_equal(gzclose(file), Z_OK);
    return text;
}

static struct sink *open_with(const char *spec_options, struct sink_options options) {
    char spec[256], error[512];
    options.log = on_message;
    (void)snprintf(spec, sizeof spec, "tlsrpt:%s%s", dir, spec_options);
    struct sink *sink = sink_open(spec, &options, error, sizeof error);
    if (sink == NULL) {
        fail_msg("%s", error);
    }
    return sink;
}

/* So many failed sessions, which end so many seconds after the day began. */
static int write_sessions(struct sink *sink, unsigned num, uint64_t after_s) {
    static const char *recipients[] = {"example.org"};
    for (unsigned i = 0; i < num; i++) {
        struct session_event *s = session(VERDICT_REFUSED, "starttls-not-supported");
        to_recipients(s, recipients, 1);
        s->end_ns = (DAY + after_s) * NS_PER_S;
        if (sink_write(sink, &event) != 0) {
            return -1;
        }
    }
    return 0;
}

static void expect_failures(const char *name, unsigned num) {
    char expected[64];
    (void)snprintf(expected, sizeof expected, "\"total-failure-session-count\":%u}", num);
    if (strstr(read_report(name), expected) == NULL) {
        fail_msg("not %u failures in %s: %s", num, name, text);
    }
}

/* A day is written an hour after its end, and what comes later for it makes another report. */
static void test_days(void **state) {
    (void)state;
    struct sink *sink = open_with("", (struct sink_options){0});
    assert_int_equal(write_sessions(sink, 2, 0), 0);
    assert_int_equal(write_sessions(sink, 1, DAY_S), 0);
    assert_int_equal(write_sessions(sink, 1, DAY_S - 1), 0);
    assert_int_equal(write_sessions(sink, 1, DAY_S + TLSRPT_GRACE_S - 1), 0);
    assert_int_equal(sink_flush(sink), 0);
    assert_int_equal(num_files(false), 0);
    event_reset(&event, DATASET_SENSOR); /* time goes on without sessions, too */
    event.sensor.end_ns = (DAY + DAY_S + TLSRPT_GRACE_S) * NS_PER_S;
    assert_int_equal(sink_write(sink, &event), 0);
    assert_int_equal(num_files(false), 1);
    expect_failures(FIRST, 3);
    assert_int_equal(write_sessions(sink, 4, 5), 0);
    struct sink_stats stats;
    assert_true(sink_stats(sink, &stats));
    assert_int_equal(stats.num_written, 9);
    assert_int_equal(stats.num_delivered, 3);
    assert_int_equal(stats.num_waiting, 6);
    assert_int_equal(sink_close(sink), 0);
    assert_int_equal(num_files(false), 3);
    expect_failures(FIRST, 3);
    expect_failures(SECOND, 4);
    expect_failures(NEXT_DAY, 2);
    assert_non_null(strstr(text, "\"contact-info\":\"postmaster@sender.example\""));
}

static int run(const char *spec_options, struct sink_options options, unsigned num) {
    struct sink *sink = open_with(spec_options, options);
    assert_int_equal(write_sessions(sink, num, 0), 0);
    return sink_close(sink);
}

/* What is there is kept, unless it is told otherwise. */
static void test_existing(void **state) {
    (void)state;
    assert_int_equal(run("", (struct sink_options){0}, 1), 0);
    assert_int_equal(run("", (struct sink_options){0}, 1), 0); /* the same: nothing to do */
    assert_string_equal(said, "");
    assert_int_equal(run("", (struct sink_options){0}, 2), -1);
    assert_non_null(strstr(said, FIRST ": is there and says something else"));
    expect_failures(FIRST, 1);
    assert_int_equal(run("?append", (struct sink_options){0}, 2), 0);
    assert_int_equal(run("?append", (struct sink_options){0}, 2), 0);
    expect_failures(FIRST, 1);
    expect_failures(SECOND, 2);
    assert_int_equal(num_files(false), 2);
    assert_int_equal(run("", (struct sink_options){.live = true}, 3), 0);
    assert_int_equal(num_files(false), 3);
    assert_int_equal(run("", (struct sink_options){.force = true}, 4), 0);
    expect_failures(FIRST, 4);
    assert_int_equal(num_files(false), 3);
}

/* While files cannot be made, nothing is lost and nothing torn lies about. */
static void test_directory_away(void **state) {
    (void)state;
    char aside[80];
    (void)snprintf(aside, sizeof aside, "%s-aside", dir);
    struct sink *sink = open_with("", (struct sink_options){0});
    assert_int_equal(write_sessions(sink, 2, 0), 0);
    assert_int_equal(rename(dir, aside), 0);
    assert_int_equal(write_sessions(sink, 1, 2 * DAY_S), 0);
    assert_non_null(strstr(said, "the reports wait, and it is tried again"));
    assert_int_equal(rename(aside, dir), 0);
    assert_int_equal(sink_close(sink), 0);
    assert_int_equal(num_files(false), 2);
    expect_failures(FIRST, 2);
    sink = open_with("", (struct sink_options){0});
    assert_int_equal(write_sessions(sink, 1, 5 * DAY_S), 0);
    assert_int_equal(rename(dir, aside), 0);
    assert_int_equal(sink_close(sink), -1);
    assert_int_equal(rename(aside, dir), 0);
    assert_int_equal(num_files(false), 2);
}

/* Days far apart, and back again: memory stays bounded. */
static void test_many_days(void **state) {
    (void)state;
    struct sink *sink = open_with("", (struct sink_options){0});
    for (uint64_t i = 100; i > 0; i--) { /* backwards, so that none is over */
        assert_int_equal(write_sessions(sink, 1, i * DAY_S), 0);
    }
    assert_int_equal(num_files(false), 100 - TLSRPT_OPEN_MAX);
    assert_int_equal(sink_close(sink), 0);
    assert_int_equal(num_files(false), 100);
}

static void test_specs(void **state) {
    (void)state;
    static const char *const wrong[] = {"tlsrpt:-",
                                        "tlsrpt:x?sender=",
                                        "tlsrpt:x?sender=a/b.org",
                                        "tlsrpt:x?organization=",
                                        "tlsrpt:x?contact=",
                                        "tlsrpt:x?append=1",
                                        "tlsrpt:x?datasets=session",
                                        "tlsrpt:x?organization=Org & Co",
                                        "tlsrpt:x?rotate=1MB"};
    char error[512], spec[128];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (sink_check(wrong[i], error, sizeof error)) {
            fail_msg("taken: %s", wrong[i]);
        }
    }
    const struct sink_options options = {0};
    (void)snprintf(spec, sizeof spec, "tlsrpt:%s/no/such", dir);
    assert_null(sink_open(spec, &options, error, sizeof error));
    assert_non_null(strstr(error, "No such file or directory"));
    assert_null(sink_open("tlsrpt:/dev/null", &options, error, sizeof error));
    assert_non_null(strstr(error, "Not a directory"));
}

static void test_sender(void **state) {
    (void)state;
    struct sink *sink =
        open_with("?sender=S.example.&organization=Org = Co&contact=x", (struct sink_options){0});
    assert_int_equal(write_sessions(sink, 1, 0), 0);
    assert_int_equal(sink_close(sink), 0);
    read_report("s.example!example.org!1700006400!1700092799.json.gz");
    assert_non_null(strstr(text, "{\"organization-name\":\"Org = Co\","));
    assert_non_null(strstr(text, "\"contact-info\":\"x\","));
    assert_non_null(strstr(text, "@s.example\""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result_types),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_policy_texts),
        cmocka_unit_test(test_many_policies),
        cmocka_unit_test(test_host_names),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_many_failures),
        cmocka_unit_test(test_many_domains),
        cmocka_unit_test_setup_teardown(test_days, begin, end),
        cmocka_unit_test_setup_teardown(test_existing, begin, end),
        cmocka_unit_test_setup_teardown(test_directory_away, begin, end),
        cmocka_unit_test_setup_teardown(test_many_days, begin, end),
        cmocka_unit_test_setup_teardown(test_specs, begin, end),
        cmocka_unit_test_setup_teardown(test_sender, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
