/* smtp.h: follows one SMTP conversation, both directions, in clear text.
 *
 * A push parser. Each side's bytes come in stream order, in any cut. Replies
 * are paired with commands by their order in each stream (RFC 5321 section
 * 4.1.1, RFC 2920), never by the time of their arrival: a capture may show a
 * reply before its command. So a side may have to wait: smtp_push() consumes
 * less than it was given, and the caller keeps the rest and offers it again
 * after the other side has moved.
 *
 *   client waits  after STARTTLS, X-ANONYMOUSTLS, DATA, AUTH and each of its
 *                 responses, until the reply; after BDAT never (RFC 3030). A
 *                 ClientHello directly behind STARTTLS does not wait.
 *   server waits  before a reply when no command is unanswered (the greeting
 *                 never waits, nor what a server says in clear to a client's TLS)
 *
 * A side that is SMTP_READY may leave up to 6 bytes, too: they may begin TLS,
 * and too few of them are there to tell. Offer them again with what follows.
 *
 * `force` says that waiting is over (the other side is not captured, or the
 * buffer is full, or the connection ended): the parser then decides from what
 * the bytes themselves show and marks facts->forced.
 *
 * Passwords, AUTH responses, addresses' local parts and bodies are skipped as
 * they pass and never stored. Links nothing but libc; no clock, no globals. */
#ifndef STARTTAP_PARSERS_SMTP_H
#define STARTTAP_PARSERS_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parse.h"

#define SMTP_LINE_MAX         2048 /* bytes of a line that are looked at; the rest of it is skipped */
#define SMTP_TEXT_MAX         512  /* bytes of a stored text */
#define SMTP_CAPABILITIES_MAX 64   /* EHLO keywords kept */
#define SMTP_MECHANISMS_MAX   32   /* AUTH mechanisms kept */
#define SMTP_DOMAINS_MAX      32   /* distinct sender or recipient domains kept */
#define SMTP_PIPELINE_MAX     4096 /* commands without a reply; beyond it the client waits */
#define SMTP_REPLY_LINES_MAX                                                                                 \
    1024 /* lines of one reply; beyond it the reply is taken as it is, its rest skipped */

/* What a side's next bytes are. */
enum smtp_state {
    SMTP_READY, /* clear text; push consumes it */
    SMTP_WAITS, /* for the other side */
    SMTP_TLS,   /* the next byte of this side starts TLS; push consumes nothing any more */
};

enum smtp_speaks { SMTP_SPEAKS_NOTHING, SMTP_SPEAKS_SMTP, SMTP_SPEAKS_OTHER };

/* A fact that may be open: a gap, a missing side or an unfinished reply leave it so. */
enum smtp_fact { SMTP_OPEN, SMTP_NO, SMTP_YES };

struct smtp_text { /* wire bytes, not terminated; len 0 when absent */
    const char *data;
    size_t len;
};

struct received;

struct smtp_facts {
    enum smtp_speaks client_speaks, server_speaks; /* by each side's lines so far; OTHER only while no SMTP
                                                      line was seen from it */
    /* Names and texts, without CRLF and without the code; owned by the parser. */
    struct smtp_text banner;      /* text of the greeting's first line */
    int banner_code;              /* 220, 554, 421 ...; 0 none */
    struct smtp_text helo, ehlo;  /* argument of the last HELO / EHLO (LHLO counts as EHLO) */
    struct smtp_text server_name; /* first word of the last EHLO reply, else of the banner */
    const struct smtp_text
        *capabilities; /* keyword lines of the last complete EHLO reply, greeting line left out */
    size_t num_capabilities;
    struct smtp_text capabilities_kept;      /* as the parser keeps them: from the same bytes come the same
                                                capabilities and mechanisms */
    const struct smtp_text *auth_mechanisms; /* words after AUTH (also "AUTH=") in it */
    size_t num_auth_mechanisms;
    int last_reply_code;

    bool ehlo_seen, helo_seen;   /* command seen, or (EHLO) its reply recognised */
    enum smtp_fact ehlo_replied; /* YES: at least one final reply to EHLO is complete (any code) */
    enum smtp_fact offered;      /* STARTTLS in an EHLO reply. NO needs a complete reply to EHLO without it */
    enum smtp_fact requested;    /* STARTTLS (or X-ANONYMOUSTLS) sent. NO needs that it cannot hide in a gap:
                                    client_gap with requested NO means that the gap was proven harmless */
    bool anonymous_tls;          /* it was Exchange's X-ANONYMOUSTLS */
    int starttls_reply_code;     /* of the last STARTTLS that was answered; 0 none, or a later one may hide */
    struct smtp_text masked;     /* the overwritten keyword that stood for STARTTLS; len 0 none */
    bool requiretls_offered, requiretls_used; /* RFC 8689 */

    /* After a 220 to STARTTLS (RFC 3207 section 6). */
    uint64_t injected_command_bytes;    /* clear client bytes between STARTTLS and the first TLS byte */
    uint64_t injected_reply_bytes;      /* clear server bytes between the 220 and the first TLS byte */
    uint64_t clear_after_accept_client; /* the same while no TLS byte has followed (yet); 0 when TLS may have
                                           come in a gap */
    uint64_t clear_after_accept_server;

