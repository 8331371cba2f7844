#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/sha.h>

#include "../../sensor/judge/naming.h"
#include "make_cert.h"

#define SECOND UINT64_C(1000000000)
#define START  (UINT64_C(1800000000) * SECOND)

static const struct naming_ends ends = {.client = {.bytes = {192, 0, 2, 10}, .len = 4},
                                        .server = {.bytes = {198, 51, 100, 7}, .len = 4}};
static const struct name_end somebody = {.bytes = {192, 0, 2, 99}, .len = 4};
static struct names *names;
static struct digest *digest;
static struct event event;
static uint64_t clock_ns;

static int begin(void **state) {
    (void)state;
    names = names_new(NULL);
    digest = digest_new();
    event_init(&event);
    clock_ns = START;
    return names && digest ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    names_free(names);
    digest_free(digest);
    event_cleanup(&event);
    return 0;
}

static void learn_bytes(enum name_kind kind, const void *key, size_t key_len, const void *value,
                        size_t value_len, const struct name_end *asker, bool authentic) {
    const struct name_fact fact = {.kind = (uint8_t)kind,
                                   .authentic = authentic,
                                   .key_len = (uint16_t)key_len,
                                   .value_len = (uint16_t)value_len,
                                   .ttl_s = 300,
                                   .key = key,
                                   .value = value};
    names_add(names, &fact, 1, asker, clock_ns++, 0);
}

static void learn(enum name_kind kind, const char *key, const char *value) {
    learn_bytes(kind, key, strlen(key), value, strlen(value), &ends.client, false);
}

static void learn_address(const char *host, const struct name_end *asker) {
    learn_bytes(NAME_OF_ADDRESS, ends.server.bytes, 4, host, strlen(host), asker, false);
}

/* A session in TLS 1.2 to port 25 whose certificate is for these names. */
static struct session_event *session(const char *name, const char *other) {
    struct session_event *s = &event.session;
    event_reset(&event, DATASET_SESSION);
    s->verdict = VERDICT_STARTTLS;
    s->destination.port = 25;
    s->start_ns = START + 10 * SECOND;
    s->cert_visible = FACT_YES;
    s->server_cert.sha256 = "00";
    s->server_cert.serial_number = "1";
    assert_true(event_list(&event, &s->server_cert.alternative_names, other ? 2 : 1));
    s->server_cert.alternative_names.items[0] = name;
    if (other)
        s->server_cert.alternative_names.items[1] = other;
    return s;
}

static struct session_event *describe(void) {
    const struct naming naming = {.names = names, .digest = digest};
    naming_describe(&naming, &event, &ends);
    return &event.session;
}

static void set_list(struct text_list *list, const char *text) {
    assert_true(event_list(&event, list, 1));
    list->items[0] = text;
}

/* What the event rests on: the host's address, its domain; not the names that lost. */
static void note(void *context, const struct name_found *fact) {
    char *told = context;
    strcat(strcat(told, (const char *)fact->value), " ");
}

static void test_rests_on(void **state) {
    char told[256] = "";
    const struct naming naming = {.names = names, .digest = digest, .rests_on = note, .context = told};
    (void)state;
    learn_address("www.example.org", &ends.client);
    learn_address("mx.example.org", &ends.client);
    learn_address("mail.example.org", &ends.client);
    learn(NAME_MX, "mx.example.org", "example.org");
    learn(NAME_MX, "mx.example.com", "example.com");
    learn(NAME_TLSRPT, "example.org", "mailto:a@example.org");
    learn(NAME_TLSRPT, "example.com", "mailto:a@example.com");
    session("mx.example.org", NULL);
    naming_describe(&naming, &event, &ends);
    assert_string_equal(event.session.dns_host, "mx.example.org");
    assert_string_equal(told, "mx.example.org example.org mailto:a@example.org ");
}

/* RFC 9525 section 6.3: the whole leftmost label only. */
static void test_matches(void **state) {
    const char *items[] = {"mx.example.org", "*.example.net", "*.com", "a*.example.org", NULL};
    const struct text_list list = {.items = items, .num = 5};
    (void)state;
    assert_int_equal(naming_matches(&list, "MX.example.ORG."), FACT_YES);
    assert_int_equal(naming_matches(&list, "mx2.example.org"), FACT_NO);
    assert_int_equal(naming_matches(&list, "a.example.net"), FACT_YES);
    assert_int_equal(naming_matches(&list, "a.b.example.net"), FACT_NO);
    assert_int_equal(naming_matches(&list, "example.net"), FACT_NO);
    assert_int_equal(naming_matches(&list, ".example.net"), FACT_NO);
    assert_int_equal(naming_matches(&list, "example.com"), FACT_NO);
    assert_int_equal(naming_matches(&list, "ab.example.org"), FACT_NO);
    assert_int_equal(naming_matches(&list, ""), FACT_NO);
}

