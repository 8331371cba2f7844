#include "smtp_text.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 2

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

static uint8_t lower_of(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* How many bytes at the front are blanks (or are not). */
static inline size_t span(struct reader text, bool blanks) {
    const uint8_t *at = text.pos;
    while (at < text.end && is_blank(*at) == blanks) {
        at++;
    }
    return (size_t)(at - text.pos);
}

struct reader smtp_word(struct reader *line) {
    reader_skip(line, span(*line, true));
    struct reader word = reader_sub(line, span(*line, false));
    reader_skip(line, span(*line, true));
    return word;
}

/* class "." subject "." detail, of 1, 1 to 3 and 1 to 3 digits (RFC 3463 section 2). */
static bool is_enhanced_code(struct reader word) {
    size_t digits = 0, dots = 0;
    while (reader_left(&word) > 0) {
        uint8_t c = reader_u8(&word);
        if (c >= '0' && c <= '9' && digits < 3) {
            digits++;
        } else if (c == '.' && digits > 0 && dots < 2) {
            digits = 0;
            dots++;
        } else {
            return false;
        }
    }
    return dots == 2 && digits > 0;
}

bool smtp_is_host(struct reader word) {
    while (reader_left(&word) > 0) {
        uint8_t c = reader_u8(&word);
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
        if (!plain && memchr(".-_:[]", c, 6) == NULL) {
            return false;
        }
    }
    return true;
}

void smtp_skip_enhanced_code(struct reader *line) {
    struct reader rest = *line;
    if (is_enhanced_code(smtp_word(&rest))) {
        *line = rest;
    }
}

struct reader smtp_trim(struct reader line) {
    reader_skip(&line, span(line, true));
    while (reader_left(&line) > 0 && is_blank(line.end[-1])) {
        line.end--;
    }
    return line;
}

bool smtp_same(struct reader word, struct reader other) {
    if (reader_left(&word) != reader_left(&other)) {
        return false;
    }
    while (reader_left(&word) > 0) {
        if (smtp_upper_of(reader_u8(&word)) != smtp_upper_of(reader_u8(&other))) {
            return false;
        }
    }
    return true;
}

static struct reader in_case(struct reader text, uint8_t *buffer, size_t len, uint8_t (*of)(uint8_t)) {
    size_t done = 0;
    while (reader_left(&text) > 0 && done < len) {
        buffer[done++] = of(reader_u8(&text));
    }
    return reader_of(buffer, done);
}

struct reader smtp_lower(struct reader text, uint8_t *buffer, size_t len) {
    return in_case(text, buffer, len, lower_of);
}

struct reader smtp_upper(struct reader text, uint8_t *buffer, size_t len) {
    return in_case(text, buffer, len, smtp_upper_of);
}

bool smtp_contains(struct reader text, const char *upper) {
    for (; reader_left(&text) > 0; reader_skip(&text, 1)) {
        struct reader at = text;
        if (smtp_skip_prefix(&at, upper)) {
            return true;
        }
    }
    return false;
}

struct smtp_text smtp_text_of(struct reader text) {
    size_t len = reader_left(&text);
    return (struct smtp_text){(const char *)reader_bytes(&text, len), len};
}

struct reader smtp_reader_of(struct smtp_text text) {
    return reader_of((const uint8_t *)text.data, text.len);
}

void smtp_list_cleanup(struct smtp_list *list) {
    free(list->bytes);
    *list = (struct smtp_list){0};
}

void smtp_list_clear(struct smtp_list *list) {
    list->len = 0;
    list->num = 0;
}

/* Room for more bytes behind those that are there. Lists are bounded by their
 * callers' limits: (SMTP_CAPABILITIES_MAX + 1) texts of SMTP_TEXT_MAX fit in 16 bits. */
static bool grow(struct smtp_list *list, size_t more) {
    size_t need = list->len + more;
    if (need <= list->room) {
        return true;
    }
    size_t room = list->room > 0 ? list->room : 32;
    while (room < need) {
        room *= 2;
    }
    if (room > UINT16_MAX) {
        room = UINT16_MAX;
    }
    char *bytes = need <= room ? realloc(list->bytes, room) : NULL;
    if (bytes == NULL) {
        return false;
    }
    list->bytes = bytes;
    list->room = (uint16_t)room;
    return true;
}

enum smtp_kept smtp_list_add(struct smtp_list *list, struct reader text, size_t max) {
    size_t whole = reader_left(&text);
    size_t len = whole < SMTP_TEXT_MAX ? whole : SMTP_TEXT_MAX;
    if (list->num >= max || !grow(list, LENGTH_BYTES + len)) {
        return SMTP_NOT_KEPT;
    }
    char *at = list->bytes + list->len;
    at[0] = (char)(len >> 8);
    at[1] = (char)(len & 0xff);
    if (len > 0) {
        memcpy(at + LENGTH_BYTES, reader_bytes(&text, len), len);
    }
    list->len = (uint16_t)(list->len + LENGTH_BYTES + len);
    list->num++;
    return len < whole ? SMTP_KEPT_CUT : SMTP_KEPT;
}

size_t smtp_list_all(const struct smtp_list *list, struct smtp_text *texts, size_t max) {
    struct reader at = reader_of((const uint8_t *)list->bytes, list->len);
    size_t num = 0;
    while (num < max && num < list->num) {
        texts[num++] = smtp_text_of(reader_vec16(&at));
    }
    return num;
}

struct smtp_text smtp_list_at(const struct smtp_list *list, size_t index) {
    struct reader at = reader_of((const uint8_t *)list->bytes, list->len);
    if (index >= list->num) {
        return (struct smtp_text){NULL, 0};
    }
    for (; index > 0; index--) {
        (void)reader_vec16(&at);
    }
    return smtp_text_of(reader_vec16(&at));
}

bool smtp_list_has(const struct smtp_list *list, struct reader text) {
    struct smtp_text wanted = smtp_text_of(text);
    struct reader at = reader_of((const uint8_t *)list->bytes, list->len);
    for (size_t i = 0; i < list->num; i++) {
        struct smtp_text one = smtp_text_of(reader_vec16(&at));
        if (one.len != wanted.len) {
            continue;
        }
        if (one.data == NULL || wanted.data == NULL || memcmp(one.data, wanted.data, one.len) == 0) {
            return true;
        }
    }
    return false;
}
