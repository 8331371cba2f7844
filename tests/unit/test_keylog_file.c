/* The file of --keylog: read at once, read on while it grows, and what is said when it is of no use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../sensor/keylog_file.h"
#include "rfc8448.h"

struct scene {
    char path[64], error[256], last[512];
    size_t num_warnings;
};

static void on_warning(void *context, const char *message) {
    struct scene *scene = context;
    scene->num_warnings++;
    snprintf(scene->last, sizeof scene->last, "%s", message);
}

static void append(const struct scene *scene, const char *text) {
    FILE *file = fopen(scene->path, "a");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void begin(struct scene *scene, const char *text) {
    *scene = (struct scene){.path = "/tmp/test_keylog_file.XXXXXX"};
    int fd = mkstemp(scene->path);
    assert_true(fd >= 0);
    close(fd);
    append(scene, text);
}

static struct keylog_file *open_file(struct scene *scene, bool growing) {
    return keylog_file_open(scene->path, growing, on_warning, scene, scene->error, sizeof scene->error);
}

static void reads_all_of_it(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, rfc8448_keylog);
    struct keylog_file *file = open_file(&scene, false);
    assert_non_null(file);
    assert_int_equal(keylog_num_secrets(keylog_file_table(file)), 4);
    assert_false(keylog_is_growing(keylog_file_table(file)));
    assert_int_equal(scene.num_warnings, 0);
    keylog_file_close(file);
    keylog_file_close(NULL);
    unlink(scene.path);
}

/* Read in the midst of a line; the rest of it comes later. */
static void reads_on(void **state) {
    (void)state;
    struct scene scene;
    char half[sizeof rfc8448_keylog / 2] = "";
    memcpy(half, rfc8448_keylog, sizeof half - 1);
    begin(&scene, "");
    struct keylog_file *file = open_file(&scene, true);
    assert_non_null(file);
    assert_true(keylog_is_growing(keylog_file_table(file)));
    append(&scene, half);
    assert_true(keylog_file_read(file, scene.error, sizeof scene.error));
    size_t early = keylog_num_secrets(keylog_file_table(file));
    assert_true(early > 0 && early < 4);
    assert_true(keylog_file_read(file, scene.error, sizeof scene.error)); /* nothing new */
    append(&scene, rfc8448_keylog + strlen(half));
    assert_true(keylog_file_read(file, scene.error, sizeof scene.error));
    assert_int_equal(keylog_num_secrets(keylog_file_table(file)), 4);
    assert_int_equal(scene.num_warnings, 0);
    keylog_file_close(file);
    unlink(scene.path);
}

static void warnings_are_few(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, "");
    for (size_t i = 0; i < KEYLOG_WARNINGS_MAX; i++)
        append(&scene, "bad line\n");
    struct keylog_file *file = open_file(&scene, false);
    assert_int_equal(scene.num_warnings, KEYLOG_WARNINGS_MAX + 1); /* and: no secrets in it */
    assert_non_null(strstr(scene.last, "no secrets"));
    keylog_file_close(file);
    append(&scene, "bad line\nbad line\n");
    append(&scene, rfc8448_keylog);
    scene.num_warnings = 0;
    file = open_file(&scene, false);
    assert_int_equal(scene.num_warnings, KEYLOG_WARNINGS_MAX + 1);
    assert_non_null(strstr(scene.last, ": 2 more such lines"));
    keylog_file_close(file);
    unlink(scene.path);
}

static void says_why_it_cannot_be_read(void **state) {
    (void)state;
    struct scene scene = {.path = "/nowhere/at/all"};
    assert_null(open_file(&scene, false));
    assert_non_null(strstr(scene.error, "/nowhere/at/all: the key log cannot be opened: "));
    snprintf(scene.path, sizeof scene.path, "/tmp");
    assert_null(open_file(&scene, false));
    assert_non_null(strstr(scene.error, "/tmp: the key log cannot be read: "));
    assert_int_equal(scene.num_warnings, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_of_it),
        cmocka_unit_test(reads_on),
        cmocka_unit_test(warnings_are_few),
        cmocka_unit_test(says_why_it_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
