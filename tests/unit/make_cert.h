/* make_cert.h: certificates made to order, in memory, for tests. */
#ifndef STARTTAP_TESTS_MAKE_CERT_H
#define STARTTAP_TESTS_MAKE_CERT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define NOW      INT64_C(1700000000) /* the packet's time in the tests: 2023-11-14 22:13:20 UTC */
#define DAY      INT64_C(86400)
#define DER_ROOM (1u << 18)

struct recipe {
    const char *cn;
    int cn_type;                         /* V_ASN1_...; 0: UTF8String */
    int cn_len;                          /* 0: as a C string */
    const char *organization, *first_cn; /* before cn */
    int64_t not_before_s, not_after_s;   /* both 0: valid around NOW */
    const char *raw_not_after;           /* taken as it is */
    const char *names;                   /* as in openssl.cnf: "DNS:a,IP:192.0.2.1" */
    const char *usage;                   /* extended key usage */
    int64_t serial;                      /* 0: 1 */
    const char *hash;                    /* NULL: SHA256 */
    bool ca;
    bool pss;      /* sign with RSA-PSS */
    bool no_names; /* an empty subject */
};

struct made {
    X509 *x509;
    EVP_PKEY *key; /* borrowed */
    uint8_t der[DER_ROOM];
    size_t len;
};

static inline void must(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "make_cert: %s\n", what);
        abort();
    }
}

static inline void extension_add(X509 *x509, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension != NULL && X509_add_ext(x509, extension, -1), value);
    X509_EXTENSION_free(extension);
}

static inline void time_set(ASN1_TIME *time, int64_t at_s, const char *raw) {
    must(ASN1_TIME_set(time, (time_t)at_s) != NULL, "time");
    if (raw) {
        time->type = strlen(raw) > 13 ? V_ASN1_GENERALIZEDTIME : V_ASN1_UTCTIME;
        must(ASN1_STRING_set(time, raw, -1), "raw time");
    }
}

static inline void cert_fill(X509 *x509, const struct recipe *recipe) {
    X509_NAME *subject = X509_get_subject_name(x509);
    if (!recipe->no_names) {
        const char *cn = recipe->cn ? recipe->cn : "test";
        int len = recipe->cn_len ? recipe->cn_len : (int)strlen(cn);
        if (recipe->organization)
            must(X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
                                            (const unsigned char *)recipe->organization, -1, -1, 0),
                 "organization");
        if (recipe->first_cn)
            must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                            (const unsigned char *)recipe->first_cn, -1, -1, 0),
                 "first common name");
        must(X509_NAME_add_entry_by_NID(subject, NID_commonName,
                                        recipe->cn_type ? recipe->cn_type : V_ASN1_UTF8STRING,
                                        (const unsigned char *)cn, len, -1, 0),
             "common name");
    }
    bool dated = recipe->not_before_s != 0 || recipe->not_after_s != 0;
    time_set(X509_getm_notBefore(x509), dated ? recipe->not_before_s : NOW - 10 * DAY, NULL);
    time_set(X509_getm_notAfter(x509), dated ? recipe->not_after_s : NOW + 80 * DAY, recipe->raw_not_after);
    must(ASN1_INTEGER_set_int64(X509_get_serialNumber(x509), recipe->serial ? recipe->serial : 1), "serial");
}

static inline void cert_sign(X509 *x509, EVP_PKEY *key, const struct recipe *recipe) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    const char *hash = EVP_PKEY_is_a(key, "ED25519") ? NULL : recipe->hash ? recipe->hash : "SHA256";
    must(EVP_DigestSignInit_ex(context, &key_context, hash, NULL, NULL, key, NULL), "sign init");
    if (recipe->pss)
        must(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) > 0, "padding");
    must(X509_sign_ctx(x509, context) > 0, "sign");
    EVP_MD_CTX_free(context);
}

static inline void made_encode(struct made *made) {
    unsigned char *at = made->der;
    int len = i2d_X509(made->x509, NULL);
    must(len > 0 && len <= (int)DER_ROOM, "encode");
    made->len = (size_t)i2d_X509(made->x509, &at);
}

/* issuer NULL: self-signed. Freed by made_free(). */
static inline struct made *cert_make(const struct recipe *recipe, EVP_PKEY *key, const struct made *issuer) {
    struct made *made = calloc(1, sizeof *made);
    must(made != NULL, "memory");
    X509 *x509 = made->x509 = X509_new();
    made->key = key;
    must(X509_set_version(x509, X509_VERSION_3) && X509_set_pubkey(x509, key), "begin");
    cert_fill(x509, recipe);
    X509 *by = issuer ? issuer->x509 : x509;
    must(X509_set_issuer_name(x509, X509_get_subject_name(by)), "issuer");
    if (recipe->ca)
        extension_add(x509, by, NID_basic_constraints, "critical,CA:TRUE");
    if (recipe->names)
        extension_add(x509, by, NID_subject_alt_name, recipe->names);
    if (recipe->usage)
        extension_add(x509, by, NID_ext_key_usage, recipe->usage);
    cert_sign(x509, issuer ? issuer->key : key, recipe);
    made_encode(made);
    return made;
}

static inline void made_free(struct made *made) {
    X509_free(made->x509);
    free(made);
}

/* Every occurrence of one object identifier's bytes in the DER becomes another of the same length. */
static inline void made_patch(struct made *made, const uint8_t *from, const uint8_t *to, size_t len) {
    size_t found = 0;
    for (size_t i = 0; i + len <= made->len; i++) {
        if (memcmp(made->der + i, from, len) == 0) {
            memcpy(made->der + i, to, len);
            found++;
        }
    }
    must(found > 0, "patch");
}

static inline void made_write_pem(const struct made *made, const char *path) {
    FILE *file = fopen(path, "w");
    must(file != NULL && PEM_write_X509(file, made->x509), path);
    fclose(file);
}

#endif
