/* Copies that differ are always told: in the way of the PYROLYSE study, all overlaps of three TCP segments
 * and of three IP fragments are tried: all relative positions (five slots have six edges, as many as three
 * pieces), in all orders, with the same and with other bytes. Without other bytes the verdict is the true
 * one. */
#include "lab.h"

/* --- all overlaps --- */

#define NUM_SLICES (SLOTS * (SLOTS + 1)) /* 15 intervals, two contents */

static void fill_slices(struct slice slices[NUM_SLICES]) {
    size_t num = 0;
    for (uint8_t from = 0; from < SLOTS; from++) {
        for (uint8_t to = (uint8_t)(from + 1); to <= SLOTS; to++) {
            slices[num++] = (struct slice){from, to, false};
            slices[num++] = (struct slice){from, to, true};
        }
    }
    assert_int_equal(num, NUM_SLICES);
}

static void replies_differ_in_each_slot(void **state) {
    (void)state;
    assert_int_equal(sizeof TRUE_REPLY, sizeof FALSE_REPLY);
    for (uint8_t slot = 0; slot < SLOTS; slot++) {
        uint32_t from = segment_edge(slot), to = segment_edge((uint8_t)(slot + 1));
        assert_memory_not_equal(TRUE_REPLY + from, FALSE_REPLY + from, to - from);
        from = fragment_edge(slot), to = fragment_edge((uint8_t)(slot + 1));
        from = from < TCP_HEADER ? TCP_HEADER : from;
        assert_memory_not_equal(TRUE_REPLY + from - TCP_HEADER, FALSE_REPLY + from - TCP_HEADER, to - from);
    }
}

enum way { IN_ORDER, BEHIND_A_HOLE, ACKNOWLEDGED, NUM_WAYS };

static void send_slice(struct lab *lab, const struct slice *slice, uint32_t seq) {
    const char *reply = slice->is_false ? FALSE_REPLY : TRUE_REPLY;
    uint32_t from = segment_edge(slice->from), to = segment_edge(slice->to);
    stray(lab, SERVER, TCP_ACK | TCP_PSH, seq + from, reply + from, to - from);
}

/* Behind a hole: a line of the reply before the tampered one comes last. */
static void overlap_segments(struct lab *lab, const struct slice *const three[3], enum way way) {
    static const char FIRST_LINE[] = "250-x\r\n";
    approach(lab);
    uint32_t seq = lab->seq[SERVER];
    if (way == BEHIND_A_HOLE)
        lab->seq[SERVER] += (uint32_t)strlen(FIRST_LINE);
    for (size_t i = 0; i < 3; i++) {
        send_slice(lab, three[i], lab->seq[SERVER]);
        if (way == ACKNOWLEDGED)
            stray(lab, CLIENT, TCP_ACK, lab->seq[CLIENT], "", 0);
    }
    if (way == BEHIND_A_HOLE)
        stray(lab, SERVER, TCP_ACK | TCP_PSH, seq, FIRST_LINE, strlen(FIRST_LINE));
    go_on(lab);
}

/* The three, then all of the true datagram, then the same segment in a packet of its own. */
static void overlap_fragments(struct lab *lab, const struct slice *const three[3], enum way way) {
    static const struct slice first = {0, 2, false}, second = {2, SLOTS, false};
    approach(lab);
    lab->ip_id++;
    for (size_t i = 0; i < 3; i++)
        send_piece(lab, three[i]);
    send_piece(lab, way == IN_ORDER ? &first : &second);
    send_piece(lab, way == IN_ORDER ? &second : &first);
    go_on(lab);
}

static void try_triple(struct lab *lab, const struct slice *slices, size_t number, bool fragments,
                       enum way way) {
    const struct slice *const three[3] = {&slices[number / NUM_SLICES / NUM_SLICES],
                                          &slices[number / NUM_SLICES % NUM_SLICES],
                                          &slices[number % NUM_SLICES]};
    if (fragments)
        overlap_fragments(lab, three, way);
    else
        overlap_segments(lab, three, way);
}

/* The true bytes come in any case, so each false one conflicts. */
static void expect_triple(const struct lab *lab, uint16_t port, const struct slice *slices, size_t number,
                          bool fragments) {
    bool conflict = slices[number / NUM_SLICES / NUM_SLICES].is_false ||
                    slices[number / NUM_SLICES % NUM_SLICES].is_false || slices[number % NUM_SLICES].is_false;
    expect_one(lab, port, conflict, fragments ? "fragments" : "segments", number);
}

static void try_all(bool fragments, enum way way) {
    struct slice slices[NUM_SLICES];
    struct lab *lab = lab_new(false);
    fill_slices(slices);
    const size_t num = (size_t)NUM_SLICES * NUM_SLICES * NUM_SLICES;
    for (size_t i = 0; i < num; i++)
        try_triple(lab, slices, i, fragments, way);
    lab_finish(lab);
    for (size_t i = 0; i < num; i++)
        expect_triple(lab, (uint16_t)(1025 + i), slices, i, fragments);
    lab_free(lab);
}

static void segments_that_overlap(void **state) {
    (void)state;
    for (enum way way = 0; way < NUM_WAYS; way++)
        try_all(false, way);
}

static void fragments_that_overlap(void **state) {
    (void)state;
    try_all(true, IN_ORDER);
    try_all(true, BEHIND_A_HOLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_differ_in_each_slot),
        cmocka_unit_test(segments_that_overlap),
        cmocka_unit_test(fragments_that_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
