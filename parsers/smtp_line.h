/* smtp_line.h: puts lines together from a stream in any cut.
 *
 * A line that lies whole in the bytes given is borrowed from them; only one
 * that was cut is copied, and the copy is wiped and freed when it is done with. */
#ifndef STARTTAP_PARSERS_SMTP_LINE_H
#define STARTTAP_PARSERS_SMTP_LINE_H

#include "reader.h"
#include "smtp.h"

struct smtp_line {      /* the unfinished line; all zero: none */
    uint8_t *bytes;     /* its first bytes, at most SMTP_LINE_MAX */
    uint64_t wire_len;  /* bytes of this line so far on the wire, line end included */
    uint16_t len, room; /* of bytes */
    bool last_cr;       /* its last byte so far is CR */
    bool no_memory;     /* bytes of it were lost for want of memory */
};

struct smtp_line_whole {
    struct reader text; /* without the line end, at most SMTP_LINE_MAX bytes */
    uint64_t wire_len;  /* with the line end */
    bool crlf;          /* ended by CRLF; false: by a bare LF */
    bool cut;           /* longer than SMTP_LINE_MAX */
    bool no_memory;     /* what the line said is not known */
};

/* Takes bytes from in up to the line's end. PARSE_OK: whole is set, borrowed
 * from in or line until smtp_line_drop(). PARSE_MORE: in is used up. */
enum parse_result smtp_line_take(struct smtp_line *line, struct reader *in, struct smtp_line_whole *whole);

/* Forgets the line, wiping what was copied: it may have been a password. */
void smtp_line_drop(struct smtp_line *line);

static inline bool smtp_line_begun(const struct smtp_line *line) {
    return line->wire_len > 0;
}

#endif
