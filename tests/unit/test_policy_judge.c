/* Sessions as structs, and rules that they keep or break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy_session.h"

/* --- levels --- */

static void test_levels_in_clear(void **state) {
    static const enum verdict verdicts[] = {VERDICT_NOT_OFFERED,      VERDICT_MASKED,
                                            VERDICT_NO_EHLO,          VERDICT_REFUSED,
                                            VERDICT_ACCEPTED_NO_TLS,  VERDICT_OFFERED_UNUSED,
                                            VERDICT_HANDSHAKE_FAILED, VERDICT_CLEARTEXT_ON_TLS_PORT};
    static const char *const levels[] = {
        "none", "may", "encrypt", "dane", "dane-only", ("fingerprint match=" SHA_A), "verify", "secure"};
    (void)state;
    for (size_t v = 0; v < sizeof verdicts / sizeof verdicts[0]; v++) {
        for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
            char text[256];
            snprintf(text, sizeof text, "* %s\n", levels[i]);
            clear(verdicts[v]);
            judge(text);
            assert_string_equal(event.session.policy_result, i < 2 ? "pass" : i == 3 ? "unknown" : "fail");
        }
    }
    clear(VERDICT_NOT_OFFERED)->mail_cleartext = FACT_YES;
    expect("* encrypt\n", "fail: not encrypted: STARTTLS was not offered");
    assert_int_equal(event.session.policy_reasons.num, 1);
    clear(VERDICT_HANDSHAKE_FAILED);
    expect("* encrypt\n", "fail: not encrypted: the TLS handshake failed");
    assert_string_equal(event.session.policy_reasons.items[1], "nothing was mailed");
    encrypted()->mail_cleartext = FACT_YES;
    expect("* encrypt\n", "fail: mail or AUTH crossed in clear before TLS");
}

static void test_sessions_without_mail(void **state) {
    (void)state;
    clear(VERDICT_NO_MAIL);
    expect("* encrypt\n", "fail: not encrypted: STARTTLS was not offered");
    clear(VERDICT_NO_MAIL);
    expect("* may\n", NULL);
    clear(VERDICT_NO_MAIL)->starttls_offered = FACT_YES;
    expect("* encrypt\n", NULL);
    clear(VERDICT_NO_MAIL)->starttls_offered = FACT_UNKNOWN;
    expect("* secure\n", NULL);
    clear(VERDICT_NOT_SMTP);
    expect("* secure\n", NULL);
}

static void test_missing_evidence(void **state) {
    (void)state;
    clear(VERDICT_UNKNOWN)->reason = "why";
    event.session.mail_cleartext = FACT_UNKNOWN;
    expect("* encrypt\n", "unknown: why");
    clear(VERDICT_UNKNOWN)->reason = "why";
    expect("* may\n", "unknown: why");
    clear(VERDICT_UNKNOWN);
    expect("* none\n", "pass");
    clear(VERDICT_UNKNOWN)->mail_cleartext = FACT_YES;
    expect("* encrypt\n", "fail: not encrypted: mail or AUTH crossed in clear");
    clear(VERDICT_UNKNOWN)->auth_cleartext = FACT_YES;
    expect("* encrypt\n", "fail: not encrypted: mail or AUTH crossed in clear");
    clear(VERDICT_UNKNOWN)->mail_cleartext = FACT_YES;
    expect("* may\n", "pass");
}

