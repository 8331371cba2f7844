/* tls_talk.h: whole handshakes for the tests, and a way to follow them under many cuts and both orders of the
 * sides. */
#ifndef STARTTAP_TESTS_TLS_TALK_H
#define STARTTAP_TESTS_TLS_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../parsers/tls.h"
#include "tls_bytes.h"

static const uint8_t plain_random[32] = {1, 2, 3};
static const uint8_t retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};
static const uint16_t suites[] = {0x1302, 0xc030, 0x5600};

/* What the handler heard, without the order between the sides. */
struct heard {
    size_t num_client_hellos, num_server_hellos, num_certificates[2];
    size_t certificate_bytes[2], chain_num[2], sealed_records[2], sealed_bytes[2];
    size_t data_bytes[2];
};

static inline void on_client_hello(void *context, const struct tls_client_hello *hello) {
    (void)hello;
    ((struct heard *)context)->num_client_hellos++;
}

static inline void on_server_hello(void *context, const struct tls_server_hello *hello) {
    assert_false(hello->hello_retry_request);
    ((struct heard *)context)->num_server_hellos++;
}

static inline void on_certificate(void *context, enum side from, size_t index, size_t num, const uint8_t *der,
                                  size_t len) {
    struct heard *heard = context;
    assert_int_equal(index, heard->num_certificates[from]);
    assert_int_equal(der[0], 0x30);
    heard->num_certificates[from]++;
    heard->chain_num[from] = num;
    heard->certificate_bytes[from] += len;
}

static inline void on_sealed(void *context, enum side from, const uint8_t *record, size_t len) {
    struct heard *heard = context;
    assert_int_equal(len, 5 + (record[3] << 8 | record[4]));
    heard->sealed_records[from]++;
    heard->sealed_bytes[from] += len;
}

static inline void on_data(void *context, enum side from, size_t offset, size_t len) {
    (void)offset;
    ((struct heard *)context)->data_bytes[from] += len;
}

struct talk {
    struct bytes client, server;
};

static inline struct talk *talk_new(void) {
    struct talk *talk = calloc(1, sizeof *talk);
    assert_non_null(talk);
    return talk;
}

static inline struct tls *new_tls(struct heard *heard, bool sealed) {
    struct tls_handler handler = {heard,          on_client_hello,           on_server_hello,
                                  on_certificate, sealed ? on_sealed : NULL, sealed ? on_data : NULL};
    struct tls *tls = tls_new(&handler);
    assert_non_null(tls);
    return tls;
}

/* Pushes copies of exactly the piece's size, so that a sanitizer sees a read beyond it. */
static inline void push_part(struct tls *tls, enum side side, const uint8_t *data, size_t data_len,
                             size_t piece) {
    for (size_t at = 0; at < data_len; at += piece) {
        size_t len = data_len - at < piece ? data_len - at : piece;
        uint8_t *copy = malloc(len);
        size_t passed, consumed = 0;
        enum parse_result result = PARSE_OK;
        assert_non_null(copy);
        memcpy(copy, data + at, len);
        if (!tls_pass(tls, side, copy, len, &passed)) {
            result = tls_push(tls, side, copy + passed, len - passed, &consumed);
        }
        free(copy);
        if (result == PARSE_BAD) {
            return;
        }
        assert_int_equal(passed + consumed, len);
    }
}

static inline void push(struct tls *tls, enum side side, const struct bytes *bytes, size_t piece) {
    push_part(tls, side, bytes->data, bytes->len, piece);
}

static inline struct tls_facts copy_facts(const struct tls *tls) {
    struct tls_facts facts = *tls_facts(tls);
    facts.server_name = NULL;
    facts.next_protocol = NULL;
    return facts;
}

/* Follows the talk server first, in pieces: the same facts, and, where the handler wants records, heard the
 * same. */
static inline void follow_in_pieces(const struct talk *talk, size_t piece, bool sealed,
                                    const struct tls_facts *expected, const struct heard *heard) {
    struct heard again = {0};
    struct tls *tls = new_tls(&again, sealed);
    push(tls, SIDE_SERVER, &talk->server, piece);
    push(tls, SIDE_CLIENT, &talk->client, piece);
    struct tls_facts facts = copy_facts(tls);
    /* Alerts of the two sides stand in the order in which they arrived. */
    memcpy(facts.alerts, expected->alerts, sizeof facts.alerts);
    assert_memory_equal(&facts, expected, sizeof facts);
    if (sealed) {
        assert_memory_equal(&again, heard, sizeof again);
    }
    tls_free(tls);
}

/* Follows the talk whole, client first; then checks that every other way gives the same. The caller frees it.
 */
