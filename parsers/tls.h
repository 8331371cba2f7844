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

#define TLS_MESSAGE_MAX  (1u << 20) /* bytes of a handshake message; longer ones are skipped */
#define TLS_CHAIN_MAX    256        /* certificates of one chain that are handed on */
#define TLS_ALERTS_MAX   8          /* alerts kept */
#define TLS_NAME_MAX     256        /* bytes of SNI and ALPN kept */
#define TLS_VERSIONS_MAX 16         /* offered versions kept */

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
    /* The first ClientHello of the handshake, and the final ServerHello (not HelloRetryRequest, not SSLv2).
     */
    void (*client_hello)(void *context, const struct tls_client_hello *hello);
    void (*server_hello)(void *context, const struct tls_server_hello *hello);
    /* Once for each certificate in a chain, leaf first (index 0). num is the chain's length. */
    void (*certificate)(void *context, enum side from, size_t index, size_t num, const uint8_t *der,
                        size_t len);
    /* A protected record, header included (5 bytes): for decryption with a key log. Of type 23, and after the
     * side's ChangeCipherSpec also 21 and 22. May be NULL, which spares putting records together. It may call
     * tls_push_plain(). Records whose body has a hole, or that were found by scanning after one, are left
     * out. */
    void (*protected_record)(void *context, enum side from, const uint8_t *record, size_t len);
    /* For whoever hides what a NULL cipher shows: where bytes of application data lie in what is being
     * pushed. May be NULL. Those of a record that was found by scanning after missing bytes are not told. */
    void (*application_data)(void *context, enum side from, size_t offset, size_t len);
};

struct tls_alert {
    uint8_t from; /* enum side */
    uint8_t level, description;
};

/* What a passive observer can tell; the exact rules stand in tls_outcome.h. */
enum tls_outcome {
    TLS_STARTED,     /* nothing decided */
    TLS_ESTABLISHED, /* 1.2: ChangeCipherSpec and Finished of both; 1.3: the client's sealed flight */
    TLS_FAILED,      /* an alert, or bytes that are not TLS, before it was established */
};

/* Everything is false, 0 or NULL until it was seen; the pointers live as long as the tls object. */
struct tls_facts {
    enum tls_outcome outcome;
    enum { TLS_RESUMED_OPEN, TLS_RESUMED_NO, TLS_RESUMED_YES } resumed; /* 1.3: by PSK */
    uint16_t version; /* chosen: 0x0304, 0x0303 ..., 0x0002 SSLv2, drafts 0x7fxx as they are; 0 unknown */
    uint16_t cipher_suite;     /* valid with server_hello and a version that is not SSLv2 */
    uint16_t group;            /* named group of the key exchange; 0 unknown or none */
    uint16_t dh_bits;          /* size of the prime of a finite-field exchange; 0 unknown */
    uint16_t signature_scheme; /* of ServerKeyExchange or the server's visible CertificateVerify; 0 unknown */
    uint8_t compression;
    bool client_hello, server_hello, hello_retry;
    bool session_id_offered, ticket_offered, psk_offered;
    bool ech; /* encrypted_client_hello or its draft ESNI; GREASE ECH looks the same */
    bool early_data, legacy_hello, fallback_scsv, downgrade_sentinel, renegotiation;
    bool status_request, ocsp_stapled;
    bool certificate_requested, client_certificate_sent; /* sent: a non-empty chain */
    bool certificate_seen;                               /* the server's, whole */
    bool certificate_truncated;                          /* a chain began and was cut by a gap or the limit */
    bool raw_public_key; /* the server's Certificate holds a bare key (RFC 7250), not a chain */
    bool client_ccs, server_ccs, client_protected, server_protected; /* CCS, protected records after it */
    bool client_gap,
        server_gap;            /* bytes were missing before that side's part of the handshake was complete */
    bool malformed;            /* a message, extension or alert that contradicts its own lengths */
    uint32_t encrypted_alerts; /* known to be alerts, not readable */
    uint32_t limits_hit;       /* times that a limit above (or memory) cut something */
    uint32_t chain_length;     /* certificates in the server's chain */
    uint8_t num_client_versions, num_alerts;
    uint16_t client_versions[TLS_VERSIONS_MAX]; /* offered, in order, GREASE left out; from
                                                   supported_versions, else the hello's own */
    struct tls_alert alerts[TLS_ALERTS_MAX];
    const uint8_t *server_name;   /* SNI host_name, as on the wire; NULL: none */
    const uint8_t *next_protocol; /* ALPN chosen by the server (in 1.3 only with a key log); NULL: none */
    uint16_t server_name_len, next_protocol_len;
};

struct tls;

struct tls *tls_new(const struct tls_handler *handler); /* handler is copied; NULL: out of memory */
void tls_free(struct tls *tls);

/* The next len bytes of a side. PARSE_OK: all consumed. PARSE_BAD: the byte at *consumed cannot stand there
 * in a TLS record (clear text after a failed handshake, say: text fails at its first byte); nothing after it
 * was looked at, and every later push of that side is PARSE_BAD at 0. A side's first record is a handshake
 * record, an alert or a hello in SSLv2 format. After a gap a side is never PARSE_BAD: the parser looks for
 * the next record instead. */
enum parse_result tls_push(struct tls *tls, enum side side, const uint8_t *data, size_t len,
                           size_t *consumed);

/* The same, and faster, for what most bytes are, application data that no handler wants: takes the first
 * *passed bytes. True: that was all, and tls_held() is what it was. What is left is for tls_push(). */
bool tls_pass(struct tls *tls, enum side side, const uint8_t *data, size_t len, size_t *passed);

/* len bytes of that side were never captured. The parser finds the next record if it can (a hole inside one
 * record's body is counted off; else it scans for a header that cannot be chance, or two that follow each
 * other) and marks the facts. From then on only what is certain decides: ESTABLISHED by complete evidence of
 * both sides, FAILED by a fatal alert in clear. */
void tls_gap(struct tls *tls, enum side side, uint64_t len);

/* The same facts for any cut of the streams and any order of the sides, once the same bytes were pushed
 * (alerts: each side's own in their order). */
const struct tls_facts *tls_facts(const struct tls *tls);

/* True when the handshake is over and no handler wants protected records. Going on costs one header per
 * record and keeps encrypted_alerts and renegotiation exact and independent of the order in which the sides
 * arrive; a caller that stops here must not report those two. */
bool tls_settled(const struct tls *tls);

/* Bytes that the tls object holds right now, for accounting; 0 buffers between messages. */
size_t tls_memory(const struct tls *tls);

/* A connection that is quiet, small: writes its state into fold, and a parser that goes on from there, with a
 * handler as for tls_new(). False: not in the middle of a message, nor for who wants protected records; or
 * too little room. The parser itself is unchanged. NULL: out of memory. */
struct fold;
bool tls_fold(const struct tls *tls, struct fold *fold);
struct tls *tls_unfold(struct reader *in, const struct tls_handler *handler);

/* Decrypted content of a record comes back in here (key log): handshake messages (22), alerts (21), and
 * application data (23), of which only its being there is noted: a fatal alert before it means that the
 * handshake was refused. In the order of the side's records. Handshake messages have their TLS 1.3 layout
 * when the version chosen is 1.3. */
void tls_push_plain(struct tls *tls, enum side side, uint8_t content_type, const uint8_t *data, size_t len);

/* tls_facts() will be asked for soon: what it reads is fetched (fetch.h). */
void tls_fetch(const struct tls *tls);

/* Bytes of memory that it takes, its own included. */
size_t tls_held(const struct tls *tls);

#endif
