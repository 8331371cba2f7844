/* tls_sslv2.h: SERVER-HELLO and ERROR of SSLv2, which a server may still answer with.
 * https://www-archive.mozilla.org/projects/security/pki/nss/ssl/draft02.html */
#ifndef STARTTAP_PARSERS_TLS_SSLV2_H
#define STARTTAP_PARSERS_TLS_SSLV2_H

#include "tls.h"

enum tls_sslv2_message { TLS_SSLV2_ERROR = 0, TLS_SSLV2_CLIENT_HELLO = 1, TLS_SSLV2_SERVER_HELLO = 4 };

struct tls_sslv2_server_hello {
    bool session_id_hit;
    uint16_t version;
    struct reader certificate; /* DER, empty on a hit or when it is not X.509 */
};

/* record: the body of an SSLv2 record from its message type on. */
enum parse_result tls_sslv2_server_hello_parse(struct reader record, struct tls_sslv2_server_hello *hello);

#endif
