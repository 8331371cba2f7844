/* smtp_drive.h: feeds a conversation to the SMTP parser as a session would, in any cut and any
 * interleaving of the two streams, and prints the facts as text for comparison. */
#ifndef STARTTAP_TESTS_SMTP_DRIVE_H
#define STARTTAP_TESTS_SMTP_DRIVE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/smtp.h"

enum mark_kind { MARK_GAP, MARK_RESUME };

struct mark { /* something that happens in front of the byte at `at` */
    size_t at;
    enum mark_kind kind;
    uint64_t len;
};

#define STREAM_MARKS_MAX 256

struct stream {
    uint8_t *bytes;
    size_t len;
    struct mark marks[STREAM_MARKS_MAX];
    size_t num_marks;
};

struct conversation {
    struct stream sides[2];
    bool midstream;
    bool late; /* what is lost is known last, when nothing else goes on */
};

struct arrival { /* the next len bytes of a side reach the sensor */
    enum side side;
    size_t len;
};

struct drive {
    struct smtp *smtp;
    const struct conversation *conversation;
    size_t arrived[2], taken[2], marks_done[2];
};

static inline void stream_add(struct stream *stream, const void *bytes, size_t len) {
    uint8_t *grown = realloc(stream->bytes, stream->len + len + 1);
    if (grown == NULL) {
        abort();
    }
    if (len > 0) {
        memcpy(grown + stream->len, bytes, len);
    }
    stream->bytes = grown;
    stream->len += len;
}

static inline void stream_mark(struct stream *stream, enum mark_kind kind, uint64_t len) {
    if (stream->num_marks < STREAM_MARKS_MAX) {
        stream->marks[stream->num_marks++] = (struct mark){stream->len, kind, len};
    }
}

static inline void conversation_cleanup(struct conversation *conversation) {
    free(conversation->sides[0].bytes);
    free(conversation->sides[1].bytes);
}

/* How many bytes of the stream lie before byte `at` of those that are there; gaps right before it included.
 */
static inline uint64_t stream_offset(const struct stream *stream, size_t at, size_t marks_done) {
    uint64_t offset = at;
    for (size_t i = 0; i < marks_done; i++) {
        offset += stream->marks[i].kind == MARK_GAP ? stream->marks[i].len : 0;
    }
    return offset;
}

/* The push gets a copy of exactly the bytes, so that a sanitizer sees every read past them. */
static inline size_t drive_push(struct drive *drive, enum side side, size_t until, bool force) {
    const struct stream *stream = &drive->conversation->sides[side];
    size_t len = until - drive->taken[side];
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, stream->bytes + drive->taken[side], len);
    smtp_hide_at(drive->smtp, side, stream_offset(stream, drive->taken[side], drive->marks_done[side]));
    size_t used = smtp_push(drive->smtp, side, copy, len, force);
    free(copy);
    if (used > len) {
        abort();
    }
    drive->taken[side] += used;
    return used;
}

/* One side as far as it goes without the other, over marks or up to the next. Returns whether it moved. */
static inline bool drive_side(struct drive *drive, enum side side, bool marks, bool force) {
    const struct stream *stream = &drive->conversation->sides[side];
    bool moved = false;
    for (;;) {
        size_t next_mark = drive->marks_done[side];
        size_t until = drive->arrived[side];
        const struct mark *mark = next_mark < stream->num_marks ? &stream->marks[next_mark] : NULL;
        if (mark != NULL && mark->at < until) {
            until = mark->at;
        }
        bool tls = smtp_state(drive->smtp, side) == SMTP_TLS;
        if (drive->taken[side] < until) {
            if (tls) {
                drive->taken[side] = until; /* the session's TLS parser reads these */
            } else if (drive_push(drive, side, until, force) == 0) {
                if (smtp_state(drive->smtp, side) != SMTP_TLS) {
                    return moved;
                }
            }
        } else if (marks && mark != NULL && mark->at == until && drive->arrived[side] >= until) {
            drive->marks_done[side]++;
            smtp_hide_at(drive->smtp, side, stream_offset(stream, until, next_mark));
            if (mark->kind == MARK_RESUME) {
                smtp_resume(drive->smtp, side);
            } else if (!tls) {
                smtp_gap(drive->smtp, side, mark->len);
            }
        } else {
            return moved;
        }
        moved = true;
    }
}

