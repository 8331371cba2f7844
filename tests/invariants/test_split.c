/* Any way of cutting, reordering, duplicating or re-sending the same TCP bytes gives the same event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/flow.h"
#include "../support/traffic.h"

typedef struct traffic (*mutation)(const struct traffic *whole, uint64_t *random);

static struct traffic byte_by_byte(const struct traffic *whole, uint64_t *random) {
    (void)random;
    struct traffic out = {0};
    for (size_t i = 0; i < whole->num; i++) {
        const struct piece *p = &whole->pieces[i];
        if (p->len == 0)
            traffic_add(&out, p, 0, 0);
        for (uint32_t k = 0; k < p->len; k++)
            traffic_add(&out, p, k, 1);
    }
    return out;
}

static struct traffic random_cuts(const struct traffic *whole, uint64_t *random) {
    struct traffic out = {0};
    for (size_t i = 0; i < whole->num; i++) {
        const struct piece *p = &whole->pieces[i];
        uint32_t at = 0;
        do {
            uint32_t len = p->len > at ? 1 + next_random(random) % (p->len - at) : 0;
            traffic_add(&out, p, at, len);
            at += len;
        } while (at < p->len);
    }
    return out;
}

static struct traffic doubled(const struct traffic *whole, uint64_t *random) {
    (void)random;
    struct traffic out = {0};
    for (size_t i = 0; i < whole->num; i++) {
        traffic_add(&out, &whole->pieces[i], 0, whole->pieces[i].len);
        traffic_add(&out, &whole->pieces[i], 0, whole->pieces[i].len);
    }
    return out;
}

/* After each cut, a segment that repeats some of the bytes before it and brings some of those after it. */
static struct traffic overlapping(const struct traffic *whole, uint64_t *random) {
    struct traffic out = {0};
    for (size_t i = 0; i < whole->num; i++) {
        const struct piece *p = &whole->pieces[i];
        if (p->len < 4) {
            traffic_add(&out, p, 0, p->len);
            continue;
        }
        uint32_t cut = 1 + next_random(random) % (p->len - 2);
        uint32_t back = next_random(random) % cut;
        traffic_add(&out, p, 0, cut);
        traffic_add(&out, p, back, cut - back + 1);
        traffic_add(&out, p, back, p->len - back);
    }
    return out;
}

static bool is_fixed(const struct traffic *traffic, size_t from, size_t num) {
    for (size_t i = from; i < from + num; i++) {
        if ((traffic->pieces[i].flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0)
            return true;
    }
    return false;
}

static bool begins_in_the_middle(const struct traffic *traffic) {
    for (size_t i = 0; i < traffic->num; i++) {
        if ((traffic->pieces[i].flags & TCP_SYN) != 0)
            return false;
    }
    return true;
}

/* Cut, then neighbours change places, also across directions, as on mirrors with two taps. SYN, FIN and RST
 * stay. Where a connection is picked up in the middle, the first segment says where it begins: that stays as
 * it is. */
static struct traffic reordered(const struct traffic *whole, uint64_t *random) {
    struct traffic out = random_cuts(whole, random);
    size_t window = 4;
    for (size_t i = begins_in_the_middle(whole) ? out.num : 0; i + window <= out.num; i += window) {
        for (size_t k = window - 1; k > 0 && !is_fixed(&out, i, window); k--)
            traffic_swap(&out, i + k, i + next_random(random) % (k + 1));
    }
    return out;
}

static struct traffic copied(const struct traffic *whole, uint64_t *random) {
    (void)random;
    struct traffic out = {0};
    for (size_t i = 0; i < whole->num; i++)
        traffic_add(&out, &whole->pieces[i], 0, whole->pieces[i].len);
    return out;
}

/* Between any two segments so many other connections are tried that this one is folded, and made whole again.
 * They are others each time: those that take turns would stay whole. */
static struct traffic crowded(const struct traffic *whole, uint64_t *random) {
    (void)random;
    static uint8_t nothing[1];
    struct traffic out = {0};
    for (size_t i = 0; i < whole->num; i++) {
        traffic_add(&out, &whole->pieces[i], 0, whole->pieces[i].len);
        for (uint16_t k = 0; k < FLOWS_WHOLE; k++) {
            struct piece syn = {.src = {198, 18, (uint8_t)(i >> 8), (uint8_t)i},
                                .dst = {198, 18, 0, 2},
                                .addr_len = 4,
                                .flags = TCP_SYN};
            syn.payload = nothing;
            syn.src_port = (uint16_t)(1024 + k);
            syn.dst_port = 25;
            syn.ts_ns = whole->pieces[i].ts_ns;
            traffic_add(&out, &syn, 0, 0);
        }
    }
    return out;
}

/* From a little before the first byte that differs. */
static void show_difference(const char *path, const char *how, const char *whole, const char *now) {
    size_t at = 0;
    while (whole[at] == now[at])
        at++;
    at = at > 40 ? at - 40 : 0;
    print_error("%s, %s:\n  whole %.160s\n  now   %.160s\n", path, how, whole + at, now + at);
}

static size_t differences(const char *path, const char *how, const struct outcome *whole,
                          const struct outcome *other) {
    size_t num = 0;
    if (whole->num != other->num) {
        print_error("%s, %s: %zu sessions, and %zu when whole\n", path, how, other->num, whole->num);
        return 1;
    }
    for (size_t i = 0; i < whole->num; i++) {
        if (strcmp(whole->json[i], other->json[i]) == 0)
            continue;
        show_difference(path, how, whole->json[i], other->json[i]);
        num++;
    }
    return num;
}

static size_t try_mutation(const char *path, const struct traffic *whole, const struct outcome *expected,
                           const struct config *config, mutation mutate, const char *how, uint64_t seed) {
    uint64_t random = seed;
    struct traffic mutated = mutate(whole, &random);
    struct outcome outcome = traffic_run(&mutated, config);
    size_t num = differences(path, how, expected, &outcome);
    outcome_cleanup(&outcome);
    traffic_cleanup(&mutated);
    return num;
}

static size_t try_capture(const char *path, const struct config *config) {
    struct traffic whole = traffic_read(path);
    struct outcome expected = traffic_run(&whole, config);
    size_t num = try_mutation(path, &whole, &expected, config, copied, "whole again", 0);
    num += try_mutation(path, &whole, &expected, config, byte_by_byte, "byte by byte", 0);
    num += try_mutation(path, &whole, &expected, config, doubled, "doubled", 0);
    num += try_mutation(path, &whole, &expected, config, crowded, "crowded", 0);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        num += try_mutation(path, &whole, &expected, config, random_cuts, "random cuts", seed);
        num += try_mutation(path, &whole, &expected, config, overlapping, "overlapping", seed);
        num += try_mutation(path, &whole, &expected, config, reordered, "reordered", seed);
    }
    outcome_cleanup(&expected);
    traffic_cleanup(&whole);
    return num;
}

/* Also with the key log, if there is one. */
static size_t try_both(const char *path) {
    const struct config *keys = traffic_config_with_keys(path);
    return try_capture(path, traffic_config()) + (keys ? try_capture(path, keys) : 0);
}

static void the_same_event_however_it_is_cut(void **state) {
    (void)state;
    const char *only = getenv("STARTTAP_CAPTURE"); /* one file, to look into a difference */
    size_t num = 0;
    if (only) {
        num = try_both(only);
    } else {
        char **paths = bundled_captures();
        for (size_t i = 0; paths[i]; i++)
            num += try_both(paths[i]);
        bundled_cleanup(paths);
    }
    assert_int_equal(num, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_event_however_it_is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
