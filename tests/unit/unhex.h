/* unhex.h: bytes from hex digits, for vectors that a document prints. */
#ifndef STARTTAP_TESTS_UNHEX_H
#define STARTTAP_TESTS_UNHEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Returns how many bytes it put into out. */
static inline size_t unhex(const char *hex, uint8_t *out, size_t room) {
    size_t len = strlen(hex) / 2;
    assert(len <= room);
    for (size_t i = 0; i < len; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

#endif
