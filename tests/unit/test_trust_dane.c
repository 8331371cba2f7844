#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/sha.h>

#include "../../sensor/judge/trust_cert.h"
#include "make_cert.h"

static struct trust_live live;

static struct trust_cert *read_cert(const uint8_t *der, size_t len) {
    uint8_t sha256[32];
    SHA256(der, len, sha256);
    struct trust_cert *cert = trust_cert_new(der, len, sha256, true, &live);
    assert_non_null(cert);
    return cert;
}

/* Selector 0 is the whole certificate, selector 1 its SubjectPublicKeyInfo (RFC 6698 section 2.1.2). */
static void test_digests(void **state) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct made *made = cert_make(&(struct recipe){.cn = "mx.example.org"}, key, NULL);
    struct trust_cert *cert = read_cert(made->der, made->len);
    const struct cert_digests *digests = trust_cert_digests(cert);
    unsigned char *spki = NULL;
    uint8_t sha256[32], sha512[64];
    (void)state;
    int spki_len = i2d_PUBKEY(key, &spki);
    assert_true(digests->known && spki_len > 0);
    SHA256(made->der, made->len, sha256);
    SHA512(made->der, made->len, sha512);
    assert_memory_equal(digests->sha256[0], sha256, 32);
    assert_memory_equal(digests->sha512[0], sha512, 64);
    SHA256(spki, (size_t)spki_len, sha256);
    SHA512(spki, (size_t)spki_len, sha512);
    assert_memory_equal(digests->sha256[1], sha256, 32);
    assert_memory_equal(digests->sha512[1], sha512, 64);
    assert_ptr_equal(trust_cert_digests(cert), digests); /* made once */
    OPENSSL_free(spki);
    trust_cert_unref(cert);
    made_free(made);
    EVP_PKEY_free(key);
}

/* What is no certificate has no digests and signs nothing. */
static void test_broken(void **state) {
    static const uint8_t junk[] = {0x30, 0x03, 0x02, 0x01, 0x00};
    struct trust_cert *cert = read_cert(junk, sizeof junk);
    (void)state;
    assert_false(trust_cert_digests(cert)->known);
    assert_false(trust_cert_signed_by(cert, cert));
    trust_cert_unref(cert);
}

/* By the signature, not by the name alone; and the answer for one issuer is not that for another. */
static void test_signed_by(void **state) {
    EVP_PKEY *keys[3] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-256"), EVP_EC_gen("P-256")};
    struct made *ca = cert_make(&(struct recipe){.cn = "authority", .ca = true}, keys[0], NULL);
    struct made *namesake = cert_make(&(struct recipe){.cn = "authority", .ca = true}, keys[1], NULL);
    struct made *leaf = cert_make(&(struct recipe){.cn = "mx.example.org"}, keys[2], ca);
    struct trust_cert *issuer = read_cert(ca->der, ca->len), *other = read_cert(namesake->der, namesake->len);
    struct trust_cert *cert = read_cert(leaf->der, leaf->len);
    (void)state;
    assert_true(trust_cert_signed_by(cert, issuer));
    assert_false(trust_cert_signed_by(cert, other));
    assert_true(trust_cert_signed_by(cert, issuer));
    assert_true(trust_cert_signed_by(cert, issuer));
    assert_false(trust_cert_signed_by(cert, cert));
    assert_true(trust_cert_signed_by(issuer, issuer));
    assert_false(trust_cert_signed_by(issuer, cert));
    trust_cert_unref(cert);
    trust_cert_unref(other);
    trust_cert_unref(issuer);
    made_free(leaf);
    made_free(namesake);
    made_free(ca);
    for (size_t i = 0; i < 3; i++)
        EVP_PKEY_free(keys[i]);
}

static int nothing_lives(void **state) {
    (void)state;
    return live.bytes == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_signed_by),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_lives);
}
