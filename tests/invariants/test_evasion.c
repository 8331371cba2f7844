/* Nobody is fooled in silence: where bytes of a connection come in a way that hosts take differently, the
 * verdict is the true one, `unknown`, or the event says overlap_conflict. Overlaps: test_overlap.c. */
#include "lab.h"

/* No event says what is not so without a mark. */
static void expect_honest(const struct lab *lab, uint16_t port, const char *what) {
    const struct result *result = result_of(lab, port);
    bool told = false;
    for (size_t i = 0; i < result->num; i++) {
        const struct seen *seen = &result->seen[i];
        bool marked = seen->conflict || seen->verdict == VERDICT_UNKNOWN;
        told |= marked || seen->verdict == VERDICT_OFFERED_UNUSED;
        if (!marked && seen->verdict != VERDICT_OFFERED_UNUSED && seen->verdict != VERDICT_NO_MAIL)
            fail_msg("%s: %s", what, verdict_name(seen->verdict));
    }
    if (!told)
        fail_msg("%s: nothing but no_mail, in %zu events", what, result->num);
}

/* --- single tricks --- */

static void send_whole(struct lab *lab, const struct slice *slices, size_t num) {
    lab->ip_id++;
    for (size_t i = 0; i < num; i++)
        send_piece(lab, &slices[i]);
}

/* The end of a datagram comes once more, and is another one. */
static void a_piece_behind_a_whole_datagram(struct lab *lab) {
    static const struct slice pieces[] = {{0, 2, false}, {2, SLOTS, false}, {3, SLOTS, true}};
    approach(lab);
    send_whole(lab, pieces, 3);
    go_on(lab);
}

/* The true piece comes when the datagram was made whole with a false one. */
static void a_true_piece_that_comes_late(struct lab *lab) {
    static const struct slice pieces[] = {{0, 3, false}, {3, SLOTS, true}, {3, SLOTS, false}};
    approach(lab);
    send_whole(lab, pieces, 3);
    lab->seq[SERVER] += REPLY_LEN;
    send_mail(lab);
    quit(lab);
}

static void pieces_that_come_twice(struct lab *lab) {
    static const struct slice pieces[] = {
        {0, 2, false}, {0, 2, false}, {2, SLOTS, false}, {2, SLOTS, false}, {0, 2, false}};
    approach(lab);
    send_whole(lab, pieces, 5);
    lab->seq[SERVER] += REPLY_LEN;
    send_mail(lab);
    quit(lab);
}

/* Runs a trick alone. */
static struct lab *perform(void (*trick)(struct lab *), bool verify_checksums) {
    struct lab *lab = lab_new(verify_checksums);
    trick(lab);
    lab_finish(lab);
    return lab;
}

static void expect_trick(void (*trick)(struct lab *), const char *what, bool conflict) {
    struct lab *lab = perform(trick, false);
    expect_one(lab, lab->port, conflict, what, 0);
    lab_free(lab);
}

static void expect_honest_trick(void (*trick)(struct lab *), const char *what) {
    struct lab *lab = perform(trick, false);
    expect_honest(lab, lab->port, what);
    lab_free(lab);
}

static void say_false(struct lab *lab) {
    stray(lab, SERVER, TCP_ACK | TCP_PSH, lab->seq[SERVER], FALSE_REPLY, REPLY_LEN);
}

static void a_reply_that_dies_on_the_way(struct lab *lab) {
    approach(lab);
    lab->ttl = 1;
    say_false(lab);
    lab->ttl = 64;
    go_on(lab);
}

static void a_reply_that_wins_the_race(struct lab *lab) {
    approach(lab);
    say_false(lab);
    lab->seq[SERVER] += REPLY_LEN;
    say(lab, CLIENT, "MAIL FROM:<a@example.com>\r\n");
    stray(lab, SERVER, TCP_ACK | TCP_PSH, lab->seq[SERVER] - REPLY_LEN, TRUE_REPLY, REPLY_LEN);
    say(lab, SERVER, "250 ok\r\n");
    quit(lab);
}

static void a_reply_with_a_wrong_checksum(struct lab *lab) {
    approach(lab);
    lab->bad_checksum = true;
    say_false(lab);
    lab->bad_checksum = false;
    go_on(lab);
}

static void a_reply_without_the_ack_flag(struct lab *lab) {
    approach(lab);
    stray(lab, SERVER, TCP_PSH, lab->seq[SERVER], FALSE_REPLY, REPLY_LEN);
    go_on(lab);
}

