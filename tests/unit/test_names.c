#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/judge/names.h"
#include "unhex.h"

#define SECOND UINT64_C(1000000000)
#define START  (UINT64_C(1800000000) * SECOND)

static const struct name_end alice = {.bytes = {192, 0, 2, 10}, .len = 4};
static const struct name_end bob = {.bytes = {192, 0, 2, 11}, .len = 4};
static const uint8_t server[4] = {198, 51, 100, 7};

static void add_told(struct names *names, enum name_kind kind, const void *key, size_t key_len,
                     const char *value, uint32_t ttl_s, const struct name_end *asker, uint64_t ts_ns,
                     uint64_t answer) {
    const struct name_fact fact = {.kind = (uint8_t)kind,
                                   .key_len = (uint16_t)key_len,
                                   .value_len = (uint16_t)strlen(value),
                                   .ttl_s = ttl_s,
                                   .key = key,
                                   .value = (const uint8_t *)value};
    names_add(names, &fact, 1, asker, ts_ns, answer);
}

static void add(struct names *names, enum name_kind kind, const void *key, size_t key_len, const char *value,
                uint32_t ttl_s, const struct name_end *asker, uint64_t ts_ns) {
    add_told(names, kind, key, key_len, value, ttl_s, asker, ts_ns, 0);
}

static size_t find(const struct names *names, uint64_t at_ns, struct name_found found[NAMES_PER_KEY_MAX]) {
    return names_find(names, NAME_OF_ADDRESS, server, sizeof server, &alice, at_ns, found);
}

/* A fact holds from its first answer until its time to live has passed, by packet time. */
static void test_time(void **state) {
    struct names *names = names_new(NULL);
    struct name_found found[NAMES_PER_KEY_MAX];
    (void)state;
    assert_non_null(names);
    add(names, NAME_OF_ADDRESS, server, 4, "mx.example.org", 300, &alice, START);
    assert_int_equal(find(names, START - 1, found), 0);
    assert_int_equal(find(names, START, found), 1);
    assert_string_equal((const char *)found[0].value, "mx.example.org");
    assert_true(found[0].asked);
    assert_int_equal(find(names, START + 300 * SECOND + NAMES_LATE_NS, found), 1);
    assert_int_equal(find(names, START + 300 * SECOND + NAMES_LATE_NS + 1, found), 0);
    add(names, NAME_OF_ADDRESS, server, 4, "mx.example.org", 300, &bob, START + 200 * SECOND);
    assert_int_equal(names_count(names), 1);
    assert_int_equal(find(names, START + 1, found), 1); /* it held all the time */
    assert_false(found[0].asked);                       /* the last to ask was another */
    assert_int_equal(find(names, START + 500 * SECOND, found), 1);
    add(names, NAME_OF_ADDRESS, server, 4, "mx.example.org", 0, &bob, START + 900 * SECOND);
    assert_int_equal(find(names, START + 800 * SECOND, found), 0); /* not in between */
    assert_int_equal(find(names, START + 900 * SECOND, found), 1);
    assert_int_equal(names_find(NULL, NAME_MX, "a", 1, NULL, START, found), 0);
    names_free(names);
    names_free(NULL);
}

static void tell(struct names *names, uint32_t ttl_s, const struct name_end *asker, uint64_t ts_ns,
                 uint64_t answer) {
    add_told(names, NAME_OF_ADDRESS, server, 4, "mx.example.org", ttl_s, asker, ts_ns, answer);
}

/* The answers that show that it held all the time, and the last one; seen again, these say the same. */
static void test_answers(void **state) {
    struct names *names = names_new(NULL), *again = names_new(NULL);
    struct name_found found[NAMES_PER_KEY_MAX], same[NAMES_PER_KEY_MAX];
    (void)state;
    assert_non_null(names);
    assert_non_null(again);
    tell(names, 60, &alice, START, 0);
    assert_int_equal(find(names, START, found), 1);
    assert_null(found[0].answers); /* it was not kept */
    for (uint64_t i = 1; i <= 40; i++)
        tell(names, 60, i % 2 ? &alice : &bob, START + i * 10 * SECOND, i);
    assert_int_equal(find(names, START + 200 * SECOND, found), 1);
    const struct name_answers *answers = found[0].answers;
    assert_int_equal(answers->num, 5); /* 10, 130, 250, 370 and 400 */
    assert_int_equal(answers->items[0].number, 1);
    assert_int_equal(answers->items[answers->num - 1].number, 40);
    for (size_t i = answers->num; i-- > 0;) { /* a recording may have them in any order */
        const struct name_answer *told = &answers->items[i];
        tell(again, 60, told->number % 2 ? &alice : &bob, told->ts_ns, told->number);
    }
    assert_int_equal(find(again, START + 200 * SECOND, same), 1);
    assert_int_equal(same[0].asked, found[0].asked);
    assert_int_equal(same[0].last_ns, found[0].last_ns);
    assert_int_equal(same[0].answers->num, answers->num);
    assert_int_equal(find(again, START + 11 * SECOND, same), 1);
    assert_int_equal(find(again, START + 521 * SECOND, same), 0);
    tell(names, 60, &bob, START + 900 * SECOND, 41); /* what was before does not matter any more */
    assert_int_equal(find(names, START + 900 * SECOND, found), 1);
    assert_int_equal(found[0].answers->num, 1);
    for (uint64_t i = 1; i <= 2 * NAMES_ANSWERS_MAX; i++)
        tell(names, 60, &bob, START + (900 + i * 100) * SECOND, 41 + i);
    assert_int_equal(find(names, START + 2500 * SECOND, found), 1);
    assert_int_equal(found[0].answers->num, NAMES_ANSWERS_MAX);
    assert_int_equal(found[0].answers->items[0].number, 41 + NAMES_ANSWERS_MAX + 1);
    names_free(names);
    names_free(again);
}

