/* smtp_internal.h: what smtp.c, smtp_client.c and smtp_server.c share.
 *
 * The two streams are two processes that run at their own pace. The client's
 * puts into a queue what replies are due for; the server's takes it out and
 * hands back the codes that the client's waits for. Each decides by its own
 * bytes and by what the other has definitely done, never by what has not arrived
 * yet, and so the facts do not depend on the interleaving.
 *
 * Pairing ends for good (`lost`) after a server gap, after the client's hole is
 * reached in the queue, and after a forced wait. From then on a reply is taken
 * by its own code and shape, and the client's next line shows what the reply was. */
#ifndef STARTTAP_PARSERS_SMTP_INTERNAL_H
#define STARTTAP_PARSERS_SMTP_INTERNAL_H

#include "reader.h"
#include "smtp.h"
#include "smtp_content.h"
#include "smtp_hide.h"
#include "smtp_line.h"
#include "smtp_queue.h"
#include "smtp_text.h"
#include "smtp_tls.h"

enum smtp_client_mode {
    CLIENT_COMMANDS,
    CLIENT_AWAIT_STARTTLS, /* the three await their command's reply */
    CLIENT_AWAIT_DATA,
    CLIENT_AWAIT_AUTH,
    CLIENT_JUDGE_DATA, /* that reply is lost: the next line tells content from command */
    CLIENT_JUDGE_AUTH, /* the same for AUTH: response or command */
    CLIENT_AUTH_RESPONSE,
    CLIENT_DATA,
    CLIENT_BDAT,
    CLIENT_MIDSTREAM, /* before the first line of a connection that began before the capture */
    CLIENT_UNKNOWN,   /* after a hole: commands or content, to the end of the stream */
    CLIENT_TLS,
};

struct smtp_client {
    struct smtp_line line;
    struct smtp_content content;
    uint64_t bdat_left;
    uint64_t waiting_gap;            /* a gap that came while a reply was awaited */
    uint64_t since_starttls;         /* clear bytes after the last STARTTLS */
    uint8_t mode;                    /* enum smtp_client_mode */
    uint32_t num_tls;                /* how often it went to TLS */
    uint8_t num_asked, num_answered; /* awaited replies, modulo 256 */
    uint16_t answer;                 /* code of the last one; 0: not there yet */
    uint8_t speaks;                  /* enum smtp_speaks */
    bool started;                    /* a byte was consumed */
    bool bdat_last;
    bool bdat_goes_on;     /* a chunk of the message came */
    bool after_starttls;   /* since_starttls counts */
    bool just_gap;         /* nothing consumed since a hole began */
    bool tls_from_unknown; /* it went to TLS out of CLIENT_UNKNOWN */
    bool just_starttls;    /* nothing consumed since STARTTLS */
    bool resumed;          /* nothing consumed since smtp_resume() */
    bool gap;
    bool hole;             /* commands may be missing; no command is queued any more */
    bool hole_outside;     /* a hole began outside of a content */
    bool hole_open;        /* the end of the content with the hole was not seen */
    bool in_content;       /* CLIENT_UNKNOWN began in a content */
    bool line_starts;      /* CLIENT_UNKNOWN: the line before ended in CRLF */
    bool midstream, fresh; /* fresh: its first line opened the session after all */
};

