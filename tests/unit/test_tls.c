/* The handshake follower: versions, outcomes, resumption, retries, alerts, decrypted messages. */
#include "tls_talk.h"

static void full_handshake_of_12(void **state) {
    (void)state;
    struct heard heard;
    struct talk *talk = full_12();
    put_sealed(&talk->client, 23, 100);
    put_sealed(&talk->server, 21, 26); /* close_notify, sealed */
    struct tls *tls = follow(talk, &heard);
    const struct tls_facts *f = tls_facts(tls);
    assert_int_equal(f->outcome, TLS_ESTABLISHED);
    assert_int_equal(f->version, 0x0303);
    assert_int_equal(f->cipher_suite, 0xc030);
    assert_int_equal(f->resumed, TLS_RESUMED_NO);
    assert_int_equal(f->group, 0x17);
    assert_int_equal(f->signature_scheme, 0x0804);
    assert_true(f->certificate_seen && f->chain_length == 2);
    assert_true(f->client_ccs && f->server_ccs && f->client_protected && f->server_protected);
    assert_int_equal(f->encrypted_alerts, 1);
    assert_int_equal(f->num_alerts, 0);
    assert_false(f->renegotiation || f->malformed || f->client_gap);
    assert_int_equal(f->next_protocol_len, 4);
    assert_memory_equal(f->next_protocol, "smtp", 4);
    assert_int_equal(heard.num_client_hellos, 1);
    assert_int_equal(heard.num_server_hellos, 1);
    assert_int_equal(heard.num_certificates[SIDE_SERVER], 2);
    assert_int_equal(heard.certificate_bytes[SIDE_SERVER], 1400);
    assert_int_equal(heard.sealed_records[SIDE_CLIENT], 2);
    assert_int_equal(heard.sealed_bytes[SIDE_CLIENT], 45 + 105);
    assert_int_equal(heard.data_bytes[SIDE_CLIENT], 100);
    assert_int_equal(heard.data_bytes[SIDE_SERVER], 0);
    tls_free(tls);
    free(talk);
}

static void no_finished_is_not_established(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    client_hello_12(&talk->client);
    server_flight_12(&talk->server);
    finish_12(&talk->client);
    put_ccs(&talk->server);
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->outcome, TLS_STARTED);
    assert_false(tls_settled(tls));
    tls_free(tls);
    free(talk);
}

/* Only one side was captured. */
static void expect_one_side(const struct bytes *client, const struct bytes *server,
                            enum tls_outcome outcome) {
    struct talk *talk = talk_new();
    talk->client = *client;
    talk->server = *server;
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->outcome, outcome);
    tls_free(tls);
    free(talk);
}

static void one_side_that_shows_all(void **state) {
    (void)state;
    static const struct bytes nothing;
    struct talk *old = full_12(), *new = talk_13(false, 3000, 69),
                *with_certificate = talk_13(false, 3000, 900);
    expect_one_side(&nothing, &old->server, TLS_ESTABLISHED); /* a full handshake: its Finished comes last */
    expect_one_side(&old->client, &nothing, TLS_STARTED);
    put_sealed(&old->client, 23, 100);
    expect_one_side(&old->client, &nothing, TLS_STARTED);
    put_sealed(&old->client, 23, 100);
    expect_one_side(&old->client, &nothing, TLS_ESTABLISHED);

    put_sealed(&new->client, 23, 40);
    put_sealed(&new->client, 23, 19); /* an alert is no sign of life */
    expect_one_side(&new->client, &nothing, TLS_STARTED);
    put_sealed(&new->client, 23, 40);
    expect_one_side(&new->client, &nothing, TLS_ESTABLISHED);
    expect_one_side(&nothing, &new->server, TLS_STARTED);

    put_sealed(&with_certificate->client, 23, 281); /* CertificateVerify */
    put_sealed(&with_certificate->client, 23, 69);  /* Finished */
    put_sealed(&with_certificate->client, 23, 40);
    expect_one_side(&with_certificate->client, &nothing, TLS_STARTED);
    free(old);
    free(new);
    free(with_certificate);
}

static void abbreviated_handshake_is_resumed(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    client_hello_12(&talk->client);
    server_hello(&talk->server, plain_random, false, false);
    put_handshake(&talk->server, 4, "\0\0\0\0\0\0", 6); /* NewSessionTicket */
    finish_12(&talk->server);
    finish_12(&talk->client);
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->outcome, TLS_ESTABLISHED);
    assert_int_equal(tls_facts(tls)->resumed, TLS_RESUMED_YES);
    tls_free(tls);
    free(talk);
}

