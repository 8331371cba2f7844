/* Policies as texts: what is read, and whose rule is which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../sensor/judge/policy_profile.h"
#include "policy_session.h"

/* --- the file --- */

static void test_reading(void **state) {
    (void)state;
    static const char text[] = "# a comment\r\n\r\n  # another\nexample.net encrypt\r\n"
                               ".example.org   secure\tmatch=nexthop:dot-nexthop\n"
                               "# between\n\n\t protocols=>=TLSv1.2, ciphers=high\n"
                               "[10.1.2.3]:25 none\n[mx.example.com]:587 encrypt { min_bits = 256 }\n";
    struct policy *policy = good(text);
    assert_int_equal(policy_num_rules(policy), 4);
    assert_int_equal(policy_num_notes(policy), 0);
    assert_false(policy_has_direction(policy));
    policy_free(policy);
    /* what stands on the line that goes on counts */
    encrypted()->tls_version = "1.1";
    expect(text, "fail: TLS 1.1: protocols=>=TLSv1.2");
    encrypted()->destination.port = 587;
    event.session.smtp_server_name = "mx.example.com";
    expect(text, "fail: 128 bits: min_bits=256");
}

static void test_errors(void **state) {
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"example.net\n", "f:1: 'example.net' has no level"},
        {"\n# x\nexample.net  \t\n", "f:3: 'example.net' has no level"},
        {" example.net may\n",
         "f:1: a line that begins with white space goes on with the one before: there is none"},
        {"a.b may\nexample.net encrypted\n",
         "f:2: 'encrypted' is no level: none, may, encrypt, dane, dane-only, "
         "fingerprint, verify, secure"},
        {"a may\nb halfdane\n",
         "f:2: 'halfdane' is no level: none, may, encrypt, dane, dane-only, fingerprint, "
         "verify, secure"},
        {"a may\nb encrypt\n  foo=bar\n", "f:2: 'foo' is no attribute"},
        {"a encrypt strong\n", "f:1: 'strong': an attribute is NAME=VALUE"},
        {"a encrypt { min_bits=3\n", "f:1: '{': an attribute is NAME=VALUE"},
        {"a encrypt protocols=TLS1.2\n",
         "f:1: protocols=: 'TLS1.2' is no version: SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"},
        {"a encrypt protocols=!0303\n",
         "f:1: protocols=: '!0303' is no version: SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"},
        {"a encrypt ciphers=strong\n",
         "f:1: ciphers=: 'strong' is no grade: export, low, medium, high, null"},
        {"a encrypt ciphers=high ciphers=low\n", "f:1: ciphers= is given twice"},
        {"a encrypt match=nexthop\n", "f:1: match= has no meaning at level encrypt"},
        {"a secure match=\n", "f:1: match= is empty"},
        {"a fingerprint\n", "f:1: fingerprint needs match=, the fingerprints"},
        {"a fingerprint match=12\n", "f:1: match=: a fingerprint has 64 digits (SHA-256), this one has 2"},
        {"a fingerprint match=xy\n",
         "f:1: match=: a fingerprint is hexadecimal digits, with or without colons"},
        {"a encrypt min_bits=0\n", "f:1: min_bits=: '0' is no number from 1 to 1024"},
        {"a encrypt pq=yes\n", "f:1: 'yes': only 'required' can be said"},
        {"a encrypt direction=both\n", "f:1: direction=: 'both' is not inbound or outbound"},
        {"a encrypt tafile=/x\n", "f:1: tafile= has no meaning at level encrypt"},
        {"user@example.net may\n", "f:1: 'user@example.net': a key is a domain or host, no mail address"},
        {"*.example.net may\n", "f:1: '*.example.net': names below a domain are written .DOMAIN"},
        {"/example/ may\n",
         "f:1: '/example/': patterns (/.../) are no keys here; see the manual for which are"},
        {"[mx.example.net may\n", "f:1: '[mx.example.net': the key is expected to be [HOST] or [HOST]:PORT"},
        {"[mx.example.net]:0 may\n", "f:1: '[mx.example.net]:0': the port is no number from 1 to 65535"},
        {".example.net:25 may\n", "f:1: '.example.net:25': a key .DOMAIN takes no port"},
        {"a..b may\n", "f:1: 'a..b': the key is no domain, host, address or network"},
    };
    char error[512];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_null(parse(cases[i].text, error));
        assert_string_equal(error, cases[i].error);
    }
    assert_null(parse("10.0.0.1/8 may\n", error)); /* bits beyond the prefix */
    assert_non_null(strstr(error, "f:1: '10.0.0.1/8'"));
    assert_null(policy_parse("f", "a may\0b", 7, error, sizeof error));
    assert_string_equal(error, "f: is not a text file");
    assert_null(policy_load("/nonexistent/policy", error, sizeof error));
    assert_string_equal(error, "/nonexistent/policy: No such file or directory");
}

