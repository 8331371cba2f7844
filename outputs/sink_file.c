#include "sink_file.h"

#include "compress.h"
#include "sink_clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ERROR_LEN 512
#define NS_PER_S  UINT64_C(1000000000)

struct file_sink {
    struct sink sink; /* first, so that one can be cast to the other */
    const struct encoder *encoder;
    void *state; /* of the encoder */
    struct sink_file_settings settings;
    char *path;
    struct sink_path file;         /* fd -1: to be opened again */
    struct compressor *compressor; /* NULL: as it is */
    struct buffer pending;         /* taken and not yet written, or not yet compressed */
    struct buffer packed;          /* compressed and not yet written */
    size_t num_pending;            /* events in both, as far as is known */
    uint64_t pending_since_ms;     /* when the oldest of them was taken */
    size_t try_at;                 /* bytes waiting at which they are written */
    uint64_t begin_ns;             /* of the first event in the file */
    bool has_events;               /* there is one */
    bool reopen_wanted;
    bool was_regular; /* what cannot be written is tried again */
    bool failing;     /* the last write failed; said once */
    bool may_pass;    /* it may work the next time */
    bool lost;        /* a file that was put aside could not be synced */
    struct sink_stats stats;
    char error[ERROR_LEN]; /* "" when nothing failed */
};

static void set_error(struct file_sink *file, const char *what) {
    (void)snprintf(file->error, sizeof file->error, "%s: %s", file->sink.target, what);
}

static void say(const struct file_sink *file, const char *what, const char *more) {
    char message[2 * ERROR_LEN];
    (void)snprintf(message, sizeof message, "%s%s", what, more);
    if (file->settings.log != NULL) {
        file->settings.log(file->settings.log_context, message);
    }
}

static size_t bytes_waiting(const struct file_sink *file) {
    return file->pending.len + file->packed.len;
}

/* --- opening --- */

/* Puts what stands before the first event, or ends a line that somebody left open, in front of what waits. */
static bool add_head(struct file_sink *file) {
    struct buffer head = {0};
    if (file->file.torn && file->compressor == NULL) {
        buffer_add_char(&head, '\n');
    }
    if (file->file.len == 0) {
        file->encoder->begin(file->state, &head);
    }
    buffer_add(&head, file->pending.data, file->pending.len);
    if (head.failed) {
        buffer_cleanup(&head);
        return false;
    }
    buffer_cleanup(&file->pending);
    file->pending = head;
    return true;
}

/* Why nothing can be added behind what the file begins with, found, where head is what a new one would begin
 * with: values under the names of other columns would be wrong. NULL: it can. */
static const char *compare_heads(const struct buffer *found, const struct buffer *head) {
    static const char other[] = "begins with other columns; put it aside";
    if (found->data == NULL || head->data == NULL) {
        return other;
    }
    const char *end = memchr(found->data, '\n', found->len);
    size_t line_len = end != NULL ? (size_t)(end - found->data) : found->len;
    if (found->len == head->len && memcmp(found->data, head->data, head->len) == 0) {
        return NULL;
    }
    if (line_len > 0 && line_len < head->len && head->data[line_len] == ',' &&
        memcmp(found->data, head->data, line_len) == 0) {
        return "has the columns of an earlier version, which are fewer; put it aside";
    }
    return other;
}

/* False with the error set when events cannot be added to what the file holds. */
static bool head_fits(struct file_sink *file) {
    struct buffer head = {0}, found = {0};
    const char *why = NULL;
    file->encoder->begin(file->state, &head);
    if (head.failed || !buffer_reserve(&found, head.len + 1)) {
        why = strerror(ENOMEM);
    } else if (head.len > 0) {
        ssize_t len = file->compressor != NULL ? (ssize_t)compressor_peek(file->file.fd, found.data, head.len)
                                               : pread(file->file.fd, found.data, head.len, 0);
        found.len = len > 0 ? (size_t)len : 0;
        why = len < 0 ? strerror(errno) : compare_heads(&found, &head);
    }
    if (why != NULL) {
        set_error(file, why);
    }
    buffer_cleanup(&head);
    buffer_cleanup(&found);
    return why == NULL;
}

