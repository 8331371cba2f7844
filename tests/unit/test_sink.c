#include "../../outputs/sink_file.h"

#include "../../outputs/json.h"
#include "sample_event.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_LEN 128

static const struct sink_options defaults;

/* What the stand-in for write(2) does; tests set it. */
static struct {
    unsigned calls, fail_at; /* the fail_at-th call fails, from 1; 0: none */
    int fail_errno;
    size_t most; /* bytes taken at once at most; 0: all */
    struct buffer taken;
} fake;

static ssize_t fake_write(int fd, const void *data, size_t len) {
    (void)fd;
    if (++fake.calls == fake.fail_at) {
        errno = fake.fail_errno;
        return -1;
    }
    len = fake.most > 0 && len > fake.most ? fake.most : len;
    buffer_add(&fake.taken, data, len);
    return (ssize_t)len;
}

static void fake_reset(void) {
    buffer_cleanup(&fake.taken);
    memset(&fake, 0, sizeof fake);
}

static struct sink *open_fake(const struct encoder *encoder, const char *path) {
    char error[256];
    static const struct sink_path_io io = {.write = fake_write, .fsync = fsync};
    const struct sink_file_settings settings = {.io = &io};
    return sink_file_open(encoder, "json:fake", path, &settings, error, sizeof error);
}

