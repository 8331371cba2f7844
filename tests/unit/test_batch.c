#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/batch.h"

/* What is held stays when the segment's own bytes change. */
static void test_copies(void **state) {
    (void)state;
    struct batch *batch = malloc(sizeof *batch);
    uint8_t client[16] = {1, 2, 3, 4}, server[16] = {5, 6, 7, 8}, payload[3] = "abc";
    struct segment segment = {
        .src = client, .dst = server, .addr_len = 4, .payload = payload, .payload_len = 3, .network_len = 7};
    assert_non_null(batch);
    batch_clear(batch);
    batch_add(batch, &segment, &(struct moment){7, 9, 7, 5});
    memset(client, 0, sizeof client);
    memset(payload, 0, sizeof payload);
    const struct timed_segment *held = &batch->segments[0];
    assert_int_equal(batch->num_segments, 1);
    assert_memory_equal(held->segment.src, "\1\2\3\4", 4);
    assert_memory_equal(held->segment.dst, "\5\6\7\10", 4);
    assert_memory_equal(held->segment.payload, "abc", 3);
    assert_null(held->segment.header);
    assert_int_equal(held->segment.network_len, 0);
    assert_int_equal(held->moment.packet, 9);
    free(batch);
}

static void test_limits(void **state) {
    (void)state;
    static uint8_t bytes[BATCH_BYTES];
    struct batch *batch = malloc(sizeof *batch);
    struct segment segment = {.src = bytes, .dst = bytes, .addr_len = 16, .payload = bytes};
    assert_non_null(batch);
    batch_clear(batch);
    for (unsigned i = 0; i < BATCH_SEGMENTS; i++) {
        assert_true(batch_fits(batch, &segment));
        batch_add(batch, &segment, &(struct moment){0});
    }
    assert_false(batch_fits(batch, &segment));
    batch_clear(batch);
    segment.payload_len = BATCH_PAYLOAD_MAX;
    assert_true(batch_fits(batch, &segment));
    batch_add(batch, &segment, &(struct moment){0});
    segment.payload_len = 0; /* its addresses take room, too */
    assert_false(batch_fits(batch, &segment));
    free(batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
