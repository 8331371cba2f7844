/* smtp_server.c: the server's stream: replies, and what each of them answers. */
#include "smtp_internal.h"
#include "smtp_reply.h"
#include "smtp_text.h"

#include <string.h>

/* No command of the client can have reached the parser: its side is not captured. */
static bool client_invisible(const struct smtp *smtp) {
    return !smtp->client.started;
}

/* Between the first and the last byte of a reply. */
static bool is_inside(const struct smtp_server *server) {
    return server->in_reply || server->skip_reply || server->skip_line || smtp_line_begun(&server->line);
}

/* A server may speak unasked when TLS failed, or when it has not understood the client's. */
static bool may_refuse_tls(const struct smtp *smtp) {
    return smtp->server.handshake_failed || smtp->client.mode == CLIENT_TLS;
}

static bool nothing_due(const struct smtp *smtp) {
    return smtp->server.greeting_done && !smtp->lost && smtp->server.extra_replies == 0 &&
           smtp_queue_first(&smtp->queue) == SMTP_DUE_NONE;
}

bool smtp_server_waits(const struct smtp *smtp) {
    return !is_inside(&smtp->server) && nothing_due(smtp) && !may_refuse_tls(smtp);
}

static void begin_tls(struct smtp *smtp) {
    struct smtp_server *server = &smtp->server;
    smtp_hide_dropped(smtp, SIDE_SERVER);
    if (server->after_accept) {
        smtp->injected_reply_bytes = server->since_accept;
    }
    if (server->speaks == SMTP_SPEAKS_SMTP) {
        smtp->server_tls_after_smtp = true;
    }
    server->tls = true;
    server->num_tls++;
    server->after_accept = false;
    server->since_accept = 0;
    server->in_reply = false;
    smtp_line_drop(&server->line);
    /* Commands injected behind STARTTLS are answered under TLS, if at all. */
    bool client_ahead = smtp->client.num_tls >= server->num_tls;
    enum smtp_due due = smtp_queue_pop(&smtp->queue);
    while (due != SMTP_DUE_NONE && !(client_ahead && due == SMTP_DUE_TLS)) {
        due = smtp_queue_pop(&smtp->queue);
    }
}

/* Whether, where a reply is due, TLS may come in its place. */
static bool tls_is_due(const struct smtp *smtp, bool force) {
    enum smtp_due due = smtp_queue_first(&smtp->queue);
    if (smtp->server.in_reply || !smtp->server.greeting_done) {
        return false;
    }
    if (due == SMTP_DUE_STARTTLS || due == SMTP_DUE_TLS || due == SMTP_DUE_HOLE) {
        return true;
    }
    /* A server that leaves SMTP for TLS was asked to, seen or unseen. */
    return smtp->lost ||
           (force && due == SMTP_DUE_NONE && (client_invisible(smtp) || smtp->num_starttls > 0));
}

/* Whether TLS begins right here. */
static enum parse_result look_for_tls(const struct smtp *smtp, struct reader in, bool force) {
    const struct smtp_server *server = &smtp->server;
    if (server->resumed) {
        return PARSE_BAD;
    }
    if (smtp_line_begun(&server->line)) {
        return server->after_accept ? smtp_tls_decide(in, SMTP_TLS_IN_TEXT, force) : PARSE_BAD;
    }
    enum parse_result result = PARSE_BAD;
    if (server->gap || (server->midstream && !server->fresh)) {
        result = smtp_tls_decide(in, SMTP_TLS_AFTER_HOLE, force);
    }
    if (result == PARSE_BAD && (!server->started || server->after_accept || tls_is_due(smtp, force))) {
        result = smtp_tls_decide(in, SMTP_TLS_SERVER_START, force);
    }
    return result;
}

/* Whether the reply that begins at in may be read now. */
static bool may_begin(struct smtp *smtp, struct reader in, bool force) {
    struct smtp_server *server = &smtp->server;
    if (!server->greeting_done || smtp->lost || server->extra_replies > 0) {
        return true;
    }
    uint8_t first = reader_u8(&in);
    while (smtp_queue_first(&smtp->queue) == SMTP_DUE_MAYBE && (first == '2' || first == '3')) {
        (void)smtp_queue_pop(&smtp->queue); /* the server never answered that line */
    }
    if (smtp_queue_first(&smtp->queue) == SMTP_DUE_HOLE) {
        smtp_queue_cleanup(&smtp->queue);
        smtp->lost = true;
    }
    if (!nothing_due(smtp) || (may_refuse_tls(smtp) && (first == '4' || first == '5'))) {
        return true;
    }
    if (force) {
        smtp->lost = true;
        server->by_force = true;
    }
    return force;
}

