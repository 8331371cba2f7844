/* Hellos, key exchange and certificates: what their bytes say, and what they do not say when their lengths
 * lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../parsers/tls_certificate.h"
#include "../../parsers/tls_hello.h"
#include "../../parsers/tls_keyexchange.h"
#include "../../parsers/tls_sslv2.h"
#include "tls_bytes.h"

static const uint8_t random_bytes[32] = {7};

static void forget(struct tls_facts *facts) {
    free((void *)facts->server_name);
    free((void *)facts->next_protocol);
    memset(facts, 0, sizeof *facts);
}

/* The facts of a ClientHello with this one extension. */
static struct tls_facts note_extension(uint16_t type, const void *data, size_t len) {
    static const uint16_t suite = 0x1301;
    struct bytes *e = calloc(1, sizeof *e), *body = calloc(1, sizeof *body);
    struct tls_facts facts = {0};
    struct tls_client_hello hello;
    assert_true(e != NULL && body != NULL);
    put_extension(e, type, data, len);
    put_client_hello(body, 0x0303, &suite, 1, e);
    assert_int_equal(tls_client_hello_parse(reader_of(body->data, body->len), &hello), PARSE_OK);
    tls_client_hello_note(&hello, &facts);
    free(e);
    free(body);
    return facts;
}

static void server_names(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t len, name_len;
        bool malformed;
    } rows[] = {
        {"\0\x06\0\0\x03h.x", 8, 3, false},
        {"\0\x06\0\0\x03h\0x", 8, 3, false},            /* NUL is a byte like others */
        {"\0\x0a\x01\0\x01z\0\0\x03h.x", 12, 3, false}, /* another type first */
        {"\0\x06\0\0\x09h.x", 8, 0, true},
        {"\0\x60\0\0\x03h.x", 8, 0, true},
        {"\0\x03\0\0\0", 5, 0, false},
        {"\0", 1, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tls_facts facts = note_extension(0, rows[i].data, rows[i].len);
        assert_int_equal(facts.server_name_len, rows[i].name_len);
        assert_int_equal(facts.server_name == NULL, rows[i].name_len == 0);
        assert_int_equal(facts.malformed, rows[i].malformed);
        assert_int_equal(facts.client_versions[0], 0x0303);
        forget(&facts);
    }
}

static void long_server_name_is_cut(void **state) {
    (void)state;
    struct bytes *data = calloc(1, sizeof *data);
    assert_non_null(data);
    PUT_U16(data, 603);
    PUT_U8(data, 0);
    PUT_U16(data, 600);
    put_fill(data, 'n', 600);
    struct tls_facts facts = note_extension(0, data->data, data->len);
    assert_int_equal(facts.server_name_len, TLS_NAME_MAX);
    assert_int_equal(facts.limits_hit, 1);
    forget(&facts);
    free(data);
}

static void offered_versions(void **state) {
    (void)state;
    struct tls_facts facts = note_extension(43, "\x08\x0a\x0a\x7f\x1c\x03\x04\x03\x03", 9);
    assert_int_equal(facts.num_client_versions, 3);
    assert_int_equal(facts.client_versions[0], 0x7f1c);
    assert_int_equal(facts.client_versions[2], 0x0303);
    forget(&facts);
    uint8_t many[1 + 2 * 40] = {80};
    for (size_t i = 0; i < 40; i++) {
        many[2 + 2 * i] = (uint8_t)i;
    }
    facts = note_extension(43, many, sizeof many);
    assert_int_equal(facts.num_client_versions, TLS_VERSIONS_MAX);
    assert_int_equal(facts.limits_hit, 1);
    forget(&facts);
    facts = note_extension(43, "\x03\x03\x04\x03", 4);
    assert_int_equal(facts.num_client_versions, 1);
    assert_true(facts.malformed);
    forget(&facts);
}

