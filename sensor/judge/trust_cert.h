/* trust_cert.h: one certificate, parsed once, its facts as plain bytes. Inner part of trust.
 *
 * Shared by reference count between the cache and the chains that show it. Immutable but for what is
 * computed on first demand (self_signed, digests, signer); so one thread at a time. */
#ifndef STARTTAP_SENSOR_JUDGE_TRUST_CERT_H
#define STARTTAP_SENSOR_JUDGE_TRUST_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "../../outputs/event.h"
#include "../budget.h"
#include "dane.h"

#define TRUST_NAMES_MAX  EVENT_LIST_MAX /* subject alternative names kept of one certificate */
#define TRUST_TEXT_MAX   EVENT_TEXT_MAX /* bytes kept of one text */
#define TRUST_EXPECT_MAX 253            /* a DNS name's most bytes (RFC 1035 section 3.1, as text) */

/* Any bytes, as the certificate holds them: NUL and broken UTF-8 too. data is NULL when there is none. */
struct trust_text {
    char *data;
    size_t len;
};

/* Certificates that live, in the cache or in a chain. */
struct trust_live {
    size_t bytes;
    struct budget *budget; /* knows of them, too; NULL: there is none */
    /* One without algorithms: OpenSSL 3.0 takes 78 of 86 microseconds of parsing to decode the key, and
     * leaves it alone where nothing could. NULL: keys are decoded at once. */
    OSSL_LIB_CTX *keyless;
};

struct trust_cert {
    size_t references;
    uint8_t sha256[32];
    bool key_known;
    uint8_t key_sha256[32]; /* of its SubjectPublicKeyInfo */
    X509 *x509;   /* NULL: could not be parsed, and nothing below is known. For names, dates and extensions */
    bool whole;   /* its key is decoded, if OpenSSL can */
    uint8_t *der; /* its der_len bytes; NULL without x509, or out of memory */
    size_t der_len;
    struct trust_cert *
        *recent; /* where trust finds it by them, and which is emptied when it goes; NULL nowhere */
    size_t cost; /* estimate of the memory behind it, in bytes */
    struct trust_live *live; /* where cost is counted as long as it lives */

    struct trust_text subject_cn, subject_dn, issuer_cn, issuer_dn;
    struct trust_text *names; /* subject alternative names, num_names */
    size_t num_names, names_left_out;
    int64_t not_before_s, not_after_s; /* EVENT_ABSENT: not a date */
    struct trust_text serial, signature_algorithm, key_algorithm;
    const char *key_curve; /* static; NULL when not EC or not a named curve */
    int64_t key_bits;      /* EVENT_ABSENT: unknown kind of key */

    bool self_issued;     /* subject and issuer are the same name */
    bool weak_key;        /* RSA and DSA below 2048 bits, EC below 224 */
    bool weak_signature;  /* made with MD2, MD4, MD5, SHA-0 or SHA-1 */
    bool can_be_verified; /* OpenSSL here knows its kinds of key and signature; not repaired */
    bool repaired;        /* x509 is of a copy that trust_der_repair() made */

    bool self_signed_known;
    enum fact self_signed;

    struct cert_digests digests; /* trust_dane.c */
    bool digests_made;
    uint8_t signer[32]; /* SHA-256 of the certificate that was asked about last: did its key sign this one? */
    bool signed_by_signer;
};

/* Never fails on bad DER (x509 is then NULL); NULL means out of memory. Bytes after the certificate are
 * ignored. One reference is the caller's. readable false: only the hash is kept. live outlives it. */
struct trust_cert *trust_cert_new(const uint8_t *der, size_t len, const uint8_t sha256[32], bool readable,
                                  struct trust_live *live);

/* The cost of a certificate of len bytes once it is parsed. */
size_t trust_cert_cost(size_t len);

/* Its x509 with the key, for all that has to do with signatures. NULL: not parsed, or out of memory. */
X509 *trust_cert_whole(struct trust_cert *cert);

struct trust_cert *trust_cert_ref(struct trust_cert *cert);
void trust_cert_unref(struct trust_cert *cert); /* NULL is fine */

/* YES when it names itself as issuer and its own key made its signature; UNKNOWN when OpenSSL cannot tell. */
enum fact trust_cert_self_signed(struct trust_cert *cert);

const struct cert_digests *trust_cert_digests(struct trust_cert *cert); /* known is false: not to be had */

/* Did the issuer's key sign it? False also where OpenSSL cannot tell. */
bool trust_cert_signed_by(struct trust_cert *cert, struct trust_cert *issuer);

/* Does the certificate stand for this name (RFC 9525)? See trust_judge() in trust.h. */
enum fact trust_cert_matches(const struct trust_cert *cert, const char *expected_name);

/* Seconds since 1970 for any year of 4 digits; EVENT_ABSENT when it is not a date. */
int64_t trust_seconds_of(const ASN1_TIME *time);

/* The parts of parsing that are in files of their own. Texts are made by malloc. */
void trust_text_set(struct trust_text *text, const void *data, size_t len); /* capped; empty stays NULL */
void trust_cert_read_names(struct trust_cert *cert);                        /* trust_names.c */
void trust_cert_read_algorithms(struct trust_cert *cert);                   /* trust_algorithms.c */

/* trust_issuer.c. The kind of key that can have signed it (EVP_PKEY_RSA), by the algorithm that is signed,
 * which is what OpenSSL goes by; NID_undef: unknown. Does the issuer's key identifier fit, if it asks for
 * one? */
int trust_cert_signer_kind(const struct trust_cert *cert);
bool trust_cert_authority_fits(const struct trust_cert *cert, X509 *issuer);

/* Is it self-signed by all that it says, as OpenSSL's EXFLAG_SS has it? */
bool trust_cert_names_itself(const struct trust_cert *cert);

/* And by its signature? Of a usual kind of key a usable one is made in a tenth of the time in which OpenSSL
 * decodes it. UNKNOWN: OpenSSL has to be asked. */
enum fact trust_cert_signed_itself(const struct trust_cert *cert);

/* For DER that OpenSSL refuses: retags bad strings of the names in copy, which holds the same len bytes.
 * False when there are none. (trust_repair.c) */
bool trust_der_repair(const uint8_t *der, size_t len, uint8_t *copy);

#endif
