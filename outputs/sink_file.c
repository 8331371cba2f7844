#include "sink_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERROR_LEN 512

struct file_sink {
    struct sink sink; /* first, so that one can be cast to the other */
    const struct encoder *encoder;
    void *state; /* of the encoder */
    sink_file_write_fn *write;
    int fd;
    struct buffer pending; /* taken and not yet written; at most one event above SINK_FILE_WRITE_LEN */
    char error[ERROR_LEN]; /* "" when nothing failed */
};

static void set_error(struct file_sink *file, const char *what) {
    (void)snprintf(file->error, sizeof file->error, "%s: %s", file->sink.target, what);
}

/* True when a failed write is to be tried again at once. */
static bool wait_for_room(const struct file_sink *file) {
    if (errno == EINTR) {
        return true;
    }
    if (errno != EAGAIN) {
        return false;
    }
    /* Standard output may have been made non-blocking by whoever shares it. */
    struct pollfd wanted = {.fd = file->fd, .events = POLLOUT};
    return poll(&wanted, 1, -1) > 0 || errno == EINTR;
}

/* Writes data; returns how much of it went out. Less than all: the error is set. */
static size_t write_all(struct file_sink *file, const char *data, size_t len) {
    size_t done = 0;
    while (done < len) {
        errno = EIO; /* for a write that takes nothing and names no reason */
        ssize_t taken = file->write(file->fd, data + done, len - done);
        if (taken > 0) {
            done += (size_t)taken;
        } else if (taken == 0 || !wait_for_room(file)) {
            file->sink.gone = errno == EPIPE && file->fd == STDOUT_FILENO;
            set_error(file, strerror(errno));
            break;
        }
    }
    return done;
}

static int file_flush(struct sink *sink) {
    struct file_sink *file = (struct file_sink *)sink;
    struct buffer *pending = &file->pending;
    if (sink->gone) {
        return -1;
    }
    size_t len = pending->len;
    size_t done = write_all(file, pending->data, len);
    if (done > 0) {
        memmove(pending->data, pending->data + done, len - done);
        pending->len = len - done;
    }
    return done == len ? 0 : -1;
}

static int file_write(struct sink *sink, const struct event *event) {
    struct file_sink *file = (struct file_sink *)sink;
    if (sink->gone || (file->pending.len >= SINK_FILE_WRITE_LEN && file_flush(sink) != 0)) {
        return -1;
    }
    size_t before = file->pending.len;
    file->encoder->encode(file->state, event, &file->pending);
    if (file->pending.failed) {
        file->pending.len = before;
        file->pending.failed = false;
        set_error(file, strerror(ENOMEM));
        return -1;
    }
    return 0;
}

static void file_free(struct file_sink *file) {
    if (file->state != NULL) {
        file->encoder->close(file->state);
    }
    buffer_cleanup(&file->pending);
    free(file->sink.target);
    free(file);
}

static int file_close(struct sink *sink) {
    struct file_sink *file = (struct file_sink *)sink;
    int result = file_flush(sink);
    /* A network file system may say only now that the bytes did not arrive. */
    if (file->fd != STDOUT_FILENO && close(file->fd) != 0 && errno != EINTR) {
        result = -1;
    }
    file_free(file);
    return result;
}

static const char *file_error(const struct sink *sink) {
    const struct file_sink *file = (const struct file_sink *)sink;
    return file->error[0] != '\0' ? file->error : NULL;
}

static const struct sink_ops file_ops = {file_write, file_flush, file_close, file_error, NULL, NULL};

static int target_open(const char *path) {
    if (strcmp(path, "-") == 0) {
        return STDOUT_FILENO;
    }
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

struct sink *sink_file_open(const struct encoder *encoder, const char *spec, const char *path,
                            sink_file_write_fn *write_fn, char *error, size_t error_len) {
    struct file_sink *file = calloc(1, sizeof *file);
    if (file != NULL) {
        file->sink.ops = &file_ops;
        file->sink.target = strdup(spec);
        file->sink.datasets = (1u << NUM_DATASETS) - 1;
        file->encoder = encoder;
        file->state = encoder->open();
        file->write = write_fn;
    }
    if (file == NULL || file->sink.target == NULL || file->state == NULL ||
        !buffer_reserve(&file->pending, SINK_FILE_WRITE_LEN)) {
        (void)snprintf(error, error_len, "%s: %s", spec, strerror(ENOMEM));
        goto failed;
    }
    file->fd = target_open(path);
    if (file->fd < 0) {
        (void)snprintf(error, error_len, "%s: %s", spec, strerror(errno));
        goto failed;
    }
    encoder->begin(file->state, &file->pending);
    return &file->sink;
failed:
    if (file != NULL) {
        file_free(file);
    }
    return NULL;
}