static void renegotiation_is_seen(void **state) {
    (void)state;
    struct talk *talk = full_12();
    put_sealed(&talk->client, 22, 300);
    struct tls *tls = follow_quietly(talk);
    assert_true(tls_facts(tls)->renegotiation);
    tls_free(tls);
    free(talk);
}

static void messages_in_tiny_records(void **state) {
    (void)state;
    struct talk *talk = talk_new(), *whole = talk_new();
    struct bytes *messages = calloc(1, sizeof *messages);
    assert_non_null(messages);
    struct heard heard;
    client_hello_12(&talk->client);
    server_hello(&whole->server, plain_random, false, false);
    put(messages, whole->server.data + 5, whole->server.len - 5); /* without its record header */
    struct bytes *chain = calloc(1, sizeof *chain);
    assert_non_null(chain);
    put_chain(chain, 3, 500);
    put_message(messages, 11, chain->data, chain->len);
    put_message(messages, 14, "", 0);
    put_in_records(&talk->server, messages, 1);
    put_record(&talk->server, 22, "", 0);
    struct tls *tls = follow(talk, &heard);
    assert_int_equal(heard.num_certificates[SIDE_SERVER], 3);
    assert_int_equal(tls_facts(tls)->chain_length, 3);
    size_t memory = tls_memory(tls);
    assert_true(memory < 1024); /* buffers are gone */
    tls_free(tls);
    free(chain);
    free(messages);
    free(talk);
    free(whole);
}

static void several_messages_in_one_record(void **state) {
    (void)state;
    struct talk *talk = talk_new(), *parts = talk_new();
    struct bytes *chain = calloc(1, sizeof *chain);
    assert_non_null(chain);
    put_chain(chain, 1, 400);
    server_hello(&parts->server, plain_random, false, false);
    size_t hello_len = parts->server.len - 5;
    memmove(parts->server.data, parts->server.data + 5, hello_len);
    parts->server.len = hello_len;
    put_message(&parts->server, 11, chain->data, chain->len);
    put_message(&parts->server, 13, "\x01\x01\0\0\0\0", 6);
    put_message(&parts->server, 22, "\x01\0\0\0", 4);
    put_message(&parts->server, 14, "", 0);
    client_hello_12(&talk->client);
    put_record(&talk->server, 22, parts->server.data, parts->server.len);
    put_handshake(&talk->client, 11, chain->data, chain->len);
    struct heard heard;
    struct tls *tls = follow(talk, &heard);
    const struct tls_facts *f = tls_facts(tls);
    assert_true(f->certificate_seen && f->certificate_requested && f->ocsp_stapled);
    assert_true(f->client_certificate_sent);
    assert_int_equal(heard.num_certificates[SIDE_CLIENT], 1);
    assert_int_equal(f->resumed, TLS_RESUMED_NO);
    tls_free(tls);
    free(chain);
    free(talk);
    free(parts);
}

static void handshake_of_13(void **state) {
    (void)state;
    struct talk *talk = talk_13(false, 3000, 69);
    struct tls *tls = follow_quietly(talk);
    const struct tls_facts *f = tls_facts(tls);
    assert_int_equal(f->outcome, TLS_ESTABLISHED);
    assert_int_equal(f->version, 0x0304);
    assert_int_equal(f->group, 0x11ec);
    assert_int_equal(f->resumed, TLS_RESUMED_NO);
    assert_int_equal(f->num_client_versions, 2); /* without GREASE */
    assert_int_equal(f->client_versions[0], 0x0304);
    assert_true(f->fallback_scsv);
    assert_int_equal(f->server_name_len, 11);
    assert_memory_equal(f->server_name, "mx.test.org", 11);
    assert_int_equal(f->encrypted_alerts, 0);
    assert_false(f->certificate_seen);
    tls_free(tls);
    free(talk);
}