static void flags_of_extensions(void **state) {
    (void)state;
    struct tls_facts facts = note_extension(35, "ticket", 6);
    assert_true(facts.ticket_offered && !facts.psk_offered && !facts.ech && !facts.early_data);
    facts = note_extension(35, "", 0);
    assert_false(facts.ticket_offered);
    facts = note_extension(41, "x", 1);
    assert_true(facts.psk_offered);
    facts = note_extension(42, "", 0);
    assert_true(facts.early_data);
    facts = note_extension(0xfe0d, "x", 1);
    assert_true(facts.ech);
    facts = note_extension(0xffce, "x", 1);
    assert_true(facts.ech);
    facts = note_extension(17, "x", 1);
    assert_true(facts.status_request);
}

/* Every prefix of a hello: refused, or parsed with what is there; never read beyond. */
static void cut_hellos(void **state) {
    (void)state;
    static const uint16_t suites[] = {0x1301, 0xc02f};
    struct bytes *e = calloc(1, sizeof *e), *body = calloc(1, sizeof *body);
    assert_true(e != NULL && body != NULL);
    put_extension(e, 0, "\0\x06\0\0\x03h.x", 8);
    put_extension(e, 16, "\0\x03\x02h2", 5);
    put_client_hello(body, 0x0303, suites, 2, e);
    size_t fixed = 2 + 32 + 1 + 2 + 4 + 2;
    for (size_t len = 0; len <= body->len; len++) {
        uint8_t *copy = malloc(len > 0 ? len : 1);
        struct tls_client_hello hello;
        assert_non_null(copy);
        memcpy(copy, body->data, len);
        enum parse_result result = tls_client_hello_parse(reader_of(copy, len), &hello);
        assert_int_equal(result, len < fixed ? PARSE_BAD : PARSE_OK);
        if (result == PARSE_OK) {
            struct tls_facts facts = {0};
            tls_client_hello_note(&hello, &facts);
            assert_int_equal(hello.has_extensions, len > fixed);
            assert_int_equal(facts.malformed, len > fixed && len < body->len);
            assert_int_equal(facts.server_name != NULL, len == body->len);
            forget(&facts);
        }
        free(copy);
    }
    free(e);
    free(body);
}

static struct tls_server_hello parse_server_hello(const struct bytes *body) {
    struct tls_server_hello hello;
    assert_int_equal(tls_server_hello_parse(reader_of(body->data, body->len), &hello), PARSE_OK);
    return hello;
}

static void server_hello_of_1_3(void **state) {
    (void)state;
    struct bytes *e = calloc(1, sizeof *e), *body = calloc(1, sizeof *body);
    struct tls_facts facts = {0};
    assert_true(e != NULL && body != NULL);
    put_extension(e, 43, "\x03\x04", 2);
    put_extension(e, 51, "\x01\x01\0\x01x", 5);
    put_extension(e, 41, "\0\0", 2);
    put_server_hello(body, 0x0303, random_bytes, 0x1301, e);
    struct tls_server_hello hello = parse_server_hello(body);
    tls_server_hello_note(&hello, &facts);
    assert_int_equal(hello.legacy_version, 0x0303);
    assert_int_equal(facts.version, 0x0304);
    assert_int_equal(facts.group, 0x0101);
    assert_int_equal(facts.dh_bits, 3072);
    assert_true(tls_server_hello_choice(&hello).psk);
    assert_false(tls_server_hello_choice(&hello).sentinel || hello.hello_retry_request);
    free(e);
    free(body);
}

static void server_hello_of_early_drafts(void **state) {
    (void)state;
    struct bytes *body = calloc(1, sizeof *body);
    struct tls_facts facts = {0};
    assert_non_null(body);
    PUT_U16(body, 0x7f12); /* draft 18: no session id, no compression */
    put(body, random_bytes, 32);
    PUT_U16(body, 0x1301);
    size_t block = vec_open(body, 2);
    put_extension(body, 40, "\0\x1d\0\x01x", 5);
    vec_close(body, block, 2);
    struct tls_server_hello hello = parse_server_hello(body);
    tls_server_hello_note(&hello, &facts);
    assert_int_equal(facts.version, 0x7f12);
    assert_int_equal(facts.cipher_suite, 0x1301);
    assert_int_equal(facts.group, 0x1d);
    assert_false(facts.malformed);
    free(body);
}