static inline void drive_pump(struct drive *drive) {
    bool moved = true, marks = !drive->conversation->late;
    while (moved) {
        moved = drive_side(drive, SIDE_CLIENT, marks, false);
        moved = drive_side(drive, SIDE_SERVER, marks, false) || moved;
    }
}

/* The end: what still waits is forced, the client first. */
static inline void drive_end(struct drive *drive) {
    drive_pump(drive);
    while (drive_side(drive, SIDE_CLIENT, true, false) || drive_side(drive, SIDE_SERVER, true, false) ||
           drive_side(drive, SIDE_CLIENT, true, true) || drive_side(drive, SIDE_SERVER, true, true)) {
        drive_pump(drive);
    }
}

/* hide: told what is to be hidden; NULL: nobody asks. */
static inline struct smtp *drive_hiding(const struct conversation *conversation,
                                        const struct arrival *arrivals, size_t num_arrivals, smtp_hide hide,
                                        void *context) {
    struct drive drive = {.smtp = smtp_new(), .conversation = conversation};
    if (drive.smtp == NULL || (hide != NULL && !smtp_hide_by(drive.smtp, hide, context))) {
        abort();
    }
    if (conversation->midstream) {
        smtp_midstream(drive.smtp);
    }
    for (size_t i = 0; i < num_arrivals; i++) {
        enum side side = arrivals[i].side;
        size_t left = conversation->sides[side].len - drive.arrived[side];
        drive.arrived[side] += arrivals[i].len < left ? arrivals[i].len : left;
        drive_pump(&drive);
    }
    for (int side = 0; side < 2; side++) {
        drive.arrived[side] = conversation->sides[side].len;
        drive_pump(&drive);
    }
    drive_end(&drive);
    return drive.smtp;
}

static inline struct smtp *drive_all(const struct conversation *conversation, const struct arrival *arrivals,
                                     size_t num_arrivals) {
    return drive_hiding(conversation, arrivals, num_arrivals, NULL, NULL);
}

/* --- the facts as lines "name value" --- */

struct print {
    char *text;
    size_t len, room;
};

static inline void print_bytes(struct print *print, const char *bytes, size_t len) {
    for (size_t i = 0; i < len && print->len + 5 < print->room; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bool plain = c >= ' ' && c < 0x7f && c != '\\' && c != '|';
        print->len +=
            (size_t)snprintf(print->text + print->len, print->room - print->len, plain ? "%c" : "\\x%02x", c);
    }
}

static inline void print_line(struct print *print, const char *name, const struct smtp_text *texts,
                              size_t num) {
    print->len += (size_t)snprintf(print->text + print->len, print->room - print->len, "%s", name);
    for (size_t i = 0; i < num; i++) {
        print->text[print->len++] = i == 0 ? ' ' : '|';
        print_bytes(print, texts[i].data, texts[i].len);
    }
    print->text[print->len++] = '\n';
    print->text[print->len] = '\0';
}

static inline void print_text(struct print *print, const char *name, struct smtp_text text) {
    print_line(print, name, &text, text.len > 0 ? 1 : 0);
}

static inline void print_word(struct print *print, const char *name, const char *word) {
    print_text(print, name, (struct smtp_text){word, strlen(word)});
}

static inline void print_number(struct print *print, const char *name, uint64_t number) {
    char digits[32];
    snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    print_word(print, name, digits);
}

static inline void print_bool(struct print *print, const char *name, bool value) {
    print_word(print, name, value ? "yes" : "no");
}

static inline void print_fact(struct print *print, const char *name, enum smtp_fact fact) {
    print_word(print, name, fact == SMTP_YES ? "yes" : fact == SMTP_NO ? "no" : "open");
}

