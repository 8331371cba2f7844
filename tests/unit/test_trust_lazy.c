/* test_trust_lazy.c: anchors are parsed when a chain asks for them, and say what they would say parsed at
 * once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../sensor/judge/trust_der.h"
#include "../../sensor/judge/trust_store.h"
#include "../../sensor/judge/trust_verify.h"
#include "make_cert.h"

static struct {
    char path[64], error[256];
    EVP_PKEY *key, *other_key;
    struct trust_store store;
} lab;

static int setup(void **state) {
    (void)state;
    lab.key = EVP_EC_gen("P-256");
    lab.other_key = EVP_EC_gen("P-384");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    EVP_PKEY_free(lab.key);
    EVP_PKEY_free(lab.other_key);
    return 0;
}

static struct made *ca(const char *cn, EVP_PKEY *key) {
    return cert_make(&(struct recipe){.cn = cn, .ca = true}, key, NULL);
}

static FILE *begin_file(void) {
    strcpy(lab.path, "/tmp/test_trust_lazy.XXXXXX");
    int fd = mkstemp(lab.path);
    must(fd >= 0, "mkstemp");
    return fdopen(fd, "w");
}

static bool load(FILE *file) {
    fclose(file);
    bool loaded = trust_store_load(&lab.store, lab.path, lab.error, sizeof lab.error);
    unlink(lab.path);
    return loaded;
}

static bool load_one(const struct made *made) {
    FILE *file = begin_file();
    must(PEM_write_X509(file, made->x509), "write");
    return load(file);
}

static int num_parsed(void) {
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(lab.store.store));
}

static struct trust_answer answer(const struct made *leaf, const struct made *above) {
    uint8_t sha256[2][32] = {{1}, {2}};
    struct trust_live live = {0};
    struct trust_answer out;
    struct trust_cert *chain[] = {
        trust_cert_new(leaf->der, leaf->len, sha256[0], true, &live),
        above ? trust_cert_new(above->der, above->len, sha256[1], true, &live) : NULL,
    };
    trust_verify(&lab.store, chain, above ? 2 : 1, NOW, &out);
    trust_cert_unref(chain[0]);
    trust_cert_unref(chain[1]);
    return out;
}

static void parses_what_a_chain_asks_for(void **state) {
    (void)state;
    struct made *root = ca("root", lab.key), *unused = ca("unused", lab.other_key);
    struct made *middle = cert_make(&(struct recipe){.cn = "middle", .ca = true}, lab.other_key, root);
    struct made *leaf = cert_make(&(struct recipe){.cn = "leaf"}, lab.key, middle);
    struct made *stranger = ca("stranger", lab.key);
    FILE *file = begin_file();
    must(PEM_write_X509(file, unused->x509) && PEM_write_X509(file, middle->x509) &&
             PEM_write_X509(file, root->x509),
         "write");
    assert_true(load(file));
    assert_int_equal(lab.store.num_anchors, 3);
    assert_int_equal(num_parsed(), 0);
    assert_int_equal(answer(stranger, NULL).valid, FACT_NO);
    assert_int_equal(num_parsed(), 0);
    assert_int_equal(answer(leaf, NULL).valid, FACT_YES); /* by two anchors, one above the other */
    assert_int_equal(num_parsed(), 2);
    assert_int_equal(answer(leaf, middle).valid, FACT_YES);
    assert_int_equal(answer(unused, NULL).valid, FACT_YES);
    assert_int_equal(num_parsed(), 3);
    trust_store_cleanup(&lab.store);
    struct made *all[] = {root, unused, middle, leaf, stranger};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
}

/* RFC 5280 section 7.1: neither the type of string nor case nor more than one space makes another name. */
static void finds_a_name_in_any_encoding(void **state) {
    (void)state;
    const struct recipe trusted = {.cn = "Test  Root ", .cn_type = V_ASN1_UTF8STRING, .ca = true};
    const struct recipe twins[] = {
        {.cn = "TEST ROOT", .cn_type = V_ASN1_PRINTABLESTRING, .ca = true},
        {.cn = "\0T\0e\0s\0t\0 \0r\0o\0o\0t", .cn_len = 18, .cn_type = V_ASN1_BMPSTRING, .ca = true},
        {.cn = " test root", .cn_type = V_ASN1_T61STRING, .ca = true},
    };
    struct made *root = cert_make(&trusted, lab.key, NULL);
    assert_true(load_one(root));
    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++) {
        struct made *twin = cert_make(&twins[i], lab.key, NULL);
        struct made *leaf = cert_make(&(struct recipe){.cn = "leaf"}, lab.other_key, twin);
        assert_memory_not_equal(twin->der, root->der, root->len < twin->len ? root->len : twin->len);
        assert_int_equal(answer(leaf, NULL).valid, FACT_YES);
        made_free(leaf);
        made_free(twin);
    }
    struct made *another = ca("TestRoot", lab.key);
    struct made *leaf = cert_make(&(struct recipe){.cn = "leaf"}, lab.other_key, another);
    assert_int_equal(answer(leaf, NULL).valid, FACT_NO);
    made_free(leaf);
    made_free(another);
    made_free(root);
    trust_store_cleanup(&lab.store);
}

