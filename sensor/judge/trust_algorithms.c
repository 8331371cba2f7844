/* trust_algorithms.c: which kinds of key and signature a certificate has, by the names OpenSSL gives them
 * ("rsaEncryption", "ecdsa-with-SHA256"), else the dotted object identifier. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include "trust_cert.h"
#include "trust_der.h"

#define WEAK_RSA_BITS 2048
#define WEAK_EC_BITS  224
#define OID_TEXT_MAX  128 /* a longer identifier is cut */

/* FIPS 204 and 205 (NIST CSOR), which OpenSSL names itself from 3.5 on. */
static const struct {
    const char *oid, *name;
} post_quantum[] = {
    {"2.16.840.1.101.3.4.3.17", "ML-DSA-44"},          {"2.16.840.1.101.3.4.3.18", "ML-DSA-65"},
    {"2.16.840.1.101.3.4.3.19", "ML-DSA-87"},          {"2.16.840.1.101.3.4.3.20", "SLH-DSA-SHA2-128s"},
    {"2.16.840.1.101.3.4.3.21", "SLH-DSA-SHA2-128f"},  {"2.16.840.1.101.3.4.3.22", "SLH-DSA-SHA2-192s"},
    {"2.16.840.1.101.3.4.3.23", "SLH-DSA-SHA2-192f"},  {"2.16.840.1.101.3.4.3.24", "SLH-DSA-SHA2-256s"},
    {"2.16.840.1.101.3.4.3.25", "SLH-DSA-SHA2-256f"},  {"2.16.840.1.101.3.4.3.26", "SLH-DSA-SHAKE-128s"},
    {"2.16.840.1.101.3.4.3.27", "SLH-DSA-SHAKE-128f"}, {"2.16.840.1.101.3.4.3.28", "SLH-DSA-SHAKE-192s"},
    {"2.16.840.1.101.3.4.3.29", "SLH-DSA-SHAKE-192f"}, {"2.16.840.1.101.3.4.3.30", "SLH-DSA-SHAKE-256s"},
    {"2.16.840.1.101.3.4.3.31", "SLH-DSA-SHAKE-256f"},
};

/* True when it is one of post_quantum, whichever OpenSSL this is. */
static bool algorithm_name(const ASN1_OBJECT *object, struct trust_text *text) {
    char oid[OID_TEXT_MAX] = "";
    int len = OBJ_obj2txt(oid, sizeof oid, object, 1);
    for (size_t i = 0; i < sizeof post_quantum / sizeof post_quantum[0]; i++) {
        if (strcmp(oid, post_quantum[i].oid) == 0) {
            trust_text_set(text, post_quantum[i].name, strlen(post_quantum[i].name));
            return true;
        }
    }
    int nid = OBJ_obj2nid(object);
    const char *name = nid != NID_undef ? OBJ_nid2ln(nid) : len > 0 ? oid : "";
    trust_text_set(text, name, strlen(name));
    return false;
}

/* SEC 2 names, which TLS uses too, where OpenSSL keeps to those of X9.62. */
static const char *curve_name(EVP_PKEY *key) {
    static const char *const x962[][2] = {{"prime192v1", "secp192r1"}, {"prime256v1", "secp256r1"}};
    char name[64];
    if (!EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, NULL))
        return NULL;
    for (size_t i = 0; i < sizeof x962 / sizeof x962[0]; i++)
        if (strcmp(name, x962[i][0]) == 0)
            return x962[i][1];
    int nid = OBJ_txt2nid(name);
    return nid != NID_undef ? OBJ_nid2sn(nid) : NULL;
}

/* Whether this OpenSSL knows such keys at all: then one that it could not read is a bad key. */
static bool kind_is_known(const ASN1_OBJECT *object) {
    char oid[OID_TEXT_MAX];
    if (OBJ_obj2txt(oid, sizeof oid, object, 1) <= 0)
        return false;
    EVP_KEYMGMT *management = EVP_KEYMGMT_fetch(NULL, oid, NULL);
    EVP_KEYMGMT_free(management);
    return management != NULL;
}

/* Bits of the modulus of an RSAPublicKey (RFC 8017 appendix A.1.1), where it is whole bytes. 0: it is not. */
static int64_t rsa_bits(struct reader key) {
    struct reader pair = der_expect(&key, DER_SEQUENCE);
    struct reader modulus = der_expect(&pair, DER_INTEGER), exponent = der_expect(&pair, DER_INTEGER);
    if (!reader_done(&key) || !reader_done(&pair))
        return 0;
    if (reader_u8(&modulus) != 0 || reader_u8(&exponent) >= 0x80 || !reader_ok(&exponent))
        return 0;
    int64_t bits = 8 * (int64_t)reader_left(&modulus);
    return reader_u8(&modulus) >= 0x80 ? bits : 0;
}

