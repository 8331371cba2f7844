/* smtp_client.c: the client's stream: commands, content, AUTH responses. */
#include "smtp_command.h"
#include "smtp_headers.h"
#include "smtp_internal.h"

static bool pairing_lost(const struct smtp *smtp) {
    return smtp->lost || smtp->client.hole;
}

/* A reply is due. Without memory for that, pairing ends. */
static void expect(struct smtp *smtp, enum smtp_due due) {
    if (!pairing_lost(smtp) && !smtp_queue_push(&smtp->queue, due)) {
        smtp->lost = true;
        smtp->limits_hit++;
    }
}

/* Stops the client until the reply. */
static void await(struct smtp *smtp, enum smtp_due due, enum smtp_client_mode mode) {
    expect(smtp, due);
    smtp->client.mode = (uint8_t)mode;
    smtp->client.answer = 0;
    smtp->client.num_asked++;
}

static bool is_awaiting(const struct smtp_client *client) {
    return client->mode == CLIENT_AWAIT_STARTTLS || client->mode == CLIENT_AWAIT_DATA ||
           client->mode == CLIENT_AWAIT_AUTH;
}

bool smtp_client_waits(const struct smtp *smtp) {
    const struct smtp_client *client = &smtp->client;
    if (pairing_lost(smtp)) {
        return false;
    }
    return (is_awaiting(client) && client->answer == 0) ||
           (client->mode == CLIENT_COMMANDS && smtp_queue_full(&smtp->queue));
}

/* From here on commands may be missing, and what follows may be commands or content. */
static void make_hole(struct smtp *smtp, bool in_content) {
    struct smtp_client *client = &smtp->client;
    if (in_content && !pairing_lost(smtp)) {
        /* Whatever the hole swallowed, the next reply is the content's. */
        expect(smtp, SMTP_DUE_HOLE_CONTENT);
        smtp->hole_content_open = true;
    }
    expect(smtp, SMTP_DUE_HOLE);
    client->hole = true;
    client->hole_outside = client->hole_outside || !in_content;
    client->hole_open = true;
    client->in_content = in_content;
    client->line_starts = false;
    client->after_starttls = false;
    client->just_starttls = false;
    client->just_gap = true;
    client->mode = CLIENT_UNKNOWN;
}

static void end_bdat(struct smtp *smtp) {
    smtp->client.mode = CLIENT_COMMANDS;
    smtp->messages += smtp->client.bdat_last;
    if (smtp->client.bdat_last) {
        smtp_headers_end(smtp, true);
        smtp->client.bdat_goes_on = false;
    }
}

static void gap_now(struct smtp *smtp, uint64_t len) {
    struct smtp_client *client = &smtp->client;
    smtp_hide_dropped(smtp, SIDE_CLIENT);
    smtp_headers_end(smtp, false);
    if (client->mode == CLIENT_BDAT) {
        uint64_t inside = len < client->bdat_left ? len : client->bdat_left;
        smtp->content_bytes += inside;
        client->bdat_left -= inside;
        if (client->bdat_left == 0) {
            end_bdat(smtp);
        }
        if (inside == len) {
            return; /* the octets were announced: nothing else can be missing */
        }
    }
    bool in_content = client->mode == CLIENT_DATA || (client->mode == CLIENT_UNKNOWN && client->in_content);
    if (in_content) {
        smtp->content_bytes += len;
    }
    make_hole(smtp, in_content);
    smtp_line_drop(&client->line);
}

