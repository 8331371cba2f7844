/* Records made readable: RFC 8448's trace as known answers, and what it has none of, sealed here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/judge/decrypt.h"
#include "rfc8448.h"
#include "seal.h"
#include "unhex.h"

enum { ALERT = 21, HANDSHAKE = 22, DATA = 23 };

/* What came out, of each side in a row. */
struct heard {
    uint8_t bytes[2][1 << 18];
    size_t len[2], num[2], num_missed[2];
    uint8_t types[2][64];
};

struct scene {
    struct keylog *keylog;
    struct decrypt *decrypt;
    struct heard *heard;
};

static void on_plain(void *context, enum side from, uint8_t type, const uint8_t *data, size_t len) {
    struct heard *heard = context;
    assert_true(heard->num[from] < sizeof heard->types[from]);
    assert_true(heard->len[from] + len <= sizeof heard->bytes[from]);
    heard->types[from][heard->num[from]++] = type;
    if (len > 0)
        memcpy(heard->bytes[from] + heard->len[from], data, len);
    heard->len[from] += len;
}

static void on_missed(void *context, enum side from) {
    ((struct heard *)context)->num_missed[from]++;
}

static void read_keys(struct scene *scene, const char *lines) {
    keylog_push(scene->keylog, (const uint8_t *)lines, strlen(lines));
}

static void begin(struct scene *scene, const char *keys) {
    scene->keylog = keylog_new(NULL, NULL);
    scene->heard = calloc(1, sizeof *scene->heard);
    assert_non_null(scene->keylog);
    assert_non_null(scene->heard);
    read_keys(scene, keys);
    struct decrypt_handler handler = {scene->heard, on_plain, on_missed};
    scene->decrypt = decrypt_new(scene->keylog, &handler);
    assert_non_null(scene->decrypt);
}

static void end(struct scene *scene) {
    decrypt_free(scene->decrypt);
    keylog_free(scene->keylog);
    free(scene->heard);
}

static void push(struct scene *scene, enum side from, const uint8_t *record, size_t len) {
    uint8_t *copy = malloc(len); /* so that a sanitizer sees a read past its end */
    assert_non_null(copy);
    memcpy(copy, record, len);
    decrypt_record(scene->decrypt, from, copy, len);
    free(copy);
}

static void push_hex(struct scene *scene, enum side from, const char *hex) {
    uint8_t record[1024];
    push(scene, from, record, unhex(hex, record, sizeof record));
}

static void client_hello(struct scene *scene) {
    uint8_t random[KEYLOG_RANDOM_LEN];
    unhex(rfc8448_random, random, sizeof random);
    decrypt_client_hello(scene->decrypt, random, false);
}

static void server_hello(struct scene *scene) {
    decrypt_server_hello(scene->decrypt, 0x0304, 0x1301);
}

static void expect_content(const struct scene *scene, enum side side, const char *hex, size_t at,
                           uint8_t type, size_t index) {
    uint8_t expected[1024];
    size_t len = unhex(hex, expected, sizeof expected);
    assert_true(index < scene->heard->num[side]);
    assert_int_equal(scene->heard->types[side][index], type);
    assert_true(at + len <= scene->heard->len[side]);
    assert_memory_equal(scene->heard->bytes[side] + at, expected, len);
}

#define FLIGHT_LEN   657
#define FINISHED_LEN 36
#define TICKET_LEN   205

