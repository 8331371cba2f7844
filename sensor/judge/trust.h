/* trust.h: certificates, read and judged by OpenSSL (trust*.c are the only files with X.509 in them).
 *
 * A certificate is parsed once: a bounded cache keyed by SHA-256 holds its facts; verification of a whole
 * chain is cached by the chain's hash and redone when the time leaves the span for which the answer holds.
 *
 * A key is decoded when a signature has to be checked. A server's key that is none (a point that is not on
 * its curve) goes unnoticed in a chain that no anchor could make valid.
 *
 * What is read how:
 * - Common names are the last CN of a name; distinguished names are in RFC 4514 order ("CN=a,O=b"), UTF-8
 *   readable, control characters as "\0A". Bytes that are not UTF-8, and NUL, become U+FFFD.
 * - Alternative names are DNS names, addresses in text form, mail addresses and URIs, EVENT_LIST_MAX at most.
 * - Algorithms have OpenSSL's long names: "rsaEncryption", "id-ecPublicKey", "ED25519", "rsassaPss",
 *   "sha256WithRSAEncryption", "ecdsa-with-SHA256"; ML-DSA and SLH-DSA theirs of FIPS 204 and 205 with any
 *   OpenSSL; others the dotted object identifier. Curves have SEC 2 names ("secp256r1").
 * - Serial numbers are upper-case hex, two digits a byte, '-' in front of a negative one.
 * - Dates that are no dates are absent.
 *
 * One thread at a time, as the pipeline that owns it. */
#ifndef STARTTAP_SENSOR_JUDGE_TRUST_H
#define STARTTAP_SENSOR_JUDGE_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../outputs/event.h"
#include "../../parsers/fold.h"
#include "dane.h"
#include "digest.h"

#define TRUST_CACHE_MAX       4096         /* certificates kept; the least recently used one goes */
#define TRUST_CACHE_BYTES_MAX (128u << 20) /* estimated memory of those */
#define TRUST_LIVE_BYTES_MAX  (256u << 20) /* the same, with those that only open chains hold */
#define TRUST_PARTS           4            /* one of so many of the budget; half of it for the cache */
#define TRUST_VERIFIED_MAX    4096         /* answers for whole chains kept */
#define TRUST_CERTIFICATE_MAX                                                                                \
    (1u << 20)                           /* bytes of one certificate; of a longer one only the hash is told  \
                                          */
#define TRUST_CHAIN_MAX     256          /* certificates of one chain that are kept and verified */
#define TRUST_COPY_MAX      (256u << 10) /* bytes of a chain that are copied for TLSA records */
#define TRUST_EXPIRING_DAYS 30           /* cert.expiring_soon: fewer whole days than this are left */

struct trust_options {
    bool verify;           /* false: --no-verify, chain_valid stays open */
    const char *ca_path;   /* PEM file or directory; NULL: the system's store */
    struct budget *budget; /* ../budget.h: certificates are counted there, and take TRUST_PARTS of it at most
                              for all threads. Borrowed; NULL: they are not */
    unsigned num_sharing;  /* how many share that part; 0: 1 */
};

/* NULL with a message in error (a CA file that cannot be read, say). digest outlives it. */
struct trust *trust_new(const struct trust_options *options, struct digest *digest, char *error,
                        size_t error_len);
void trust_free(struct trust *trust); /* NULL is fine */

/* Reads the anchors again, by other options perhaps; what was judged before is forgotten. False with a
 * message: nothing changed. */
bool trust_reload(struct trust *trust, const struct trust_options *options, char *error, size_t error_len);

/* False when chains cannot be judged: --no-verify, or a system without a certificate store. */
bool trust_has_anchors(const struct trust *trust);

/* A chain as it is collected, leaf first. The chain holds references into the cache; small, but best
 * described, judged and freed soon: what open chains hold counts against TRUST_LIVE_BYTES_MAX. */
