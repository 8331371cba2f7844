/* smtp_headers.h: shows the headers of messages in clear to the reader of their Received fields. Internal to
 * the SMTP parser; every call does nothing where smtp_read_received() was not. */
#ifndef STARTTAP_PARSERS_SMTP_HEADERS_H
#define STARTTAP_PARSERS_SMTP_HEADERS_H

#include "received.h"
#include "smtp_internal.h"

/* A message begins; its first bytes are the next ones. */
void smtp_headers_begin(struct smtp *smtp);
void smtp_headers_take(struct smtp *smtp, const uint8_t *data, size_t len);

/* It has ended, or (not whole) its next bytes are missing. */
void smtp_headers_end(struct smtp *smtp, bool whole);

#endif
