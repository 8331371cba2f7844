#include "../../sensor/judge/org_domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_name(const char *text, const char *name) {
    char out[HOST_NAME_SIZE];
    bool good = host_name_normal(text, strlen(text), out);
    if (good != (name != NULL))
        fail_msg("'%s' is %sa name", text, good ? "" : "not ");
    if (name)
        assert_string_equal(out, name);
}

static void test_names(void **state) {
    (void)state;
    char longest[256 + 1];
    expect_name("mx.example.org", "mx.example.org");
    expect_name("MX1.Example.ORG.", "mx1.example.org");
    expect_name("*.example.org", "*.example.org");
    expect_name("a_b.example", "a_b.example");
    expect_name("1and1.example", "1and1.example");
    expect_name("", NULL);
    expect_name(".", NULL);
    expect_name("localhost", NULL);
    expect_name("localhost.", NULL);
    expect_name("192.0.2.1", NULL);
    expect_name("[192.0.2.1]", NULL);
    expect_name("2001:db8::1", NULL);
    expect_name("a..b", NULL);
    expect_name(".a.b", NULL);
    expect_name("a.b..", NULL);
    expect_name("*", NULL);
    expect_name("*.", NULL);
    expect_name("a*.example.org", NULL);
    expect_name("a.*.org", NULL);
    expect_name("a b.example.org", NULL);
    expect_name("m\xc3\xbcller.example", NULL);
    memset(longest, 'a', sizeof longest);
    for (size_t i = 63; i < sizeof longest; i += 64)
        longest[i] = '.';
    longest[253] = '\0';
    expect_name(longest, longest);
    longest[253] = 'a';
    longest[254] = '\0';
    expect_name(longest, NULL); /* 254 */
    memset(longest, 'a', 64);
    memcpy(longest + 64, ".org", 5);
    expect_name(longest, NULL); /* a label of 64 */
    expect_name(longest + 1, longest + 1);
}

static void expect_domain(struct org_domains *domains, const char *name, const char *domain) {
    const char *found = org_domain(domains, name);
    if (!domain)
        assert_null(found);
    else
        assert_string_equal(found, domain);
}

static void expect_domains(struct org_domains *domains) {
    expect_domain(domains, "mx1.mail.example.co.uk", "example.co.uk");
    expect_domain(domains, "example.co.uk", "example.co.uk");
    expect_domain(domains, "co.uk", NULL);
    expect_domain(domains, "*.example.com", "example.com");
    expect_domain(domains, "*.com", NULL);
    expect_domain(domains, "mx.www.ck", "www.ck"); /* an exception of the list: !www.ck */
    expect_domain(domains, "mx.corp.internal", "corp.internal");
    const char *name = "mx.example.org";
    assert_ptr_equal(org_domain(domains, name), name + 3);
    expect_domain(domains, "ck", NULL);
    expect_domain(domains, "corp.ck", NULL);
    expect_domain(domains, "mx.corp.ck", "mx.corp.ck"); /* *.ck */
    expect_domain(domains, "a.mx.corp.ck", "mx.corp.ck");
    expect_domain(domains, "www.ck", "www.ck");
    expect_domain(domains, "github.io", NULL);
    expect_domain(domains, "mx.github.io", "mx.github.io");
    expect_domain(domains, "a.b.c.d.e.f.g.h.i.j.example.org", "example.org");
    expect_domain(domains, "abcdefghij.abcdefghij.abcdefghij.abcdefghij.abcdefghij.abcdefghij.example.co.uk",
                  "example.co.uk");
}

static void test_domains(void **state) {
    (void)state;
    struct org_domains *domains = org_domains_new();
    assert_non_null(domains);
    for (int round = 0; round < 2; round++) /* and what is remembered is the same */
        expect_domains(domains);
    org_domains_free(domains);
    org_domains_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_domains)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
