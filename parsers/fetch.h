/* fetch.h: memory that is read soon is on its way into the cache meanwhile.
 *
 * A hint: nothing changes by it but the time. */
#ifndef STARTTAP_PARSERS_FETCH_H
#define STARTTAP_PARSERS_FETCH_H

#include <stddef.h>

#define FETCH_LINE 64 /* bytes that come at once */

/* NULL is fine. */
static inline void fetch(const void *memory, size_t len) {
    const char *bytes = memory;
    if (bytes == NULL || len == 0) {
        return;
    }
    __asm__ volatile("" : : "r"(bytes)); /* else gcc leaves out calls of what does nothing but fetch */
    for (size_t at = 0; at < len; at += FETCH_LINE) {
        __builtin_prefetch(bytes + at);
    }
    __builtin_prefetch(bytes + len - 1); /* it may begin within a line */
}

#endif
