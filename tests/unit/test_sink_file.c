/* Files behind sinks: what is there already, compression, rotation, disks that are full for a while. */
#include "../../outputs/sink_file.h"

#include "../../outputs/compress.h"
#include "../../outputs/json.h"
#include "../../outputs/sink_path.h"
#include "sample_event.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#define PATH_LEN 128
#define SECOND   UINT64_C(1000000000)
#define HOUR     (3600 * SECOND)

static char directory[] = "/tmp/starttap-file-XXXXXX";
static char path[PATH_LEN]; /* of a file in it */
static size_t num_messages;
static char last_message[512];

static void on_message(void *context, const char *message) {
    (void)context;
    num_messages++;
    (void)snprintf(last_message, sizeof last_message, "%s", message);
}

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static void empty_directory(void) {
    DIR *dir = opendir(directory);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
        }
    }
    (void)closedir(dir);
}

static int remove_directory(void **state) {
    (void)state;
    empty_directory();
    return rmdir(directory);
}

static void name_file(const char *name) {
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
}

static int each_begins_empty(void **state) {
    (void)state;
    empty_directory();
    name_file("events.ndjson");
    num_messages = 0;
    return 0;
}

/* The names in the directory in order, with blanks between. */
static char *list_files(void) {
    struct buffer names = {0};
    struct dirent **entries;
    int num = scandir(directory, &entries, NULL, alphasort);
    for (int i = 0; i < num; i++) {
        if (entries[i]->d_name[0] != '.') {
            buffer_printf(&names, "%s%s", names.len > 0 ? " " : "", entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    buffer_add_char(&names, '\0');
    return names.data;
}

static void check_files(const char *expected) {
    char *found = list_files();
    assert_string_equal(found, expected);
    free(found);
}

static struct buffer read_file(const char *name) {
    struct buffer content = {0};
    char buffer[PATH_LEN];
    (void)snprintf(buffer, sizeof buffer, "%s/%s", directory, name);
    FILE *file = fopen(buffer, "rb");
    assert_non_null(file);
    for (int c = getc(file); c != EOF; c = getc(file)) {
        buffer_add_char(&content, (char)c);
    }
    (void)fclose(file);
    return content;
}

/* Frames of Zstandard, one behind another, as they were before. */
static struct buffer unpack(struct buffer packed) {
    struct buffer out = {0};
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer in = {packed.data, packed.len, 0};
    size_t left = 0;
    while (in.pos < in.size) {
        assert_true(buffer_reserve(&out, 1 << 17));
        ZSTD_outBuffer room = {out.data + out.len, 1 << 17, 0};
        left = ZSTD_decompressStream(context, &room, &in);
        assert_false(ZSTD_isError(left));
        out.len += room.pos;
    }
    assert_int_equal(left, 0); /* the last frame is whole */
    (void)ZSTD_freeDCtx(context);
    buffer_cleanup(&packed);
    return out;
}

static struct sink *open_sink(const struct encoder *encoder, struct sink_file_settings settings) {
    char error[256] = "";
    settings.log = on_message;
    struct sink *sink = sink_file_open(encoder, "json:x", path, &settings, error, sizeof error);
    if (sink == NULL) {
        fail_msg("%s", error);
    }
    return sink;
}

static void check_refused(const struct encoder *encoder, struct sink_file_settings settings,
                          const char *says) {
    char error[256] = "";
    assert_null(sink_file_open(encoder, "json:x", path, &settings, error, sizeof error));
    if (strstr(error, says) == NULL) {
        fail_msg("%s, not %s", error, says);
    }
}

/* Sessions of which each can be told from the others, ending at a time. */
static void write_session(struct sink *sink, uint16_t number, uint64_t end_ns) {
    struct event event = {0};
    sample_session(&event);
    event.session.source.port = number;
    event.session.end_ns = end_ns;
    assert_int_equal(sink->ops->write(sink, &event), 0);
    event_cleanup(&event);
}

static void write_sessions(struct sink *sink, uint16_t first, uint16_t num) {
    for (uint16_t i = 0; i < num; i++) {
        write_session(sink, (uint16_t)(first + i), SECOND);
    }
}

static void close_sink(struct sink *sink) {
    assert_int_equal(sink->ops->close(sink), 0);
}

/* Each line is a session, numbered from `first` without a gap. */
static void check_sessions(struct buffer content, uint16_t first, uint16_t num) {
    const char *at = content.data;
    for (uint16_t i = 0; i < num; i++) {
        char wanted[32];
        const char *end = memchr(at, '\n', content.len - (size_t)(at - content.data));
        assert_non_null(end);
        (void)snprintf(wanted, sizeof wanted, "\"port\":%u,", first + i);
        assert_non_null(memmem(at, (size_t)(end - at), wanted, strlen(wanted)));
        assert_int_equal(at[0], '{');
        assert_int_equal(end[-1], '}');
        at = end + 1;
    }
    assert_int_equal(at - content.data, content.len);
    buffer_cleanup(&content);
}

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

/* Behind a frame that a crash cut nothing could be read: nothing is put there. */
static void test_compressed_and_torn(void **state) {
    (void)state;
    name_file("events.ndjson.zst");
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){0});
    write_sessions(sink, 1, 10);
    close_sink(sink);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    for (off_t len = status.st_size - 1; len > 0; len -= 97) {
        assert_int_equal(truncate(path, len), 0);
        check_refused(&json_encoder, (struct sink_file_settings){.append = true}, "ends within a frame");
    }
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
            assert_true(sink_path_put_aside(path, 2 * SECOND + 1));
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
    assert_false(sink_path_put_aside(path, 0));
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

/* --- disks that are full for a while --- */

/* What the stand-in for write(2) does; tests set it. */
static struct {
    unsigned calls, fail_at, fail_for; /* these calls fail, from 1 */
    int fail_errno;
    size_t most; /* bytes taken at once at most */
} fake;

static ssize_t fake_write(int fd, const void *data, size_t len) {
    fake.calls++;
    if (fake.fail_at > 0 && fake.calls >= fake.fail_at && fake.calls - fake.fail_at < fake.fail_for) {
        errno = fake.fail_errno;
        return -1;
    }
    return write(fd, data, len > fake.most ? fake.most : len);
}

/* Five files by time, with pauses in which all is written. Returns whether a write failed. */
static bool write_while_failing(unsigned nth) {
    fake.calls = 0;
    fake.fail_at = nth;
    fake.fail_for = nth % 3 + 1;
    fake.fail_errno = nth % 2 == 0 ? ENOSPC : EIO;
    fake.most = 1000;
    num_messages = 0;
    struct sink *sink =
        open_sink(&json_encoder, (struct sink_file_settings){.write = fake_write, .rotate_ns = HOUR});
    for (uint16_t i = 0; i < 20; i++) {
        write_session(sink, i, i / 4 * HOUR + SECOND);
        assert_int_equal(i % 3 == 0 ? sink->ops->flush(sink) : 0, 0);
    }
    for (unsigned i = 0; i < 10 && sink->ops->wait(sink, 0) > 0; i++) {
        assert_non_null(sink->ops->error(sink));
    }
    struct sink_stats stats;
    sink->ops->stats(sink, &stats);
    assert_int_equal(stats.num_written, 20);
    assert_int_equal(stats.num_delivered, 20);
    assert_int_equal(stats.num_waiting, 0);
    fake.fail_at = 0; /* what comes now is the end of the frame alone */
    close_sink(sink);
    assert_int_equal(num_messages, stats.errors[SINK_ERROR_DISK] > 0 ? 2 : 0); /* it fails; it is over */
    return stats.errors[SINK_ERROR_DISK] > 0;
}

/* All files, those put aside first, in the order of their names: which is that of time. */
static struct buffer read_all(void) {
    struct buffer all = {0};
    struct dirent **entries;
    bool packed = strstr(path, ".zst") != NULL;
    int num = scandir(directory, &entries, NULL, alphasort);
    for (int i = 0; i < num; i++) {
        if (entries[i]->d_name[0] != '.') {
            struct buffer content = read_file(entries[i]->d_name);
            content = packed ? unpack(content) : content;
            buffer_add(&all, content.data, content.len);
            buffer_cleanup(&content);
        }
        free(entries[i]);
    }
    free(entries);
    return all;
}

/* Whichever write fails, and for however long: said once, and in the end every event is there once, in order.
 */
static void test_nth_write_fails(void **state) {
    (void)state;
    static const char *const names[] = {"events.ndjson", "events.ndjson.zst"};
    for (size_t i = 0; i < 2; i++) {
        unsigned nth = 1;
        for (bool failed = true; failed; nth++) {
            empty_directory();
            name_file(names[i]);
            failed = write_while_failing(nth);
            check_sessions(read_all(), 0, 20);
        }
        assert_true(nth > 8);
    }
}

/* A disk that stays full: events wait in memory, up to a limit, and are said not to be written. */
static void test_full_disk(void **state) {
    (void)state;
    struct event event = {0};
    fake.calls = 0;
    fake.fail_at = 2;
    fake.fail_for = UINT32_MAX;
    fake.fail_errno = ENOSPC;
    fake.most = 1 << 20;
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){.write = fake_write});
    int result = 0;
    size_t taken = 0;
    sample_session(&event);
    while (result == 0) {
        event.session.source.port = (uint16_t)taken;
        result = sink->ops->write(sink, &event);
        taken += result == 0;
    }
    assert_int_equal(result, SINK_FULL);
    assert_true(fake.calls < 1000); /* not one for each event */
    assert_int_equal(num_messages, 1);
    assert_string_equal(last_message, "json:x: No space left on device; trying again");
    struct sink_stats stats;
    sink->ops->stats(sink, &stats);
    assert_true(stats.bytes_waiting >= SINK_FILE_PENDING_MAX &&
                stats.bytes_waiting < SINK_FILE_PENDING_MAX + 4096);
    assert_int_equal(stats.num_written, taken);
    assert_int_equal(sink->ops->wait(sink, 0), stats.num_waiting);
    fake.fail_at = 0;
    assert_int_equal(sink->ops->wait(sink, 0), 0);
    assert_string_equal(last_message, "json:x: written again");
    assert_int_equal(sink->ops->write(sink, &event), 0);
    sink->ops->stats(sink, &stats);
    close_sink(sink);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal((uint64_t)status.st_size, stats.bytes_written);
    event_cleanup(&event);
}

/* What is no matter of time has failed. */
static void test_other_errors_are_final(void **state) {
    (void)state;
    struct event event = {0};
    fake.calls = 0;
    fake.fail_at = 1;
    fake.fail_for = 1;
    fake.fail_errno = EFBIG;
    fake.most = 1 << 20;
    struct sink *sink = open_sink(&json_encoder, (struct sink_file_settings){.write = fake_write});
    sample_session(&event);
    assert_int_equal(sink->ops->write(sink, &event), 0);
    assert_int_equal(sink->ops->flush(sink), -1);
    assert_string_equal(sink->ops->error(sink), "json:x: File too large");
    close_sink(sink);
    event_cleanup(&event);
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
        cmocka_unit_test_setup(test_nth_write_fails, each_begins_empty),
        cmocka_unit_test_setup(test_full_disk, each_begins_empty),
        cmocka_unit_test_setup(test_other_errors_are_final, each_begins_empty),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
