/* parse.h: what every parser answers, and the two sides of a connection. */
#ifndef STARTTAP_PARSERS_PARSE_H
#define STARTTAP_PARSERS_PARSE_H

/* PARSE_OK: a whole value was read. PARSE_MORE: right so far, more bytes are
 * needed. PARSE_BAD: these bytes are not the thing; outputs are untouched. */
enum parse_result { PARSE_OK, PARSE_MORE, PARSE_BAD };

/* The client is the end that opened the connection. */
enum side { SIDE_CLIENT, SIDE_SERVER };

static inline enum side side_other(enum side side) {
    return side == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;
}

#endif
