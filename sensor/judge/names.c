#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "../budget.h"
#include "../siphash.h"
#include "../track/clock.h"

#define BUCKETS 65536u /* a power of two */

struct known {
    struct known *same_bucket, *older, *newer; /* older and newer by when it was seen the last time */
    uint64_t first_ns, until_ns, last_ns, order;
    struct name_end asker;        /* of the last time */
    struct name_answers *answers; /* NULL: none are kept */
    uint32_t bucket;
    uint16_t key_len, value_len;
    uint8_t kind;
    bool authentic;
    uint8_t bytes[]; /* the key, the value, a NUL */
};

struct names {
    struct known *buckets[BUCKETS];
    struct known *oldest, *youngest;
    struct budget *budget;
    size_t num, held; /* held: bytes */
    uint64_t order, dropped;
    struct siphash_key key;
};

struct names *names_new(struct budget *budget) {
    struct names *names = calloc(1, sizeof *names);
    if (names) {
        names->key = siphash_random_key();
        names->budget = budget;
    } /* who sends answers shall not choose the bucket */
    return names;
}

void names_free(struct names *names) {
    if (!names)
        return;
    budget_change(names->budget, names->held, 0);
    while (names->oldest) {
        struct known *known = names->oldest;
        names->oldest = known->newer;
        free(known->answers);
        free(known);
    }
    free(names);
}

size_t names_count(const struct names *names) {
    return names->num;
}

uint64_t names_dropped(const struct names *names) {
    return names->dropped;
}

static uint32_t bucket_of(const struct names *names, enum name_kind kind, const uint8_t *key, size_t len) {
    return (uint32_t)(siphash(&names->key, key, len) + (uint64_t)kind) & (BUCKETS - 1);
}

static const uint8_t *value_of(const struct known *known) {
    return known->bytes + known->key_len;
}

static bool has_key(const struct known *known, enum name_kind kind, const void *key, size_t len) {
    return known->kind == kind && known->key_len == len && memcmp(known->bytes, key, len) == 0;
}

static bool has_value(const struct known *known, const struct name_fact *fact) {
    return known->value_len == fact->value_len && memcmp(value_of(known), fact->value, fact->value_len) == 0;
}

static void unlink_age(struct names *names, struct known *known) {
    if (known->older)
        known->older->newer = known->newer;
    else
        names->oldest = known->newer;
    if (known->newer)
        known->newer->older = known->older;
    else
        names->youngest = known->older;
}

static void make_youngest(struct names *names, struct known *known) {
    known->older = names->youngest;
    known->newer = NULL;
    if (names->youngest)
        names->youngest->newer = known;
    else
        names->oldest = known;
    names->youngest = known;
}

static void hold(struct names *names, size_t before, size_t now) {
    names->held += now - before;
    budget_change(names->budget, before, now);
}

static size_t cost_of(size_t key_len, size_t value_len) {
    return sizeof(struct known) + key_len + value_len + 1 + BUDGET_BLOCK;
}

static void forget_answers(struct names *names, struct known *known) {
    if (known->answers)
        hold(names, sizeof *known->answers, 0);
    free(known->answers);
    known->answers = NULL;
}

static void drop(struct names *names, struct known *known) {
    struct known **link = &names->buckets[known->bucket];
    while (*link != known)
        link = &(*link)->same_bucket;
    *link = known->same_bucket;
    unlink_age(names, known);
    hold(names, cost_of(known->key_len, known->value_len), 0);
    forget_answers(names, known);
    free(known);
    names->num--;
    names->dropped++;
}

/* The one that says the same; with NULL room is made for another of its key. */
static struct known *find_same(struct names *names, const struct name_fact *fact, uint32_t bucket) {
    struct known *oldest = NULL;
    size_t num = 0;
    for (struct known *known = names->buckets[bucket]; known; known = known->same_bucket) {
        if (!has_key(known, (enum name_kind)fact->kind, fact->key, fact->key_len))
            continue;
        if (has_value(known, fact))
            return known;
        num++;
        if (!oldest || known->order < oldest->order)
            oldest = known;
    }
    if (num >= NAMES_PER_KEY_MAX)
        drop(names, oldest);
    return NULL;
}

