/* policy_session.h: a session to judge, and what a policy says of it; for the tests of policies. */
#ifndef STARTTAP_TESTS_POLICY_SESSION_H
#define STARTTAP_TESTS_POLICY_SESSION_H

#include <stdio.h>
#include <string.h>

#include "../../sensor/judge/policy.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct event event;

static inline struct policy *parse(const char *text, char error[512]) {
    return policy_parse("f", text, strlen(text), error, 512);
}

static inline struct policy *good(const char *text) {
    char error[512];
    struct policy *policy = parse(text, error);
    if (!policy)
        fail_msg("%s: %s", text, error);
    return policy;
}

/* A session over TLS 1.2 to mx.example.org [192.0.2.25]:25, whose certificate is right. */
static inline struct session_event *encrypted(void) {
    static const char *names[] = {"mx.example.org"};
    event_reset(&event, DATASET_SESSION);
    struct session_event *s = &event.session;
    s->source.ip = "198.51.100.7";
    s->destination.ip = "192.0.2.25";
    s->destination.port = 25;
    s->verdict = VERDICT_STARTTLS;
    s->starttls_offered = FACT_YES;
    s->mail_cleartext = s->auth_cleartext = FACT_NO;
    s->tls_established = FACT_YES;
    s->tls_version = "1.2";
    s->tls_version_protocol = "tls";
    s->tls_cipher = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    s->tls_cipher_bits = 128;
    s->tls_forward_secrecy = FACT_YES;
    s->tls_post_quantum = FACT_NO;
    s->client_cert_sent = FACT_NO;
    s->smtp_server_name = "mx.example.org";
    s->smtp_ehlo = "client.example.com";
    s->server_cert.sha256 = SHA_A;
    s->server_cert.key_known = true;
    memset(s->server_cert.key_sha256, 0xbb, sizeof s->server_cert.key_sha256);
    s->server_cert.alternative_names = (struct text_list){.items = names, .num = 1};
    s->cert_visible = FACT_YES;
    s->cert_chain_valid = FACT_YES;
    return s;
}

static inline struct session_event *hidden(void) {
    struct session_event *s = encrypted();
    s->tls_version = "1.3";
    s->tls_cipher = "TLS_AES_256_GCM_SHA384";
    s->tls_cipher_bits = 256;
    s->server_cert = (struct event_cert){0};
    s->cert_visible = FACT_NO;
    s->cert_absent_reason = "tls13_encrypted";
    s->cert_chain_valid = FACT_UNKNOWN;
    s->client_cert_sent = FACT_UNKNOWN;
    return s;
}

static inline struct session_event *clear(enum verdict verdict) {
    struct session_event *s = encrypted();
    s->verdict = verdict;
    s->tls_established = FACT_UNKNOWN;
    s->tls_version = s->tls_cipher = NULL;
    s->tls_cipher_bits = EVENT_ABSENT;
    s->server_cert = (struct event_cert){0};
    s->cert_chain_valid = FACT_UNKNOWN;
    s->cert_visible = FACT_UNKNOWN;
    s->starttls_offered = FACT_NO;
    return s;
}

static inline void judge(const char *text) {
    struct policy *policy = good(text);
    policy_judge(policy, &event);
    policy_free(policy);
}

/* result is "pass", "fail" or "unknown" with the first reason behind it, or NULL: none. */
static inline void expect(const char *text, const char *result) {
    const struct session_event *s = &event.session;
    char is[512];
    judge(text);
    const char *reason = s->policy_reasons.num > 0 ? s->policy_reasons.items[0] : NULL;
    snprintf(is, sizeof is, "%s%s%s", s->policy_result ? s->policy_result : "", reason ? ": " : "",
             reason ? reason : "");
    if (strcmp(is, result ? result : "") != 0)
        fail_msg("'%s' gives '%s', not '%s'", text, is, result ? result : "nothing");
    assert_int_equal(event_found(s, FINDING_POLICY_VIOLATION),
                     s->policy_result && strcmp(s->policy_result, "fail") == 0);
    assert_int_equal(s->policy_reasons.num == 0, !s->policy_result || strcmp(s->policy_result, "pass") == 0);
}

static int setup(void **state) {
    (void)state;
    event_init(&event);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    event_cleanup(&event);
    return 0;
}

#endif
