/* tls_text.h: the few strings of a handshake that are kept. */
#ifndef STARTTAP_PARSERS_TLS_TEXT_H
#define STARTTAP_PARSERS_TLS_TEXT_H

#include "tls.h"

/* A copy of what text holds, at most TLS_NAME_MAX bytes of it (longer: facts->limits_hit); the caller frees
 * it. NULL when text is empty, or out of memory (facts->limits_hit). *len is set in every case. */
uint8_t *tls_text_new(struct reader text, uint16_t *len, struct tls_facts *facts);

#endif