static struct known *add_known(struct names *names, const struct name_fact *fact, uint32_t bucket) {
    size_t cost = cost_of(fact->key_len, fact->value_len), most = budget_part(names->budget, NAMES_PARTS);
    while (names->oldest && (names->num >= NAMES_MAX || names->held + cost > most))
        drop(names, names->oldest);
    struct known *known = malloc(sizeof *known + fact->key_len + fact->value_len + 1u);
    if (!known) {
        names->dropped++;
        return NULL;
    }
    *known = (struct known){.same_bucket = names->buckets[bucket],
                            .bucket = bucket,
                            .key_len = fact->key_len,
                            .value_len = fact->value_len,
                            .kind = fact->kind};
    memcpy(known->bytes, fact->key, fact->key_len);
    memcpy(known->bytes + fact->key_len, fact->value, fact->value_len);
    known->bytes[fact->key_len + fact->value_len] = '\0';
    names->buckets[bucket] = known;
    make_youngest(names, known);
    hold(names, 0, cost);
    names->num++;
    return known;
}

/* The last one is not needed when the one before it reaches to this one. */
static void keep_answer(struct names *names, struct known *known, const struct name_answer *answer) {
    if (!known->answers) {
        if (answer->number == 0 || !(known->answers = calloc(1, sizeof *known->answers)))
            return;
        hold(names, 0, sizeof *known->answers);
    }
    struct name_answers *kept = known->answers;
    size_t at = kept->num;
    while (at > 0 && kept->items[at - 1].ts_ns > answer->ts_ns)
        at--; /* a recording has answers out of order */
    if (at == kept->num && at >= 2 && kept->items[at - 2].until_ns >= answer->ts_ns) {
        kept->items[at - 1] = *answer;
        return;
    }
    if (kept->num == NAMES_ANSWERS_MAX) {
        if (at == 0)
            return;
        memmove(&kept->items[0], &kept->items[1], --kept->num * sizeof kept->items[0]);
        at--;
    }
    memmove(&kept->items[at + 1], &kept->items[at], (kept->num - at) * sizeof kept->items[0]);
    kept->items[at] = *answer;
    kept->num++;
}

/* It was seen at this time; true when it had not held up to then. */
static bool see(struct names *names, struct known *known, const struct name_answer *answer) {
    bool anew = known->order == 0 || answer->ts_ns > known->until_ns;
    if (anew)
        forget_answers(names, known);
    if (anew || answer->ts_ns < known->first_ns)
        known->first_ns = answer->ts_ns;
    if (anew || answer->until_ns > known->until_ns)
        known->until_ns = answer->until_ns;
    keep_answer(names, known, answer);
    return anew;
}

void names_add(struct names *names, const struct name_fact *facts, size_t num, const struct name_end *asker,
               uint64_t ts_ns, uint64_t answer) {
    for (size_t i = 0; i < num; i++) {
        const struct name_fact *fact = &facts[i];
        const struct name_answer told = {answer, ts_ns, ts_ns + fact->ttl_s * NS_PER_S + NAMES_LATE_NS};
        uint32_t bucket = bucket_of(names, (enum name_kind)fact->kind, fact->key, fact->key_len);
        struct known *known = find_same(names, fact, bucket);
        if (known) {
            unlink_age(names, known);
            make_youngest(names, known);
        } else if ((known = add_known(names, fact, bucket)) == NULL) {
            continue;
        }
        if (!see(names, known, &told) && ts_ns < known->last_ns)
            continue;
        known->last_ns = ts_ns;
        known->asker = *asker;
        known->authentic = fact->authentic;
        known->order = ++names->order;
    }
}

static bool is_later(const struct name_found *a, const struct name_found *b) {
    return a->last_ns != b->last_ns ? a->last_ns > b->last_ns : a->order > b->order;
}

/* Keeps found in order, the last seen first. */
static void insert(struct name_found found[NAMES_PER_KEY_MAX], size_t num, const struct name_found *one) {
    size_t at = num;
    for (; at > 0 && is_later(one, &found[at - 1]); at--)
        found[at] = found[at - 1];
    found[at] = *one;
}

size_t names_find(const struct names *names, enum name_kind kind, const void *key, size_t key_len,
                  const struct name_end *asker, uint64_t at_ns, struct name_found found[NAMES_PER_KEY_MAX]) {
    size_t num = 0;
    if (!names || key_len == 0)
        return 0;
    const struct known *known = names->buckets[bucket_of(names, kind, key, key_len)];
    for (; known && num < NAMES_PER_KEY_MAX; known = known->same_bucket) {
        if (!has_key(known, kind, key, key_len) || at_ns < known->first_ns || at_ns > known->until_ns)
            continue;
        bool asked = asker && asker->len > 0 && known->asker.len == asker->len &&
                     memcmp(known->asker.bytes, asker->bytes, asker->len) == 0;
        const struct name_found one = {
            .value = value_of(known),
            .value_len = known->value_len,
            .authentic = known->authentic,
            .asked = asked,
            .last_ns = known->last_ns,
            .order = known->order,
            .answers = known->answers,
        };
        insert(found, num++, &one);
    }
    return num;
}