struct trust_chain;
struct trust_chain *trust_chain_new(struct trust *trust); /* NULL: out of memory */
void trust_chain_free(struct trust_chain *chain);         /* NULL is fine; before trust_free() */
void trust_chain_add(struct trust_chain *chain, const uint8_t *der, size_t len);
size_t trust_chain_length(const struct trust_chain *chain); /* all that were added, kept or not */

/* fold.h: a chain in few bytes. Its references go with the fold: when that is kept, free the chain with
 * trust_chain_free_folded(). NULL: out of memory, and the references are given up. */
void trust_chain_fold(const struct trust_chain *chain, struct fold *fold);
void trust_chain_free_folded(struct trust_chain *chain);
struct trust_chain *trust_chain_unfold(struct trust *trust, struct reader *in);

/* Facts of the leaf into cert, texts copied into event. False when the chain is empty. A certificate that
 * OpenSSL cannot parse still has its sha256. */
bool trust_describe(const struct trust_chain *chain, struct event *event, struct event_cert *cert);

struct trust_judgement {
    enum fact chain_valid;   /* as of at_s; UNKNOWN with --no-verify, without anchors, with an unparsable
                                leaf, with algorithms unknown to this OpenSSL, or with names that it refuses */
    const char *chain_error; /* OpenSSL's words, static; NULL when valid or unknown */
    enum fact name_match;    /* UNKNOWN when expected_name is NULL or "" */
    enum fact self_signed;   /* the leaf by its own key, checked; not a matter of trust */
    int64_t days_left; /* whole days from at_s to notAfter, negative when past; EVENT_ABSENT if unreadable */
    bool expired, not_yet_valid, expiring_soon; /* of the leaf */
    bool weak_key;                              /* of the leaf: RSA or DSA below 2048 bits, EC below 224 */
    bool weak_signature; /* MD2, MD4, MD5 or SHA-1 on leaf or intermediates; a self-issued certificate above
                            the leaf is a root, whose own signature nobody relies on */
};

/* Judges the chain as of at_s (seconds since 1970, the packet's time); an empty one is all unknown.
 *
 * Names go by RFC 9525 in X509_check_host: alternative names alone (the common name is not looked at, as
 * RFC 8461 section 4.1 wants for MTA-STS), '*' only as the whole leftmost label. A final dot of
 * expected_name is dropped; an IP address, also as the literal "[192.0.2.1]" or "[IPv6:2001:db8::1]", is
 * looked for among the addresses. Internationalised names are compared as they are given. */
void trust_judge(struct trust_chain *chain, int64_t at_s, const char *expected_name,
                 struct trust_judgement *out);

/* The certificates of a chain as they came, leaf first, for another thread to read. */
struct trust_copy {
    const struct trust_bytes {
        const uint8_t *der;
        size_t len; /* 0: OpenSSL cannot parse it */
    } * certificates;
    size_t num;
};

/* In memory of the arena. Empty: no certificate, more bytes than TRUST_COPY_MAX, or out of memory. */
struct trust_copy trust_chain_copy(const struct trust_chain *chain, struct arena *arena);

/* What TLSA records are compared with, in memory of the arena. Empty: as the copy, or out of memory. Dear
 * where a certificate was not seen before: signatures are checked. */
struct dane_chain trust_digests(struct trust *trust, const struct trust_copy *copy, struct arena *arena);

struct trust_counters {
    uint64_t parsed, cache_hits, verified, evicted, unparsable;
    /* how often a limit was reached */
    uint64_t certificates_too_long; /* TRUST_CERTIFICATE_MAX */
    uint64_t chains_too_long;       /* certificates beyond TRUST_CHAIN_MAX */
    uint64_t names_left_out;        /* alternative names beyond EVENT_LIST_MAX */
    uint64_t memory_full;           /* certificates not parsed for TRUST_LIVE_BYTES_MAX */
    uint64_t chains_not_copied;     /* TRUST_COPY_MAX */
};
const struct trust_counters *trust_counters(const struct trust *trust);
uint64_t trust_limits_hit(const struct trust *trust); /* all of these limits but that of names */

#endif