/* 1. the MX before SNI, 2. SNI before what was looked up, 3. that before the server's own name. */
static void test_order(void **state) {
    (void)state;
    learn_address("alias.example.net", &ends.client);
    struct session_event *s = session("mx.example.org", NULL);
    s->cert_expected_name = "mx.example.org"; /* what the server calls itself */
    s->cert_name_match = FACT_YES;
    describe();
    assert_string_equal(s->dns_host, "alias.example.net");
    assert_string_equal(s->cert_expected_name, "alias.example.net");
    assert_int_equal(s->cert_name_match, FACT_NO);
    assert_true(event_found(s, FINDING_CERT_NAME_MISMATCH));
    assert_string_equal(s->destination.domain, "alias.example.net");

    s = session("mx.example.org", NULL);
    s->tls_server_name = s->cert_expected_name = "mx.example.org";
    s->cert_name_match = FACT_YES;
    describe();
    assert_string_equal(s->cert_expected_name, "mx.example.org");
    assert_int_equal(s->cert_name_match, FACT_YES);

    learn(NAME_MX, "alias.example.net", "example.net");
    s = session("mx.example.org", NULL);
    s->tls_server_name = s->cert_expected_name = "mx.example.org";
    s->cert_name_match = FACT_YES;
    describe();
    assert_string_equal(s->cert_expected_name, "alias.example.net");
    assert_int_equal(s->dns_domains.num, 1);
    assert_string_equal(s->dns_domains.items[0], "example.net");
    assert_true(event_found(s, FINDING_CERT_NAME_MISMATCH));

    s = session("mx.example.org", NULL);
    s->destination.port = 587; /* nobody submits to an MX */
    s->tls_server_name = s->cert_expected_name = "mx.example.org";
    describe();
    assert_string_equal(s->cert_expected_name, "mx.example.org");
}

/* Of several hosts none is taken that accuses without need. */
static void test_doubt(void **state) {
    (void)state;
    learn_address("other.example.net", &somebody);
    struct session_event *s = session("mx.example.org", NULL);
    describe();
    assert_null(s->dns_host); /* another client's look-up says nothing of this one */

    learn_address("one.example.net", &ends.client);
    learn_address("two.example.net", &ends.client);
    s = session("one.example.net", NULL);
    describe();
    assert_string_equal(s->dns_host, "one.example.net"); /* the certificate's */
    s = session("neither.example", NULL);
    describe();
    assert_string_equal(s->dns_host, "two.example.net"); /* the one seen last */

    learn(NAME_MX, "one.example.net", "first.example");
    learn(NAME_MX, "two.example.net", "second.example");
    s = session("neither.example", NULL);
    set_list(&s->mail_rcpt_domains, "FIRST.example");
    describe();
    assert_string_equal(s->dns_host, "one.example.net"); /* the recipient's */
}

/* A wrong accusation is taken back. */
static void test_acquitted(void **state) {
    (void)state;
    learn_address("mx.example.org", &ends.client);
    struct session_event *s = session("mx.example.org", NULL);
    s->cert_expected_name = "lb7.internal";
    s->cert_name_match = FACT_NO;
    event_find(s, FINDING_CERT_NAME_MISMATCH);
    describe();
    assert_int_equal(s->cert_name_match, FACT_YES);
    assert_false(event_found(s, FINDING_CERT_NAME_MISMATCH));
}

static void test_time(void **state) {
    (void)state;
    learn_address("mx.example.org", &ends.client);
    struct session_event *s = session("mx.example.org", NULL);
    s->start_ns = START + 300 * SECOND + NAMES_LATE_NS + SECOND;
    describe();
    assert_null(s->dns_host);
}

/* --- DANE --- */

static struct session_event *describe_with_chain(const struct made *const *chain, size_t num) {
    const struct trust_options options = {.verify = false};
    char error[64];
    struct trust *trust = trust_new(&options, digest, error, sizeof error);
    assert_non_null(trust);
    const struct naming naming = {.names = names, .digest = digest, .trust = trust};
    struct trust_bytes bytes[2];
    struct naming_ends with = ends;
    for (size_t i = 0; i < num; i++)
        bytes[i] = (struct trust_bytes){chain[i]->der, chain[i]->len};
    with.chain = (struct trust_copy){bytes, num};
    naming_describe(&naming, &event, &with);
    trust_free(trust);
    return &event.session;
}

/* The hash of a whole certificate (RFC 6698 section 2.1.2). */
static void learn_tlsa(const char *owner, uint8_t usage, const struct made *made, bool authentic) {
    uint8_t record[3 + 32] = {usage, 0, 1};
    SHA256(made->der, made->len, record + 3);
    learn_bytes(NAME_TLSA, owner, strlen(owner), record, sizeof record, &ends.client, authentic);
}

