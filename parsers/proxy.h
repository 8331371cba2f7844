/* proxy.h: the words with which a client has a proxy open a tunnel, in front of what goes through it.
 *
 * SOCKS5 (RFC 1928, with RFC 1929's password), SOCKS4 and 4a, HTTP CONNECT (RFC 9110 section 9.3.6). One push
 * parser for each side; the two need nothing of each other. Names, addresses and passwords are passed over.
 */
#ifndef STARTTAP_PARSERS_PROXY_H
#define STARTTAP_PARSERS_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parse.h"

#define PROXY_PRELUDE_MAX 16384 /* bytes of one side in front of the tunnel */
#define PROXY_HEAD_MAX    12

struct proxy { /* zeroed is new */
    uint32_t used;
    uint16_t left;                /* bytes, or NULs, still to be passed over */
    uint8_t state, after;         /* proxy.c */
    uint8_t have;                 /* of head */
    uint8_t head[PROXY_HEAD_MAX]; /* what the state wants to see together */
    bool seen;                    /* the side began like an end of such a conversation */
    bool opened;                  /* and asked for a tunnel, or granted one */
};

/* The next len bytes of a side, borrowed for the call; *used of them were taken.
 * Text that is passed over and what the words are told by come in calls of their own, so fewer bytes than
 * there are may be taken in one.
 * PARSE_MORE: these belong to the prelude; what is left (at most 7 bytes) is too little to tell, offer it
 * again with what follows. PARSE_OK: behind *used bytes the prelude is over, or refused, or there was none.
 */
enum parse_result proxy_push(struct proxy *proxy, enum side side, const uint8_t *data, size_t len,
                             size_t *used);

/* For whoever hides what is passed over: the same for the bytes up to where that begins or ends. */
enum parse_result proxy_push_part(struct proxy *proxy, enum side side, const uint8_t *data, size_t len,
                                  size_t *used);

/* Whether the side's next bytes are passed over unseen: names, addresses, passwords. In header lines the line
 * ends still count (*lines). */
bool proxy_passes_over(const struct proxy *proxy, bool *lines);

#endif
