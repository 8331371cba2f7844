/* smtp_hide.c: which bytes of each line stay, and which are hidden. */
#include "smtp_hide.h"

#include <stdlib.h>

#include "smtp_command.h"
#include "smtp_internal.h"
#include "smtp_reply.h"

bool smtp_hide_by(struct smtp *smtp, smtp_hide hide, void *context) {
    if (smtp->hiding == NULL) {
        smtp->hiding = calloc(1, sizeof(*smtp->hiding));
    }
    if (smtp->hiding == NULL) {
        return false;
    }
    smtp->hiding->hide = hide;
    smtp->hiding->context = context;
    return true;
}

void smtp_hide_at(struct smtp *smtp, enum side side, uint64_t offset) {
    struct smtp_hiding *hiding = smtp->hiding;
    if (hiding != NULL && hiding->pos[side] != offset) {
        hiding->pos[side] = hiding->line_from[side] = offset; /* bytes of another protocol lay between */
    }
}

static const struct smtp_line *line_of(const struct smtp *smtp, enum side side) {
    return side == SIDE_CLIENT ? &smtp->client.line : &smtp->server.line;
}

uint64_t smtp_hide_settled(const struct smtp *smtp, enum side side) {
    const struct smtp_hiding *hiding = smtp->hiding;
    if (smtp_line_begun(line_of(smtp, side))) {
        return hiding->line_from[side];
    }
    bool in_content = side == SIDE_CLIENT && smtp->client.mode == CLIENT_DATA;
    return hiding->pos[side] - (in_content ? smtp->client.content.tail : 0);
}

static void hide(const struct smtp *smtp, enum side side, uint64_t from, uint64_t to) {
    if (to > from) {
        smtp->hiding->hide(smtp->hiding->context, side, from, to);
    }
}

void smtp_hide_begin_line(struct smtp *smtp, enum side side) {
    if (smtp->hiding != NULL && !smtp_line_begun(line_of(smtp, side))) {
        smtp->hiding->line_from[side] = smtp->hiding->pos[side];
    }
}

void smtp_hide_moved(struct smtp *smtp, enum side side, uint64_t len) {
    if (smtp->hiding != NULL) {
        smtp->hiding->pos[side] += len;
    }
}

/* --- lines of the client: how many of a line's first bytes stay --- */

static size_t len_before(struct reader text, const struct reader *at) {
    return (size_t)(at->pos - text.pos);
}

/* The verb, and the blanks behind it. */
static size_t keep_verb(struct reader text) {
    struct reader at = text;
    (void)smtp_word(&at);
    return len_before(text, &at);
}

static size_t keep_mechanism(struct reader text) {
    struct reader at = text, mechanism;
    bool initial_response;
    (void)smtp_word(&at);
    if (!smtp_command_auth(smtp_trim(at), &mechanism, &initial_response)) {
        return keep_verb(text);
    }
    (void)smtp_word(&at);
    return len_before(text, &at);
}

/* A line that was taken as a command. */
static size_t keep_command(struct reader text) {
    switch (smtp_command_of(text).verb) {
    case SMTP_VERB_EHLO:
    case SMTP_VERB_HELO:
    case SMTP_VERB_MAIL:
    case SMTP_VERB_RCPT:
    case SMTP_VERB_BDAT:
        return reader_left(&text);
    case SMTP_VERB_AUTH:
        return keep_mechanism(text);
    case SMTP_VERB_UNKNOWN:
        return 0;
    default:
        return keep_verb(text);
    }
}

/* A line of which nobody knows whether it is a command: what makes it look like one. */
static size_t keep_form(struct reader text) {
    struct smtp_command command = smtp_command_of(text);
    struct reader at = text;
    if (smtp_is(text, ".")) {
        return 1;
    }
    if (!smtp_command_well_formed(&command)) {
        return 0;
    }
    switch (command.verb) {
    case SMTP_VERB_MAIL:
    case SMTP_VERB_RCPT:
        (void)smtp_word(&at);
        return len_before(text, &at) + (command.verb == SMTP_VERB_MAIL ? 5 : 3); /* "FROM:", "TO:" */
    case SMTP_VERB_EHLO:
    case SMTP_VERB_HELO:
        return keep_verb(text);
    default:
        return keep_command(text);
    }
}

static size_t keep_of_client(const struct smtp *smtp, struct reader text) {
    struct smtp_command command;
    switch ((enum smtp_client_mode)smtp->client.mode) {
    case CLIENT_AUTH_RESPONSE:
        return smtp_is(text, "*") ? 1 : 0;
    case CLIENT_JUDGE_AUTH:
        command = smtp_command_of(text);
        if (smtp_command_is_starttls(&command)) {
            return keep_verb(text); /* whatever stands behind it, as judge_auth() sees it */
        }
        return smtp_is(text, "*") ? 1 : smtp_command_well_formed(&command) ? keep_command(text) : 0;
    case CLIENT_JUDGE_DATA:
        command = smtp_command_of(text);
        return smtp_is(text, ".") ? 1 : smtp_command_well_formed(&command) ? keep_command(text) : 0;
    case CLIENT_UNKNOWN:
        return keep_form(text);
    case CLIENT_MIDSTREAM:
        command = smtp_command_of(text);
        return command.verb == SMTP_VERB_EHLO || command.verb == SMTP_VERB_HELO ? keep_command(text)
                                                                                : keep_form(text);
    default:
        return keep_command(text);
    }
}