/* Goes on when the awaited reply is there, or is known not to come. */
static void settle_wait(struct smtp *smtp) {
    struct smtp_client *client = &smtp->client;
    if (!is_awaiting(client) || smtp_client_waits(smtp)) {
        return;
    }
    unsigned code = client->answer;
    if (client->mode == CLIENT_AWAIT_STARTTLS) {
        client->mode = CLIENT_COMMANDS;
        if (code != 0 && code != 220) {
            client->after_starttls = false;
            client->since_starttls = 0;
        }
    } else if (client->mode == CLIENT_AWAIT_DATA) {
        client->mode = code == 0 ? CLIENT_JUDGE_DATA : code / 100 == 3 ? CLIENT_DATA : CLIENT_COMMANDS;
        smtp_content_init(&client->content, client->content.bare_lf, true);
        if (client->mode == CLIENT_DATA) {
            smtp_headers_begin(smtp);
        }
    } else {
        client->mode = code == 0 ? CLIENT_JUDGE_AUTH : code == 334 ? CLIENT_AUTH_RESPONSE : CLIENT_COMMANDS;
    }
    if (client->waiting_gap > 0) {
        uint64_t len = client->waiting_gap;
        client->waiting_gap = 0;
        gap_now(smtp, len);
    }
}

void smtp_client_catch_up(struct smtp *smtp) {
    if (smtp->client.waiting_gap > 0) {
        settle_wait(smtp);
    }
}

void smtp_client_gap(struct smtp *smtp, uint64_t len) {
    struct smtp_client *client = &smtp->client;
    if (client->mode == CLIENT_TLS) {
        return;
    }
    client->gap = true;
    client->started = true;
    client->resumed = false;
    settle_wait(smtp);
    if (is_awaiting(client)) {
        client->waiting_gap += len;
    } else {
        gap_now(smtp, len);
    }
}

static void begin_tls(struct smtp *smtp) {
    struct smtp_client *client = &smtp->client;
    smtp_hide_dropped(smtp, SIDE_CLIENT);
    if (client->waiting_gap > 0) {
        make_hole(smtp, false);
    }
    if (client->after_starttls) {
        smtp->injected_command_bytes = client->since_starttls;
    }
    if (client->speaks == SMTP_SPEAKS_SMTP) {
        smtp->client_tls_after_smtp = true;
    }
    client->tls_from_unknown = client->mode == CLIENT_UNKNOWN;
    client->mode = CLIENT_TLS;
    client->num_tls++;
    if (smtp->server.num_tls >= client->num_tls) {
        smtp_queue_cleanup(&smtp->queue); /* of injected commands: the server is in TLS already */
    } else {
        expect(smtp, SMTP_DUE_TLS);
    }
    client->after_starttls = false;
    client->since_starttls = 0;
    client->waiting_gap = 0;
    smtp_line_drop(&client->line);
}

/* Whether TLS begins right here. */
static enum parse_result look_for_tls(const struct smtp *smtp, struct reader in, bool force) {
    const struct smtp_client *client = &smtp->client;
    bool commands = client->mode == CLIENT_COMMANDS;
    if (client->resumed) {
        return PARSE_BAD;
    }
    if (smtp_line_begun(&client->line)) {
        return commands && client->after_starttls ? smtp_tls_decide(in, SMTP_TLS_IN_TEXT, force) : PARSE_BAD;
    }
    /* In the midst of unknown lines TLS is believed right behind the hole or STARTTLS, not anywhere:
     * they may be the lines of a content. */
    bool after_hole = client->just_gap || client->mode == CLIENT_MIDSTREAM ||
                      (client->mode == CLIENT_AWAIT_STARTTLS && client->waiting_gap > 0);
    enum parse_result result = PARSE_BAD;
    if (after_hole) {
        result = smtp_tls_decide(in, SMTP_TLS_AFTER_HOLE, force);
    }
    if (result == PARSE_BAD &&
        (after_hole || !client->started || client->just_starttls || (commands && client->after_starttls))) {
        result = smtp_tls_decide(in, SMTP_TLS_CLIENT_START, force);
    }
    return result;
}

