/* trust_dane.c: what TLSA records are compared with, and who signed whom in a chain as it came. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "trust_cert.h"

static bool digest_both(const uint8_t *data, size_t len, struct cert_digests *out, unsigned selector) {
    return EVP_Digest(data, len, out->sha256[selector], NULL, EVP_sha256(), NULL) == 1 &&
           EVP_Digest(data, len, out->sha512[selector], NULL, EVP_sha512(), NULL) == 1;
}

const struct cert_digests *trust_cert_digests(struct trust_cert *cert) {
    struct cert_digests *digests = &cert->digests;
    if (cert->digests_made || cert->x509 == NULL || cert->der == NULL)
        return digests;
    cert->digests_made = true;
    unsigned char *key = NULL;
    int key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->x509), &key);
    digests->known = key_len > 0 && digest_both(cert->der, cert->der_len, digests, 0) &&
                     digest_both(key, (size_t)key_len, digests, 1);
    OPENSSL_free(key);
    ERR_clear_error();
    return digests;
}

bool trust_cert_signed_by(struct trust_cert *cert, struct trust_cert *issuer) {
    if (cert->x509 == NULL || issuer->x509 == NULL || !cert->can_be_verified)
        return false;
    if (memcmp(cert->signer, issuer->sha256, sizeof cert->signer) == 0)
        return cert->signed_by_signer;
    EVP_PKEY *key = X509_get0_pubkey(trust_cert_whole(issuer));
    memcpy(cert->signer, issuer->sha256, sizeof cert->signer);
    cert->signed_by_signer = key != NULL && trust_cert_whole(cert) != NULL &&
                             X509_check_issued(issuer->x509, cert->x509) == X509_V_OK &&
                             X509_verify(cert->x509, key) == 1;
    ERR_clear_error();
    return cert->signed_by_signer;
}
