/* smtp_tls.h: where TLS begins in a stream of clear text. */
#ifndef STARTTAP_PARSERS_SMTP_TLS_H
#define STARTTAP_PARSERS_SMTP_TLS_H

#include "parse.h"
#include "reader.h"

/* What may begin here. */
enum smtp_tls_place {
    SMTP_TLS_CLIENT_START, /* handshake or alert record, or a ClientHello of SSLv2's format */
    SMTP_TLS_SERVER_START, /* handshake or alert record, or SSLv2's SERVER-HELLO */
    SMTP_TLS_IN_TEXT,      /* a handshake record only: anywhere in a line, so nothing weaker will do */
    SMTP_TLS_AFTER_HOLE,   /* any record: the first ones may be what was lost */
};

/* PARSE_MORE: fits so far, too few bytes to tell (at most 6 are ever needed). */
enum parse_result smtp_tls_look(struct reader at, enum smtp_tls_place place);

#endif
