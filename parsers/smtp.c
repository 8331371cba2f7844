/* smtp.c: the outside of the parser, and what both streams together say. */
#include "smtp.h"

#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "received.h"
#include "smtp_command.h"
#include "smtp_internal.h"
#include "smtp_reply.h"

/* The texts of the facts; as many as there are, so that a quiet session stays small. */
struct smtp_report {
    struct smtp_facts facts;
    struct smtp_text texts[];
};

struct smtp *smtp_new(void) {
    struct smtp *smtp = malloc(sizeof(*smtp)); /* calloc() does not ask the thread's cache */
    if (smtp != NULL) {
        *smtp = (struct smtp){0};
    }
    return smtp;
}

void smtp_free(struct smtp *smtp) {
    if (smtp == NULL) {
        return;
    }
    for (size_t i = 0; i < SMTP_NUM_TEXTS; i++) {
        smtp_list_cleanup(&smtp->texts[i]);
    }
    smtp_line_drop(&smtp->client.line);
    smtp_line_drop(&smtp->server.line);
    smtp_queue_cleanup(&smtp->queue);
    free(smtp->hiding);
    free(smtp->received);
    free(smtp->report);
    free(smtp);
}

void smtp_fetch(const struct smtp *smtp) {
    fetch(smtp, sizeof *smtp);
}

void smtp_fetch_texts(const struct smtp *smtp) {
    for (size_t i = 0; i < SMTP_NUM_TEXTS; i++) {
        fetch(smtp->texts[i].texts, 2 * FETCH_LINE); /* few are longer */
    }
}

void smtp_keep(struct smtp *smtp, struct smtp_list *list, struct reader text, size_t max) {
    size_t held = smtp_list_held(list);
    smtp->limits_hit += smtp_list_add(list, text, max) != SMTP_KEPT;
    smtp->texts_held += (uint32_t)(smtp_list_held(list) - held);
}

void smtp_keep_keyword(struct smtp *smtp, struct smtp_list *list, uint8_t number, size_t max) {
    size_t held = smtp_list_held(list);
    smtp->limits_hit += smtp_list_add_keyword(list, number, max) != SMTP_KEPT;
    smtp->texts_held += (uint32_t)(smtp_list_held(list) - held);
}

void smtp_keep_one(struct smtp *smtp, struct smtp_list *list, struct reader text) {
    smtp_list_clear(list);
    smtp_keep(smtp, list, text, 1);
}

size_t smtp_text_before_tls(struct reader in) {
    size_t left = reader_left(&in);
    struct reader at = in;
    if (left > 0) {
        reader_skip(&at, 1); /* the first byte was looked at already */
    }
    while (reader_left(&at) > 0) {
        size_t before = left - reader_left(&at);
        if (smtp_tls_look(at, SMTP_TLS_IN_TEXT) != PARSE_BAD) {
            return before;
        }
        if (reader_u8(&at) == '\n') {
            break;
        }
    }
    return left;
}

enum parse_result smtp_tls_decide(struct reader in, enum smtp_tls_place place, bool force) {
    enum parse_result result = smtp_tls_look(in, place);
    if (result != PARSE_MORE || !force) {
        return result;
    }
    /* No more will come. Text never begins with the control byte that begins a record;
     * inside of a line its second byte must be there, too. */
    size_t left = reader_left(&in);
    return reader_u8(&in) < ' ' && (place != SMTP_TLS_IN_TEXT || left > 1) ? PARSE_OK : PARSE_BAD;
}

size_t smtp_push(struct smtp *smtp, enum side side, const uint8_t *data, size_t len, bool force) {
    smtp->report_old = true;
    if (side == SIDE_CLIENT) {
        return smtp_client_push(smtp, data, len, force);
    }
    size_t used = smtp_server_push(smtp, data, len, force);
    smtp_client_catch_up(smtp);
    return used;
}

void smtp_gap(struct smtp *smtp, enum side side, uint64_t len) {
    if (len == 0) {
        return;
    }
    smtp->report_old = true;
    if (side == SIDE_CLIENT) {
        smtp_client_gap(smtp, len);
    } else {
        smtp_server_gap(smtp);
    }
}

void smtp_midstream(struct smtp *smtp) {
    smtp->report_old = true;
    smtp->client.midstream = true;
    smtp->server.midstream = true;
    if (!smtp->client.started) {
        smtp->client.mode = CLIENT_MIDSTREAM;
    }
}

