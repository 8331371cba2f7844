#include "received.h"

#include <string.h>
#include <strings.h>

#include "reader.h"

#define COMMENT_DEPTH_MAX 8 /* deeper parentheses end the field */

enum {
    AT_LINE_START, /* of the first line: no field before it */
    IN_NAME,       /* of a field that may be Received, so many bytes of it matched: field_len */
    IN_VALUE,      /* of a Received field */
    IN_OTHER,      /* any other field */
    AFTER_VALUE,   /* at the start of a line behind the one or the other: the field goes on with a blank */
    AFTER_OTHER,
    OVER,
};

static const char field_name[] = "received:";
#define FIELD_NAME_LEN (sizeof field_name - 1)

/* --- one field --- */

struct words {
    struct reader r;
    unsigned depth; /* of comments */
};

struct word {
    const char *text;
    size_t len;
    unsigned depth; /* 0: outside comments */
};

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next run of bytes without blanks and parentheses; what stands between quotes is no different. A comma
 * or semicolon ends a word, too. */
static bool next_word(struct words *words, struct word *word) {
    struct reader *r = &words->r;
    while (reader_left(r) > 0 && (is_blank(*r->pos) || memchr("(),;", *r->pos, 4))) {
        uint8_t c = reader_u8(r);
        if (c == '(' && ++words->depth > COMMENT_DEPTH_MAX)
            return false;
        if (c == ')' && words->depth > 0)
            words->depth--;
    }
    const uint8_t *start = r->pos;
    while (reader_left(r) > 0 && !is_blank(*r->pos) && !memchr("(),;", *r->pos, 4))
        reader_skip(r, 1);
    *word = (struct word){(const char *)start, (size_t)(r->pos - start), words->depth};
    return word->len > 0;
}

static bool word_is(const struct word *word, const char *text) {
    return strlen(text) == word->len && strncasecmp(word->text, text, word->len) == 0;
}

/* The rest of a word that begins like this; NULL otherwise. */
static const char *behind(const struct word *word, const char *start, size_t *len) {
    size_t start_len = strlen(start);
    if (word->len < start_len || strncasecmp(word->text, start, start_len) != 0)
        return NULL;
    *len = word->len - start_len;
    return word->text + start_len;
}

static void keep(char *out, size_t room, const char *text, size_t len) {
    size_t num = len < room - 1 ? len : room - 1;
    for (size_t i = 0; i < num; i++)
        out[i] = text[i] > ' ' && text[i] < 0x7f ? text[i] : '?';
    out[num] = '\0';
}

/* "TLSv1.3", "TLS1_3", "TLS1.3", "TLSv1", "SSLv3" -> "1.3", "1.0", "ssl3". False: no version. */
static bool read_version(const char *text, size_t len, char version[8]) {
    struct word word = {text, len, 0};
    bool ssl = false;
    const char *rest = behind(&word, "TLS", &len);
    if (!rest) {
        rest = behind(&word, "SSL", &len);
        ssl = true;
    }
    if (rest && len > 0 && (*rest == 'v' || *rest == 'V')) {
        rest++;
        len--;
    }
    if (!rest || len == 0 || len > 3 || rest[0] < '1' || rest[0] > '3')
        return false;
    bool minor = len == 3 && (rest[1] == '.' || rest[1] == '_') && rest[2] >= '0' && rest[2] <= '9';
    if (len != 1 && !minor)
        return false;
    if (ssl)
        memcpy(version, (const char[]){'s', 's', 'l', rest[0], '\0'}, 5);
    else
        memcpy(version, (const char[]){rest[0], '.', minor ? rest[2] : '0', '\0'}, 4);
    return true;
}