static void server_hello_of_1_2(void **state) {
    (void)state;
    static const struct {
        const char *alpn;
        size_t len, name_len;
        bool malformed;
    } rows[] = {
        {"\0\x05\x04smtp", 7, 4, false}, {"\0\x01\0", 3, 0, true}, {"\0\x06\x02h2\x02h3", 8, 0, true}};
    uint8_t marked[32] = {0};
    memcpy(marked + 24, "DOWNGRD\0", 8);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes *e = calloc(1, sizeof *e), *body = calloc(1, sizeof *body);
        struct tls_facts facts = {0};
        assert_true(e != NULL && body != NULL);
        put_extension(e, 16, rows[i].alpn, rows[i].len);
        put_extension(e, 20, "\x02", 1);
        put_server_hello(body, 0x0302, marked, 0xc013, e);
        struct tls_server_hello hello = parse_server_hello(body);
        tls_server_hello_note(&hello, &facts);
        assert_int_equal(facts.next_protocol_len, rows[i].name_len);
        assert_int_equal(facts.malformed, rows[i].malformed);
        assert_int_equal(facts.version, 0x0302);
        assert_true(facts.raw_public_key);
        assert_true(tls_server_hello_choice(&hello).sentinel);
        forget(&facts);
        free(e);
        free(body);
    }
}