/* The first reply of a connection that began earlier: "220 mx.example ESMTP" is its greeting after all,
 * "220 2.0.0 Ready to start TLS" answers STARTTLS, and "220 ok" may be either. */
static bool accepts_starttls(const struct smtp_reply_line *line) {
    struct reader text = line->text;
    return line->code == 220 && (smtp_contains(text, "TLS") || smtp_skip_prefix(&text, "2."));
}

static bool is_greeting(const struct smtp_reply_line *line) {
    return line->code == 220 && smtp_contains(line->text, "SMTP") && !accepts_starttls(line);
}

/* The first line of a midstream connection decides whether this is its beginning. */
static void settle_midstream(struct smtp *smtp, bool fresh) {
    struct smtp_server *server = &smtp->server;
    server->fresh = fresh;
    server->greeting_done = !fresh;
    server->partial = !fresh;
    smtp->lost = smtp->lost || !fresh;
}

static bool is_first_midstream(const struct smtp_server *server) {
    return server->midstream && !server->greeting_done;
}

/* What the reply that begins answers. */
static enum smtp_due due_for(struct smtp *smtp, const struct smtp_reply_line *line) {
    struct smtp_server *server = &smtp->server;
    server->may_greet = is_first_midstream(server) && !accepts_starttls(line);
    if (is_first_midstream(server)) {
        settle_midstream(smtp, is_greeting(line));
    }
    if (!server->greeting_done && line->code != 220 && line->code < 400) {
        server->greeting_done =
            true; /* no greeting begins like this: it was missed, in a proxy's preamble, say */
        smtp->lost = true;
    }
    if (!server->greeting_done) {
        server->greeting_done = true;
        return SMTP_DUE_GREETING;
    }
    if (smtp->lost) {
        /* A 421 comes unasked (RFC 5321 section 3.8): nothing was cut short. */
        smtp->forced = smtp->forced || (server->by_force && line->code != 421);
        server->by_force = false;
        return SMTP_DUE_NONE;
    }
    if (server->extra_replies > 0) {
        server->extra_replies--;
        return SMTP_DUE_OTHER;
    }
    bool handshake_failed = server->handshake_failed;
    server->handshake_failed = false;
    if (smtp_queue_first(&smtp->queue) == SMTP_DUE_TLS) {
        /* A refusal is the answer to the client's TLS; anything else was injected before TLS. */
        if (line->code >= 400) {
            (void)smtp_queue_pop(&smtp->queue);
        }
        return SMTP_DUE_NONE;
    }
    if (handshake_failed && line->code >= 400) {
        return SMTP_DUE_NONE;
    }
    return smtp_queue_pop(&smtp->queue);
}

/* Behind a 220 that may have accepted STARTTLS, a reply that no command explains may be injected. */
static bool may_be_ehlo_reply(const struct smtp *smtp, const struct smtp_reply_line *line) {
    enum smtp_due due = (enum smtp_due)smtp->server.due;
    return due == SMTP_DUE_EHLO || due == SMTP_DUE_LHLO ||
           (due == SMTP_DUE_NONE && smtp->lost && line->code == 250 && !smtp->server.lost_220);
}

static void begin_reply(struct smtp *smtp, const struct smtp_reply_line *line) {
    struct smtp_server *server = &smtp->server;
    server->due = (uint8_t)due_for(smtp, line);
    server->in_reply = true;
    server->num_lines = 0;
    server->shape = false;
    server->collects = may_be_ehlo_reply(smtp, line);
    smtp_list_clear(&smtp->texts[SMTP_INCOMING]);
    if (server->due == SMTP_DUE_GREETING) {
        smtp_keep_one(smtp, &smtp->texts[SMTP_BANNER], line->text);
        smtp->banner_code = (uint16_t)line->code;
    }
}

/* A keyword line is kept, and says what is offered. By address: a reader that was just made is not copied at
 * once. */
