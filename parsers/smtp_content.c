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

/* Inside a line of content: passes over what cannot be a part of the end, which needs a dot behind a line
 * feed. Looking for the dot is what makes this fast: encoded attachments have none. What stands before it, or
 * at the end of the bytes, is left to be matched byte by byte. */
static void skip_text(struct reader *in) {
    const uint8_t *dot = in->pos;
    do {
        dot = memchr(dot + 1, '.', (size_t)(in->end - dot - 1));
    } while (dot && dot[-1] != '\n');
    size_t ahead = (size_t)((dot ? dot : in->end) - in->pos);
    size_t keep = 2; /* CR and LF */
    if (ahead > keep) {
        reader_skip(in, ahead - keep);
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

/* The bytes that are matched, the line end in front among them. */
static void count_tail(struct smtp_content *content, uint8_t before) {
    bool behind_cr = before == END_CR || before == END_BARE_DOT_CR;
    switch (content->matched) {
    case END_TEXT:
        content->tail = 0;
        break;
    case END_CR:
        content->tail = 1;
        break;
    case END_LINE_START:
    case END_BARE_START:
        content->tail = behind_cr ? (uint8_t)(content->tail + 1) : 1;
        break;
    default:
        content->tail++;
        break;
    }
}

/* One byte where the end may be. Returns the length of the end once it is complete, else 0. */
static unsigned match_end(struct smtp_content *content, uint8_t c) {
    uint8_t matched = content->matched;
    if (c == '\n' && (matched == END_DOT_CR || (matched == END_DOT && content->bare_lf))) {
        content->structure = (uint8_t)(content->tail + 1);
        return matched == END_DOT_CR ? 3 : 2;
    }
    if (c == '\n' && (matched == END_DOT || matched == END_BARE_DOT || matched == END_BARE_DOT_CR)) {
        content->structure = content->bare_dot ? 0 : (uint8_t)(content->tail + 1);
        content->bare_dot = true;
    }
    content->matched = next_match(content, c);
    count_tail(content, matched);
    return 0;
}

unsigned smtp_content_take(struct smtp_content *content, struct reader *in) {
    unsigned end_len = 0;
    content->structure = 0;
    while (reader_left(in) > 0 && content->structure == 0) {
        size_t before = reader_left(in);
        bool behind_dot = content->bare_dot;
        if (content->matched == END_TEXT) {
            skip_text(in);
        }
        end_len = match_end(content, reader_u8(in));
        content->behind_bare_dot += behind_dot ? before - reader_left(in) : 0;
    }
    return end_len;
}
