/* buffer.h: bytes that grow. A zeroed struct is an empty buffer.
 *
 * The error is sticky: once memory ran out, every later add does nothing and
 * `failed` stays set until buffer_clear(); a writer adds freely and asks once. */
#ifndef STARTTAP_OUTPUTS_BUFFER_H
#define STARTTAP_OUTPUTS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
    char *data; /* not NUL-terminated */
    size_t len;
    size_t cap;
    bool failed;
};

void buffer_clear(struct buffer *buffer); /* forgets the bytes, keeps the memory */
void buffer_cleanup(struct buffer *buffer);
bool buffer_grow(struct buffer *buffer, size_t more); /* slow half of buffer_reserve() */

/* Makes room for `more` bytes after len; false, and failed, when there is none. */
static inline bool buffer_reserve(struct buffer *buffer, size_t more) {
    return (!buffer->failed && buffer->cap - buffer->len >= more) || buffer_grow(buffer, more);
}

static inline void buffer_add(struct buffer *buffer, const char *data, size_t len) {
    if (len > 0 && buffer_reserve(buffer, len)) {
        memcpy(buffer->data + buffer->len, data, len);
        buffer->len += len;
    }
}

static inline void buffer_add_char(struct buffer *buffer, char c) {
    if (buffer_reserve(buffer, 1)) {
        buffer->data[buffer->len++] = c;
    }
}

static inline void buffer_add_string(struct buffer *buffer, const char *string) {
    buffer_add(buffer, string, strlen(string));
}

#define BUFFER_NUMBER_MAX 20 /* digits of UINT64_MAX; sign and digits of INT64_MIN */

extern const char buffer_pairs[]; /* the numbers 00 to 99, two digits each */

char *buffer_put_digits(char *at, uint64_t number); /* slow half of buffer_put_unsigned() */

/* Decimal, at `at`, where there is room for BUFFER_NUMBER_MAX bytes. Returns where it ends; no NUL. */
static inline char *buffer_put_unsigned(char *at, uint64_t number) {
    if (number >= 10) {
        return buffer_put_digits(at, number);
    }
    *at = (char)('0' + number);
    return at + 1;
}

void buffer_add_unsigned(struct buffer *buffer, uint64_t number);
void buffer_add_number(struct buffer *buffer, int64_t number);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
