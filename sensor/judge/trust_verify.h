/* trust_verify.h: one chain against the anchors, as of one moment. Inner part of trust. */
#ifndef STARTTAP_SENSOR_JUDGE_TRUST_VERIFY_H
#define STARTTAP_SENSOR_JUDGE_TRUST_VERIFY_H

#include "trust_cert.h"
#include "trust_store.h"

struct trust_answer {
    enum fact valid;
    const char *error; /* OpenSSL's words, static; NULL when valid or unknown */

    /* The same chain gets the same answer at every moment between these two, both exclusive: no certificate
     * of the chain or the store begins or ends to be valid there. Equal: for at_s alone. */
    int64_t after_s, before_s;
};

/* chain: leaf first, num >= 1, the leaf parsable. at_s in the years 1 to 9999. The chain's other certificates
 * are taken as material, in any order, as OpenSSL does (RFC 8446 section 4.4.2 allows both). Purpose is a TLS
 * server's: a certificate without extended key usage passes, as those of many MTAs are. Strength is not
 * judged here. UNKNOWN when OpenSSL lacks the algorithms to say. */
void trust_verify(const struct trust_store *store, struct trust_cert *const *chain, size_t num, int64_t at_s,
                  struct trust_answer *answer);

#endif
