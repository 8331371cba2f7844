/* test_trust_keys.c: certificates whose keys are left alone until a signature is to be checked say what they
 * would say with their keys decoded at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/provider.h>

#include "../../sensor/judge/trust_store.h"
#include "../../sensor/judge/trust_verify.h"
#include "make_cert.h"

#define CHAIN_MAX 4

static struct {
    struct trust_live at_once, later;
    OSSL_PROVIDER *nothing;
    EVP_PKEY *key, *other_key, *rsa;
    struct made *anchor, *root, *middle;
    struct trust_store store; /* of the anchor alone */
} lab;

static void load_anchor(void) {
    char path[] = "/tmp/test_trust_keys.XXXXXX", error[256];
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    must(file != NULL && PEM_write_X509(file, lab.anchor->x509), "write");
    fclose(file);
    must(trust_store_load(&lab.store, path, error, sizeof error), error);
    unlink(path);
}

static int setup(void **state) {
    (void)state;
    lab.later.keyless = OSSL_LIB_CTX_new();
    lab.nothing = OSSL_PROVIDER_load(lab.later.keyless, "null");
    must(lab.nothing != NULL, "null provider");
    lab.key = EVP_EC_gen("P-256");
    lab.other_key = EVP_EC_gen("P-384");
    lab.rsa = EVP_RSA_gen(2048);
    lab.anchor = cert_make(&(struct recipe){.cn = "anchor", .ca = true}, lab.key, NULL);
    lab.root = cert_make(&(struct recipe){.cn = "root", .ca = true}, lab.key, NULL);
    lab.middle = cert_make(&(struct recipe){.cn = "middle", .ca = true}, lab.other_key, lab.root);
    load_anchor();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trust_store_cleanup(&lab.store);
    made_free(lab.anchor);
    made_free(lab.root);
    made_free(lab.middle);
    EVP_PKEY_free(lab.key);
    EVP_PKEY_free(lab.other_key);
    EVP_PKEY_free(lab.rsa);
    OSSL_PROVIDER_unload(lab.nothing);
    OSSL_LIB_CTX_free(lab.later.keyless);
    return 0;
}

static struct trust_cert *cert_of(const uint8_t *der, size_t len, struct trust_live *live) {
    uint8_t sha256[32];
    must(EVP_Digest(der, len, sha256, NULL, EVP_sha256(), NULL), "hash");
    struct trust_cert *cert = trust_cert_new(der, len, sha256, true, live);
    assert_non_null(cert);
    return cert;
}

static void assert_same_text(const struct trust_text *a, const struct trust_text *b) {
    assert_int_equal(a->len, b->len);
    if (a->len > 0)
        assert_memory_equal(a->data, b->data, a->len);
}

static bool has_key(struct trust_cert *cert) {
    return X509_get0_pubkey(trust_cert_whole(cert)) != NULL;
}

/* The size of a key that cannot be decoded is known all the same where it is written down. */
static void assert_same_facts(struct trust_cert *later, struct trust_cert *at_once) {
    assert_int_equal(later->x509 != NULL, at_once->x509 != NULL);
    assert_int_equal(later->self_issued, at_once->self_issued);
    assert_int_equal(later->can_be_verified, at_once->can_be_verified);
    assert_int_equal(later->weak_signature, at_once->weak_signature);
    assert_int_equal(later->not_after_s, at_once->not_after_s);
    assert_int_equal(later->num_names, at_once->num_names);
    assert_memory_equal(later->key_sha256, at_once->key_sha256, 32);
    assert_same_text(&later->subject_dn, &at_once->subject_dn);
    assert_same_text(&later->key_algorithm, &at_once->key_algorithm);
    assert_same_text(&later->signature_algorithm, &at_once->signature_algorithm);
    if (at_once->x509 && has_key(at_once)) {
        assert_int_equal(later->key_bits, at_once->key_bits);
        assert_int_equal(later->weak_key, at_once->weak_key);
        assert_ptr_equal(later->key_curve == NULL, at_once->key_curve == NULL);
        if (later->key_curve)
            assert_string_equal(later->key_curve, at_once->key_curve);
    }
}

