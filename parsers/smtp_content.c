#include "smtp_content.h"

#include <string.h>

/* How much of the end has been matched. */
enum {
    END_TEXT,       /* inside a line */
    END_CR,         /* behind CR */
    END_LINE_START, /* behind the line end */
    END_DOT,        /* behind a dot at a line's start */
    END_DOT_CR,
    END_BARE_START, /* behind LF without CR */
    END_BARE_DOT,
    END_BARE_DOT_CR,
};

void smtp_content_init(struct smtp_content *content, bool bare_lf, bool line_start) {
    *content = (struct smtp_content){.bare_lf = bare_lf, .matched = line_start ? END_LINE_START : END_TEXT};
}

/* Inside a line of content: on to what may be its end. */
static void skip_line(struct smtp_content *content, struct reader *in) {
    size_t left = reader_left(in);
    const uint8_t *feed = memchr(in->pos, '\n', left);
    size_t len = feed ? (size_t)(feed - in->pos) : left;
    if (len > 0) {
        reader_skip(in, len - 1);
        content->matched = reader_u8(in) == '\r' ? END_CR : END_TEXT;
    } else {
        reader_skip(in, 1); /* the line feed behind something else than CR */
        content->matched = content->bare_lf ? END_LINE_START : END_BARE_START;
    }
}

/* What is matched after c, where no end is complete yet. */
static uint8_t next_match(const struct smtp_content *content, uint8_t c) {
    switch (content->matched) {
    case END_LINE_START:
    case END_BARE_START:
        if (c == '.') {
            return content->matched == END_LINE_START ? END_DOT : END_BARE_DOT;
        }
        break;
    case END_DOT:
    case END_BARE_DOT:
        if (c == '\r') {
            return content->matched == END_DOT ? END_DOT_CR : END_BARE_DOT_CR;
        }
        break;
    case END_CR:
    case END_BARE_DOT_CR:
        if (c == '\n') {
            return END_LINE_START;
        }
        break;
    default:
        break;
    }
    if (c == '\n') {
        return content->bare_lf ? END_LINE_START : END_BARE_START;
    }
    return c == '\r' ? END_CR : END_TEXT;
}

/* One byte where the end may be. Returns the length of the end once it is complete, else 0. */
static unsigned match_end(struct smtp_content *content, uint8_t c) {
    uint8_t matched = content->matched;
    if (c == '\n' && (matched == END_DOT_CR || (matched == END_DOT && content->bare_lf))) {
        return matched == END_DOT_CR ? 3 : 2;
    }
    if (c == '\n' && (matched == END_DOT || matched == END_BARE_DOT || matched == END_BARE_DOT_CR)) {
        content->bare_dot = true;
    }
    content->matched = next_match(content, c);
    return 0;
}

unsigned smtp_content_take(struct smtp_content *content, struct reader *in) {
    unsigned end_len = 0;
    while (reader_left(in) > 0 && end_len == 0) {
        size_t before = reader_left(in);
        bool behind_dot = content->bare_dot;
        if (content->matched == END_TEXT) {
            skip_line(content, in);
        } else {
            end_len = match_end(content, reader_u8(in));
        }
        content->behind_bare_dot += behind_dot ? before - reader_left(in) : 0;
    }
    return end_len;
}
