#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/stream.h"

static struct stream started_at(uint32_t first_seq) {
    return (struct stream){.started = true, .first_seq = first_seq};
}

static enum stream_push_result push(struct stream *stream, int64_t offset, const char *text) {
    return stream_push(stream, offset, (const uint8_t *)text, strlen(text));
}

/* Takes everything that is in order and compares it. */
static void assert_reads(struct stream *stream, const char *text) {
    char got[256] = "";
    size_t len, num = 0;
    const uint8_t *data;
    while ((data = stream_peek(stream, &len)) != NULL) {
        assert_true(num + len < sizeof got);
        memcpy(got + num, data, len);
        num += len;
        stream_consume(stream, len);
    }
    got[num] = '\0';
    assert_string_equal(got, text);
}

static void gives_bytes_in_order(void **state) {
    (void)state;
    struct stream stream = started_at(1000);
    assert_int_equal(push(&stream, 3, "def"), STREAM_AHEAD);
    assert_int_equal(stream_hole(&stream), 3);
    assert_null(stream_peek(&stream, &(size_t){0}));
    assert_int_equal(push(&stream, 0, "abc"), STREAM_NEW);
    assert_int_equal(stream_hole(&stream), 0);
    assert_reads(&stream, "abcdef");
    assert_int_equal(stream.buffered, 0);
    assert_int_equal(stream.num_chunks, 0);
    assert_int_equal(push(&stream, 0, "abc"), STREAM_OLD);
    stream_cleanup(&stream);
}

static void the_first_copy_wins_and_a_conflict_is_told(void **state) {
    (void)state;
    struct stream stream = started_at(1);
    push(&stream, 2, "cd");
    assert_int_equal(push(&stream, 0, "abXYef"), STREAM_CONFLICT);
    assert_reads(&stream, "abcdef");
    stream_cleanup(&stream);
}

static void the_same_bytes_again_are_no_conflict(void **state) {
    (void)state;
    struct stream stream = started_at(1);
    push(&stream, 2, "cd");
    push(&stream, 6, "gh");
    assert_int_equal(push(&stream, 0, "abcdefghij"), STREAM_NEW);
    assert_int_equal(push(&stream, 1, "bcdefgh"), STREAM_OLD);
    assert_reads(&stream, "abcdefghij");
    stream_cleanup(&stream);
}

static void consuming_part_of_a_chunk_keeps_the_rest(void **state) {
    (void)state;
    struct stream stream = started_at(1);
    push(&stream, 0, "abcdef");
    stream_consume(&stream, 2);
    assert_int_equal(stream.buffered, 4);
    assert_int_equal(push(&stream, 1, "bcdefg"), STREAM_NEW);
    assert_reads(&stream, "cdefg");
    stream_cleanup(&stream);
}

/* What was read at its start makes no room at its end. */
static void a_chunk_that_was_read_in_part_grows_within_its_room(void **state) {
    (void)state;
    struct stream stream = started_at(1000);
    uint8_t bytes[1200];
    size_t len;
    const uint8_t *data;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(stream_push(&stream, 0, bytes, 500), STREAM_NEW);
    stream_consume(&stream, 450);
    assert_int_equal(stream_push(&stream, 500, bytes + 500, 12), STREAM_NEW);
    assert_int_equal(stream_push(&stream, 512, bytes + 512, 300), STREAM_NEW);
    assert_int_equal(stream_push(&stream, 812, bytes + 812, sizeof bytes - 812), STREAM_NEW);
    while ((data = stream_peek(&stream, &len)) != NULL) {
        assert_memory_equal(data, bytes + stream.next, len);
        stream_consume(&stream, len);
    }
    assert_int_equal(stream.next, sizeof bytes);
    stream_cleanup(&stream);
}

