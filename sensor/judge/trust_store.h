/* trust_store.h: the certificates one trusts to begin with, read whole at start. Inner part of trust.
 *
 * Nothing is read later and nothing ever comes from the network: no lazy directory look-ups, no revocation
 * lists, no OCSP, no fetching of missing issuers. */
#ifndef STARTTAP_SENSOR_JUDGE_TRUST_STORE_H
#define STARTTAP_SENSOR_JUDGE_TRUST_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509_vfy.h>

#include "trust_anchors.h"

struct trust_store {
    X509_STORE *store; /* parses an anchor when a chain asks for its subject */
    struct trust_anchors *anchors;
    size_t num_anchors; /* 0 is possible for the system's store alone */

    /* The moments at which one of the anchors begins or ends to be valid, ascending: between two of them
     * the answer for a chain can change only by the chain's own dates. */
    int64_t *bounds;
    size_t num_bounds;
};

/* path: a PEM or DER file, or a directory of them (*.pem, *.crt, *.cer; names made by c_rehash when there
 * are no such). NULL: the system's store, where OpenSSL looks for it (SSL_CERT_FILE and SSL_CERT_DIR
 * honoured). False with a message when a given path holds no certificate; store is then empty. */
bool trust_store_load(struct trust_store *store, const char *path, char *error, size_t error_len);
void trust_store_cleanup(struct trust_store *store);

/* The span without a bound of the anchors' around at_s, exclusive on both sides. False when at_s is one. */
bool trust_store_span(const struct trust_store *store, int64_t at_s, int64_t *after_s, int64_t *before_s);

#endif
