/* smtp_content.h: finds the end of what follows DATA. The content is passed over, never copied.
 *
 * Only CRLF.CRLF ends a content (RFC 5321 section 4.1.1.4); to take LF.LF as well is how mail gets
 * smuggled. A client whose DATA command itself ended in a bare LF never sends CRLF, and its servers take
 * LF.LF: then it ends the content here, too. Some servers take a dot with one bare LF beside it all the
 * same: that is remembered (bare_dot), and when no proper end follows, commands may hide behind it. */
#ifndef STARTTAP_PARSERS_SMTP_CONTENT_H
#define STARTTAP_PARSERS_SMTP_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

struct smtp_content {
    uint64_t behind_bare_dot; /* bytes behind the first dot beside a bare LF */
    uint8_t matched;          /* of the end: enum in smtp_content.c */
    bool bare_lf;             /* LF.LF is an end */
    bool bare_dot;            /* a dot beside a bare LF was passed */
    uint8_t tail;             /* so many bytes at the end may be the beginning of an end */
    uint8_t structure;        /* behind a call that stopped: so many made it stop */
};

/* line_start: the content begins, or goes on, at the start of a line. */
void smtp_content_init(struct smtp_content *content, bool bare_lf, bool line_start);

/* Takes bytes up to the end of the content. Returns the length of the end itself (dot and line end, to be
 * left out of the content) once it is complete, else 0 and in is used up; or it stopped at the first dot
 * beside a bare LF, and goes on from there. */
unsigned smtp_content_take(struct smtp_content *content, struct reader *in);

#endif