enum smtp_state smtp_state(const struct smtp *smtp, enum side side) {
    if (side == SIDE_CLIENT) {
        return smtp->client.mode == CLIENT_TLS ? SMTP_TLS : smtp_client_waits(smtp) ? SMTP_WAITS : SMTP_READY;
    }
    return smtp->server.tls ? SMTP_TLS : smtp_server_waits(smtp) ? SMTP_WAITS : SMTP_READY;
}

bool smtp_is_open(const struct smtp *smtp, enum side side) {
    return side == SIDE_CLIENT ? smtp->num_ehlo > 0 || smtp->helo_seen : smtp->server.said_250;
}

void smtp_resume(struct smtp *smtp, enum side side) {
    smtp->report_old = true;
    if (side == SIDE_CLIENT && smtp->client.mode == CLIENT_TLS) {
        smtp->client.mode = smtp->client.tls_from_unknown ? CLIENT_UNKNOWN : CLIENT_COMMANDS;
        smtp->client.resumed = true;
    } else if (side == SIDE_SERVER && smtp->server.tls) {
        smtp->server.tls = false;
        smtp->server.resumed = true;
        smtp->server.greeting_done = true;
        smtp->server.handshake_failed = true;
    }
}

/* A line that never ended still shows what it cannot become. */
static enum smtp_speaks client_speaks(const struct smtp_client *client) {
    struct reader begun = reader_of(client->line.bytes, client->line.len);
    bool other = client->mode == CLIENT_COMMANDS && client->line.len > 0 && !smtp_command_may_become(begun);
    return client->speaks == SMTP_SPEAKS_NOTHING && other ? SMTP_SPEAKS_OTHER
                                                          : (enum smtp_speaks)client->speaks;
}

static enum smtp_speaks server_speaks(const struct smtp_server *server) {
    struct smtp_reply_line line;
    uint8_t padded[4] = {'2', '0', '0', ' '};
    struct reader begun = reader_of(server->line.bytes, server->line.len);
    for (size_t i = 0; i < sizeof(padded) && reader_left(&begun) > 0; i++) {
        padded[i] = reader_u8(&begun);
    }
    bool other = !server->skip_line && server->line.len > 0 &&
                 !smtp_reply_parse(reader_of(padded, sizeof(padded)), &line);
    return server->speaks == SMTP_SPEAKS_NOTHING && other ? SMTP_SPEAKS_OTHER
                                                          : (enum smtp_speaks)server->speaks;
}

static bool server_intact(const struct smtp_server *server) {
    return server->started && !server->gap && (!server->midstream || server->fresh);
}

static bool client_intact(const struct smtp_client *client) {
    return client->started && !client->hole && client->waiting_gap == 0 &&
           (!client->midstream || client->fresh);
}

/* With a hole in the client's stream, the server's replies may still show that no STARTTLS was in it: one
 * gets 220, 4xx or 5xx. Either no such reply came up to the 221, behind which nothing is answered, or the
 * hole lies within one content whose dot was seen, and no reply came but that to the content. */
static bool hole_is_harmless(const struct smtp *smtp) {
    const struct smtp_client *client = &smtp->client;
    const struct smtp_server *server = &smtp->server;
    bool in_content = !client->hole_outside && !client->hole_open && smtp->hole_content_replied;
    return client->hole && !client->midstream && server_intact(server) && !server->lost_refusal &&
           !server->lost_220 && (server->lost_221 || (in_content && !server->lost_any));
}

/* The content goes on behind a dot with a bare LF beside it. If the server took that dot for the end, what
 * follows are commands; STARTTLS and a line end is the shortest that matters. */
static bool content_may_have_ended(const struct smtp_client *client) {
    return client->mode == CLIENT_DATA && client->content.bare_dot &&
           client->content.behind_bare_dot > strlen("STARTTLS");
}

static bool seen_from_the_start(const struct smtp *smtp) {
    return !smtp->client.midstream || (smtp->client.fresh && smtp->server.fresh);
}

static enum smtp_fact requested(const struct smtp *smtp) {
    if (smtp->num_starttls > 0 || smtp->server_tls_after_smtp) {
        return SMTP_YES;
    }
    /* TLS that begins in the midst of unknown lines may be what a content holds. */
    if (smtp->client_tls_after_smtp &&
        ((smtp->server.lost_220 && !smtp->server.gap) || !smtp->server.started)) {
        return SMTP_YES;
    }
    bool seen_whole =
        client_intact(&smtp->client) && !content_may_have_ended(&smtp->client) && seen_from_the_start(smtp);
    return seen_whole || hole_is_harmless(smtp) ? SMTP_NO : SMTP_OPEN;
}