/* "TLSv1.3:TLS_AES_256_GCM_SHA384:256" of Exim and OpenSMTPD. */
static bool read_colons(const struct word *word, struct received_hop *hop) {
    const char *colon = memchr(word->text, ':', word->len);
    if (!colon || !read_version(word->text, (size_t)(colon - word->text), hop->version))
        return false;
    const char *cipher = colon + 1, *end = word->text + word->len;
    const char *next = memchr(cipher, ':', (size_t)(end - cipher));
    keep(hop->cipher, sizeof hop->cipher, cipher, (size_t)((next ? next : end) - cipher));
    return true;
}

/* What of TLS a comment says; `before` is the word in front of this one. */
static void read_comment_word(const struct word *word, const struct word *before, struct received_hop *hop) {
    size_t len;
    const char *value;
    if (hop->tls == RECEIVED_TLS && hop->version[0] != '\0' && hop->cipher[0] != '\0')
        return;
    bool whole = word->depth == 1 && before->depth == 1;
    if ((value = behind(word, "version=", &len)) != NULL) {
        hop->tls = RECEIVED_TLS; /* "TLSv1/SSLv3" is what OpenSSL 1.0 called all before TLS 1.2 */
        (void)read_version(value, len, hop->version);
    } else if ((value = behind(word, "cipher=", &len)) != NULL && hop->tls == RECEIVED_TLS) {
        keep(hop->cipher, sizeof hop->cipher, value, len);
    } else if (whole && word_is(word, "encrypted")) {
        hop->tls = RECEIVED_TLS; /* qmail with TLS */
        keep(hop->cipher, sizeof hop->cipher, before->text, before->len);
    } else if (whole && word_is(before, "using") && read_version(word->text, word->len, hop->version)) {
        hop->tls = RECEIVED_TLS; /* Postfix */
    } else if (whole && word_is(before, "cipher") && hop->tls == RECEIVED_TLS) {
        keep(hop->cipher, sizeof hop->cipher, word->text, word->len);
    } else if (read_colons(word, hop)) {
        hop->tls = RECEIVED_TLS; /* Exim, OpenSMTPD */
    } else if (before->depth == 0 &&
               (read_version(word->text, word->len, hop->version) || word_is(word, "TLS"))) {
        hop->tls = RECEIVED_TLS; /* Exim; an older Exchange says "(TLS)" */
    }
}

/* Protocols of RFC 3848 and RFC 6531 section 4.3, SMTPS for those who write it: with S is with TLS. */
static enum received_tls tls_of_protocol(const char *with) {
    static const char *const stems[] = {"SMTP", "ESMTP", "LMTP", "UTF8SMTP", "UTF8LMTP"};
    static const char *const endings[] = {"", "A", "S", "SA"};
    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++) {
        size_t len = strlen(stems[i]);
        for (size_t k = 0; strncmp(with, stems[i], len) == 0 && k < 4; k++) {
            if (strcmp(with + len, endings[k]) == 0)
                return k >= 2 ? RECEIVED_TLS : RECEIVED_CLEAR;
        }
    }
    return strcmp(with, "HTTPS") == 0 ? RECEIVED_TLS : RECEIVED_UNKNOWN;
}

static void read_clause(const struct word *word, const struct word *before, struct received_hop *hop) {
    if (word_is(before, "from") && hop->from[0] == '\0' && hop->by[0] == '\0') {
        keep(hop->from, sizeof hop->from, word->text, word->len);
    } else if (word_is(before, "by") && hop->by[0] == '\0') {
        keep(hop->by, sizeof hop->by, word->text, word->len);
    } else if (word_is(before, "with") && hop->with[0] == '\0') {
        keep(hop->with, sizeof hop->with, word->text, word->len);
        for (char *c = hop->with; *c; c++)
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - ('a' - 'A')) : *c;
    } else if (word_is(before, "tls") && hop->tls == RECEIVED_TLS && hop->cipher[0] == '\0') {
        keep(hop->cipher, sizeof hop->cipher, word->text, word->len); /* Exim */
    }
}

