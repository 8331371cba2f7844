#include "smtp_text.h"

#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "smtp_reply.h"

/* How a text begins: its length, or (KEYWORD) it is the common keyword of that number, or (LONG) its length
 * goes on in a second byte. */
#define KEYWORD     0x80
#define LONG        0xc0
#define BEGIN_MAX   2
#define BEGIN_VALUE 0x3f

_Static_assert(SMTP_TEXT_MAX <= (BEGIN_VALUE << 8 | 0xff), "lengths fit");

struct smtp_texts {
    uint16_t len, room; /* of bytes */
    uint16_t num;
    char bytes[];
};

static uint8_t lower_of(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* How many bytes at the front are blanks (or are not). */
static inline size_t span(struct reader text, bool blanks) {
    const uint8_t *at = text.pos;
    while (at < text.end && smtp_is_blank(*at) == blanks) {
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
    if (list->texts != NULL) { /* most are */
        free(list->texts);
    }
    list->texts = NULL;
}

void smtp_list_clear(struct smtp_list *list) {
    if (list->texts != NULL) {
        list->texts->len = 0;
        list->texts->num = 0;
    }
}

size_t smtp_list_num(const struct smtp_list *list) {
    return list->texts != NULL ? list->texts->num : 0;
}

size_t smtp_list_held(const struct smtp_list *list) {
    return list->texts != NULL ? sizeof(*list->texts) + list->texts->room : 0;
}

static bool resize(struct smtp_list *list, size_t room) {
    struct smtp_texts *texts = realloc(list->texts, sizeof(*texts) + room);
    if (texts == NULL) {
        return false;
    }
    if (list->texts == NULL) {
        texts->len = texts->num = 0;
    }
    texts->room = (uint16_t)room;
    list->texts = texts;
    return true;
}

#define FIT_LEAST 64 /* bytes that are worth it */

size_t smtp_list_fit(struct smtp_list *list) {
    size_t held = smtp_list_held(list);
    if (list->texts != NULL && list->texts->len + FIT_LEAST <= list->texts->room) {
        (void)resize(list, list->texts->len);
    }
    return held - smtp_list_held(list);
}

#define ROOM_FIRST 64 /* of a list that may hold several texts; one text gets what it needs */

/* Room for more bytes behind those that are there. Lists are bounded by their callers' limits:
 * (SMTP_CAPABILITIES_MAX + 1) texts of SMTP_TEXT_MAX fit in 16 bits. */
static bool grow(struct smtp_list *list, size_t more, bool several) {
    const struct smtp_texts *texts = list->texts;
    size_t need = texts != NULL ? texts->len + more : more;
    size_t room = texts != NULL ? texts->room : 0;
    if (texts != NULL && need <= room) {
        return true;
    }
    room = room == 0 && several ? ROOM_FIRST : 2 * room;
    room = room < need ? need : room;
    room = room > UINT16_MAX ? UINT16_MAX : room;
    return need <= room && resize(list, room);
}

static struct reader all_of(const struct smtp_list *list) {
    return list->texts != NULL ? reader_of((const uint8_t *)list->texts->bytes, list->texts->len)
                               : reader_of(NULL, 0);
}

enum smtp_kept smtp_list_add_keyword(struct smtp_list *list, uint8_t number, size_t max) {
    if (smtp_list_num(list) >= max || !grow(list, 1, max > 1)) {
        return SMTP_NOT_KEPT;
    }
    struct smtp_texts *texts = list->texts;
    texts->bytes[texts->len++] = (char)(KEYWORD | number);
    texts->num++;
    return SMTP_KEPT;
}

enum smtp_kept smtp_list_add(struct smtp_list *list, struct reader text, size_t max) {
    size_t whole = reader_left(&text);
    size_t len = whole < SMTP_TEXT_MAX ? whole : SMTP_TEXT_MAX;
    if (smtp_list_num(list) >= max || !grow(list, BEGIN_MAX + len, max > 1)) {
        return SMTP_NOT_KEPT;
    }
    struct smtp_texts *texts = list->texts;
    char *at = texts->bytes + texts->len;
    if (len < KEYWORD) {
        *at++ = (char)len;
    } else {
        *at++ = (char)(LONG | len >> 8);
        *at++ = (char)(len & 0xff);
    }
    if (len > 0) {
        memcpy(at, reader_bytes(&text, len), len);
    }
    texts->len = (uint16_t)(at + len - texts->bytes);
    texts->num++;
    return len < whole ? SMTP_KEPT_CUT : SMTP_KEPT;
}

static inline struct reader next_text(struct reader *at) {
    uint8_t begin = reader_u8(at);
    if (begin < KEYWORD) {
        return reader_sub(at, begin);
    }
    if (begin < LONG) {
        return smtp_keyword_text(begin & BEGIN_VALUE);
    }
    size_t high = begin & BEGIN_VALUE;
    return reader_sub(at, high << 8 | reader_u8(at));
}

void smtp_list_fold(const struct smtp_list *list, struct fold *fold) {
    fold_u8(fold, (uint8_t)list->texts->num);
    fold_text(fold, list->texts->bytes, list->texts->len);
}

bool smtp_list_unfold(struct smtp_list *list, struct reader *in) {
    uint8_t num = reader_u8(in);
    struct reader bytes = unfold_text(in);
    size_t len = reader_left(&bytes);
    list->texts = NULL;
    if (!resize(list, len)) {
        return false;
    }
    memcpy(list->texts->bytes, bytes.pos, len);
    list->texts->len = (uint16_t)len;
    list->texts->num = num;
    return true;
}

size_t smtp_list_all(const struct smtp_list *list, struct smtp_text *texts, size_t max) {
    struct reader at = all_of(list);
    size_t num = 0;
    while (num < max && num < smtp_list_num(list)) {
        texts[num++] = smtp_text_of(next_text(&at));
    }
    return num;
}

struct smtp_text smtp_list_behind_first(const struct smtp_list *list) {
    struct reader at = all_of(list);
    (void)next_text(&at);
    return smtp_text_of(at);
}

struct smtp_text smtp_list_at(const struct smtp_list *list, size_t index) {
    struct reader at = all_of(list);
    if (index >= smtp_list_num(list)) {
        return (struct smtp_text){NULL, 0};
    }
    for (; index > 0; index--) {
        (void)next_text(&at);
    }
    return smtp_text_of(next_text(&at));
}

bool smtp_list_has(const struct smtp_list *list, struct reader text) {
    struct smtp_text wanted = smtp_text_of(text);
    struct reader at = all_of(list);
    for (size_t i = 0; i < smtp_list_num(list); i++) {
        struct smtp_text one = smtp_text_of(next_text(&at));
        if (one.len != wanted.len) {
            continue;
        }
        if (one.data == NULL || wanted.data == NULL || memcmp(one.data, wanted.data, one.len) == 0) {
            return true;
        }
    }
    return false;
}
