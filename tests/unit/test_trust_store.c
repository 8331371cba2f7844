/* Anchors from files and directories, and the spans between their dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../sensor/judge/trust_store.h"
#include "make_cert.h"

static struct {
    char directory[64], path[128], error[256];
    EVP_PKEY *key;
    struct made *one, *two;
    struct trust_store store;
} lab;

static int setup(void **state) {
    (void)state;
    strcpy(lab.directory, "/tmp/test_trust_store.XXXXXX");
    must(mkdtemp(lab.directory) != NULL, "mkdtemp");
    lab.key = EVP_EC_gen("P-256");
    lab.one = cert_make(&(struct recipe){.cn = "one", .ca = true, .not_before_s = 1000, .not_after_s = 3000},
                        lab.key, NULL);
    lab.two = cert_make(&(struct recipe){.cn = "two", .ca = true, .not_before_s = 2000, .not_after_s = 4000},
                        lab.key, NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    made_free(lab.one);
    made_free(lab.two);
    EVP_PKEY_free(lab.key);
    rmdir(lab.directory);
    return 0;
}

static const char *path_of(const char *name) {
    snprintf(lab.path, sizeof lab.path, "%s/%s", lab.directory, name);
    return lab.path;
}

static void write_bytes(const char *path, const void *bytes, size_t len) {
    FILE *file = fopen(path, "w");
    must(file != NULL && fwrite(bytes, 1, len, file) == len, path);
    fclose(file);
}

static bool load(const char *path) {
    return trust_store_load(&lab.store, path, lab.error, sizeof lab.error);
}

static void reads_a_directory_by_its_names(void **state) {
    (void)state;
    made_write_pem(lab.one, path_of("one.crt"));
    write_bytes(path_of("two.cer"), lab.two->der, lab.two->len); /* DER */
    write_bytes(path_of("README"), "no certificate", 14);
    write_bytes(path_of("bad.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 60);
    assert_true(load(lab.directory));
    assert_int_equal(lab.store.num_anchors, 2);
    trust_store_cleanup(&lab.store);
    unlink(path_of("one.crt"));
    unlink(path_of("two.cer"));
    assert_false(load(lab.directory));
    assert_null(lab.store.store);
    unlink(path_of("bad.pem"));

    made_write_pem(lab.one, path_of("0a1b2c3d.0")); /* as c_rehash names it */
    made_write_pem(lab.two, path_of("0a1b2c3d.x"));
    assert_true(load(lab.directory));
    assert_int_equal(lab.store.num_anchors, 1);
    trust_store_cleanup(&lab.store);
    unlink(path_of("0a1b2c3d.0"));
    unlink(path_of("0a1b2c3d.x"));
    unlink(path_of("README"));
}

static void reads_a_bundle(void **state) {
    (void)state;
    const char *path = path_of("bundle");
    FILE *file = fopen(path, "w");
    must(file != NULL, path);
    fputs("# some words\n", file);
    must(PEM_write_X509(file, lab.one->x509) && PEM_write_X509(file, lab.two->x509), path);
    fclose(file);
    assert_true(load(path));
    assert_int_equal(lab.store.num_anchors, 2);
    trust_store_cleanup(&lab.store);
    unlink(path_of("bundle"));
}

static void tells_the_span_between_dates(void **state) {
    (void)state;
    const struct {
        int64_t at_s, after_s, before_s; /* equal: at_s is a bound */
    } cases[] = {
        {0, INT64_MIN, 1000}, {999, INT64_MIN, 1000},  {1000, 0, 0}, {1001, 1000, 2000},
        {2000, 0, 0},         {2500, 2000, 3000},      {3000, 0, 0}, {3999, 3000, 4000},
        {4000, 0, 0},         {4001, 4000, INT64_MAX},
    };
    made_write_pem(lab.one, path_of("one.pem"));
    made_write_pem(lab.two, path_of("two.pem"));
    assert_true(load(lab.directory));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t after_s, before_s;
        bool between = trust_store_span(&lab.store, cases[i].at_s, &after_s, &before_s);
        assert_int_equal(between, cases[i].after_s != cases[i].before_s);
        if (between) {
            assert_int_equal(after_s, cases[i].after_s);
            assert_int_equal(before_s, cases[i].before_s);
        }
    }
    trust_store_cleanup(&lab.store);
    unlink(path_of("one.pem"));
    unlink(path_of("two.pem"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_directory_by_its_names),
        cmocka_unit_test(reads_a_bundle),
        cmocka_unit_test(tells_the_span_between_dates),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
