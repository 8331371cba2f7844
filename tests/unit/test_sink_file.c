/* Files behind sinks: what is there already, compression, rotation. */
#include "sink_files.h"

/* --- what is there already --- */

static void test_new_append_force(void **state) {
    (void)state;
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){0});
    write_sessions(sink, 1, 2);
    close_sink(sink);
    check_refused(&json_encoder, (struct sink_file_settings){0},
                  "json:x: is there already: add to it by ?append");
    check_sessions(read_file("events.ndjson"), 1, 2);
    sink = open_sink(&json_encoder, (struct sink_file_settings){.append = true});
    write_sessions(sink, 3, 2);
    close_sink(sink);
    check_sessions(read_file("events.ndjson"), 1, 4);
    sink = open_sink(&json_encoder, (struct sink_file_settings){.force = true});
    write_sessions(sink, 9, 1);
    close_sink(sink);
    check_sessions(read_file("events.ndjson"), 9, 1);
    assert_int_equal(truncate(path, 0), 0);
    close_sink(open_sink(&json_encoder, (struct sink_file_settings){0})); /* empty: nothing to lose */
}

static void test_csv_header_once(void **state) {
    (void)state;
    for (uint16_t i = 0; i < 3; i++) {
        struct sink *sink = open_sink(&csv_encoder, (struct sink_file_settings){.append = true});
        write_session(sink, i, SECOND);
        close_sink(sink);
    }
    struct buffer content = read_file("events.ndjson");
    size_t headers = 0, lines = 0;
    for (size_t i = 0; i < content.len; i++) {
        headers += content.data[i] == '@';
        lines += content.data[i] == '\n';
    }
    assert_int_equal(headers, 1);
    assert_int_equal(lines, 4);
    buffer_cleanup(&content);
}

/* A line that a crash cut takes none of the next with it. */
static void write_file(const char *data, size_t len) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* A table that has other columns is left as it is. */
static void test_append_to_other_columns(void **state) {
    (void)state;
    struct sink_file_settings append = {.append = true};
    close_sink(open_sink(&csv_encoder, (struct sink_file_settings){0}));
    struct buffer head = read_file("events.ndjson");
    size_t fewer = (size_t)((char *)memrchr(head.data, ',', head.len) - head.data);
    head.data[fewer] = '\n';
    write_file(head.data, fewer + 1);
    check_refused(&csv_encoder, append, "json:x: has the columns of an earlier version");
    write_file(head.data, fewer); /* not even a line */
    check_refused(&csv_encoder, append, "json:x: has the columns of an earlier version");
    write_file("a,b\n1,2\n", 8);
    check_refused(&csv_encoder, append, "json:x: begins with other columns");
    struct buffer kept = read_file("events.ndjson");
    assert_int_equal(kept.len, 8);
    buffer_cleanup(&kept);
    buffer_cleanup(&head);
    name_file("events.csv.zst");
    struct sink *sink = open_sink(&csv_encoder, (struct sink_file_settings){0});
    write_sessions(sink, 1, 2);
    close_sink(sink);
    sink = open_sink(&csv_encoder, append);
    write_sessions(sink, 3, 2);
    close_sink(sink);
    sink = open_sink(&json_encoder, (struct sink_file_settings){.force = true});
    write_sessions(sink, 1, 2);
    close_sink(sink);
    check_refused(&csv_encoder, append, "json:x: begins with other columns");
}

static void test_append_to_torn_line(void **state) {
    (void)state;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("{\"torn", file);
    (void)fclose(file);
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){.append = true});
    write_sessions(sink, 1, 2);
    close_sink(sink);
    struct buffer content = read_file("events.ndjson");
    assert_memory_equal(content.data, "{\"torn\n{\"", 9);
    memmove(content.data, content.data + 7, content.len - 7);
    content.len -= 7;
    check_sessions(content, 1, 2);
}

static void test_locked(void **state) {
    (void)state;
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){0});
    check_refused(&json_encoder, (struct sink_file_settings){.append = true},
                  "json:x: another process writes it");
    check_refused(&json_encoder, (struct sink_file_settings){.force = true},
                  "json:x: another process writes it");
    close_sink(sink);
}

/* --- compression --- */

static void test_compressed(void **state) {
    (void)state;
    name_file("events.ndjson.zst");
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){0});
    write_sessions(sink, 1, 500);
    assert_int_equal(sink->ops->flush(sink), 0);
    write_sessions(sink, 501, 500);
    close_sink(sink);
    struct buffer packed = read_file("events.ndjson.zst");
    assert_true(packed.len < 100000);
    check_sessions(unpack(packed), 1, 1000);
    sink = open_sink(&json_encoder, (struct sink_file_settings){.append = true});
    write_sessions(sink, 1001, 10);
    close_sink(sink);
    check_sessions(unpack(read_file("events.ndjson.zst")), 1, 1010);
    close_sink(open_sink(&json_encoder, (struct sink_file_settings){.append = true}));
    check_sessions(unpack(read_file("events.ndjson.zst")), 1, 1010);
}

