/* The handshake follower: limits, bytes that are not TLS, missing bytes. */
#include "tls_talk.h"

static void alerts_are_capped(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    client_hello_12(&talk->client);
    for (int i = 0; i < 3 + TLS_ALERTS_MAX; i++) {
        put_alert(&talk->client, 1, 41);
    }
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->num_alerts, TLS_ALERTS_MAX);
    assert_int_equal(tls_facts(tls)->limits_hit, 3);
    tls_free(tls);
    free(talk);
}

static void clear_text_is_bad_at_its_first_byte(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    struct heard heard = {0};
    size_t consumed = 99;
    client_hello_12(&talk->client);
    size_t hello_len = talk->client.len;
    put(&talk->client, "QUIT\r\n", 6);
    struct tls *tls = new_tls(&heard, false);
    assert_int_equal(tls_push(tls, SIDE_SERVER, (const uint8_t *)"454 no", 6, &consumed), PARSE_BAD);
    assert_int_equal(consumed, 0);
    assert_int_equal(tls_facts(tls)->outcome, TLS_FAILED);
    assert_int_equal(tls_push(tls, SIDE_CLIENT, talk->client.data, talk->client.len, &consumed), PARSE_BAD);
    assert_int_equal(consumed, hello_len);
    assert_int_equal(heard.num_client_hellos, 1);
    assert_int_equal(tls_push(tls, SIDE_CLIENT, (const uint8_t *)"\x16\x03", 2, &consumed), PARSE_BAD);
    assert_int_equal(consumed, 0);
    tls_free(tls);
    free(talk);
}

static void too_long_records_and_wrong_versions_are_bad(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len, consumed;
    } rows[] = {{"\x16\x03\x01\x48\x01", 5, 4}, {"\x16\x03\x01\x49\x00", 5, 3},
                {"\x16\x04\x01\x00\x05", 5, 1}, {"\x16\x03\x05\x00\x05", 5, 2},
                {"\x17\x03\x03\x00\x05", 5, 0}, {"\x14\x03\x03\x00\x01", 5, 0},
                {"\x80\x2e\x09\x00\x02", 5, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct heard heard = {0};
        struct tls *tls = new_tls(&heard, false);
        size_t consumed = 99;
        assert_int_equal(tls_push(tls, SIDE_CLIENT, (const uint8_t *)rows[i].bytes, rows[i].len, &consumed),
                         PARSE_BAD);
        assert_int_equal(consumed, rows[i].consumed);
        tls_free(tls);
    }
}

static void garbage_after_established_changes_nothing(void **state) {
    (void)state;
    struct talk *talk = full_12();
    put(&talk->server, "garbage", 7);
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->outcome, TLS_ESTABLISHED);
    tls_free(tls);
    free(talk);
}

static void long_messages_are_skipped(void **state) {
    (void)state;
    static uint8_t body[16384];
    struct heard heard = {0};
    struct tls *tls = new_tls(&heard, false);
    struct bytes *record = calloc(1, sizeof *record);
    assert_non_null(record);
    size_t consumed, left = TLS_MESSAGE_MAX + 1;
    body[0] = 11;
    body[1] = 0x10; /* 1 MB and one byte */
    body[3] = 1;
    for (size_t at = 4; left > 0;) {
        size_t len = left < sizeof body - at ? left : sizeof body - at;
        record->len = 0;
        put_record(record, 22, body, at + len);
        assert_int_equal(tls_push(tls, SIDE_SERVER, record->data, record->len, &consumed), PARSE_OK);
        assert_true(tls_memory(tls) < 1024);
        left -= len;
        at = 0;
    }
    record->len = 0;
    server_hello(record, plain_random, false, false);
    assert_int_equal(tls_push(tls, SIDE_SERVER, record->data, record->len, &consumed), PARSE_OK);
    assert_true(tls_facts(tls)->certificate_truncated);
    assert_int_equal(tls_facts(tls)->limits_hit, 1);
    assert_true(tls_facts(tls)->server_hello);
    assert_int_equal(heard.num_certificates[SIDE_SERVER], 0);
    tls_free(tls);
    free(record);
}