/* NO needs that every reply to EHLO was seen: all replies were, or as many as there were EHLOs. Behind a 220
 * without a command they are not looked for. */
static enum smtp_fact offered(const struct smtp *smtp) {
    if (smtp->offered) {
        return SMTP_YES;
    }
    bool all = server_intact(&smtp->server) ||
               (client_intact(&smtp->client) && smtp->num_ehlo_answered >= smtp->num_ehlo);
    return smtp->num_ehlo_answered > 0 && all && !smtp->server.lost_220 && seen_from_the_start(smtp)
               ? SMTP_NO
               : SMTP_OPEN;
}

/* The code that answered the last STARTTLS, as far as that is known: a later one may hide in a gap. */
static int starttls_code(const struct smtp *smtp, const struct smtp_facts *facts) {
    bool tls = smtp->client.num_tls > 0 || smtp->server.num_tls > 0;
    if (smtp->starttls_code == 220) {
        return 220;
    }
    if (facts->hidden_accept && facts->requested == SMTP_YES && tls) {
        return 220; /* no other command's reply */
    }
    if (!smtp->lost && client_intact(&smtp->client)) {
        return smtp->starttls_code;
    }
    bool last = client_intact(&smtp->client) || hole_is_harmless(smtp);
    return last && !tls && smtp->num_starttls <= smtp->num_starttls_answered ? smtp->starttls_code : 0;
}

static void fill_starttls(const struct smtp *smtp, struct smtp_facts *facts) {
    const struct smtp_client *client = &smtp->client;
    const struct smtp_server *server = &smtp->server;
    bool client_hidden = client->hole || client->waiting_gap > 0 || !client->started || client->midstream;
    facts->offered = offered(smtp);
    facts->requested = requested(smtp);
    facts->hidden_refusal = client_hidden && server->lost_refusal;
    facts->hidden_accept = client_hidden && server->lost_220 && !server->gap;
    facts->starttls_reply_code = starttls_code(smtp, facts);
    facts->anonymous_tls = smtp->anonymous_tls;
    facts->masked = (struct smtp_text){smtp->masked_len > 0 ? smtp->masked : NULL, smtp->masked_len};
    facts->requiretls_offered = smtp->requiretls_offered;
    facts->requiretls_used = smtp->requiretls_used;
    facts->injected_command_bytes = smtp->injected_command_bytes;
    facts->injected_reply_bytes = smtp->injected_reply_bytes;
    /* Across a gap TLS may have come after all, unless clear commands were answered. */
    bool lossy = client->gap || server->gap;
    if (smtp->starttls_code == 220 && (!lossy || smtp->answered_after_accept)) {
        facts->clear_after_accept_client = client->since_starttls;
        facts->clear_after_accept_server = server->since_accept;
    }
}

static void fill_mail(const struct smtp *smtp, struct smtp_facts *facts) {
    facts->mail_attempted = smtp->mail_attempted;
    facts->auth_attempted = smtp->auth_attempted;
    facts->auth_sent = smtp->auth_sent || smtp->server.lost_235;
    facts->auth_ok = smtp->auth_ok;
    facts->transactions = smtp->transactions;
    facts->messages = smtp->messages + (smtp->hole_content_ended || smtp->hole_content_replied);
    facts->content_bytes = smtp->content_bytes;
    facts->received = smtp->received;
    facts->quit_seen = smtp->quit_seen || smtp->server.lost_221;
}

/* RFC 5321 section 4.2: both begin with the server's name; a greeting that refuses may begin with anything.
 */
static struct smtp_text server_name(const struct smtp *smtp, struct smtp_text banner) {
    struct reader reply = smtp_reader_of(smtp_list_at(&smtp->texts[SMTP_EHLO_REPLY], 0));
    if (reader_left(&reply) > 0) {
        return smtp_text_of(smtp_word(&reply));
    }
    struct reader greeting = smtp_reader_of(banner);
    smtp_skip_enhanced_code(&greeting);
    struct reader word = smtp_word(&greeting);
    return smtp_is_host(word) ? smtp_text_of(word) : (struct smtp_text){NULL, 0};
}

