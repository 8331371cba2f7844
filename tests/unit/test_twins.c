#include "../../sensor/judge/twins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ID_SIZE = 33, START_NS = 1000 };

/* As a hash would be: what follows the number is looked at, too. */
static const char *id_of(char id[ID_SIZE], uint64_t number) {
    snprintf(id, ID_SIZE, "%016llx%016llx", (unsigned long long)(number * UINT64_C(0x9e3779b97f4a7c15)),
             (unsigned long long)number);
    return id;
}

static void add_others(struct twins *twins, uint64_t first, uint64_t num) {
    char id[ID_SIZE];
    for (uint64_t i = first; i < first + num; i++)
        assert_int_equal(twins_number(twins, id_of(id, i), START_NS + i), 0);
}

static void test_numbers(void **state) {
    (void)state;
    char one[ID_SIZE], two[ID_SIZE];
    struct twins *twins = twins_new();
    assert_non_null(twins);
    id_of(one, 1);
    id_of(two, 2);
    assert_int_equal(twins_number(twins, one, START_NS), 0);
    assert_int_equal(twins_number(twins, two, START_NS), 0);
    assert_int_equal(twins_number(twins, one, START_NS), 1);
    assert_int_equal(twins_number(twins, one, START_NS), 2);
    assert_int_equal(twins_number(twins, two, START_NS), 1);
    twins_free(twins);
    twins_free(NULL);
}

/* What is remembered is found after as many others, once and again. */
static void test_remembered(void **state) {
    (void)state;
    char one[ID_SIZE];
    struct twins *twins = twins_new();
    assert_non_null(twins);
    id_of(one, 0);
    assert_int_equal(twins_number(twins, one, START_NS), 0);
    for (uint64_t turn = 0; turn < 4; turn++) {
        add_others(twins, 1 + turn * TWINS_REMEMBERED, TWINS_REMEMBERED);
        assert_int_equal(twins_number(twins, one, START_NS), turn + 1);
    }
    twins_free(twins);
}

/* So many that they are no longer counted: each number is another one all the same. */
static void test_many(void **state) {
    (void)state;
    char one[ID_SIZE];
    struct twins *twins = twins_new();
    uint64_t before = 0;
    assert_non_null(twins);
    id_of(one, 0);
    assert_int_equal(twins_number(twins, one, START_NS), 0);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t number = twins_number(twins, one, START_NS);
        assert_true(number > before);
        before = number;
    }
    twins_free(twins);
}

/* The time tells who has no twin among those that were forgotten. */
static void test_forgotten(void **state) {
    (void)state;
    enum { NUM = 3 * TWINS_REMEMBERED };
    char id[ID_SIZE];
    struct twins *twins = twins_new();
    assert_non_null(twins);
    id_of(id, 0);
    assert_int_equal(twins_number(twins, id, START_NS), 0);
    assert_int_equal(twins_number(twins, id, START_NS), 1);
    add_others(twins, 1, NUM);
    uint64_t number = twins_number(twins, id, START_NS);
    assert_true(number > 1);
    assert_true(twins_number(twins, id, START_NS) > number);
    assert_true(twins_number(twins, id_of(id, NUM + 1), START_NS) >
                number); /* began before one that was forgotten */
    assert_int_equal(twins_number(twins, id_of(id, NUM + 2), START_NS + NUM), 0); /* after all of them */
    twins_free(twins);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_remembered),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
