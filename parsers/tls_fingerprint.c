#include "tls_fingerprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls_hello.h"
#include "tls_names.h"

#define HEX_ITEM 5 /* "c02f," */

/* Text that is being written; what does not fit makes all of it fail. */
struct text {
    char *at, *end;
    bool failed;
};

static struct text text_of(char *buffer, size_t len) {
    struct text text = {buffer, buffer + len, len == 0};
    return text;
}

static void add_char(struct text *text, char c) {
    if (text->failed || text->end - text->at < 2) {
        text->failed = true;
        return;
    }
    *text->at++ = c;
    *text->at = '\0';
}

/* Written by hand, since every ClientHello has some hundred numbers. */
static void add_decimal(struct text *text, uint16_t number) {
    char digits[5];
    size_t num = 0;
    do {
        digits[num++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (num > 0) {
        add_char(text, digits[--num]);
    }
}

static char hex_digit(unsigned value) {
    return "0123456789abcdef"[value & 15];
}

/* The data of the first extension of that type. */
static bool find_extension(const struct tls_client_hello *hello, uint16_t type, struct reader *data) {
    struct reader block = hello->extensions;
    struct tls_extension e;
    while (hello->has_extensions && tls_extension_next(&block, &e)) {
        if (e.type == type) {
            *data = e.data;
            return true;
        }
    }
    return false;
}

/* JA3 writes numbers in decimal with dashes between them, without GREASE. */
static void add_number(struct text *text, const char *start, uint16_t number) {
    if (!tls_is_grease(number)) {
        if (text->at > start) {
            add_char(text, '-');
        }
        add_decimal(text, number);
    }
}

static void add_numbers(struct text *text, struct reader list) {
    const char *start = text->at;
    while (reader_left(&list) >= 2) {
        add_number(text, start, reader_u16(&list));
    }
}

static void add_extension_types(struct text *text, struct reader block) {
    const char *start = text->at;
    struct tls_extension e;
    while (tls_extension_next(&block, &e)) {
        add_number(text, start, e.type);
    }
}

static void add_groups(struct text *text, const struct tls_client_hello *hello) {
    struct reader data;
    if (find_extension(hello, TLS_EXT_SUPPORTED_GROUPS, &data)) {
        add_numbers(text, reader_vec16(&data));
    }
}

static void add_point_formats(struct text *text, const struct tls_client_hello *hello) {
    const char *start = text->at;
    struct reader data;
    if (find_extension(hello, TLS_EXT_EC_POINT_FORMATS, &data)) {
        struct reader list = reader_vec8(&data);
        while (reader_left(&list) > 0) {
            add_number(text, start, reader_u8(&list));
        }
    }
}

size_t tls_ja3_text(const struct tls_client_hello *hello, char *buffer, size_t len) {
    struct text text = text_of(buffer, len);
    if (hello->sslv2_format) {
        return 0;
    }
    add_decimal(&text, hello->legacy_version);
    add_char(&text, ',');
    add_numbers(&text, hello->cipher_suites);
    add_char(&text, ',');
    if (hello->has_extensions) {
        add_extension_types(&text, hello->extensions);
    }
    add_char(&text, ',');
    add_groups(&text, hello);
    add_char(&text, ',');
    add_point_formats(&text, hello);
    return text.failed ? 0 : (size_t)(text.at - buffer);
}

size_t tls_ja3s_text(const struct tls_server_hello *hello, char *buffer, size_t len) {
    struct text text = text_of(buffer, len);
    add_decimal(&text, hello->legacy_version);
    add_char(&text, ',');
    add_decimal(&text, hello->cipher_suite);
    add_char(&text, ',');
    if (hello->has_extensions) {
        add_extension_types(&text, hello->extensions);
    }
    return text.failed ? 0 : (size_t)(text.at - buffer);
}

static int compare_item(const void *a, const void *b) {
    return memcmp(a, b, HEX_ITEM);
}

/* JA4 writes numbers as four hex digits with commas between them: a comma too many until end_list(). */
static void add_item(struct text *text, uint16_t number) {
    if (!tls_is_grease(number)) {
        add_char(text, hex_digit(number >> 12));
        add_char(text, hex_digit(number >> 8));
        add_char(text, hex_digit(number >> 4));
        add_char(text, hex_digit(number));
        add_char(text, ',');
    }
}

static void sort_items(char *start, const struct text *text) {
    if (!text->failed) {
        qsort(start, (size_t)(text->at - start) / HEX_ITEM, HEX_ITEM, compare_item);
    }
}

static void end_list(const char *start, struct text *text) {
    if (!text->failed && text->at > start) {
        *--text->at = '\0';
    }
}

static unsigned write_suites(const struct tls_client_hello *hello, struct text *text) {
    char *start = text->at;
    struct reader list = hello->cipher_suites;
    while (reader_left(&list) >= 2) {
        add_item(text, reader_u16(&list));
    }
    unsigned num = (unsigned)((text->at - start) / HEX_ITEM);
    sort_items(start, text);
    end_list(start, text);
    return num;
}

/* Extensions sorted, without server_name and ALPN, which the first part tells; then the signature algorithms
 * in their own order. Returns how many extensions there are, those two included. */
static unsigned write_extensions(const struct tls_client_hello *hello, struct text *text) {
    char *start = text->at;
    unsigned num = 0;
    struct reader block = hello->extensions, data;
    struct tls_extension e;
    while (hello->has_extensions && tls_extension_next(&block, &e)) {
        num += !tls_is_grease(e.type);
        if (e.type != TLS_EXT_SERVER_NAME && e.type != TLS_EXT_ALPN) {
            add_item(text, e.type);
        }
    }
    sort_items(start, text);
    end_list(start, text);
    if (text->at > start && find_extension(hello, TLS_EXT_SIGNATURE_ALGORITHMS, &data)) {
        struct reader list = reader_vec16(&data);
        char *before = text->at;
        add_char(text, '_');
        while (reader_left(&list) >= 2) {
            add_item(text, reader_u16(&list));
        }
        end_list(before, text); /* the last comma, or the underscore that nothing follows */
    }
    return num;
}

static const char *ja4_version(const struct tls_client_hello *hello) {
    uint16_t highest = 0;
    struct reader data;
    if (find_extension(hello, TLS_EXT_SUPPORTED_VERSIONS, &data)) {
        struct reader list = reader_vec8(&data);
        while (reader_left(&list) >= 2) {
            uint16_t version = reader_u16(&list);
            highest = !tls_is_grease(version) && version > highest ? version : highest;
        }
    }
    switch (highest > 0 ? highest : hello->legacy_version) {
    case 0x0304:
        return "13";
    case 0x0303:
        return "12";
    case 0x0302:
        return "11";
    case 0x0301:
        return "10";
    case 0x0300:
        return "s3";
    case 0x0002:
        return "s2";
    default:
        return "00";
    }
}

static bool is_alphanumeric(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/* First and last byte of the first ALPN value; if one of them is not alphanumeric, first and last digit of
 * the value in hex. */
static void ja4_alpn(const struct tls_client_hello *hello, char alpn[2]) {
    struct reader data;
    memset(alpn, '0', 2);
    if (!find_extension(hello, TLS_EXT_ALPN, &data)) {
        return;
    }
    struct reader list = reader_vec16(&data);
    struct reader value = reader_vec8(&list);
    if (reader_left(&value) == 0) {
        return;
    }
    uint8_t first = value.pos[0];
    uint8_t last = value.end[-1];
    if (is_alphanumeric(first) && is_alphanumeric(last)) {
        alpn[0] = (char)first;
        alpn[1] = (char)last;
    } else {
        alpn[0] = hex_digit(first >> 4);
        alpn[1] = hex_digit(last);
    }
}

static unsigned at_most_99(unsigned num) {
    return num < 99 ? num : 99;
}

bool tls_ja4_text(const struct tls_client_hello *hello, char *buffer, size_t len, struct tls_ja4_text *ja4) {
    struct text text = text_of(buffer, len);
    struct reader server_name;
    char alpn[2];
    if (hello->sslv2_format || len == 0) {
        return false;
    }
    *buffer = '\0';
    unsigned num_suites = write_suites(hello, &text);
    if (text.failed || text.end - text.at < 2) {
        return false;
    }
    char *c = ++text.at;
    *c = '\0';
    unsigned num_extensions = write_extensions(hello, &text);
    if (text.failed) {
        return false;
    }
    ja4_alpn(hello, alpn);
    ja4->b = buffer;
    ja4->c = c;
    snprintf(ja4->a, sizeof ja4->a, "t%s%c%02u%02u%.2s", ja4_version(hello),
             find_extension(hello, TLS_EXT_SERVER_NAME, &server_name) ? 'd' : 'i', at_most_99(num_suites),
             at_most_99(num_extensions), alpn);
    return true;
}