static void keep_domain(struct smtp *smtp, struct smtp_list *list, struct reader domain) {
    uint8_t buffer[SMTP_TEXT_MAX];
    struct reader lower = smtp_lower(domain, buffer, sizeof(buffer));
    smtp->limits_hit += reader_left(&lower) < reader_left(&domain);
    if (reader_left(&lower) > 0 && !smtp_list_has(list, lower)) {
        smtp_keep(smtp, list, lower, SMTP_DOMAINS_MAX);
    }
}

static void handle_mail(struct smtp *smtp, struct reader argument) {
    struct reader domain, parameters;
    smtp->mail_attempted = true;
    expect(smtp, SMTP_DUE_MAIL);
    if (!smtp_command_path(argument, "FROM:", &domain, &parameters)) {
        return;
    }
    keep_domain(smtp, &smtp->texts[SMTP_FROM], domain);
    while (reader_left(&parameters) > 0) {
        if (smtp_is(smtp_word(&parameters), "REQUIRETLS")) {
            smtp->requiretls_used = true;
        }
    }
}

static void handle_rcpt(struct smtp *smtp, struct reader argument) {
    struct reader domain, parameters;
    smtp->mail_attempted = true;
    expect(smtp, SMTP_DUE_RCPT);
    if (smtp_command_path(argument, "TO:", &domain, &parameters)) {
        keep_domain(smtp, &smtp->texts[SMTP_RCPT], domain);
    }
}

static void handle_bdat(struct smtp *smtp, struct reader argument) {
    struct smtp_client *client = &smtp->client;
    smtp->mail_attempted = true;
    if (!smtp_command_bdat(argument, &client->bdat_left, &client->bdat_last)) {
        expect(smtp, SMTP_DUE_OTHER); /* without a size no octets can follow */
        return;
    }
    /* Octets follow at once, even when the command will be refused (RFC 3030 section 2). */
    expect(smtp, client->bdat_last ? SMTP_DUE_CONTENT : SMTP_DUE_OTHER);
    client->mode = CLIENT_BDAT;
    if (client->bdat_left == 0) {
        end_bdat(smtp);
    }
}

/* An initial response, or one to a 334, has crossed. */
static void auth_crossed(struct smtp *smtp) {
    if (!smtp->auth_sent) {
        smtp->auth_sent = true;
        smtp_keep_one(smtp, &smtp->texts[SMTP_MECHANISM],
                      smtp_reader_of(smtp_list_at(&smtp->texts[SMTP_MECHANISM_NEXT], 0)));
    }
}

static void handle_auth(struct smtp *smtp, struct reader argument) {
    uint8_t buffer[SMTP_MECHANISM_LEN_MAX];
    struct reader mechanism;
    bool initial_response;
    smtp->auth_attempted = true;
    smtp_list_clear(&smtp->texts[SMTP_MECHANISM_NEXT]);
    if (smtp_command_auth(argument, &mechanism, &initial_response)) {
        if (!smtp->auth_sent) {
            mechanism = smtp_upper(mechanism, buffer, sizeof(buffer));
            smtp_keep_one(smtp, &smtp->texts[SMTP_MECHANISM_NEXT], mechanism);
            if (smtp_list_num(&smtp->texts[SMTP_MECHANISM]) == 0) {
                smtp_keep_one(smtp, &smtp->texts[SMTP_MECHANISM], mechanism);
            }
        }
        if (initial_response) {
            auth_crossed(smtp);
        }
    }
    await(smtp, SMTP_DUE_AUTH, CLIENT_AWAIT_AUTH);
}

static void handle_starttls(struct smtp *smtp, bool anonymous) {
    struct smtp_client *client = &smtp->client;
    smtp->num_starttls++;
    smtp->anonymous_tls = anonymous;
    client->after_starttls = true;
    client->just_starttls = true;
    client->since_starttls = 0;
    await(smtp, SMTP_DUE_STARTTLS, CLIENT_AWAIT_STARTTLS);
}