static void bytes_beyond_the_window(struct lab *lab) {
    approach(lab);
    lab->window = 0;
    acknowledge(lab, CLIENT);
    lab->window = 8192;
    say_false(lab);
    acknowledge(lab, CLIENT);
    go_on(lab);
}

static void an_urgent_byte(struct lab *lab) {
    approach(lab);
    lab->urgent = REPLY_LEN - 20;
    send(lab, SERVER, TCP_ACK | TCP_URG, TRUE_REPLY);
    lab->urgent = 0;
    send_mail(lab);
    quit(lab);
}

static void data_on_the_syn(struct lab *lab) {
    static const char hello[] = "EHLO client.example.com\r\n", other[] = "HELO client.example.org\r\n";
    begin(lab);
    stray(lab, CLIENT, TCP_SYN, lab->seq[CLIENT]++, other, strlen(other));
    send(lab, SERVER, TCP_SYN | TCP_ACK, "");
    send(lab, CLIENT, TCP_ACK, "");
    say(lab, SERVER, "220 mx.example.org ESMTP\r\n");
    say(lab, CLIENT, hello);
    go_on(lab);
}

static void data_on_the_syn_that_is_sent_again(struct lab *lab) {
    static const char hello[] = "EHLO client.example.com\r\n";
    begin(lab);
    stray(lab, CLIENT, TCP_SYN, lab->seq[CLIENT]++, hello, strlen(hello));
    send(lab, SERVER, TCP_SYN | TCP_ACK, "");
    send(lab, CLIENT, TCP_ACK, "");
    say(lab, SERVER, "220 mx.example.org ESMTP\r\n");
    say(lab, CLIENT, hello);
    go_on(lab);
}

static void copies_of_one_byte(struct lab *lab) {
    approach(lab);
    for (uint32_t i = 0; i < REPLY_LEN; i++)
        stray(lab, SERVER, TCP_ACK, lab->seq[SERVER] + i, TRUE_REPLY + i, 1);
    uint32_t at = (uint32_t)(strstr(TRUE_REPLY, "STARTTLS") - TRUE_REPLY);
    stray(lab, SERVER, TCP_ACK, lab->seq[SERVER] + at, "X", 1);
    go_on(lab);
}

/* The last byte again, in the place of a keep-alive: a NUL means nothing, another one does. */
static void a_keep_alive(struct lab *lab) {
    approach(lab);
    say(lab, SERVER, TRUE_REPLY);
    stray(lab, SERVER, TCP_ACK, lab->seq[SERVER] - 1, "\0", 1);
    send_mail(lab);
    quit(lab);
}

static void a_last_byte_that_differs(struct lab *lab) {
    approach(lab);
    say(lab, SERVER, TRUE_REPLY);
    stray(lab, SERVER, TCP_ACK, lab->seq[SERVER] - 1, "X", 1);
    send_mail(lab);
    quit(lab);
}

static void copies_that_differ_are_told(void **state) {
    (void)state;
    expect_trick(a_piece_behind_a_whole_datagram, "late piece", true);
    expect_trick(a_true_piece_that_comes_late, "late true piece", true);
    expect_trick(pieces_that_come_twice, "pieces twice", false);
    expect_trick(a_reply_that_dies_on_the_way, "time to live", true);
    expect_trick(a_reply_that_wins_the_race, "race", true);
    expect_trick(a_reply_with_a_wrong_checksum, "checksum", true);
    expect_trick(a_reply_without_the_ack_flag, "no ACK", true);
    expect_trick(bytes_beyond_the_window, "window", true);
    expect_trick(an_urgent_byte, "urgent", true);
    expect_trick(data_on_the_syn, "other data on the SYN", true);
    expect_trick(data_on_the_syn_that_is_sent_again, "data on the SYN", false);
    expect_trick(copies_of_one_byte, "one byte", true);
    expect_trick(a_keep_alive, "keep-alive", false);
    expect_trick(a_last_byte_that_differs, "last byte", true);
}

/* With --verify-checksums what no host takes is not taken. */
static void wrong_checksums_are_left_out_when_asked(void **state) {
    (void)state;
    struct lab *lab = perform(a_reply_with_a_wrong_checksum, true);
    expect_one(lab, lab->port, false, "verified checksum", 0);
    lab_free(lab);
}

static void reset(struct lab *lab, int from, uint32_t seq) {
    lab->ttl = 1;
    stray(lab, from, TCP_RST, seq, "", 0);
    lab->ttl = 64;
    lab->ts_ns += 3 * SECOND;
}

