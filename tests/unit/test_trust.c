/* Certificates made in memory, read back and judged at chosen moments. */
#include "trust_lab.h"

/* A certificate of the intermediate's, judged NOW for the given name, then gone. */
static void judge_leaf(const struct recipe *recipe, const char *name) {
    struct made *leaf = cert_make(recipe, lab.ec, lab.intermediate);
    judge(leaf, lab.intermediate, NOW, name);
    made_free(leaf);
}

static void tells_the_facts_of_a_certificate(void **state) {
    (void)state;
    struct made *leaf = cert_make(&(struct recipe){.cn = "mx.example.org",
                                                   .organization = "Exämple, Inc",
                                                   .serial = 0xAB01,
                                                   .names = "DNS:mx.example.org,IP:192.0.2.1,IP:2001:db8::1,"
                                                            "email:a@example.org,URI:https://example.org/"},
                                  lab.ec, lab.intermediate);
    judge(leaf, lab.intermediate, NOW, "mx.example.org");
    uint8_t sha256[32];
    char hex[65];
    assert_true(digest_sha256(lab.digest, leaf->der, leaf->len, sha256));
    hex_lower(sha256, sizeof sha256, hex);
    assert_string_equal(lab.cert.sha256, hex);
    assert_string_equal(lab.cert.subject_cn, "mx.example.org");
    assert_string_equal(lab.cert.subject_dn, "CN=mx.example.org,O=Exämple\\, Inc");
    assert_string_equal(lab.cert.issuer_cn, "Intermediate");
    assert_string_equal(lab.cert.issuer_dn, "CN=Intermediate");
    assert_int_equal(lab.cert.not_before_s, NOW - 10 * DAY);
    assert_int_equal(lab.cert.not_after_s, NOW + 80 * DAY);
    assert_string_equal(lab.cert.serial_number, "AB01");
    assert_string_equal(lab.cert.signature_algorithm, "sha256WithRSAEncryption");
    assert_string_equal(lab.cert.public_key_algorithm, "id-ecPublicKey");
    assert_string_equal(lab.cert.public_key_curve, "secp256r1");
    assert_int_equal(lab.cert.public_key_size, 256);
    const char *const names[] = {"mx.example.org", "192.0.2.1", "2001:db8::1", "a@example.org",
                                 "https://example.org/"};
    assert_int_equal(lab.cert.alternative_names.num, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(lab.cert.alternative_names.items[i], names[i]);
    made_free(leaf);
}

static void accepts_a_good_chain_and_nothing_else(void **state) {
    (void)state;
    judge_leaf(&(struct recipe){.names = "DNS:mx.example.org"}, "mx.example.org");
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
    assert_null(lab.judgement.chain_error);
    assert_int_equal(lab.judgement.name_match, FACT_YES);
    assert_int_equal(lab.judgement.self_signed, FACT_NO);
    assert_int_equal(lab.judgement.days_left, 80);
    assert_false(lab.judgement.expired || lab.judgement.not_yet_valid || lab.judgement.expiring_soon ||
                 lab.judgement.weak_key || lab.judgement.weak_signature);

    /* chain_valid says nothing of the name, nor the name of the chain */
    judge_leaf(&(struct recipe){.names = "DNS:mx.example.org"}, "other.example.org");
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
    assert_int_equal(lab.judgement.name_match, FACT_NO);

    struct made *leaf = cert_make(&(struct recipe){.names = "DNS:mx.example.org"}, lab.ec, lab.intermediate);
    judge(leaf, NULL, NOW, "mx.example.org");
    assert_int_equal(lab.judgement.chain_valid, FACT_NO);
    assert_string_equal(lab.judgement.chain_error, "unable to get local issuer certificate");
    assert_int_equal(lab.judgement.name_match, FACT_YES);
    leaf->der[leaf->len - 1] ^= 1; /* the signature */
    judge(leaf, lab.intermediate, NOW, NULL);
    assert_string_equal(lab.judgement.chain_error, "certificate signature failure");
    made_free(leaf);

    judge_leaf(&(struct recipe){.usage = "clientAuth"}, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_NO);
    judge_leaf(&(struct recipe){.usage = "serverAuth"}, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
}

static size_t num_linked(struct trust *trust, const struct made *const *chain, size_t num) {
    struct trust_bytes bytes[4];
    for (size_t i = 0; i < num; i++)
        bytes[i] = (struct trust_bytes){chain[i]->der, chain[i]->len};
    event_reset(&lab.event, DATASET_SESSION);
    return trust_digests(trust, &(struct trust_copy){bytes, num}, &lab.event.arena).num_linked;
}

/* Who signed whom, the second time by what is remembered. */
static void links_end_where_a_signature_is_wrong(void **state) {
    (void)state;
    for (size_t wrong = 0; wrong <= 2; wrong++) {
        struct made *authority =
            cert_make(&(struct recipe){.cn = "Another", .ca = true, .not_after_s = NOW + DAY}, lab.ec,
                      lab.intermediate);
        struct made *below = cert_make(&(struct recipe){.cn = "mx.example.net"}, lab.ec, authority);
        const struct made *const chain[] = {below, authority, lab.intermediate, lab.root};
        const size_t expected[] = {4, 1, 2};
        if (wrong == 1)
            below->der[below->len - 1] ^= 1;
        else if (wrong == 2)
            authority->der[authority->len - 1] ^= 1;
        assert_int_equal(num_linked(lab.trust, chain, 4), expected[wrong]);
        assert_int_equal(num_linked(lab.trust, chain, 4), expected[wrong]);
        made_free(below);
        made_free(authority);
    }
}

/* What crosses to another thread is what came; of what is no certificate nothing. */
static void a_copy_is_of_the_same_bytes(void **state) {
    static const uint8_t junk[] = {0x30, 0x03, 0x02, 0x01, 0x00};
    (void)state;
    struct made *leaf = cert_make(&(struct recipe){.cn = "mx"}, lab.ec, lab.intermediate);
    struct trust_chain *chain = trust_chain_new(lab.trust);
    event_reset(&lab.event, DATASET_SESSION);
    assert_int_equal(trust_chain_copy(chain, &lab.event.arena).num, 0);
    trust_chain_add(chain, leaf->der, leaf->len);
    trust_chain_add(chain, junk, sizeof junk);
    struct trust_copy copy = trust_chain_copy(chain, &lab.event.arena);
    trust_chain_free(chain);
    assert_int_equal(copy.num, 2);
    assert_int_equal(copy.certificates[0].len, leaf->len);
    assert_memory_equal(copy.certificates[0].der, leaf->der, leaf->len);
    assert_int_equal(copy.certificates[1].len, 0);
    struct dane_chain digests = trust_digests(lab.trust, &copy, &lab.event.arena);
    assert_int_equal(digests.num, 2);
    assert_true(digests.certificates[0].known);
    assert_false(digests.certificates[1].known);
    made_free(leaf);
}

static void judges_as_of_the_packets_time(void **state) {
    (void)state;
    struct made *leaf = cert_make(&(struct recipe){.cn = "mx"}, lab.ec, lab.intermediate);
    const struct {
        int64_t at_s, days_left;
        enum fact valid;
        bool expired, not_yet_valid, expiring_soon;
    } moments[] = {
        {NOW - 10 * DAY - 1, 90, FACT_NO, false, true, false},
        {NOW - 10 * DAY, 90, FACT_YES, false, false, false},
        {NOW + 50 * DAY, 30, FACT_YES, false, false, false},
        {NOW + 50 * DAY + 1, 29, FACT_YES, false, false, true},
        {NOW + 80 * DAY - 1, 0, FACT_YES, false, false, true},
        {NOW + 80 * DAY + 1, -1, FACT_NO, true, false, false},
        {NOW + 81 * DAY + 1, -2, FACT_NO, true, false, false},
        {0, 19755, FACT_NO, false, true, false},                    /* 1970 */
        {INT64_C(4102444800), -27727, FACT_NO, true, false, false}, /* 2100 */
        {NOW, 80, FACT_YES, false, false, false},                   /* and back */
    };
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        judge(leaf, lab.intermediate, moments[i].at_s, NULL);
        assert_int_equal(lab.judgement.chain_valid, moments[i].valid);
        assert_int_equal(lab.judgement.days_left, moments[i].days_left);
        assert_int_equal(lab.judgement.expired, moments[i].expired);
        assert_int_equal(lab.judgement.not_yet_valid, moments[i].not_yet_valid);
        assert_int_equal(lab.judgement.expiring_soon, moments[i].expiring_soon);
    }
    judge(leaf, lab.intermediate, NOW + 80 * DAY + 1, NULL);
    assert_string_equal(lab.judgement.chain_error, "certificate has expired");
    /* the intermediate ends in its own time, and the root in its */
    judge(lab.intermediate, NULL, NOW + 365 * DAY - 1, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
    judge(lab.intermediate, NULL, NOW + 365 * DAY + 1, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_NO);
    judge(leaf, lab.intermediate, INT64_MIN, NULL);
    judge(leaf, lab.intermediate, INT64_MAX, NULL);
    assert_true(lab.judgement.expired);
    made_free(leaf);
}

static void works_each_thing_out_once(void **state) {
    (void)state;
    struct made *leaf = cert_make(&(struct recipe){.cn = "once"}, lab.ec, lab.intermediate);
    const struct trust_counters *counters = trust_counters(lab.trust);
    judge(leaf, lab.intermediate, NOW, NULL);
    struct trust_counters before = *counters;
    for (int64_t i = 1; i <= 5; i++)
        judge(leaf, lab.intermediate, NOW + i * DAY, NULL);
    assert_int_equal(counters->parsed, before.parsed);
    assert_int_equal(counters->cache_hits, before.cache_hits + 10);
    assert_int_equal(counters->verified, before.verified);
    judge(leaf, lab.intermediate, NOW + 90 * DAY, NULL); /* past notAfter: a new question */
    assert_int_equal(counters->verified, before.verified + 1);
    judge(leaf, NULL, NOW, NULL); /* another chain */
    assert_int_equal(counters->verified, before.verified + 2);
    made_free(leaf);
}

static void assert_hash_of(const struct made *made) {
    uint8_t sha256[32];
    char hex[65];
    judge(made, NULL, NOW, NULL);
    assert_true(digest_sha256(lab.digest, made->der, made->len, sha256));
    hex_lower(sha256, sizeof sha256, hex);
    assert_string_equal(lab.cert.sha256, hex);
}

/* Of the same length and with the same end, so that they are looked for at the same place. */
static void tells_certificates_with_the_same_end_apart(void **state) {
    (void)state;
    struct made *leaf = cert_make(&(struct recipe){.cn = "twin"}, lab.ec, lab.intermediate);
    for (int i = 0; i < 6; i++) {
        leaf->der[leaf->len - 20] ^= (uint8_t)(i < 4); /* of the signature: one, the other, and so on */
        assert_hash_of(leaf);
    }
    made_free(leaf);
}

static void matches_names_as_rfc_9525_says(void **state) {
    (void)state;
    const struct {
        const char *names, *expected;
        enum fact match;
    } cases[] = {
        {"DNS:mx.example.org", "MX.Example.ORG", FACT_YES},
        {"DNS:mx.example.org", "mx.example.org.", FACT_YES},
        {"DNS:mx.example.org", "example.org", FACT_NO},
        {"DNS:*.example.org", "mx.example.org", FACT_YES},
        {"DNS:*.example.org", "a.mx.example.org", FACT_NO},
        {"DNS:*.example.org", "example.org", FACT_NO},
        {"DNS:m*.example.org", "mx.example.org", FACT_NO},
        {"DNS:mx.*.org", "mx.example.org", FACT_NO},
        {"DNS:*.example.org", "*.example.org", FACT_NO},
        {"DNS:mx.example.org", ".example.org", FACT_NO},
        {"DNS:xn--bcher-kva.example", "xn--bcher-kva.example", FACT_YES},
        {"DNS:mx.example.org", "", FACT_UNKNOWN},
        {"DNS:mx.example.org", ".", FACT_NO},
        {"DNS:mx.example.org", NULL, FACT_UNKNOWN},
        {"IP:192.0.2.1", "192.0.2.1", FACT_YES},
        {"IP:192.0.2.1", "[192.0.2.1]", FACT_YES},
        {"IP:192.0.2.1", "192.0.2.2", FACT_NO},
        {"IP:2001:db8::1", "[IPv6:2001:DB8:0::1]", FACT_YES},
        {"IP:2001:db8::1", "2001:db8::1", FACT_YES},
        {"DNS:192.0.2.1", "192.0.2.1", FACT_NO},
        {"email:x@example.org", "test", FACT_NO},
        {NULL, "test", FACT_NO}, /* the common name does not count */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        judge_leaf(&(struct recipe){.names = cases[i].names}, cases[i].expected);
        if (lab.judgement.name_match != cases[i].match)
            fail_msg("%s against %s", cases[i].expected ? cases[i].expected : "NULL",
                     cases[i].names ? cases[i].names : "no names");
    }
    char longer[400];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    judge_leaf(&(struct recipe){.names = "DNS:mx.example.org"}, longer);
    assert_int_equal(lab.judgement.name_match, FACT_NO);
}

/* More names than are remembered, with two certificates, so that answers are found, missed and replaced. */
static void remembers_for_which_certificate_a_name_matched(void **state) {
    (void)state;
    struct made *one = cert_make(&(struct recipe){.names = "DNS:*.one.example"}, lab.ec, NULL);
    struct made *two = cert_make(&(struct recipe){.names = "DNS:*.two.example"}, lab.ec, NULL);
    for (unsigned i = 0; i < 1600; i++) {
        char name[32];
        bool of_one = i % 3 == 0;
        snprintf(name, sizeof name, "n%u.%s.example", i / 2 % 600, of_one ? "one" : "two");
        judge(one, NULL, NOW, name);
        assert_int_equal(lab.judgement.name_match, fact_of(of_one));
        judge(two, NULL, NOW, name);
        assert_int_equal(lab.judgement.name_match, fact_of(!of_one));
        judge(two, NULL, NOW, name);
        assert_int_equal(lab.judgement.name_match, fact_of(!of_one));
    }
    made_free(one);
    made_free(two);
}

static void knows_self_signed_by_its_signature(void **state) {
    (void)state;
    struct made *self = cert_make(&(struct recipe){.cn = "self"}, lab.rsa, NULL);
    judge(self, NULL, NOW, NULL);
    assert_int_equal(lab.judgement.self_signed, FACT_YES);
    assert_string_equal(lab.judgement.chain_error, "self-signed certificate");
    self->der[self->len - 1] ^= 1;
    judge(self, NULL, NOW, NULL);
    assert_int_equal(lab.judgement.self_signed, FACT_NO);
    made_free(self);
    /* the same name, another's key */
    struct made *alike = cert_make(&(struct recipe){.cn = "Intermediate"}, lab.ec, lab.intermediate);
    judge(alike, NULL, NOW, NULL);
    assert_int_equal(lab.judgement.self_signed, FACT_NO);
    made_free(alike);
    judge(lab.root, NULL, NOW, NULL); /* self-signed, and trusted */
    assert_int_equal(lab.judgement.self_signed, FACT_YES);
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
}

static void finds_weak_keys_and_signatures(void **state) {
    (void)state;
    EVP_PKEY *rsa1024 = EVP_RSA_gen(1024);
    EVP_PKEY *ec192 = EVP_EC_gen("prime192v1");
    const struct {
        EVP_PKEY *key;
        const char *hash;
        bool weak_key, weak_signature;
    } cases[] = {
        {lab.rsa, "SHA256", false, false}, {rsa1024, "SHA256", true, false}, {ec192, "SHA256", true, false},
        {lab.ec, "SHA256", false, false},  {lab.rsa, "SHA1", false, true},   {lab.rsa, "MD5", false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made *made = cert_make(&(struct recipe){.hash = cases[i].hash}, cases[i].key, NULL);
        judge(made, NULL, NOW, NULL);
        assert_int_equal(lab.judgement.weak_key, cases[i].weak_key);
        assert_int_equal(lab.judgement.weak_signature, cases[i].weak_signature);
        made_free(made);
    }
    /* an intermediate's signature counts, a root's own does not */
    struct made *leaf = cert_make(&(struct recipe){0}, lab.ec, lab.intermediate);
    struct made *sub = cert_make(&(struct recipe){.cn = "sub", .hash = "SHA1", .ca = true}, lab.ec, lab.root);
    struct made *root = cert_make(&(struct recipe){.cn = "old", .hash = "SHA1", .ca = true}, lab.ec, NULL);
    judge(leaf, sub, NOW, NULL);
    assert_true(lab.judgement.weak_signature);
    judge(leaf, root, NOW, NULL);
    assert_false(lab.judgement.weak_signature);
    made_free(leaf);
    made_free(sub);
    made_free(root);
    EVP_PKEY_free(rsa1024);
    EVP_PKEY_free(ec192);
}

static void names_every_kind_of_key(void **state) {
    (void)state;
    EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *secp384 = EVP_EC_gen("P-384");
    const struct {
        EVP_PKEY *key;
        bool pss;
        const char *key_name, *signature_name, *curve;
        int64_t bits;
    } cases[] = {
        {lab.rsa, false, "rsaEncryption", "sha256WithRSAEncryption", NULL, 2048},
        {lab.rsa, true, "rsaEncryption", "rsassaPss", NULL, 2048},
        {lab.ec, false, "id-ecPublicKey", "ecdsa-with-SHA256", "secp256r1", 256},
        {secp384, false, "id-ecPublicKey", "ecdsa-with-SHA256", "secp384r1", 384},
        {ed25519, false, "ED25519", "ED25519", NULL, 256},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made *made = cert_make(&(struct recipe){.pss = cases[i].pss}, cases[i].key, NULL);
        judge(made, NULL, NOW, NULL);
        assert_string_equal(lab.cert.public_key_algorithm, cases[i].key_name);
        assert_string_equal(lab.cert.signature_algorithm, cases[i].signature_name);
        assert_int_equal(lab.cert.public_key_size, cases[i].bits);
        assert_int_equal(lab.judgement.self_signed, FACT_YES);
        assert_false(lab.judgement.weak_signature);
        if (cases[i].curve)
            assert_string_equal(lab.cert.public_key_curve, cases[i].curve);
        else
            assert_null(lab.cert.public_key_curve);
        made_free(made);
    }
    EVP_PKEY_free(ed25519);
    EVP_PKEY_free(secp384);
}

static const uint8_t oid_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const uint8_t oid_rsa_sha256[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b};
static const uint8_t oid_ml_dsa_44[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11};
static const uint8_t oid_nobodys[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x7f, 0x7f};

static void names_algorithms_that_it_cannot_verify(void **state) {
    (void)state;
    struct made *made = cert_make(&(struct recipe){.cn = "pq"}, lab.rsa, NULL);
    made_patch(made, oid_rsa, oid_ml_dsa_44, sizeof oid_rsa);
    made_patch(made, oid_rsa_sha256, oid_ml_dsa_44, sizeof oid_rsa_sha256);
    judge(made, NULL, NOW, NULL);
    assert_string_equal(lab.cert.subject_cn, "pq");
    assert_string_equal(lab.cert.signature_algorithm, "ML-DSA-44");
    assert_string_equal(lab.cert.public_key_algorithm, "ML-DSA-44");
    assert_int_equal(lab.cert.public_key_size, 8 * 270); /* the RSA key's bits that stand there */
    assert_false(lab.judgement.weak_key || lab.judgement.weak_signature);
    made_free(made);

    made = cert_make(&(struct recipe){0}, lab.rsa, NULL);
    made_patch(made, oid_rsa, oid_nobodys, sizeof oid_rsa);
    made_patch(made, oid_rsa_sha256, oid_nobodys, sizeof oid_rsa_sha256);
    judge(made, NULL, NOW, NULL);
    assert_string_equal(lab.cert.signature_algorithm, "2.16.840.1.101.3.4.127.127");
    assert_int_equal(lab.cert.public_key_size, EVENT_ABSENT);
    assert_int_equal(lab.judgement.self_signed, FACT_UNKNOWN);
    assert_int_equal(lab.judgement.chain_valid, FACT_UNKNOWN);
    made_free(made);
}

static void makes_hostile_names_safe(void **state) {
    (void)state;
    judge_leaf(&(struct recipe){.cn = "a\0b", .cn_len = 3}, NULL);
    assert_string_equal(lab.cert.subject_cn, "a\xEF\xBF\xBD"
                                             "b");
    assert_string_equal(lab.cert.subject_dn, "CN=a\\00b");
    judge_leaf(&(struct recipe){.cn = "\0m\0\xfc", .cn_len = 4, .cn_type = V_ASN1_BMPSTRING}, NULL);
    assert_string_equal(lab.cert.subject_cn, "mü");
    assert_string_equal(lab.cert.subject_dn, "CN=mü");
    judge_leaf(&(struct recipe){.cn = "m\xfc", .cn_type = V_ASN1_T61STRING}, NULL);
    assert_string_equal(lab.cert.subject_cn, "mü");
    judge_leaf(
        &(struct recipe){.cn = "\0\0\0m\0\x01\xf4\xe8", .cn_len = 8, .cn_type = V_ASN1_UNIVERSALSTRING},
        NULL);
    assert_string_equal(lab.cert.subject_cn, "m\xF0\x9F\x93\xA8");
    judge_leaf(&(struct recipe){.cn = "a\nb\x1b[2J"}, NULL);
    assert_string_equal(lab.cert.subject_dn, "CN=a\\0Ab\\1B[2J");
    judge_leaf(&(struct recipe){.first_cn = "wide", .cn = "narrow"}, NULL);
    assert_string_equal(lab.cert.subject_cn, "narrow");
    assert_string_equal(lab.cert.subject_dn, "CN=narrow,CN=wide");
    judge_leaf(&(struct recipe){.no_names = true, .names = "DNS:mx.example.org"}, "mx.example.org");
    assert_null(lab.cert.subject_cn);
    assert_null(lab.cert.subject_dn);
    assert_int_equal(lab.judgement.name_match, FACT_YES);
}

static void reads_names_that_openssl_refuses(void **state) {
    (void)state;
    struct made *made = cert_make(&(struct recipe){.cn = "a12", .organization = "Exämple"}, lab.rsa, NULL);
    made_patch(made, (const uint8_t *)"a12", (const uint8_t *)"a\xff\xfe", 3); /* not UTF-8 */
    judge(made, NULL, NOW, NULL);
    assert_string_equal(lab.cert.subject_cn, "a\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_string_equal(lab.cert.issuer_cn, "a\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_string_equal(lab.cert.subject_dn, "CN=a\xEF\xBF\xBD\xEF\xBF\xBD,O=Exämple");
    assert_int_equal(lab.cert.not_after_s, NOW + 80 * DAY);
    assert_int_equal(lab.cert.public_key_size, 2048);
    assert_int_equal(lab.judgement.chain_valid, FACT_UNKNOWN);
    assert_int_equal(lab.judgement.self_signed, FACT_UNKNOWN);
    made_free(made);
}

static void reads_dates_of_any_year(void **state) {
    (void)state;
    const struct {
        const char *raw;
        int64_t not_after_s;
    } cases[] = {
        {"19691231235959Z", -1},           {"500101000000Z", INT64_C(-631152000)},
        {"20500101000000Z", 2524608000},   {"99991231235959Z", INT64_C(253402300799)},
        {"00010101000000Z", -62135596800}, {"20240229120000Z", 1709208000},
        {"20231399000000Z", EVENT_ABSENT}, {"never", EVENT_ABSENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        judge_leaf(&(struct recipe){.raw_not_after = cases[i].raw}, NULL);
        assert_int_equal(lab.cert.not_after_s, cases[i].not_after_s);
        if (cases[i].not_after_s == EVENT_ABSENT) {
            assert_int_equal(lab.judgement.days_left, EVENT_ABSENT);
            assert_false(lab.judgement.expired || lab.judgement.expiring_soon);
            /* which OpenSSL 3.5 takes for no certificate when it is too short for a date */
            assert_int_equal(lab.judgement.chain_valid, lab.cert.subject_cn ? FACT_NO : FACT_UNKNOWN);
        }
    }
    judge_leaf(&(struct recipe){.not_before_s = -86400, .not_after_s = NOW + DAY, .serial = -255}, NULL);
    assert_int_equal(lab.cert.not_before_s, -86400);
    assert_string_equal(lab.cert.serial_number, "-FF");
}

static void bounds_what_is_large(void **state) {
    (void)state;
    static char names[64 * 1024];
    size_t len = 0;
    for (int i = 0; i < 1000; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%sDNS:host%d.example.org", i ? "," : "", i);
    uint64_t left_out = trust_counters(lab.trust)->names_left_out;
    judge_leaf(&(struct recipe){.names = names}, "host999.example.org");
    assert_int_equal(lab.cert.alternative_names.num, EVENT_LIST_MAX);
    assert_string_equal(lab.cert.alternative_names.items[255], "host255.example.org");
    assert_int_equal(trust_counters(lab.trust)->names_left_out, left_out + 1000 - EVENT_LIST_MAX);
    assert_int_equal(lab.judgement.name_match, FACT_YES); /* one that is not shown still counts */
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
}

static void bounds_what_open_chains_hold(void **state) {
    (void)state;
    static char large[DER_ROOM - 4096];
    memset(large, 'x', sizeof large);
    struct made *made = cert_make(&(struct recipe){.cn = large, .cn_len = sizeof large}, lab.ec, lab.root);
    const struct trust_counters *counters = trust_counters(lab.trust);
    struct trust_chain *chain = trust_chain_new(lab.trust);
    struct trust_counters before = *counters;
    for (uint8_t i = 0; i < 100; i++) { /* each another one by the signature's last byte */
        made->der[made->len - 1] = i;
        trust_chain_add(chain, made->der, made->len);
    }
    assert_true(counters->memory_full > before.memory_full);
    assert_true(counters->parsed - before.parsed >= 32); /* the cache's own bound is no bound for chains */
    assert_true(counters->evicted > before.evicted);
    assert_int_equal(counters->parsed - before.parsed + counters->memory_full - before.memory_full, 100);
    trust_chain_free(chain);
    before = *counters;
    judge(made, NULL, NOW, NULL); /* room again */
    assert_int_equal(counters->memory_full, before.memory_full);
    assert_int_equal(strlen(lab.cert.subject_cn), EVENT_TEXT_MAX);
    made_free(made);
}

static void bounds_what_is_copied(void **state) {
    (void)state;
    static char large[TRUST_COPY_MAX - 8192];
    memset(large, 'x', sizeof large);
    struct made *made = cert_make(&(struct recipe){.cn = large, .cn_len = sizeof large}, lab.ec, lab.root);
    const struct trust_counters *counters = trust_counters(lab.trust);
    struct trust_chain *chain = trust_chain_new(lab.trust);
    uint64_t before = counters->chains_not_copied;
    event_reset(&lab.event, DATASET_SESSION);
    trust_chain_add(chain, made->der, made->len);
    assert_int_equal(trust_chain_copy(chain, &lab.event.arena).num, 1);
    assert_int_equal(counters->chains_not_copied, before);
    trust_chain_add(chain, made->der, made->len);
    assert_int_equal(trust_chain_copy(chain, &lab.event.arena).num, 0);
    assert_int_equal(counters->chains_not_copied, before + 1);
    trust_chain_free(chain);
    made_free(made);
}

static void verifies_a_chain_of_a_hundred_and_more(void **state) {
    (void)state;
    enum { NUM = 300, LINKS = 120 };
    static struct made *made[NUM];
    static const uint8_t *ders[NUM];
    static size_t lens[NUM];
    for (int i = LINKS; i >= 0; i--) { /* made[LINKS] is signed by the root, made[0] is the leaf */
        char cn[32];
        snprintf(cn, sizeof cn, "link %d", i);
        made[i] =
            cert_make(&(struct recipe){.cn = cn, .ca = i > 0}, lab.ec, i < LINKS ? made[i + 1] : lab.root);
    }
    for (int i = 0; i < NUM; i++) {
        ders[i] = made[i <= LINKS ? i : LINKS]->der;
        lens[i] = made[i <= LINKS ? i : LINKS]->len;
    }
    judge_der(lab.trust, LINKS + 1, ders, lens, NOW, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
    assert_string_equal(lab.cert.subject_cn, "link 0");
    uint64_t before = trust_counters(lab.trust)->chains_too_long;
    judge_der(lab.trust, NUM, ders, lens, NOW, NULL);
    assert_int_equal(trust_counters(lab.trust)->chains_too_long, before + NUM - TRUST_CHAIN_MAX);
    for (int i = 0; i <= LINKS; i++)
        made_free(made[i]);
}

static void keeps_the_hash_of_what_it_cannot_parse(void **state) {
    (void)state;
    static const uint8_t huge[TRUST_CERTIFICATE_MAX + 1];
    const uint8_t *ders[] = {(const uint8_t *)"abc"};
    const size_t lens[] = {3};
    struct trust_counters before = *trust_counters(lab.trust);
    for (int i = 0; i < 2; i++) {
        judge_der(lab.trust, 1, ders, lens, NOW, "mx");
        assert_string_equal(lab.cert.sha256,
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_null(lab.cert.subject_cn);
        assert_null(lab.cert.serial_number);
        assert_int_equal(lab.cert.not_after_s, EVENT_ABSENT);
        assert_int_equal(lab.judgement.chain_valid, FACT_UNKNOWN);
        assert_int_equal(lab.judgement.name_match, FACT_UNKNOWN);
        assert_int_equal(lab.judgement.self_signed, FACT_UNKNOWN);
    }
    assert_int_equal(trust_counters(lab.trust)->unparsable, before.unparsable + 1);
    judge_der(lab.trust, 1, (const uint8_t *[]){huge}, (size_t[]){sizeof huge}, NOW, NULL);
    assert_non_null(lab.cert.sha256);
    assert_int_equal(trust_counters(lab.trust)->certificates_too_long, before.certificates_too_long + 1);

    /* bytes after a certificate change its hash, not what it says */
    lab.root->der[lab.root->len] = 0;
    judge_der(lab.trust, 1, (const uint8_t *[]){lab.root->der}, (size_t[]){lab.root->len + 1}, NOW, NULL);
    assert_string_equal(lab.cert.subject_cn, "Root");
}

static void says_nothing_of_an_empty_chain(void **state) {
    (void)state;
    struct trust_chain *chain = trust_chain_new(lab.trust);
    event_reset(&lab.event, DATASET_SESSION);
    assert_false(trust_describe(chain, &lab.event, &lab.cert));
    trust_judge(chain, NOW, "mx.example.org", &lab.judgement);
    assert_int_equal(lab.judgement.chain_valid, FACT_UNKNOWN);
    assert_int_equal(lab.judgement.name_match, FACT_UNKNOWN);
    assert_int_equal(lab.judgement.days_left, EVENT_ABSENT);
    trust_chain_free(chain);
    trust_chain_free(NULL);
    trust_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_facts_of_a_certificate),
        cmocka_unit_test(accepts_a_good_chain_and_nothing_else),
        cmocka_unit_test(links_end_where_a_signature_is_wrong),
        cmocka_unit_test(a_copy_is_of_the_same_bytes),
        cmocka_unit_test(judges_as_of_the_packets_time),
        cmocka_unit_test(works_each_thing_out_once),
        cmocka_unit_test(tells_certificates_with_the_same_end_apart),
        cmocka_unit_test(matches_names_as_rfc_9525_says),
        cmocka_unit_test(remembers_for_which_certificate_a_name_matched),
        cmocka_unit_test(knows_self_signed_by_its_signature),
        cmocka_unit_test(finds_weak_keys_and_signatures),
        cmocka_unit_test(names_every_kind_of_key),
        cmocka_unit_test(names_algorithms_that_it_cannot_verify),
        cmocka_unit_test(makes_hostile_names_safe),
        cmocka_unit_test(reads_names_that_openssl_refuses),
        cmocka_unit_test(reads_dates_of_any_year),
        cmocka_unit_test(bounds_what_is_large),
        cmocka_unit_test(bounds_what_open_chains_hold),
        cmocka_unit_test(bounds_what_is_copied),
        cmocka_unit_test(verifies_a_chain_of_a_hundred_and_more),
        cmocka_unit_test(keeps_the_hash_of_what_it_cannot_parse),
        cmocka_unit_test(says_nothing_of_an_empty_chain),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
