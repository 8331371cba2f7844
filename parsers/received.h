/* received.h: what the Received fields of a message say of TLS on the hops before.
 *
 * A push parser for message content in any cut. Only the header block is looked at (RFC 5322 section 2.2), up
 * to the blank line; of it only trace fields (RFC 5321 section 4.4), each unfolded into one buffer and read
 * when it ends. Nothing else is kept, and of a Received field no more than the hop below: no address, no id.
 *
 * What a field says is what that server wrote, or what somebody before it invented. Read are the forms of
 *   Postfix     (using TLSv1.3 with cipher X (256/256 bits) ...) by B (Postfix) with ESMTPS
 *   Sendmail    by B (8.17.1/8.17.1) with ESMTPS id I (version=TLSv1.3 cipher=X bits=256 verify=NO)
 *   Gmail       by B with ESMTPS id I (version=TLS1_3 cipher=X bits=256/256)
 *   Exchange    by B (..) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id I
 *   Exim        by B with esmtps (TLS1.3) tls X (Exim 4.96), and older (TLSv1.2:X:256)
 *   OpenSMTPD   by B (OpenSMTPD) with ESMTPS id I (TLSv1.3:X:256:NO)
 *   qmail       by B with ESMTPS (X encrypted)
 * and of others what has the words of RFC 3848 and RFC 6531 for `with`. */
#ifndef STARTTAP_PARSERS_RECEIVED_H
#define STARTTAP_PARSERS_RECEIVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECEIVED_HOPS_MAX   32           /* fields kept */
#define RECEIVED_FIELD_MAX  2048         /* bytes of a field, unfolded; the rest of it is skipped */
#define RECEIVED_HEADER_MAX (256u << 10) /* bytes of a header block; a longer one ends there */
#define RECEIVED_NAME_MAX   128          /* bytes kept of a name */
#define RECEIVED_WORD_MAX   64           /* of a protocol or cipher */

enum received_tls {
    RECEIVED_UNKNOWN, /* the field does not say */
    RECEIVED_CLEAR,   /* its protocol is one without TLS, and it names none */
    RECEIVED_TLS
};

/* Texts are terminated, printable ASCII without blanks, "" when absent, cut when too long. */
struct received_hop {
    enum received_tls tls;
    uint32_t number;              /* in its message, from 1: the last hop. 0 by received_read() */
    char from[RECEIVED_NAME_MAX]; /* as the sender called itself */
    char by[RECEIVED_NAME_MAX];
    char with[RECEIVED_WORD_MAX];   /* upper case: "ESMTPS"; of several words the first */
    char version[8];                /* "1.3"; SSL as "ssl3" */
    char cipher[RECEIVED_WORD_MAX]; /* as it was written */
};

struct received {                                /* zeroed, then received_begin(); holds no memory but this */
    struct received_hop hops[RECEIVED_HOPS_MAX]; /* of all messages; the last hop first, as in each */
    size_t num_hops;
    uint64_t limits_hit; /* how often one of the limits above cut something */

    /* inner */
    char field[RECEIVED_FIELD_MAX];
    size_t field_len;
    uint32_t header_len, num_in_message;
    uint8_t state;
    bool cut;
};

/* A message begins. */
void received_begin(struct received *received);

/* The next bytes of the message. False: its header block is over, the rest need not be shown. */
bool received_push(struct received *received, const uint8_t *data, size_t len);

/* Bytes are missing, or no more will come: the field at hand is whole only if whole is true. */
void received_end(struct received *received, bool whole);

/* One field's value, unfolded. False: it says nothing of a hop. */
bool received_read(const char *value, size_t len, struct received_hop *hop);

#endif
