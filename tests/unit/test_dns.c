#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../parsers/dns.h"
#include "unhex.h"

#define RECORDS 32

struct answer {
    struct dns dns;
    struct dns_record records[RECORDS];
    size_t num;
    uint8_t bytes[4096];
    size_t len;
};

static enum parse_result read_bytes(struct answer *answer) {
    enum parse_result result = dns_begin(&answer->dns, answer->bytes, answer->len);
    answer->num = 0;
    while (result == PARSE_OK && answer->num < RECORDS &&
           dns_next(&answer->dns, &answer->records[answer->num]))
        answer->num++;
    return result;
}

static enum parse_result read_hex(struct answer *answer, const char *hex) {
    answer->len = unhex(hex, answer->bytes, sizeof answer->bytes);
    return read_bytes(answer);
}

#define MX_QUESTION "076578616d706c65036e657400000f0001" /* example.net MX IN */

/* Two MX records whose targets point back into the question; the second's host has its address beside it. */
static const char mx_answer[] =
    "123481a000010002000000020" /* AD and RD, RA */ "76578616d706c65036e657400000f0001"
    "c00c000f000100000e10000800"
    "0a036d7831c00c"
    "c00c000f000100000e10000800"
    "14036d7832c00c"
    "c02b00010001000000780004c6336407"
    "0000291000000000000000";

static void test_mx(void **state) {
    struct answer a;
    (void)state;
    assert_int_equal(read_hex(&a, mx_answer), PARSE_OK);
    assert_string_equal(a.dns.question, "example.net");
    assert_int_equal(a.dns.question_type, DNS_MX);
    assert_true(a.dns.authentic);
    assert_false(a.dns.truncated);
    assert_int_equal(a.num, 3);
    assert_string_equal(a.records[0].owner, "example.net");
    assert_string_equal(a.records[0].target, "mx1.example.net");
    assert_int_equal(a.records[0].preference, 10);
    assert_int_equal(a.records[0].ttl_s, 3600);
    assert_string_equal(a.records[1].target, "mx2.example.net");
    assert_string_equal(a.records[2].owner, "mx1.example.net");
    assert_true(a.records[2].additional);
    assert_int_equal(a.records[2].data_len, 4);
    assert_memory_equal(a.records[2].data, "\xc6\x33\x64\x07", 4);
}

/* A message that is cut anywhere gives the records that are whole, and none that is not. */
static void test_cut(void **state) {
    struct answer a, whole;
    (void)state;
    assert_int_equal(read_hex(&whole, mx_answer), PARSE_OK);
    for (size_t len = 0; len < whole.len; len++) {
        a = whole;
        a.len = len;
        if (read_bytes(&a) != PARSE_OK) {
            assert_true(len < 29);
            continue;
        }
        assert_true(a.num <= whole.num);
        for (size_t i = 0; i < a.num; i++)
            assert_string_equal(a.records[i].owner, whole.records[i].owner);
        assert_int_equal(a.num, (len >= 49) + (len >= 69) + (len >= 85));
    }
}

/* TLSA of _25._tcp.mx.example.net: 3 1 1 and a digest of one byte; TXT of two strings. */
static void test_tlsa_and_text(void **state) {
    struct answer a;
    (void)state;
    assert_int_equal(read_hex(&a, "00008180000100010000000003"
                                  "5f3235045f746370026d78076578616d706c65036e65740000340001"
                                  "c00c003400010000003c0004"
                                  "030101ab"),
                     PARSE_OK);
    assert_false(a.dns.authentic);
    assert_int_equal(a.num, 1);
    assert_string_equal(a.records[0].owner, "_25._tcp.mx.example.net");
    assert_int_equal(a.records[0].usage * 100 + a.records[0].selector * 10 + a.records[0].matching, 311);
    assert_int_equal(a.records[0].data_len, 1);
    assert_int_equal(a.records[0].data[0], 0xab);
    assert_int_equal(read_hex(&a, "0000818000000001000000000161000010000100000001000c"
                                  "06763d53545376"
                                  "0531"
                                  "3b6900"),
                     PARSE_OK); /* the second string says 5 and has 4: no record */
    assert_int_equal(a.num, 0);
    assert_int_equal(read_hex(&a, "0000818000000001000000000161000010000100000001000a"
                                  "05763d535453"
                                  "03763d31"),
                     PARSE_OK);
    assert_int_equal(a.num, 1);
    assert_int_equal(a.records[0].text_len, 8);
    assert_memory_equal(a.records[0].text, "v=STSv=1", 8);
    assert_string_equal(a.records[0].owner, "a");
}