static void collect_keyword(struct smtp *smtp, const struct reader *text) {
    struct smtp_list *incoming = &smtp->texts[SMTP_INCOMING];
    uint8_t number = smtp_keyword_number(*text);
    enum smtp_keyword keyword;
    if (number > 0) {
        keyword = smtp_keyword_numbered(number);
        smtp_keep_keyword(smtp, incoming, number, SMTP_CAPABILITIES_MAX + 1);
    } else {
        struct reader parameters;
        keyword = smtp_keyword_of(*text, &parameters);
        smtp_keep(smtp, incoming, *text, SMTP_CAPABILITIES_MAX + 1);
    }
    smtp->server.shape = smtp->server.shape || keyword != SMTP_KEYWORD_UNKNOWN;
    if (keyword == SMTP_KEYWORD_STARTTLS) {
        smtp->offered = true;
        smtp->ehlo_recognised = true;
    } else if (keyword == SMTP_KEYWORD_REQUIRETLS) {
        smtp->requiretls_offered = true;
    }
}

/* A line of what is, or may be, a reply to EHLO; the first one is the greeting line, and
 * no keyword (RFC 5321 section 4.1.1.1). */
static void collect(struct smtp *smtp, const struct smtp_reply_line *line) {
    bool first = smtp->server.num_lines == 0, positive = line->code / 100 == 2;
    struct reader text = line->text;
    if (!positive) { /* no keyword; it may repeat what was asked, and is hidden (kind_of) */
        reader_skip(&text, reader_left(&text));
    }
    if (first) {
        smtp_keep(smtp, &smtp->texts[SMTP_INCOMING], text, SMTP_CAPABILITIES_MAX + 1);
    } else if (positive) {
        collect_keyword(smtp, &text);
    }
}

/* Nothing is masked without an X, and the list as it is kept has one where any of its texts that is no common
 * keyword has one. */
static void keep_masked(struct smtp *smtp) {
    struct smtp_text kept = smtp_list_behind_first(&smtp->texts[SMTP_EHLO_REPLY]);
    struct smtp_text lines[SMTP_CAPABILITIES_MAX + 1];
    if (kept.len == 0 || memchr(kept.data, 'X', kept.len) == NULL) {
        return;
    }
    size_t num = smtp_list_all(&smtp->texts[SMTP_EHLO_REPLY], lines, SMTP_CAPABILITIES_MAX + 1);
    for (size_t i = 1; i < num; i++) {
        if (smtp_is_masked_starttls(lines + 1, num - 1, i - 1)) {
            struct reader line = smtp_reader_of(lines[i]);
            smtp->masked_len = 0;
            while (reader_left(&line) > 0 && smtp->masked_len < sizeof(smtp->masked)) {
                smtp->masked[smtp->masked_len++] = (char)reader_u8(&line);
            }
            return;
        }
    }
}

static void finish_ehlo(struct smtp *smtp, int code) {
    smtp->num_ehlo_answered++;
    if (code / 100 == 2) {
        struct smtp_list done = smtp->texts[SMTP_INCOMING];
        smtp->texts[SMTP_INCOMING] = smtp->texts[SMTP_EHLO_REPLY];
        smtp->texts[SMTP_EHLO_REPLY] = done;
        smtp->texts_held -= (uint32_t)smtp_list_fit(&smtp->texts[SMTP_EHLO_REPLY]);
        keep_masked(smtp);
    }
}

/* A reply without a command, after pairing has ended: some codes belong to one command only
 * (RFC 5321 section 4.2.3), and a reply to EHLO is known by its keywords. */
static void finish_lost(struct smtp *smtp, int code) {
    struct smtp_server *server = &smtp->server;
    if (server->collects && server->shape && !server->partial) {
        smtp->ehlo_recognised = true;
        finish_ehlo(smtp, code);
    }
    server->lost_any = true;
    server->lost_refusal = server->lost_refusal || code >= 400;
    server->lost_220 = server->lost_220 || (code == 220 && !server->may_greet);
    server->lost_221 = server->lost_221 || code == 221;
    smtp->mail_attempted = smtp->mail_attempted || code == 354;
    smtp->auth_attempted = smtp->auth_attempted || code == 334 || code == 235;
    server->lost_235 = server->lost_235 || code == 235;
    smtp->auth_ok = smtp->auth_ok || code == 235;
}

/* Hands an awaited code to the client. */
static void answer(struct smtp *smtp, int code) {
    struct smtp_client *client = &smtp->client;
    client->num_answered++;
    if (client->num_answered == client->num_asked) {
        client->answer = (uint16_t)code;
    }
}

