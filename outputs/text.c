#include "text.h"

#define NS_PER_S    UINT64_C(1000000000)
#define S_PER_DAY   86400
#define TIME_MIN_S  INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define TIME_MAX_S  INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define EPOCH_DAYS  719468                /* from 0000-03-01 to 1970-01-01 */
#define ERA_DAYS    146097                /* in 400 years */
#define REPLACEMENT "\xef\xbf\xbd"        /* TEXT_BAD in UTF-8 */

/* What may follow a lead byte: how many bytes, and the range of the first of them (table 3-7). */
struct lead {
    uint8_t following, low, high;
};

static struct lead lead_of(uint8_t byte) {
    if (byte >= 0xc2 && byte <= 0xdf) {
        return (struct lead){1, 0x80, 0xbf};
    }
    if (byte >= 0xe0 && byte <= 0xef) {
        return (struct lead){2, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf};
    }
    if (byte >= 0xf0 && byte <= 0xf4) {
        return (struct lead){3, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf};
    }
    return (struct lead){0, 0, 0};
}

size_t text_decode(const char *data, size_t len, uint32_t *code) {
    uint8_t byte = (uint8_t)data[0];
    *code = byte;
    if (byte < 0x80) {
        return 1;
    }
    struct lead lead = lead_of(byte);
    if (lead.following == 0) {
        *code = TEXT_BAD;
        return 1;
    }
    uint32_t value = byte & (0x3fu >> lead.following);
    for (size_t i = 1; i <= lead.following; i++) {
        uint8_t next = i < len ? (uint8_t)data[i] : 0;
        if (next < lead.low || next > lead.high) {
            *code = TEXT_BAD;
            return i;
        }
        value = value << 6 | (next & 0x3fu);
        lead.low = 0x80;
        lead.high = 0xbf;
    }
    *code = value;
    return 1u + lead.following;
}

/* Nearly all text is ASCII that stands for itself. So it is copied sixteen bytes at a time (a vector type, as
 * gcc and clang know it) and looked at on the way, each lane of a mask telling where there is something to
 * do. The last chunk overlaps the one before. Bytes are signed, so that what is not ASCII is below the blank.
 */
#define CHUNK_LEN 16
typedef int8_t chunk __attribute__((vector_size(CHUNK_LEN)));
typedef uint64_t halves __attribute__((vector_size(CHUNK_LEN)));

static inline chunk not_ascii(chunk bytes) {
    return (chunk)(bytes <= 0);
}

static inline chunk json_special(chunk bytes) {
    return (chunk)((bytes < ' ') | (bytes > '~') | (bytes == '"') | (bytes == '\\'));
}

/* Behind a separator a formula may begin. */
static inline chunk csv_special(chunk bytes) {
    return (chunk)((bytes < ' ') | (bytes > '~') | (bytes == '"') | (bytes == ',') | (bytes == ';') |
                   (bytes == '|'));
}

static inline chunk copy_chunk(char *out, const char *text) {
    chunk bytes;
    memcpy(&bytes, text, CHUNK_LEN);
    memcpy(out, &bytes, CHUNK_LEN);
    return bytes;
}

/* Fewer bytes than a chunk: the first and the last of them, as many as there are, beside each other. */
static inline chunk copy_short(char *out, const char *text, size_t len) {
    halves ends = {0x6161616161616161, 0x6161616161616161};
    if (len >= 8) {
        uint64_t first, last;
        memcpy(&first, text, 8);
        memcpy(&last, text + len - 8, 8);
        memcpy(out, &first, 8);
        memcpy(out + len - 8, &last, 8);
        ends = (halves){first, last};
    } else if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, text, 4);
        memcpy(&last, text + len - 4, 4);
        memcpy(out, &first, 4);
        memcpy(out + len - 4, &last, 4);
        ends[0] = (uint64_t)first << 32 | last;
    } else {
        for (size_t i = 0; i < len; i++) {
            out[i] = text[i];
            ends[0] = ends[0] << 8 | (uint8_t)text[i];
        }
    }
    return (chunk)ends;
}

/* Copies text; whether none of its bytes is special. */
static inline bool copy_plain(char *out, const char *text, size_t len, chunk (*special)(chunk)) {
    chunk found = {0};
    if (len < CHUNK_LEN) {
        found = special(copy_short(out, text, len));
    } else {
        for (size_t pos = 0; pos + CHUNK_LEN < len; pos += CHUNK_LEN) {
            found |= special(copy_chunk(out + pos, text + pos));
        }
        found |= special(copy_chunk(out + len - CHUNK_LEN, text + len - CHUNK_LEN));
    }
    return (((halves)found)[0] | ((halves)found)[1]) == 0;
}

size_t text_clean(char *out, const char *data, size_t len, size_t max) {
    if (out != NULL && len <= max && copy_plain(out, data, len, not_ascii)) {
        return len;
    }
    size_t written = 0;
    for (size_t pos = 0; pos < len;) {
        uint32_t code;
        size_t size = text_decode(data + pos, len - pos, &code);
        if (size > max - pos) {
            break;
        }
        bool replace = code == TEXT_BAD || code == 0;
        size_t out_size = replace ? strlen(REPLACEMENT) : size;
        if (out != NULL) {
            memcpy(out + written, replace ? REPLACEMENT : data + pos, out_size);
        }
        written += out_size;
        pos += size;
    }
    return written;
}

