/* tls_keyexchange.h: ServerKeyExchange and CertificateVerify: group, size of a DH prime, signature scheme. */
#ifndef STARTTAP_PARSERS_TLS_KEYEXCHANGE_H
#define STARTTAP_PARSERS_TLS_KEYEXCHANGE_H

#include "tls.h"

/* The body of a ServerKeyExchange (RFC 5246 section 7.4.3, RFC 8422 section 5.4, RFC 4279, RFC 5489). Needs
 * version and cipher_suite in the facts; a suite that it does not know tells nothing. */
void tls_server_key_exchange_note(struct reader body, struct tls_facts *facts);

/* The body of the server's CertificateVerify (RFC 8446 section 4.4.3): the scheme comes first. */
void tls_certificate_verify_note(struct reader body, struct tls_facts *facts);

#endif