static void reads_the_same_of_every_kind_of_key(void **state) {
    const struct {
        EVP_PKEY *key;
        bool usual;
    } kinds[] = {
        {EVP_RSA_gen(2048), true},
        {EVP_RSA_gen(1024), true},
        {EVP_RSA_gen(1023), false},
        {EVP_EC_gen("P-256"), true},
        {EVP_EC_gen("P-384"), true},
        {EVP_EC_gen("P-521"), true},
        {EVP_EC_gen("secp224r1"), false},
        {EVP_EC_gen("secp256k1"), false},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_non_null(kinds[i].key);
        struct made *made = cert_make(&(struct recipe){.cn = "a", .names = "DNS:a"}, kinds[i].key, NULL);
        struct trust_cert *later = cert_of(made->der, made->len, &lab.later);
        struct trust_cert *at_once = cert_of(made->der, made->len, &lab.at_once);
        assert_true(at_once->whole && at_once->key_bits > 0);
        assert_int_equal(later->whole, !kinds[i].usual);
        assert_same_facts(later, at_once);
        assert_int_equal(trust_cert_self_signed(later), FACT_YES);
        assert_int_equal(trust_cert_self_signed(at_once), FACT_YES);
        assert_int_equal(later->whole, !kinds[i].usual);
        assert_true(has_key(later));
        assert_same_facts(later, at_once);
        trust_cert_unref(later);
        trust_cert_unref(at_once);
        made_free(made);
        EVP_PKEY_free(kinds[i].key);
    }
}

/* The answer for a chain; *whole: the leaf's key was decoded for it. */
static struct trust_answer judge(const struct made *const *made, size_t num, struct trust_live *live,
                                 bool *whole) {
    struct trust_cert *chain[CHAIN_MAX] = {NULL};
    struct trust_answer out;
    for (size_t i = 0; i < num; i++)
        chain[i] = cert_of(made[i]->der, made[i]->len, live);
    trust_verify(&lab.store, chain, num, NOW, &out);
    *whole = chain[0]->whole;
    for (size_t i = 0; i < num; i++)
        trust_cert_unref(chain[i]);
    return out;
}

/* The words for the chain, which are OpenSSL's for the whole of it; *decoded: it had to be asked for that. */
static const char *words_for(const struct made *const *chain, size_t num, bool *decoded) {
    bool whole;
    struct trust_answer later = judge(chain, num, &lab.later, decoded);
    struct trust_answer at_once = judge(chain, num, &lab.at_once, &whole);
    assert_int_equal(later.valid, at_once.valid);
    assert_ptr_equal(later.error, at_once.error);
    return later.error ? later.error : "";
}

static void expect(const char *words, bool decoded, size_t num, const struct made *const *chain) {
    bool was_decoded;
    assert_string_equal(words_for(chain, num, &was_decoded), words);
    assert_int_equal(was_decoded, decoded);
}

#define NO_ISSUER "unable to get local issuer certificate"
#define OWN_ROOT  "self-signed certificate in certificate chain"
#define CHAIN(...)                                                                                           \
    sizeof((const struct made *const[]){__VA_ARGS__}) / sizeof(struct made *),                               \
        (const struct made *const[]) {                                                                       \
        __VA_ARGS__                                                                                          \
    }

static void where_a_chain_ends_needs_no_key(void **state) {
    struct made *leaf = cert_make(&(struct recipe){.cn = "leaf"}, lab.key, lab.middle);
    struct made *under_root = cert_make(&(struct recipe){.cn = "leaf"}, lab.other_key, lab.root);
    (void)state;
    expect(NO_ISSUER, false, CHAIN(leaf));
    expect(NO_ISSUER, false, CHAIN(leaf, lab.middle));
    expect(OWN_ROOT, false, CHAIN(leaf, lab.middle, lab.root));
    expect(OWN_ROOT, false, CHAIN(under_root, lab.root));
    expect(NO_ISSUER, false, CHAIN(leaf, lab.root)); /* who did not sign it */
    expect("self-signed certificate", false, CHAIN(lab.root));
    expect("self-signed certificate", false, CHAIN(lab.root, lab.middle));
    made_free(leaf);
    made_free(under_root);
}

static void an_anchor_needs_the_key(void **state) {
    struct made *good = cert_make(&(struct recipe){.cn = "leaf"}, lab.key, lab.anchor);
    struct made *namesake = cert_make(&(struct recipe){.cn = "ANCHOR", .ca = true}, lab.other_key, NULL);
    struct made *forged = cert_make(&(struct recipe){.cn = "leaf"}, lab.key, namesake);
    struct made *middle = cert_make(&(struct recipe){.cn = "m", .ca = true}, lab.other_key, lab.anchor);
    struct made *below = cert_make(&(struct recipe){.cn = "leaf"}, lab.key, middle);
    struct made *expired = cert_make(&(struct recipe){.cn = "l", .not_after_s = NOW - DAY}, lab.key, middle);
    (void)state;
    expect("", true, CHAIN(good));
    expect("", true, CHAIN(lab.anchor));
    expect("", true, CHAIN(below, middle));
    expect("certificate has expired", true, CHAIN(expired, middle));
    expect("certificate signature failure", true, CHAIN(forged));
    expect(NO_ISSUER, false, CHAIN(below));
    below->der[below->len - 1] ^= 1;
    expect("certificate signature failure", true, CHAIN(below, middle));
    struct made *all[] = {good, namesake, forged, middle, below, expired};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
}

static void extend(struct made *made, const struct made *issuer, int nid, const char *value) {
    extension_add(made->x509, issuer->x509, nid, value);
    cert_sign(made->x509, issuer->key, &(struct recipe){0});
    made_encode(made);
}