static const char fifty[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031";

static void expect_the_trace(const struct scene *scene) {
    const struct heard *heard = scene->heard;
    assert_int_equal(heard->num[SIDE_SERVER], 4);
    expect_content(scene, SIDE_SERVER, rfc8448_server_messages, 0, HANDSHAKE, 0);
    expect_content(scene, SIDE_SERVER, "040000c9", FLIGHT_LEN, HANDSHAKE, 1);
    expect_content(scene, SIDE_SERVER, fifty, FLIGHT_LEN + TICKET_LEN, DATA, 2);
    expect_content(scene, SIDE_SERVER, "0100", FLIGHT_LEN + TICKET_LEN + 50, ALERT, 3);
    assert_int_equal(heard->len[SIDE_SERVER], FLIGHT_LEN + TICKET_LEN + 50 + 2);
    assert_int_equal(heard->num[SIDE_CLIENT], 3);
    expect_content(scene, SIDE_CLIENT, rfc8448_client_finished_message, 0, HANDSHAKE, 0);
    expect_content(scene, SIDE_CLIENT, fifty, FINISHED_LEN, DATA, 1);
    expect_content(scene, SIDE_CLIENT, "0100", FINISHED_LEN + 50, ALERT, 2);
    assert_int_equal(heard->len[SIDE_CLIENT], FINISHED_LEN + 50 + 2);
    assert_int_equal(heard->num_missed[SIDE_CLIENT] + heard->num_missed[SIDE_SERVER], 0);
    assert_true(decrypt_opened(scene->decrypt));
    assert_true(decrypt_handshake_read(scene->decrypt, SIDE_CLIENT));
    assert_true(decrypt_handshake_read(scene->decrypt, SIDE_SERVER));
}

static void push_client(struct scene *scene) {
    push_hex(scene, SIDE_CLIENT, rfc8448_client_finished);
    push_hex(scene, SIDE_CLIENT, rfc8448_client_data);
    push_hex(scene, SIDE_CLIENT, rfc8448_client_alert);
}

static void push_server(struct scene *scene) {
    push_hex(scene, SIDE_SERVER, rfc8448_server_flight);
    push_hex(scene, SIDE_SERVER, rfc8448_ticket);
    push_hex(scene, SIDE_SERVER, rfc8448_server_data);
    push_hex(scene, SIDE_SERVER, rfc8448_server_alert);
}

static void reads_the_trace_of_rfc8448(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, rfc8448_keylog);
    client_hello(&scene);
    server_hello(&scene);
    assert_false(decrypt_opened(scene.decrypt));
    push_hex(&scene, SIDE_SERVER, rfc8448_server_flight);
    assert_true(decrypt_handshake_read(scene.decrypt, SIDE_SERVER));
    assert_false(decrypt_handshake_read(scene.decrypt, SIDE_CLIENT));
    push_client(&scene);
    push_hex(&scene, SIDE_SERVER, rfc8448_ticket);
    push_hex(&scene, SIDE_SERVER, rfc8448_server_data);
    push_hex(&scene, SIDE_SERVER, rfc8448_server_alert);
    decrypt_finish(scene.decrypt);
    expect_the_trace(&scene);
    end(&scene);
}

/* A capture may show one side before the other's hello. */
static void holds_what_comes_too_early(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, rfc8448_keylog);
    client_hello(&scene);
    push_client(&scene);
    assert_int_equal(scene.heard->num[SIDE_CLIENT], 0);
    server_hello(&scene);
    assert_int_equal(scene.heard->num[SIDE_CLIENT], 3);
    push_server(&scene);
    expect_the_trace(&scene);
    end(&scene);

    begin(&scene, rfc8448_keylog);
    server_hello(&scene);
    push_server(&scene);
    assert_int_equal(scene.heard->num[SIDE_SERVER], 0);
    client_hello(&scene);
    push_client(&scene);
    expect_the_trace(&scene);
    end(&scene);
}

static void waits_for_a_key_log_that_grows(void **state) {
    (void)state;
    struct scene scene;
    size_t half = (size_t)(strstr(rfc8448_keylog, "CLIENT_TRAFFIC") - rfc8448_keylog);
    begin(&scene, "");
    keylog_set_growing(scene.keylog, true);
    client_hello(&scene);
    server_hello(&scene);
    push_server(&scene);
    push_hex(&scene, SIDE_CLIENT, rfc8448_client_finished);
    assert_false(decrypt_opened(scene.decrypt));
    keylog_push(scene.keylog, (const uint8_t *)rfc8448_keylog, half);
    push_hex(&scene, SIDE_CLIENT, rfc8448_client_data);
    assert_int_equal(scene.heard->num[SIDE_SERVER], 1);
    assert_int_equal(scene.heard->num[SIDE_CLIENT], 1);
    read_keys(&scene, rfc8448_keylog + half);
    push_hex(&scene, SIDE_CLIENT, rfc8448_client_alert);
    decrypt_finish(scene.decrypt);
    expect_the_trace(&scene);
    end(&scene);
}

static void ends_where_a_secret_never_comes(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, "");
    keylog_set_growing(scene.keylog, true);
    client_hello(&scene);
    server_hello(&scene);
    push_server(&scene);
    decrypt_finish(scene.decrypt);
    assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 1);
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 0); /* it said nothing */
    end(&scene);

    /* a key log of somebody else's connections: nothing is held back */
    begin(&scene, rfc8448_keylog);
    decrypt_client_hello(scene.decrypt, (const uint8_t[KEYLOG_RANDOM_LEN]){1}, false);
    assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 1);
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 1);
    server_hello(&scene);
    push_server(&scene);
    push_client(&scene);
    assert_false(decrypt_opened(scene.decrypt));
    assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 1);
    end(&scene);
}

