#include "smtp_line.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 128

/* Copies what still fits under SMTP_LINE_MAX. */
static void keep(struct smtp_line *line, struct reader part) {
    size_t len = reader_left(&part);
    size_t fits = (size_t)SMTP_LINE_MAX - line->len;
    len = len < fits ? len : fits;
    if (len == 0 || line->no_memory) {
        return;
    }
    size_t room = line->room > 0 ? line->room : ROOM_FIRST;
    while (room < line->len + len) {
        room *= 2;
    }
    if (room > line->room) {
        /* Not realloc(): it may leave a copy behind that is never wiped. */
        uint8_t *bytes = malloc(room);
        if (bytes == NULL) {
            line->no_memory = true;
            return;
        }
        if (line->len > 0) {
            memcpy(bytes, line->bytes, line->len);
            explicit_bzero(line->bytes, line->len);
        }
        free(line->bytes);
        line->bytes = bytes;
        line->room = (uint16_t)room;
    }
    memcpy(line->bytes + line->len, reader_bytes(&part, len), len);
    line->len = (uint16_t)(line->len + len);
}

static bool ends_with_cr(struct reader text) {
    if (reader_left(&text) == 0) {
        return false;
    }
    reader_skip(&text, reader_left(&text) - 1);
    return reader_u8(&text) == '\r';
}

/* Gives out the whole line whose bytes, line feed left out, are text. */
static void finish(const struct smtp_line *line, struct reader text, struct smtp_line_whole *whole) {
    size_t len = reader_left(&text);
    whole->wire_len = line->wire_len;
    whole->no_memory = line->no_memory;
    whole->crlf = line->last_cr;
    whole->cut = line->wire_len - 1 > SMTP_LINE_MAX;
    if (whole->cut) {
        len = len < SMTP_LINE_MAX ? len : SMTP_LINE_MAX;
    } else if (whole->crlf && len > 0) {
        len--;
    }
    whole->text = reader_sub(&text, len);
}

enum parse_result smtp_line_take(struct smtp_line *line, struct reader *in, struct smtp_line_whole *whole) {
    size_t left = reader_left(in);
    const uint8_t *feed = left > 0 ? memchr(in->pos, '\n', left) : NULL;
    size_t len = feed ? (size_t)(feed - in->pos) : left;
    struct reader part = reader_sub(in, len);
    bool borrowed = feed && line->wire_len == 0;
    if (len > 0) {
        line->last_cr = ends_with_cr(part);
    }
    line->wire_len += len;
    if (!borrowed) {
        keep(line, part);
        part = reader_of(line->bytes, line->len);
    }
    if (!feed) {
        return PARSE_MORE;
    }
    reader_skip(in, 1);
    line->wire_len++;
    finish(line, part, whole);
    return PARSE_OK;
}

void smtp_line_drop(struct smtp_line *line) {
    if (line->bytes != NULL) {
        explicit_bzero(line->bytes, line->len);
        free(line->bytes);
    }
    *line = (struct smtp_line){0};
}