static void chains_are_handed_on_up_to_the_limit(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    struct bytes *chain = calloc(1, sizeof *chain), *message = calloc(1, sizeof *message);
    assert_true(chain != NULL && message != NULL);
    struct heard heard;
    put_chain(chain, TLS_CHAIN_MAX + 44, 90); /* 28 KB: two records */
    put_message(message, 11, chain->data, chain->len);
    server_hello(&talk->server, plain_random, false, false);
    put_in_records(&talk->server, message, 16384);
    struct tls *tls = follow(talk, &heard);
    assert_int_equal(heard.num_certificates[SIDE_SERVER], TLS_CHAIN_MAX);
    assert_int_equal(heard.chain_num[SIDE_SERVER], TLS_CHAIN_MAX + 44);
    assert_int_equal(tls_facts(tls)->chain_length, TLS_CHAIN_MAX + 44);
    assert_int_equal(tls_facts(tls)->limits_hit, 1);
    tls_free(tls);
    free(chain);
    free(message);
    free(talk);
}

/* Follows a talk of which these bytes of one side are missing. */
static struct tls *follow_with_hole(const struct talk *talk, enum side side, size_t from, size_t len,
                                    size_t piece) {
    static struct heard heard;
    struct tls *tls = new_tls(&heard, false);
    const struct bytes *whole = side == SIDE_CLIENT ? &talk->client : &talk->server;
    const struct bytes *other = side == SIDE_CLIENT ? &talk->server : &talk->client;
    memset(&heard, 0, sizeof heard);
    push(tls, side_other(side), other, piece);
    push_part(tls, side, whole->data, from, piece);
    tls_gap(tls, side, len);
    push_part(tls, side, whole->data + from + len, whole->len - from - len, piece);
    return tls;
}

/* Whatever is missing: the outcome is the true one or open, and what is known is true. */
static void check_all_holes(const struct talk *talk, enum side side, bool some_decide) {
    struct tls *tls = follow_quietly(talk);
    struct tls_facts truth = copy_facts(tls);
    tls_free(tls);
    size_t total = side == SIDE_CLIENT ? talk->client.len : talk->server.len, num_decided = 0;
    for (size_t len = 1; len <= total; len *= 3) {
        for (size_t from = 0; from + len <= total; from++) {
            tls = follow_with_hole(talk, side, from, len, SIZE_MAX);
            const struct tls_facts *f = tls_facts(tls);
            assert_true(f->outcome == truth.outcome || f->outcome == TLS_STARTED);
            assert_true(f->version == truth.version || f->version == 0);
            assert_true(f->group == truth.group || f->group == 0);
            assert_true(f->resumed == truth.resumed || f->resumed == TLS_RESUMED_OPEN);
            assert_true(f->chain_length == truth.chain_length || f->chain_length == 0);
            assert_true(f->num_alerts <= truth.num_alerts);
            assert_true(f->encrypted_alerts <= truth.encrypted_alerts);
            num_decided += f->outcome == truth.outcome;
            tls_free(tls);
        }
    }
    assert_int_equal(num_decided > 0, some_decide);
}

static void holes_never_mislead(void **state) {
    (void)state;
    struct talk *talks[] = {full_12(), talk_13(false, 600, 69), talk_13(false, 600, 19), talk_new()};
    put_sealed(&talks[0]->client, 23, 30);
    put_sealed(&talks[0]->server, 23, 30);
    put_sealed(&talks[1]->client, 23, 19); /* close_notify */
    client_hello_12(&talks[3]->client);
    put_alert(&talks[3]->client, 1, 90);
    put_alert(&talks[3]->client, 2, 40);
    server_flight_12(&talks[3]->server);
    for (size_t i = 0; i < sizeof talks / sizeof *talks; i++) {
        /* A sealed alert is known by being the first sealed record: after a hole nothing says that it is. */
        bool some_decide = i != 2;
        check_all_holes(talks[i], SIDE_CLIENT, some_decide);
        check_all_holes(talks[i], SIDE_SERVER, some_decide);
        free(talks[i]);
    }
}