/* A key log with the secrets of the handshake alone, or of one side alone. */
static void reads_as_far_as_there_are_secrets(void **state) {
    (void)state;
    struct scene scene;
    const char *server = strstr(rfc8448_keylog, "SERVER_HANDSHAKE");
    char only_server[256];
    snprintf(only_server, sizeof only_server, "%.*s", (int)(strchr(server, '\n') - server) + 1, server);
    begin(&scene, only_server);
    client_hello(&scene);
    server_hello(&scene);
    push_server(&scene);
    push_client(&scene);
    assert_int_equal(scene.heard->num[SIDE_SERVER], 1);
    assert_int_equal(scene.heard->num[SIDE_CLIENT], 0);
    assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 1);
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 1);
    assert_true(decrypt_handshake_read(scene.decrypt, SIDE_SERVER));
    assert_false(decrypt_handshake_read(scene.decrypt, SIDE_CLIENT));
    end(&scene);
}

static void other_versions_and_suites_stay_closed(void **state) {
    (void)state;
    static const uint16_t cases[][2] = {
        {0x0303, 0x1301}, {0x7f1c, 0x1301}, {0x0304, 0x1304}, {0x0304, 0xc02f}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        begin(&scene, rfc8448_keylog);
        client_hello(&scene);
        decrypt_server_hello(scene.decrypt, cases[i][0], cases[i][1]);
        push_server(&scene);
        push_client(&scene);
        assert_false(decrypt_opened(scene.decrypt));
        assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 1);
        assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 1);
        end(&scene);
    }
    /* a secret whose length is not the suite's */
    struct scene scene;
    begin(&scene, rfc8448_keylog);
    client_hello(&scene);
    decrypt_server_hello(scene.decrypt, 0x0304, 0x1302);
    push_server(&scene);
    assert_false(decrypt_opened(scene.decrypt));
    assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 1);
    end(&scene);
}

/* After a lost record no other opens; the other side goes on. */
static void a_lost_record_ends_its_side(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, rfc8448_keylog);
    client_hello(&scene);
    server_hello(&scene);
    push_hex(&scene, SIDE_SERVER, rfc8448_server_flight);
    push_hex(&scene, SIDE_SERVER, rfc8448_server_data); /* the ticket is missing */
    push_hex(&scene, SIDE_SERVER, rfc8448_ticket);      /* and would be too late */
    push_client(&scene);
    assert_int_equal(scene.heard->num[SIDE_SERVER], 1);
    assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 1);
    assert_int_equal(scene.heard->num[SIDE_CLIENT], 3);
    end(&scene);

    begin(&scene, rfc8448_keylog);
    client_hello(&scene);
    server_hello(&scene);
    push_hex(&scene, SIDE_SERVER, rfc8448_server_flight);
    decrypt_gap(scene.decrypt, SIDE_SERVER);
    decrypt_gap(scene.decrypt, SIDE_SERVER);
    push_hex(&scene, SIDE_SERVER, rfc8448_ticket);
    assert_int_equal(scene.heard->num[SIDE_SERVER], 1);
    assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 1);
    end(&scene);
}

/* Each bit of header, ciphertext and tag counts. */
static void a_changed_record_does_not_open(void **state) {
    (void)state;
    static const size_t changed[] = {1, 2, 3, 4, 5, 30, 57};
    uint8_t record[64];
    size_t len = unhex(rfc8448_client_finished, record, sizeof record);
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        struct scene scene;
        begin(&scene, rfc8448_keylog);
        client_hello(&scene);
        server_hello(&scene);
        record[changed[i]] ^= 1;
        push(&scene, SIDE_CLIENT, record, len);
        record[changed[i]] ^= 1;
        assert_false(decrypt_opened(scene.decrypt));
        assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 1);
        end(&scene);
    }
}

static void records_of_impossible_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {5, 6, 5 + 16, 5 + 16 + 16640 + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        static uint8_t record[20000];
        struct scene scene;
        size_t body = sizes[i] - 5;
        record[0] = DATA, record[1] = record[2] = 3, record[3] = (uint8_t)(body >> 8),
        record[4] = (uint8_t)body;
        begin(&scene, rfc8448_keylog);
        client_hello(&scene);
        server_hello(&scene);
        push(&scene, SIDE_SERVER, record, 4);
        assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 0);
        push(&scene, SIDE_SERVER, record, sizes[i]);
        assert_int_equal(scene.heard->num_missed[SIDE_SERVER], 1);
        end(&scene);
    }
}

