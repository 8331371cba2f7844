/* smtp_text.h: words of a line, and the small texts that a session keeps.
 *
 * A line or word is a borrowed reader. What is kept goes into a smtp_list: one
 * allocation for all its texts, nothing at all while it is empty. Keywords that
 * most servers offer take a byte in it. */
#ifndef STARTTAP_PARSERS_SMTP_TEXT_H
#define STARTTAP_PARSERS_SMTP_TEXT_H

#include "reader.h"
#include "smtp.h"

/* The next word, blanks (space, tab) around it skipped; empty at the end of the line. */
struct reader smtp_word(struct reader *line);

/* Only what a host name or an address literal is made of. */
bool smtp_is_host(struct reader word);

/* Takes an enhanced status code (RFC 2034: "4.7.0") off the front, when there is one. */
void smtp_skip_enhanced_code(struct reader *line);

static inline bool smtp_is_blank(uint8_t c) {
    return c <= ' ' && (c == ' ' || c == '\t');
}

/* What is left of a line, blanks at both ends cut off. */
static inline struct reader smtp_trim(struct reader line) {
    while (line.pos < line.end && smtp_is_blank(*line.pos)) {
        line.pos++;
    }
    while (line.pos < line.end && smtp_is_blank(line.end[-1])) {
        line.end--;
    }
    return line;
}

/* Equality of two words, without regard to the case of ASCII letters. */
bool smtp_same(struct reader word, struct reader other);

/* Writes text into buffer, ASCII letters in one case; returns what fits in len bytes of it. */
struct reader smtp_lower(struct reader text, uint8_t *buffer, size_t len);
struct reader smtp_upper(struct reader text, uint8_t *buffer, size_t len);

/* Of a name in a table: with its length the first letter tells most of them apart. */
#define SMTP_NAME_TAG(len, first) ((uint16_t)((len) << 8 | (uint8_t)(first)))

static inline uint8_t smtp_upper_of(uint8_t c) {
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

/* Whether text starts with an upper-case ASCII prefix, without regard to case; skips it if so. */
static inline bool smtp_skip_prefix(struct reader *text, const char *upper) {
    struct reader at = *text;
    for (; *upper != '\0'; upper++) {
        if (smtp_upper_of(reader_u8(&at)) != (uint8_t)*upper) {
            return false;
        }
    }
    *text = at;
    return true;
}

/* Equality with an upper-case ASCII word, without regard to case. */
static inline bool smtp_is(struct reader word, const char *upper) {
    return smtp_skip_prefix(&word, upper) && reader_left(&word) == 0;
}

/* Whether an upper-case ASCII word stands anywhere in text, without regard to case. */
bool smtp_contains(struct reader text, const char *upper);

struct smtp_text smtp_text_of(struct reader text);
struct reader smtp_reader_of(struct smtp_text text);

/* Texts in order, each up to SMTP_TEXT_MAX bytes. All zero is an empty list. */
struct smtp_list {
    struct smtp_texts *texts; /* NULL: none */
};

size_t smtp_list_num(const struct smtp_list *list);

size_t smtp_list_held(const struct smtp_list *list); /* bytes of memory */
void smtp_list_cleanup(struct smtp_list *list);
void smtp_list_clear(struct smtp_list *list); /* keeps the memory */
size_t smtp_list_fit(struct smtp_list *list); /* no more will come: gives back what is too much; bytes */

enum smtp_kept {
    SMTP_KEPT,
    SMTP_KEPT_CUT, /* kept, cut to SMTP_TEXT_MAX */
    SMTP_NOT_KEPT, /* max texts are there already, or no memory */
};
enum smtp_kept smtp_list_add(struct smtp_list *list, struct reader text, size_t max);
enum smtp_kept smtp_list_add_keyword(struct smtp_list *list, uint8_t number, size_t max); /* smtp_reply.h */

/* The text at index, borrowed until the list changes; empty when there is none. Linear in index. */
struct smtp_text smtp_list_at(const struct smtp_list *list, size_t index);

/* The list without its first text, as it is kept: from the same bytes come the same texts. Borrowed. */
struct smtp_text smtp_list_behind_first(const struct smtp_list *list);

/* Writes up to max texts; returns how many. */
size_t smtp_list_all(const struct smtp_list *list, struct smtp_text *texts, size_t max);

bool smtp_list_has(const struct smtp_list *list, struct reader text);

/* fold.h, of a list that is not empty. False: out of memory, and the list is empty. */
struct fold;
void smtp_list_fold(const struct smtp_list *list, struct fold *fold);
bool smtp_list_unfold(struct smtp_list *list, struct reader *in);

#endif
