/* Records and messages by themselves: cuts, odd lengths, and how they are found again after missing bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../parsers/tls_message.h"
#include "../../parsers/tls_record.h"
#include "tls_bytes.h"

/* What came out of a side's stream: the records that ended, as "type:length" with '?' for opaque ones. */
struct log {
    char text[400];
    struct bytes body; /* of all records, one after another */
    size_t num_whole;
};

static void read_all(struct tls_record *record, const uint8_t *data, size_t len, struct log *log,
                     enum parse_result expected) {
    struct reader in = reader_of(data, len);
    struct tls_fragment f;
    enum parse_result result;
    while ((result = tls_record_next(record, &in, &f)) == PARSE_OK) {
        put(&log->body, f.data.pos, reader_left(&f.data));
        if (f.last) {
            size_t at = strlen(log->text);
            snprintf(log->text + at, sizeof log->text - at, "%d%s%d ", f.type, f.opaque ? "?" : ":",
                     f.length);
        }
        if (f.whole != NULL) {
            assert_int_equal(f.whole[0], f.type);
            log->num_whole++;
        }
    }
    assert_int_equal(result, expected);
}

static struct log *log_new(void) {
    struct log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    return log;
}

static void any_cut_gives_the_same(void **state) {
    (void)state;
    struct bytes *in = calloc(1, sizeof *in);
    assert_non_null(in);
    put_record(in, 22, "hello", 5);
    put_record(in, 22, "", 0);
    put_ccs(in);
    put_sealed(in, 23, TLS_RECORD_BODY_MAX);
    put_sealed(in, 24, 7);
    for (size_t piece = 1; piece < 40; piece++) {
        struct log *log = log_new();
        struct tls_record record;
        tls_record_init(&record);
        for (size_t at = 0; at < in->len; at += piece) {
            size_t len = in->len - at < piece ? in->len - at : piece;
            read_all(&record, in->data + at, len, log, PARSE_MORE);
        }
        assert_string_equal(log->text, "22:5 22:0 20:1 23:18432 24:7 ");
        assert_int_equal(log->body.len, 5 + 1 + TLS_RECORD_BODY_MAX + 7);
        free(log);
    }
    struct log *log = log_new();
    struct tls_record record;
    tls_record_init(&record);
    read_all(&record, in->data, in->len, log, PARSE_MORE);
    assert_int_equal(log->num_whole, 5);
    free(log);
    free(in);
}

static void found_after_a_gap(void **state) {
    (void)state;
    struct bytes *in = calloc(1, sizeof *in);
    assert_non_null(in);
    put_fill(in, 0x16, 30); /* rest of a record, full of bytes that begin headers */
    put_sealed(in, 23, 50);
    size_t second = in->len;
    put_sealed(in, 23, 60);
    put_alert(in, 2, 40);
    put_ccs(in);
    for (size_t piece = 1; piece < 20; piece++) {
        struct log *log = log_new();
        struct tls_record record;
        tls_record_init(&record);
        assert_false(tls_record_gap(&record, 100));
        for (size_t at = 0; at < in->len; at += piece) {
            size_t len = in->len - at < piece ? in->len - at : piece;
            read_all(&record, in->data + at, len, log, PARSE_MORE);
            if (at + len < second + 5) {
                assert_string_equal(log->text, ""); /* one header may be chance */
            }
        }
        assert_string_equal(log->text, "23?50 23:60 21:2 20:1 ");
        free(log);
    }
    free(in);
}

static void chance_headers_are_not_believed(void **state) {
    (void)state;
    struct bytes *in = calloc(1, sizeof *in);
    assert_non_null(in);
    put_fill(in, 0xee, 9);
    put_sealed(in, 23, 20); /* nothing follows it that is a header */
    put_fill(in, 0xee, 40);
    put(in, "\x14\x03\x03\0\x01\x02", 6); /* a ChangeCipherSpec that is none */
    put_fill(in, 0xee, 9);
    put(in, "\x15\x03\x03\0\x02\x07\x28", 7); /* an alert of level 7 */
    put_fill(in, 0xee, 9);
    put(in, "\x16\x03\x03\0\x09\x01\0\0\x06......", 15); /* its message is longer than itself */
    put_fill(in, 0xee, 40);
    put_sealed(in, 23, 5); /* too short to be sealed, and so are two of them */
    put_sealed(in, 23, 5);
    put_fill(in, 0xee, 40);
    struct log *log = log_new();
    struct tls_record record;
    tls_record_init(&record);
    tls_record_gap(&record, 1);
    read_all(&record, in->data, in->len, log, PARSE_MORE);
    assert_string_equal(log->text, "");
    free(log);
    free(in);
}