/* Behind a frame that a crash cut nothing could be read: it is put aside, as it is, and another is begun. */
static void test_compressed_and_torn(void **state) {
    (void)state;
    name_file("events.ndjson.zst");
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){0});
    write_sessions(sink, 1, 10);
    close_sink(sink);
    struct buffer whole = read_file("events.ndjson.zst");
    const struct timespec changed[2] = {{2, 0}, {2, 0}};
    for (size_t len = whole.len - 1; len > 0; len = len > 97 ? len - 97 : len - 1) {
        write_file(whole.data, len);
        assert_int_equal(utimensat(AT_FDCWD, path, changed, 0), 0);
        sink = open_sink(&json_encoder, (struct sink_file_settings){.append = true});
        write_sessions(sink, 11, 10);
        close_sink(sink);
        assert_string_equal(last_message, "json:x: ended within a frame, as after a crash: put aside");
        check_sessions(unpack(read_file("events.ndjson.zst")), 11, 10);
        struct buffer aside = read_file("events.19700101T000002Z.ndjson.zst");
        assert_int_equal(aside.len, len);
        assert_memory_equal(aside.data, whole.data, len);
        buffer_cleanup(&aside);
        empty_directory();
    }
    buffer_cleanup(&whole);
    write_file("no frame", 8);
    check_refused(&json_encoder, (struct sink_file_settings){.append = true}, "something else");
    sink = open_sink(&json_encoder, (struct sink_file_settings){.force = true});
    write_sessions(sink, 1, 10);
    close_sink(sink);
    check_sessions(unpack(read_file("events.ndjson.zst")), 1, 10);
}

/* --- rotation --- */

static void test_rotation_by_time(void **state) {
    (void)state;
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){.rotate_ns = HOUR});
    write_session(sink, 1, 10 * HOUR + 59 * 60 * SECOND);
    write_session(sink, 2, 10 * HOUR + HOUR - 1);
    write_session(sink, 3, 11 * HOUR); /* the hour is full */
    write_session(sink, 4, 10 * HOUR); /* late, and no reason to begin another */
    write_session(sink, 5, 30 * HOUR + SECOND);
    close_sink(sink);
    check_files("events.19700101T105900Z.ndjson events.19700101T110000Z.ndjson events.ndjson");
    check_sessions(read_file("events.19700101T105900Z.ndjson"), 1, 2);
    check_sessions(read_file("events.19700101T110000Z.ndjson"), 3, 2);
    check_sessions(read_file("events.ndjson"), 5, 1);
    assert_int_equal(num_messages, 0);
}

static void test_rotation_by_size(void **state) {
    (void)state;
    struct sink *sink = open_sink(&csv_encoder, (struct sink_file_settings){.rotate_len = 10000});
    write_sessions(sink, 1, 30);
    close_sink(sink);
    check_files("events.19700101T000001Z-1.ndjson events.19700101T000001Z-2.ndjson "
                "events.19700101T000001Z-3.ndjson events.19700101T000001Z-4.ndjson "
                "events.19700101T000001Z-5.ndjson events.19700101T000001Z-6.ndjson "
                "events.19700101T000001Z-7.ndjson events.19700101T000001Z.ndjson events.ndjson");
    struct buffer content = read_file("events.19700101T000001Z.ndjson");
    assert_true(content.len >= 10000 && content.len < 12000);
    assert_memory_equal(content.data, "@timestamp,", 11);
    assert_int_equal(content.data[content.len - 1], '\n');
    buffer_cleanup(&content);
    content = read_file("events.ndjson");
    assert_memory_equal(content.data, "@timestamp,", 11);
    buffer_cleanup(&content);
}

/* A file that is put aside is never written over another, and names keep their ending. */
static void test_names_of_files_put_aside(void **state) {
    (void)state;
    static const char *const names[][3] = {
        {"a.b.ndjson.zst", "a.b.19700101T000002Z.ndjson.zst", "a.b.19700101T000002Z-1.ndjson.zst"},
        {"plain", "plain.19700101T000002Z", "plain.19700101T000002Z-1"},
        {".hidden", ".hidden.19700101T000002Z", ".hidden.19700101T000002Z-1"},
        {"x.zst", "x.19700101T000002Z.zst", "x.19700101T000002Z-1.zst"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char made[2 * PATH_LEN];
        for (size_t k = 1; k < 3; k++) {
            name_file(names[i][0]);
            FILE *file = fopen(path, "w");
            assert_non_null(file);
            (void)fputs(names[i][k], file);
            (void)fclose(file);
            assert_true(sink_path_put_aside(path, 2 * SECOND + 1, &sink_path_system));
            assert_int_equal(access(path, F_OK), -1);
        }
        for (size_t k = 1; k < 3; k++) {
            struct buffer content = read_file(names[i][k]);
            assert_memory_equal(content.data, names[i][k], strlen(names[i][k]));
            buffer_cleanup(&content);
            (void)snprintf(made, sizeof made, "%s/%s", directory, names[i][k]);
            assert_int_equal(unlink(made), 0);
        }
    }
    assert_false(sink_path_put_aside(path, 0, &sink_path_system));
    assert_int_equal(errno, ENOENT);
}

static void test_rotation_compressed(void **state) {
    (void)state;
    name_file("events.ndjson.zst");
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){.rotate_ns = HOUR});
    for (uint16_t i = 0; i < 4; i++) {
        write_session(sink, i, i / 2 * HOUR + SECOND);
    }
    close_sink(sink);
    check_files("events.19700101T000001Z.ndjson.zst events.ndjson.zst");
    check_sessions(unpack(read_file("events.19700101T000001Z.ndjson.zst")), 0, 2);
    check_sessions(unpack(read_file("events.ndjson.zst")), 2, 2);
}

