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

enum parse_result smtp_line_take_part(struct smtp_line *line, struct reader *in,
                                      struct smtp_line_whole *whole) {
    size_t left = reader_left(in);
    const uint8_t *feed = left > 0 ? memchr(in->pos, '\n', left) : NULL;
    size_t len = feed ? (size_t)(feed - in->pos) : left;
    struct reader part = reader_sub(in, len);
    if (len > 0) {
        line->last_cr = smtp_line_ends_with_cr(part);
    }
    line->wire_len += len;
    keep(line, part);
    if (!feed) {
        return PARSE_MORE;
    }
    reader_skip(in, 1);
    line->wire_len++;
    smtp_line_finish(whole, reader_of(line->bytes, line->len), line->wire_len, line->last_cr);
    whole->no_memory = line->no_memory;
    return PARSE_OK;
}

void smtp_line_wipe(struct smtp_line *line) {
    if (line->bytes != NULL) {
        explicit_bzero(line->bytes, line->len);
        free(line->bytes);
    }
    *line = (struct smtp_line){0};
}
