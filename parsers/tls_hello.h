/* tls_hello.h: ClientHello and ServerHello (RFC 8446 section 4.1, RFC 5246 section 7.4.1 and appendix E.2).
 *
 * Parsing gives borrowed windows; noting puts what they say into the facts. */
#ifndef STARTTAP_PARSERS_TLS_HELLO_H
#define STARTTAP_PARSERS_TLS_HELLO_H

#include "tls.h"

enum tls_extension_type {
    TLS_EXT_SERVER_NAME = 0,
    TLS_EXT_STATUS_REQUEST = 5,
    TLS_EXT_SUPPORTED_GROUPS = 10,
    TLS_EXT_EC_POINT_FORMATS = 11,
    TLS_EXT_SIGNATURE_ALGORITHMS = 13,
    TLS_EXT_ALPN = 16,
    TLS_EXT_STATUS_REQUEST_V2 = 17,
    TLS_EXT_SERVER_CERTIFICATE_TYPE = 20,
    TLS_EXT_SESSION_TICKET = 35,
    TLS_EXT_KEY_SHARE_DRAFT = 40, /* drafts of 1.3 before 23 */
    TLS_EXT_PRE_SHARED_KEY = 41,
    TLS_EXT_EARLY_DATA = 42,
    TLS_EXT_SUPPORTED_VERSIONS = 43,
    TLS_EXT_KEY_SHARE = 51,
    TLS_EXT_ENCRYPTED_CLIENT_HELLO = 0xfe0d,
    TLS_EXT_ESNI = 0xffce,
};

struct tls_extension {
    uint16_t type;
    struct reader data;
};

/* Takes the next extension off a block. False at its end, or when it is malformed (then the block has
 * failed). */
static inline bool tls_extension_next(struct reader *block, struct tls_extension *extension) {
    const uint8_t *head = reader_left(block) > 0 ? reader_bytes(block, 4) : NULL; /* type and length */
    if (head == NULL) {
        return false;
    }
    extension->type = (uint16_t)(head[0] << 8 | head[1]);
    extension->data = reader_sub(block, (size_t)(head[2] << 8 | head[3]));
    return reader_ok(block);
}

/* The bodies of handshake messages. PARSE_BAD: not even the fixed part is there. Extension blocks that lie
 * about their length give has_extensions with a failed reader. */
enum parse_result tls_client_hello_parse(struct reader body, struct tls_client_hello *hello);
enum parse_result tls_server_hello_parse(struct reader body, struct tls_server_hello *hello);

/* A CLIENT-HELLO of SSLv2 format; body is the SSLv2 record from its message type on. */
enum parse_result tls_client_hello_parse_sslv2(struct reader body, struct tls_client_hello *hello);

void tls_client_hello_note(const struct tls_client_hello *hello, struct tls_facts *facts);
/* Also for EncryptedExtensions and HelloRetryRequest, which have less of it. */
void tls_server_hello_note(const struct tls_server_hello *hello, struct tls_facts *facts);
void tls_server_extensions_note(struct reader block, struct tls_facts *facts);

/* What a ServerHello says that is no fact by itself. */
struct tls_server_choice {
    bool psk;      /* a pre-shared key was selected: resumption in 1.3 */
    bool sentinel; /* the downgrade sentinel of RFC 8446 section 4.1.3 */
};
struct tls_server_choice tls_server_hello_choice(const struct tls_server_hello *hello);

/* TLS 1.3, its drafts (0x7fxx) and the experiments of Google (0x7exx) and Facebook (0xfbxx). */
bool tls_version_is_13(uint16_t version);

#endif
