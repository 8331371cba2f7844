/* Any bytes as the texts of an event: every encoder's output keeps its promises. */
#include "../../outputs/csv.h"
#include "../../outputs/profile.h"
#include "../../outputs/summary.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

/* Valid UTF-8, no U+FFFD that stands for a decoding error of this text itself, no control characters. */
static void require_clean(const char *text, size_t len, bool controls) {
    for (size_t pos = 0; pos < len;) {
        uint32_t code;
        size_t used = text_decode(text + pos, len - pos, &code);
        require(used > 0 && used <= len - pos);
        require(code != TEXT_BAD || (used == 3 && memcmp(text + pos, "\xef\xbf\xbd", 3) == 0));
        require(controls || code == '\n' || (code >= 0x20 && (code < 0x7f || code > 0x9f)));
        pos += used;
    }
}

static void check_terminal(const char *text, size_t columns, bool utf8) {
    struct buffer out = {0};
    size_t used = text_add_terminal(&out, text, columns, utf8);
    require(used <= columns);
    require_clean(out.data, out.len, false);
    for (size_t i = 0; !utf8 && i < out.len; i++) {
        require((uint8_t)out.data[i] < 0x80);
    }
    buffer_cleanup(&out);
}

static void check_csv(const struct event *event) {
    struct csv csv;
    struct buffer out = {0};
    csv_init(&csv);
    csv_encode(&csv, event, &out);
    require_clean(out.data, out.len, false);
    size_t commas = 0;
    bool quoted = false;
    for (size_t i = 0; i < out.len; i++) {
        quoted = out.data[i] == '"' ? !quoted : quoted;
        commas += !quoted && out.data[i] == ',';
        require(out.data[i] != '\n' || (i == out.len - 1 && !quoted));
        /* The first character of a cell of text. */
        require(i < 2 || out.data[i - 2] != ',' || out.data[i - 1] != '"' || !quoted ||
                strchr("=+-@", out.data[i]) == NULL || out.data[i] == '\0');
    }
    require(commas == csv.num - 1);
    buffer_cleanup(&out);
}

/* Lines of JSON objects, of which every string and bracket is closed. */
static void check_objects(const struct encoder *encoder, const struct event *event) {
    struct buffer out = {0};
    void *state = encoder->open();
    require(state != NULL);
    encoder->encode(state, event, &out);
    encoder->close(state);
    require_clean(out.data, out.len, false);
    bool quoted = false;
    int depth = 0;
    for (size_t i = 0; i < out.len; i++) {
        char c = out.data[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        }
        require(depth > 0 || (!quoted && (c == '}' || c == '\n')));
    }
    require(depth == 0 && !quoted);
    buffer_cleanup(&out);
}

static void check_summary(const struct event *event) {
    char *text = NULL;
    size_t len = 0;
    struct summary *summary = summary_new();
    FILE *file = open_memstream(&text, &len);
    require(summary != NULL && file != NULL);
    summary_add(summary, event);
    summary_print(summary, file, &(struct summary_style){.utf8 = true});
    require(fclose(file) == 0);
    require_clean(text, len, false);
    free(text);
    summary_free(summary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct event event = {0};
    event_init(&event);
    const char *text = event_text(&event, data, size);
    require(text != NULL);
    require_clean(text, strlen(text), true);
    require(strlen(text) <= 3 * EVENT_TEXT_MAX);
    struct session_event *session = &event.session;
    session->smtp_banner = session->smtp_server_name = session->tls_cipher = text;
    session->server_cert.sha256 = "00";
    session->server_cert.subject_cn = text;
    session->verdict = VERDICT_STARTTLS;
    session->network_protocol = "smtp";
    session->tls_version = session->server_cert.serial_number = session->smtp_ehlo = text;
    session->mail_cleartext = FACT_YES;
    event_find(session, FINDING_CERT_EXPIRED);
    if (event_list(&event, &session->smtp_capabilities, 2)) {
        session->smtp_capabilities.items[0] = session->smtp_capabilities.items[1] = text;
    }
    check_terminal(text, size % 100, size % 2 == 0);
    check_objects(&json_encoder, &event);
    check_objects(&zeek_encoder, &event);
    check_objects(&eve_encoder, &event);
    check_csv(&event);
    check_summary(&event);
    event_cleanup(&event);
    return 0;
}