static void handle_command(struct smtp *smtp, const struct smtp_line_whole *line,
                           const struct smtp_command *command) {
    bool preamble = smtp->client.speaks != SMTP_SPEAKS_SMTP;
    if (command->verb != SMTP_VERB_UNKNOWN) {
        smtp->client.speaks = SMTP_SPEAKS_SMTP;
    } else if (preamble) {
        smtp->client.speaks = SMTP_SPEAKS_OTHER;
    }
    switch (command->verb) {
    case SMTP_VERB_EHLO:
        smtp->num_ehlo++;
        smtp_keep_one(smtp, &smtp->texts[SMTP_EHLO], command->argument);
        expect(smtp, command->lmtp ? SMTP_DUE_LHLO : SMTP_DUE_EHLO);
        break;
    case SMTP_VERB_HELO:
        smtp->helo_seen = true;
        smtp_keep_one(smtp, &smtp->texts[SMTP_HELO], command->argument);
        expect(smtp, SMTP_DUE_OTHER);
        break;
    case SMTP_VERB_STARTTLS:
    case SMTP_VERB_ANONYMOUSTLS:
        handle_starttls(smtp, command->verb == SMTP_VERB_ANONYMOUSTLS);
        break;
    case SMTP_VERB_MAIL:
        smtp_headers_end(smtp, false);
        smtp->client.bdat_goes_on = false;
        handle_mail(smtp, command->argument);
        break;
    case SMTP_VERB_RCPT:
        handle_rcpt(smtp, command->argument);
        break;
    case SMTP_VERB_DATA:
        smtp->mail_attempted = true;
        smtp->client.content.bare_lf = !line->crlf;
        await(smtp, SMTP_DUE_DATA, CLIENT_AWAIT_DATA);
        break;
    case SMTP_VERB_BDAT:
        handle_bdat(smtp, command->argument);
        break;
    case SMTP_VERB_AUTH:
        handle_auth(smtp, command->argument);
        break;
    case SMTP_VERB_QUIT:
        smtp->quit_seen = true;
        expect(smtp, SMTP_DUE_OTHER);
        break;
    case SMTP_VERB_RSET:
    case SMTP_VERB_OTHER:
        expect(smtp, SMTP_DUE_OTHER);
        break;
    case SMTP_VERB_UNKNOWN:
        expect(smtp, preamble || reader_left(&line->text) == 0 ? SMTP_DUE_MAYBE : SMTP_DUE_OTHER);
        break;
    }
}

/* A lone dot between CRLFs, where content may be. */
static void end_unknown_content(struct smtp *smtp) {
    struct smtp_client *client = &smtp->client;
    smtp->mail_attempted = true;
    if (smtp->hole_content_open) {
        smtp->hole_content_open = false;
        smtp->hole_content_ended = true;
    } else {
        smtp->messages++;
    }
    client->in_content = false;
    client->hole_open = false;
}

/* After a hole nothing says for certain whether lines are commands: even behind a dot they may be octets of
 * a BDAT that was lost. What is true either way is taken: MAIL as a command and MAIL inside a content both
 * mean that mail was sent. STARTTLS counts only when TLS follows it, and the server does not belie that. */
static void handle_unknown(struct smtp *smtp, const struct smtp_line_whole *line,
                           const struct smtp_command *command) {
    struct smtp_client *client = &smtp->client;
    bool dot = client->line_starts && line->crlf && smtp_is(line->text, ".");
    client->line_starts = line->crlf;
    if (dot) {
        end_unknown_content(smtp);
        return;
    }
    if (client->in_content) {
        smtp->content_bytes += line->wire_len;
    }
    if (!smtp_command_well_formed(command)) {
        return;
    }
    client->speaks = SMTP_SPEAKS_SMTP;
    client->just_starttls = smtp_command_is_starttls(command);
    if (command->verb == SMTP_VERB_MAIL || command->verb == SMTP_VERB_RCPT ||
        command->verb == SMTP_VERB_DATA || command->verb == SMTP_VERB_BDAT) {
        smtp->mail_attempted = true;
    }
}