static void temporary_path(char path[PATH_LEN]) {
    (void)snprintf(path, PATH_LEN, "/tmp/starttap-sink-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
}

static struct buffer read_file(const char *path) {
    struct buffer buffer = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    int c;
    while ((c = getc(file)) != EOF) {
        buffer_add_char(&buffer, (char)c);
    }
    (void)fclose(file);
    return buffer;
}

static size_t count_lines(const struct buffer *buffer) {
    size_t lines = 0;
    for (size_t i = 0; i < buffer->len; i++) {
        lines += buffer->data[i] == '\n';
    }
    return lines;
}

static void check_refused(const char *spec, const char *says) {
    char error[256] = "";
    assert_null(sink_open(spec, &defaults, error, sizeof error));
    if (strstr(error, says) == NULL) {
        fail_msg("%s: %s", spec, error);
    }
}

static void test_bad_specs(void **state) {
    (void)state;
    check_refused("", "a scheme is missing");
    check_refused("json", "a scheme is missing");
    check_refused("xml:out", "'xml:out'");
    check_refused("jsonx:out", "expected");
    check_refused("json:", "what follows the 'json:' is missing");
    check_refused("json:/nonexistent/out", "json:/nonexistent/out: No such file or directory");
    check_refused("csv:/tmp", "csv:/tmp: Is a directory");
    check_refused("json:out?colour=red", "unknown option 'colour'");
    check_refused("json:out?datasets=peer,mail", "'mail' is not a dataset");
    check_refused("json:out?profile=cef", "profile is ecs, zeek or eve");
    check_refused("csv:out?datasets=peer,sensor", "has sessions only");
    check_refused("json:out?profile=eve&datasets=peer", "has sessions only");
    check_refused("csv:out?profile=zeek", "unknown option 'profile'");
    check_refused("json:out?append=yes", "append takes no value");
    check_refused("json:out?rotate=0", "rotate wants a size, such as 100MB");
    check_refused("csv:out?every=soon", "every wants a time, such as 1h");
    check_refused("csv:out?every=367d", "every wants a time");
    check_refused("json:-?append", "append, rotate and every are for files");
    check_refused("sqlite:-", "cannot be written to standard output");
    check_refused("sqlite:out?append", "unknown option 'append'");
    char tiny[4];
    assert_null(sink_open("nonsense", &defaults, tiny, sizeof tiny));
    assert_int_equal(tiny[3], '\0');
}

static void test_same_place(void **state) {
    (void)state;
    assert_true(sink_same_place("json:-", "csv:-"));
    assert_true(sink_same_place("json:a.ndjson", "csv:./a.ndjson?datasets=session"));
    assert_true(sink_same_place("json:/tmp/a", "sqlite:/tmp/../tmp/./a"));
    assert_true(sink_same_place("kafka://b/t", "kafka://b/t?datasets=peer"));
    assert_false(sink_same_place("json:a", "json:b"));
    assert_false(sink_same_place("json:/tmp/a", "json:a"));
    assert_false(sink_same_place("json:/nonexistent/a", "json:/nonexistent/../nonexistent/a"));
    assert_false(sink_same_place("kafka://b/t", "kafka://b/u"));
    assert_false(sink_same_place("", "json:a"));
}

static void test_json_file(void **state) {
    (void)state;
    char path[PATH_LEN];
    char spec[PATH_LEN + 8];
    char error[256];
    temporary_path(path);
    FILE *old = fopen(path, "w");
    assert_non_null(old);
    (void)fputs("what was there before", old);
    (void)fclose(old);
    (void)snprintf(spec, sizeof spec, "json:%s", path);
    check_refused(spec, "is there already: add to it by ?append, or overwrite it by --force");
    const struct sink_options force = {.force = true};
    struct sink *sink = sink_open(spec, &force, error, sizeof error);
    assert_non_null(sink);
    assert_string_equal(sink_target(sink), spec);
    assert_null(sink_error(sink));
    struct event event = {0};
    struct buffer expected = {0};
    sample_session(&event);
    for (size_t i = 0; i < 500; i++) { /* more than is gathered */
        event.session.source.port = (uint16_t)i;
        assert_int_equal(sink_write(sink, &event), 0);
        json_encode(&event, &expected);
    }
    assert_true(expected.len > SINK_FILE_WRITE_LEN);
    assert_int_equal(sink_flush(sink), 0);
    struct buffer flushed = read_file(path);
    assert_int_equal(flushed.len, expected.len);
    assert_memory_equal(flushed.data, expected.data, expected.len);
    assert_int_equal(sink_write(sink, &event), 0);
    assert_int_equal(sink_close(sink), 0);
    struct buffer closed = read_file(path);
    assert_int_equal(count_lines(&closed), 501);
    buffer_cleanup(&flushed);
    buffer_cleanup(&closed);
    buffer_cleanup(&expected);
    event_cleanup(&event);
    (void)unlink(path);
}

static void test_csv_has_one_header(void **state) {
    (void)state;
    char path[PATH_LEN];
    char spec[PATH_LEN + 8];
    char error[256];
    temporary_path(path);
    (void)snprintf(spec, sizeof spec, "csv:%s", path);
    struct sink *sink = sink_open(spec, &defaults, error, sizeof error);
    assert_non_null(sink);
    struct event event = {0};
    sample_session(&event);
    assert_int_equal(sink_write(sink, &event), 0);
    assert_int_equal(sink_flush(sink), 0);
    assert_int_equal(sink_write(sink, &event), 0);
    assert_int_equal(sink_close(sink), 0);
    struct buffer written = read_file(path);
    assert_int_equal(count_lines(&written), 3);
    assert_memory_equal(written.data, "@timestamp,", 11);
    const char *second = (const char *)memchr(written.data, '\n', written.len) + 1;
    assert_memory_equal(second, "2023-11-14T", 11);
    buffer_cleanup(&written);
    event_cleanup(&event);
    (void)unlink(path);
}

static void test_partial_writes(void **state) {
    (void)state;
    fake_reset();
    fake.most = 7;
    fake.fail_at = 3;
    fake.fail_errno = EINTR; /* is no failure */
    struct sink *sink = open_fake(&json_encoder, "/dev/null");
    struct event event = {0};
    struct buffer expected = {0};
    sample_session(&event);
    json_encode(&event, &expected);
    assert_int_equal(sink_write(sink, &event), 0);
    assert_int_equal(sink_flush(sink), 0);
    assert_null(sink_error(sink));
    assert_int_equal(fake.taken.len, expected.len);
    assert_memory_equal(fake.taken.data, expected.data, expected.len);
    assert_int_equal(sink_close(sink), 0);
    buffer_cleanup(&expected);
    event_cleanup(&event);
    fake_reset();
}

/* Whichever write fails: the error is told, and trying again loses, tears and doubles nothing. */
static void test_nth_write_fails(void **state) {
    (void)state;
    struct event event = {0};
    struct buffer expected = {0};
    sample_session(&event);
    for (unsigned i = 0; i < 3; i++) {
        json_encode(&event, &expected);
    }
    unsigned total = (unsigned)((expected.len + 999) / 1000);
    assert_true(total > 3);
    for (unsigned nth = 1; nth <= total; nth++) {
        fake_reset();
        fake.most = 1000;
        fake.fail_at = nth;
        fake.fail_errno = nth % 2 == 0 ? ENOSPC : EIO;
        struct sink *sink = open_fake(&json_encoder, "/dev/null");
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(sink_write(sink, &event), 0);
        }
        assert_int_equal(sink_flush(sink), -1);
        char message[128];
        (void)snprintf(message, sizeof message, "json:fake: %s", strerror(fake.fail_errno));
        assert_string_equal(sink_error(sink), message);
        assert_false(sink_gone(sink));
        assert_int_equal(sink_flush(sink), 0);
        assert_int_equal(sink_close(sink), 0);
        assert_int_equal(fake.taken.len, expected.len);
        assert_memory_equal(fake.taken.data, expected.data, expected.len);
    }
    buffer_cleanup(&expected);
    event_cleanup(&event);
    fake_reset();
}

/* Nothing can be written any more: events are refused instead of filling the memory. */
static void test_full_disk_refuses(void **state) {
    (void)state;
    char error[256];
    struct sink *sink = sink_open("json:/dev/full", &defaults, error, sizeof error);
    assert_non_null(sink);
    struct event event = {0};
    sample_session(&event);
    size_t taken = 0;
    while (taken < 10000 && sink_write(sink, &event) == 0) {
        taken++;
    }
    assert_true(taken > 0 && taken < 1000);
    assert_string_equal(sink_error(sink), "json:/dev/full: No space left on device");
    assert_int_equal(sink_write(sink, &event), -1);
    assert_int_equal(sink_flush(sink), -1);
    assert_int_equal(sink_close(sink), -1);
    event_cleanup(&event);
}

