#include "smtp_reply.h"

#include <stddef.h>
#include <string.h>

#include "smtp_text.h"

#define NAME(text) text, sizeof(text) - 1, SMTP_NAME_TAG(sizeof(text) - 1, (text)[0])

static const struct {
    const char *name;
    uint8_t len;
    uint16_t tag;
    enum smtp_keyword keyword;
} keywords[] = {
    /* those that most servers offer come first */
    {NAME("PIPELINING"), SMTP_KEYWORD_KNOWN},
    {NAME("SIZE"), SMTP_KEYWORD_KNOWN},
    {NAME("STARTTLS"), SMTP_KEYWORD_STARTTLS},
    {NAME("ENHANCEDSTATUSCODES"), SMTP_KEYWORD_KNOWN},
    {NAME("8BITMIME"), SMTP_KEYWORD_KNOWN},
    {NAME("DSN"), SMTP_KEYWORD_KNOWN},
    {NAME("SMTPUTF8"), SMTP_KEYWORD_KNOWN},
    {NAME("CHUNKING"), SMTP_KEYWORD_KNOWN},
    {NAME("HELP"), SMTP_KEYWORD_KNOWN},
    {NAME("VRFY"), SMTP_KEYWORD_KNOWN},
    {NAME("ETRN"), SMTP_KEYWORD_KNOWN},
    {NAME("BINARYMIME"), SMTP_KEYWORD_KNOWN},
    {NAME("REQUIRETLS"), SMTP_KEYWORD_REQUIRETLS},
    {NAME("EXPN"), SMTP_KEYWORD_KNOWN},
    {NAME("XCLIENT"), SMTP_KEYWORD_KNOWN},
    {NAME("XFORWARD"), SMTP_KEYWORD_KNOWN},
    {NAME("LIMITS"), SMTP_KEYWORD_KNOWN},
    {NAME("DELIVERBY"), SMTP_KEYWORD_KNOWN},
    {NAME("CHECKPOINT"), SMTP_KEYWORD_KNOWN},
    {NAME("X-ANONYMOUSTLS"), SMTP_KEYWORD_KNOWN},
    {NAME("TURN"), SMTP_KEYWORD_KNOWN},
    {NAME("BURL"), SMTP_KEYWORD_KNOWN},
    {NAME("MT-PRIORITY"), SMTP_KEYWORD_KNOWN},
};

bool smtp_reply_parse(struct reader line, struct smtp_reply_line *reply) {
    const uint8_t *code = reader_bytes(&line, 3);
    if (code == NULL || code[0] < '2' || code[0] > '5' || code[1] < '0' || code[1] > '9' || code[2] < '0' ||
        code[2] > '9') {
        return false;
    }
    bool last = true;
    if (reader_left(&line) > 0) {
        uint8_t c = reader_u8(&line);
        if (c != ' ' && c != '-') {
            return false;
        }
        last = c == ' ';
    }
    int number = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
    *reply = (struct smtp_reply_line){number, last, smtp_trim(line)};
    return true;
}

bool smtp_is_auth(struct reader text, struct reader *mechanisms) {
    struct reader at = text;
    if (!smtp_skip_prefix(&at, "AUTH")) {
        return false;
    }
    if (!smtp_skip_prefix(&at, "=")) {
        at = text;
        if (!smtp_is(smtp_word(&at), "AUTH")) {
            return false;
        }
    }
    *mechanisms = at;
    return true;
}

#define NUM_KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))
_Static_assert(NUM_KEYWORDS < 63, "numbered by six bits");

/* The first keyword from `from` on that begins like it and is as long; NUM_KEYWORDS: there is none. */
static size_t next_like(size_t from, size_t len, uint8_t first) {
    uint16_t tag = len <= UINT8_MAX ? SMTP_NAME_TAG(len, first) : 0;
    while (from < NUM_KEYWORDS && keywords[from].tag != tag) {
        from++;
    }
    return from;
}

enum smtp_keyword smtp_keyword_of(struct reader text, struct reader *parameters) {
    struct reader rest = text;
    struct reader word = smtp_word(&rest);
    *parameters = rest;
    struct reader first_byte = word;
    size_t len = reader_left(&word);
    uint8_t first = smtp_upper_of(reader_u8(&first_byte));
    if (first == 'A' && smtp_is_auth(text, parameters)) {
        return SMTP_KEYWORD_AUTH;
    }
    for (size_t i = next_like(0, len, first); i < NUM_KEYWORDS; i = next_like(i + 1, len, first)) {
        if (smtp_is(word, keywords[i].name)) {
            return keywords[i].keyword;
        }
    }
    return SMTP_KEYWORD_UNKNOWN;
}

uint8_t smtp_keyword_number(struct reader text) {
    size_t len = reader_left(&text);
    struct reader first_byte = text;
    uint8_t first = reader_u8(&first_byte);
    for (size_t i = next_like(0, len, first); i < NUM_KEYWORDS; i = next_like(i + 1, len, first)) {
        if (memcmp(text.pos, keywords[i].name, len) == 0) {
            return (uint8_t)(i + 1);
        }
    }
    return 0;
}

enum smtp_keyword smtp_keyword_numbered(uint8_t number) {
    return keywords[number - 1].keyword;
}

struct reader smtp_keyword_text(uint8_t number) {
    const char *name = keywords[number - 1].name;
    return reader_of((const uint8_t *)name, keywords[number - 1].len);
}