/* All but the first `keep` bytes and the line end. */
static void hide_behind(struct smtp *smtp, enum side side, const struct smtp_line_whole *line, size_t keep) {
    uint64_t end = smtp->hiding->pos[side] - (line->crlf && line->wire_len > 1 ? 2 : 1);
    hide(smtp, side, smtp->hiding->line_from[side] + keep, end);
}

void smtp_hide_client_line(struct smtp *smtp, const struct smtp_line_whole *line) {
    if (smtp->hiding != NULL) {
        hide_behind(smtp, SIDE_CLIENT, line, line->no_memory ? 0 : keep_of_client(smtp, line->text));
    }
}

/* --- lines of the server --- */

/* The class of a reply (RFC 5321 section 4.2.1) decides what it may answer before the line is whole. */
static size_t keep_of_class(struct reader text) {
    uint8_t first = reader_u8(&text);
    return first >= '2' && first <= '5';
}

void smtp_hide_server_line(struct smtp *smtp, const struct smtp_line_whole *line, enum smtp_reply_kind kind) {
    if (smtp->hiding == NULL) {
        return;
    }
    size_t len = reader_left(&line->text);
    size_t keep = len;
    if (kind == SMTP_REPLY_NONE) {
        keep = 0;
    } else if (kind == SMTP_REPLY_OTHER) {
        keep = keep_of_class(line->text);
    } else if (kind == SMTP_REPLY_ERROR && len > 4) {
        keep = 4;
    }
    hide_behind(smtp, SIDE_SERVER, line, keep);
}

/* --- contents --- */

void smtp_hide_content(struct smtp *smtp, uint64_t len, unsigned tail_before) {
    struct smtp_hiding *hiding = smtp->hiding;
    const struct smtp_content *content = &smtp->client.content;
    if (hiding == NULL) {
        return;
    }
    uint64_t end = hiding->pos[SIDE_CLIENT], from = end - len - tail_before;
    unsigned stays = content->structure > content->tail ? content->structure : content->tail;
    hide(smtp, SIDE_CLIENT, from > hiding->kept_to ? from : hiding->kept_to, end - stays);
    if (content->structure > 0) {
        hiding->kept_to = end;
    }
}

void smtp_hide_octets(struct smtp *smtp, uint64_t len) {
    if (smtp->hiding != NULL) {
        hide(smtp, SIDE_CLIENT, smtp->hiding->pos[SIDE_CLIENT] - len, smtp->hiding->pos[SIDE_CLIENT]);
    }
}

/* --- what never came to its end --- */

void smtp_hide_dropped(struct smtp *smtp, enum side side) {
    struct smtp_hiding *hiding = smtp->hiding;
    if (hiding == NULL) {
        return;
    }
    uint64_t from = smtp_hide_settled(smtp, side);
    if (side == SIDE_CLIENT && from < hiding->kept_to) {
        from = hiding->kept_to;
    }
    hide(smtp, side, from, hiding->pos[side]);
    hiding->line_from[side] = hiding->pos[side];
}

/* An unfinished line still says who speaks: as much of it stays as that takes. */
static size_t keep_of_begun(const struct smtp *smtp, enum side side) {
    const struct smtp_line *line = line_of(smtp, side);
    struct reader text = reader_of(line->bytes, line->len);
    struct smtp_reply_line reply;
    if (line->no_memory) {
        return 0;
    }
    if (side == SIDE_SERVER) {
        uint8_t padded[4] = {'2', '0', '0', ' '};
        size_t len = 0;
        while (len < sizeof(padded) && reader_left(&text) > 0) {
            padded[len++] = reader_u8(&text);
        }
        if (smtp_reply_parse(reader_of(padded, sizeof(padded)), &reply)) {
            return len;
        }
        return smtp->server.skip_line ? 0 : keep_of_class(reader_of(line->bytes, line->len));
    }
    if (smtp->client.mode != CLIENT_COMMANDS || !smtp_command_may_become(text)) {
        return 0;
    }
    struct reader at = text;
    struct reader word = smtp_word(&at);
    return reader_left(&word) == line->len ? line->len : keep_command(text);
}

void smtp_hide_finish(struct smtp *smtp) {
    if (smtp->hiding == NULL) {
        return;
    }
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        if (smtp_line_begun(line_of(smtp, side))) {
            smtp->hiding->line_from[side] += keep_of_begun(smtp, side);
        }
        smtp_hide_dropped(smtp, side);
    }
}