/* Who bears the issuer's name and still may not be the issuer: OpenSSL decides. */
static void a_name_alone_does_not_make_an_issuer(void **state) {
    const struct recipe recipe = {.cn = "namesake", .ca = true};
    struct made *issuer = cert_make(&recipe, lab.key, lab.root);
    struct made *of_rsa = cert_make(&recipe, lab.rsa, lab.root);
    struct made *of_other_key = cert_make(&recipe, lab.other_key, lab.root);
    struct made *leaf = cert_make(&(struct recipe){.cn = "leaf"}, lab.other_key, issuer);
    struct made *expired =
        cert_make(&(struct recipe){.cn = "namesake", .ca = true, .not_after_s = NOW - DAY}, lab.key, NULL);
    (void)state;
    expect(NO_ISSUER, false, CHAIN(leaf, issuer));
    expect(OWN_ROOT, false, CHAIN(leaf, expired));
    expect(OWN_ROOT, false, CHAIN(leaf, issuer, lab.root));
    expect(NO_ISSUER, true, CHAIN(leaf, of_rsa));
    expect(NO_ISSUER, true, CHAIN(leaf, of_rsa, issuer));
    expect(OWN_ROOT, true, CHAIN(leaf, of_rsa, issuer, lab.root));
    expect(NO_ISSUER, true, CHAIN(leaf, lab.middle, issuer)); /* not right behind the leaf */
    expect(NO_ISSUER, true, CHAIN(leaf, expired, issuer));    /* the one that is valid now is taken */

    extend(issuer, lab.root, NID_subject_key_identifier, "hash");
    extend(of_other_key, lab.root, NID_subject_key_identifier, "hash");
    extend(leaf, issuer, NID_authority_key_identifier, "keyid:always");
    expect(OWN_ROOT, false, CHAIN(leaf, issuer, lab.root));
    expect(NO_ISSUER, true, CHAIN(leaf, of_other_key, lab.root));

    extend(issuer, lab.root, NID_key_usage, "digitalSignature"); /* not to sign certificates with */
    expect(OWN_ROOT, true, CHAIN(leaf, issuer, lab.root));
    struct made *all[] = {issuer, of_rsa, of_other_key, leaf, expired};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
}

struct tally {
    size_t parsed, not_decoded, self_signed;
};

static void compare(const struct made *const *chain, size_t num, struct tally *tally) {
    struct trust_cert *later = cert_of(chain[0]->der, chain[0]->len, &lab.later);
    struct trust_cert *at_once = cert_of(chain[0]->der, chain[0]->len, &lab.at_once);
    bool decoded = true;
    assert_same_facts(later, at_once);
    assert_int_equal(trust_cert_self_signed(later), trust_cert_self_signed(at_once));
    if (later->x509 && has_key(at_once))
        (void)words_for(chain, num, &decoded);
    tally->parsed += later->x509 != NULL;
    tally->not_decoded += !decoded;
    tally->self_signed += later->self_signed == FACT_YES;
    trust_cert_unref(later);
    trust_cert_unref(at_once);
}

/* Each byte of a certificate changed: facts and words are the same. Only a key that cannot be decoded may go
 * unnoticed, where nothing hangs on it. */
static struct tally damage(struct made *leaf, const struct made *above) {
    const struct made *const chain[] = {leaf, above};
    struct tally tally = {0};
    for (size_t i = 0; i < leaf->len; i++) {
        for (unsigned change = 1; change < 256; change *= 4) {
            leaf->der[i] ^= (uint8_t)change;
            compare(chain, 2, &tally);
            leaf->der[i] ^= (uint8_t)change;
        }
    }
    return tally;
}

static void says_the_same_of_what_is_damaged(void **state) {
    const struct recipe recipe = {.cn = "leaf", .names = "DNS:a.example"};
    EVP_PKEY *keys[] = {lab.key, lab.rsa};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct made *leaf = cert_make(&recipe, keys[i], lab.root);
        struct made *own = cert_make(&recipe, keys[i], NULL);
        struct tally of_leaf = damage(leaf, lab.root), of_own = damage(own, lab.root);
        assert_true(of_leaf.not_decoded > 200 && of_leaf.parsed > of_leaf.not_decoded);
        assert_true(of_own.not_decoded > 200 && of_own.parsed > of_own.not_decoded);
        assert_int_equal(of_leaf.self_signed, 0);
        assert_int_equal(of_own.self_signed, 0);
        made_free(leaf);
        made_free(own);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_same_of_every_kind_of_key),
        cmocka_unit_test(where_a_chain_ends_needs_no_key),
        cmocka_unit_test(an_anchor_needs_the_key),
        cmocka_unit_test(a_name_alone_does_not_make_an_issuer),
        cmocka_unit_test(says_the_same_of_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
