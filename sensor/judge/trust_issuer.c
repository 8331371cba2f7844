/* trust_issuer.c: who can have signed a certificate, and whether it was its own key (RFC 5280 sections 3.2
 * and 4.1.1), without the key that OpenSSL decodes. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509v3.h>

#include "trust_cert.h"
#include "trust_der.h"

int trust_cert_signer_kind(const struct trust_cert *cert) {
    const ASN1_OBJECT *algorithm;
    int kind;
    X509_ALGOR_get0(&algorithm, NULL, NULL, X509_get0_tbs_sigalg(cert->x509));
    return OBJ_find_sigid_algs(OBJ_obj2nid(algorithm), NULL, &kind) ? kind : NID_undef;
}

bool trust_cert_authority_fits(const struct trust_cert *cert, X509 *issuer) {
    AUTHORITY_KEYID *authority = X509_get_ext_d2i(cert->x509, NID_authority_key_identifier, NULL, NULL);
    bool fits = X509_check_akid(issuer, authority) == X509_V_OK;
    AUTHORITY_KEYID_free(authority);
    return fits;
}

/* What the public key is of, as it is written down. */
static const X509_ALGOR *key_algorithm(const X509 *x509) {
    X509_ALGOR *algorithm = NULL;
    (void)X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(x509));
    return algorithm;
}

bool trust_cert_names_itself(const struct trust_cert *cert) {
    const ASN1_OBJECT *key;
    X509_ALGOR_get0(&key, NULL, NULL, key_algorithm(cert->x509));
    return cert->self_issued && (X509_get_extension_flags(cert->x509) & EXFLAG_INVALID) == 0 &&
           OBJ_obj2nid(key) == trust_cert_signer_kind(cert) && trust_cert_authority_fits(cert, cert->x509);
}

/* --- keys made of what is written down --- */

static EVP_PKEY *key_made_of(const char *kind, OSSL_PARAM *parameters) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = parameters ? EVP_PKEY_CTX_new_from_name(NULL, kind, NULL) : NULL;
    if (context && EVP_PKEY_fromdata_init(context) == 1)
        (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    EVP_PKEY_CTX_free(context);
    return key;
}

static BIGNUM *number(struct reader *in) {
    struct reader bytes = der_expect(in, DER_INTEGER);
    return reader_ok(&bytes) ? BN_bin2bn(bytes.pos, (int)reader_left(&bytes), NULL) : NULL;
}

/* Of an RSAPublicKey (RFC 8017 appendix A.1.1). */
static EVP_PKEY *rsa_key(struct reader in) {
    struct reader pair = der_expect(&in, DER_SEQUENCE);
    BIGNUM *modulus = number(&pair), *exponent = number(&pair);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *parameters = NULL;
    if (modulus && exponent && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
        parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *key = key_made_of("RSA", parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* Of a point (RFC 5480 section 2.2) on a named curve. */
static EVP_PKEY *ec_key(const ASN1_OBJECT *curve, struct reader point) {
    char *name = (char *)OBJ_nid2sn(OBJ_obj2nid(curve)); /* which is only read */
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (unsigned char *)point.pos,
                                          reader_left(&point)),
        OSSL_PARAM_END,
    };
    return key_made_of("EC", parameters);
}

/* NULL: of another kind, no key, or out of memory. */
static EVP_PKEY *usual_key(const X509 *x509) {
    int parameter_type;
    const ASN1_OBJECT *kind;
    const void *parameter;
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x509);
    struct reader bytes = reader_of(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits));
    X509_ALGOR_get0(&kind, &parameter_type, &parameter, key_algorithm(x509));
    if (OBJ_obj2nid(kind) == NID_rsaEncryption)
        return rsa_key(bytes);
    if (OBJ_obj2nid(kind) == NID_X9_62_id_ecPublicKey && parameter_type == V_ASN1_OBJECT)
        return ec_key(parameter, bytes);
    return NULL;
}

static bool verify(EVP_PKEY *key, int hash, const struct der_certificate *parts) {
    struct reader bits = parts->signature, signature = der_expect(&bits, DER_BIT_STRING);
    if (reader_u8(&signature) != 0) /* unused bits: OpenSSL takes none such */
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context &&
                EVP_DigestVerifyInit_ex(context, NULL, OBJ_nid2sn(hash), NULL, NULL, key, NULL) == 1 &&
                EVP_DigestVerify(context, signature.pos, reader_left(&signature), parts->to_be_signed.pos,
                                 reader_left(&parts->to_be_signed)) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

enum fact trust_cert_signed_itself(const struct trust_cert *cert) {
    const X509_ALGOR *algorithm;
    const ASN1_OBJECT *object;
    struct der_certificate parts;
    int hash;
    X509_get0_signature(NULL, &algorithm, cert->x509);
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    if (!trust_cert_names_itself(cert) || !OBJ_find_sigid_algs(OBJ_obj2nid(object), &hash, NULL) ||
        hash == NID_undef || !cert->der || !der_certificate_read(cert->der, cert->der_len, &parts))
        return FACT_UNKNOWN;
    EVP_PKEY *key = usual_key(cert->x509);
    if (key == NULL)
        return FACT_UNKNOWN;
    /* the algorithm stands there twice, signed and not (RFC 5280 section 4.1.1.2) */
    bool good = X509_ALGOR_cmp(algorithm, X509_get0_tbs_sigalg(cert->x509)) == 0 && verify(key, hash, &parts);
    EVP_PKEY_free(key);
    return fact_of(good);
}
