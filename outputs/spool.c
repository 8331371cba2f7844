#include "spool.h"

#include "buffer.h"
#include "spool_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENTS_PER_SPOOL 8 /* at least; the cap is kept by whole segments */

struct segment {
    uint64_t first; /* number of its first record, and its name */
    uint64_t len;   /* bytes of whole records */
    bool synced;
};

struct spool {
    int dir, lock_fd, acked_fd;
    struct spool_io io;
    uint64_t size_max, segment_max;
    bool drop_oldest;

    pthread_mutex_t mutex;    /* for all down to `reader` */
    struct segment *segments; /* in the order of their numbers */
    size_t num_segments, cap_segments;
    uint64_t bytes;   /* of all segments */
    uint64_t next;    /* number of the next record */
    uint64_t acked;   /* all below it were delivered */
    int append_fd;    /* of the last segment, -1: the next record begins a new one */
    bool dir_changed; /* since the directory was synced */
    uint64_t num_dropped, damaged_bytes;
    struct buffer pending; /* the record being appended */

    /* of the thread that reads */
    struct spool_reader reader;
    uint64_t acked_on_disk;
};

static const struct spool_io system_io = {openat, pwrite, fdatasync, fsync};

/* --- segments, with the mutex held --- */

static bool add_segment(struct spool *spool, uint64_t first, uint64_t len, bool synced) {
    if (spool->num_segments == spool->cap_segments) {
        size_t cap = spool->cap_segments * 2 + 16;
        struct segment *grown = realloc(spool->segments, cap * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        spool->segments = grown;
        spool->cap_segments = cap;
    }
    spool->segments[spool->num_segments++] = (struct segment){first, len, synced};
    spool->bytes += len;
    return true;
}

static void close_append(struct spool *spool) {
    if (spool->append_fd >= 0) {
        (void)close(spool->append_fd);
    }
    spool->append_fd = -1;
}

/* The number behind the last record of segment i. */
static uint64_t segment_end(const struct spool *spool, size_t i) {
    return i + 1 < spool->num_segments ? spool->segments[i + 1].first : spool->next;
}

static void remove_oldest(struct spool *spool) {
    char name[SPOOL_NAME_LEN];
    if (spool->num_segments == 1) {
        close_append(spool);
    }
    spool_file_name(spool->segments[0].first, name);
    (void)unlinkat(spool->dir, name, 0); /* what stays is removed at the next opening */
    spool->bytes -= spool->segments[0].len;
    spool->num_segments--;
    memmove(spool->segments, spool->segments + 1, spool->num_segments * sizeof *spool->segments);
}

static void remove_delivered(struct spool *spool) {
    while (spool->num_segments > 0 && segment_end(spool, 0) <= spool->acked) {
        remove_oldest(spool);
    }
}

/* Gives up the oldest records; false when there are none. */
static bool drop_oldest(struct spool *spool) {
    if (!spool->drop_oldest || spool->num_segments == 0) {
        return false;
    }
    uint64_t end = segment_end(spool, 0);
    if (end > spool->acked) {
        spool->num_dropped += end - spool->acked;
        spool->acked = end;
    }
    remove_oldest(spool);
    return true;
}

/* Begins a segment whose first record is the next one. */
static bool begin_segment(struct spool *spool) {
    char name[SPOOL_NAME_LEN];
    spool_file_name(spool->next, name);
    int fd = spool->io.openat(spool->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    if (!add_segment(spool, spool->next, 0, true)) {
        (void)close(fd);
        errno = ENOMEM;
        return false;
    }
    spool->append_fd = fd;
    spool->dir_changed = true;
    return true;
}

/* --- appending --- */

/* Writes the pending record behind the last whole one: what an earlier failure left there is overwritten. */
static bool write_pending(struct spool *spool) {
    uint64_t at = spool->segments[spool->num_segments - 1].len;
    size_t done = 0;
    while (done < spool->pending.len) {
        errno = EIO; /* for a write that takes nothing and names no reason */
        ssize_t taken = spool->io.pwrite(spool->append_fd, spool->pending.data + done,
                                         spool->pending.len - done, (off_t)(at + done));
        if (taken > 0) {
            done += (size_t)taken;
        } else if (taken == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

static bool is_no_room(int error) {
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

static bool try_append(struct spool *spool) {
    size_t len = spool->pending.len;
    uint64_t last_len = spool->num_segments > 0 ? spool->segments[spool->num_segments - 1].len : 0;
    if (last_len > 0 && last_len + len > spool->segment_max) {
        close_append(spool);
    }
    if (spool->append_fd < 0 && !begin_segment(spool)) {
        return false;
    }
    if (!write_pending(spool)) {
        return false;
    }
    struct segment *last = &spool->segments[spool->num_segments - 1];
    last->len += len;
    last->synced = false;
    spool->bytes += len;
    spool->next++;
    return true;
}

static enum spool_result append(struct spool *spool, const void *data, size_t len) {
    spool_file_encode(&spool->pending, spool->next, data, len);
    if (spool->pending.failed) {
        errno = ENOMEM;
        return SPOOL_FAILED;
    }
    for (;;) {
        errno = 0;
        bool over = spool->bytes + spool->pending.len > spool->size_max;
        if (!over && try_append(spool)) {
            return SPOOL_OK;
        }
        int error = errno;
        if (!over && !is_no_room(error)) {
            return SPOOL_FAILED;
        }
        if (!drop_oldest(spool)) {
            errno = error;
            return SPOOL_FULL;
        }
        /* the record is the same, its number too */
    }
}

enum spool_result spool_append(struct spool *spool, const void *data, size_t len) {
    if (len == 0 || len > SPOOL_RECORD_MAX) {
        errno = EMSGSIZE;
        return SPOOL_FAILED;
    }
    (void)pthread_mutex_lock(&spool->mutex);
    enum spool_result result = append(spool, data, len);
    (void)pthread_mutex_unlock(&spool->mutex);
    return result;
}

/* --- reading --- */

/* The segment that begins with number `from`, or the first one behind it, and the number behind its last
 * record; false when there is none. */
static bool find_segment(const struct spool *spool, uint64_t from, struct segment *found, uint64_t *end,
                         bool *last) {
    for (size_t i = 0; i < spool->num_segments; i++) {
        if (spool->segments[i].first >= from) {
            *found = spool->segments[i];
            *end = segment_end(spool, i);
            *last = i + 1 == spool->num_segments;
            return true;
        }
    }
    return false;
}

/* Where to begin for the oldest record that was not acknowledged. */
static uint64_t oldest_segment(const struct spool *spool) {
    for (size_t i = 0; i < spool->num_segments; i++) {
        if (segment_end(spool, i) > spool->acked) {
            return spool->segments[i].first;
        }
    }
    return spool->next;
}

void spool_rewind(struct spool *spool) {
    (void)pthread_mutex_lock(&spool->mutex);
    uint64_t first = oldest_segment(spool);
    (void)pthread_mutex_unlock(&spool->mutex);
    spool_reader_seek(&spool->reader, first);
}

static void note_damage(struct spool *spool) {
    (void)pthread_mutex_lock(&spool->mutex);
    spool->damaged_bytes += spool->reader.damaged_bytes;
    spool->reader.damaged_bytes = 0;
    (void)pthread_mutex_unlock(&spool->mutex);
}

enum spool_result spool_next(struct spool *spool, struct spool_record *record) {
    struct spool_reader *reader = &spool->reader;
    for (;;) {
        struct segment segment = {0};
        uint64_t end = 0;
        bool last = true;
        (void)pthread_mutex_lock(&spool->mutex);
        bool found = find_segment(spool, reader->first, &segment, &end, &last);
        uint64_t acked = spool->acked;
        (void)pthread_mutex_unlock(&spool->mutex);
        if (!found) {
            return SPOOL_EMPTY;
        }
        if (segment.first != reader->first) {
            spool_reader_seek(reader, segment.first);
        }
        enum spool_result result = spool_reader_next(reader, spool->dir, segment.len, end, record);
        if (reader->damaged_bytes > 0) {
            note_damage(spool);
        }
        if (result == SPOOL_OK && record->number < acked) {
            continue;
        }
        if (result != SPOOL_EMPTY || last) {
            return result;
        }
        spool_reader_seek(reader, segment.first + 1); /* to the one behind it */
    }
}

void spool_ack(struct spool *spool, uint64_t below) {
    (void)pthread_mutex_lock(&spool->mutex);
    assert(below <= spool->next);
    if (below > spool->acked) {
        spool->acked = below;
    }
    (void)pthread_mutex_unlock(&spool->mutex);
}

/* --- syncing --- */

/* Takes the first segment from number `from` on that is to be synced; false when there is none. */
static bool take_unsynced(struct spool *spool, uint64_t from, struct segment *taken) {
    bool found = false;
    (void)pthread_mutex_lock(&spool->mutex);
    for (size_t i = 0; i < spool->num_segments && !found; i++) {
        found = !spool->segments[i].synced && spool->segments[i].first >= from;
        if (found) {
            spool->segments[i].synced = true; /* what is appended meanwhile says otherwise again */
            *taken = spool->segments[i];
        }
    }
    (void)pthread_mutex_unlock(&spool->mutex);
    return found;
}

/* A failure is told once: the kernel forgets which bytes it could not write, so that trying again proves
 * nothing. */
static int sync_segments(struct spool *spool) {
    struct segment segment = {0};
    int result = 0;
    while (take_unsynced(spool, segment.first + 1, &segment)) {
        char name[SPOOL_NAME_LEN];
        spool_file_name(segment.first, name);
        int fd = openat(spool->dir, name, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            result = errno == ENOENT ? result : -1; /* dropped meanwhile */
            continue;
        }
        if (spool->io.fdatasync(fd) != 0) {
            result = -1;
        }
        (void)close(fd);
    }
    return result;
}

static int sync_directory(struct spool *spool) {
    (void)pthread_mutex_lock(&spool->mutex);
    bool changed = spool->dir_changed;
    spool->dir_changed = false;
    (void)pthread_mutex_unlock(&spool->mutex);
    return !changed || spool->io.fsync(spool->dir) == 0 || errno == EINVAL
               ? 0
               : -1; /* not every file system can */
}

/* Not synced: an older number on disk costs doubles, no event. */
int spool_save(struct spool *spool) {
    uint8_t text[SPOOL_ACKED_LEN];
    (void)pthread_mutex_lock(&spool->mutex);
    uint64_t acked = spool->acked;
    remove_delivered(spool);
    uint64_t oldest = spool->num_segments > 0 ? spool->segments[0].first : spool->next;
    (void)pthread_mutex_unlock(&spool->mutex);
    if (spool->reader.first <
        oldest) { /* a segment that is open takes room on the disk though it is removed */
        spool_reader_seek(&spool->reader, oldest);
    }
    if (acked == spool->acked_on_disk) {
        return 0;
    }
    spool_file_encode_acked(text, acked);
    if (spool->io.pwrite(spool->acked_fd, text, sizeof text, 0) != (ssize_t)sizeof text) {
        return -1;
    }
    spool->acked_on_disk = acked;
    return 0;
}

int spool_sync(struct spool *spool) {
    int segments = sync_segments(spool);
    int directory = sync_directory(spool);
    int acked = spool_save(spool);
    return segments == 0 && directory == 0 && acked == 0 ? 0 : -1;
}

struct spool_stats spool_stats(struct spool *spool) {
    (void)pthread_mutex_lock(&spool->mutex);
    struct spool_stats stats = {.num_waiting = spool->next - spool->acked,
                                .bytes = spool->bytes,
                                .num_dropped = spool->num_dropped,
                                .damaged_bytes = spool->damaged_bytes};
    (void)pthread_mutex_unlock(&spool->mutex);
    return stats;
}

/* --- opening and closing --- */

/* Numbers go on behind the last record that is there. A last segment without one is forgotten, so that its
 * name is free. */
static void find_next(struct spool *spool) {
    struct segment *last = &spool->segments[spool->num_segments - 1];
    uint64_t end = spool_reader_end(&spool->reader, spool->dir, last->first, last->len);
    spool->next = end > spool->next ? end : spool->next;
    if (last->first == spool->next) {
        spool->damaged_bytes += last->len;
        spool->bytes -= last->len;
        spool->num_segments--;
    }
}

/* What an earlier process left; the next record begins a new segment, so that nothing is written behind a
 * torn one. */
static bool load(struct spool *spool) {
    uint64_t *firsts = NULL;
    size_t num = 0;
    bool good = spool_file_list(spool->dir, &firsts, &num);
    spool->acked = spool->acked_on_disk = spool_file_read_acked(spool->acked_fd);
    if (num > 0 && firsts[0] > spool->acked) {
        spool->acked = firsts[0]; /* those before were removed, hence delivered */
    }
    spool->next = spool->acked;
    for (size_t i = 0; good && i < num; i++) {
        uint64_t len = 0;
        good = spool_file_len(spool->dir, firsts[i], &len) && add_segment(spool, firsts[i], len, false);
    }
    free(firsts);
    if (good && num > 0) {
        find_next(spool);
    }
    if (good) {
        remove_delivered(spool);
        spool_rewind(spool);
    }
    return good;
}

static void spool_free(struct spool *spool) {
    int fds[] = {spool->append_fd, spool->acked_fd, spool->lock_fd, spool->dir};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    spool_reader_cleanup(&spool->reader);
    buffer_cleanup(&spool->pending);
    free(spool->segments);
    (void)pthread_mutex_destroy(&spool->mutex);
    free(spool);
}

struct spool *spool_open(const char *dir, const struct spool_options *options, char *error,
                         size_t error_len) {
    struct spool *spool = calloc(1, sizeof *spool);
    if (spool == NULL) {
        (void)snprintf(error, error_len, "spool %s: %s", dir, strerror(ENOMEM));
        return NULL;
    }
    (void)pthread_mutex_init(&spool->mutex, NULL);
    spool->append_fd = spool->acked_fd = spool->lock_fd = -1;
    spool->io = options->io != NULL ? *options->io : system_io;
    spool->size_max = options->size_max > SPOOL_SIZE_MIN ? options->size_max : SPOOL_SIZE_MIN;
    spool->segment_max = spool->size_max / SEGMENTS_PER_SPOOL;
    spool->segment_max = spool->segment_max < SPOOL_SEGMENT_MAX ? spool->segment_max : SPOOL_SEGMENT_MAX;
    spool->drop_oldest = options->drop_oldest;
    spool_reader_init(&spool->reader);
    spool->dir = spool_file_open_dir(dir, &spool->lock_fd, error, error_len);
    if (spool->dir >= 0) {
        spool->acked_fd = openat(spool->dir, "acked", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (spool->acked_fd >= 0 && load(spool)) {
            return spool;
        }
        (void)snprintf(error, error_len, "spool %s: %s", dir, strerror(errno));
    }
    spool_free(spool);
    return NULL;
}

int spool_close(struct spool *spool) {
    if (spool == NULL) {
        return 0;
    }
    int result = spool_sync(spool);
    int error = errno;
    spool_free(spool);
    errno = error;
    return result;
}