/* Somebody took the file away before it was to be put aside: events go on, into a new one. */
static void test_rotation_of_a_file_that_is_gone(void **state) {
    (void)state;
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){.rotate_ns = HOUR});
    write_session(sink, 1, SECOND);
    assert_int_equal(unlink(path), 0);
    write_session(sink, 2, HOUR);
    close_sink(sink);
    check_files("events.ndjson");
    check_sessions(read_file("events.ndjson"), 2, 1);
    assert_int_equal(num_messages, 1);
    assert_non_null(strstr(last_message, "No such file or directory, when it was to be renamed"));
}

static void test_reopen(void **state) {
    (void)state;
    char moved[2 * PATH_LEN];
    struct sink *sink = open_sink(&csv_encoder, (struct sink_file_settings){0});
    (void)snprintf(moved, sizeof moved, "%s.1", path);
    write_session(sink, 1, SECOND);
    assert_int_equal(rename(path, moved), 0);
    sink->ops->reopen(sink);
    check_files("events.ndjson events.ndjson.1");
    write_session(sink, 2, SECOND);
    sink->ops->reopen(sink); /* the same file: added to */
    write_session(sink, 3, SECOND);
    close_sink(sink);
    struct buffer first = read_file("events.ndjson.1"), second = read_file("events.ndjson");
    assert_non_null(memmem(first.data, first.len, ",1,", 3));
    assert_memory_equal(second.data, "@timestamp,", 11);
    size_t lines = 0;
    for (size_t i = 0; i < second.len; i++) {
        lines += second.data[i] == '\n';
    }
    assert_int_equal(lines, 3);
    buffer_cleanup(&first);
    buffer_cleanup(&second);
}

/* The directory went away: events wait until it is there again. */
static void test_reopen_fails_for_a_while(void **state) {
    (void)state;
    char inner[2 * PATH_LEN], away[2 * PATH_LEN];
    (void)snprintf(inner, sizeof inner, "%s/inner", directory);
    (void)snprintf(away, sizeof away, "%s/away", directory);
    assert_int_equal(mkdir(inner, 0700), 0);
    name_file("inner/events.ndjson");
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){0});
    write_session(sink, 1, SECOND);
    assert_int_equal(rename(inner, away), 0);
    sink->ops->reopen(sink);
    assert_int_equal(num_messages, 1);
    assert_string_equal(last_message, "json:x: No such file or directory; trying again");
    write_session(sink, 2, SECOND);
    assert_int_equal(sink->ops->flush(sink), 0);
    assert_int_equal(sink->ops->wait(sink, 0), 1);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(sink->ops->wait(sink, 0), 0);
    assert_int_equal(num_messages, 2);
    close_sink(sink);
    check_sessions(read_file("away/events.ndjson"), 1, 1);
    check_sessions(read_file("inner/events.ndjson"), 2, 1);
    (void)unlink(path);
    assert_int_equal(rmdir(inner), 0);
    name_file("away/events.ndjson");
    (void)unlink(path);
    assert_int_equal(rmdir(away), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_new_append_force, each_begins_empty),
        cmocka_unit_test_setup(test_csv_header_once, each_begins_empty),
        cmocka_unit_test_setup(test_append_to_other_columns, each_begins_empty),
        cmocka_unit_test_setup(test_append_to_torn_line, each_begins_empty),
        cmocka_unit_test_setup(test_locked, each_begins_empty),
        cmocka_unit_test_setup(test_compressed, each_begins_empty),
        cmocka_unit_test_setup(test_compressed_and_torn, each_begins_empty),
        cmocka_unit_test_setup(test_rotation_by_time, each_begins_empty),
        cmocka_unit_test_setup(test_rotation_by_size, each_begins_empty),
        cmocka_unit_test_setup(test_names_of_files_put_aside, each_begins_empty),
        cmocka_unit_test_setup(test_rotation_compressed, each_begins_empty),
        cmocka_unit_test_setup(test_rotation_of_a_file_that_is_gone, each_begins_empty),
        cmocka_unit_test_setup(test_reopen, each_begins_empty),
        cmocka_unit_test_setup(test_reopen_fails_for_a_while, each_begins_empty),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