static void holes_inside_a_body_are_counted_off(void **state) {
    (void)state;
    struct bytes *in = calloc(1, sizeof *in);
    struct log *log = log_new();
    struct tls_record record;
    assert_non_null(in);
    put_sealed(in, 22, 100);
    put_ccs(in);
    tls_record_init(&record);
    read_all(&record, in->data, 30, log, PARSE_MORE);
    assert_true(tls_record_gap(&record, 50));
    read_all(&record, in->data + 80, in->len - 80, log, PARSE_MORE);
    assert_string_equal(log->text, "22:100 20:1 ");
    assert_int_equal(log->body.len, 51);
    log->text[0] = '\0';
    tls_record_init(&record);
    read_all(&record, in->data, 30, log, PARSE_MORE);
    assert_true(tls_record_gap(&record, 75)); /* exactly to the end */
    read_all(&record, in->data + 105, in->len - 105, log, PARSE_MORE);
    assert_string_equal(log->text, "20:1 ");
    read_all(&record, (const uint8_t *)"250 ok", 6, log, PARSE_MORE); /* never bad after a gap */
    free(log);
    free(in);
}

static void sslv2_after_a_gap_stays_lost(void **state) {
    (void)state;
    struct log *log = log_new();
    struct tls_record record;
    tls_record_init(&record);
    read_all(&record, (const uint8_t *)"\x80\x01x\x80\x02yz", 7, log, PARSE_MORE);
    assert_string_equal(log->text, "128:1 128:2 ");
    assert_false(tls_record_gap(&record, 9));
    read_all(&record, (const uint8_t *)"\x14\x03\x03\0\x01\x01", 6, log, PARSE_MORE);
    assert_string_equal(log->text, "128:1 128:2 ");
    free(log);
}

/* Takes all messages of a fragment and writes "type:length" for each, '-' for one that was skipped. */
static void take_messages(struct tls_messages *m, const uint8_t *data, size_t len, char text[200]) {
    struct reader in = reader_of(data, len);
    struct tls_message message;
    while (tls_messages_next(m, &in, &message) == PARSE_OK) {
        size_t at = strlen(text);
        snprintf(text + at, 200 - at, message.skipped ? "%d- " : "%d:%zu ", message.type,
                 reader_left(&message.body));
        tls_messages_release(m);
    }
    assert_int_equal(reader_left(&in), 0);
}

static void messages_over_any_cut(void **state) {
    (void)state;
    struct bytes *in = calloc(1, sizeof *in), *big = calloc(1, sizeof *big);
    assert_true(in != NULL && big != NULL);
    put_fill(big, 'b', 50000);
    put_message(in, 2, "abc", 3);
    put_message(in, 14, "", 0);
    put_message(in, 11, big->data, big->len);
    put_message(in, 20, "x", 1);
    for (size_t piece = 1; piece < 70000; piece = piece * 2 + 1) {
        struct tls_messages m;
        char text[200] = "";
        tls_messages_init(&m);
        for (size_t at = 0; at < in->len; at += piece) {
            take_messages(&m, in->data + at, in->len - at < piece ? in->len - at : piece, text);
        }
        assert_string_equal(text, "2:3 14:0 11:50000 20:1 ");
        assert_null(m.buffer);
        tls_messages_cleanup(&m);
    }
    free(in);
    free(big);
}

static void memory_follows_what_arrived(void **state) {
    (void)state;
    struct tls_messages m;
    uint8_t type;
    char text[200] = "";
    tls_messages_init(&m);
    take_messages(&m, (const uint8_t *)"\x0b\x0f\xff\xff...", 7, text); /* claims a megabyte */
    assert_in_range(m.capacity, 3, 4096);
    assert_true(tls_messages_open(&m, &type));
    assert_int_equal(type, 11);
    tls_messages_cleanup(&m);
    assert_false(tls_messages_open(&m, &type));
}

static void messages_after_a_gap(void **state) {
    (void)state;
    struct tls_messages m;
    char text[200] = "";
    tls_messages_init(&m);
    /* Inside a message: counted off. */
    take_messages(&m,
                  (const uint8_t *)"\x0b\0\0\x0a"
                                   "1234",
                  8, text);
    tls_messages_gap(&m, 4);
    take_messages(&m, (const uint8_t *)"90\x0e\0\0\0", 6, text);
    assert_string_equal(text, "11- 14:0 ");
    /* Beyond its end: lost until a message fills a record. */
    text[0] = '\0';
    tls_messages_gap(&m, 4);
    take_messages(&m, (const uint8_t *)"\x0e\0\0\0", 4, text);
    tls_messages_record(&m, 5);
    take_messages(&m, (const uint8_t *)"\x0e\0\0\0", 4, text);
    take_messages(&m, (const uint8_t *)"\x0e", 1, text);
    tls_messages_record(&m, 4);
    take_messages(&m, (const uint8_t *)"\x0e\0", 2, text);
    take_messages(&m, (const uint8_t *)"\0\0", 2, text);
    tls_messages_record(&m, 1);
    take_messages(&m, (const uint8_t *)"\x02", 1, text);
    take_messages(&m, (const uint8_t *)"\0\0\x01x", 4, text);
    assert_string_equal(text, "14:0 2:1 ");
    tls_messages_cleanup(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(found_after_a_gap),
        cmocka_unit_test(chance_headers_are_not_believed),
        cmocka_unit_test(holes_inside_a_body_are_counted_off),
        cmocka_unit_test(sslv2_after_a_gap_stays_lost),
        cmocka_unit_test(messages_over_any_cut),
        cmocka_unit_test(memory_follows_what_arrived),
        cmocka_unit_test(messages_after_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