static void types_that_are_not_protected_pass(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, rfc8448_keylog);
    client_hello(&scene);
    server_hello(&scene);
    push_hex(&scene, SIDE_SERVER, "140303000101"); /* for middleboxes */
    push_hex(&scene, SIDE_CLIENT, "160303000401000000");
    push_hex(&scene, SIDE_CLIENT, "15030300020100");
    push_server(&scene);
    push_client(&scene);
    expect_the_trace(&scene);
    end(&scene);
}

static void what_is_held_has_a_limit(void **state) {
    (void)state;
    static uint8_t record[5 + 16000] = {DATA, 3, 3, 16000 >> 8, 16000 & 0xff};
    struct scene scene;
    begin(&scene, rfc8448_keylog);
    client_hello(&scene);
    for (size_t i = 0; i < DECRYPT_HELD_MAX / sizeof record; i++)
        push(&scene, SIDE_CLIENT, record, sizeof record);
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 0);
    push(&scene, SIDE_CLIENT, record, sizeof record);
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 1);
    server_hello(&scene);
    push_server(&scene);
    assert_int_equal(scene.heard->num[SIDE_SERVER], 4);
    end(&scene);
}

/* --- sealed here --- */

static const uint8_t random_of_ours[KEYLOG_RANDOM_LEN] = {0xaa, 1, 2, 3};

static void line_for(const struct sealer *sealer, const char *label, char *line) {
    size_t len = sealer->suite == 0x1302 ? 48 : 32;
    line += sprintf(line, "%s ", label);
    for (size_t i = 0; i < sizeof random_of_ours; i++)
        line += sprintf(line, "%02x", random_of_ours[i]);
    line += sprintf(line, " ");
    for (size_t i = 0; i < len; i++)
        line += sprintf(line, "%02x", sealer->secret[i]);
    sprintf(line, "\n");
}

/* A connection of which the client's side is sealed by these two. */
static void begin_sealed(struct scene *scene, uint16_t suite, struct sealer *handshake,
                         struct sealer *application, bool early_data) {
    char line[256];
    *handshake = (struct sealer){.suite = suite, .secret = {1, 2, 3}};
    *application = (struct sealer){.suite = suite, .secret = {9, 8, 7}};
    begin(scene, "");
    line_for(handshake, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", line);
    read_keys(scene, line);
    line_for(application, "CLIENT_TRAFFIC_SECRET_0", line);
    read_keys(scene, line);
    decrypt_client_hello(scene->decrypt, random_of_ours, early_data);
    decrypt_server_hello(scene->decrypt, 0x0304, suite);
}

static void say(struct scene *scene, struct sealer *sealer, uint8_t type, const void *content, size_t len,
                size_t padding) {
    static uint8_t record[SEAL_MAX];
    push(scene, SIDE_CLIENT, record, seal(sealer, type, content, len, padding, record));
}

static const uint8_t finished[] = {20, 0, 0, 4, 1, 2, 3, 4};
static const uint8_t key_update[] = {24, 0, 0, 1, 0};

static void every_suite_and_key_updates(void **state) {
    (void)state;
    for (uint16_t suite = 0x1301; suite <= 0x1303; suite++) {
        struct scene scene;
        struct sealer handshake, application;
        begin_sealed(&scene, suite, &handshake, &application, false);
        say(&scene, &handshake, HANDSHAKE, finished, sizeof finished, 0);
        say(&scene, &application, DATA, "one", 3, 0);
        for (int i = 0; i < 3; i++) {
            say(&scene, &application, HANDSHAKE, key_update, sizeof key_update, 0);
            seal_update(&application);
            say(&scene, &application, DATA, "two", 3, 100);
            say(&scene, &application, DATA, "three", 5, 0);
        }
        assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 0);
        assert_int_equal(scene.heard->num[SIDE_CLIENT], 1 + 1 + 3 * 3);
        assert_memory_equal(scene.heard->bytes[SIDE_CLIENT] + sizeof finished,
                            "one\x18\0\0\x01\0twothree\x18", 17);
        end(&scene);
    }
}

