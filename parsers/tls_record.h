/* tls_record.h: TLS records (RFC 8446 section 5.1) of one side, over any cut of its stream.
 *
 * Gives the bodies of records as fragments that borrow from the pushed bytes; nothing is stored but the
 * header under way. Also knows the record layer of SSLv2
 * (https://www-archive.mozilla.org/projects/security/pki/nss/ssl/draft02.html), because a ClientHello may
 * come in it (RFC 5246 appendix E.2), and finds its way back after missing bytes. */
#ifndef STARTTAP_PARSERS_TLS_RECORD_H
#define STARTTAP_PARSERS_TLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parse.h"
#include "reader.h"

#define TLS_RECORD_HEADER   5
#define TLS_RECORD_BODY_MAX (16384 + 2048) /* RFC 5246 section 6.2.3; TLS 1.3 allows less */
#define TLS_RECORD_PEEK     4 /* body bytes that are looked at before a header found by scanning is believed */

enum tls_record_type {
    TLS_RECORD_CHANGE_CIPHER_SPEC = 20,
    TLS_RECORD_ALERT = 21,
    TLS_RECORD_HANDSHAKE = 22,
    TLS_RECORD_APPLICATION_DATA = 23,
    TLS_RECORD_HEARTBEAT = 24,
    TLS_RECORD_SSLV2 = 0x80, /* ours: a record of SSLv2 */
};

enum tls_record_state {
    TLS_RECORD_AT_FIRST,  /* the header of the side's first record */
    TLS_RECORD_AT_HEADER, /* a header in a stream that is in step */
    TLS_RECORD_AT_BODY,
    TLS_RECORD_SCANNING,   /* out of step: looking for a header */
    TLS_RECORD_TENTATIVE,  /* in the body after a header that chance may have made */
    TLS_RECORD_CONFIRMING, /* in the header after that body: if it is one, so was the last */
    TLS_RECORD_LOST,       /* SSLv2 after missing bytes: its records cannot be found again */
    TLS_RECORD_ENDED,      /* the side does not speak TLS (any more) */
};

enum tls_family { TLS_FAMILY_OPEN, TLS_FAMILY_TLS, TLS_FAMILY_SSLV2 }; /* of the record layer */

struct tls_record {
    uint8_t state;  /* enum tls_record_state */
    uint8_t family; /* enum tls_family */
    bool after_gap;
    uint8_t type;
    uint8_t have, used; /* bytes in head; body bytes in head that were given out (after scanning) */
    uint16_t length;    /* of the body */
    uint16_t left;      /* of it, still to come */
    uint8_t head[TLS_RECORD_HEADER + TLS_RECORD_PEEK];
};

/* Part of a record's body. An empty record is one empty fragment. */
struct tls_fragment {
    uint8_t type;
    uint16_t length; /* of the record's whole body */
    struct reader data;
    bool first, last;
    bool opaque;          /* the body was skipped while the header was in doubt */
    const uint8_t *whole; /* the whole record, header included, when it lies in one piece; else NULL */
    uint8_t header[TLS_RECORD_HEADER];
};

void tls_record_init(struct tls_record *record);

/* Takes the next fragment from in. PARSE_MORE: in is used up. PARSE_BAD: the next byte of in cannot stand
 * there in a record; the answer stays the same from then on. side says which SSLv2 message may come first. */
enum parse_result tls_record_next(struct tls_record *record, struct reader *in,
                                  struct tls_fragment *fragment);

/* The same for records of a type whose bytes nobody wants to see: passes over what in holds of one. True: up
 * to its end. What is not such a record is for tls_record_next(). */
bool tls_record_pass(struct tls_record *record, struct reader *in, uint8_t type);

/* len bytes are missing here. True when they lie inside the body of the record under way. */
bool tls_record_gap(struct tls_record *record, uint64_t len);

#endif