/* The first line of a connection that began earlier, and may be cut: EHLO and HELO
 * are taken to open the session, anything else is the middle of something. */
static void handle_midstream(struct smtp *smtp, const struct smtp_line_whole *line,
                             const struct smtp_command *command) {
    if ((command->verb == SMTP_VERB_EHLO || command->verb == SMTP_VERB_HELO) &&
        smtp_command_well_formed(command)) {
        smtp->client.fresh = true;
        smtp->client.mode = CLIENT_COMMANDS;
        handle_command(smtp, line, command);
    } else {
        make_hole(smtp, false);
        handle_unknown(smtp, line, command);
    }
}

static void end_content(struct smtp *smtp) {
    smtp->client.mode = CLIENT_COMMANDS;
    smtp->messages++;
    smtp_headers_end(smtp, true);
    expect(smtp, SMTP_DUE_CONTENT);
}

/* The reply to DATA is lost. The commands that a client sends after a refusal are
 * told from content by their form; STARTTLS and AUTH are not among them. */
static void judge_data(struct smtp *smtp, const struct smtp_line_whole *line,
                       const struct smtp_command *command) {
    struct smtp_client *client = &smtp->client;
    bool plausible = !smtp_command_is_starttls(command) && command->verb != SMTP_VERB_AUTH;
    bool line_start = line->crlf || client->content.bare_lf;
    if (plausible && smtp_command_well_formed(command)) {
        client->mode = CLIENT_COMMANDS;
        handle_command(smtp, line, command);
    } else if (line_start && smtp_is(line->text, ".")) {
        end_content(smtp);
    } else {
        smtp->content_bytes += line->wire_len;
        client->mode = CLIENT_DATA;
        smtp_content_init(&client->content, client->content.bare_lf, line_start);
    }
}

/* The reply to AUTH or to a response is lost. Base64 hardly ever has the form of a command; but on STARTTLS
 * too much hangs to take eight letters of base64 for it. */
static void judge_auth(struct smtp *smtp, const struct smtp_line_whole *line,
                       const struct smtp_command *command) {
    if (smtp_command_is_starttls(command)) {
        make_hole(smtp, false);
        handle_unknown(smtp, line, command);
    } else if (smtp_command_well_formed(command)) {
        smtp->client.mode = CLIENT_COMMANDS;
        handle_command(smtp, line, command);
    } else if (!smtp_is(line->text, "*")) {
        auth_crossed(smtp);
    }
}

/* RFC 4954 section 4: a response, or "*" to cancel. Nothing of it is looked at. */
static void handle_auth_response(struct smtp *smtp, const struct smtp_line_whole *line) {
    if (!smtp_is(line->text, "*")) {
        auth_crossed(smtp);
    }
    await(smtp, SMTP_DUE_AUTH, CLIENT_AWAIT_AUTH);
}

static void handle_line(struct smtp *smtp, const struct smtp_line_whole *line) {
    enum smtp_client_mode mode = (enum smtp_client_mode)smtp->client.mode;
    if (line->no_memory && mode != CLIENT_AUTH_RESPONSE) {
        make_hole(smtp, false);
        return;
    }
    if (line->cut && mode != CLIENT_UNKNOWN) {
        smtp->limits_hit++;
    }
    if (mode == CLIENT_AUTH_RESPONSE) {
        handle_auth_response(smtp, line);
        return;
    }
    struct smtp_command command = smtp_command_of(line->text);
    switch (mode) {
    case CLIENT_MIDSTREAM:
        handle_midstream(smtp, line, &command);
        break;
    case CLIENT_UNKNOWN:
        handle_unknown(smtp, line, &command);
        break;
    case CLIENT_JUDGE_DATA:
        judge_data(smtp, line, &command);
        break;
    case CLIENT_JUDGE_AUTH:
        judge_auth(smtp, line, &command);
        break;
    default:
        handle_command(smtp, line, &command);
        break;
    }
}