/* The last seen first; of one key only so many, and of all only so many. */
static void test_limits(void **state) {
    struct names *names = names_new(NULL);
    struct name_found found[NAMES_PER_KEY_MAX];
    char name[32];
    (void)state;
    assert_non_null(names);
    for (unsigned i = 0; i < NAMES_PER_KEY_MAX + 3; i++) {
        snprintf(name, sizeof name, "mx%u.example", i);
        add(names, NAME_OF_ADDRESS, server, 4, name, 60, &alice, START);
    }
    assert_int_equal(find(names, START, found), NAMES_PER_KEY_MAX);
    assert_string_equal((const char *)found[0].value, name);
    assert_string_equal((const char *)found[NAMES_PER_KEY_MAX - 1].value, "mx3.example");
    assert_int_equal(names_dropped(names), 3);
    for (uint32_t i = 0; i < NAMES_MAX; i++)
        add(names, NAME_OF_ADDRESS, &i, sizeof i, "a.example", 60, &alice, START);
    assert_int_equal(names_count(names), NAMES_MAX);
    assert_int_equal(find(names, START, found), 0);
    names_free(names);
}

static size_t read_hex(const char *hex, struct arena *arena, const struct name_fact **facts) {
    uint8_t bytes[1024];
    return names_read(bytes, unhex(hex, bytes, sizeof bytes), arena, facts);
}

static void check(const struct name_fact *fact, enum name_kind kind, const char *key, const char *value) {
    assert_int_equal(fact->kind, kind);
    assert_int_equal(fact->key_len, strlen(key));
    assert_memory_equal(fact->key, key, fact->key_len);
    assert_int_equal(fact->value_len, strlen(value));
    assert_memory_equal(fact->value, value, fact->value_len);
}

/* mx.a A? -> mx.a CNAME h.b, h.b A 198.51.100.7: the name that was asked for counts, and where it led. */
static void test_alias(void **state) {
    struct arena arena = {0};
    const struct name_fact *facts;
    (void)state;
    assert_int_equal(read_hex("000081a00001000200000000"
                              "026d7801610000010001"
                              "c00c000500010000003c0005"
                              "0168016200"
                              "c02200010001000000780004c6336407",
                              &arena, &facts),
                     2);
    assert_int_equal(facts[0].key_len, 4);
    assert_memory_equal(facts[0].key, server, 4);
    assert_int_equal(facts[0].kind, NAME_OF_ADDRESS);
    assert_int_equal(facts[0].value_len, 4);
    assert_memory_equal(facts[0].value, "mx.a", 4);
    assert_true(facts[0].authentic);
    check(&facts[1], NAME_ALIAS, "mx.a", "h.b");
    /* an alias that holds for 60 seconds makes the answer no older */
    assert_int_equal(facts[1].ttl_s, 60);
    assert_int_equal(facts[0].ttl_s, 60);
    arena_cleanup(&arena);
}

/* mx.a A? -> mx.a CNAME h.b (60 s), h.b CNAME c.d (30 s), and no address: it will come in an answer of its
 * own. */
static void test_alias_alone(void **state) {
    struct arena arena = {0};
    const struct name_fact *facts;
    (void)state;
    assert_int_equal(read_hex("000081800001000200000000"
                              "026d7801610000010001"
                              "c00c000500010000003c0005"
                              "0168016200"
                              "c022000500010000001e0005"
                              "0163016400",
                              &arena, &facts),
                     2);
    check(&facts[0], NAME_ALIAS, "mx.a", "c.d");
    check(&facts[1], NAME_OF_ALIAS, "c.d", "mx.a");
    assert_int_equal(facts[0].ttl_s, 30);
    assert_int_equal(facts[1].ttl_s, 30);
    /* an alias of itself says nothing */
    assert_int_equal(read_hex("000081800001000100000000"
                              "026d7801610000010001"
                              "c00c000500010000003c0002c00c",
                              &arena, &facts),
                     0);
    arena_cleanup(&arena);
}

static void test_mail_records(void **state) {
    struct arena arena = {0};
    const struct name_fact *facts;
    (void)state;
    /* a MX? -> 10 mx.a, and its address beside it; a null MX (RFC 7505) says nothing */
    assert_int_equal(read_hex("000081800001000200000001"
                              "016100000f0001"
                              "c00c000f00010000003c0007000a026d78c00c"
                              "c00c000f00010000003c0003000000"
                              "c02100010001000000780004c6336407",
                              &arena, &facts),
                     2);
    check(&facts[0], NAME_MX, "mx.a", "a");
    assert_int_equal(facts[1].kind, NAME_OF_ADDRESS);
    /* _mta-sts.a TXT */
    assert_int_equal(read_hex("000081800001000100000000"
                              "085f6d74612d737473016100"
                              "00100001"
                              "c00c001000010000003c0013"
                              "12763d53545376313b2069643d32303236203b",
                              &arena, &facts),
                     1);
    check(&facts[0], NAME_MTA_STS, "a", "2026");
    /* the same of another name is nobody's business, and is not even looked at */
    assert_int_equal(read_hex("000081800001000100000000"
                              "016100"
                              "00100001"
                              "c00c001000010000003c0013"
                              "12763d53545376313b2069643d32303236203b",
                              &arena, &facts),
                     0);
    arena_cleanup(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),  cmocka_unit_test(test_answers),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_alias), cmocka_unit_test(test_alias_alone), cmocka_unit_test(test_mail_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
