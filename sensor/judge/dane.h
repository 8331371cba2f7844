/* dane.h: TLSA records that were seen (RFC 6698, RFC 7671) against the certificates that were seen, as RFC
 * 7672 wants it for SMTP.
 *
 * Usable are usage 2 (a trust anchor in the chain) and 3 (the server's own certificate), selectors 0 and 1,
 * matching types 0, 1 and 2; usages 0 and 1 are not (RFC 7672 section 3.1.3). Usage 3 needs nothing but the
 * match (RFC 7671 section 5.1); with usage 2 the chain up to the anchor must be signed and the server's
 * certificate be valid and of the right name (section 5.2). That DNSSEC made the records safe is for the
 * resolver to know: a sensor sees its claim. */
#ifndef STARTTAP_SENSOR_JUDGE_DANE_H
#define STARTTAP_SENSOR_JUDGE_DANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What records are compared with, by selector: 0 the certificate, 1 its public key (SubjectPublicKeyInfo). */
struct cert_digests {
    uint8_t sha256[2][32], sha512[2][64];
    bool known; /* false: the certificate could not be read */
};

/* The server's chain, its own certificate first. */
struct dane_chain {
    const struct cert_digests *certificates;
    size_t num;
    size_t num_linked; /* of these, each is signed by the next; at least 1 unless num is 0 */
};

/* A record's bytes as they are on the wire. */
struct dane_record {
    const uint8_t *bytes;
    size_t len;
    uint8_t sha256[32]; /* of what stands behind the first three, for matching type 0 */
};

enum dane_result { DANE_UNKNOWN, DANE_MATCH, DANE_MISMATCH };

struct dane_facts {
    struct dane_chain chain;
    bool name_wrong, out_of_date; /* the server's certificate */
};

/* *reason: a word why it is not a match; NULL with a match. */
enum dane_result dane_judge(const struct dane_record *records, size_t num, const struct dane_facts *facts,
                            const char **reason);

#endif
