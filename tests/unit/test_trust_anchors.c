/* test_trust_anchors.c: where trusted certificates come from, without any, and other ones while running. */
#include "trust_lab.h"

static void refuses_a_path_without_anchors(void **state) {
    (void)state;
    char error[256] = "";
    struct trust_options options = {.verify = true, .ca_path = "/dev/null"};
    assert_null(trust_new(&options, lab.digest, error, sizeof error));
    assert_string_equal(error, "no CA certificate found in /dev/null");
    options.ca_path = "/nonexistent";
    assert_null(trust_new(&options, lab.digest, error, sizeof error));
    assert_string_equal(error, "cannot read CA certificates from /nonexistent: No such file or directory");
}

static void leaves_chains_open_without_anchors(void **state) {
    (void)state;
    char error[256];
    const struct trust_options without = {.verify = false, .ca_path = "/nonexistent"};
    struct trust *trust = trust_new(&without, lab.digest, error, sizeof error);
    assert_non_null(trust);
    assert_false(trust_has_anchors(trust));
    judge_der(trust, 1, (const uint8_t *[]){lab.root->der}, (size_t[]){lab.root->len}, NOW, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_UNKNOWN);
    assert_null(lab.judgement.chain_error);
    assert_int_equal(lab.judgement.self_signed, FACT_YES);
    trust_free(trust);

    setenv("SSL_CERT_FILE", "/nonexistent", 1); /* a machine without a store */
    setenv("SSL_CERT_DIR", "/nonexistent:/nonexistent", 1);
    const struct trust_options system = {.verify = true};
    trust = trust_new(&system, lab.digest, error, sizeof error);
    assert_non_null(trust);
    assert_false(trust_has_anchors(trust));
    judge_der(trust, 1, (const uint8_t *[]){lab.root->der}, (size_t[]){lab.root->len}, NOW, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_UNKNOWN);
    trust_free(trust);
    setenv("SSL_CERT_FILE", lab.ca_path, 1);
    trust = trust_new(&system, lab.digest, error, sizeof error);
    assert_true(trust_has_anchors(trust));
    trust_free(trust);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
}

static void reads_its_anchors_again(void **state) {
    (void)state;
    char error[256];
    const struct trust_options good = {.verify = true, .ca_path = lab.ca_path}, without = {.verify = false};
    const struct trust_options wrong = {.verify = true, .ca_path = "/dev/null"};
    struct made *leaf = cert_make(&(struct recipe){.cn = "mx"}, lab.ec, lab.intermediate);
    struct trust_chain *open = trust_chain_new(lab.trust); /* of a session that goes on meanwhile */
    trust_chain_add(open, leaf->der, leaf->len);
    trust_chain_add(open, lab.intermediate->der, lab.intermediate->len);
    judge(leaf, lab.intermediate, NOW, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
    assert_false(trust_reload(lab.trust, &wrong, error, sizeof error));
    judge(leaf, lab.intermediate, NOW, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
    assert_true(trust_reload(lab.trust, &without, error, sizeof error));
    judge(leaf, lab.intermediate, NOW, NULL);
    assert_int_equal(lab.judgement.chain_valid, FACT_UNKNOWN);
    assert_true(trust_reload(lab.trust, &good, error, sizeof error));
    trust_judge(open, NOW, NULL, &lab.judgement);
    assert_int_equal(lab.judgement.chain_valid, FACT_YES);
    trust_chain_free(open);
    made_free(leaf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_path_without_anchors),
        cmocka_unit_test(leaves_chains_open_without_anchors),
        cmocka_unit_test(reads_its_anchors_again),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
