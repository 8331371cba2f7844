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
    for (size_t i = 1; material && i < num; i++)
        if (chain[i]->x509)
            (void)sk_X509_push(material, chain[i]->x509); /* borrowed; out of memory leaves one out */
    return material;
}

/* X509_V_OK, or why not. */
static int verify(const struct trust_store *store, struct trust_cert *const *chain, size_t num,
                  int64_t at_s) {
    int error = X509_V_ERR_OUT_OF_MEM;
    STACK_OF(X509) *material = material_of(chain, num);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (material == NULL || context == NULL ||
        !X509_STORE_CTX_init(context, store->store, chain[0]->x509, material))
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
    ERR_clear_error();
    return error;
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
    int error = verify(store, chain, num, at_s);
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