static inline void print_speaks(struct print *print, const char *name, enum smtp_speaks speaks) {
    print_word(print, name,
               speaks == SMTP_SPEAKS_SMTP    ? "smtp"
               : speaks == SMTP_SPEAKS_OTHER ? "other"
                                             : "nothing");
}

static inline void print_state(struct print *print, const char *name, enum smtp_state state) {
    print_word(print, name, state == SMTP_TLS ? "tls" : state == SMTP_WAITS ? "waits" : "ready");
}

static inline void print_strings(struct print *print, const struct smtp_facts *facts) {
    print_text(print, "banner", facts->banner);
    print_text(print, "helo", facts->helo);
    print_text(print, "ehlo", facts->ehlo);
    print_text(print, "server_name", facts->server_name);
    print_line(print, "capabilities", facts->capabilities, facts->num_capabilities);
    print_line(print, "auth_mechanisms", facts->auth_mechanisms, facts->num_auth_mechanisms);
    print_text(print, "masked", facts->masked);
    print_text(print, "auth_mechanism", facts->auth_mechanism);
    print_line(print, "from_domains", facts->from_domains, facts->num_from_domains);
    print_line(print, "rcpt_domains", facts->rcpt_domains, facts->num_rcpt_domains);
}

static inline void print_numbers(struct print *print, const struct smtp_facts *facts) {
    print_number(print, "banner_code", (uint64_t)facts->banner_code);
    print_number(print, "last_reply_code", (uint64_t)facts->last_reply_code);
    print_number(print, "starttls_reply_code", (uint64_t)facts->starttls_reply_code);
    print_number(print, "injected_command_bytes", facts->injected_command_bytes);
    print_number(print, "injected_reply_bytes", facts->injected_reply_bytes);
    print_number(print, "clear_after_accept_client", facts->clear_after_accept_client);
    print_number(print, "clear_after_accept_server", facts->clear_after_accept_server);
    print_number(print, "transactions", facts->transactions);
    print_number(print, "messages", facts->messages);
    print_number(print, "content_bytes", facts->content_bytes);
    print_number(print, "limits_hit", facts->limits_hit);
}

static inline void print_flags(struct print *print, const struct smtp_facts *facts) {
    print_bool(print, "ehlo_seen", facts->ehlo_seen);
    print_bool(print, "helo_seen", facts->helo_seen);
    print_bool(print, "anonymous_tls", facts->anonymous_tls);
    print_bool(print, "requiretls_offered", facts->requiretls_offered);
    print_bool(print, "requiretls_used", facts->requiretls_used);
    print_bool(print, "mail_attempted", facts->mail_attempted);
    print_bool(print, "auth_attempted", facts->auth_attempted);
    print_bool(print, "auth_sent", facts->auth_sent);
    print_bool(print, "auth_ok", facts->auth_ok);
    print_bool(print, "quit_seen", facts->quit_seen);
    print_bool(print, "client_gap", facts->client_gap);
    print_bool(print, "server_gap", facts->server_gap);
    print_bool(print, "hidden_refusal", facts->hidden_refusal);
    print_bool(print, "hidden_accept", facts->hidden_accept);
    print_bool(print, "forced", facts->forced);
}

/* All facts and both states, one line each; the caller frees it. */
static inline char *facts_text(const struct smtp *smtp) {
    const struct smtp_facts *facts = smtp_facts(smtp);
    struct print print = {malloc(1u << 19), 0, 1u << 19}; /* every list full of \x.. fits */
    if (print.text == NULL) {
        abort();
    }
    print_speaks(&print, "client_speaks", facts->client_speaks);
    print_speaks(&print, "server_speaks", facts->server_speaks);
    print_state(&print, "client_state", smtp_state(smtp, SIDE_CLIENT));
    print_state(&print, "server_state", smtp_state(smtp, SIDE_SERVER));
    print_fact(&print, "ehlo_replied", facts->ehlo_replied);
    print_fact(&print, "offered", facts->offered);
    print_fact(&print, "requested", facts->requested);
    print_strings(&print, facts);
    print_numbers(&print, facts);
    print_flags(&print, facts);
    return print.text;
}

#endif