static void fill_rest(const struct smtp *smtp, struct smtp_facts *facts) {
    facts->client_speaks = client_speaks(&smtp->client);
    facts->server_speaks = server_speaks(&smtp->server);
    facts->banner = smtp_list_at(&smtp->texts[SMTP_BANNER], 0);
    facts->banner_code = smtp->banner_code;
    facts->helo = smtp_list_at(&smtp->texts[SMTP_HELO], 0);
    facts->ehlo = smtp_list_at(&smtp->texts[SMTP_EHLO], 0);
    facts->server_name = server_name(smtp, facts->banner);
    facts->last_reply_code = smtp->last_code;
    facts->ehlo_seen = smtp->num_ehlo > 0 || smtp->ehlo_recognised;
    facts->helo_seen = smtp->helo_seen;
    facts->ehlo_replied = smtp->num_ehlo_answered > 0 ? SMTP_YES : SMTP_OPEN;
    facts->client_gap = smtp->client.gap;
    facts->server_gap = smtp->server.gap;
    facts->forced = smtp->forced && !smtp->client.gap && !smtp->server.gap;
    facts->limits_hit = smtp->limits_hit;
}

static bool has_mechanism(const struct smtp_text *mechanisms, size_t num, struct reader word) {
    for (size_t i = 0; i < num; i++) {
        if (smtp_same(smtp_reader_of(mechanisms[i]), word)) {
            return true;
        }
    }
    return false;
}

/* The words behind AUTH, each once; most servers say them twice, behind "AUTH" and "AUTH=". */
static size_t list_mechanisms(const struct smtp_text *keywords, size_t num_keywords,
                              struct smtp_text *mechanisms) {
    size_t num = 0;
    for (size_t i = 0; i < num_keywords; i++) {
        struct reader words;
        bool may_be = keywords[i].len > 0 && smtp_upper_of((uint8_t)keywords[i].data[0]) == 'A';
        if (!may_be || !smtp_is_auth(smtp_reader_of(keywords[i]), &words)) {
            continue;
        }
        while (reader_left(&words) > 0 && num < SMTP_MECHANISMS_MAX) {
            struct reader word = smtp_word(&words);
            if (reader_left(&word) > 0 && !has_mechanism(mechanisms, num, word)) {
                mechanisms[num++] = smtp_text_of(word);
            }
        }
    }
    return num;
}

const struct smtp_facts *smtp_facts(const struct smtp *smtp) {
    static const struct smtp_facts nothing = {.limits_hit = 1, .no_memory = true};
    if (smtp->report != NULL && !smtp->report_old) {
        return &smtp->report->facts;
    }
    struct smtp_text replied[SMTP_CAPABILITIES_MAX + 1], mechanisms[SMTP_MECHANISMS_MAX];
    size_t num = smtp_list_all(&smtp->texts[SMTP_EHLO_REPLY], replied, SMTP_CAPABILITIES_MAX + 1);
    size_t num_mechanisms = num > 0 ? list_mechanisms(replied + 1, num - 1, mechanisms) : 0;
    size_t room = num + num_mechanisms + smtp_list_num(&smtp->texts[SMTP_FROM]) +
                  smtp_list_num(&smtp->texts[SMTP_RCPT]);
    struct smtp_report *report = malloc(sizeof(*report) + room * sizeof(report->texts[0]));
    /* The report is a cache of what the parser holds; it is all that this changes. */
    struct smtp *owner = (struct smtp *)(uintptr_t)smtp;
    if (report == NULL) {
        owner->report_failed = true;
        return &nothing;
    }
    free(owner->report);
    owner->report = report;
    owner->report_old = false;

    report->facts = (struct smtp_facts){0};
    struct smtp_facts *facts = &report->facts;
    facts->no_memory = smtp->report_failed;
    struct smtp_text *texts = report->texts;
    fill_rest(smtp, facts);
    fill_starttls(smtp, facts);
    fill_mail(smtp, facts);
    facts->auth_mechanism = smtp_list_at(&smtp->texts[SMTP_MECHANISM], 0);
    memcpy(texts, replied, num * sizeof(texts[0]));
    if (num > 0) { /* the first line is the greeting */
        facts->capabilities = texts + 1;
        facts->num_capabilities = num - 1;
        facts->capabilities_kept = smtp_list_behind_first(&smtp->texts[SMTP_EHLO_REPLY]);
    }
    texts += num;
    facts->auth_mechanisms = texts;
    facts->num_auth_mechanisms = num_mechanisms;
    memcpy(texts, mechanisms, num_mechanisms * sizeof(texts[0]));
    texts += facts->num_auth_mechanisms;
    facts->from_domains = texts;
    facts->num_from_domains = smtp_list_all(&smtp->texts[SMTP_FROM], texts, SMTP_DOMAINS_MAX);
    texts += facts->num_from_domains;
    facts->rcpt_domains = texts;
    facts->num_rcpt_domains = smtp_list_all(&smtp->texts[SMTP_RCPT], texts, SMTP_DOMAINS_MAX);
    return facts;
}