static void outcomes_of_13(void **state) {
    (void)state;
    static const struct {
        bool early_data;
        size_t server, client;
        enum tls_outcome outcome;
        uint32_t encrypted_alerts;
    } rows[] = {
        {false, 3000, 0, TLS_STARTED, 0},        {false, 3000, 53, TLS_ESTABLISHED, 0},
        {false, 3000, 19, TLS_FAILED, 1},        {false, 19, 0, TLS_FAILED, 1},
        {false, 40, 69, TLS_STARTED, 0},         {true, 3000, 500, TLS_STARTED, 0},
        {true, 3000, 69, TLS_ESTABLISHED, 0},    {true, 3000, 19, TLS_STARTED, 0},
        {false, 3000, 5000, TLS_ESTABLISHED, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct talk *talk = talk_13(rows[i].early_data, rows[i].server, rows[i].client);
        struct tls *tls = follow_quietly(talk);
        assert_int_equal(tls_facts(tls)->outcome, rows[i].outcome);
        assert_int_equal(tls_facts(tls)->encrypted_alerts, rows[i].encrypted_alerts);
        tls_free(tls);
        free(talk);
    }
}

static void close_after_13_is_no_failure(void **state) {
    (void)state;
    struct talk *talk = talk_13(false, 3000, 69);
    put_sealed(&talk->client, 23, 19);
    put_sealed(&talk->server, 23, 19);
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->outcome, TLS_ESTABLISHED);
    assert_int_equal(tls_facts(tls)->encrypted_alerts, 0);
    tls_free(tls);
    free(talk);
}

static void hello_retry_is_one_handshake(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    struct heard heard;
    client_hello_13(&talk->client, false);
    put_ccs(&talk->client);
    client_hello_13(&talk->client, false);
    server_hello(&talk->server, retry_random, true, false);
    put_ccs(&talk->server);
    server_hello(&talk->server, plain_random, true, true);
    put_sealed(&talk->server, 23, 90);
    struct tls *tls = follow(talk, &heard);
    assert_int_equal(tls_facts(tls)->outcome, TLS_STARTED); /* the second hello is no Finished */
    assert_true(tls_facts(tls)->hello_retry);
    assert_int_equal(tls_facts(tls)->resumed, TLS_RESUMED_YES);
    assert_int_equal(heard.num_client_hellos, 1);
    assert_int_equal(heard.num_server_hellos, 1);
    tls_free(tls);
    put_sealed(&talk->client, 23, 69);
    tls = follow(talk, &heard);
    assert_int_equal(tls_facts(tls)->outcome, TLS_ESTABLISHED);
    tls_free(tls);
    free(talk);
}

/* Without the dummy ChangeCipherSpec both hellos are in clear. */
static void hello_retry_without_ccs(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    struct heard heard;
    client_hello_13(&talk->client, false);
    client_hello_13(&talk->client, false);
    server_hello(&talk->server, retry_random, true, false);
    server_hello(&talk->server, plain_random, true, false);
    put_sealed(&talk->server, 23, 900);
    put_sealed(&talk->client, 23, 69);
    struct tls *tls = follow(talk, &heard);
    assert_int_equal(heard.num_client_hellos, 1);
    assert_int_equal(tls_facts(tls)->num_client_versions, 2);
    assert_int_equal(tls_facts(tls)->outcome, TLS_ESTABLISHED);
    tls_free(tls);
    free(talk);
}

static void early_data_refused_by_hello_retry(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    client_hello_13(&talk->client, true);
    put_ccs(&talk->client);
    put_sealed(&talk->client, 23, 69); /* early data that looks like Finished */
    client_hello_13(&talk->client, false);
    server_hello(&talk->server, retry_random, true, false);
    server_hello(&talk->server, plain_random, true, false);
    put_sealed(&talk->server, 23, 900);
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->outcome, TLS_STARTED);
    tls_free(tls);
    free(talk);
}

static void alerts_in_clear(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    client_hello_12(&talk->client);
    put_alert(&talk->server, 1, 112);
    server_flight_12(&talk->server);
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->outcome, TLS_STARTED); /* a warning */
    assert_int_equal(tls_facts(tls)->num_alerts, 1);
    tls_free(tls);
    put_record(&talk->client, 21, "\x02", 1); /* cut into two records */
    put_record(&talk->client, 21, "\x30", 1);
    tls = follow_quietly(talk);
    const struct tls_facts *f = tls_facts(tls);
    assert_int_equal(f->outcome, TLS_FAILED);
    assert_int_equal(f->num_alerts, 2);
    assert_int_equal(f->alerts[0].from, SIDE_CLIENT);
    assert_int_equal(f->alerts[0].level, 2);
    assert_int_equal(f->alerts[0].description, 48);
    assert_int_equal(f->encrypted_alerts, 0);
    tls_free(tls);
    free(talk);
}

static void close_notify_before_finished_fails(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    client_hello_12(&talk->client);
    put_alert(&talk->client, 1, 0);
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->outcome, TLS_FAILED);
    tls_free(tls);
    free(talk);
}