/* Takes a line, or what there is of it; stops before TLS that follows clear text after STARTTLS. */
static void step_line(struct smtp *smtp, struct reader *in) {
    struct smtp_client *client = &smtp->client;
    bool stop = client->mode == CLIENT_COMMANDS && client->after_starttls;
    struct reader part = reader_of(in->pos, stop ? smtp_text_before_tls(*in) : reader_left(in));
    struct smtp_line_whole line;
    size_t offered = reader_left(&part);
    smtp_hide_begin_line(smtp, SIDE_CLIENT);
    enum parse_result result = smtp_line_take(&client->line, &part, &line);
    reader_skip(in, offered - reader_left(&part));
    smtp_hide_moved(smtp, SIDE_CLIENT, offered - reader_left(&part));
    if (result == PARSE_OK) {
        smtp_hide_client_line(smtp, &line);
        handle_line(smtp, &line);
        smtp_line_drop(&client->line);
    }
}

static void step_bdat(struct smtp *smtp, struct reader *in) {
    struct smtp_client *client = &smtp->client;
    size_t left = reader_left(in);
    size_t len = client->bdat_left < left ? (size_t)client->bdat_left : left;
    if (!client->bdat_goes_on) {
        smtp_headers_begin(smtp);
    }
    client->bdat_goes_on = true;
    smtp_headers_take(smtp, in->pos, len);
    reader_skip(in, len);
    smtp_hide_moved(smtp, SIDE_CLIENT, len);
    smtp_hide_octets(smtp, len);
    smtp->content_bytes += len;
    client->bdat_left -= len;
    if (client->bdat_left == 0) {
        end_bdat(smtp);
    }
}

static void step_content(struct smtp *smtp, struct reader *in) {
    size_t before = reader_left(in);
    const uint8_t *data = in->pos;
    unsigned tail = smtp->client.content.tail;
    unsigned end_len = smtp_content_take(&smtp->client.content, in);
    smtp_hide_moved(smtp, SIDE_CLIENT, before - reader_left(in));
    smtp_hide_content(smtp, before - reader_left(in), tail);
    smtp_headers_take(smtp, data, before - reader_left(in));
    smtp->content_bytes += before - reader_left(in);
    if (end_len > 0) {
        smtp->content_bytes -= end_len; /* the dot is not content, the line end before it is */
        end_content(smtp);
    }
}

/* Returns false when the client stops here. */
static bool step(struct smtp *smtp, struct reader *in, bool force) {
    struct smtp_client *client = &smtp->client;
    settle_wait(smtp);
    if (client->mode == CLIENT_TLS) {
        return false;
    }
    enum parse_result tls = look_for_tls(smtp, *in, force);
    if (tls == PARSE_OK) {
        begin_tls(smtp);
    }
    if (tls != PARSE_BAD) {
        return false;
    }
    if (smtp_client_waits(smtp)) {
        smtp->forced = smtp->forced || force;
        smtp->lost = smtp->lost || force;
        return force;
    }
    client->started = true;
    client->resumed = false;
    client->just_starttls = false;
    client->just_gap = false;
    if (client->mode == CLIENT_DATA) {
        step_content(smtp, in);
    } else if (client->mode == CLIENT_BDAT) {
        step_bdat(smtp, in);
    } else {
        step_line(smtp, in);
    }
    return true;
}

size_t smtp_client_push(struct smtp *smtp, const uint8_t *data, size_t len, bool force) {
    struct reader in = reader_of(data, len);
    bool more = true;
    while (more && reader_left(&in) > 0) {
        size_t before = reader_left(&in);
        bool counts = smtp->client.after_starttls;
        uint32_t which = smtp->num_starttls;
        more = step(smtp, &in, force);
        if (counts && smtp->client.after_starttls && which == smtp->num_starttls) {
            smtp->client.since_starttls += before - reader_left(&in);
        }
    }
    return len - reader_left(&in);
}