/* An authority, whom it signed, and one that only bears the authority's name. */
static struct {
    EVP_PKEY *key, *other_key;
    struct made *authority, *leaf, *namesake;
} lab;

static int make_certificates(void **state) {
    (void)state;
    lab.key = EVP_EC_gen("P-256");
    lab.other_key = EVP_EC_gen("P-256");
    lab.authority = cert_make(&(struct recipe){.cn = "authority", .ca = true}, lab.key, NULL);
    lab.leaf = cert_make(&(struct recipe){.cn = "mx"}, lab.other_key, lab.authority);
    lab.namesake = cert_make(&(struct recipe){.cn = "authority", .ca = true}, lab.other_key, NULL);
    return 0;
}

static int free_certificates(void **state) {
    (void)state;
    made_free(lab.authority);
    made_free(lab.leaf);
    made_free(lab.namesake);
    EVP_PKEY_free(lab.key);
    EVP_PKEY_free(lab.other_key);
    return 0;
}

static void test_dane(void **state) {
    const struct made *const chain[] = {lab.leaf};
    (void)state;
    learn_address("mx.example.org", &ends.client);
    learn_tlsa("_25._tcp.mx.example.org", 3, lab.leaf, true);
    struct session_event *s = session("mx.example.org", NULL);
    describe_with_chain(chain, 1);
    assert_string_equal(s->dane_result, "match");
    assert_string_equal(s->dane_dnssec, "claimed");
    assert_int_equal(s->dane_records.num, 1);
    assert_memory_equal(s->dane_records.items[0], "3 0 1 ", 6);

    session("mx.example.org", NULL)->destination.port = 26; /* records are of a port */
    assert_null(describe_with_chain(chain, 1)->dane_result);

    s = session("mx.example.org", NULL);
    describe_with_chain(chain, 0); /* no certificate was seen */
    assert_string_equal(s->dane_result, "unknown");
    assert_non_null(s->dane_reason);

    learn_tlsa("_25._tcp.mx.example.org", 3, lab.namesake, false);
    s = session("mx.example.org", NULL);
    describe_with_chain(chain, 1);
    assert_string_equal(s->dane_result, "match"); /* one is enough (RFC 6698 section 2.1) */
    assert_string_equal(s->dane_dnssec, "not_claimed");
}

/* RFC 7671 section 5.2: the anchor has to have signed the server's certificate; its name is not enough. */
static void test_dane_anchor(void **state) {
    const struct made *const good[] = {lab.leaf, lab.authority}, *const bad[] = {lab.leaf, lab.namesake};
    (void)state;
    learn_address("mx.example.org", &ends.client);
    learn_tlsa("_25._tcp.mx.example.org", 2, lab.authority, true);
    struct session_event *s = session("mx.example.org", NULL);
    describe_with_chain(good, 2);
    assert_string_equal(s->dane_result, "match");
    learn_tlsa("_25._tcp.mx.example.org", 2, lab.namesake, true);
    s = session("mx.example.org", NULL);
    describe_with_chain(bad, 2);
    assert_string_equal(s->dane_result, "unknown");
    assert_string_equal(s->dane_reason, "chain_not_signed");
}

/* RFC 7672 section 2.2.2: the records may be where the alias leads. */
static void test_dane_by_alias(void **state) {
    const struct made *const chain[] = {lab.leaf};
    (void)state;
    learn_address("mail.example.net", &ends.client);
    learn(NAME_MX, "mail.example.net", "example.net");
    learn(NAME_ALIAS, "mail.example.net", "host.example.net");
    learn_tlsa("_25._tcp.host.example.net", 3, lab.namesake, false);
    struct session_event *s = session("mail.example.net", NULL);
    describe_with_chain(chain, 1);
    assert_string_equal(s->dane_result, "mismatch");
    assert_string_equal(s->dane_reason, "no_record_matches");
}

/* --- records of a domain --- */

/* mx.example.net is an alias of host.example.com, whose address was asked for by itself. */
static void learn_alias(const char *alias, const char *host) {
    learn(NAME_ALIAS, alias, host);
    learn(NAME_OF_ALIAS, host, alias);
}

