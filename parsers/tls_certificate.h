/* tls_certificate.h: the Certificate message of 1.2 and below (RFC 5246 section 7.4.2) and of 1.3 (RFC
 * 8446 4.4.2). */
#ifndef STARTTAP_PARSERS_TLS_CERTIFICATE_H
#define STARTTAP_PARSERS_TLS_CERTIFICATE_H

#include "tls.h"

struct tls_chain {
    struct reader
        list; /* certificates, each a 24-bit vector; in 1.3 followed by a 16-bit vector of extensions */
    size_t num;
    bool is_13;
    bool ocsp; /* some certificate has a status_request extension: a stapled OCSP answer */
};

/* PARSE_BAD: the lengths contradict each other; then nothing of the chain is believed. */
enum parse_result tls_chain_parse(struct reader body, bool is_13, struct tls_chain *chain);

/* Takes the next certificate off a chain that was parsed. False at the end. */
bool tls_chain_next(struct tls_chain *chain, struct reader *der);

#endif