static void sealed_alert_instead_of_finished_fails(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    client_hello_12(&talk->client);
    server_flight_12(&talk->server);
    put_ccs(&talk->client);
    put_sealed(&talk->client, 21, 26);
    struct tls *tls = follow_quietly(talk);
    assert_int_equal(tls_facts(tls)->outcome, TLS_FAILED);
    assert_int_equal(tls_facts(tls)->encrypted_alerts, 1);
    tls_free(tls);
    free(talk);
}

static void downgrade_needs_more_on_offer(void **state) {
    (void)state;
    uint8_t random[32] = {0};
    memcpy(random + 24, "DOWNGRD\x01", 8);
    for (int offers_13 = 0; offers_13 <= 1; offers_13++) {
        struct talk *talk = talk_new();
        if (offers_13 != 0) {
            client_hello_13(&talk->client, false);
        } else {
            client_hello_12(&talk->client);
        }
        server_hello(&talk->server, random, false, false);
        struct tls *tls = follow_quietly(talk);
        assert_int_equal(tls_facts(tls)->downgrade_sentinel, offers_13);
        tls_free(tls);
        free(talk);
    }
}

/* A client of a draft and a server of the RFC meet in 1.2: no attack. */
static void drafts_are_no_downgrade(void **state) {
    (void)state;
    uint8_t random[32] = {0};
    memcpy(random + 24, "DOWNGRD\x01", 8);
    struct talk *talk = talk_new();
    struct bytes *e = calloc(1, sizeof *e), *body = calloc(1, sizeof *body);
    assert_true(e != NULL && body != NULL);
    put_extension(e, 43, "\x04\x7f\x1c\x03\x03", 5);
    put_client_hello(body, 0x0303, suites, 3, e);
    put_handshake(&talk->client, 1, body->data, body->len);
    server_hello(&talk->server, random, false, false);
    struct tls *tls = follow_quietly(talk);
    assert_false(tls_facts(tls)->downgrade_sentinel);
    assert_int_equal(tls_facts(tls)->version, 0x0303);
    tls_free(tls);
    free(body);
    free(e);
    free(talk);
}

static void plain_messages_of_13(void **state) {
    (void)state;
    struct talk *talk = talk_13(false, 900, 69);
    struct heard heard = {0};
    struct tls *tls = new_tls(&heard, true);
    push(tls, SIDE_CLIENT, &talk->client, SIZE_MAX);
    push(tls, SIDE_SERVER, &talk->server, SIZE_MAX);
    struct bytes *plain = calloc(1, sizeof *plain);
    assert_non_null(plain);
    put_message(plain, 8, "\0\x0b\0\x10\0\x07\0\x05\x04smtp", 13);
    put_message(plain, 13, "\0\0\0", 3);
    /* context, list of one certificate with a status_request extension */
    put_message(plain, 11, "\0\0\0\x0e\0\0\x05\x30only\0\x04\0\x05\0\0", 18);
    put_message(plain, 15, "\x08\x07\0\x01s", 5);
    for (size_t at = 0; at < plain->len; at += 7) { /* cut over records */
        size_t len = plain->len - at < 7 ? plain->len - at : 7;
        tls_push_plain(tls, SIDE_SERVER, 22, plain->data + at, len);
    }
    tls_push_plain(tls, SIDE_CLIENT, 21, (const uint8_t *)"\x02\x2e", 2);
    const struct tls_facts *f = tls_facts(tls);
    assert_true(f->certificate_seen && f->certificate_requested && f->ocsp_stapled);
    assert_int_equal(heard.certificate_bytes[SIDE_SERVER], 5);
    assert_int_equal(f->signature_scheme, 0x0807);
    assert_memory_equal(f->next_protocol, "smtp", 4);
    assert_int_equal(f->num_alerts, 1);
    assert_int_equal(f->alerts[0].description, 46);
    assert_false(f->malformed);
    assert_false(tls_settled(tls)); /* the handler wants sealed records */
    tls_free(tls);
    free(plain);
    free(talk);
}