static void hole_in_the_chain(void **state) {
    (void)state;
    struct talk *talk = full_12();
    static const size_t pieces[] = {1, 6, SIZE_MAX};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        /* 500 bytes inside the Certificate: counted off, and the rest of the flight is read. */
        struct tls *tls = follow_with_hole(talk, SIDE_SERVER, 400, 500, pieces[i]);
        const struct tls_facts *f = tls_facts(tls);
        assert_true(f->certificate_truncated && f->server_gap);
        assert_false(f->certificate_seen || f->client_gap || f->malformed);
        assert_int_equal(f->group, 0x17);
        assert_int_equal(f->resumed, TLS_RESUMED_NO);
        assert_int_equal(f->outcome, TLS_ESTABLISHED);
        assert_int_equal(f->limits_hit, 0);
        tls_free(tls);
    }
    free(talk);
}

static void hole_over_record_headers(void **state) {
    (void)state;
    struct talk *talk = full_12();
    size_t hello_len = 5 + 4 + 2 + 32 + 1 + 2 + 1 + 2 + 4 + 7;
    /* From the middle of ServerHello to that of the Certificate: ServerKeyExchange is found again. */
    struct tls *tls = follow_with_hole(talk, SIDE_SERVER, 20, hello_len + 100, 3);
    const struct tls_facts *f = tls_facts(tls);
    assert_true(f->server_gap);
    assert_false(f->server_hello || f->certificate_seen);
    assert_int_equal(f->resumed, TLS_RESUMED_NO); /* ServerHelloDone was found */
    assert_int_equal(f->outcome, TLS_ESTABLISHED);
    tls_free(tls);
    free(talk);
}

static void lost_finished_of_12(void **state) {
    (void)state;
    struct talk *talk = full_12();
    size_t finish = talk->client.len - 6 - 45;
    put_sealed(&talk->client, 23, 30);
    put_sealed(&talk->client, 23, 30);
    struct tls *tls = follow_with_hole(talk, SIDE_CLIENT, finish, 6 + 45, SIZE_MAX);
    assert_int_equal(tls_facts(tls)->outcome, TLS_ESTABLISHED); /* application data proves it */
    assert_true(tls_facts(tls)->client_gap);
    tls_free(tls);
    free(talk);
}

/* From the end of ServerHello to ChangeCipherSpec: this only looks like an abbreviated handshake. */
static void lost_flight_is_no_resumption(void **state) {
    (void)state;
    struct talk *talk = talk_new(), *hello = talk_new();
    server_hello(&hello->server, plain_random, false, false);
    server_flight_12(&talk->server);
    size_t flight_len = talk->server.len;
    finish_12(&talk->server);
    struct tls *tls =
        follow_with_hole(talk, SIDE_SERVER, hello->server.len, flight_len - hello->server.len, 9);
    assert_true(tls_facts(tls)->server_hello && tls_facts(tls)->server_ccs);
    assert_int_equal(tls_facts(tls)->resumed, TLS_RESUMED_OPEN);
    tls_free(tls);
    free(hello);
    free(talk);
}

static void sealed_alert_after_lost_finished(void **state) {
    (void)state;
    struct talk *talk = full_12();
    size_t finish = talk->client.len - 6 - 45;
    put_sealed(&talk->client, 23, 30);
    put_sealed(&talk->client, 21, 26);
    put_sealed(&talk->client, 23, 30);
    struct tls *tls = follow_with_hole(talk, SIDE_CLIENT, finish, 6 + 45, 4);
    assert_int_equal(tls_facts(tls)->encrypted_alerts, 1);
    assert_int_equal(tls_facts(tls)->num_alerts, 0);
    assert_false(tls_facts(tls)->malformed);
    tls_free(tls);
    free(talk);
}

/* Without the ClientHello nothing says that there is no early data: only a record of Finished's size counts.
 */
