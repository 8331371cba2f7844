/* trust_lab.h: keys, certificates and a trust to judge them by, for the tests of trust. */
#ifndef STARTTAP_TESTS_UNIT_TRUST_LAB_H
#define STARTTAP_TESTS_UNIT_TRUST_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../sensor/judge/trust.h"
#include "make_cert.h"

/* What most tests share: keys, a CA that is trusted, and the trust that knows it. */
static struct {
    char directory[64], ca_path[96];
    EVP_PKEY *ec, *rsa;
    struct made *root, *intermediate;
    struct digest *digest;
    struct trust *trust;
    struct event event;
    struct event_cert cert;
    struct trust_judgement judgement;
} lab;

static inline int setup(void **state) {
    (void)state;
    strcpy(lab.directory, "/tmp/test_trust.XXXXXX");
    must(mkdtemp(lab.directory) != NULL, "mkdtemp");
    lab.ec = EVP_EC_gen("P-256");
    lab.rsa = EVP_RSA_gen(2048);
    lab.root =
        cert_make(&(struct recipe){.cn = "Root", .ca = true, .not_after_s = NOW + 3650 * DAY}, lab.ec, NULL);
    lab.intermediate = cert_make(
        &(struct recipe){.cn = "Intermediate", .ca = true, .not_after_s = NOW + 365 * DAY, .serial = 2},
        lab.rsa, lab.root);
    snprintf(lab.ca_path, sizeof lab.ca_path, "%s/root.pem", lab.directory);
    made_write_pem(lab.root, lab.ca_path);
    lab.digest = digest_new();
    const struct trust_options options = {.verify = true, .ca_path = lab.ca_path};
    char error[256] = "";
    lab.trust = trust_new(&options, lab.digest, error, sizeof error);
    must(lab.trust != NULL, error);
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    trust_free(lab.trust);
    digest_free(lab.digest);
    event_cleanup(&lab.event);
    made_free(lab.root);
    made_free(lab.intermediate);
    EVP_PKEY_free(lab.ec);
    EVP_PKEY_free(lab.rsa);
    unlink(lab.ca_path);
    rmdir(lab.directory);
    return 0;
}

/* Fills lab.cert and lab.judgement from a chain in DER. */
static inline void judge_der(struct trust *trust, size_t num, const uint8_t *const *ders, const size_t *lens,
                             int64_t at_s, const char *name) {
    struct trust_chain *chain = trust_chain_new(trust);
    for (size_t i = 0; i < num; i++)
        trust_chain_add(chain, ders[i], lens[i]);
    assert_int_equal(trust_chain_length(chain), num);
    event_reset(&lab.event, DATASET_SESSION);
    assert_true(trust_describe(chain, &lab.event, &lab.cert));
    trust_judge(chain, at_s, name, &lab.judgement);
    trust_chain_free(chain);
}

static inline void judge(const struct made *leaf, const struct made *above, int64_t at_s, const char *name) {
    const uint8_t *ders[] = {leaf->der, above ? above->der : NULL};
    const size_t lens[] = {leaf->len, above ? above->len : 0};
    judge_der(lab.trust, above ? 2 : 1, ders, lens, at_s, name);
}

#endif
