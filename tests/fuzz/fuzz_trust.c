/* Certificates from the wire: parsed, described and judged at any moment, twice, so that what is cached must
 * agree with what is worked out anew; and by OpenSSL alone, which must say the same of the chain. Input:
 * moment (u32), expected name (u8 length), then certificates (u24 length each), as in a TLS 1.2 Certificate
 * message. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "../../parsers/reader.h"
#include "../../sensor/judge/trust.h"
#include "turn.h"

static struct trust_judgement judge(struct trust *trust, struct reader certificates, int64_t at_s,
                                    const char *name) {
    struct trust_judgement judgement;
    struct event event = {0};
    struct event_cert cert;
    struct trust_chain *chain = trust_chain_new(trust);
    assert(chain);
    event_reset(&event, DATASET_SESSION);
    while (reader_left(&certificates) > 0) {
        struct reader der = reader_vec24(&certificates);
        if (reader_ok(&der))
            trust_chain_add(chain, der.pos, reader_left(&der));
    }
    bool described = trust_describe(chain, &event, &cert);
    assert(described == (trust_chain_length(chain) > 0));
    assert(!described || strlen(cert.sha256) == 64);
    trust_judge(chain, at_s, name, &judgement);
    assert((judgement.chain_error != NULL) == (judgement.chain_valid == FACT_NO));
    event_cleanup(&event);
    trust_chain_free(chain);
    return judgement;
}

static X509_STORE *system_store(void) {
    X509_STORE *store = X509_STORE_new();
    assert(store && X509_STORE_set_default_paths(store));
    return store;
}

/* Of a chain whose certificates can all be parsed as they are. "Unspecified" is what it says of a server
 * whose key it cannot decode; starttap does not try where that makes no difference to the trust in it. */
static int openssl_error(X509_STORE *store, STACK_OF(X509) * chain, int64_t at_s) {
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *leaf = sk_X509_shift(chain);
    assert(context && X509_STORE_CTX_init(context, store, leaf, chain));
    X509_VERIFY_PARAM *settings = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(settings, (time_t)at_s);
    X509_VERIFY_PARAM_set_depth(settings, 256);
    X509_VERIFY_PARAM_set_purpose(settings, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_trust(settings, X509_TRUST_SSL_SERVER);
    int error = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_free(leaf);
    ERR_clear_error();
    return error;
}

static void check_chain(const struct trust_judgement *judgement, struct reader certificates, int64_t at_s) {
    static X509_STORE *store;
    STACK_OF(X509) *chain = sk_X509_new_null();
    bool all_parsed = judgement->chain_valid != FACT_UNKNOWN;
    if (store == NULL)
        store = system_store();
    while (all_parsed && reader_left(&certificates) > 0) {
        struct reader der = reader_vec24(&certificates);
        const unsigned char *at = der.pos;
        X509 *x509 = reader_ok(&der) ? d2i_X509(NULL, &at, (long)reader_left(&der)) : NULL;
        all_parsed = x509 != NULL && sk_X509_push(chain, x509) > 0;
    }
    if (all_parsed) {
        int error = openssl_error(store, chain, at_s);
        assert((error == X509_V_OK) == (judgement->chain_valid == FACT_YES));
        assert(error == X509_V_OK || error == X509_V_ERR_UNSPECIFIED ||
               strcmp(judgement->chain_error, X509_verify_cert_error_string(error)) == 0);
    }
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* One for all inputs: reading the system's store takes longer than an input. */
    static struct trust *trust;
    if (trust == NULL) {
        char error[256];
        const struct trust_options options = {.verify = true};
        trust = trust_new(&options, digest_new(), error, sizeof error);
        assert(trust);
    }
    struct reader in = reader_of(data, size);
    int64_t at_s = reader_u32(&in);
    struct reader expected = reader_vec8(&in);
    char name[256] = "";
    memcpy(name, expected.pos, reader_left(&expected));

    struct trust_judgement first = judge(trust, in, at_s, name);
    if (!has_turn(data, size, 8))
        return 0;
    check_chain(&first, in, at_s);
    struct trust_judgement second = judge(trust, in, at_s, name);
    assert(first.chain_valid == second.chain_valid && first.chain_error == second.chain_error);
    assert(first.name_match == second.name_match && first.self_signed == second.self_signed);
    assert(first.days_left == second.days_left && first.weak_signature == second.weak_signature);
    return 0;
}