static void identify_key(struct made *made, struct made *issuer, int nid, const char *value) {
    extension_add(made->x509, issuer->x509, nid, value);
    cert_sign(made->x509, issuer->key, &(struct recipe){0});
    made_encode(made);
}

/* The authority's key identifier says which one signed (RFC 5280 section 4.2.1.1); between two of one subject
 * nothing else does. */
static void tells_anchors_of_one_subject_apart(void **state) {
    (void)state;
    struct made *one = ca("root", lab.key), *two = ca("ROOT", lab.other_key), *last = ca("zzz", lab.key);
    identify_key(one, one, NID_subject_key_identifier, "hash");
    identify_key(two, two, NID_subject_key_identifier, "hash");
    struct made *leaf_one = cert_make(&(struct recipe){.cn = "leaf"}, lab.key, one);
    struct made *leaf_two = cert_make(&(struct recipe){.cn = "leaf"}, lab.key, two);
    identify_key(leaf_one, one, NID_authority_key_identifier, "keyid:always");
    identify_key(leaf_two, two, NID_authority_key_identifier, "keyid:always");
    struct made *orders[][2] = {{one, two}, {two, one}};
    for (size_t i = 0; i < 2; i++) {
        FILE *file = begin_file();
        must(PEM_write_X509(file, last->x509) && PEM_write_X509(file, orders[i][0]->x509) &&
                 PEM_write_X509(file, orders[i][1]->x509) && PEM_write_X509(file, orders[i][1]->x509),
             "write");
        assert_true(load(file));
        assert_int_equal(lab.store.num_anchors, 4); /* one of them twice */
        assert_int_equal(answer(leaf_one, NULL).valid, FACT_YES);
        assert_int_equal(num_parsed(), 2);
        assert_int_equal(answer(leaf_two, NULL).valid, FACT_YES);
        assert_int_equal(answer(last, NULL).valid, FACT_YES);
        assert_int_equal(num_parsed(), 3);
        trust_store_cleanup(&lab.store);
    }
    struct made *all[] = {one, two, last, leaf_one, leaf_two};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
}

static void damage_ends_a_file(void **state) {
    (void)state;
    struct made *one = ca("one", lab.key), *two = ca("two", lab.key);
    struct made *bad = ca("bad", lab.key);
    static const uint8_t curve[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const uint8_t none[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x87};
    made_patch(bad, curve, none, sizeof curve); /* an object identifier that does not end */
    FILE *file = begin_file();
    must(PEM_write_X509(file, one->x509), "write");
    must(PEM_write(file, PEM_STRING_X509, "", bad->der, (long)bad->len) > 0, "write");
    must(PEM_write_X509(file, two->x509), "write");
    assert_true(load(file));
    assert_int_equal(lab.store.num_anchors, 1);
    assert_int_equal(answer(one, NULL).valid, FACT_YES);
    assert_int_equal(answer(two, NULL).valid, FACT_NO);
    trust_store_cleanup(&lab.store);

    file = begin_file();
    must(PEM_write(file, PEM_STRING_X509, "", bad->der, (long)bad->len) > 0, "write");
    assert_false(load(file));
    assert_non_null(strstr(lab.error, "no CA certificate found in /tmp/test_trust_lazy."));

    file = begin_file();
    must(PEM_write_X509(file, one->x509), "write");
    fputs("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", file);
    must(PEM_write_X509(file, two->x509), "write");
    assert_true(load(file));
    assert_int_equal(lab.store.num_anchors, 1);
    trust_store_cleanup(&lab.store);
    made_free(one);
    made_free(two);
    made_free(bad);
}

static void honours_trusted_certificates(void **state) {
    (void)state;
    struct made *root = ca("root", lab.key), *client = ca("client", lab.other_key);
    struct made *leaf = cert_make(&(struct recipe){.cn = "leaf"}, lab.key, root);
    struct made *refused = cert_make(&(struct recipe){.cn = "leaf"}, lab.key, client);
    X509_add1_trust_object(root->x509, OBJ_nid2obj(NID_server_auth));
    X509_add1_reject_object(client->x509, OBJ_nid2obj(NID_server_auth));
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)NOW);
    must(X509_CRL_set_issuer_name(crl, X509_get_subject_name(root->x509)) &&
             X509_CRL_set1_lastUpdate(crl, now) && X509_CRL_sign(crl, lab.key, EVP_sha256()),
         "revocation list");
    FILE *file = begin_file();
    must(PEM_write_PrivateKey(file, lab.key, NULL, NULL, 0, NULL, NULL) && PEM_write_X509_CRL(file, crl) &&
             PEM_write_X509_AUX(file, root->x509) && PEM_write_X509_AUX(file, client->x509),
         "write");
    assert_true(load(file));
    assert_int_equal(lab.store.num_anchors, 2);
    assert_int_equal(answer(leaf, NULL).valid, FACT_YES);
    assert_int_equal(answer(refused, NULL).valid, FACT_NO);
    assert_string_equal(answer(refused, NULL).error, X509_verify_cert_error_string(X509_V_ERR_CERT_REJECTED));
    trust_store_cleanup(&lab.store);
    ASN1_TIME_free(now);
    X509_CRL_free(crl);
    struct made *all[] = {root, client, leaf, refused};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
}