static void test_versions(void **state) {
    static const struct {
        const char *version, *protocols;
        bool pass;
    } cases[] = {
        {"1.2", "", true},
        {"1.0", "", true},
        {"1.2", "protocols=>=TLSv1.2", true},
        {"1.1", "protocols=>=TLSv1.2", false},
        {"1.3", "protocols=<=TLSv1.2", false},
        {"1.3-draft23", "protocols=>=TLSv1.3", true},
        {"1.2", "protocols=>=0304", false},
        {"1.2", "protocols=TLSv1.2:TLSv1.3", true},
        {"1.1", "protocols=TLSv1.2:TLSv1.3", false},
        {"1.1", "protocols=!SSLv2:!SSLv3:!TLSv1", true},
        {"1.0", "protocols=!SSLv2:!SSLv3:!TLSv1", false},
        {"1.0", "protocols=", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256], why[256];
        const char *protocols = cases[i].protocols;
        snprintf(text, sizeof text, "* encrypt %s\n", protocols);
        snprintf(why, sizeof why, "fail: TLS %s: %s", cases[i].version, protocols);
        encrypted()->tls_version = cases[i].version;
        expect(text, cases[i].pass ? "pass" : why);
        /* with clear text allowed, TLS must still be as it is said */
        snprintf(text, sizeof text, "* may %s\n", protocols);
        encrypted()->tls_version = cases[i].version;
        expect(text, cases[i].pass ? "pass" : why);
    }
    encrypted()->tls_version = "1.0";
    expect("* encrypt { protocols = !SSLv2, !SSLv3, !TLSv1 }\n",
           "fail: TLS 1.0: protocols=!SSLv2, !SSLv3, !TLSv1");
    encrypted()->tls_version = "1.1";
    expect("* encrypt { protocols = !SSLv2, !SSLv3, !TLSv1 }\n", "pass");
    encrypted()->tls_version = "3.0";
    event.session.tls_version_protocol = "ssl";
    expect("* encrypt\n", "fail: SSL 3.0: protocols=>=TLSv1");
    encrypted()->tls_version = "3.0";
    event.session.tls_version_protocol = "ssl";
    expect("* encrypt protocols=\n", "pass");
    encrypted()->tls_version = "2.0";
    event.session.tls_version_protocol = "ssl";
    expect("* encrypt protocols=\n", "fail: SSL 2.0: protocols=");
    encrypted()->tls_version = NULL;
    expect("* encrypt\n", "unknown: the TLS version was not seen");
}

static void test_suites(void **state) {
    static const struct {
        const char *suite, *attributes, *result;
    } cases[] = {
        {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ciphers=high", "pass"},
        {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "", "pass"},
        {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "ciphers=high",
         "fail: TLS_RSA_WITH_3DES_EDE_CBC_SHA: grade medium, ciphers=high"},
        {"TLS_RSA_WITH_DES_CBC_SHA", "", "fail: TLS_RSA_WITH_DES_CBC_SHA: grade low, ciphers=medium"},
        {"TLS_RSA_WITH_DES_CBC_SHA", "ciphers=low", "pass"},
        {"TLS_RSA_EXPORT_WITH_RC4_40_MD5", "ciphers=low",
         "fail: TLS_RSA_EXPORT_WITH_RC4_40_MD5: grade export, ciphers=low"},
        {"TLS_RSA_EXPORT_WITH_RC4_40_MD5", "ciphers=export", "pass"},
        {"TLS_RSA_WITH_NULL_SHA256", "ciphers=export", "fail: TLS_RSA_WITH_NULL_SHA256: does not encrypt"},
        {"TLS_RSA_WITH_NULL_SHA256", "ciphers=null", "pass"},
        {"TLS_RSA_WITH_RC4_128_SHA", "exclude=MD5:RC4", "fail: TLS_RSA_WITH_RC4_128_SHA: exclude=RC4"},
        {"TLS_RSA_WITH_AES_128_CBC_SHA", "exclude=kRSA+AES256:kDHE", "pass"},
        {"TLS_RSA_WITH_AES_256_CBC_SHA", "exclude=kRSA+AES256",
         "fail: TLS_RSA_WITH_AES_256_CBC_SHA: exclude=kRSA+AES256"},
        {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "exclude=SHA1",
         "fail: TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: exclude=SHA1"},
        {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "exclude=SHA1", "pass"},
        {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "exclude=WEIRD", "unknown: exclude=WEIRD is not judged"},
        {"TLS_AES_256_GCM_SHA384", "exclude=WEIRD:AES", "pass"},
        {"TLS_SHA256_SHA256", "", "fail: TLS_SHA256_SHA256: does not encrypt"},
        {"TLS_DH_anon_WITH_AES_256_GCM_SHA384", "", "pass"},
        {"0x1a2b", "", "unknown: 0x1a2b: a cipher suite that is not known"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "* encrypt %s\n", cases[i].attributes);
        encrypted()->tls_cipher = cases[i].suite;
        expect(text, cases[i].result);
    }
    encrypted()->tls_cipher = "TLS_DH_anon_WITH_AES_256_GCM_SHA384";
    expect(".example.org verify\n",
           "fail: TLS_DH_anon_WITH_AES_256_GCM_SHA384: anonymous, without a certificate");
}

static void test_own_attributes(void **state) {
    (void)state;
    encrypted();
    expect("* encrypt min_bits=128 forward_secrecy=required\n", "pass");
    encrypted();
    expect("* encrypt min_bits=256\n", "fail: 128 bits: min_bits=256");
    encrypted()->tls_forward_secrecy = FACT_NO;
    expect("* may forward_secrecy=required\n", "fail: no forward secrecy");
    encrypted()->tls_post_quantum = FACT_YES;
    expect("* encrypt pq=required\n", "pass");
    encrypted()->tls_post_quantum = FACT_UNKNOWN; /* RSA key exchange: no group */
    expect("* encrypt pq=required\n", "fail: the key exchange is not post-quantum");
    hidden()->tls_post_quantum = FACT_UNKNOWN;
    expect("* encrypt pq=required\n", "unknown: whether the key exchange is post-quantum was not seen");
    encrypted();
    expect("* encrypt client_cert=required\n", "fail: the client sent no certificate");
    encrypted()->client_cert_sent = FACT_YES;
    expect("* encrypt client_cert=required\n", "pass");
    hidden();
    expect("* encrypt client_cert=required\n", "unknown: whether the client sent a certificate was not seen");
    clear(VERDICT_NOT_OFFERED);
    expect("* may forward_secrecy=required min_bits=128\n", "pass");
}

/* --- certificates --- */

static void test_never_pass_unseen(void **state) {
    static const char *const levels[] = {"dane",   "dane-only", ("fingerprint match=" SHA_A),
                                         "verify", "secure",    "secure match=mx.example.org"};
    (void)state;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, ".example.org %s\n", levels[i]);
        hidden();
        judge(text);
        assert_string_equal(event.session.policy_result, "unknown");
    }
    hidden();
    expect(".example.org encrypt\n", "pass");
    hidden();
    expect(".example.org verify\n", "unknown: the certificate is encrypted in TLS 1.3");
    hidden();
    expect(".example.org verify protocols=TLSv1.2\n", "fail: TLS 1.3: protocols=TLSv1.2");
}