bool received_read(const char *value, size_t len, struct received_hop *hop) {
    struct words words = {.r = reader_of((const uint8_t *)value, len)};
    struct word word, before = {"", 0, 0}, clause = {"", 0, 0};
    struct received_hop out = {0};
    while (next_word(&words, &word)) {
        if (word.depth > 0) {
            read_comment_word(&word, &before, &out);
        } else {
            read_clause(&word, &clause, &out);
            clause = word;
        }
        before = word;
    }
    if (out.by[0] == '\0' && out.from[0] == '\0')
        return false;
    if (out.tls == RECEIVED_UNKNOWN)
        out.tls = tls_of_protocol(out.with);
    *hop = out;
    return true;
}

/* --- the header block --- */

void received_begin(struct received *received) {
    received->field_len = 0;
    received->header_len = received->num_in_message = 0;
    received->state = AT_LINE_START;
    received->cut = false;
}

static void end_field(struct received *received) {
    struct received_hop hop;
    received->limits_hit += received->cut;
    if (received_read(received->field, received->field_len, &hop)) {
        hop.number = ++received->num_in_message;
        if (received->num_hops < RECEIVED_HOPS_MAX)
            received->hops[received->num_hops++] = hop;
        else
            received->limits_hit++;
    }
    received->field_len = 0;
    received->cut = false;
}

static void add_to_value(struct received *received, uint8_t c) {
    if (received->field_len < RECEIVED_FIELD_MAX)
        received->field[received->field_len++] = (char)c;
    else
        received->cut = true;
}

/* The first byte of a line. */
static void begin_line(struct received *received, uint8_t c) {
    bool goes_on = (c == ' ' || c == '\t') && received->state != AT_LINE_START;
    if (goes_on) {
        received->state = received->state == AFTER_VALUE ? IN_VALUE : IN_OTHER;
        return;
    }
    if (received->state == AFTER_VALUE)
        end_field(received);
    received->field_len = 0;
    received->state = IN_NAME;
}

/* Compares the name as it comes; field_len counts. */
static void match_name(struct received *received, uint8_t c) {
    uint8_t lower = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
    if (lower == (uint8_t)field_name[received->field_len]) {
        if (++received->field_len == FIELD_NAME_LEN) {
            received->field_len = 0;
            received->state = IN_VALUE;
        }
        return;
    }
    bool blank_before_colon = is_blank(c) && received->field_len == FIELD_NAME_LEN - 1; /* RFC 5322 4.5 */
    if (!blank_before_colon)
        received->state = IN_OTHER;
}

static void end_line(struct received *received) {
    switch (received->state) {
    case IN_VALUE:
        received->state = AFTER_VALUE;
        break;
    case AT_LINE_START:
    case AFTER_VALUE:
    case AFTER_OTHER: /* the blank line */
        received_end(received, true);
        break;
    default:
        received->state = AFTER_OTHER;
        break;
    }
}

static void take(struct received *received, uint8_t c) {
    if (c == '\r')
        return;
    if (c == '\n') {
        end_line(received);
        return;
    }
    if (received->state == AT_LINE_START || received->state == AFTER_VALUE || received->state == AFTER_OTHER)
        begin_line(received, c);
    if (received->state == IN_VALUE)
        add_to_value(received, c);
    else if (received->state == IN_NAME)
        match_name(received, c);
}

bool received_push(struct received *received, const uint8_t *data, size_t len) {
    struct reader in = reader_of(data, len);
    while (received->state != OVER && reader_left(&in) > 0) {
        if (received->header_len++ == RECEIVED_HEADER_MAX) {
            received->limits_hit++;
            received_end(received, false);
        } else {
            take(received, reader_u8(&in));
        }
    }
    return received->state != OVER;
}

void received_end(struct received *received, bool whole) {
    if (whole && (received->state == AFTER_VALUE || received->state == IN_VALUE))
        end_field(received);
    received->state = OVER;
}