static bool is_torn_frame(const struct file_sink *file) {
    return file->compressor != NULL && file->file.len > 0 && !compressor_is_whole(file->file.fd);
}

/* Behind a frame that a crash cut short nothing could be read: what is there gets the name of a rotated file,
 * after its last change, and another is begun. */
static bool put_torn_aside(struct file_sink *file) {
    struct stat status;
    char why[SINK_PATH_WHY_MAX];
    if (!compressor_begins_frame(file->file.fd)) {
        set_error(file, "holds something else than Zstandard frames, so nothing can be added to it");
        return false;
    }
    if (fstat(file->file.fd, &status) != 0 ||
        !sink_path_put_aside(file->path, (uint64_t)status.st_mtime * NS_PER_S, file->settings.io)) {
        (void)snprintf(why, sizeof why, "ends within a frame and cannot be put aside: %s", strerror(errno));
        set_error(file, why);
        return false;
    }
    (void)sink_path_close(&file->file, file->settings.io);
    say(file, file->sink.target, ": ended within a frame, as after a crash: put aside");
    if (sink_path_open(&file->file, file->path, SINK_PATH_NEW, why)) {
        return true;
    }
    set_error(file, why);
    return false;
}

static bool open_path(struct file_sink *file, enum sink_path_mode mode) {
    char why[SINK_PATH_WHY_MAX];
    if (!sink_path_open(&file->file, file->path, mode, why)) {
        set_error(file, why);
        return false;
    }
    if (is_torn_frame(file) && !put_torn_aside(file)) {
        /* says why */
    } else if (file->file.len > 0 && !head_fits(file)) {
        /* says why */
    } else if (!add_head(file)) {
        set_error(file, strerror(ENOMEM));
    } else {
        file->was_regular = file->file.is_regular;
        return true;
    }
    (void)sink_path_close(&file->file, file->settings.io);
    return false;
}

/* --- writing --- */

/* True when a failed write is to be tried again at once. */
static bool wait_for_room(const struct file_sink *file) {
    if (errno == EINTR) {
        return true;
    }
    if (errno != EAGAIN) {
        return false;
    }
    /* Standard output may have been made non-blocking by whoever shares it. */
    struct pollfd wanted = {.fd = file->file.fd, .events = POLLOUT};
    return poll(&wanted, 1, -1) > 0 || errno == EINTR;
}

/* Writes data; returns how much of it went out. Less than all: the error is set. */
static size_t write_all(struct file_sink *file, const char *data, size_t len) {
    size_t done = 0;
    while (done < len) {
        errno = EIO; /* for a write that takes nothing and names no reason */
        ssize_t taken = file->settings.io->write(file->file.fd, data + done, len - done);
        if (taken > 0) {
            done += (size_t)taken;
        } else if (taken == 0 || !wait_for_room(file)) {
            file->sink.gone = errno == EPIPE && file->file.fd == STDOUT_FILENO;
            file->may_pass = file->was_regular && (errno == ENOSPC || errno == EDQUOT || errno == EIO);
            set_error(file, strerror(errno));
            break;
        }
    }
    file->file.len += done;
    return done;
}

/* Writes what waits, once; false with the error set and may_pass. */
static bool write_waiting(struct file_sink *file, enum compress_how how) {
    struct buffer *out = &file->pending;
    if (file->file.fd < 0 && !open_path(file, SINK_PATH_APPEND)) {
        file->may_pass = true; /* it could be opened before */
        return false;
    }
    if (file->compressor != NULL) {
        out = &file->packed;
        if (!compressor_add(file->compressor, file->pending.data, file->pending.len, how, out)) {
            set_error(file, strerror(ENOMEM));
            return false;
        }
        buffer_clear(&file->pending);
    }
    size_t len = out->len;
    size_t done = len > 0 ? write_all(file, out->data, len) : 0;
    if (done > 0) {
        memmove(out->data, out->data + done, len - done);
        out->len = len - done;
    }
    return done == len;
}

