#include "../../outputs/csv.h"

#include "sample_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CELL_MAX 4096

static void find_column(const struct csv *csv, const char *name, size_t *column) {
    for (*column = 0; *column < csv->num; ++*column) {
        if (strcmp(csv->columns[*column]->name, name) == 0) {
            return;
        }
    }
    fail_msg("no column %s", name);
}

/* The next cell of a line, read as RFC 4180 says; returns what stands behind it. */
static const char *read_cell(const char *at, char cell[CELL_MAX]) {
    size_t len = 0;
    bool quoted = *at == '"';
    for (at += quoted; quoted || (*at != ',' && *at != '\n'); at++) {
        assert_true(*at != '\0' && len < CELL_MAX - 1);
        if (quoted && *at == '"') {
            if (at[1] != '"') {
                at++;
                break;
            }
            at++;
        }
        cell[len++] = *at;
    }
    cell[len] = '\0';
    assert_true(*at == ',' || *at == '\n');
    return at;
}

/* Encodes event and reads the cell of one field back. */
static void check_cell(const struct event *event, const char *name, const char *expected) {
    struct csv csv;
    csv_init(&csv);
    struct buffer buffer = {0};
    csv_encode(&csv, event, &buffer);
    buffer_add_char(&buffer, '\0');
    assert_false(buffer.failed);
    size_t wanted;
    find_column(&csv, name, &wanted);
    const char *at = buffer.data;
    for (size_t column = 0; column < csv.num; column++) {
        char cell[CELL_MAX];
        at = read_cell(at, cell);
        if (column == wanted) {
            assert_string_equal(cell, expected);
        }
        assert_int_equal(*at, column + 1 < csv.num ? ',' : '\n');
        at++;
    }
    assert_int_equal(*at, '\0');
    buffer_cleanup(&buffer);
}

static void test_header(void **state) {
    (void)state;
    static const char begin[] = "@timestamp,source.ip,source.port,destination.ip,destination.port,"
                                "destination.domain,network.direction,"
                                "starttap.verdict,starttap.unknown_reason,";
    struct csv csv;
    csv_init(&csv);
    struct buffer buffer = {0};
    csv_header(&csv, &buffer);
    assert_memory_equal(buffer.data, begin, strlen(begin));
    assert_int_equal(buffer.data[buffer.len - 1], '\n');
    size_t commas = 0;
    for (size_t i = 0; i < buffer.len; i++) {
        commas += buffer.data[i] == ',';
    }
    assert_int_equal(commas, csv.num - 1);
    buffer_cleanup(&buffer);
}

static void test_session(void **state) {
    (void)state;
    struct event event = {0};
    sample_session(&event);
    event_find(&event.session, FINDING_MAIL_CLEARTEXT);
    event_find(&event.session, FINDING_CERT_EXPIRED);
    event.session.cert_days_left = -5;
    check_cell(&event, "@timestamp", "2023-11-14T22:13:20.123456789Z");
    check_cell(&event, "source.port", "40001");
    check_cell(&event, "starttap.verdict", "starttls");
    check_cell(&event, "starttap.unknown_reason", "");
    check_cell(&event, "starttap.findings", "mail.cleartext|cert.expired");
    check_cell(&event, "tls.server.x509.alternative_names", "mx.example.org|mail.example.org");
    check_cell(&event, "tls.established", "true");
    check_cell(&event, "starttap.mail.cleartext", "false");
    check_cell(&event, "starttap.mail.auth_cleartext", "");
    check_cell(&event, "starttap.cert.days_left", "-5"); /* a number, not a formula */
    check_cell(&event, "event.severity", "3");
    event_cleanup(&event);
}

static void test_hostile_texts(void **state) {
    (void)state;
    static const char *items[] = {"a|b", NULL, "=c", "d\"e"};
    struct event event = {0};
    sample_session(&event);
    event.session.smtp_capabilities = (struct text_list){.items = items, .num = 4};
    check_cell(&event, "starttap.smtp.capabilities", "a\\u007cb|'=c|d\"e");
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"say \"hi\", all", "say \"hi\", all"},
        {"=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"},
        {"@x", "'@x"},
        {"-1+1", "'-1+1"},
        {"two\r\nlines", "two\\u000d\\u000alines"},
        {"x;=1", "x;'=1"},
        {"\xff", "\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        event.session.smtp_banner = cases[i].text;
        check_cell(&event, "starttap.smtp.banner", cases[i].expected);
    }
    event_cleanup(&event);
}

static void test_filled_has_no_empty_cell(void **state) {
    (void)state;
    struct event event = {.observer_name = "sensor1", .observer_version = "1"};
    event_reset(&event, DATASET_SESSION);
    sample_fill(&event, "text");
    struct csv csv;
    csv_init(&csv);
    struct buffer buffer = {0};
    csv_encode(&csv, &event, &buffer);
    buffer_add_char(&buffer, '\0');
    assert_null(strstr(buffer.data, ",,"));
    buffer_cleanup(&buffer);
    event_cleanup(&event);
}

static void test_sessions_only(void **state) {
    (void)state;
    struct csv csv;
    csv_init(&csv);
    struct buffer buffer = {0};
    struct event event = {0};
    event_reset(&event, DATASET_PEER);
    csv_encode(&csv, &event, &buffer);
    event_reset(&event, DATASET_SENSOR);
    csv_encode(&csv, &event, &buffer);
    assert_int_equal(buffer.len, 0);
    buffer_cleanup(&buffer);
    event_cleanup(&event);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),        cmocka_unit_test(test_session),
        cmocka_unit_test(test_hostile_texts), cmocka_unit_test(test_filled_has_no_empty_cell),
        cmocka_unit_test(test_sessions_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
