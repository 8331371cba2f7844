/* strings DIRECTORY NUMBER SEED: hostile strings through every output.
 *
 * Makes NUMBER strings that do what strings off the wire might, puts them into events as the sensor does, and
 * gives those to the outputs, which write into DIRECTORY; strings.py looks at what is there. What is to be
 * known of it are the strings themselves, in raw.bin: of each its length (32 bits, little end first) and its
 * bytes. STRINGS_PER_EVENT of them make one session. Each line of JSON is read here, too, by jansson. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../outputs/json.h"
#include "../../outputs/sink.h"
#include "../../outputs/sqlite.h"
#include "../../outputs/sqlite_schema.h"
#include "../../outputs/summary.h"
#include "../../outputs/syslog_message.h"
#include "../../outputs/text.h"
#include "../../outputs/tlsrpt_report.h"

#define STRINGS_PER_EVENT 6
#define EVENTS_PER_SCREEN 500
#define PIECES_MAX        6
#define LONG_EVERY        20011 /* strings from one of LONG_LEN to the next */
#define LONG_LEN          (1u << 20)

struct bytes {
    char *data;
    size_t len, room;
};

static void die(const char *what) {
    fprintf(stderr, "strings: %s\n", what);
    exit(1);
}

/* --- strings --- */

static uint32_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void add(struct bytes *bytes, const char *data, size_t len) {
    if (bytes->len + len > bytes->room) {
        bytes->room = 2 * (bytes->len + len);
        bytes->data = realloc(bytes->data, bytes->room);
        if (bytes->data == NULL)
            die("out of memory");
    }
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

#define PIECE(text)                                                                                          \
    { text, sizeof text - 1 }

static const struct {
    const char *data;
    size_t len;
} pieces[] = {
    /* terminals: colours, titles, answers, C1 in one byte and in UTF-8, the old and the odd */
    PIECE("\x1b[31m"),
    PIECE("\x1b[2J\x1b[H"),
    PIECE("\x1b]0;owned\x07"),
    PIECE("\x1b]52;c;YQ==\x1b\\"),
    PIECE("\x1b[6n"),
    PIECE("\x1bP+q544e\x1b\\"),
    PIECE("\x9b"
          "31m"),
    PIECE("\xc2\x9b"
          "2J"),
    PIECE("\xc2\x85"),
    PIECE("\x0e"),
    PIECE("\x08\x08\x08"),
    PIECE("\r"),
    PIECE("\x7f"),
    PIECE("\x1a"),
    /* spreadsheets */
    PIECE("=1+1"),
    PIECE("=cmd|'/C calc'!A0"),
    PIECE("+1"),
    PIECE("-1"),
    PIECE("@SUM(A1)"),
    PIECE("\t=1"),
    PIECE("\r=1"),
    PIECE("\n=1"),
    PIECE(",=1"),
    PIECE(";@x"),
    PIECE("|=1"),
    PIECE("\",=1"),
    PIECE("\xef\xbc\x9d"
          "1"),
    PIECE("'=1"),
    PIECE(" =1"),
    PIECE("\"\"=1"),
    /* separators */
    PIECE(","),
    PIECE(";"),
    PIECE("|"),
    PIECE("\""),
    PIECE("'"),
    PIECE("\n"),
    PIECE("\r\n"),
    PIECE("\t"),
    PIECE("\\"),
    PIECE("\\u0022"),
    PIECE("\\\""),
    PIECE("\0"),
    PIECE("="),
    PIECE("]"),
    PIECE(" "),
    PIECE("\xe2\x80\xa8"),
    PIECE("\xe2\x80\xa9"),
    PIECE("\x0b"),
    PIECE("\x0c"),
    PIECE("\x1c\x1d\x1e\x1f"),
    /* what cannot be seen, or turns the rest around */
    PIECE("\xe2\x80\xae"
          "gpj.exe"),
    PIECE("\xe2\x81\xa6\xe2\x81\xa9"),
    PIECE("\xe2\x80\x8b"),
    PIECE("\xef\xbb\xbf"),
    PIECE("\xe2\x80\x8f"),
    PIECE("\xc2\xad"),
    PIECE("e\xcc\x81\xcc\x81\xcc\x81"),
    PIECE("\xf3\xa0\x81\x81"),
    /* not UTF-8 */
    PIECE("\xc0\xaf"),
    PIECE("\xe0\x80\xaf"),
    PIECE("\xed\xa0\x80\xed\xb0\x80"),
    PIECE("\xf4\x90\x80\x80"),
    PIECE("\xe2\x82"),
    PIECE("\xf0\x9f\x98"),
    PIECE("\xf8\x88\x80\x80\x80"),
    PIECE("\x80\xbf"),
    PIECE("\xff\xfe"),
    PIECE("\xc0\x80"),
    PIECE("\xf0\x80\x80\x80"),
    PIECE("\xe2\xe2\x82\xac"),
    /* languages */
    PIECE("'); DROP TABLE sessions;--"),
    PIECE("' OR '1'='1"),
    PIECE("\",\"starttap\":{\"verdict\":\"x\"},\"y\":\""),
    PIECE("</script><script>alert(1)</script>"),
    PIECE("<img src=x onerror=alert(1)>"),
    PIECE("${jndi:ldap://x}"),
    PIECE("|CEF:0|a|b|c|d|e|10|"),
    PIECE(" src=1.2.3.4"),
    PIECE("<0>1 - - - - - -"),
    PIECE("%s%n%x"),
    PIECE("&lt;"),
    PIECE("{{7*7}}"),
    PIECE("`id`"),
    PIECE("NaN"),
    PIECE("null"),
    PIECE("1e999"),
    /* and quite well */
    PIECE("mx.example.org"),
    PIECE("Gr\xc3\xbc\xc3\x9f"),
    PIECE("\xe6\x97\xa5\xe6\x9c\xac"),
    PIECE("\xf0\x9f\x98\x80"),
    PIECE("\xef\xbf\xbd"),
    PIECE("\xef\xbf\xbf"),
    PIECE("a"),
};

static void add_random_bytes(struct bytes *bytes, uint64_t *random) {
    for (uint32_t len = next_random(random) % 24; len > 0; len--) {
        char byte = (char)next_random(random);
        add(bytes, &byte, 1);
    }
}

static void make_string(struct bytes *bytes, size_t number, uint64_t *random) {
    bytes->len = 0;
    size_t least = number % LONG_EVERY == LONG_EVERY - 1 ? LONG_LEN
                   : next_random(random) % 16 == 0       ? 1500
                                                         : 0;
    uint32_t num = next_random(random) % (PIECES_MAX + 1);
    for (uint32_t i = 0; i < num || bytes->len < least; i++) {
        uint32_t which = next_random(random) % (sizeof pieces / sizeof pieces[0] + 8);
        if (which < sizeof pieces / sizeof pieces[0])
            add(bytes, pieces[which].data, pieces[which].len);
        else
            add_random_bytes(bytes, random);
    }
}

static void keep_raw(FILE *raw, const struct bytes *bytes) {
    const unsigned char len[4] = {(unsigned char)bytes->len, (unsigned char)(bytes->len >> 8),
                                  (unsigned char)(bytes->len >> 16), (unsigned char)(bytes->len >> 24)};
    if (fwrite(len, 1, 4, raw) != 4 || fwrite(bytes->data, 1, bytes->len, raw) != bytes->len)
        die("raw.bin");
}

/* --- events --- */

static void set_id(struct event *event, size_t number) {
    (void)snprintf(event->id, sizeof event->id, "%032zx", number);
}

static void fill_session(struct event *event, const char *const *texts, size_t number) {
    struct session_event *s = &event->session;
    set_id(event, number);
    s->start_ns = UINT64_C(1700000000000000000) + number;
    s->end_ns = s->start_ns + 1000;
    s->source.ip = "192.0.2.1";
    s->destination.ip = "198.51.100.25";
    s->destination.port = 25;
    s->network_protocol = "smtp";
    s->verdict = VERDICT_STARTTLS;
    s->outcome = FACT_YES;
    s->smtp_banner = texts[0];
    s->smtp_ehlo = texts[1];
    s->tls_server_name = texts[2];
    s->tls_version = "1.3";
    s->tls_established = FACT_YES;
    s->tls_cipher = "TLS_AES_128_GCM_SHA256";
    s->server_cert.sha256 = "0687f666a054ef17a08e2f2162eab4cbc0d265e1d7875be74bf3c712ca92daf0";
    s->server_cert.subject_cn = texts[3];
    s->server_cert.not_after_s = 1690000000;
    s->server_cert.not_before_s = 1680000000;
    s->destination.domain = texts[1];
    s->mail_cleartext = FACT_YES;
    s->mail_transactions = 1;
    if (!event_list(event, &s->smtp_capabilities, 3) || !event_list(event, &s->mail_rcpt_domains, 2))
        die("out of memory");
    s->smtp_capabilities.items[0] = texts[4];
    s->smtp_capabilities.items[1] = texts[5];
    s->smtp_capabilities.items[2] = texts[0];
    s->mail_rcpt_domains.items[0] = "example.org";
    s->mail_rcpt_domains.items[1] = texts[3];
    s->tlsrpt_result_type = "certificate-expired";
    event_find(s, FINDING_MAIL_CLEARTEXT);
    event_find(s, FINDING_CERT_EXPIRED);
}

static void fill_alert(struct event *event, const char *const *texts, size_t number) {
    struct alert_event *a = &event->alert;
    set_id(event, number);
    a->time_ns = UINT64_C(1700000000000000000);
    a->hour_ns = a->time_ns;
    a->finding = "mail.cleartext";
    a->findings = 1;
    a->reason = "A reason.";
    a->remedy = texts[2];
    a->sessions = 1;
    a->peer_ip = "198.51.100.25";
    a->peer_name = texts[0];
    a->source.ip = "192.0.2.1";
    a->destination.ip = "198.51.100.25";
    a->destination.domain = texts[1];
    a->verdict = VERDICT_NOT_OFFERED;
    a->session_id = event->id;
}

/* --- outputs --- */

enum { TO_JSON, TO_CSV, TO_ZEEK, TO_EVE, TO_SQLITE, TO_TLSRPT, NUM_SINKS };

static const char *const targets[NUM_SINKS] = {
    "json:%s/events.json",
    "csv:%s/events.csv",
    "json:%s/zeek.json?profile=zeek",
    "json:%s/eve.json?profile=eve",
    "sqlite:%s/events.db",
    "tlsrpt:%s/reports?organization=x&sender=example.net&contact=mailto:a@example.net",
};

struct outputs {
    struct sink *sinks[NUM_SINKS];
    FILE *raw, *plain, *cef, *terminal, *reports;
    struct summary *summary;
    struct tlsrpt_day day;
    size_t num_screens;
};

static FILE *open_file(const char *directory, const char *name) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        die(path);
    return file;
}

