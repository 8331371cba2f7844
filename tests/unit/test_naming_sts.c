#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../sensor/judge/naming_sts.h"

static char directory[] = "/tmp/test_naming_sts.XXXXXX";
static const char *const files[][2] = {
    {"enforce.example.txt", "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 604800\n"},
    {"testing.example.txt", "version: STSv1\nmode: testing\nmx: *.example.net\nmax_age: 604800\n"},
    {"none.example.txt", "version: STSv1\nmode: none\nmax_age: 1\n"},
};
#define NUM_FILES (sizeof files / sizeof files[0])

static struct mta_sts *sts;
static struct event event;

static void path_of(size_t i, char path[256]) {
    snprintf(path, 256, "%s/%s", directory, files[i][0]);
}

static int begin(void **state) {
    char path[256], error[256];
    (void)state;
    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < NUM_FILES; i++) {
        path_of(i, path);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(files[i][1], file) >= 0 && fclose(file) == 0);
    }
    sts = mta_sts_load(directory, error, sizeof error);
    event_init(&event);
    return sts ? 0 : -1;
}

static int end(void **state) {
    char path[256];
    (void)state;
    mta_sts_free(sts);
    event_cleanup(&event);
    for (size_t i = 0; i < NUM_FILES; i++) {
        path_of(i, path);
        assert_int_equal(unlink(path), 0);
    }
    return rmdir(directory);
}

static void domains(struct text_list *list, const char *one, const char *two) {
    assert_true(event_list(&event, list, two ? 2 : 1));
    list->items[0] = one;
    if (two)
        list->items[1] = two;
}

/* A good session to mx.example.org, the MX of the one or two domains. */
static struct session_event *session(const char *one, const char *two) {
    struct session_event *s = &event.session;
    event_reset(&event, DATASET_SESSION);
    s->verdict = VERDICT_STARTTLS;
    s->cert_visible = s->cert_name_match = s->cert_chain_valid = FACT_YES;
    s->dns_host = "mx.example.org";
    if (one)
        domains(&s->dns_domains, one, two);
    return s;
}

static void expect(const char *mode, const char *result, const char *reason) {
    const struct session_event *s = &event.session;
    naming_judge_sts(sts, &event);
    if (mode)
        assert_string_equal(s->mta_sts_mode, mode);
    else
        assert_null(s->mta_sts_mode);
    if (result)
        assert_string_equal(s->mta_sts_result, result);
    else
        assert_null(s->mta_sts_result);
    if (reason)
        assert_string_equal(s->mta_sts_reason, reason);
    else
        assert_null(s->mta_sts_reason);
}

static void test_certificate(void **state) {
    (void)state;
    session("enforce.example", NULL);
    expect("enforce", "pass", NULL);
    assert_int_equal(event.session.mta_sts_lines.num, 4);
    assert_string_equal(event.session.mta_sts_lines.items[1], "mode: enforce");
    session("enforce.example", NULL)->cert_chain_valid = FACT_NO;
    expect("enforce", "fail", "certificate_not_trusted");
    session("enforce.example", NULL)->cert_name_match = FACT_NO;
    expect("enforce", "fail", "certificate_host_mismatch");
    event_find(session("enforce.example", NULL), FINDING_CERT_EXPIRED);
    expect("enforce", "fail", "certificate_expired");
    session("enforce.example", NULL)->cert_chain_valid = FACT_UNKNOWN; /* --no-verify */
    expect("enforce", "unknown", "certificate_not_verified");
    session("enforce.example", NULL)->cert_visible = FACT_NO; /* TLS 1.3: never a pass */
    expect("enforce", "unknown", "certificate_not_visible");
}

static void test_connection(void **state) {
    (void)state;
    session("enforce.example", NULL)->verdict = VERDICT_NOT_OFFERED;
    expect("enforce", "fail", "starttls_not_supported");
    session("enforce.example", NULL)->verdict = VERDICT_HANDSHAKE_FAILED;
    expect("enforce", "fail", "handshake_failed");
    session("enforce.example", NULL)->verdict = VERDICT_NO_MAIL; /* nothing was mailed */
    expect("enforce", NULL, NULL);
    session("testing.example", NULL);
    expect("testing", "fail", "mx_mismatch");
    session("none.example", NULL)->verdict = VERDICT_NOT_OFFERED;
    expect("none", NULL, NULL);
    session("elsewhere.example", NULL);
    expect(NULL, NULL, NULL);
    session(NULL, NULL);
    expect(NULL, NULL, NULL);
}

/* Where the recipients were seen, their domains count, each; the worst is told. */
static void test_recipients(void **state) {
    (void)state;
    struct session_event *s = session("elsewhere.example", NULL);
    domains(&s->mail_rcpt_domains, "enforce.example", "testing.example");
    expect("testing", "fail", "mx_mismatch");
    assert_string_equal(s->mta_sts_domain, "testing.example");
    s = session(NULL, NULL); /* the server's own name says nothing of how it was found */
    s->dns_host = NULL;
    domains(&s->mail_rcpt_domains, "enforce.example", NULL);
    expect("enforce", "unknown", "mx_unknown");
    s = session(NULL, NULL);
    s->dns_host = NULL;
    s->tls_server_name = "mx.example.org";
    domains(&s->mail_rcpt_domains, "enforce.example", NULL);
    expect("enforce", "pass", NULL);
}

/* Of several domains with that MX one alone may have been meant. */
static void test_several(void **state) {
    (void)state;
    session("enforce.example", "testing.example");
    expect("testing", "unknown", "several_domains");
    session("enforce.example", "elsewhere.example");
    expect("enforce", "unknown", "several_domains");
    session("testing.example", "enforce.example")->verdict = VERDICT_NOT_OFFERED;
    expect("testing", "fail", "starttls_not_supported"); /* true of both */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_several),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