#define SHA256_A                                                                                             \
    "AA:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:AA:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99"

static void test_what_postfix_takes(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "# nothing\n",
        "example.net NONE match=x ciphers=high\n",
        "example.net Encrypt, Protocols=!SSLv2:!SSLv3, CIPHERS=High exclude=\n",
        "example.net secure match=example.com match=.example.com servername=mx.example.com\n",
        "example.net may connection_reuse=yes enable_rpk=no policy_type=sts policy_string={}\n",
        "example.net encrypt protocols=>=TLSv1.2:<=0x0304\n",
        "example.net encrypt protocols=\n",
        "[2001:DB8::25]:submission may\n[ipv6:2001:db8::26] may\n2001:db8::27 may\n2001:db8::/32 may\n",
        ("b\xc3\xbc"
         "cher.example may\nex_ample.net:smtp may\n"),
        "example.net { secure } { match = .example.com }\n",
        "example.net encrypt { protocols = !SSLv2, !SSLv3, !TLSv1 } { exclude = aNULL, RC4:3DES }\n",
        "example.net\tsecure\n# between\n\n  # and "
        "this\n\tmatch=nexthop:dot-nexthop:hostname:mx.example.org\n",
        "example.net none foo=bar ciphers=strong\n", /* a warning */
        "example.net fingerprint match=" SHA256_A "|" SHA256_A "\n    match=" SHA256_A "\n",
        "[mx.example.net]:submissions encrypt\nexample.net:2525 encrypt\n",
        "example.net may", /* no newline at the end */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        policy_free(good(texts[i]));
}

static void test_notes(void **state) {
    (void)state;
    struct policy *policy = good("example.net may\nexample.org secure tafile=/ca.pem\nEXAMPLE.net encrypt\n"
                                 "a.test encrypt exclude=DHE-RSA-SEED-SHA\n"
                                 "example.net secure direction=outbound\n");
    assert_int_equal(policy_num_rules(policy), 4);
    assert_int_equal(policy_num_notes(policy), 3);
    assert_string_equal(
        policy_note(policy, 0),
        "f:2: tafile= is not judged: no session can pass; without it, chains are judged by --ca");
    assert_string_equal(policy_note(policy, 1),
                        "f:4: exclude=DHE-RSA-SEED-SHA is not judged: no session below TLS 1.3 can pass");
    assert_string_equal(policy_note(policy, 2),
                        "f:3: 'EXAMPLE.net' has a rule already, on line 1, which counts");
    assert_true(policy_has_direction(policy));
    policy_free(policy);
    policy = good("example.net none foo=bar\n"); /* Postfix ignores it, and warns */
    assert_int_equal(policy_num_notes(policy), 1);
    assert_string_equal(policy_note(policy, 0), "f:1: ignored at level none: 'foo' is no attribute");
    policy_free(policy);
}

/* --- which rule --- */

static const char *rule_of(const char *text) {
    judge(text);
    return event.session.policy_rule ? event.session.policy_rule : "";
}

static void test_order_of_keys(void **state) {
    (void)state;
    static const char *const keys[] = {"[mx.Example.ORG]:25", "[mx.example.org]", "mx.example.org:smtp",
                                       "mx.example.org",      ".example.org",     ".org",
                                       "[192.0.2.25]:25",     "[192.0.2.25]",     "192.0.2.0/28",
                                       "192.0.2.0/24",        "0.0.0.0/0",        "*"};
    size_t num = sizeof keys / sizeof keys[0];
    for (size_t first = 0; first < num; first++) {
        char text[2048] = "";
        for (size_t i = num; i-- > first;) /* the file's order does not matter */
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s encrypt\n", keys[i]);
        encrypted()->server_cert.alternative_names.num = 0;
        /* 192.0.2.25 is not in /28 */
        assert_string_equal(rule_of(text), first == 8 ? keys[9] : keys[first]);
    }
    encrypted();
    assert_string_equal(rule_of("example.org encrypt\n[mx.example.org]:587 may\n.example may\n"), "");
    assert_null(event.session.policy_result);
}