static struct session_event *with_records(struct session_event *s, const char *result, const char *dnssec) {
    static const char *records[] = {"3 1 1 00"};
    s->dane_records = (struct text_list){.items = records, .num = 1};
    s->dane_result = result;
    s->dane_dnssec = dnssec;
    return s;
}

static void test_dane(void **state) {
    static const char none[] = "unknown: no TLSA records of the server were seen that DNSSEC makes safe";
    (void)state;
    encrypted();
    expect("* dane\n", none);
    encrypted();
    expect("* dane-only\n", none);
    with_records(encrypted(), "match", "claimed");
    expect("* dane-only\n", "pass");
    with_records(encrypted(), "match", "claimed");
    expect("* dane\n", "pass");
    with_records(encrypted(), "mismatch", "claimed");
    expect("* dane\n", "fail: the certificate is not what the TLSA records name");
    with_records(encrypted(), "mismatch", "not_claimed");
    expect("* dane\n", none);
    with_records(hidden(), "unknown", "claimed");
    expect("* dane-only\n", "unknown: the certificate is encrypted in TLS 1.3");
    with_records(clear(VERDICT_NOT_OFFERED), "unknown", "claimed");
    expect("* dane\n", "fail: not encrypted: STARTTLS was not offered");
    with_records(clear(VERDICT_NOT_OFFERED), "unknown", "not_claimed");
    expect("* dane\n",
           "unknown: not encrypted; no TLSA records of the server were seen that DNSSEC makes safe");
}

static void test_names_from_dns(void **state) {
    static const char *domains[] = {"example.net", "example.com"};
    (void)state;
    struct session_event *s = encrypted();
    s->dns_domains = (struct text_list){.items = domains, .num = 1};
    expect("example.net encrypt\n* none\n", "pass");
    assert_string_equal(event.session.policy_rule, "example.net");
    s = encrypted();
    s->dns_domains = (struct text_list){.items = domains, .num = 2}; /* for which of them is not known */
    expect("example.net encrypt\n* none\n", "pass");
    assert_string_equal(event.session.policy_rule, "*");
    s = encrypted();
    s->dns_host = "mx.example.org";
    s->tls_server_name = "other.example.org";
    expect("other.example.org none\nmx.example.org encrypt\n", "pass");
    assert_string_equal(event.session.policy_rule, "mx.example.org");
    encrypted()->dns_host = "mx.example.org";
    expect("* verify\n", "pass");
    encrypted()->dns_host = "mail.example.org";
    expect("* verify\n", "fail: the certificate is for another name");
}

static void test_fingerprint(void **state) {
    (void)state;
    encrypted();
    expect("* fingerprint match=" SHA_A "\n", "pass");
    encrypted();
    expect("* fingerprint match=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff|" SHA_B "\n",
           "pass");
    encrypted();
    expect("* fingerprint "
           "match=00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:"
           "dd:ee:ff\n",
           "fail: the certificate has none of the fingerprints");
    encrypted();
    expect("* fingerprint match=00112233445566778899aabbccddeeff\n",
           "unknown: the certificate's key, or its fingerprint by another digest than SHA-256, is not known");
}

