#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../sensor/record/record_answers.h"

static uint64_t keep(struct record_answers *answers, uint64_t ts_ns, size_t len) {
    uint8_t *bytes = calloc(1, len);
    assert_non_null(bytes);
    const struct packet packet = {
        .data = bytes, .captured_len = (uint32_t)len, .wire_len = (uint32_t)len, .ts_ns = ts_ns};
    struct record_frame *frames = record_frame_new(&packet, NULL);
    free(bytes);
    assert_non_null(frames);
    return record_answers_keep(answers, frames);
}

static void once_for_each_file(void **state) {
    struct record_answers *answers = record_answers_new();
    (void)state;
    assert_non_null(answers);
    uint64_t first = keep(answers, 7, 100), second = keep(answers, 8, 100);
    assert_true(first > 0 && second == first + 1);
    assert_null(record_answers_once(answers, 0, 1));
    assert_null(record_answers_once(answers, second + 1, 1));
    assert_int_equal(record_answers_once(answers, first, 1)->packet.ts_ns, 7);
    assert_null(record_answers_once(answers, first, 1));
    assert_int_equal(record_answers_once(answers, second, 1)->packet.ts_ns, 8);
    assert_int_equal(record_answers_once(answers, first, 2)->packet.ts_ns, 7);
    record_answers_free(answers);
    record_answers_free(NULL);
}

static void bounded_by_number(void **state) {
    struct record_answers *answers = record_answers_new();
    (void)state;
    assert_non_null(answers);
    uint64_t first = keep(answers, 0, 40), last = first;
    size_t one = record_answers_size(answers);
    for (uint64_t i = 1; i <= RECORD_ANSWERS_MAX; i++)
        last = keep(answers, i, 40);
    assert_null(record_answers_once(answers, first, 1));
    assert_int_equal(record_answers_once(answers, first + 1, 1)->packet.ts_ns, 1);
    assert_int_equal(record_answers_once(answers, last, 1)->packet.ts_ns, RECORD_ANSWERS_MAX);
    assert_int_equal(record_answers_size(answers), RECORD_ANSWERS_MAX * one);
    record_answers_free(answers);
}

static void bounded_by_bytes(void **state) {
    struct record_answers *answers = record_answers_new();
    (void)state;
    assert_non_null(answers);
    uint64_t first = keep(answers, 0, 60000), last = first;
    for (uint64_t i = 1; i < 2000; i++) {
        last = keep(answers, i, 60000);
        assert_true(record_answers_size(answers) <= RECORD_ANSWERS_BYTES);
    }
    assert_null(record_answers_once(answers, first, 1));
    assert_non_null(record_answers_once(answers, last, 1));
    record_answers_free(answers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_for_each_file),
        cmocka_unit_test(bounded_by_number),
        cmocka_unit_test(bounded_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
