/* tls_message.h: handshake messages (RFC 8446 section 4) of one side, over any cut into records.
 *
 * A message that lies whole in one fragment is borrowed from it; else it is put together in a buffer that
 * exists from its second fragment to its end. Messages over TLS_MESSAGE_MAX are counted off and reported as
 * skipped. */
#ifndef STARTTAP_PARSERS_TLS_MESSAGE_H
#define STARTTAP_PARSERS_TLS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parse.h"
#include "reader.h"

#define TLS_MESSAGE_HEADER 4

enum tls_message_type {
    TLS_HELLO_REQUEST = 0,
    TLS_CLIENT_HELLO = 1,
    TLS_SERVER_HELLO = 2,
    TLS_HELLO_RETRY_REQUEST = 6, /* drafts of 1.3 before 22 */
    TLS_ENCRYPTED_EXTENSIONS = 8,
    TLS_CERTIFICATE = 11,
    TLS_SERVER_KEY_EXCHANGE = 12,
    TLS_CERTIFICATE_REQUEST = 13,
    TLS_SERVER_HELLO_DONE = 14,
    TLS_CERTIFICATE_VERIFY = 15,
    TLS_CLIENT_KEY_EXCHANGE = 16,
    TLS_CERTIFICATE_STATUS = 22,
};

struct tls_messages {
    uint8_t *buffer;
    uint32_t capacity;
    uint32_t have;          /* body bytes so far, kept or counted off */
    uint16_t record_length; /* of the record under way, while lost */
    uint8_t head[TLS_MESSAGE_HEADER], head_have;
    bool skipping; /* the body is counted off, not kept */
    bool lost;     /* where the next message begins is not known */
};

struct tls_message {
    uint8_t type;
    bool skipped; /* too long, no memory, or bytes missing: there is no body */
    struct reader body;
};

void tls_messages_init(struct tls_messages *messages);
void tls_messages_cleanup(struct tls_messages *messages);

/* A record of that length begins: the place where a lost side may find a message again. */
void tls_messages_record(struct tls_messages *messages, uint16_t length);

/* Takes the next message from a fragment. PARSE_MORE: the fragment is used up. The body is valid until the
 * next call or tls_messages_release(). */
enum parse_result tls_messages_next(struct tls_messages *messages, struct reader *in,
                                    struct tls_message *message);

/* Gives the buffer of a message that has been read back. */
void tls_messages_release(struct tls_messages *messages);

/* len bytes of handshake records are missing. */
void tls_messages_gap(struct tls_messages *messages, uint64_t len);
/* How many bytes are missing, and where, is not known. */
void tls_messages_lose(struct tls_messages *messages);

/* True when a message has begun and not ended; then *type is its type (if that was read, else 255). */
bool tls_messages_open(const struct tls_messages *messages, uint8_t *type);

#endif
