/* tls_names.h: the IANA registries that a report needs, and the facts about each suite and group.
 * https://www.iana.org/assignments/tls-parameters */
#ifndef STARTTAP_PARSERS_TLS_NAMES_H
#define STARTTAP_PARSERS_TLS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the pre-master secret comes about; it decides what a ServerKeyExchange looks like. */
enum tls_key_exchange {
    TLS_KX_OTHER, /* RSA, static DH and ECDH, PSK, SRP, KRB5, GOST ...: nothing that a parser here reads */
    TLS_KX_DHE,
    TLS_KX_ECDHE,
    TLS_KX_DHE_PSK,
    TLS_KX_ECDHE_PSK,
    TLS_KX_TLS13, /* by key_share and pre_shared_key, whatever the suite */
};

struct tls_suite {
    uint16_t id;
    uint16_t bits;    /* of the symmetric key; 0 for NULL. 3DES counts as 168 */
    const char *name; /* IANA: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" */
    enum tls_key_exchange key_exchange;
    bool forward_secrecy, aead, weak, anonymous; /* weak: NULL, EXPORT, anon, RC4, DES, 3DES, MD5 */
};

const struct tls_suite *tls_suite_find(uint16_t id); /* NULL: unknown */

/* Each returns the IANA name, a constant; or name, into which it wrote the number as "0x1a2b". For example
 * "x25519" and "X25519MLKEM768", "rsa_pss_rsae_sha256", "server_name", "handshake_failure". */
#define TLS_NAME_BUF 64
const char *tls_suite_name(uint16_t id, char name[TLS_NAME_BUF]);
const char *tls_group_name(uint16_t id, char name[TLS_NAME_BUF]);
const char *tls_scheme_name(uint16_t id, char name[TLS_NAME_BUF]);
const char *tls_extension_name(uint16_t id, char name[TLS_NAME_BUF]);
const char *tls_alert_name(uint8_t id, char name[TLS_NAME_BUF]);
/* "1.2"; SSLv3 is "3.0", SSLv2 "2.0", drafts "1.3-draft23". */
const char *tls_version_name(uint16_t id, char name[TLS_NAME_BUF]);

bool tls_version_is_ssl(uint16_t id);
bool tls_is_grease(uint16_t id); /* RFC 8701 */
bool tls_group_is_post_quantum(uint16_t id);
int tls_group_bits(uint16_t id); /* size of the elliptic curve or finite field; 0 unknown or none */
bool tls_group_is_weak(uint16_t id);

#endif