struct smtp_server {
    struct smtp_line line;
    uint64_t since_accept;                 /* clear bytes after the last 220 to STARTTLS */
    uint16_t num_lines;                    /* of the reply in progress */
    uint32_t num_tls;                      /* how often it went to TLS */
    uint16_t rcpt_accepted, extra_replies; /* LMTP: one reply for each accepted RCPT (RFC 2033) */
    uint8_t due;                           /* enum smtp_due: what the reply in progress answers */
    uint8_t speaks;                        /* enum smtp_speaks */
    bool started;
    bool greeting_done; /* or not to be expected */
    bool said_250;
    bool in_reply;     /* between two lines of one */
    bool skip_reply;   /* the rest of a reply that was too long */
    bool skip_line;    /* after a gap: the rest of a line */
    bool partial;      /* the first lines of the next or this reply may be missing */
    bool collects;     /* the reply in progress is, or may be, one to EHLO */
    bool may_greet;    /* the reply in progress may be the greeting */
    bool shape;        /* it has a known keyword */
    bool by_force;     /* the next reply was not waited for */
    bool after_accept; /* since_accept counts */
    bool resumed;
    bool gap;
    bool midstream, fresh;
    bool tls;
    bool handshake_failed; /* smtp_resume(), and no reply yet: the next may say so */
    bool lmtp;
    /* Replies after pairing had ended. */
    bool lost_any, lost_220, lost_refusal, lost_221, lost_235;
};

/* What is kept of what was said. */
enum smtp_kept_texts {
    SMTP_BANNER, /* these have one text each */
    SMTP_HELO,
    SMTP_EHLO,
    SMTP_MECHANISM,
    SMTP_MECHANISM_NEXT,
    SMTP_INCOMING,   /* a reply to EHLO in progress: greeting line, then keywords */
    SMTP_EHLO_REPLY, /* the last complete one */
    SMTP_FROM,       /* domains */
    SMTP_RCPT,
    SMTP_NUM_TEXTS,
};

struct smtp {
    struct smtp_client client;
    struct smtp_server server;
    struct smtp_queue queue;
    struct smtp_list texts[SMTP_NUM_TEXTS];
    struct smtp_report *report; /* what smtp_facts() gave out */
    struct smtp_hiding *hiding; /* NULL: nobody asks */
    struct received *received;  /* of messages so far; NULL: there was none, or nobody asks */
    uint64_t transactions, messages, content_bytes;
    uint64_t injected_command_bytes, injected_reply_bytes;
    uint32_t num_starttls, num_starttls_answered, num_ehlo, num_ehlo_answered;
    uint32_t limits_hit;
    uint32_t texts_held; /* bytes of memory that the texts take: asked for with each segment */
    uint16_t banner_code, last_code, starttls_code;
    uint8_t masked_len;
    char masked[8];
    bool report_old;
    bool report_failed; /* there was no memory for one, once */
    bool reads_received, in_message;
    bool lost; /* pairing has ended */
    bool forced;
    bool answered_after_accept; /* a command was answered in clear after a 220 to STARTTLS */
    bool ehlo_recognised, helo_seen, offered, anonymous_tls, requiretls_offered, requiretls_used;
    bool client_tls_after_smtp, server_tls_after_smtp; /* it went from SMTP to TLS */
    bool mail_attempted, auth_attempted, auth_sent, auth_ok, quit_seen;
    bool hole_content_open, hole_content_ended, hole_content_replied;
};

size_t smtp_client_push(struct smtp *smtp, const uint8_t *data, size_t len, bool force);
void smtp_client_gap(struct smtp *smtp, uint64_t len);
bool smtp_client_waits(const struct smtp *smtp);
void smtp_client_catch_up(struct smtp *smtp); /* a gap is taken, once nothing is awaited any more */

size_t smtp_server_push(struct smtp *smtp, const uint8_t *data, size_t len, bool force);
void smtp_server_gap(struct smtp *smtp);
bool smtp_server_waits(const struct smtp *smtp);

/* Keeps text as the list's only one. */
void smtp_keep_one(struct smtp *smtp, struct smtp_list *list, struct reader text);
void smtp_keep(struct smtp *smtp, struct smtp_list *list, struct reader text, size_t max);
void smtp_keep_keyword(struct smtp *smtp, struct smtp_list *list, uint8_t number, size_t max);

/* How many bytes of the current line come before a place where a TLS handshake
 * record begins, or may begin; all of in when there is none. */
size_t smtp_text_before_tls(struct reader in);

/* What smtp_tls_look() says, decided: with force, a record's first bytes are enough. */
enum parse_result smtp_tls_decide(struct reader in, enum smtp_tls_place place, bool force);

#endif
