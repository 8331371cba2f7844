/* Which connections are whole: where a few thousand take turns, they are not folded in vain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/budget.h"
#include "../../sensor/track/flow.h"
#include "../../sensor/track/flow_hash.h"
#include "../../sensor/track/session.h"

#define FEW       3000 /* more than FLOWS_WHOLE_FIRST, less than FLOWS_WHOLE_MAX */
#define MANY      10000
#define ROUNDS    40
#define SELDOM    100 /* other asks between two */
#define UNTOLD    (128u << 10)
#define MEGABYTES (1u << 20)

struct world {
    struct budget budget;
    struct session_tools tools;
    struct flow_table *table;
};

static void world_begin(struct world *world, size_t budget) {
    *world = (struct world){0};
    budget_init(&world->budget, budget);
    world->tools.budget = &world->budget;
    world->table = flow_table_new(SIZE_MAX, &world->tools);
    assert_non_null(world->table);
}

static void world_end(struct world *world) {
    struct flow *flow;
    while ((flow = flow_oldest(world->table, QUEUE_HALF_OPEN)) != NULL)
        flow_remove(world->table, flow);
    flow_table_free(world->table);
    assert_int_equal(atomic_load(&world->budget.held), 0);
}

static struct flow *ask(struct world *world, uint32_t number) {
    static const struct siphash_key key = {1, 2};
    uint8_t client[4], server[4] = {192, 0, 2, 25}, sender;
    memcpy(client, &number, sizeof client);
    struct segment segment = {.src = client, .dst = server, .addr_len = 4, .src_port = 40000, .dst_port = 25};
    segment.flow_hash = flow_hash(&segment, &key);
    struct flow *flow = flow_find(world->table, &segment, &sender);
    if (!flow)
        flow = flow_add(world->table, &segment, &sender);
    assert_non_null(flow);
    return flow;
}

/* Each of them in turn; how many are at another place than the last time, so that they were folded meanwhile.
 */
static size_t turn(struct world *world, const struct flow **places, uint32_t num) {
    size_t num_moved = 0;
    for (uint32_t i = 0; i < num; i++) {
        const struct flow *flow = ask(world, i);
        num_moved += flow != places[i];
        places[i] = flow;
    }
    return num_moved;
}

/* Nearly: what the budget was not told of yet is less than UNTOLD. */
static size_t held(struct world *world) {
    return atomic_load(&world->budget.held);
}

static void those_that_take_turns_stay_whole(void **state) {
    (void)state;
    static const struct flow *places[FEW];
    struct world world;
    world_begin(&world, 512 * MEGABYTES);
    for (uint32_t i = 0; i < 10 * MANY; i++)
        (void)ask(&world, FEW + i);
    (void)turn(&world, places, FEW);
    assert_true(turn(&world, places, FEW) > 0);
    assert_int_equal(turn(&world, places, FEW), 0);
    world_end(&world);
}

/* Others come, once each: as if nobody had ever taken turns. */
static void few_stay_whole_when_no_more_take_turns(void **state) {
    (void)state;
    static const struct flow *places[FEW];
    struct world busy, quiet;
    world_begin(&busy, 512 * MEGABYTES);
    world_begin(&quiet, 512 * MEGABYTES);
    for (int i = 0; i < ROUNDS; i++)
        (void)turn(&busy, places, FEW);
    assert_true(held(&busy) > FEW * sizeof(struct flow));
    for (uint32_t i = 0; i < 10 * MANY; i++) {
        (void)ask(&busy, i);
        (void)ask(&quiet, i);
    }
    assert_in_range(held(&busy), held(&quiet) - UNTOLD, held(&quiet) + UNTOLD);
    world_end(&busy);
    world_end(&quiet);
}

static void assert_few_are_whole(struct world *world, size_t num_flows) {
    const size_t folded = 200; /* at most: addresses, their entry, and little of a SYN */
    assert_true(held(world) < FLOWS_WHOLE * sizeof(struct flow) + num_flows * folded);
}

static void more_than_that_are_folded(void **state) {
    (void)state;
    static const struct flow *places[MANY];
    struct world world;
    world_begin(&world, 512 * MEGABYTES);
    for (int i = 0; i < ROUNDS; i++)
        (void)turn(&world, places, MANY);
    assert_few_are_whole(&world, MANY);
    world_end(&world);
}

/* Most of what comes is of one connection: that the others are folded costs little. */
static void those_that_are_seldom_asked_for_are_folded(void **state) {
    (void)state;
    struct world world;
    world_begin(&world, 512 * MEGABYTES);
    for (uint32_t i = 0; i < 2 * MANY; i++) {
        (void)ask(&world, i % FEW);
        for (int k = 0; k < SELDOM; k++)
            (void)ask(&world, FEW);
    }
    assert_few_are_whole(&world, FEW);
    world_end(&world);
}

static void a_small_budget_has_few_whole_ones(void **state) {
    (void)state;
    static const struct flow *places[FEW];
    struct world world;
    world_begin(&world, 32 * MEGABYTES);
    for (int i = 0; i < ROUNDS; i++)
        (void)turn(&world, places, FEW);
    assert_true(turn(&world, places, FEW) > 0);
    world_end(&world);
}

/* What is over need not be made whole to be forgotten. */
static void what_is_over_is_dropped_as_it_is(void **state) {
    (void)state;
    struct world world;
    world_begin(&world, 512 * MEGABYTES);
    for (uint32_t i = 0; i < 2 * FLOWS_WHOLE_FIRST; i++) {
        struct flow *flow = ask(&world, i);
        flow->packets[SIDE_CLIENT] = 20;
        flow->streams[SIDE_CLIENT].next = flow->streams[SIDE_SERVER].next = 1000;
        flow_close(world.table, flow, 1);
    }
    assert_int_equal(flow_queue_count(world.table, QUEUE_CLOSED), 2 * FLOWS_WHOLE_FIRST);
    assert_false(flow_drop_folded(world.table, QUEUE_OPEN));
    size_t num_dropped = 0;
    while (flow_queue_count(world.table, QUEUE_CLOSED) > 0) {
        if (flow_drop_folded(world.table, QUEUE_CLOSED))
            num_dropped++;
        else
            flow_remove(world.table, flow_oldest(world.table, QUEUE_CLOSED));
    }
    assert_true(num_dropped >= FLOWS_WHOLE_FIRST);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_take_turns_stay_whole),
        cmocka_unit_test(few_stay_whole_when_no_more_take_turns),
        cmocka_unit_test(more_than_that_are_folded),
        cmocka_unit_test(those_that_are_seldom_asked_for_are_folded),
        cmocka_unit_test(a_small_budget_has_few_whole_ones),
        cmocka_unit_test(what_is_over_is_dropped_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