/* Writes what waits. 0 also where it is worth trying again later, which is said once. */
static int try_write(struct file_sink *file, enum compress_how how) {
    if (file->sink.gone) {
        return -1;
    }
    file->may_pass = false;
    if (write_waiting(file, how)) {
        if (file->failing) {
            file->failing = false;
            say(file, file->sink.target, ": written again");
        }
        file->stats.num_delivered += file->num_pending;
        file->num_pending = 0;
        file->try_at = SINK_FILE_WRITE_LEN;
        return 0;
    }
    file->stats.errors[SINK_ERROR_DISK]++;
    if (!file->may_pass) {
        return -1;
    }
    if (!file->failing) {
        file->failing = true;
        say(file, file->error, "; trying again");
    }
    file->try_at = bytes_waiting(file) + SINK_FILE_WRITE_LEN;
    return 0;
}

/* --- another file behind the same path --- */

/* Closes the file; what follows goes into the one that the path then names. False: not all could be written
 * to it yet. */
static bool leave_file(struct file_sink *file) {
    if (try_write(file, COMPRESS_END) != 0 || bytes_waiting(file) > 0) {
        return false;
    }
    if (!sink_path_close(&file->file, file->settings.io)) {
        set_error(file, strerror(errno));
        say(file, file->error, ", when a file was closed: its end may be lost");
        file->stats.errors[SINK_ERROR_DISK]++;
        file->lost = true;
    }
    file->has_events = false;
    return true;
}

static uint64_t time_of(const struct event *event) {
    switch (event->dataset) {
    case DATASET_SESSION:
        return event->session.end_ns;
    case DATASET_PEER:
        return event->peer.window_end_ns;
    case DATASET_ALERT:
        return event->alert.time_ns;
    default:
        return event->sensor.end_ns;
    }
}

static bool rotation_due(const struct file_sink *file, const struct event *event) {
    const struct sink_file_settings *settings = &file->settings;
    if (!file->has_events || file->failing || !file->was_regular) {
        return false;
    }
    bool long_enough =
        settings->rotate_len > 0 && file->file.len + bytes_waiting(file) >= settings->rotate_len;
    bool old_enough = settings->rotate_ns > 0 &&
                      time_of(event) / settings->rotate_ns > file->begin_ns / settings->rotate_ns;
    return long_enough || old_enough;
}

/* Puts the file aside. Where that fails the events go on into the same one. */
static void rotate(struct file_sink *file) {
    uint64_t begin_ns = file->begin_ns;
    if (!leave_file(file)) {
        return;
    }
    if (!sink_path_put_aside(file->path, begin_ns, file->settings.io)) {
        set_error(file, strerror(errno));
        say(file, file->error, ", when it was to be renamed; it is written on");
        file->stats.errors[SINK_ERROR_DISK]++;
    }
}

static void file_reopen(struct sink *sink) {
    struct file_sink *file = (struct file_sink *)sink;
    file->reopen_wanted = file->was_regular && !leave_file(file);
    if (file->file.fd < 0) {
        (void)try_write(file, COMPRESS_MORE); /* opens it */
    }
}

/* --- as a sink --- */

static int file_write(struct sink *sink, const struct event *event) {
    struct file_sink *file = (struct file_sink *)sink;
    if (sink->gone || (bytes_waiting(file) >= file->try_at && try_write(file, COMPRESS_MORE) != 0)) {
        return -1;
    }
    if (bytes_waiting(file) >= SINK_FILE_PENDING_MAX) {
        return SINK_FULL;
    }
    if (file->reopen_wanted) {
        file_reopen(sink);
    }
    if (rotation_due(file, event)) {
        rotate(file);
    }
    size_t before = file->pending.len;
    file->encoder->encode(file->state, event, &file->pending);
    if (file->pending.failed) {
        file->pending.len = before;
        file->pending.failed = false;
        set_error(file, strerror(ENOMEM));
        return -1;
    }
    if (!file->has_events && file->pending.len > before) {
        file->has_events = true;
        file->begin_ns = time_of(event);
    }
    if (file->num_pending++ == 0) {
        file->pending_since_ms = sink_clock_ms();
    }
    file->stats.num_written++;
    file->stats.bytes_written += file->pending.len - before;
    return 0;
}

