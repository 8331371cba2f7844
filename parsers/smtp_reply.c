#include "smtp_reply.h"

#include <stddef.h>
#include <string.h>

#include "smtp_text.h"

#define NAME(text) text, sizeof(text) - 1

static const struct {
    const char *name;
    size_t len;
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
    int code = 0;
    for (int i = 0; i < 3; i++) {
        uint8_t c = reader_u8(&line);
        if (c < '0' || c > '9') {
            return false;
        }
        code = code * 10 + (c - '0');
    }
    if (code < 200 || code > 599) {
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
    *reply = (struct smtp_reply_line){code, last, smtp_trim(line)};
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

enum smtp_keyword smtp_keyword_of(struct reader text, struct reader *parameters) {
    struct reader rest = text;
    struct reader word = smtp_word(&rest);
    *parameters = rest;
    struct reader first_byte = word;
    char first = (char)smtp_upper_of(reader_u8(&first_byte));
    if (first == 'A' && smtp_is_auth(text, parameters)) {
        return SMTP_KEYWORD_AUTH;
    }
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        const char *name = keywords[i].name;
        if (reader_left(&word) == keywords[i].len && first == name[0] &&
            (memcmp(word.pos, name, keywords[i].len) == 0 || smtp_is(word, name))) {
            return keywords[i].keyword;
        }
    }
    return SMTP_KEYWORD_UNKNOWN;
}

_Static_assert(sizeof(keywords) / sizeof(keywords[0]) < 63, "numbered by six bits");

uint8_t smtp_keyword_number(struct reader text) {
    size_t len = reader_left(&text);
    struct reader first_byte = text;
    char first = (char)reader_u8(&first_byte);
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (len == keywords[i].len && first == keywords[i].name[0] &&
            memcmp(text.pos, keywords[i].name, len) == 0) {
            return (uint8_t)(i + 1);
        }
    }
    return 0;
}

struct reader smtp_keyword_text(uint8_t number) {
    const char *name = keywords[number - 1].name;
    return reader_of((const uint8_t *)name, keywords[number - 1].len);
}
