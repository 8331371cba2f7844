/* The cache of trust, with numbers for values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../sensor/judge/trust_cache.h"

static int released[100];

static void release(void *value) {
    released[*(int *)value]++;
}

/* Keys that differ in their last byte alone share a bucket. */
static const uint8_t *key_of(int number) {
    static uint8_t key[32];
    key[31] = (uint8_t)number;
    return key;
}

static int values[100];

static void put(struct trust_cache *cache, int number, size_t cost) {
    values[number] = number;
    released[number] = 0;
    assert_true(trust_cache_put(cache, key_of(number), &values[number], cost));
}

static void finds_what_was_put(void **state) {
    (void)state;
    struct trust_cache *cache = trust_cache_new(10, 1000, release);
    assert_null(trust_cache_find(cache, key_of(1)));
    put(cache, 1, 1);
    put(cache, 2, 1);
    assert_ptr_equal(trust_cache_find(cache, key_of(1)), &values[1]);
    assert_ptr_equal(trust_cache_find(cache, key_of(2)), &values[2]);
    assert_null(trust_cache_find(cache, key_of(3)));
    trust_cache_free(cache);
    assert_int_equal(released[1], 1);
    assert_int_equal(released[2], 1);
    trust_cache_free(NULL);
}

static void pushes_the_least_recently_used_one_out(void **state) {
    (void)state;
    struct trust_cache *cache = trust_cache_new(3, 1000, release);
    for (int i = 1; i <= 3; i++)
        put(cache, i, 1);
    assert_non_null(trust_cache_find(cache, key_of(1)));
    put(cache, 4, 1);
    assert_int_equal(trust_cache_entries(cache), 3);
    assert_int_equal(released[2], 1);
    assert_null(trust_cache_find(cache, key_of(2)));
    assert_non_null(trust_cache_find(cache, key_of(1)));
    put(cache, 5, 1);
    assert_int_equal(released[3], 1);
    assert_int_equal(trust_cache_evicted(cache), 2);
    trust_cache_free(cache);
}

static void holds_no_more_than_it_may_cost(void **state) {
    (void)state;
    struct trust_cache *cache = trust_cache_new(10, 100, release);
    put(cache, 1, 40);
    put(cache, 2, 60);
    assert_int_equal(trust_cache_entries(cache), 2);
    put(cache, 3, 41); /* 1 is not enough */
    assert_int_equal(released[1] + released[2], 2);
    assert_int_equal(trust_cache_entries(cache), 1);
    put(cache, 4, 500); /* more than all: alone */
    assert_int_equal(released[3], 1);
    assert_non_null(trust_cache_find(cache, key_of(4)));
    put(cache, 5, 1);
    assert_int_equal(released[4], 1);
    trust_cache_free(cache);
}

static void replaces_what_a_key_had(void **state) {
    (void)state;
    struct trust_cache *cache = trust_cache_new(10, 100, release);
    put(cache, 1, 60);
    values[2] = 2;
    released[2] = 0;
    assert_true(trust_cache_put(cache, key_of(1), &values[2], 70));
    assert_int_equal(released[1], 1);
    assert_ptr_equal(trust_cache_find(cache, key_of(1)), &values[2]);
    assert_int_equal(trust_cache_entries(cache), 1);
    assert_int_equal(trust_cache_evicted(cache), 0);
    assert_true(trust_cache_evict(cache));
    assert_false(trust_cache_evict(cache));
    assert_int_equal(released[2], 1);
    trust_cache_free(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put),
        cmocka_unit_test(pushes_the_least_recently_used_one_out),
        cmocka_unit_test(holds_no_more_than_it_may_cost),
        cmocka_unit_test(replaces_what_a_key_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