static void set_names(const char *a, const char *b) {
    static const char *names[2];
    names[0] = a;
    names[1] = b;
    event.session.server_cert.alternative_names = (struct text_list){.items = names,
                                                                     .num = b   ? 2
                                                                            : a ? 1
                                                                                : 0};
}

static void test_chains(void **state) {
    (void)state;
    encrypted();
    expect("[mx.example.org] verify\n", "pass");
    encrypted()->cert_chain_valid = FACT_NO;
    event.session.cert_chain_error = "certificate has expired";
    expect("[mx.example.org] verify\n", "fail: the certificate chain is not valid: certificate has expired");
    encrypted()->cert_chain_valid = FACT_UNKNOWN;
    expect("[mx.example.org] verify\n", "unknown: whether the certificate chain is valid was not judged");
    encrypted();
    expect("[mx.example.org] secure tafile=/ca.pem\n", "unknown: tafile= is not judged");
    encrypted();
    set_names("other.example.net", NULL);
    expect("[mx.example.org] secure tafile=/ca.pem\n", "fail: the certificate is for another name");
}

static void test_names(void **state) {
    static const struct {
        const char *rule, *name, *other, *result;
    } cases[] = {
        {"mx.example.org secure", "*.example.org", NULL, "pass"},
        {"mx.example.org secure", "*.org", NULL, "fail: the certificate is for another name"},
        {"mx.example.org secure", "a.mx.example.org", NULL, "pass"},
        {"mx.example.org secure match=nexthop", "a.mx.example.org", NULL,
         "fail: the certificate is for another name"},
        {"mx.example.org secure match=.Example.ORG", "a.b.example.org", NULL, "pass"},
        {"mx.example.org secure match=.example.org", "example.org", NULL,
         "fail: the certificate is for another name"},
        {"mx.example.org secure match=example.org:mx.example.com", "x.test", "MX.example.com", "pass"},
        {".example.org secure", "sub.example.org", NULL, "pass"},
        {".example.org secure", "example.org", NULL, "fail: the certificate is for another name"},
        {".example.org verify", "sub.example.org", NULL, "fail: the certificate is for another name"},
        {".example.org verify", "mx.example.org", NULL, "pass"},
        {"* secure", "mx.example.org", NULL, "unknown: which name the sender looked up was not seen"},
        {"* verify", "mx.example.org", NULL, "unknown: which name the sender looked up was not seen"},
        {"* verify match=hostname:mx.example.org", "mx.example.org", NULL, "pass"},
        {"192.0.2.25 secure", "x.test", "192.0.2.25", "pass"},
        {"192.0.2.0/24 secure", "x.test", "192.0.2.25",
         "unknown: which name the sender looked up was not seen"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s\n", cases[i].rule);
        encrypted();
        set_names(cases[i].name, cases[i].other);
        expect(text, cases[i].result);
    }
    encrypted()->tls_server_name = "mx.example.org";
    expect("* verify\n", "pass");
    encrypted();
    set_names(NULL, NULL);
    event.session.server_cert.subject_cn = "mx.example.org"; /* as Postfix: where there are no names else */
    expect("mx.example.org secure\n", "pass");
    encrypted();
    event.session.server_cert.subject_cn = "mx.example.net";
    set_names("x.test", NULL);
    expect("mx.example.org secure match=mx.example.net\n", "fail: the certificate is for another name");
}

static void test_recipients(void **state) {
    static const char *domains[] = {"lax.example", "strict.example", "unlisted.example"};
    (void)state;
    struct session_event *s = clear(VERDICT_NOT_OFFERED);
    s->mail_cleartext = FACT_YES;
    s->mail_rcpt_domains = (struct text_list){.items = domains, .num = 3};
    expect("lax.example may\nstrict.example encrypt\n* secure\n",
           "fail: not encrypted: STARTTLS was not offered");
    assert_string_equal(event.session.policy_rule, "strict.example");
    s = clear(VERDICT_NOT_OFFERED);
    s->mail_rcpt_domains = (struct text_list){.items = domains, .num = 1};
    expect("[lax.example] encrypt\n.example may\n", "pass"); /* a host is no domain */
    assert_string_equal(event.session.policy_rule, ".example");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_in_clear),
        cmocka_unit_test(test_sessions_without_mail),
        cmocka_unit_test(test_missing_evidence),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_suites),
        cmocka_unit_test(test_own_attributes),
        cmocka_unit_test(test_never_pass_unseen),
        cmocka_unit_test(test_dane),
        cmocka_unit_test(test_names_from_dns),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_recipients),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
