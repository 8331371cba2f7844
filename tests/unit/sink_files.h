/* sink_files.h: sessions written into files of one directory and read back, for the tests of the file sink.
 */
#ifndef STARTTAP_TESTS_UNIT_SINK_FILES_H
#define STARTTAP_TESTS_UNIT_SINK_FILES_H

#include "../../outputs/json.h"
#include "../../outputs/sink_file.h"
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

static inline void on_message(void *context, const char *message) {
    (void)context;
    num_messages++;
    (void)snprintf(last_message, sizeof last_message, "%s", message);
}

static inline int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static inline void empty_directory(void) {
    DIR *dir = opendir(directory);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
        }
    }
    (void)closedir(dir);
}

static inline int remove_directory(void **state) {
    (void)state;
    empty_directory();
    return rmdir(directory);
}

static inline void name_file(const char *name) {
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
}

static inline int each_begins_empty(void **state) {
    (void)state;
    empty_directory();
    name_file("events.ndjson");
    num_messages = 0;
    return 0;
}

/* The names in the directory in order, with blanks between. */
static inline char *list_files(void) {
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

static inline void check_files(const char *expected) {
    char *found = list_files();
    assert_string_equal(found, expected);
    free(found);
}

static inline struct buffer read_file(const char *name) {
    struct buffer content = {0};
    char buffer[PATH_LEN + 256];
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
static inline struct buffer unpack(struct buffer packed) {
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

static inline struct sink *open_sink(const struct encoder *encoder, struct sink_file_settings settings) {
    char error[256] = "";
    settings.log = on_message;
    struct sink *sink = sink_file_open(encoder, "json:x", path, &settings, error, sizeof error);
    if (sink == NULL) {
        fail_msg("%s", error);
    }
    return sink;
}

static inline void check_refused(const struct encoder *encoder, struct sink_file_settings settings,
                                 const char *says) {
    char error[256] = "";
    assert_null(sink_file_open(encoder, "json:x", path, &settings, error, sizeof error));
    if (strstr(error, says) == NULL) {
        fail_msg("%s, not %s", error, says);
    }
}

/* Sessions of which each can be told from the others, ending at a time. */
static inline void write_session(struct sink *sink, uint16_t number, uint64_t end_ns) {
    struct event event = {0};
    sample_session(&event);
    event.session.source.port = number;
    event.session.end_ns = end_ns;
    assert_int_equal(sink->ops->write(sink, &event), 0);
    event_cleanup(&event);
}

static inline void write_sessions(struct sink *sink, uint16_t first, uint16_t num) {
    for (uint16_t i = 0; i < num; i++) {
        write_session(sink, (uint16_t)(first + i), SECOND);
    }
}

static inline void close_sink(struct sink *sink) {
    assert_int_equal(sink->ops->close(sink), 0);
}

/* Each line is a session, numbered from `first` without a gap. */
static inline void check_sessions(struct buffer content, uint16_t first, uint16_t num) {
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

#endif
