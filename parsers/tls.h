/* tls.h: follows one TLS handshake, both directions, as a passive reader.
 *
 * A push parser: records (RFC 8446 section 5) over any cut of the stream,
 * handshake messages over records, then the messages themselves. What it finds
 * comes out twice: as facts (small, kept), and through the handler (borrowed
 * bytes, valid for the call), so that chains and hellos need not be kept. Links nothing but libc. */
#ifndef STARTTAP_PARSERS_TLS_H
#define STARTTAP_PARSERS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parse.h"
#include "reader.h"

#define TLS_MESSAGE_MAX                                                                                      \
    (1u << 20)             /* bytes of one handshake message that are put together; longer ones are skipped */
#define TLS_CHAIN_MAX  256 /* certificates of one chain that are handed on */
#define TLS_ALERTS_MAX 8   /* alerts kept */
#define TLS_NAME_MAX   256 /* bytes of SNI and ALPN kept */

/* ClientHello as it stood on the wire; readers are borrowed windows for one call. */
struct tls_client_hello {
    uint16_t legacy_version; /* of the hello itself */
    bool sslv2_format;
    struct reader random, session_id;
    struct reader cipher_suites; /* u16 each (SSLv2 format: u24 each) */
    struct reader compression;   /* u8 each */
    struct reader extensions;    /* the whole block; failed reader when there is none */
    bool has_extensions;
};

struct tls_server_hello {
    uint16_t legacy_version;
    uint16_t version; /* supported_versions when there, else legacy_version */
    uint16_t cipher_suite;
    uint8_t compression;
    struct reader random, session_id, extensions;
    bool has_extensions, hello_retry_request;
};

struct tls_handler {
    void *context;
    void (*client_hello)(void *context,
                         const struct tls_client_hello *hello); /* the first one of a handshake */
    void (*server_hello)(void *context,
                         const struct tls_server_hello *hello); /* the final one, not HelloRetryRequest */
    /* Once for each certificate in a chain, leaf first (index 0). num is the chain's length. */
    void (*certificate)(void *context, enum side from, size_t index, size_t num, const uint8_t *der,
                        size_t len);
    /* A protected record, header included (5 bytes): for decryption with a key log. May be NULL. */
    void (*protected_record)(void *context, enum side from, const uint8_t *record, size_t len);
};

struct tls_alert {
    enum side from;
    uint8_t level, description;
};

enum tls_outcome {
    TLS_STARTED,     /* nothing decided */
    TLS_ESTABLISHED, /* as far as a passive observer can tell: tls_established() in the README */
    TLS_FAILED,      /* an alert, or bytes that are not TLS, before it was established */
};

struct tls_facts {
    enum tls_outcome outcome;
    bool client_hello, server_hello, hello_retry;
    uint16_t
        client_versions[16]; /* offered, in order, GREASE left out; from supported_versions, else legacy */
    size_t num_client_versions;
    uint16_t version; /* chosen: 0x0304, 0x0303 ..., 0x0002 SSLv2, drafts 0x7fxx as they are; 0 unknown */
    uint16_t cipher_suite;     /* valid with server_hello */
    uint16_t group;            /* named group of the key exchange; 0 unknown or none */
    uint16_t dh_bits;          /* size of the prime of a finite-field exchange; 0 unknown */
    uint16_t signature_scheme; /* of ServerKeyExchange or a visible CertificateVerify; 0 unknown */
    uint8_t compression;
    bool session_id_offered, ticket_offered, psk_offered;
    enum { TLS_RESUMED_OPEN, TLS_RESUMED_NO, TLS_RESUMED_YES } resumed;
    bool ech, early_data, legacy_hello, fallback_scsv, downgrade_sentinel, renegotiation;
    bool status_request, ocsp_stapled;
    bool certificate_requested, client_certificate_sent; /* sent: a non-empty chain */
    bool certificate_seen;                               /* the server's, whole */
    bool certificate_truncated;                          /* a chain began and was cut by a gap or the limit */
    size_t chain_length;                                 /* certificates in the server's chain */
    struct tls_alert alerts[TLS_ALERTS_MAX];
    size_t num_alerts;
    uint32_t encrypted_alerts;
    uint8_t server_name[TLS_NAME_MAX]; /* SNI host_name, as on the wire */
    uint16_t server_name_len;
    uint8_t next_protocol[TLS_NAME_MAX]; /* ALPN chosen by the server (visible in 1.2 and below) */
    uint16_t next_protocol_len;
    bool client_ccs, server_ccs, client_protected,
        server_protected;        /* ChangeCipherSpec, protected records after it */
    bool client_gap, server_gap; /* bytes were missing before the handshake was decided */
    uint64_t limits_hit;
};

struct tls;

struct tls *tls_new(const struct tls_handler *handler); /* handler is copied; NULL: out of memory */
void tls_free(struct tls *tls);

/* The next len bytes of a side. PARSE_OK: all consumed. PARSE_BAD: the bytes at *consumed are not a TLS
 * record (clear text after a failed handshake, say); nothing after them was looked at. */
enum parse_result tls_push(struct tls *tls, enum side side, const uint8_t *data, size_t len,
                           size_t *consumed);

/* len bytes of that side were never captured. The parser finds the next record if it can (a hole inside one
 * record's body is counted off; else it scans for a plausible header) and marks the facts. */
void tls_gap(struct tls *tls, enum side side, uint64_t len);

const struct tls_facts *tls_facts(const struct tls *tls);

/* True when nothing more can be learnt: established, and no handler wants protected records. The caller may
 * then stop feeding bytes of both sides (alerts sealed in later records are only counted if it goes on). */
bool tls_settled(const struct tls *tls);

/* Bytes that the tls object holds right now, for accounting; 0 buffers between messages. */
size_t tls_memory(const struct tls *tls);

/* Decrypted content of a record comes back in here (key log): handshake (22) messages, alerts (21). */
void tls_push_plain(struct tls *tls, enum side side, uint8_t content_type, const uint8_t *data, size_t len);

#endif