/* Messages cut over records, padded ones, the largest record, one that holds no byte. */
static void content_in_every_shape(void **state) {
    (void)state;
    static const uint8_t certificate[300] = {11, 0, 1, 40};
    static uint8_t large[16384];
    struct scene scene;
    struct sealer handshake, application;
    begin_sealed(&scene, 0x1301, &handshake, &application, false);
    say(&scene, &handshake, HANDSHAKE, certificate, 2, 0);
    say(&scene, &handshake, HANDSHAKE, certificate + 2, 150, 7);
    say(&scene, &handshake, HANDSHAKE, certificate + 152, 148, 0);
    for (size_t i = 0; i < sizeof finished; i++) {
        assert_false(decrypt_handshake_read(scene.decrypt, SIDE_CLIENT));
        say(&scene, &handshake, HANDSHAKE, finished + i, 1, 0);
    }
    assert_true(decrypt_handshake_read(scene.decrypt, SIDE_CLIENT));
    memset(large, 'x', sizeof large);
    say(&scene, &application, DATA, large, sizeof large, 0);
    say(&scene, &application, DATA, large, 10, 16384 - 10);
    say(&scene, &application, DATA, "", 0, 0);
    say(&scene, &application, DATA, "end\0", 4, 3); /* a zero that is content, and zeros that are padding */
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 0);
    assert_int_equal(scene.heard->len[SIDE_CLIENT], 300 + sizeof finished + 16384 + 10 + 4);
    end(&scene);
}

/* Content types are never 0 (RFC 8446 section 5.4). */
static void a_record_of_nothing_but_padding_ends_the_side(void **state) {
    (void)state;
    struct scene scene;
    struct sealer handshake, application;
    begin_sealed(&scene, 0x1301, &handshake, &application, false);
    say(&scene, &handshake, 0, "", 0, 20);
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 1);
    assert_int_equal(scene.heard->num[SIDE_CLIENT], 0);
    end(&scene);
}

/* In the handshake a KeyUpdate means nothing, and a second Finished behind it means nothing, either. */
static void only_the_right_message_changes_keys(void **state) {
    (void)state;
    struct scene scene;
    struct sealer handshake, application;
    begin_sealed(&scene, 0x1303, &handshake, &application, false);
    say(&scene, &handshake, HANDSHAKE, key_update, sizeof key_update, 0);
    say(&scene, &handshake, ALERT, finished, sizeof finished, 0);
    say(&scene, &handshake, HANDSHAKE, finished, sizeof finished, 0);
    say(&scene, &application, HANDSHAKE, finished, sizeof finished, 0);
    say(&scene, &application, DATA, key_update, sizeof key_update, 0);
    say(&scene, &application, DATA, "ok", 2, 0);
    assert_int_equal(scene.heard->num[SIDE_CLIENT], 6);
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 0);
    end(&scene);
}

/* Sealed by keys that the key log need not hold: passed over until the handshake's own records come. */
static void early_data_is_passed_over(void **state) {
    (void)state;
    struct scene scene;
    struct sealer handshake, application, early = {.suite = 0x1301, .secret = {5}};
    begin_sealed(&scene, 0x1301, &handshake, &application, true);
    say(&scene, &early, DATA, "EHLO x\r\n", 8, 0);
    say(&scene, &early, DATA, "NOOP\r\n", 6, 0);
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 2);
    say(&scene, &handshake, HANDSHAKE, finished, sizeof finished, 0);
    say(&scene, &application, DATA, "late", 4, 0);
    assert_int_equal(scene.heard->num[SIDE_CLIENT], 2);
    say(&scene, &early, DATA, "NOOP\r\n", 6, 0); /* no longer */
    say(&scene, &application, DATA, "lost", 4, 0);
    assert_int_equal(scene.heard->num[SIDE_CLIENT], 2);
    assert_int_equal(scene.heard->num_missed[SIDE_CLIENT], 3);
    end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_trace_of_rfc8448),
        cmocka_unit_test(holds_what_comes_too_early),
        cmocka_unit_test(waits_for_a_key_log_that_grows),
        cmocka_unit_test(ends_where_a_secret_never_comes),
        cmocka_unit_test(reads_as_far_as_there_are_secrets),
        cmocka_unit_test(other_versions_and_suites_stay_closed),
        cmocka_unit_test(a_lost_record_ends_its_side),
        cmocka_unit_test(a_changed_record_does_not_open),
        cmocka_unit_test(records_of_impossible_sizes),
        cmocka_unit_test(types_that_are_not_protected_pass),
        cmocka_unit_test(what_is_held_has_a_limit),
        cmocka_unit_test(every_suite_and_key_updates),
        cmocka_unit_test(content_in_every_shape),
        cmocka_unit_test(a_record_of_nothing_but_padding_ends_the_side),
        cmocka_unit_test(only_the_right_message_changes_keys),
        cmocka_unit_test(early_data_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