static void lost_client_hello_of_13(void **state) {
    (void)state;
    for (int with_finished = 0; with_finished <= 1; with_finished++) {
        struct talk *talk = talk_13(false, 600, 500);
        size_t hello_len = talk->client.len - 6 - 505;
        put_sealed(&talk->client, 23, with_finished != 0 ? 69 : 70);
        put_sealed(&talk->client, 23, 300);
        struct tls *tls = follow_with_hole(talk, SIDE_CLIENT, 0, hello_len, SIZE_MAX);
        assert_false(tls_facts(tls)->client_hello);
        assert_int_equal(tls_facts(tls)->outcome, with_finished != 0 ? TLS_ESTABLISHED : TLS_STARTED);
        tls_free(tls);
        free(talk);
    }
}

/* Without any hello sealed records of both sides say nothing for sure. */
static void midstream_stays_open(void **state) {
    (void)state;
    struct bytes *sealed = calloc(1, sizeof *sealed);
    struct heard heard = {0};
    struct tls *tls = new_tls(&heard, false);
    assert_non_null(sealed);
    for (int i = 0; i < 4; i++) {
        put_sealed(sealed, 23, 69);
    }
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        tls_gap(tls, (enum side)side, 1);
        push(tls, (enum side)side, sealed, SIZE_MAX);
    }
    assert_int_equal(tls_facts(tls)->outcome, TLS_STARTED);
    assert_true(tls_facts(tls)->client_protected && tls_facts(tls)->client_gap);
    tls_free(tls);
    free(sealed);
}

/* Sealed records with a hole are not handed on, nor mixed with the next. */
static void records_with_holes_are_not_handed_on(void **state) {
    (void)state;
    struct talk *talk = talk_13(false, 600, 69);
    struct heard heard = {0};
    struct tls *tls = new_tls(&heard, true);
    size_t whole = talk->server.len;
    put_sealed(&talk->server, 23, 200);
    push_part(tls, SIDE_SERVER, talk->server.data, whole - 300, 50);
    tls_gap(tls, SIDE_SERVER, 100);
    push_part(tls, SIDE_SERVER, talk->server.data + whole - 200, 200 + 205, 50);
    assert_int_equal(heard.sealed_records[SIDE_SERVER], 1);
    assert_int_equal(heard.sealed_bytes[SIDE_SERVER], 205);
    tls_free(tls);
    free(talk);
}

static void gap_after_the_handshake_is_none(void **state) {
    (void)state;
    struct talk *talk = talk_13(false, 600, 69);
    struct heard heard = {0};
    struct tls *tls = new_tls(&heard, false);
    push(tls, SIDE_CLIENT, &talk->client, SIZE_MAX);
    tls_gap(tls, SIDE_CLIENT, 5000);
    push(tls, SIDE_SERVER, &talk->server, SIZE_MAX);
    tls_gap(tls, SIDE_SERVER, 1);
    assert_int_equal(tls_facts(tls)->outcome, TLS_ESTABLISHED);
    assert_false(tls_facts(tls)->client_gap || tls_facts(tls)->server_gap);
    assert_true(tls_settled(tls));
    tls_free(tls);
    free(talk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_are_capped),
        cmocka_unit_test(clear_text_is_bad_at_its_first_byte),
        cmocka_unit_test(too_long_records_and_wrong_versions_are_bad),
        cmocka_unit_test(garbage_after_established_changes_nothing),
        cmocka_unit_test(long_messages_are_skipped),
        cmocka_unit_test(chains_are_handed_on_up_to_the_limit),
        cmocka_unit_test(holes_never_mislead),
        cmocka_unit_test(hole_in_the_chain),
        cmocka_unit_test(hole_over_record_headers),
        cmocka_unit_test(lost_finished_of_12),
        cmocka_unit_test(lost_flight_is_no_resumption),
        cmocka_unit_test(sealed_alert_after_lost_finished),
        cmocka_unit_test(lost_client_hello_of_13),
        cmocka_unit_test(midstream_stays_open),
        cmocka_unit_test(records_with_holes_are_not_handed_on),
        cmocka_unit_test(gap_after_the_handshake_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