static void test_order_of_names(void **state) {
    (void)state;
    static const char *domains[] = {"example.net"};
    static const char *const all[] = {"example.net", "sni.test",   "banner.test",
                                      "cert.test",   "192.0.2.25", "*"};
    for (size_t first = 0; first < 6; first++) {
        char text[1024] = "";
        struct session_event *s = encrypted();
        static const char *cert[] = {"postmaster@mx.test", "cert.test"};
        s->mail_rcpt_domains = (struct text_list){.items = domains, .num = 1};
        s->tls_server_name = "SNI.test.";
        s->smtp_server_name = "banner.test";
        s->server_cert.alternative_names = (struct text_list){.items = cert, .num = 2};
        for (size_t i = first; i < 6; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s encrypt\n", all[i]);
        assert_string_equal(rule_of(text), all[first]);
    }
}

static void test_inbound(void **state) {
    (void)state;
    struct session_event *s = encrypted();
    s->direction = "inbound";
    assert_string_equal(rule_of(".example.com may\n.example.org encrypt\n"), ".example.com");
    s = encrypted();
    s->direction = "inbound";
    assert_string_equal(rule_of("198.51.100.0/24 may\n.example.org encrypt\n"), "198.51.100.0/24");
    s = encrypted();
    s->direction = "outbound";
    assert_string_equal(rule_of("198.51.100.0/24 may\n.example.com may\n.example.org encrypt\n"),
                        ".example.org");
    /* direction= */
    s = encrypted();
    assert_string_equal(rule_of("* encrypt direction=inbound\n"), "");
    s = encrypted();
    s->direction = "inbound";
    judge(
        ".example.org may\n.example.org encrypt direction=inbound\n.example.org secure direction=outbound\n");
    assert_string_equal(event.session.policy_level, "encrypt");
    s = encrypted();
    s->direction = "outbound";
    judge("192.0.2.0/24 may\n192.0.2.0/24 verify direction=outbound\n");
    assert_string_equal(event.session.policy_level, "verify");
    s = encrypted();
    s->direction = "outbound";
    assert_string_equal(rule_of("192.0.2.0/24 may direction=inbound\n192.0.0.0/16 may\n"), "192.0.0.0/16");
}

/* What a peer calls itself must not be taken for another kind of key. */
static void test_hostile_names(void **state) {
    static const char *const names[] = {
        "*", "[mx.example.org]:25", "mx.example.org:25", ".example.org", "192.0.2.1", "", "."};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct session_event *s = encrypted();
        s->smtp_server_name = names[i];
        s->server_cert.alternative_names.num = 0;
        assert_string_equal(rule_of("* encrypt\n[mx.example.org] may\n192.0.2.1 may\n.example.org may\n"),
                            "*");
        assert_string_equal(event.session.policy_result, "pass");
    }
    char *long_name = malloc(2001);
    memset(long_name, 'a', 2000);
    long_name[2000] = '\0';
    encrypted()->smtp_server_name = long_name;
    event.session.server_cert.alternative_names.num = 0;
    assert_string_equal(rule_of("* encrypt\n"), "*");
    free(long_name);
}

static void test_profiles(void **state) {
    char error[512];
    (void)state;
    assert_true(policy_num_profiles >= 8);
    for (size_t i = 0; i < policy_num_profiles; i++) {
        const struct policy_profile *profile = &policy_profiles[i];
        struct policy *policy = policy_load(profile->name, error, sizeof error);
        if (!policy)
            fail_msg("%s", error);
        assert_true(policy_num_rules(policy) > 0);
        assert_int_equal(policy_num_notes(policy), 0);
        assert_ptr_equal(policy_profile_find(profile->name), profile);
        policy_free(policy);
    }
    assert_null(policy_profile_find("none of them"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_what_postfix_takes),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_order_of_keys),
        cmocka_unit_test(test_order_of_names),
        cmocka_unit_test(test_inbound),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_profiles),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