static void open_outputs(struct outputs *out, const char *directory) {
    char target[4096], error[4096];
    const struct sink_options options = {.force = true};
    for (size_t i = 0; i < NUM_SINKS; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(target, sizeof target, targets[i], directory);
#pragma GCC diagnostic pop
        out->sinks[i] = sink_open(target, &options, error, sizeof error);
        if (out->sinks[i] == NULL)
            die(error);
    }
    out->raw = open_file(directory, "raw.bin");
    out->plain = open_file(directory, "syslog.txt");
    out->cef = open_file(directory, "cef.txt");
    out->terminal = open_file(directory, "terminal.txt");
    out->reports = open_file(directory, "reports.json");
    out->summary = summary_new();
}

static void write_alert(struct outputs *out, const struct event *event) {
    struct buffer line = {0};
    syslog_message(&line, event, SYSLOG_FACILITY_DAEMON, false);
    buffer_add_char(&line, '\n');
    (void)fwrite(line.data, 1, line.len, out->plain);
    buffer_clear(&line);
    syslog_message(&line, event, SYSLOG_FACILITY_DAEMON, true);
    buffer_add_char(&line, '\n');
    (void)fwrite(line.data, 1, line.len, out->cef);
    buffer_cleanup(&line);
}

static void show_screen(struct outputs *out) {
    const struct summary_style style = {.utf8 = out->num_screens++ % 2 == 0, .width = 100, .height_max = 40};
    summary_print(out->summary, out->terminal, &style);
    summary_free(out->summary);
    out->summary = summary_new();
}

