#include "../../sensor/judge/lru.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct thing {
    struct lru_node node;
    char name[16];
};

static void free_thing(struct lru_node *node) {
    free(node);
}

static struct thing *find(const struct lru *lru, const char *name) {
    for (struct lru_node *node = lru_first(lru, lru_hash(lru, name)); node; node = lru_next(node)) {
        if (strcmp(((struct thing *)node)->name, name) == 0)
            return (struct thing *)node;
    }
    return NULL;
}

static void add(struct lru *lru, unsigned number) {
    struct thing *thing = calloc(1, sizeof *thing);
    assert_non_null(thing);
    snprintf(thing->name, sizeof thing->name, "thing-%u", number);
    lru_add(lru, &thing->node, lru_hash(lru, thing->name));
}

static void test_many(void **state) {
    (void)state;
    enum { NUM = 5000 }; /* more than the first buckets */
    struct lru lru;
    char name[16];
    assert_true(lru_init(&lru));
    assert_null(find(&lru, "thing-0"));
    for (unsigned i = 0; i < NUM; i++)
        add(&lru, i);
    assert_int_equal(lru.num, NUM);
    for (unsigned i = 0; i < NUM; i++) {
        snprintf(name, sizeof name, "thing-%u", i);
        assert_string_equal(find(&lru, name)->name, name);
    }
    for (unsigned i = 0; i < NUM; i += 2) {
        snprintf(name, sizeof name, "thing-%u", i);
        struct thing *thing = find(&lru, name);
        lru_remove(&lru, &thing->node);
        free(thing);
        assert_null(find(&lru, name));
    }
    assert_int_equal(lru.num, NUM / 2);
    assert_non_null(find(&lru, "thing-4999"));
    lru_cleanup(&lru, free_thing);
}

static void expect_order(const struct lru *lru, const char *first, const char *second, const char *third) {
    const char *const names[] = {first, second, third};
    const struct lru_node *node = lru->oldest, *before = NULL;
    for (size_t i = 0; i < 3; i++, before = node, node = node->newer) {
        assert_string_equal(((const struct thing *)node)->name, names[i]);
        assert_ptr_equal(node->older, before);
    }
    assert_null(node);
    assert_ptr_equal(lru->youngest, before);
}

static void test_order(void **state) {
    (void)state;
    struct lru lru;
    assert_true(lru_init(&lru));
    for (unsigned i = 0; i < 3; i++)
        add(&lru, i);
    expect_order(&lru, "thing-0", "thing-1", "thing-2");
    lru_touch(&lru, &find(&lru, "thing-2")->node);
    expect_order(&lru, "thing-0", "thing-1", "thing-2");
    lru_touch(&lru, &find(&lru, "thing-0")->node);
    expect_order(&lru, "thing-1", "thing-2", "thing-0");
    lru_touch(&lru, &find(&lru, "thing-2")->node);
    expect_order(&lru, "thing-1", "thing-0", "thing-2");
    lru_cleanup(&lru, free_thing);
    assert_null(lru.oldest);
}

/* What is fetched is what will be found, where it is alone in its bucket; nothing changes by it. */
static void test_fetch(void **state) {
    (void)state;
    struct lru lru;
    assert_true(lru_init(&lru));
    uint32_t hash = lru_hash(&lru, "thing-1");
    lru_fetch_bucket(&lru, hash);
    assert_null(lru_fetch_node(&lru, hash));
    add(&lru, 1);
    lru_fetch_bucket(&lru, hash);
    assert_ptr_equal(lru_fetch_node(&lru, hash), &find(&lru, "thing-1")->node);
    assert_int_equal(lru.num, 1);
    lru_cleanup(&lru, free_thing);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many), cmocka_unit_test(test_order),
                                       cmocka_unit_test(test_fetch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
