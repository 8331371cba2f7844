#include "trust_verify.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* OpenSSL's own limit is 100, and chains may be longer. */
#define DEPTH_MAX 256

static void span_narrow(struct trust_answer *answer, int64_t bound_s, int64_t at_s) {
    if (bound_s == EVENT_ABSENT)
        return;
    if (bound_s == at_s)
        answer->after_s = answer->before_s = at_s;
    else if (bound_s < at_s && bound_s > answer->after_s)
        answer->after_s = bound_s;
    else if (bound_s > at_s && bound_s < answer->before_s)
        answer->before_s = bound_s;
}

static void span_find(const struct trust_store *store, struct trust_cert *const *chain, size_t num,
                      int64_t at_s, struct trust_answer *answer) {
    if (!trust_store_span(store, at_s, &answer->after_s, &answer->before_s))
        answer->after_s = answer->before_s = at_s;
    for (size_t i = 0; i < num && answer->after_s != answer->before_s; i++) {
        span_narrow(answer, chain[i]->not_before_s, at_s);
        span_narrow(answer, chain[i]->not_after_s, at_s);
    }
}

static STACK_OF(X509) * material_of(struct trust_cert *const *chain, size_t num) {
    STACK_OF(X509) *material = sk_X509_new_null();
    for (size_t i = 1; material && i < num; i++) {
        X509 *x509 = trust_cert_whole(chain[i]);
        if (x509)
            (void)sk_X509_push(material, x509); /* borrowed; out of memory leaves one out */
    }
    return material;
}

/* X509_V_OK, or why not. */
static int verify(const struct trust_store *store, struct trust_cert *const *chain, size_t num,
                  int64_t at_s) {
    int error = X509_V_ERR_OUT_OF_MEM;
    STACK_OF(X509) *material = material_of(chain, num);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *leaf = trust_cert_whole(chain[0]);
    if (material == NULL || context == NULL || leaf == NULL ||
        !X509_STORE_CTX_init(context, store->store, leaf, material))
        goto done;
    X509_VERIFY_PARAM *settings = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(settings, (time_t)at_s);
    X509_VERIFY_PARAM_set_depth(settings, DEPTH_MAX);
    if (!X509_VERIFY_PARAM_set_purpose(settings, X509_PURPOSE_SSL_SERVER) ||
        !X509_VERIFY_PARAM_set_trust(settings, X509_TRUST_SSL_SERVER))
        goto done;
    if (X509_verify_cert(context) == 1) {
        error = X509_V_OK;
    } else {
        error = X509_STORE_CTX_get_error(context);
        if (error == X509_V_OK)
            error = X509_V_ERR_UNSPECIFIED;
        if (trust_anchors_incomplete(store->anchors))
            error = X509_V_ERR_OUT_OF_MEM;
    }

done:
    X509_STORE_CTX_free(context);
    sk_X509_free(material);
    return error;
}

/* --- chains that no anchor can end --- */

static bool anchor_is_near(const struct trust_store *store, struct trust_cert *const *chain, size_t num) {
    for (size_t i = 0; i < num; i++)
        if (chain[i]->x509 && (trust_anchors_know(store->anchors, X509_get_subject_name(chain[i]->x509)) ||
                               trust_anchors_know(store->anchors, X509_get_issuer_name(chain[i]->x509))))
            return true;
    return false;
}

static bool bears_name(const struct trust_cert *cert, const X509_NAME *name) {
    return cert->x509 && X509_NAME_cmp(X509_get_subject_name(cert->x509), name) == 0;
}

/* As X509_check_issued(3), for a leaf whose key is not decoded and an issuer of the right name. False also
 * where that might say otherwise. */
static bool is_surely_issued(const struct trust_cert *leaf, struct trust_cert *issuer) {
    X509 *whole = trust_cert_whole(issuer);
    EVP_PKEY *key = X509_get0_pubkey(whole);
    if (key == NULL || (X509_get_extension_flags(whole) & EXFLAG_INVALID) ||
        (X509_get_key_usage(whole) & KU_KEY_CERT_SIGN) == 0)
        return false;
    return EVP_PKEY_get_base_id(key) == trust_cert_signer_kind(leaf) &&
           trust_cert_authority_fits(leaf, whole);
}

/* What OpenSSL says of a chain none of whose certificates has to do with an anchor: it checks no signature
 * then, where the chain ends is all. It is asked for the part above the leaf, as the leaf's key is not
 * decoded yet, which is dear. X509_V_OK: it has to be asked for the whole. */
static int verify_unanchored(const struct trust_store *store, struct trust_cert *const *chain, size_t num,
                             int64_t at_s) {
    const struct trust_cert *leaf = chain[0];
    if (leaf->whole || (X509_get_extension_flags(leaf->x509) & EXFLAG_INVALID) ||
        anchor_is_near(store, chain, num))
        return X509_V_OK;
    if (leaf->self_issued)
        return trust_cert_names_itself(leaf) ? X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT : X509_V_OK;
    const X509_NAME *issuer = X509_get_issuer_name(leaf->x509);
    size_t num_issuers = 0;
    for (size_t i = 1; i < num; i++)
        num_issuers += bears_name(chain[i], issuer);
    if (num_issuers == 0)
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    if (num_issuers > 1 || !bears_name(chain[1], issuer) || !is_surely_issued(leaf, chain[1]))
        return X509_V_OK;
    switch (verify(store, chain + 1, num - 1, at_s)) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    default:
        return X509_V_OK;
    }
}

/* With a kind of key or signature unknown to this OpenSSL, "no issuer found" says nothing of the chain. */
static bool beyond_openssl(struct trust_cert *const *chain, size_t num) {
    for (size_t i = 0; i < num; i++)
        if (chain[i]->x509 && !chain[i]->can_be_verified)
            return true;
    return false;
}

void trust_verify(const struct trust_store *store, struct trust_cert *const *chain, size_t num, int64_t at_s,
                  struct trust_answer *answer) {
    span_find(store, chain, num, at_s, answer);
    int error = verify_unanchored(store, chain, num, at_s);
    if (error == X509_V_OK)
        error = verify(store, chain, num, at_s);
    ERR_clear_error();
    answer->error = NULL;
    if (error == X509_V_OK) {
        answer->valid = FACT_YES;
    } else if (error == X509_V_ERR_OUT_OF_MEM || beyond_openssl(chain, num)) {
        answer->valid = FACT_UNKNOWN;
    } else {
        answer->valid = FACT_NO;
        answer->error = X509_verify_cert_error_string(error);
    }
}
