/* put_bytes.h: numbers in network byte order, for the frames that tests make. Each returns where the next one
 * goes. */
#ifndef STARTTAP_TESTS_SUPPORT_PUT_BYTES_H
#define STARTTAP_TESTS_SUPPORT_PUT_BYTES_H

#include <stdint.h>

static inline uint8_t *put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static inline uint8_t *put32(uint8_t *at, uint32_t value) {
    return put16(put16(at, value >> 16), value);
}

#endif
