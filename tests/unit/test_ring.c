#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../sensor/ring.h"

#define SIZE 4
#define NUM  100000u

struct queue {
    struct ring ring;
    uint32_t slots[SIZE];
    uint32_t hand_over_each; /* so many are put before they are handed over */
};

static void *put_numbers(void *context) {
    struct queue *queue = context;
    for (uint32_t i = 0; i < NUM; i++) {
        queue->slots[ring_await_room(&queue->ring)] = i;
        ring_put(&queue->ring);
        if (i % queue->hand_over_each == 0)
            ring_hand_over(&queue->ring);
    }
    ring_hand_over(&queue->ring);
    return NULL;
}

/* All come, in order, whichever end is the slower one. */
static void test_order(void **state) {
    (void)state;
    static const uint32_t each[] = {1, 3, NUM};
    for (size_t turn = 0; turn < sizeof each / sizeof each[0]; turn++) {
        struct queue queue = {.hand_over_each = each[turn]};
        pthread_t thread;
        ring_init(&queue.ring, SIZE);
        assert_int_equal(pthread_create(&thread, NULL, put_numbers, &queue), 0);
        for (uint32_t i = 0; i < NUM; i++) {
            assert_int_equal(queue.slots[ring_await(&queue.ring)], i);
            ring_take(&queue.ring);
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        ring_cleanup(&queue.ring);
    }
}

/* By one thread: what was put is not there before it is handed over, and room comes back when all is taken.
 */
static void test_hand_over(void **state) {
    (void)state;
    struct ring ring;
    ring_init(&ring, 2);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(ring_await_room(&ring), 2 * i % 2);
        ring_put(&ring);
        assert_int_equal(ring.shared_put, 2 * i);
        assert_int_equal(ring_await_room(&ring), (2 * i + 1) % 2);
        ring_put(&ring);
        ring_hand_over(&ring);
        assert_int_equal(ring.shared_put, 2 * i + 2);
        ring_await(&ring);
        ring_take(&ring);
        ring_take(&ring);
        ring.shared_taken = ring.taken; /* as its next wait would */
    }
    ring_cleanup(&ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_hand_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
