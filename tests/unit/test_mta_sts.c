#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../sensor/judge/mta_sts.h"

static void expect_wrong(const char *text, unsigned line, const char *what) {
    struct mta_sts_policy policy = {0};
    unsigned at = 99;
    const char *wrong = NULL;
    assert_false(mta_sts_parse(text, strlen(text), &policy, &at, &wrong));
    assert_int_equal(at, line);
    assert_non_null(strstr(wrong, what));
    assert_null(policy.mx);
}

/* The example of RFC 8461 section 3.2, with its comment on wildcards in section 4.1. */
static void test_example(void **state) {
    static const char text[] = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
                               "mx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n";
    struct mta_sts_policy policy;
    unsigned line;
    const char *wrong;
    (void)state;
    assert_true(mta_sts_parse(text, sizeof text - 1, &policy, &line, &wrong));
    assert_string_equal(policy.mode, "enforce");
    assert_int_equal(policy.num_mx, 3);
    assert_int_equal(policy.num_lines, 6);
    assert_string_equal(policy.lines[0], "version: STSv1");
    assert_string_equal(policy.lines[5], "max_age: 604800");
    assert_true(mta_sts_has_mx(&policy, "mail.example.com"));
    assert_true(mta_sts_has_mx(&policy, "MAIL.example.COM"));
    assert_true(mta_sts_has_mx(&policy, "mx1.example.net"));
    assert_false(mta_sts_has_mx(&policy, "a.mx1.example.net"));
    assert_false(mta_sts_has_mx(&policy, "example.net"));
    assert_false(mta_sts_has_mx(&policy, ".example.net"));
    assert_false(mta_sts_has_mx(&policy, ""));
    assert_false(mta_sts_has_mx(&policy, "mail.example.com.evil.example"));
    mta_sts_policy_cleanup(&policy);
}

/* The text is kept whole or not at all. */
static void test_long_text(void **state) {
    static const char start[] = "version: STSv1\nmode: none\nmax_age: 1\n";
    char text[4096];
    struct mta_sts_policy policy;
    unsigned line;
    const char *wrong;
    (void)state;
    for (size_t num = MTA_STS_LINES_MAX - 1; num <= MTA_STS_LINES_MAX + 1; num++) {
        strcpy(text, start);
        for (size_t i = 3; i < num; i++)
            strcat(text, "a: b\n\n");
        assert_true(mta_sts_parse(text, strlen(text), &policy, &line, &wrong));
        assert_int_equal(policy.num_lines, num <= MTA_STS_LINES_MAX ? num : 0);
        mta_sts_policy_cleanup(&policy);
    }
    for (int len = (int)MTA_STS_LINE_MAX; len <= (int)MTA_STS_LINE_MAX + 1; len++) {
        snprintf(text, sizeof text, "a: %0*d\n%s", len - 3, 0, start);
        assert_true(mta_sts_parse(text, strlen(text), &policy, &line, &wrong));
        assert_int_equal(policy.num_lines, len == (int)MTA_STS_LINE_MAX ? 4 : 0);
        mta_sts_policy_cleanup(&policy);
    }
}

static void test_other_forms(void **state) {
    static const char *const texts[] = {
        "version:STSv1\nmode:none\nmax_age:0",
        "max_age: 86400\nmx: a.example\nmode: testing\nextension: x y\nversion: STSv1\n\n",
        "version: STSv1\nmode: testing\nmode: enforce\nmx: a.example.\nmax_age: 31557600\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct mta_sts_policy policy;
        unsigned line;
        const char *wrong;
        assert_true(mta_sts_parse(texts[i], strlen(texts[i]), &policy, &line, &wrong));
        assert_string_equal(policy.mode, i == 0 ? "none" : "testing"); /* the first of a key counts */
        assert_int_equal(mta_sts_has_mx(&policy, "a.example"), i > 0);
        mta_sts_policy_cleanup(&policy);
    }
}

static void test_wrong(void **state) {
    (void)state;
    expect_wrong("", 0, "version");
    expect_wrong("version: STSv1\n", 0, "mode");
    expect_wrong("version: STSv1\nmode: enforce\nmax_age: 1\n", 0, "mx");
    expect_wrong("version: STSv1\nmode: none\n", 0, "max_age");
    expect_wrong("version: STSv2\n", 1, "STSv1");
    expect_wrong("version: STSv1\nmode: strict\n", 2, "mode");
    expect_wrong("version: STSv1\n\nmx: a b\n", 3, "mx");
    expect_wrong("version: STSv1\nmx: *\n", 2, "mx");
    expect_wrong("version: STSv1\nmx: a.*.example\n", 2, "mx");
    expect_wrong("max_age: 31557601\n", 1, "max_age");
    expect_wrong("max_age: -1\n", 1, "max_age");
    expect_wrong("max_age: 99999999999999999999\n", 1, "max_age");
    expect_wrong("hello\n", 1, "key: value");
}

static void write_file(const char *directory, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_directory(void **state) {
    static const char good[] = "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 1\n";
    char directory[] = "/tmp/test_mta_sts.XXXXXX", error[512], path[256];
    (void)state;
    assert_non_null(mkdtemp(directory));
    write_file(directory, "example.org.txt", good);
    write_file(directory, "Example.NET.txt", good);
    write_file(directory, "README", "not a policy");
    struct mta_sts *sts = mta_sts_load(directory, error, sizeof error);
    assert_non_null(sts);
    assert_string_equal(mta_sts_find(sts, "EXAMPLE.org")->domain, "example.org");
    assert_non_null(mta_sts_find(sts, "example.net"));
    assert_null(mta_sts_find(sts, "sub.example.org"));
    mta_sts_free(sts);
    write_file(directory, "broken.example.txt", "version: STSv1\nmode: yes\n");
    assert_null(mta_sts_load(directory, error, sizeof error));
    assert_non_null(strstr(error, "broken.example.txt:2: mode:"));
    static const char *const names[] = {"example.org.txt", "Example.NET.txt", "README", "broken.example.txt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(directory), 0);
    assert_null(mta_sts_load(directory, error, sizeof error));
    assert_non_null(strstr(error, directory));
    assert_null(mta_sts_find(NULL, "example.org"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example), cmocka_unit_test(test_long_text), cmocka_unit_test(test_other_forms),
        cmocka_unit_test(test_wrong),   cmocka_unit_test(test_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
