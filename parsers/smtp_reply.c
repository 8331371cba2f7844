#include "smtp_reply.h"

#include <stddef.h>

#include "smtp_text.h"

static const char *const known[] = {
    "SIZE",        "PIPELINING",     "8BITMIME",   "ENHANCEDSTATUSCODES",
    "DSN",         "CHUNKING",       "BINARYMIME", "HELP",
    "ETRN",        "SMTPUTF8",       "VRFY",       "EXPN",
    "XCLIENT",     "XFORWARD",       "LIMITS",     "DELIVERBY",
    "CHECKPOINT",  "X-ANONYMOUSTLS", "TURN",       "BURL",
    "MT-PRIORITY",
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
    if (smtp_is(word, "STARTTLS")) {
        return SMTP_KEYWORD_STARTTLS;
    }
    if (smtp_is(word, "REQUIRETLS")) {
        return SMTP_KEYWORD_REQUIRETLS;
    }
    if (smtp_is_auth(text, parameters)) {
        return SMTP_KEYWORD_AUTH;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (smtp_is(word, known[i])) {
            return SMTP_KEYWORD_KNOWN;
        }
    }
    return SMTP_KEYWORD_UNKNOWN;
}
