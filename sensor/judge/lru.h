/* lru.h: a table of things found by their name, which knows the one that was used longest ago.
 *
 * What is kept has a struct lru_node as its first member and is its user's. Nobody who does not know the
 * table's key can choose names that fall into one bucket. */
#ifndef STARTTAP_SENSOR_JUDGE_LRU_H
#define STARTTAP_SENSOR_JUDGE_LRU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../budget.h"
#include "../siphash.h"

struct lru_node {
    struct lru_node *same_bucket, *older, *newer; /* older and newer by their last use */
    uint32_t hash;
};

struct lru {
    struct budget *budget; /* NULL: not counted */
    size_t cost, max;      /* of a node in bytes; nodes there is a part of the budget for */
    struct lru_node **buckets;
    size_t num_buckets; /* a power of two */
    size_t num;
    uint64_t lost; /* what its user had no memory to keep; the user counts */
    struct lru_node *oldest, *youngest;
    struct siphash_key key;
};

bool lru_init(struct lru *lru); /* false: out of memory */
void lru_cleanup(struct lru *lru, void (*free_node)(struct lru_node *node));

/* While it is empty: each node costs the budget, which is borrowed, so many bytes; all of them together shall
 * not cost more than part, which whoever adds one sees to by lru->max. */
void lru_charge(struct lru *lru, struct budget *budget, size_t cost, size_t part);

uint32_t lru_hash(const struct lru *lru, const char *name);

/* Those of this hash, one after the other: compare their names. NULL: no more. */
struct lru_node *lru_first(const struct lru *lru, uint32_t hash);
struct lru_node *lru_next(const struct lru_node *node);

/* This hash will be looked up soon: fetch its bucket (parsers/fetch.h), and then, a while later, what stands
 * first in that. Which is returned, to fetch what it points to; it may be of another hash. NULL: none. */
void lru_fetch_bucket(const struct lru *lru, uint32_t hash);
const struct lru_node *lru_fetch_node(const struct lru *lru, uint32_t hash);

void lru_add(struct lru *lru, struct lru_node *node, uint32_t hash); /* as the youngest */
void lru_touch(struct lru *lru, struct lru_node *node);              /* it is the youngest now */
void lru_remove(struct lru *lru, struct lru_node *node);             /* its memory stays */

#endif
