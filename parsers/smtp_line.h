/* smtp_line.h: puts lines together from a stream in any cut.
 *
 * A line that lies whole in the bytes given is borrowed from them; only one
 * that was cut is copied, and the copy is wiped and freed when it is done with. */
#ifndef STARTTAP_PARSERS_SMTP_LINE_H
#define STARTTAP_PARSERS_SMTP_LINE_H

#include <string.h>

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

static inline bool smtp_line_begun(const struct smtp_line *line) {
    return line->wire_len > 0;
}

/* Its bytes, line feed left out; of a long one maybe only the first. */
static inline void smtp_line_finish(struct smtp_line_whole *whole, struct reader text, uint64_t wire_len,
                                    bool last_cr) {
    size_t len = reader_left(&text);
    whole->wire_len = wire_len;
    whole->crlf = last_cr;
    whole->cut = wire_len - 1 > SMTP_LINE_MAX;
    whole->no_memory = false;
    if (whole->cut) {
        len = len < SMTP_LINE_MAX ? len : SMTP_LINE_MAX;
    } else if (last_cr && len > 0) {
        len--;
    }
    whole->text = reader_of(text.pos, len);
}

static inline bool smtp_line_ends_with_cr(struct reader text) {
    return reader_left(&text) > 0 && text.end[-1] == '\r';
}

/* smtp_line_take() of a line that is cut. */
enum parse_result smtp_line_take_part(struct smtp_line *line, struct reader *in,
                                      struct smtp_line_whole *whole);

/* A line that begins at in and lies whole there; false: its end does not. */
static inline bool smtp_line_take_whole(struct reader *in, struct smtp_line_whole *whole) {
    size_t left = reader_left(in);
    const uint8_t *feed = left > 0 ? memchr(in->pos, '\n', left) : NULL;
    if (feed == NULL) {
        return false;
    }
    size_t len = (size_t)(feed - in->pos);
    struct reader text = reader_of(in->pos, len);
    reader_skip(in, len + 1);
    smtp_line_finish(whole, text, len + 1, smtp_line_ends_with_cr(text));
    return true;
}

/* Takes bytes from in up to the line's end. PARSE_OK: whole is set, borrowed
 * from in or line until smtp_line_drop(). PARSE_MORE: in is used up. */
static inline enum parse_result smtp_line_take(struct smtp_line *line, struct reader *in,
                                               struct smtp_line_whole *whole) {
    bool taken = !smtp_line_begun(line) && smtp_line_take_whole(in, whole);
    return taken ? PARSE_OK : smtp_line_take_part(line, in, whole);
}

/* Forgets the line, wiping what was copied: it may have been a password. */
void smtp_line_wipe(struct smtp_line *line);

static inline void smtp_line_drop(struct smtp_line *line) {
    if (smtp_line_begun(line)) { /* nothing is left of one that was borrowed */
        smtp_line_wipe(line);
    }
}

#endif
