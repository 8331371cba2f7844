/* BPF expressions on packets of several link types. */
#include "build_frame.h"

#include "../../sensor/capture/filter.h"

static struct build b;

static bool match(const char *expression, int linktype) {
    char error[256] = "";
    struct filter *filter = filter_new(expression, error, sizeof error);
    if (filter == NULL)
        fail_msg("%s", error);
    struct packet packet = {b.start, (uint32_t)b.len, (uint32_t)b.len, linktype, 0};
    bool first = filter_match(filter, &packet);
    assert_int_equal(filter_match(filter, &packet), first); /* compiled once, the same again */
    filter_free(filter);
    return first;
}

static void each_link_type_has_its_own_program(void **state) {
    (void)state;
    static const struct {
        int linktype;
        const char *prefix;
    } links[] = {
        {1, "02 00 00 00 00 02 02 00 00 00 00 01 08 00"},
        {101, ""},
        {12, ""},
        {14, ""},
        {228, ""},
        {0, "02 00 00 00"},
        {108, "00 00 00 02"},
        {113, "00 00 00 01 00 06 02 00 00 00 00 01 00 00 08 00"},
        {276, "08 00 00 00 00 00 00 02 00 01 00 06 02 00 00 00 00 01 00 00"},
        {9, "ff 03 00 21"},
        {50, "ff 03 00 21"},
        {104, "0f 00 08 00"},
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        build_ipv4_tcp(&b);
        push_hex(&b, links[i].prefix);
        print_message("%d\n", links[i].linktype);
        assert_true(match("tcp port 25", links[i].linktype));
        assert_true(match("host 10.0.0.1 and greater 48", links[i].linktype));
        assert_false(match("tcp port 26", links[i].linktype));
        assert_false(match("not tcp port 25", links[i].linktype));
        assert_true(match("", links[i].linktype));
    }
}

/* One filter over an input of mixed link types. */
static void link_types_mix(void **state) {
    (void)state;
    char error[256];
    struct filter *filter = filter_new("tcp port 25", error, sizeof error);
    assert_non_null(filter);
    for (int linktype = 0; linktype < 300; linktype++) {
        build_ipv4_tcp(&b);
        struct packet packet = {b.start, (uint32_t)b.len, (uint32_t)b.len, linktype, 0};
        (void)filter_match(filter, &packet); /* more than a filter has room for */
    }
    push_ethernet(&b, 0x0800);
    struct packet packet = {b.start, (uint32_t)b.len, (uint32_t)b.len, 1, 0};
    assert_true(filter_match(filter, &packet));
    filter_free(filter);
    filter_free(NULL);
}

static void expression_without_meaning_matches_nothing(void **state) {
    (void)state;
    build_ipv4_tcp(&b);
    assert_false(match("ether host 02:00:00:00:00:01", 101));
    push_ethernet(&b, 0x0800);
    assert_true(match("ether host 02:00:00:00:00:01", 1));
    assert_false(match("inbound", 1)); /* has a meaning on cooked captures alone */
}

static void captured_length_bounds_the_match(void **state) {
    (void)state;
    char error[256];
    struct filter *filter = filter_new("tcp port 25", error, sizeof error);
    assert_non_null(filter);
    build_ipv4_tcp(&b);
    push_ethernet(&b, 0x0800);
    struct packet packet = {b.start, 14 + 22, (uint32_t)b.len, 1, 0};
    assert_false(filter_match(filter, &packet));
    filter_free(filter);
}

static void mistakes_are_told(void **state) {
    (void)state;
    static const char *const wrong[] = {"tcp prot 25", "port 99999999", "host", "and"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char error[256] = "";
        assert_null(filter_new(wrong[i], error, sizeof error));
        assert_non_null(strstr(error, "filter: "));
        assert_true(strlen(error) > strlen("filter: "));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_link_type_has_its_own_program),
        cmocka_unit_test(link_types_mix),
        cmocka_unit_test(expression_without_meaning_matches_nothing),
        cmocka_unit_test(captured_length_bounds_the_match),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