static void the_end_of_a_chunk_goes_before_the_next(void **state) {
    (void)state;
    struct stream stream = started_at(1);
    static uint8_t large[600];
    size_t len = 0;
    memset(large, 'x', sizeof large);
    stream_push(&stream, 0, large, sizeof large);
    stream_push(&stream, sizeof large, (const uint8_t *)"next", 4);
    assert_int_equal(stream.num_chunks, 2);
    assert_false(stream_join(&stream)); /* too much to move */
    stream_consume(&stream, sizeof large - 3);
    assert_true(stream_join(&stream));
    const uint8_t *data = stream_peek(&stream, &len);
    assert_int_equal(len, 7);
    assert_memory_equal(data, "xxxnext", 7);
    assert_int_equal(stream.buffered, 7);
    push(&stream, 700, "far");
    assert_false(stream_join(&stream)); /* a hole between */
    stream_cleanup(&stream);
}

static void all_that_follow_become_one(void **state) {
    (void)state;
    struct stream stream = started_at(1);
    static uint8_t large[600];
    size_t len = 0;
    memset(large, 'x', sizeof large);
    stream_join_all(&stream); /* nothing to join */
    stream_push(&stream, 0, large, sizeof large);
    stream_join_all(&stream);
    stream_push(&stream, sizeof large, large, sizeof large);
    stream_push(&stream, 2 * sizeof large, (const uint8_t *)"end", 3);
    push(&stream, 2000, "far");
    assert_true(stream.num_chunks >= 3);
    stream_consume(&stream, 100);
    stream_join_all(&stream);
    assert_int_equal(stream.num_chunks, 2);
    const uint8_t *data = stream_peek(&stream, &len);
    assert_int_equal(len, 1103);
    assert_memory_equal(data + 1097, "xxxend", 6);
    assert_int_equal(stream.buffered, 1106);
    stream_consume(&stream, len);
    assert_null(stream_peek(&stream, &len)); /* a hole */
    stream_cleanup(&stream);
    assert_int_equal(stream.held, 0);
}

static void sequence_numbers_wrap(void **state) {
    (void)state;
    struct stream stream = started_at(UINT32_MAX - 1);
    assert_int_equal(stream_offset(&stream, UINT32_MAX), 1);
    assert_int_equal(stream_offset(&stream, 3), 5);
    assert_int_equal(stream_offset(&stream, UINT32_MAX - 2), -1);
    stream_consume(&stream, UINT64_C(5) << 32); /* 20 GiB later */
    assert_int_equal(stream_offset(&stream, 3), (INT64_C(5) << 32) + 5);
}

static void knows_what_was_acknowledged_and_never_seen(void **state) {
    (void)state;
    struct stream stream = started_at(1);
    stream_consume(&stream, 10);
    stream.sent = 25;
    assert_int_equal(stream_hole(&stream), 15);
    stream_skip(&stream, 15);
    assert_int_equal(stream.gap_bytes, 15);
    assert_int_equal(stream_hole(&stream), 0);
    stream.fin_seen = true;
    stream.fin = 30;
    assert_int_equal(stream_hole(&stream), 5);
}

static void holds_no_more_than_its_limits(void **state) {
    (void)state;
    struct stream stream = started_at(1);
    static uint8_t bytes[STREAM_BUFFER_MAX];
    assert_int_equal(stream_push(&stream, 1, bytes, sizeof bytes - 10), STREAM_AHEAD);
    assert_int_equal(stream_push(&stream, (int64_t)sizeof bytes, bytes, 11), STREAM_FULL);
    assert_int_equal(stream.buffered, sizeof bytes - 10);
    stream_cleanup(&stream);
    struct stream holes = started_at(1);
    size_t num = 0;
    while (stream_push(&holes, 1 + 2 * (int64_t)num, bytes, 1) != STREAM_FULL)
        num++;
    assert_int_equal(num, STREAM_CHUNKS_MAX);
    stream_cleanup(&holes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_bytes_in_order),
        cmocka_unit_test(the_first_copy_wins_and_a_conflict_is_told),
        cmocka_unit_test(the_same_bytes_again_are_no_conflict),
        cmocka_unit_test(consuming_part_of_a_chunk_keeps_the_rest),
        cmocka_unit_test(a_chunk_that_was_read_in_part_grows_within_its_room),
        cmocka_unit_test(the_end_of_a_chunk_goes_before_the_next),
        cmocka_unit_test(all_that_follow_become_one),
        cmocka_unit_test(sequence_numbers_wrap),
        cmocka_unit_test(knows_what_was_acknowledged_and_never_seen),
        cmocka_unit_test(holds_no_more_than_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
