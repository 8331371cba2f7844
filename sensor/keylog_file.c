#include "keylog_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES  65536
#define MESSAGE_MAX 512

struct keylog_file {
    int fd;
    char *path;
    keylog_warn warn;
    void *context;
    struct keylog *keylog;
    uint64_t num_bad;
};

static void on_bad_line(void *context, uint64_t line, const char *cause) {
    struct keylog_file *file = context;
    char message[MESSAGE_MAX];
    if (++file->num_bad > KEYLOG_WARNINGS_MAX)
        return;
    snprintf(message, sizeof message, "%s:%" PRIu64 ": %s; the line is ignored", file->path, line, cause);
    file->warn(file->context, message);
}

static void warn_of_the_whole(struct keylog_file *file) {
    char message[MESSAGE_MAX];
    if (file->num_bad > KEYLOG_WARNINGS_MAX) {
        snprintf(message, sizeof message, "%s: %" PRIu64 " more such lines", file->path,
                 file->num_bad - KEYLOG_WARNINGS_MAX);
        file->warn(file->context, message);
    }
    if (keylog_num_dropped(file->keylog) > 0) {
        snprintf(message, sizeof message, "%s: %" PRIu64 " secrets are too many and were not kept",
                 file->path, keylog_num_dropped(file->keylog));
        file->warn(file->context, message);
    }
    if (keylog_num_secrets(file->keylog) == 0) {
        snprintf(message, sizeof message, "%s: no secrets of TLS 1.3 in it", file->path);
        file->warn(file->context, message);
    }
}

static struct keylog_file *file_new(const char *path, keylog_warn warn, void *context) {
    struct keylog_file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->fd = -1;
    file->warn = warn;
    file->context = context;
    file->path = strdup(path);
    file->keylog = keylog_new(on_bad_line, file);
    if (file->path && file->keylog)
        return file;
    keylog_file_close(file);
    return NULL;
}

struct keylog_file *keylog_file_open(const char *path, bool growing, keylog_warn warn, void *context,
                                     char *error, size_t error_len) {
    struct keylog_file *file = file_new(path, warn, context);
    if (!file) {
        snprintf(error, error_len, "out of memory");
        return NULL;
    }
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        snprintf(error, error_len, "%s: the key log cannot be opened: %s", path, strerror(errno));
    if (file->fd < 0 || !keylog_file_read(file, error, error_len)) {
        keylog_file_close(file);
        return NULL;
    }
    keylog_set_growing(file->keylog, growing);
    if (!growing) {
        keylog_end(file->keylog);
        warn_of_the_whole(file);
    }
    return file;
}

void keylog_file_close(struct keylog_file *file) {
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    keylog_free(file->keylog);
    free(file->path);
    free(file);
}

bool keylog_file_read(struct keylog_file *file, char *error, size_t error_len) {
    uint8_t buffer[READ_BYTES];
    ssize_t len;
    do {
        len = read(file->fd, buffer, sizeof buffer);
        if (len > 0)
            keylog_push(file->keylog, buffer, (size_t)len);
    } while (len > 0 || (len < 0 && errno == EINTR));
    if (len < 0)
        snprintf(error, error_len, "%s: the key log cannot be read: %s", file->path, strerror(errno));
    explicit_bzero(buffer, sizeof buffer);
    return len == 0;
}

/* Of a file that somebody emptied, what comes is read once it is opened again. */
bool keylog_file_has_more(const struct keylog_file *file) {
    struct stat status;
    off_t offset = lseek(file->fd, 0, SEEK_CUR);
    return offset >= 0 && fstat(file->fd, &status) == 0 && status.st_size > offset;
}

void keylog_file_reopen(struct keylog_file *file) {
    char message[MESSAGE_MAX];
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(message, sizeof message, "%s: the key log cannot be opened again: %s", file->path,
                 strerror(errno));
        file->warn(file->context, message);
        return;
    }
    close(file->fd);
    file->fd = fd;
    keylog_push(file->keylog, (const uint8_t *)"\n", 1); /* ends what the old file left without an end */
    if (!keylog_file_read(file, message, sizeof message))
        file->warn(file->context, message);
}

struct keylog *keylog_file_table(struct keylog_file *file) {
    return file->keylog;
}