/* An uncompressed point (RFC 5480 section 2.2) on a curve that is in use. Whether it is on it is not asked.
 */
static int64_t point_bits(const ASN1_OBJECT *curve, struct reader point, const char **name) {
    static const struct {
        int nid;
        const char *name;
        uint16_t bits, coordinate_len;
    } curves[] = {{NID_X9_62_prime256v1, "secp256r1", 256, 32},
                  {NID_secp384r1, "secp384r1", 384, 48},
                  {NID_secp521r1, "secp521r1", 521, 66}};
    int nid = OBJ_obj2nid(curve);
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        if (curves[i].nid == nid && reader_left(&point) == 1 + 2u * curves[i].coordinate_len &&
            reader_u8(&point) == 0x04) {
            *name = curves[i].name;
            return curves[i].bits;
        }
    }
    return 0;
}

/* The keys that nearly all have: their size is seen without decoding them, which is dear. False: another. */
static bool usual_key_read(struct trust_cert *cert, const ASN1_OBJECT *object, const X509_ALGOR *algorithm,
                           struct reader key) {
    int parameter_type, kind = OBJ_obj2nid(object);
    const void *parameter;
    int64_t bits = 0;
    X509_ALGOR_get0(NULL, &parameter_type, &parameter, algorithm);
    if (kind == NID_rsaEncryption && parameter_type == V_ASN1_NULL)
        bits = rsa_bits(key);
    else if (kind == NID_X9_62_id_ecPublicKey && parameter_type == V_ASN1_OBJECT)
        bits = point_bits(parameter, key, &cert->key_curve);
    if (bits == 0)
        return false;
    cert->key_bits = bits;
    cert->can_be_verified = true;
    cert->weak_key = kind == NID_rsaEncryption && bits < WEAK_RSA_BITS;
    return true;
}

static void decoded_key_read(struct trust_cert *cert, EVP_PKEY *key) {
    int bits = EVP_PKEY_get_bits(key);
    int kind = EVP_PKEY_get_base_id(key);
    if (bits <= 0)
        return;
    cert->key_bits = bits;
    if (kind == EVP_PKEY_EC) {
        cert->key_curve = curve_name(key);
        cert->weak_key = bits < WEAK_EC_BITS;
    } else if (kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS || kind == EVP_PKEY_DSA) {
        cert->weak_key = bits < WEAK_RSA_BITS;
    }
}

static void key_read(struct trust_cert *cert) {
    ASN1_OBJECT *object = NULL;
    X509_ALGOR *algorithm = NULL;
    const unsigned char *bytes = NULL;
    int len = 0;
    if (!X509_PUBKEY_get0_param(&object, &bytes, &len, &algorithm, X509_get_X509_PUBKEY(cert->x509)))
        return;
    bool is_post_quantum = algorithm_name(object, &cert->key_algorithm);
    if (usual_key_read(cert, object, algorithm, reader_of(bytes, len > 0 ? (size_t)len : 0)))
        return;
    X509 *whole = trust_cert_whole(cert); /* what object was of may be gone */
    if (whole == NULL || !X509_PUBKEY_get0_param(&object, NULL, NULL, NULL, X509_get_X509_PUBKEY(whole)))
        return;
    EVP_PKEY *key = X509_get0_pubkey(whole);
    cert->can_be_verified = key != NULL || kind_is_known(object);
    if (is_post_quantum) {
        /* the size is the public key's, as OpenSSL 3.5 says it, so that every OpenSSL gives the same */
        const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(cert->x509);
        cert->key_bits = bits ? 8 * (int64_t)ASN1_STRING_length(bits) : EVENT_ABSENT;
    } else if (key != NULL) {
        decoded_key_read(cert, key);
    }
}

static bool hash_is_weak(int nid) {
    return nid == NID_md2 || nid == NID_md4 || nid == NID_md5 || nid == NID_sha || nid == NID_sha1;
}

static void signature_read(struct trust_cert *cert) {
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object = NULL;
    X509_get0_signature(NULL, &algorithm, cert->x509);
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    (void)algorithm_name(object, &cert->signature_algorithm);

    int hash = NID_undef, key = NID_undef;
    /* the first knows the hash inside RSA-PSS parameters, the second those that OpenSSL no longer makes */
    if (!X509_get_signature_info(cert->x509, &hash, &key, NULL, NULL) &&
        !OBJ_find_sigid_algs(OBJ_obj2nid(object), &hash, &key))
        cert->can_be_verified = false;
    cert->weak_signature = hash_is_weak(hash);
    if (cert->repaired) /* the signature is of other bytes */
        cert->can_be_verified = false;
}

void trust_cert_read_algorithms(struct trust_cert *cert) {
    key_read(cert);
    signature_read(cert);
}