static int file_flush(struct sink *sink) {
    return try_write((struct file_sink *)sink, COMPRESS_FLUSH);
}

static uint64_t file_wait(struct sink *sink, unsigned timeout_ms) {
    struct file_sink *file = (struct file_sink *)sink;
    if (bytes_waiting(file) > 0 && try_write(file, COMPRESS_FLUSH) == 0 && bytes_waiting(file) > 0) {
        (void)poll(NULL, 0, (int)timeout_ms);
    }
    return file->num_pending;
}

static void file_stats(struct sink *sink, struct sink_stats *stats) {
    struct file_sink *file = (struct file_sink *)sink;
    *stats = file->stats;
    stats->num_waiting = file->num_pending;
    stats->bytes_waiting = bytes_waiting(file);
    stats->lag_ms = file->num_pending > 0 ? sink_clock_ms() - file->pending_since_ms : 0;
}

static void file_free(struct file_sink *file) {
    if (file->state != NULL) {
        file->encoder->close(file->state);
    }
    compressor_free(file->compressor);
    buffer_cleanup(&file->pending);
    buffer_cleanup(&file->packed);
    free(file->path);
    free(file->sink.target);
    free(file);
}

static int file_close(struct sink *sink) {
    struct file_sink *file = (struct file_sink *)sink;
    int result = try_write(file, COMPRESS_END) == 0 && bytes_waiting(file) == 0 && !file->lost ? 0 : -1;
    if (!sink_path_close(&file->file, file->settings.io)) {
        result = -1;
    }
    file_free(file);
    return result;
}

static const char *file_error(const struct sink *sink) {
    const struct file_sink *file = (const struct file_sink *)sink;
    return file->error[0] != '\0' ? file->error : NULL;
}

static const struct sink_ops file_ops = {.write = file_write,
                                         .flush = file_flush,
                                         .close = file_close,
                                         .error = file_error,
                                         .wait = file_wait,
                                         .stats = file_stats,
                                         .reopen = file_reopen};

static bool ends_in_zst(const char *path) {
    size_t len = strlen(path);
    return len >= 4 && strcmp(path + len - 4, ".zst") == 0;
}

/* All but the file itself. False: out of memory. */
static bool init(struct file_sink *file, const char *text, const char *path) {
    file->sink.ops = &file_ops;
    file->sink.datasets = (1u << NUM_DATASETS) - 1;
    file->sink.target = strdup(text);
    file->path = strdup(path);
    file->state = file->encoder->open();
    file->file.fd = -1;
    file->try_at = SINK_FILE_WRITE_LEN;
    file->settings.io = file->settings.io != NULL ? file->settings.io : &sink_path_system;
    if (ends_in_zst(path)) {
        file->compressor = compressor_new();
    }
    return file->sink.target != NULL && file->path != NULL && file->state != NULL &&
           (file->compressor != NULL || !ends_in_zst(path)) &&
           buffer_reserve(&file->pending, SINK_FILE_WRITE_LEN);
}

struct sink *sink_file_open(const struct encoder *encoder, const char *text, const char *path,
                            const struct sink_file_settings *settings, char *error, size_t error_len) {
    struct file_sink *file = calloc(1, sizeof *file);
    if (file == NULL) {
        (void)snprintf(error, error_len, "%s: %s", text, strerror(ENOMEM));
        return NULL;
    }
    file->encoder = encoder;
    file->settings = *settings;
    enum sink_path_mode mode = settings->append  ? SINK_PATH_APPEND
                               : settings->force ? SINK_PATH_FORCE
                                                 : SINK_PATH_NEW;
    if (!init(file, text, path)) {
        (void)snprintf(error, error_len, "%s: %s", text, strerror(ENOMEM));
    } else if (!open_path(file, mode)) {
        (void)snprintf(error, error_len, "%s", file->error);
    } else {
        return &file->sink;
    }
    file_free(file);
    return NULL;
}