static void key_exchanges(void **state) {
    (void)state;
    static const struct {
        uint16_t version, suite;
        const char *body;
        size_t len;
        uint16_t group, dh_bits, scheme;
        bool malformed;
    } rows[] = {
        {0x0303, 0xc02f, "\x03\0\x1d\x01x\x04\x03\0\x01s", 10, 0x1d, 0, 0x0403, false},
        {0x0302, 0xc013, "\x03\0\x17\x01x\0\x01s", 8, 0x17, 0, 0, false},
        {0x0303, 0x009e, "\0\x03\0\x40\0\0\x01\x02\0\x01y\x08\x04\0\x01s", 16, 0, 15, 0x0804, false},
        {0x0303, 0x00a6, "\0\x02\x80\0\0\x01\x02\0\x01y", 10, 0, 16, 0, false},  /* anonymous */
        {0x0303, 0xc037, "\0\x04hint\x03\0\x18\x01x", 11, 0x18, 0, 0, false},    /* PSK */
        {0x0303, 0x00aa, "\0\0\0\x01\x01\0\x01\x02\0\x01y", 11, 0, 1, 0, false}, /* PSK */
        {0x0303, 0xc02f, "\x01whatever", 9, 0xff01, 0, 0, false},                /* explicit prime */
        {0x0303, 0xc02f, "\x02", 1, 0xff02, 0, 0, false},
        {0x0303, 0xc02f, "\x09zz", 3, 0, 0, 0, false},
        {0x0303, 0xc02f, "\x03\0\x17\x05x", 5, 0, 0, 0, true},
        {0x0303, 0x009e, "\0\x03\0\x40", 4, 0, 0, 0, true},
        {0x0303, 0x009e, "\0\0\0\0\0\0", 6, 0, 0, 0, false},    /* no prime at all */
        {0x0303, 0x002f, "\x03\0\x17\x01x", 5, 0, 0, 0, false}, /* RSA has none */
        {0x0303, 0xc02f, "\x03\0\x17\x01x\x04\x03\0\x09s", 10, 0x17, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tls_facts facts = {
            .server_hello = true, .version = rows[i].version, .cipher_suite = rows[i].suite};
        tls_server_key_exchange_note(reader_of((const uint8_t *)rows[i].body, rows[i].len), &facts);
        assert_int_equal(facts.group, rows[i].group);
        assert_int_equal(facts.dh_bits, rows[i].dh_bits);
        assert_int_equal(facts.signature_scheme, rows[i].scheme);
        assert_int_equal(facts.malformed, rows[i].malformed);
    }
}

static void chains(void **state) {
    (void)state;
    static const struct {
        bool is_13;
        const char *body;
        size_t len, num;
        enum parse_result result;
        bool ocsp;
    } rows[] = {
        {false, "\0\0\0", 3, 0, PARSE_OK, false},
        {false, "\0\0\x0b\0\0\x03one\0\0\x02hi", 14, 2, PARSE_OK, false},
        {false, "\0\0\x0b\0\0\x03one\0\0\x03hi", 14, 0, PARSE_BAD, false},
        {false, "\0\0\x0c\0\0\x03one\0\0\x02hi", 14, 0, PARSE_BAD, false},
        {true, "\0\0\0\x08\0\0\x03one\0\0", 12, 1, PARSE_OK, false},
        {true, "\x02id\0\0\x0d\0\0\x03one\0\x05\0\x05\0\x01o", 19, 1, PARSE_OK, true},
        {true, "\0\0\0\x06\0\0\x03one", 10, 0, PARSE_BAD, false}, /* no extensions */
        {true, "", 0, 0, PARSE_BAD, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tls_chain chain = {.num = 99};
        struct reader body = reader_of((const uint8_t *)rows[i].body, rows[i].len), der;
        assert_int_equal(tls_chain_parse(body, rows[i].is_13, &chain), rows[i].result);
        if (rows[i].result != PARSE_OK) {
            assert_int_equal(chain.num, 99); /* outputs are untouched */
            continue;
        }
        assert_int_equal(chain.num, rows[i].num);
        assert_int_equal(chain.ocsp, rows[i].ocsp);
        for (size_t n = 0; n < rows[i].num; n++) {
            assert_true(tls_chain_next(&chain, &der));
            assert_memory_equal(der.pos, n == 0 ? "one" : "hi", reader_left(&der));
        }
        assert_false(tls_chain_next(&chain, &der));
    }
}

static void sslv2_hellos(void **state) {
    (void)state;
    static const uint8_t client[] = "\x01\0\x02\0\x06\0\x02\0\x04\x01\0\x80\0\0\x05idrand";
    struct tls_client_hello hello;
    assert_int_equal(tls_client_hello_parse_sslv2(reader_of(client, sizeof client - 1), &hello), PARSE_OK);
    assert_int_equal(hello.legacy_version, 2);
    assert_int_equal(reader_left(&hello.cipher_suites), 6);
    assert_memory_equal(hello.session_id.pos, "id", 2);
    assert_memory_equal(hello.random.pos, "rand", 4);
    assert_false(hello.has_extensions);
    for (size_t len = 0; len < sizeof client - 1; len++) {
        assert_int_equal(tls_client_hello_parse_sslv2(reader_of(client, len), &hello), PARSE_BAD);
    }
    static const uint8_t server[] = "\x04\x01\x01\0\x02\0\x03\0\x03\0\x02"
                                    "der\x01\0\x80"
                                    "id";
    struct tls_sslv2_server_hello answer;
    assert_int_equal(tls_sslv2_server_hello_parse(reader_of(server, sizeof server - 1), &answer), PARSE_OK);
    assert_true(answer.session_id_hit);
    assert_int_equal(answer.version, 2);
    assert_memory_equal(answer.certificate.pos, "der", reader_left(&answer.certificate));
    for (size_t len = 0; len < sizeof server - 1; len++) {
        assert_int_equal(tls_sslv2_server_hello_parse(reader_of(server, len), &answer), PARSE_BAD);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_names),
        cmocka_unit_test(long_server_name_is_cut),
        cmocka_unit_test(offered_versions),
        cmocka_unit_test(flags_of_extensions),
        cmocka_unit_test(cut_hellos),
        cmocka_unit_test(server_hello_of_1_3),
        cmocka_unit_test(server_hello_of_early_drafts),
        cmocka_unit_test(server_hello_of_1_2),
        cmocka_unit_test(key_exchanges),
        cmocka_unit_test(chains),
        cmocka_unit_test(sslv2_hellos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