    bool mail_attempted; /* MAIL, RCPT, DATA or BDAT was sent (or a 354 seen) in clear */
    bool auth_attempted; /* AUTH was sent in clear, whatever came of it */
    bool auth_sent;      /* AUTH responses crossed: an initial response, or one after a 334 */
    struct smtp_text
        auth_mechanism;    /* upper case; of the first AUTH that crossed, else of the first asked for */
    bool auth_ok;          /* 235 */
    uint64_t transactions; /* MAIL commands answered 2xx */
    uint64_t messages; /* contents that reached their end (DATA's dot, BDAT LAST) and were sent in clear */
    uint64_t content_bytes;               /* octets of message content seen or known lost inside a content */
    const struct smtp_text *from_domains; /* distinct, lower case, without the local part */
    size_t num_from_domains;
    const struct smtp_text *rcpt_domains;
    size_t num_rcpt_domains;
    bool quit_seen;
    const struct received
        *received; /* received.h; NULL: smtp_read_received() was not called, or no message */

    bool client_gap, server_gap; /* bytes were missing in clear text */
    bool hidden_refusal;         /* a 4xx/5xx came that may be the reply to a command lost in a client gap (or
                                    to any, where the client is not captured): a refused STARTTLS may hide there */
    bool hidden_accept;          /* the same for a 220, which answers nothing but STARTTLS (and XCLIENT) */
    bool forced;         /* a wait was cut short, and nothing was missing that it may have been for; not by
                            itself a loss (a reply too many at the end) */
    uint64_t limits_hit; /* how often one of the limits above cut something */
    bool no_memory;      /* for these facts, now or when somebody asked before: they may be wrong */
};

struct smtp;

struct smtp *smtp_new(void);       /* NULL: out of memory */
void smtp_free(struct smtp *smtp); /* NULL is fine */

/* The next len bytes of a side, borrowed for the call. Returns how many were
 * consumed; see the head of this page for why it may be fewer. Never fails:
 * what is not SMTP is seen in facts->..._speaks. When memory runs out it
 * consumes everything and keeps no more texts. */
size_t smtp_push(struct smtp *smtp, enum side side, const uint8_t *data, size_t len, bool force);

/* len bytes of that side were never captured. Bytes before the gap that a wait holds back must be
 * consumed or forced first. In a message content the gap is counted as content; elsewhere the parser looks
 * for the next line's start, no longer trusts pairing across the hole, and leaves facts open that could hide
 * in it. From then on a TLS record at a side's next bytes is taken as the upgrade (SMTP_TLS). */
void smtp_gap(struct smtp *smtp, enum side side, uint64_t len);

/* The connection began before the capture; call it before any byte. The first line may be cut. When the
 * visible bytes begin with a greeting and EHLO or HELO, nothing is missing and the facts are as firm as ever.
 */
void smtp_midstream(struct smtp *smtp);

/* Before any byte: Received fields of messages in clear are read. */
void smtp_read_received(struct smtp *smtp);

enum smtp_state smtp_state(const struct smtp *smtp, enum side side);

/* That side is beyond doubt in SMTP: a client said EHLO or HELO, a server 250. (FTP, POP3 and NNTP share
 * other words with SMTP.) For each packet, unlike smtp_facts(). */
bool smtp_is_open(const struct smtp *smtp, enum side side);

/* TLS did not come or failed, and clear text goes on: leaves SMTP_TLS on that side. */
void smtp_resume(struct smtp *smtp, enum side side);

/* Valid until the next call that takes the parser without const, and collected anew behind each such call:
 * ask when something is to be decided, not for each packet. */
const struct smtp_facts *smtp_facts(const struct smtp *smtp);

/* A conversation that is quiet, small: writes its state into fold, and a parser that goes on from there.
 * False: not in the middle of a line, with thousands of commands unanswered, or when it hides something; or
 * too little room. The parser itself is unchanged. NULL: out of memory. */
struct fold;
struct reader;
bool smtp_fold(const struct smtp *smtp, struct fold *fold);
struct smtp *smtp_unfold(struct reader *in);

/* What the first bytes of a TLS stream look like: a handshake or alert record
 * (RFC 8446 section 5.1), or an SSLv2-format ClientHello (RFC 5246 appendix E.2).
 * PARSE_MORE when too few bytes are there to tell. */
enum parse_result smtp_looks_like_tls(const uint8_t *data, size_t len);

/* For whoever wants to show a conversation to others: told which bytes are to be hidden, as [from, to) of a
 * side's stream, once and in order. Hidden are contents, AUTH responses and what was not understood; not
 * hidden is all that the facts hang on, so that a conversation whose hidden bytes are replaced by zeros has
 * the same ones. Ask before the first byte. False: out of memory. */
typedef void (*smtp_hide)(void *context, enum side side, uint64_t from, uint64_t to);
bool smtp_hide_by(struct smtp *smtp, smtp_hide hide, void *context);
/* Where the side's next byte lies in its stream, where that is not right behind the last one. */
void smtp_hide_at(struct smtp *smtp, enum side side, uint64_t offset);
/* Bytes of the side before this one are decided. */
uint64_t smtp_hide_settled(const struct smtp *smtp, enum side side);
/* No more will come: decides the rest. */
void smtp_hide_finish(struct smtp *smtp);

/* Whether keywords[which] of an EHLO reply's keyword lines is STARTTLS overwritten by a filter (smtp_mask.c):
 * Cisco ASA's forms (XXXXXXXA and its kin), and X's that could only stand for STARTTLS given the others. */
bool smtp_is_masked_starttls(const struct smtp_text *keywords, size_t num, size_t which);

/* smtp_facts() will be asked for soon: what it reads is fetched (fetch.h). The texts a while after the rest,
 * which tells where they are. */
void smtp_fetch(const struct smtp *smtp);
void smtp_fetch_texts(const struct smtp *smtp);

/* Bytes of memory that it takes, its own included; what smtp_facts() gave out is not. */
size_t smtp_held(const struct smtp *smtp);

#endif