size_t text_copy(char *out, size_t size, const char *text) {
    size_t len = strnlen(text, size - 1);
    memcpy(out, text, len);
    out[len] = '\0';
    return len;
}

static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029;
}

static void add_escaped(struct buffer *buffer, uint32_t code) {
    static const char hex[] = "0123456789abcdef";
    const char escape[6] = {
        '\\', 'u', hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15], hex[code & 15]};
    buffer_add(buffer, escape, sizeof escape);
}

/* A character that needs no escape for being itself: as it is, or the replacement. */
static void add_character(struct buffer *buffer, const char *data, size_t size, uint32_t code) {
    if (code == TEXT_BAD) {
        buffer_add(buffer, REPLACEMENT, strlen(REPLACEMENT));
    } else {
        buffer_add(buffer, data, size);
    }
}

static void add_json_slowly(struct buffer *buffer, const char *text, size_t len) {
    for (size_t pos = 0; pos < len;) {
        uint32_t code;
        size_t size = text_decode(text + pos, len - pos, &code);
        if (code == '"' || code == '\\') {
            buffer_add_char(buffer, '\\');
        }
        if (is_control(code)) {
            add_escaped(buffer, code);
        } else {
            add_character(buffer, text + pos, size, code);
        }
        pos += size;
    }
}

bool text_copy_plain(char *out, const char *text, size_t len) {
    return copy_plain(out, text, len, json_special);
}

void text_add_json(struct buffer *buffer, const char *text) {
    size_t len = strlen(text);
    if (!buffer_reserve(buffer, len + 2)) {
        return;
    }
    char *out = buffer->data + buffer->len;
    out[0] = '"';
    if (copy_plain(out + 1, text, len, json_special)) {
        out[len + 1] = '"';
        buffer->len += len + 2;
    } else {
        buffer->len++;
        add_json_slowly(buffer, text, len);
        buffer_add_char(buffer, '"');
    }
}

/* Full-width forms count as formulas in some locales. */
static bool begins_formula(uint32_t code) {
    return code == '=' || code == '+' || code == '-' || code == '@' || code == 0xff1d || code == 0xff0b ||
           code == 0xff0d || code == 0xff20;
}

static void add_csv_slowly(struct buffer *buffer, const char *text, size_t len, bool in_list) {
    bool cell_begins = true;
    for (size_t pos = 0; pos < len;) {
        uint32_t code;
        size_t size = text_decode(text + pos, len - pos, &code);
        if (cell_begins && begins_formula(code)) {
            buffer_add_char(buffer, '\'');
        }
        if (code == '"') {
            buffer_add_char(buffer, '"');
        }
        if (is_control(code) || (in_list && code == '|')) {
            add_escaped(buffer, code);
        } else {
            add_character(buffer, text + pos, size, code);
        }
        cell_begins = code == ',' || code == ';' || code == '|';
        pos += size;
    }
}

void text_add_csv(struct buffer *buffer, const char *text, bool in_list) {
    size_t len = strlen(text);
    if (!buffer_reserve(buffer, len)) {
        return;
    }
    if (!begins_formula((uint8_t)text[0]) && copy_plain(buffer->data + buffer->len, text, len, csv_special)) {
        buffer->len += len;
    } else {
        add_csv_slowly(buffer, text, len, in_list);
    }
}

struct range {
    uint32_t first, last;
};