static void show_texts(struct outputs *out, const char *const *texts) {
    struct buffer line = {0};
    for (size_t i = 0; i < STRINGS_PER_EVENT; i++) {
        (void)text_add_terminal(&line, texts[i] != NULL ? texts[i] : "", 60, i % 2 == 0);
        buffer_add_char(&line, '\n');
    }
    (void)fwrite(line.data, 1, line.len, out->terminal);
    buffer_cleanup(&line);
}

/* --- jansson --- */

static void expect(const json_t *object, const char *key, const char *text, const char *line) {
    const json_t *value = json_object_get(object, key);
    bool absent = text == NULL || *text == '\0';
    if (absent ? value != NULL
               : !json_is_string(value) || json_string_length(value) != strlen(text) ||
                     strcmp(json_string_value(value), text) != 0) {
        fprintf(stderr, "strings: %s is not what it was in: %s\n", key, line);
        exit(1);
    }
}

static void check_json(const struct event *event, const char *const *texts) {
    struct buffer line = {0};
    json_error_t error;
    json_encode(event, &line);
    if (line.failed || line.data[line.len - 1] != '\n' || memchr(line.data, '\n', line.len - 1) != NULL)
        die("a line of JSON is not one line");
    json_t *root = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &error);
    buffer_add_char(&line, '\0');
    if (root == NULL) {
        fprintf(stderr, "strings: %s: %s\n", error.text, line.data);
        exit(1);
    }
    const json_t *smtp = json_object_get(json_object_get(root, "starttap"), "smtp");
    const json_t *tls = json_object_get(root, "tls");
    const json_t *list = json_object_get(smtp, "capabilities");
    expect(smtp, "banner", texts[0], line.data);
    expect(smtp, "ehlo", texts[1], line.data);
    expect(json_object_get(tls, "client"), "server_name", texts[2], line.data);
    if (json_array_size(list) != 3 || strcmp(json_string_value(json_array_get(list, 1)), texts[5]) != 0)
        die("a list is not what it was");
    json_decref(root);
    buffer_cleanup(&line);
}

