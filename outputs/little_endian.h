/* little_endian.h: numbers in the records that we write ourselves and read again. */
#ifndef STARTTAP_OUTPUTS_LITTLE_ENDIAN_H
#define STARTTAP_OUTPUTS_LITTLE_ENDIAN_H

#include <stddef.h>
#include <stdint.h>

/* The low len bytes of number, at most 8. */
static inline void put_number(uint8_t *out, uint64_t number, size_t len) {
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(number >> (8 * i));
    }
}

static inline uint64_t get_number(const uint8_t *in, size_t len) {
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++) {
        number |= (uint64_t)in[i] << (8 * i);
    }
    return number;
}

#endif
