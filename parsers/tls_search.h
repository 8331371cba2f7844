/* tls_search.h: finds where TLS begins in the words of a protocol that is not known.
 *
 * HTTP CONNECT, LDAP, XMPP, PostgreSQL, MySQL: all of them speak in clear and then, at any byte, send a
 * hello. Looked for is the first record of a client or a server: a handshake record whose first message is a
 * hello of that side (RFC 8446 sections 5.1 and 4). */
#ifndef STARTTAP_PARSERS_TLS_SEARCH_H
#define STARTTAP_PARSERS_TLS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parse.h"

#define TLS_SEARCH_MAX   16384 /* bytes of a side that are looked at */
#define TLS_SEARCH_BEGIN 11    /* bytes that show a hello: the record's header, the message's, its version */

struct tls_search { /* zeroed is new */
    uint32_t seen;
    uint8_t have; /* of begin */
    bool found;
    uint8_t begin[TLS_SEARCH_BEGIN]; /* the last bytes, from where a record may begin */
};

/* Looks at bytes of a side up to the end of what shows a hello. Returns how many were looked at: all of them,
 * or fewer when it was found, or when enough was seen. */
size_t tls_search_push(struct tls_search *search, enum side side, const uint8_t *data, size_t len);

/* False: found, or enough was seen. */
bool tls_search_goes_on(const struct tls_search *search);

#endif