static void finish_starttls(struct smtp *smtp, int code) {
    smtp->starttls_code = (uint16_t)code;
    smtp->server.after_accept = code == 220;
    smtp->server.since_accept = 0;
    smtp->num_starttls_answered++;
    answer(smtp, code);
}

static void finish_content(struct smtp_server *server) {
    if (server->lmtp && server->rcpt_accepted > 1) {
        server->extra_replies = (uint16_t)(server->rcpt_accepted - 1);
    }
    server->rcpt_accepted = 0;
}

static void finish_reply(struct smtp *smtp, int code) {
    struct smtp_server *server = &smtp->server;
    bool positive = code / 100 == 2;
    if (server->after_accept && server->due != SMTP_DUE_NONE) {
        smtp->answered_after_accept = true;
    }
    switch ((enum smtp_due)server->due) {
    case SMTP_DUE_NONE:
        if (smtp->lost) {
            finish_lost(smtp, code);
        }
        break;
    case SMTP_DUE_LHLO:
        server->lmtp = true;
        finish_ehlo(smtp, code);
        break;
    case SMTP_DUE_EHLO:
        finish_ehlo(smtp, code);
        break;
    case SMTP_DUE_STARTTLS:
        finish_starttls(smtp, code);
        break;
    case SMTP_DUE_MAIL:
        smtp->transactions += positive;
        server->rcpt_accepted = 0;
        break;
    case SMTP_DUE_RCPT:
        server->rcpt_accepted =
            (uint16_t)(server->rcpt_accepted + (positive && server->rcpt_accepted < UINT16_MAX));
        break;
    case SMTP_DUE_HOLE_CONTENT:
        smtp->hole_content_replied = true;
        break;
    case SMTP_DUE_CONTENT:
        finish_content(server);
        break;
    case SMTP_DUE_AUTH:
        smtp->auth_ok = smtp->auth_ok || code == 235;
        answer(smtp, code);
        break;
    case SMTP_DUE_DATA:
        answer(smtp, code);
        break;
    case SMTP_DUE_MAYBE:
        /* If that line went unanswered, this refusal is a hidden command's. */
        server->lost_refusal = server->lost_refusal || code >= 400;
        break;
    case SMTP_DUE_GREETING:
    case SMTP_DUE_HOLE:
    case SMTP_DUE_TLS:
    case SMTP_DUE_OTHER:
        break;
    }
    smtp->last_code = (uint16_t)code;
    server->said_250 = server->said_250 || code == 250;
    server->in_reply = false;
    server->partial = false;
}

static void handle_reply_line(struct smtp *smtp, const struct smtp_reply_line *line) {
    struct smtp_server *server = &smtp->server;
    server->speaks = SMTP_SPEAKS_SMTP;
    if (server->skip_reply) {
        server->skip_reply = !line->last;
        return;
    }
    if (!server->in_reply) {
        begin_reply(smtp, line);
    }
    if (server->collects) {
        collect(smtp, line);
    }
    server->num_lines++;
    if (!line->last && server->num_lines >= SMTP_REPLY_LINES_MAX) {
        smtp->limits_hit++;
        server->skip_reply = true;
    }
    if (line->last || server->skip_reply) {
        finish_reply(smtp, line->code);
    }
}

/* "500 unknown command: s3cret": such a reply may repeat what it does not like (RFC 5321 section 4.2.2). */
static enum smtp_reply_kind kind_of(const struct smtp *smtp, int code) {
    bool repeats = (code >= 500 && code <= 504) || code == 535;
    return repeats && smtp->server.due != SMTP_DUE_GREETING ? SMTP_REPLY_ERROR : SMTP_REPLY_TEXT;
}

static enum smtp_reply_kind handle_line(struct smtp *smtp, const struct smtp_line_whole *whole) {
    struct smtp_server *server = &smtp->server;
    struct smtp_reply_line line;
    if (server->skip_line) {
        server->skip_line = false;
        return SMTP_REPLY_NONE;
    }
    if (whole->no_memory) {
        smtp_server_gap(smtp);
        server->skip_line = false; /* the line's end was seen */
        return SMTP_REPLY_NONE;
    }
    smtp->limits_hit += whole->cut;
    if (smtp_reply_parse(whole->text, &line)) {
        handle_reply_line(smtp, &line);
        return kind_of(smtp, line.code);
    }
    if (server->speaks == SMTP_SPEAKS_NOTHING) {
        server->speaks = SMTP_SPEAKS_OTHER;
    }
    if (is_first_midstream(server)) {
        settle_midstream(smtp, false);
    }
    return SMTP_REPLY_OTHER;
}