/* --- all --- */

static void make_event(struct outputs *out, const char *const *texts, struct event *event, size_t number) {
    fill_session(event, texts, number);
    check_json(event, texts);
    for (size_t i = 0; i < NUM_SINKS; i++) {
        if (sink_write(out->sinks[i], event) != 0)
            die(sink_error(out->sinks[i]));
    }
    summary_add(out->summary, event);
    if (!tlsrpt_day_add(&out->day, &event->session))
        die("out of memory");
    show_texts(out, texts);
    if (number % EVENTS_PER_SCREEN == EVENTS_PER_SCREEN - 1)
        show_screen(out);
}

static void make_events(struct outputs *out, size_t num, uint64_t random) {
    struct event session = {0}, alert = {0};
    struct bytes bytes = {0};
    for (size_t number = 0; number < num / STRINGS_PER_EVENT; number++) {
        const char *texts[STRINGS_PER_EVENT];
        event_reset(&session, DATASET_SESSION);
        for (size_t i = 0; i < STRINGS_PER_EVENT; i++) {
            make_string(&bytes, number * STRINGS_PER_EVENT + i, &random);
            keep_raw(out->raw, &bytes);
            texts[i] = event_text(&session, bytes.data != NULL ? bytes.data : "", bytes.len);
            if (texts[i] == NULL)
                die("out of memory");
        }
        session.observer_name = "sensor";
        session.observer_version = "1";
        make_event(out, texts, &session, number);
        event_reset(&alert, DATASET_ALERT);
        alert.observer_name = texts[3];
        alert.observer_version = texts[4];
        fill_alert(&alert, texts, number);
        write_alert(out, &alert);
    }
    event_cleanup(&session);
    event_cleanup(&alert);
    free(bytes.data);
}

static void write_reports(struct outputs *out, const char *organization) {
    const struct tlsrpt_sender sender = {organization, organization, "example.net"};
    for (size_t i = 0; i < out->day.num; i++) {
        struct buffer report = {0};
        tlsrpt_write(out->day.reports[i], 1699920000, &sender, &report);
        buffer_add_char(&report, '\n');
        (void)fwrite(report.data, 1, report.len, out->reports);
        buffer_cleanup(&report);
    }
    tlsrpt_day_cleanup(&out->day);
}

static void close_outputs(struct outputs *out, const char *directory) {
    char path[4096], error[4096];
    show_screen(out);
    summary_free(out->summary);
    write_reports(out, "=<b>\x1b[31m\",\"\xff\n");
    for (size_t i = 0; i < NUM_SINKS; i++) {
        if (sink_close(out->sinks[i]) != 0)
            die("a sink did not close");
    }
    (void)snprintf(path, sizeof path, "%s/events.db", directory);
    size_t num;
    const struct sqlite_view *views = sqlite_schema_views_list(&num);
    for (size_t i = 0; i < num; i++) {
        if (!sqlite_query(path, views[i].name, out->terminal, error, sizeof error))
            die(error);
    }
    FILE *files[] = {out->raw, out->plain, out->cef, out->terminal, out->reports};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (ferror(files[i]) != 0 || fclose(files[i]) != 0)
            die("a file was not written");
    }
}

int main(int argc, char **argv) {
    if (argc != 4)
        die("usage: strings DIRECTORY NUMBER SEED");
    struct outputs out = {0};
    open_outputs(&out, argv[1]);
    make_events(&out, strtoul(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    close_outputs(&out, argv[1]);
    return 0;
}
