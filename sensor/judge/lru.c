#include "lru.h"

#include <stdlib.h>
#include <string.h>

#include "../../parsers/fetch.h"

#define BUCKETS_MIN 1024u
#define SPARSE      2 /* buckets for each node at least: most have one or none, so that few others are passed */

bool lru_init(struct lru *lru) {
    *lru = (struct lru){.num_buckets = BUCKETS_MIN, .max = SIZE_MAX, .key = siphash_random_key()};
    lru->buckets = calloc(lru->num_buckets, sizeof *lru->buckets);
    return lru->buckets != NULL;
}

void lru_charge(struct lru *lru, struct budget *budget, size_t cost, size_t part) {
    lru->budget = budget;
    lru->cost = cost + BUDGET_BLOCK + 2 * SPARSE * sizeof(struct lru_node *);
    lru->max = part > lru->cost ? part / lru->cost : 1;
}

void lru_cleanup(struct lru *lru, void (*free_node)(struct lru_node *node)) {
    budget_change(lru->budget, lru->num * lru->cost, 0);
    while (lru->oldest) {
        struct lru_node *node = lru->oldest;
        lru->oldest = node->newer;
        free_node(node);
    }
    free(lru->buckets);
    *lru = (struct lru){0};
}

uint32_t lru_hash(const struct lru *lru, const char *name) {
    return (uint32_t)siphash(&lru->key, name, strlen(name));
}

static struct lru_node **bucket_of(const struct lru *lru, uint32_t hash) {
    return &lru->buckets[hash & (lru->num_buckets - 1)];
}

void lru_fetch_bucket(const struct lru *lru, uint32_t hash) {
    fetch(bucket_of(lru, hash), sizeof(struct lru_node *));
}

const struct lru_node *lru_fetch_node(const struct lru *lru, uint32_t hash) {
    const struct lru_node *node = *bucket_of(lru, hash);
    fetch(node, sizeof *node);
    return node;
}

static struct lru_node *of_hash(struct lru_node *node, uint32_t hash) {
    while (node && node->hash != hash)
        node = node->same_bucket;
    return node;
}

struct lru_node *lru_first(const struct lru *lru, uint32_t hash) {
    return of_hash(*bucket_of(lru, hash), hash);
}

struct lru_node *lru_next(const struct lru_node *node) {
    return of_hash(node->same_bucket, node->hash);
}

/* Where there is no memory for more buckets, those that are there get longer. */
static void grow(struct lru *lru) {
    size_t num = lru->num_buckets * 2;
    struct lru_node **buckets = calloc(num, sizeof *buckets);
    if (!buckets)
        return;
    free(lru->buckets);
    lru->buckets = buckets;
    lru->num_buckets = num;
    for (struct lru_node *node = lru->oldest; node; node = node->newer) {
        struct lru_node **bucket = bucket_of(lru, node->hash);
        node->same_bucket = *bucket;
        *bucket = node;
    }
}

static void unlink_age(struct lru *lru, struct lru_node *node) {
    if (node->older)
        node->older->newer = node->newer;
    else
        lru->oldest = node->newer;
    if (node->newer)
        node->newer->older = node->older;
    else
        lru->youngest = node->older;
}

static void make_youngest(struct lru *lru, struct lru_node *node) {
    node->older = lru->youngest;
    node->newer = NULL;
    if (lru->youngest)
        lru->youngest->newer = node;
    else
        lru->oldest = node;
    lru->youngest = node;
}

void lru_add(struct lru *lru, struct lru_node *node, uint32_t hash) {
    if (SPARSE * lru->num >= lru->num_buckets)
        grow(lru);
    struct lru_node **bucket = bucket_of(lru, hash);
    node->hash = hash;
    node->same_bucket = *bucket;
    *bucket = node;
    make_youngest(lru, node);
    lru->num++;
    budget_change(lru->budget, 0, lru->cost);
}

void lru_touch(struct lru *lru, struct lru_node *node) {
    if (node == lru->youngest)
        return;
    unlink_age(lru, node);
    make_youngest(lru, node);
}

void lru_remove(struct lru *lru, struct lru_node *node) {
    struct lru_node **link = bucket_of(lru, node->hash);
    while (*link != node)
        link = &(*link)->same_bucket;
    *link = node->same_bucket;
    unlink_age(lru, node);
    lru->num--;
    budget_change(lru->budget, lru->cost, 0);
}