static bool in_ranges(uint32_t code, const struct range *ranges, size_t num) {
    for (size_t i = 0; i < num; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* Columns of a character on a terminal; 0 when it is not one that we show. What
 * is not listed is not shown: a list of dangers would never be complete. */
static size_t columns_of(uint32_t code, bool utf8) {
    static const struct range narrow[] = {
        {0x00a1, 0x00ac}, {0x00ae, 0x02ff}, /* Latin, signs; without the soft hyphen */
        {0x0370, 0x0377}, {0x037a, 0x037f}, {0x0384, 0x038a},
        {0x038e, 0x03a1}, {0x03a3, 0x0482}, {0x048a, 0x052f}, /* Greek, Cyrillic; without combining signs */
        {0x1e00, 0x1eff},                                     /* Latin with additions */
    };
    static const struct range wide[] = {
        {0x3041, 0x3096}, {0x30a1, 0x30fa}, /* Hiragana, Katakana */
        {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, /* Han */
        {0xac00, 0xd7a3},                   /* Hangul */
    };
    if (code < 0x7f) {
        return code >= 0x20 ? 1 : 0;
    }
    if (!utf8) {
        return 0;
    }
    if (in_ranges(code, narrow, sizeof narrow / sizeof narrow[0])) {
        return 1;
    }
    return in_ranges(code, wide, sizeof wide / sizeof wide[0]) ? 2 : 0;
}

/* The columns of the whole text, shown without a limit. */
static size_t text_columns(const char *text, size_t len, bool utf8) {
    size_t columns = 0;
    for (size_t pos = 0; pos < len;) {
        uint32_t code;
        pos += text_decode(text + pos, len - pos, &code);
        size_t width = columns_of(code, utf8);
        columns += width > 0 ? width : 1;
    }
    return columns;
}

size_t text_add_terminal(struct buffer *buffer, const char *text, size_t columns, bool utf8) {
    size_t len = strlen(text);
    const char *ellipsis = utf8 ? "\xe2\x80\xa6" : "...";
    size_t ellipsis_columns = utf8 ? 1 : 3;
    bool cut = text_columns(text, len, utf8) > columns;
    if (cut && columns < ellipsis_columns) {
        return 0;
    }
    size_t room = cut ? columns - ellipsis_columns : columns;
    size_t used = 0;
    for (size_t pos = 0; pos < len;) {
        uint32_t code;
        size_t size = text_decode(text + pos, len - pos, &code);
        size_t width = columns_of(code, utf8);
        if (used + (width > 0 ? width : 1) > room) {
            break;
        }
        if (width > 0) {
            buffer_add(buffer, text + pos, size);
        } else {
            buffer_add_char(buffer, '?');
        }
        used += width > 0 ? width : 1;
        pos += size;
    }
    if (cut) {
        buffer_add_string(buffer, ellipsis);
        used += ellipsis_columns;
    }
    return used;
}

size_t text_make_terminal(char *text, size_t len) {
    size_t written = 0;
    for (size_t pos = 0; pos < len;) {
        uint32_t code;
        size_t size = text_decode(text + pos, len - pos, &code);
        if (code != TEXT_BAD && columns_of(code, true) > 0) {
            memmove(text + written, text + pos, size);
            written += size;
        } else {
            text[written++] = code == '\t' || code == '\n' || code == '\r' ? ' ' : '?';
        }
        pos += size;
    }
    return written;
}

/* Two digits. */
static char *put_pair(char *out, uint32_t number) {
    memcpy(out, buffer_pairs + 2 * number, 2);
    return out + 2;
}

/* "YYYY-MM-DDT" of a day within TIME_MIN_S..TIME_MAX_S. Years are
 * counted from March, so that the leap day is a year's last: then month and day
 * follow from the day of the year alone (H. Hinnant, "chrono-compatible
 * low-level date algorithms"). */
static char *put_date(char *out, int64_t days) {
    /* One era more than the earliest date needs, to stay above zero. */
    uint32_t march_days = (uint32_t)(days + EPOCH_DAYS + ERA_DAYS);
    uint32_t era = march_days / ERA_DAYS;
    uint32_t day_of_era = march_days % ERA_DAYS;
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t march_month = (5 * day_of_year + 2) / 153;
    uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    uint32_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0) - 400;
    out = put_pair(out, year / 100);
    out = put_pair(out, year % 100);
    *out++ = '-';
    out = put_pair(out, month);
    *out++ = '-';
    out = put_pair(out, day_of_year - (153 * march_month + 2) / 5 + 1);
    *out++ = 'T';
    return out;
}

/* "hh:mm:ss" */
static char *put_clock(char *out, uint32_t second) {
    out = put_pair(out, second / 3600);
    *out++ = ':';
    out = put_pair(out, second / 60 % 60);
    *out++ = ':';
    return put_pair(out, second % 60);
}

char *text_put_time_ns(char *at, uint64_t time_ns, struct text_day *day) {
    uint64_t seconds = time_ns / NS_PER_S, days = seconds / S_PER_DAY;
    uint32_t fraction = (uint32_t)(time_ns - seconds * NS_PER_S);
    if (day->days != days + 1) {
        day->days = days + 1;
        put_date(day->date, (int64_t)days);
    }
    memcpy(at, day->date, sizeof day->date);
    at = put_clock(at + sizeof day->date, (uint32_t)(seconds - days * S_PER_DAY));
    *at++ = '.';
    *at++ = (char)('0' + fraction / 100000000);
    at = put_pair(at, fraction / 1000000 % 100);
    at = put_pair(at, fraction / 10000 % 100);
    at = put_pair(at, fraction / 100 % 100);
    at = put_pair(at, fraction % 100);
    *at++ = 'Z';
    return at;
}

size_t text_time_ns(char out[TEXT_TIME_MAX], uint64_t time_ns) {
    struct text_day day = {0};
    char *end = text_put_time_ns(out, time_ns, &day);
    *end = '\0';
    return (size_t)(end - out);
}

size_t text_time_s(char out[TEXT_TIME_MAX], int64_t time_s) {
    time_s = time_s < TIME_MIN_S ? TIME_MIN_S : time_s;
    time_s = time_s > TIME_MAX_S ? TIME_MAX_S : time_s;
    int64_t days = time_s / S_PER_DAY - (time_s % S_PER_DAY < 0 ? 1 : 0);
    char *end = put_clock(put_date(out, days), (uint32_t)(time_s - days * S_PER_DAY));
    *end++ = 'Z';
    *end = '\0';
    return (size_t)(end - out);
}