static void test_names(void **state) {
    struct answer a;
    (void)state;
    /* an alias, in capitals; its target ends in a pointer */
    assert_int_equal(read_hex(&a, "0000818000010001000000000241"
                                  "42015a0000010001c00c0005000100000005000401"
                                  "43c00f"),
                     PARSE_OK);
    assert_string_equal(a.dns.question, "ab.z");
    assert_int_equal(a.num, 1);
    assert_string_equal(a.records[0].target, "c.z");
    /* an owner with a blank is no host's */
    assert_int_equal(read_hex(&a, "00008180000000010000000003"
                                  "612062"
                                  "00"
                                  "0001000100000001000401020304"),
                     PARSE_OK);
    assert_int_equal(a.num, 1);
    assert_string_equal(a.records[0].owner, "");
}

/* Names that lead to themselves, forward or on and on end the message. */
static void test_hostile_names(void **state) {
    static const char *const questions[] = {
        "c00c", /* itself */
        "c010", /* forward */
        "c0ff", /* outside */
        "01",   /* cut */
        "4141", /* a kind of label that is reserved */
        "8141",
    };
    struct answer a;
    char hex[2048];
    (void)state;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        snprintf(hex, sizeof hex, "000081800001000000000000%s", questions[i]);
        assert_int_equal(read_hex(&a, hex), PARSE_BAD);
    }
    /* 254 bytes of text: too long by one; 253 are fine */
    for (int extra = 0; extra <= 1; extra++) {
        char *at = hex + sprintf(hex, "000081800001000000000000");
        for (int label = 0; label < 4; label++) {
            int len = label < 3 ? 63 : 61 + extra;
            at += sprintf(at, "%02x", (unsigned)len);
            for (int i = 0; i < len; i++)
                at += sprintf(at, "61");
        }
        sprintf(at, "0000010001");
        assert_int_equal(read_hex(&a, hex), extra ? PARSE_BAD : PARSE_OK);
        assert_int_equal(strlen(a.dns.question), DNS_NAME_MAX);
    }
}

/* The name of each record is a pointer to the name of the one before: only so many are followed. */
static void test_pointer_chain(void **state) {
    struct answer a;
    (void)state;
    for (unsigned num = DNS_JUMPS_MAX; num <= DNS_JUMPS_MAX + 2; num++) {
        char hex[2048], *at = hex + sprintf(hex, "000081800000%04x00000000", num);
        unsigned place = 12;
        for (unsigned i = 0; i < num; i++) {
            at += i == 0 ? sprintf(at, "016100") : sprintf(at, "c%03x", place);
            place = i == 0 ? 12 : 12 + 3 + 10 + 4 + (i - 1) * 16;
            at += sprintf(at, "0001000100000001000401020304");
        }
        assert_int_equal(read_hex(&a, hex), PARSE_OK);
        assert_int_equal(a.num, num <= DNS_JUMPS_MAX + 1 ? num : DNS_JUMPS_MAX + 1);
        assert_string_equal(a.records[a.num - 1].owner, "a");
    }
}

/* Of a message with more records than are looked at the first ones are. */
static void test_many_records(void **state) {
    static const uint8_t record[] = {0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4};
    enum { MANY = DNS_RECORDS_MAX + 1 };
    struct answer a = {.bytes = {0, 0, 0x81, 0x80, 0, 0, MANY >> 8, MANY & 0xff}, .len = 12};
    struct dns_record found;
    size_t num = 0;
    (void)state;
    for (size_t i = 0; i < MANY; i++, a.len += sizeof record)
        memcpy(a.bytes + a.len, record, sizeof record);
    assert_int_equal(dns_begin(&a.dns, a.bytes, a.len), PARSE_OK);
    while (dns_next(&a.dns, &found))
        num++;
    assert_int_equal(num, DNS_RECORDS_MAX);
}

static void test_not_answers(void **state) {
    static const char *const messages[] = {
        "",
        "0000",
        "000001000001000000000000" MX_QUESTION, /* a query */
        "000081830001000000000000" MX_QUESTION, /* NXDOMAIN */
        "0000a1800001000000000000" MX_QUESTION, /* another opcode */
        "000081800002000000000000" MX_QUESTION MX_QUESTION,
        "000081800001000000000000"
        "076578616d706c65036e657400000f0003", /* class CHAOS */
    };
    struct answer a;
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        assert_int_equal(read_hex(&a, messages[i]), PARSE_BAD);
    assert_int_equal(read_hex(&a, "000081800001000000000000" MX_QUESTION), PARSE_OK); /* none there */
    assert_int_equal(a.num, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mx),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_tlsa_and_text),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_pointer_chain),
        cmocka_unit_test(test_many_records),
        cmocka_unit_test(test_not_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
