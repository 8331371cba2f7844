/* trust.h: certificates, read and judged by OpenSSL (the only module with X.509 in it).
 *
 * A certificate is parsed once: a bounded cache keyed by SHA-256 holds its facts; verification of a whole
 * chain is cached by the chain's hash and redone when the time leaves the span for which the answer holds. */
#ifndef STARTTAP_SENSOR_JUDGE_TRUST_H
#define STARTTAP_SENSOR_JUDGE_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../outputs/event.h"
#include "digest.h"

#define TRUST_CACHE_MAX     4096 /* certificates; the least recently used one goes */
#define TRUST_EXPIRING_DAYS 30   /* cert.expiring_soon */

struct trust_options {
    bool verify;         /* false: --no-verify, chain_valid stays open */
    const char *ca_path; /* PEM file or directory; NULL: the system's store */
};

/* NULL with a message in error (a CA file that cannot be read, say). */
struct trust *trust_new(const struct trust_options *options, struct digest *digest, char *error,
                        size_t error_len);
void trust_free(struct trust *trust);

/* A chain as it is collected, leaf first. The chain holds references into the cache; small. */
struct trust_chain;
struct trust_chain *trust_chain_new(struct trust *trust);
void trust_chain_free(struct trust_chain *chain); /* NULL is fine */
void trust_chain_add(struct trust_chain *chain, const uint8_t *der, size_t len);
size_t trust_chain_length(const struct trust_chain *chain);

/* Facts of the leaf into cert, texts copied into event. False when the chain is empty. A certificate that
 * OpenSSL cannot parse still has its sha256. */
bool trust_describe(const struct trust_chain *chain, struct event *event, struct event_cert *cert);

struct trust_judgement {
    enum fact chain_valid;   /* as of at_s; UNKNOWN with --no-verify or an unparsable leaf */
    const char *chain_error; /* OpenSSL's words, static; NULL when valid or unknown */
    enum fact name_match;    /* UNKNOWN when expected_name is NULL */
    enum fact self_signed;
    int64_t days_left; /* whole days from at_s to notAfter, negative when past; EVENT_ABSENT if unreadable */
    bool expired, not_yet_valid, expiring_soon, weak_key, weak_signature;
};

/* Judges the chain as of at_s (seconds since 1970, the packet's time). Name rules are RFC 9525 by
 * X509_check_host; an expected_name that is an IP address goes to X509_check_ip. */
void trust_judge(struct trust_chain *chain, int64_t at_s, const char *expected_name,
                 struct trust_judgement *out);

struct trust_counters {
    uint64_t parsed, cache_hits, verified, evicted, unparsable;
};
const struct trust_counters *trust_counters(const struct trust *trust);

#endif