/* With standard output a pipe that nobody reads. */
static void test_broken_pipe_on_standard_output(void **state) {
    (void)state;
    int ends[2];
    char error[256];
    int saved = dup(STDOUT_FILENO);
    (void)fflush(stdout);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    struct sink *sink = sink_open("json:-", &defaults, error, sizeof error);
    struct event event = {0};
    sample_session(&event);
    int written = sink != NULL ? sink_write(sink, &event) : -2;
    int flushed = sink != NULL ? sink_flush(sink) : -2;
    bool gone = sink != NULL && sink_gone(sink);
    int again = sink != NULL ? sink_write(sink, &event) : -2;
    int closed = sink_close(sink);
    (void)dup2(saved, STDOUT_FILENO); /* before any assertion may print */
    (void)close(saved);
    assert_int_equal(written, 0);
    assert_int_equal(flushed, -1);
    assert_true(gone);
    assert_int_equal(again, -1);
    assert_int_equal(closed, -1);
    event_cleanup(&event);
}

static void test_broken_pipe_elsewhere_is_a_failure(void **state) {
    (void)state;
    fake_reset();
    fake.fail_at = 1;
    fake.fail_errno = EPIPE;
    struct sink *sink = open_fake(&json_encoder, "/dev/null");
    struct event event = {0};
    sample_session(&event);
    assert_int_equal(sink_write(sink, &event), 0);
    assert_int_equal(sink_flush(sink), -1);
    assert_false(sink_gone(sink));
    assert_string_equal(sink_error(sink), "json:fake: Broken pipe");
    assert_int_equal(sink_close(sink), 0);
    event_cleanup(&event);
    fake_reset();
}

static void *read_fifo(void *path) {
    struct buffer *buffer = malloc(sizeof *buffer);
    *buffer = read_file(path);
    return buffer;
}

static void test_fifo(void **state) {
    (void)state;
    char path[PATH_LEN];
    char spec[PATH_LEN + 8];
    char error[256];
    temporary_path(path);
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_fifo, path), 0);
    (void)snprintf(spec, sizeof spec, "json:%s", path);
    struct sink *sink = sink_open(spec, &defaults, error, sizeof error);
    assert_non_null(sink);
    struct event event = {0};
    sample_session(&event);
    for (size_t i = 0; i < 400; i++) {
        assert_int_equal(sink_write(sink, &event), 0);
    }
    assert_int_equal(sink_close(sink), 0);
    void *result;
    assert_int_equal(pthread_join(reader, &result), 0);
    struct buffer *read = result;
    assert_int_equal(count_lines(read), 400);
    buffer_cleanup(read);
    free(read);
    event_cleanup(&event);
    (void)unlink(path);
}

/* Each sink gets the datasets that it wants, by its own option or by that of all. */
static void test_datasets(void **state) {
    (void)state;
    static const struct {
        const char *options;
        unsigned all;
        size_t lines;
    } cases[] = {
        {"", 0, 2},
        {"", 1u << DATASET_SESSION, 1},
        {"", 1u << DATASET_SENSOR, 0},
        {"?datasets=peer,session", 1u << DATASET_SENSOR, 2},
        {"?datasets=peer", 0, 1},
        {"?datasets=sensor", 0, 0},
    };
    char path[PATH_LEN];
    char spec[PATH_LEN + 64];
    char error[256];
    struct event session = {0};
    struct event peer = {0};
    sample_session(&session);
    event_reset(&peer, DATASET_PEER);
    sample_id(&peer);
    temporary_path(path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sink_options options = {.datasets = cases[i].all, .force = true};
        (void)snprintf(spec, sizeof spec, "json:%s%s", path, cases[i].options);
        struct sink *sink = sink_open(spec, &options, error, sizeof error);
        assert_non_null(sink);
        assert_int_equal(sink_write(sink, &session), 0);
        assert_int_equal(sink_write(sink, &peer), 0);
        assert_int_equal(sink_close(sink), 0);
        struct buffer written = read_file(path);
        assert_int_equal(count_lines(&written), cases[i].lines);
        buffer_cleanup(&written);
    }
    event_cleanup(&session);
    event_cleanup(&peer);
    (void)unlink(path);
}

static void test_close_takes_null(void **state) {
    (void)state;
    assert_int_equal(sink_close(NULL), 0);
}

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_specs),
        cmocka_unit_test(test_same_place),
        cmocka_unit_test(test_json_file),
        cmocka_unit_test(test_csv_has_one_header),
        cmocka_unit_test(test_partial_writes),
        cmocka_unit_test(test_nth_write_fails),
        cmocka_unit_test(test_full_disk_refuses),
        cmocka_unit_test(test_broken_pipe_on_standard_output),
        cmocka_unit_test(test_broken_pipe_elsewhere_is_a_failure),
        cmocka_unit_test(test_fifo),
        cmocka_unit_test(test_datasets),
        cmocka_unit_test(test_close_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
