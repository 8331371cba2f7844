/* outputs/schema/ is made from the tables. STARTTAP_UPDATE_SCHEMA=1 writes it anew;
 * otherwise the test fails where a file and the code differ. */
#include "../../outputs/schema.h"

#include "../../outputs/fields.h"
#include "../../outputs/sqlite_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define SCHEMA_DIR TESTS_DIR "/../outputs/schema/"

static struct buffer read_file(const char *path) {
    struct buffer buffer = {0};
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        int c;
        while ((c = getc(file)) != EOF) {
            buffer_add_char(&buffer, (char)c);
        }
        (void)fclose(file);
    }
    buffer_add_char(&buffer, '\0');
    return buffer;
}

static void check_file(const char *path, void (*make)(struct buffer *)) {
    struct buffer made = {0};
    make(&made);
    buffer_add_char(&made, '\0');
    assert_false(made.failed);
    if (getenv("STARTTAP_UPDATE_SCHEMA") != NULL) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(made.data, 1, made.len - 1, file), made.len - 1);
        assert_int_equal(fclose(file), 0);
    }
    struct buffer stored = read_file(path);
    assert_string_equal(stored.data, made.data);
    buffer_cleanup(&stored);
    buffer_cleanup(&made);
}

/* Before check_file() may write it: columns only grow at the end. */
static void test_columns_only_grow(void **state) {
    (void)state;
    struct buffer stored = read_file(SCHEMA_DIR "columns.txt");
    struct buffer made = {0};
    schema_columns(&made);
    assert_true(made.len >= stored.len - 1);
    assert_memory_equal(made.data, stored.data, stored.len - 1);
    buffer_cleanup(&stored);
    buffer_cleanup(&made);
    check_file(SCHEMA_DIR "columns.txt", schema_columns);
}

static void test_schema_file(void **state) {
    (void)state;
    check_file(SCHEMA_DIR "starttap.schema.json", schema_json);
}

static void test_sqlite_file(void **state) {
    (void)state;
    check_file(SCHEMA_DIR "sqlite.sql", sqlite_schema_file);
}

/* Whoever changes a table or a view has to raise the version, so that databases of the one before get it. */
static void test_sqlite_version_is_raised(void **state) {
    (void)state;
    char line[64];
    struct buffer made = {0};
    struct sqlite_schema *schema = malloc(sizeof *schema);
    assert_non_null(schema);
    sqlite_schema_init(schema);
    for (size_t i = 0; i < NUM_SQLITE_TABLES; i++) {
        for (size_t k = 0; k < schema->tables[i].num_columns; k++) {
            const struct sqlite_column *column = &schema->tables[i].columns[k];
            buffer_printf(&made, "%s.%s %s\n", schema->tables[i].name, column->name, column->type);
        }
    }
    sqlite_schema_views(&made);
    assert_false(made.failed);
    (void)snprintf(line, sizeof line, "\n%d %08lx\n", SQLITE_SCHEMA_VERSION,
                   crc32(0, (const Bytef *)made.data, (uInt)made.len));
    struct buffer versions = read_file(TESTS_DIR "/unit/sqlite_versions.txt");
    if (strstr(versions.data, line) == NULL) {
        fail_msg(
            "a table or view was changed: raise SQLITE_SCHEMA_VERSION, and add to sqlite_versions.txt:%s",
            line);
    }
    buffer_cleanup(&versions);
    free(schema);
    buffer_cleanup(&made);
}

static void test_page_file(void **state) {
    (void)state;
    check_file(SCHEMA_DIR "fields.md", schema_page);
}

static void test_names_stand_in_their_groups(void **state) {
    (void)state;
    size_t num;
    const struct field *table = fields_table(&num);
    for (size_t i = 0; i < num; i++) {
        const struct field_group_info *info = fields_group((enum field_group)table[i].group);
        assert_int_equal(table[i].name_len, strlen(table[i].name));
        assert_memory_equal(table[i].name, info->prefix, info->prefix_len);
        assert_null(strchr(table[i].name + info->prefix_len, '.'));
        assert_true(table[i].datasets != 0);
        assert_true(strlen(table[i].describe) > 3 && strchr(table[i].describe, '|') == NULL);
    }
    for (unsigned i = 1; i < NUM_GROUPS; i++) {
        const struct field_group_info *info = fields_group((enum field_group)i);
        const struct field_group_info *parent = fields_group(info->parent);
        assert_int_equal(info->prefix_len, strlen(info->prefix));
        assert_true(info->prefix_len > parent->prefix_len);
        assert_memory_equal(info->prefix, parent->prefix, parent->prefix_len);
        assert_ptr_equal(strchr(info->prefix + parent->prefix_len, '.'), info->prefix + info->prefix_len - 1);
    }
}

/* What JSON copies is made of the same names. */
static void test_groups_in_json(void **state) {
    (void)state;
    for (unsigned i = 1; i < NUM_GROUPS; i++) {
        const struct field_group_info *info = fields_group((enum field_group)i);
        const struct field_group_info *parent = fields_group(info->parent);
        assert_int_equal(info->depth, parent->depth + 1);
        char expected[FIELD_JSON_MAX * 2];
        int name_len = (int)(info->prefix_len - parent->prefix_len) - 1;
        assert_int_equal(
            snprintf(expected, sizeof expected, "\"%.*s\":{", name_len, info->prefix + parent->prefix_len),
            info->json_len);
        assert_true(info->json_len < FIELD_JSON_MAX);
        assert_string_equal(info->json, expected);
    }
}

static void test_names_are_unique_in_a_dataset(void **state) {
    (void)state;
    size_t num;
    const struct field *table = fields_table(&num);
    for (size_t i = 0; i < num; i++) {
        for (size_t j = 0; j < i; j++) {
            if ((table[i].datasets & table[j].datasets) != 0) {
                assert_string_not_equal(table[i].name, table[j].name);
            }
        }
    }
}

static void test_session_fields_have_columns(void **state) {
    (void)state;
    size_t num;
    const struct field *table = fields_table(&num);
    for (size_t i = 0; i < num; i++) {
        assert_int_equal(table[i].column > 0, field_in(&table[i], DATASET_SESSION));
    }
}

/* Of the list that Elastic publishes, for the version that events name. */
static void test_ecs_names(void **state) {
    (void)state;
    size_t num;
    const struct field *table = fields_table(&num);
    struct buffer list = read_file(TESTS_DIR "/unit/ecs_names.txt");
    assert_non_null(strstr(list.data, "Elastic Common Schema " FIELDS_ECS_VERSION ","));
    for (size_t i = 0; i < num; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "\n%s\n", table[i].name);
        if (field_is_ecs(&table[i]) && strstr(list.data, line) == NULL) {
            fail_msg("%s is not a name of ECS", table[i].name);
        }
    }
    buffer_cleanup(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_only_grow),
        cmocka_unit_test(test_schema_file),
        cmocka_unit_test(test_sqlite_file),
        cmocka_unit_test(test_sqlite_version_is_raised),
        cmocka_unit_test(test_page_file),
        cmocka_unit_test(test_names_stand_in_their_groups),
        cmocka_unit_test(test_groups_in_json),
        cmocka_unit_test(test_names_are_unique_in_a_dataset),
        cmocka_unit_test(test_session_fields_have_columns),
        cmocka_unit_test(test_ecs_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