/* Takes a line, or what there is of it; stops before TLS that follows clear text after a 220. */
static void step_line(struct smtp *smtp, struct reader *in) {
    struct smtp_server *server = &smtp->server;
    struct reader part =
        reader_of(in->pos, server->after_accept ? smtp_text_before_tls(*in) : reader_left(in));
    struct smtp_line_whole line;
    size_t offered = reader_left(&part);
    smtp_hide_begin_line(smtp, SIDE_SERVER);
    enum parse_result result = smtp_line_take(&server->line, &part, &line);
    reader_skip(in, offered - reader_left(&part));
    smtp_hide_moved(smtp, SIDE_SERVER, offered - reader_left(&part));
    if (result == PARSE_OK) {
        smtp_hide_server_line(smtp, &line, handle_line(smtp, &line));
        smtp_line_drop(&server->line);
    }
}

/* Inside a reply nothing but its next line can come: TLS is looked for only where it was accepted, or behind
 * a hole. */
static bool goes_on_with_lines(const struct smtp_server *server) {
    return server->in_reply && !server->after_accept && !server->gap && (!server->midstream || server->fresh);
}

/* "250-PIPELINING": one more keyword line in a reply to EHLO, which is most of what servers say in clear.
 * True: it was there, whole, and is taken; what else may come step_line() knows. */
static bool take_keyword_line(struct smtp *smtp, struct reader *in) {
    struct smtp_server *server = &smtp->server;
    struct smtp_line_whole line;
    const uint8_t *begin = in->pos;
    if (!server->collects || server->skip_reply || server->num_lines + 1 >= SMTP_REPLY_LINES_MAX ||
        smtp->hiding != NULL || smtp_line_begun(&server->line) || reader_left(in) < 4 ||
        memcmp(begin, "250-", 4) != 0 || !smtp_line_take_whole(in, &line)) {
        return false;
    }
    if (line.cut) {
        in->pos = begin;
        return false;
    }
    reader_skip(&line.text, 4);
    struct reader text = smtp_trim(line.text);
    collect_keyword(smtp, &text);
    server->num_lines++;
    return true;
}

/* Returns false when the server stops here. */
static bool step(struct smtp *smtp, struct reader *in, bool force) {
    struct smtp_server *server = &smtp->server;
    if (server->tls) {
        return false;
    }
    enum parse_result tls = look_for_tls(smtp, *in, force);
    if (tls == PARSE_OK) {
        begin_tls(smtp);
    }
    if (tls != PARSE_BAD) {
        return false;
    }
    if (!is_inside(server) && !may_begin(smtp, *in, force)) {
        return false;
    }
    server->started = true;
    server->resumed = false;
    step_line(smtp, in);
    while (reader_left(in) > 0 && goes_on_with_lines(server)) {
        if (!take_keyword_line(smtp, in)) {
            step_line(smtp, in);
        }
    }
    return true;
}

size_t smtp_server_push(struct smtp *smtp, const uint8_t *data, size_t len, bool force) {
    struct reader in = reader_of(data, len);
    bool more = true;
    while (more && reader_left(&in) > 0) {
        size_t before = reader_left(&in);
        bool counts = smtp->server.after_accept;
        uint32_t which = smtp->num_starttls_answered;
        more = step(smtp, &in, force);
        if (counts && smtp->server.after_accept && which == smtp->num_starttls_answered) {
            smtp->server.since_accept += before - reader_left(&in);
        }
    }
    return len - reader_left(&in);
}

void smtp_server_gap(struct smtp *smtp) {
    struct smtp_server *server = &smtp->server;
    if (server->tls) {
        return;
    }
    server->gap = true;
    server->started = true;
    server->resumed = false;
    server->greeting_done = true;
    server->in_reply = false;
    server->skip_reply = false;
    server->skip_line = true;
    server->partial = true;
    server->after_accept = false;
    server->by_force = false; /* the line that was read before its turn is gone with the hole */
    smtp->lost = true;
    smtp_queue_cleanup(&smtp->queue);
    smtp_hide_dropped(smtp, SIDE_SERVER);
    smtp_line_drop(&server->line);
}