/* As when memory runs out: that no issuer is found says nothing then. */
static void admits_what_it_could_not_parse(void **state) {
    (void)state;
    struct made *root = ca("root", lab.key);
    struct made *leaf = cert_make(&(struct recipe){.cn = "leaf"}, lab.other_key, root);
    assert_true(load_one(root));
    trust_anchors_get(lab.store.anchors, 0)->der[0] ^= 1;
    assert_int_equal(answer(leaf, NULL).valid, FACT_UNKNOWN);
    assert_null(answer(leaf, NULL).error);
    trust_anchors_get(lab.store.anchors, 0)->der[0] ^= 1;
    assert_int_equal(answer(leaf, NULL).valid, FACT_YES);
    trust_store_cleanup(&lab.store);
    made_free(leaf);
    made_free(root);
}

/* "never" is no date, which some OpenSSL refuse and others do not. */
static void takes_a_strange_date_as_openssl_does(void **state) {
    (void)state;
    struct made *made =
        cert_make(&(struct recipe){.cn = "root", .ca = true, .raw_not_after = "never"}, lab.key, NULL);
    const unsigned char *at = made->der;
    X509 *x509 = d2i_X509(NULL, &at, (long)made->len);
    FILE *file = begin_file();
    must(PEM_write(file, PEM_STRING_X509, "", made->der, (long)made->len) > 0, "write");
    assert_int_equal(load(file), x509 != NULL);
    if (x509)
        trust_store_cleanup(&lab.store);
    X509_free(x509);
    made_free(made);
}

/* Each byte of a certificate changed in many ways: what is put off must be what OpenSSL takes. */
static void puts_off_nothing_that_openssl_refuses(void **state) {
    (void)state;
    struct made *made = cert_make(
        &(struct recipe){.cn = "root", .organization = "Test", .ca = true, .names = "DNS:mx1.example.com"},
        lab.key, NULL);
    size_t num_put_off = 0, num_refused = 0;
    struct der_certificate parts;
    for (size_t i = 0; i < made->len; i++) {
        for (unsigned change = 1; change < 256; change += change < 4 ? 1 : 25) {
            made->der[i] ^= (uint8_t)change;
            if (der_certificate_read(made->der, made->len, &parts)) {
                const unsigned char *at = made->der, *subject = parts.subject.pos, *issuer = parts.issuer.pos;
                X509_NAME *names[] = {d2i_X509_NAME(NULL, &subject, (long)reader_left(&parts.subject)),
                                      d2i_X509_NAME(NULL, &issuer, (long)reader_left(&parts.issuer))};
                X509 *x509 = d2i_X509_AUX(NULL, &at, (long)made->len);
                assert_int_equal(x509 != NULL, names[0] && names[1]);
                if (x509) {
                    assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x509), names[0]), 0);
                    assert_int_equal(X509_NAME_cmp(X509_get_issuer_name(x509), names[1]), 0);
                }
                num_put_off += x509 != NULL;
                X509_NAME_free(names[0]);
                X509_NAME_free(names[1]);
                X509_free(x509);
            } else {
                num_refused++;
            }
            made->der[i] ^= (uint8_t)change;
        }
    }
    assert_true(num_put_off > 500 && num_refused > 500);
    for (size_t len = 0; len < made->len; len++)
        assert_false(der_certificate_read(made->der, len, &parts));
    assert_true(der_certificate_read(made->der, made->len, &parts));
    made_free(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_a_chain_asks_for),
        cmocka_unit_test(finds_a_name_in_any_encoding),
        cmocka_unit_test(tells_anchors_of_one_subject_apart),
        cmocka_unit_test(damage_ends_a_file),
        cmocka_unit_test(honours_trusted_certificates),
        cmocka_unit_test(admits_what_it_could_not_parse),
        cmocka_unit_test(takes_a_strange_date_as_openssl_does),
        cmocka_unit_test(puts_off_nothing_that_openssl_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