static inline struct tls *follow(const struct talk *talk, struct heard *heard) {
    static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 1000, SIZE_MAX};
    memset(heard, 0, sizeof *heard);
    struct tls *tls = new_tls(heard, true);
    push(tls, SIDE_CLIENT, &talk->client, SIZE_MAX);
    push(tls, SIDE_SERVER, &talk->server, SIZE_MAX);
    struct tls_facts expected = copy_facts(tls);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        follow_in_pieces(talk, pieces[i], true, &expected, heard);
        follow_in_pieces(talk, pieces[i], false, &expected, heard);
    }
    return tls;
}

static inline struct tls *follow_quietly(const struct talk *talk) {
    struct heard heard;
    return follow(talk, &heard);
}

static inline void client_hello_13(struct bytes *out, bool early_data) {
    struct bytes *e = calloc(1, sizeof *e), *body = calloc(1, sizeof *body);
    assert_true(e != NULL && body != NULL);
    put_extension(e, 0x1a1a, "", 0);
    put_extension(e, 0, "\0\x0e\0\0\x0bmx.test.org", 16);
    put_extension(e, 43, "\x06\x2a\x2a\x03\x04\x03\x03", 7);
    if (early_data) {
        put_extension(e, 42, "", 0);
    }
    put_client_hello(body, 0x0303, suites, 3, e);
    put_handshake(out, 1, body->data, body->len);
    free(e);
    free(body);
}

static inline void client_hello_12(struct bytes *out) {
    struct bytes *body = calloc(1, sizeof *body);
    assert_non_null(body);
    put_client_hello(body, 0x0303, suites + 1, 1, NULL);
    put_handshake(out, 1, body->data, body->len);
    free(body);
}

static inline void server_hello(struct bytes *out, const uint8_t random[32], bool is_13, bool psk) {
    struct bytes *e = calloc(1, sizeof *e), *body = calloc(1, sizeof *body);
    assert_true(e != NULL && body != NULL);
    if (is_13) {
        put_extension(e, 43, "\x03\x04", 2);
        put_extension(e, 51, "\x11\xec\0\0", 4);
    } else {
        put_extension(e, 16, "\0\x05\x04smtp", 7);
    }
    if (psk) {
        put_extension(e, 41, "\0\0", 2);
    }
    put_server_hello(body, 0x0303, random, is_13 ? 0x1302 : 0xc030, e);
    put_handshake(out, 2, body->data, body->len);
    free(e);
    free(body);
}

/* A Certificate of 1.2 with that many certificates of len bytes. */
static inline void put_chain(struct bytes *out, size_t num, size_t len) {
    size_t list = vec_open(out, 3);
    for (size_t i = 0; i < num; i++) {
        PUT_U24(out, (uint32_t)len);
        PUT_U8(out, 0x30);
        put_fill(out, 0xaa, len - 1);
    }
    vec_close(out, list, 3);
}

/* Cuts a message into records of that many bytes. */
static inline void put_in_records(struct bytes *out, const struct bytes *message, size_t piece) {
    for (size_t at = 0; at < message->len; at += piece) {
        size_t len = message->len - at < piece ? message->len - at : piece;
        put_record(out, 22, message->data + at, len);
    }
}

static inline void server_flight_12(struct bytes *out) {
    static const uint8_t curve[] = "\x03\0\x17\x02xy\x08\x04\0\x03sig";
    struct bytes *chain = calloc(1, sizeof *chain);
    assert_non_null(chain);
    server_hello(out, plain_random, false, false);
    put_chain(chain, 2, 700);
    put_handshake(out, 11, chain->data, chain->len);
    put_handshake(out, 12, curve, sizeof curve - 1);
    put_handshake(out, 14, "", 0);
    free(chain);
}

static inline void finish_12(struct bytes *out) {
    put_ccs(out);
    put_sealed(out, 22, 40);
}

static inline struct talk *full_12(void) {
    struct talk *talk = talk_new();
    client_hello_12(&talk->client);
    server_flight_12(&talk->server);
    put_handshake(&talk->client, 16, "\x02xy", 3);
    finish_12(&talk->client);
    finish_12(&talk->server);
    return talk;
}

/* 1.3: hello, dummy CCS, sealed flights of these sizes. */
static inline struct talk *talk_13(bool early_data, size_t server_flight, size_t client_flight) {
    struct talk *talk = talk_new();
    client_hello_13(&talk->client, early_data);
    server_hello(&talk->server, plain_random, true, false);
    put_ccs(&talk->server);
    put_sealed(&talk->server, 23, server_flight);
    put_ccs(&talk->client);
    if (client_flight > 0) {
        put_sealed(&talk->client, 23, client_flight);
    }
    return talk;
}

#endif
