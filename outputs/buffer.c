#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUFFER_FIRST_CAP 4096

void buffer_clear(struct buffer *buffer) {
    buffer->len = 0;
    buffer->failed = false;
}

void buffer_cleanup(struct buffer *buffer) {
    if (buffer != NULL) {
        free(buffer->data);
        *buffer = (struct buffer){0};
    }
}

bool buffer_grow(struct buffer *buffer, size_t more) {
    if (buffer->failed || more > SIZE_MAX / 2 - buffer->len) {
        buffer->failed = true;
        return false;
    }
    size_t cap = buffer->cap > 0 ? buffer->cap : BUFFER_FIRST_CAP;
    while (cap - buffer->len < more) {
        cap *= 2;
    }
    char *data = realloc(buffer->data, cap);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->cap = cap;
    return true;
}

const char buffer_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

static char *put_pair(char *at, uint64_t number) {
    memcpy(at, buffer_pairs + 2 * number, 2);
    return at + 2;
}

char *buffer_put_digits(char *at, uint64_t number) {
    if (number < 100) {
        return put_pair(at, number);
    }
    if (number < 10000) {
        return put_pair(buffer_put_unsigned(at, number / 100), number % 100);
    }
    at = buffer_put_unsigned(at, number / 10000);
    return put_pair(put_pair(at, number % 10000 / 100), number % 100);
}

void buffer_add_unsigned(struct buffer *buffer, uint64_t number) {
    if (buffer_reserve(buffer, BUFFER_NUMBER_MAX)) {
        buffer->len = (size_t)(buffer_put_unsigned(buffer->data + buffer->len, number) - buffer->data);
    }
}

void buffer_add_number(struct buffer *buffer, int64_t number) {
    if (number < 0) {
        buffer_add_char(buffer, '-');
        buffer_add_unsigned(buffer, 0 - (uint64_t)number);
        return;
    }
    buffer_add_unsigned(buffer, (uint64_t)number);
}

void buffer_printf(struct buffer *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len >= 0 && buffer_reserve(buffer, (size_t)len + 1)) {
        (void)vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, again);
        buffer->len += (size_t)len;
    }
    va_end(again);
}
