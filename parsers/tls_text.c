#include "tls_text.h"

#include <stdlib.h>
#include <string.h>

uint8_t *tls_text_new(struct reader text, uint16_t *len, struct tls_facts *facts) {
    size_t size = reader_left(&text);
    *len = 0;
    if (size == 0) {
        return NULL;
    }
    if (size > TLS_NAME_MAX) {
        size = TLS_NAME_MAX;
        facts->limits_hit++;
    }
    uint8_t *copy = malloc(size);
    if (copy == NULL) {
        facts->limits_hit++;
        return NULL;
    }
    memcpy(copy, reader_bytes(&text, size), size);
    *len = (uint16_t)size;
    return copy;
}