static void plain_alert_before_data_is_a_refusal(void **state) {
    (void)state;
    for (int with_data = 0; with_data <= 1; with_data++) {
        struct talk *talk = talk_13(false, 900, 69);
        struct heard heard = {0};
        struct tls *tls = new_tls(&heard, true);
        push(tls, SIDE_CLIENT, &talk->client, SIZE_MAX);
        push(tls, SIDE_SERVER, &talk->server, SIZE_MAX);
        if (with_data != 0) {
            tls_push_plain(tls, SIDE_SERVER, 23, (const uint8_t *)"250 ok\r\n", 8);
        }
        tls_push_plain(tls, SIDE_SERVER, 21, (const uint8_t *)"\x01\0", 2); /* close_notify is none */
        assert_int_equal(tls_facts(tls)->outcome, TLS_ESTABLISHED);
        tls_push_plain(tls, SIDE_SERVER, 21, (const uint8_t *)"\x02\x74", 2);
        assert_int_equal(tls_facts(tls)->outcome, with_data != 0 ? TLS_ESTABLISHED : TLS_FAILED);
        assert_int_equal(tls_facts(tls)->num_alerts, 2);
        tls_free(tls);
        free(talk);
    }
}

static void sslv2_hello_then_tls(void **state) {
    (void)state;
    struct talk *talk = talk_new(), *rest = full_12();
    struct heard heard;
    PUT_U16(&talk->client, 0x8000 | 31);
    put(&talk->client, "\x01\x03\x01\0\x06\0\0\0\x10\0\0\x35\0\x56\0", 15);
    put_fill(&talk->client, 0xcc, 16);
    put_handshake(&talk->client, 16, "\x02xy", 3);
    finish_12(&talk->client);
    put(&talk->server, rest->server.data, rest->server.len);
    struct tls *tls = follow(talk, &heard);
    const struct tls_facts *f = tls_facts(tls);
    assert_true(f->legacy_hello && f->fallback_scsv);
    assert_int_equal(f->client_versions[0], 0x0301);
    assert_int_equal(f->outcome, TLS_ESTABLISHED);
    assert_int_equal(heard.num_client_hellos, 1);
    tls_free(tls);
    free(talk);
    free(rest);
}

static void pure_sslv2(void **state) {
    (void)state;
    struct talk *talk = talk_new();
    struct heard heard;
    PUT_U16(&talk->client, 0x8000 | 28);
    put(&talk->client, "\x01\0\x02\0\x03\0\0\0\x10\x01\0\x80", 12);
    put_fill(&talk->client, 0xcc, 16);
    PUT_U16(&talk->server, 0x8000 | 23);
    put(&talk->server,
        "\x04\0\x01\0\x02\0\x05\0\x03\0\x04\x30"
        "cert\x01\0\x80"
        "conn",
        23);
    PUT_U16(&talk->client, 0x8000 | 20); /* CLIENT-MASTER-KEY */
    put_fill(&talk->client, 2, 20);
    put(&talk->client, "\0\x20\x07", 3); /* sealed, with padding */
    put_fill(&talk->client, 0x99, 32);
    for (int i = 0; i < 2; i++) {
        PUT_U16(&talk->server, 0x8000 | 33);
        put_fill(&talk->server, 0x77, 33);
    }
    struct tls *tls = follow(talk, &heard);
    const struct tls_facts *f = tls_facts(tls);
    assert_int_equal(f->version, 2);
    assert_int_equal(f->outcome, TLS_ESTABLISHED);
    assert_int_equal(heard.num_server_hellos, 0);
    assert_int_equal(heard.certificate_bytes[SIDE_SERVER], 5);
    tls_free(tls);
    free(talk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_handshake_of_12),
        cmocka_unit_test(no_finished_is_not_established),
        cmocka_unit_test(one_side_that_shows_all),
        cmocka_unit_test(abbreviated_handshake_is_resumed),
        cmocka_unit_test(renegotiation_is_seen),
        cmocka_unit_test(messages_in_tiny_records),
        cmocka_unit_test(several_messages_in_one_record),
        cmocka_unit_test(handshake_of_13),
        cmocka_unit_test(outcomes_of_13),
        cmocka_unit_test(close_after_13_is_no_failure),
        cmocka_unit_test(hello_retry_is_one_handshake),
        cmocka_unit_test(hello_retry_without_ccs),
        cmocka_unit_test(early_data_refused_by_hello_retry),
        cmocka_unit_test(alerts_in_clear),
        cmocka_unit_test(close_notify_before_finished_fails),
        cmocka_unit_test(sealed_alert_instead_of_finished_fails),
        cmocka_unit_test(downgrade_needs_more_on_offer),
        cmocka_unit_test(drafts_are_no_downgrade),
        cmocka_unit_test(plain_messages_of_13),
        cmocka_unit_test(plain_alert_before_data_is_a_refusal),
        cmocka_unit_test(sslv2_hello_then_tls),
        cmocka_unit_test(pure_sslv2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
