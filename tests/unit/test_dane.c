#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/judge/dane.h"

/* A chain of three: server, intermediate, anchor; digests that tell them apart. */
static struct cert_digests certificates[3];
static uint8_t bytes[8][3 + 64];
static struct dane_record records[8];
static size_t num;

static int begin(void **state) {
    (void)state;
    num = 0;
    for (uint8_t i = 0; i < 3; i++) {
        certificates[i].known = true;
        for (uint8_t selector = 0; selector < 2; selector++) {
            memset(certificates[i].sha256[selector], 0x10 + 2 * i + selector, 32);
            memset(certificates[i].sha512[selector], 0x80 + 2 * i + selector, 64);
        }
    }
    return 0;
}

/* A record that fits certificate `of`; -1: none. */
static void add(uint8_t usage, uint8_t selector, uint8_t matching, int of) {
    uint8_t *at = bytes[num];
    struct cert_digests other = {.known = false};
    const struct cert_digests *fit = of < 0 ? &other : &certificates[of];
    size_t len = matching == 2 ? 64 : matching == 1 ? 32 : 40;
    at[0] = usage;
    at[1] = selector;
    at[2] = matching;
    memset(at + 3, 0xee, 64);
    records[num] = (struct dane_record){.bytes = at, .len = 3 + len};
    if (selector < 2 && matching == 1)
        memcpy(at + 3, fit->sha256[selector], 32);
    if (selector < 2 && matching == 2)
        memcpy(at + 3, fit->sha512[selector], 64);
    if (selector < 2 && matching == 0)
        memcpy(records[num].sha256, fit->sha256[selector], 32);
    num++;
}

static void expect(const struct dane_facts *facts, enum dane_result result, const char *reason) {
    const char *why = "";
    assert_int_equal(dane_judge(records, num, facts, &why), result);
    if (reason)
        assert_string_equal(why, reason);
    else
        assert_null(why);
    num = 0;
}

static const struct dane_facts whole = {.chain = {certificates, 3, 3}};

/* RFC 7671 section 5.1: names and dates do not matter. */
static void test_server_certificate(void **state) {
    struct dane_facts wrong = whole;
    (void)state;
    wrong.name_wrong = wrong.out_of_date = true;
    for (uint8_t selector = 0; selector < 2; selector++) {
        for (uint8_t matching = 0; matching < 3; matching++) {
            add(3, selector, matching, 0);
            expect(&wrong, DANE_MATCH, NULL);
            add(3, selector, matching, 1); /* the issuer's is not the server's */
            expect(&whole, DANE_MISMATCH, "no_record_matches");
        }
    }
}

/* Section 5.2. */
static void test_anchor(void **state) {
    struct dane_facts facts = whole;
    (void)state;
    for (int of = 0; of < 3; of++) {
        add(2, 1, 2, of);
        expect(&whole, DANE_MATCH, NULL);
    }
    add(2, 0, 1, 2);
    facts.name_wrong = true;
    expect(&facts, DANE_MISMATCH, "name_mismatch");
    add(2, 0, 1, 2);
    facts = (struct dane_facts){.chain = whole.chain, .out_of_date = true};
    expect(&facts, DANE_MISMATCH, "certificate_out_of_date");
    add(2, 0, 1, 2);
    facts = (struct dane_facts){.chain = {certificates, 3, 2}};
    expect(&facts, DANE_UNKNOWN, "chain_not_signed");
    add(2, 0, 1, -1);
    expect(&whole, DANE_MISMATCH, "no_record_matches");
    add(2, 0, 0, -1); /* the record holds the anchor, which then need not be sent */
    expect(&whole, DANE_UNKNOWN, "anchor_not_sent");
}

/* RFC 7672 section 3.1.3; and digests of a wrong length. */
static void test_unusable(void **state) {
    (void)state;
    add(0, 0, 1, 0);
    add(1, 1, 1, 0);
    add(3, 2, 1, 0);
    add(3, 1, 3, 0);
    add(4, 1, 1, 0);
    add(3, 1, 1, 0);
    records[num - 1].len--;
    add(3, 1, 1, 0);
    records[num - 1].len = 3;
    expect(&whole, DANE_UNKNOWN, "no_usable_records");
    add(0, 0, 1, 0);
    add(3, 1, 1, 0);
    expect(&whole, DANE_MATCH, NULL); /* one that is usable is enough */
    expect(&whole, DANE_UNKNOWN, "no_usable_records");
}

/* A roll-over publishes the old key and the new one (RFC 7671 section 8.1): one match will do. */
static void test_several(void **state) {
    (void)state;
    add(3, 1, 1, -1);
    add(2, 1, 1, -1);
    add(3, 1, 1, 0);
    expect(&whole, DANE_MATCH, NULL);
}

static void test_not_visible(void **state) {
    struct dane_facts none = {.chain = {NULL, 0, 0}};
    (void)state;
    add(3, 1, 1, 0);
    expect(&none, DANE_UNKNOWN, "certificate_not_visible");
    certificates[0].known = false; /* could not be read: its digests are none */
    add(3, 1, 1, 0);
    expect(&whole, DANE_MISMATCH, "no_record_matches");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_server_certificate, begin), cmocka_unit_test_setup(test_anchor, begin),
        cmocka_unit_test_setup(test_unusable, begin),           cmocka_unit_test_setup(test_several, begin),
        cmocka_unit_test_setup(test_not_visible, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
