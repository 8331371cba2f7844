#include "../../sensor/track/veil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* '#' where a byte is hidden, '.' where not. */
static void expect(const struct veil *veil, uint64_t from, const char *picture) {
    char drawn[128];
    size_t len = strlen(picture);
    for (uint64_t at = from, end; at < from + len; at = end) {
        bool hidden = veil_run(veil, at, from + len, &end);
        assert_true(end > at && end <= from + len);
        memset(drawn + (at - from), hidden ? '#' : '.', end - at);
    }
    drawn[len] = '\0';
    assert_string_equal(drawn, picture);
}

static void test_ranges(void **state) {
    (void)state;
    struct veil veil = {.pos = 20, .settled = 20};
    veil_hide(&veil, 2, 4);
    veil_hide(&veil, 4, 6); /* joined */
    veil_hide(&veil, 5, 5); /* nothing */
    veil_hide(&veil, 10, 12);
    expect(&veil, 0, "..####....##........");
    expect(&veil, 3, "###....");
    veil_show(&veil, 11);
    expect(&veil, 0, "..####....#.........");
    veil_show(&veil, 3);
    expect(&veil, 0, "..#.................");
    veil_cleanup(&veil);
}

/* Each byte as a list of them says, whatever the ranges, from wherever and to wherever it is asked; and the
 * answer goes as far as it can. */
static void test_each_byte(void **state) {
    (void)state;
    enum { LEN = 9, SETS = 1 << LEN };
    for (unsigned set = 0; set < SETS; set++) {
        for (uint64_t settled = 0; settled <= LEN; settled++) {
            struct veil veil = {.pos = LEN, .settled = settled};
            bool hidden[LEN];
            for (uint64_t i = 0; i < LEN; i++) {
                hidden[i] = (set >> i & 1) != 0 || i >= settled;
                if (set >> i & 1)
                    veil_hide(&veil, i, i + 1);
            }
            for (uint64_t from = 0; from < LEN; from++) {
                for (uint64_t to = from + 1; to <= LEN; to++) {
                    uint64_t end = 0, last = from + 1;
                    while (last < to && last != settled && hidden[last] == hidden[from])
                        last++;
                    assert_int_equal(veil_run(&veil, from, to, &end), hidden[from]);
                    assert_int_equal(end, last);
                }
            }
            veil_cleanup(&veil);
        }
    }
}

/* What is not decided is hidden; so is all that comes behind the end. */
static void test_undecided(void **state) {
    (void)state;
    struct veil veil = {.pos = 8, .settled = 5};
    expect(&veil, 0, ".....#####");
    veil.settled = 8;
    expect(&veil, 0, "........##");
    veil_close(&veil);
    expect(&veil, 0, "........##");
    expect(&veil, UINT64_MAX - 10, "#####");
    veil_cleanup(&veil);
}

/* More ranges than are remembered: the oldest are forgotten, and all before them is hidden. */
static void test_forgets_to_the_safe_side(void **state) {
    (void)state;
    struct veil veil = {0};
    const uint64_t num = 5 * VEIL_RANGES_MAX;
    veil.pos = veil.settled = num * 4;
    for (uint64_t i = 0; i < num; i++) {
        veil_hide(&veil, i * 4, i * 4 + 2);
        assert_true(veil.num <= VEIL_RANGES_MAX);
    }
    expect(&veil, 0, "############");
    expect(&veil, num * 4 - 12, "##..##..##..");
    for (uint64_t i = 0; i < num * 4; i += 4) {
        uint64_t end;
        assert_true(veil_run(&veil, i, i + 1, &end)); /* what was to be hidden is, wherever it lies */
        assert_true(veil_run(&veil, i + 1, i + 2, &end));
    }
    veil_cleanup(&veil);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_each_byte),
        cmocka_unit_test(test_undecided),
        cmocka_unit_test(test_forgets_to_the_safe_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