static void a_reset_far_ahead(struct lab *lab) {
    approach(lab);
    reset(lab, SERVER, lab->seq[SERVER] + (100u << 20));
    go_on(lab);
}

static void a_reset_far_behind(struct lab *lab) {
    approach(lab);
    reset(lab, CLIENT, lab->seq[CLIENT] - (100u << 20));
    go_on(lab);
}

static void resets_that_fit(struct lab *lab) {
    approach(lab);
    reset(lab, SERVER, lab->seq[SERVER]);
    go_on(lab);
}

static void resets_of_both_sides(struct lab *lab) {
    approach(lab);
    stray(lab, CLIENT, TCP_RST, lab->seq[CLIENT], "", 0);
    reset(lab, SERVER, lab->seq[SERVER] + 10);
    go_on(lab);
}

static void fins_that_were_forged(struct lab *lab) {
    approach(lab);
    stray(lab, CLIENT, TCP_FIN | TCP_ACK, lab->seq[CLIENT], "", 0);
    stray(lab, SERVER, TCP_FIN | TCP_ACK, lab->seq[SERVER], "", 0);
    lab->ts_ns += 3 * SECOND;
    go_on(lab);
}

static void a_fin_far_ahead(struct lab *lab) {
    approach(lab);
    stray(lab, SERVER, TCP_FIN | TCP_ACK, lab->seq[SERVER] + (1 << 20), "", 0);
    lab->ts_ns += 3 * SECOND;
    go_on(lab);
}

static void an_acknowledgement_far_ahead(struct lab *lab) {
    approach(lab);
    lab->seq[SERVER] += 1 << 20;
    acknowledge(lab, CLIENT);
    lab->seq[SERVER] -= 1 << 20;
    lab->ts_ns += 3 * SECOND;
    go_on(lab);
}

static void a_second_answer_to_the_syn(struct lab *lab) {
    begin(lab);
    send(lab, CLIENT, TCP_SYN, "");
    send(lab, SERVER, TCP_SYN | TCP_ACK, "");
    stray(lab, SERVER, TCP_SYN | TCP_ACK, 77, "", 0);
    send(lab, CLIENT, TCP_ACK, "");
    greet(lab);
    go_on(lab);
}

static void an_answer_to_the_syn_before_the_true_one(struct lab *lab) {
    begin(lab);
    send(lab, CLIENT, TCP_SYN, "");
    stray(lab, SERVER, TCP_SYN | TCP_ACK, 77, "", 0);
    send(lab, SERVER, TCP_SYN | TCP_ACK, "");
    send(lab, CLIENT, TCP_ACK, "");
    greet(lab);
    go_on(lab);
}

static void a_syn_in_the_middle(struct lab *lab) {
    approach(lab);
    stray(lab, CLIENT, TCP_SYN, 5, "", 0);
    stray(lab, SERVER, TCP_SYN | TCP_ACK, 6, "", 0);
    go_on(lab);
}

static void bytes_before_the_stream(struct lab *lab) {
    approach(lab);
    stray(lab, SERVER, TCP_ACK, lab->seq[SERVER] - 1000, FALSE_REPLY, REPLY_LEN);
    stray(lab, SERVER, TCP_ACK, lab->seq[SERVER] + (1u << 31), FALSE_REPLY, REPLY_LEN);
    go_on(lab);
}

static void a_reset_out_of_place_ends_nothing(void **state) {
    (void)state;
    expect_trick(a_reset_far_ahead, "RST ahead", false);
    expect_trick(a_reset_far_behind, "RST behind", false);
}

static void what_hosts_take_differently_is_no_wrong_verdict(void **state) {
    (void)state;
    expect_honest_trick(resets_that_fit, "RST");
    expect_honest_trick(resets_of_both_sides, "two RSTs");
    expect_honest_trick(fins_that_were_forged, "two FINs");
    expect_honest_trick(a_fin_far_ahead, "FIN ahead");
    expect_honest_trick(an_acknowledgement_far_ahead, "ACK ahead");
    expect_honest_trick(a_second_answer_to_the_syn, "second SYN-ACK");
    expect_honest_trick(an_answer_to_the_syn_before_the_true_one, "first SYN-ACK");
    expect_honest_trick(a_syn_in_the_middle, "SYN");
    expect_honest_trick(bytes_before_the_stream, "before the stream");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_that_differ_are_told),
        cmocka_unit_test(wrong_checksums_are_left_out_when_asked),
        cmocka_unit_test(a_reset_out_of_place_ends_nothing),
        cmocka_unit_test(what_hosts_take_differently_is_no_wrong_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