static void test_alias_in_another_answer(void **state) {
    static const uint8_t record[3 + 32] = {3, 1, 1, 0xaa};
    const char owner[] = "_25._tcp.host.example.com";
    (void)state;
    learn(NAME_MX, "mx.example.net", "example.net");
    learn_alias("mx.example.net", "middle.example.com");
    learn_alias("middle.example.com", "host.example.com");
    learn_address("host.example.com", &ends.client);
    learn_bytes(NAME_TLSA, owner, strlen(owner), record, sizeof record, &ends.client, true);
    struct session_event *s = session("host.example.com", NULL);
    describe();
    assert_string_equal(s->dns_host, "mx.example.net");
    assert_string_equal(s->dns_domains.items[0], "example.net");
    assert_string_equal(s->cert_expected_name,
                        "mx.example.net"); /* RFC 7672 is for its records; 8461 for this */
    assert_int_equal(s->cert_name_match, FACT_NO);
    assert_int_equal(s->dane_records.num, 1);

    s = session("host.example.com", NULL);
    s->start_ns = START + 400 * SECOND; /* time to live 300, and 60 more */
    describe();
    assert_null(s->dns_host);

    names_free(names);
    names = names_new(NULL);
    learn_address("host.example.com", &ends.client);
    s = session("host.example.com", NULL);
    s->start_ns = clock_ns + 400 * SECOND;
    clock_ns += 390 * SECOND;
    learn_address("host.example.com", &ends.client); /* the alias is not known any more */
    learn(NAME_MX, "mx.example.net", "example.net");
    describe();
    assert_string_equal(s->dns_host, "host.example.com");
    assert_int_equal(s->dns_domains.num, 0);
}

/* Rings and long chains end; what is too far away is not found. */
static void test_many_aliases(void **state) {
    char names_of[NAMING_ALIASES_MAX + 2][32];
    (void)state;
    learn_address("host.example.com", &ends.client);
    learn_alias("ring.example.com", "host.example.com");
    learn_alias("host.example.com", "ring.example.com");
    session("host.example.com", NULL);
    assert_string_equal(describe()->dns_host, "host.example.com"); /* the certificate's */
    snprintf(names_of[0], sizeof names_of[0], "host.example.com");
    for (unsigned i = 1; i < NAMING_ALIASES_MAX + 2; i++) {
        snprintf(names_of[i], sizeof names_of[i], "alias%u.example.com", i);
        learn_alias(names_of[i], names_of[i - 1]);
    }
    learn(NAME_MX, names_of[NAMING_ALIASES_MAX + 1], "far.example");
    session("host.example.com", NULL);
    assert_int_equal(describe()->dns_domains.num, 0);
    learn(NAME_MX, names_of[NAMING_ALIASES_MAX], "near.example");
    session("host.example.com", NULL);
    assert_string_equal(describe()->dns_host, names_of[NAMING_ALIASES_MAX]);
    for (unsigned i = 0; i < 2 * NAMING_HOSTS_MAX; i++) {
        char alias[32];
        snprintf(alias, sizeof alias, "a%u.example.com", i);
        learn_alias(alias, names_of[i % NAMING_ALIASES_MAX]);
    }
    session("host.example.com", NULL);
    assert_non_null(describe()->dns_host);
}

static void test_domain_records(void **state) {
    (void)state;
    learn_address("mx.example.org", &ends.client);
    learn(NAME_MX, "mx.example.org", "example.com");
    learn(NAME_MTA_STS, "example.com", "20261122T01");
    learn(NAME_TLSRPT, "example.com", "mailto:tls@example.com");
    struct session_event *s = session("mx.example.org", NULL);
    describe();
    assert_string_equal(s->dns_mta_sts_id, "20261122T01");
    assert_string_equal(s->dns_tlsrpt_rua, "mailto:tls@example.com");
    learn(NAME_MX, "mx.example.org", "example.edu"); /* of which of the two? */
    s = session("mx.example.org", NULL);
    describe();
    assert_int_equal(s->dns_domains.num, 2);
    assert_null(s->dns_mta_sts_id);
    s = session("mx.example.org", NULL);
    set_list(&s->mail_rcpt_domains, "example.com"); /* of this one */
    describe();
    assert_string_equal(s->dns_mta_sts_id, "20261122T01");
}

static void test_without_names(void **state) {
    const struct naming naming = {0};
    (void)state;
    struct session_event *s = session("mx.example.org", NULL);
    naming_describe(&naming, &event, &ends);
    assert_null(s->dns_host);
    assert_null(s->cert_expected_name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test_setup_teardown(test_rests_on, begin, end),
        cmocka_unit_test_setup_teardown(test_order, begin, end),
        cmocka_unit_test_setup_teardown(test_doubt, begin, end),
        cmocka_unit_test_setup_teardown(test_acquitted, begin, end),
        cmocka_unit_test_setup_teardown(test_time, begin, end),
        cmocka_unit_test_setup_teardown(test_dane, begin, end),
        cmocka_unit_test_setup_teardown(test_dane_anchor, begin, end),
        cmocka_unit_test_setup_teardown(test_dane_by_alias, begin, end),
        cmocka_unit_test_setup_teardown(test_alias_in_another_answer, begin, end),
        cmocka_unit_test_setup_teardown(test_many_aliases, begin, end),
        cmocka_unit_test_setup_teardown(test_domain_records, begin, end),
        cmocka_unit_test_setup_teardown(test_without_names, begin, end),
    };
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
