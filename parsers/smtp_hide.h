/* smtp_hide.h: which bytes of a conversation are nobody's business. Internal to the parser.
 *
 * What is hidden: contents (but the line ends and dots by which their end is found), AUTH responses, and all
 * that was not understood, such as unknown commands, which may be passwords sent too early, and the lines
 * behind a hole. Of commands whose argument means nothing to the parser, the verb stays; of a line of the
 * server that is no reply, a first digit that one may begin with. The rules keep this
 * promise: where each hidden byte is replaced by 0 (or 1), the parser finds the same facts.
 *
 * Every byte is hidden or settled once its line, or its place in a content, is known; until then it is
 * neither. */
#ifndef STARTTAP_PARSERS_SMTP_HIDE_H
#define STARTTAP_PARSERS_SMTP_HIDE_H

#include "smtp.h"
#include "smtp_line.h"

struct smtp_hiding {
    smtp_hide hide;
    void *context;
    uint64_t pos[2];       /* where in its stream the next byte of a side lies */
    uint64_t line_from[2]; /* where the unfinished line began */
    uint64_t kept_to;      /* of the client's content: bytes before it are settled */
};

/* All of these do nothing when nobody asks. */

/* A line is about to be taken from these bytes. */
void smtp_hide_begin_line(struct smtp *smtp, enum side side);
/* len bytes of the side were consumed. */
void smtp_hide_moved(struct smtp *smtp, enum side side, uint64_t len);
/* The client's line ended with the last byte consumed; the mode is still that in which it came. */
void smtp_hide_client_line(struct smtp *smtp, const struct smtp_line_whole *line);
/* The same of the server's, once it was handled as the given kind. */
enum smtp_reply_kind {
    SMTP_REPLY_NONE,  /* the end of a line whose beginning is lost */
    SMTP_REPLY_OTHER, /* no reply: its first byte was looked at, to see what it may be */
    SMTP_REPLY_ERROR, /* to what was not understood: it may repeat it */
    SMTP_REPLY_TEXT,
};
void smtp_hide_server_line(struct smtp *smtp, const struct smtp_line_whole *line, enum smtp_reply_kind kind);
/* The last len bytes of the client were content; tail_before is what its tail was before them. */
void smtp_hide_content(struct smtp *smtp, uint64_t len, unsigned tail_before);
void smtp_hide_octets(struct smtp *smtp, uint64_t len); /* the same behind BDAT: nothing is looked for */
/* The unfinished line, or what is unsettled of a content, is given up. */
void smtp_hide_dropped(struct smtp *smtp, enum side side);

#endif
