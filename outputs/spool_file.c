#include "spool_file.h"

#include "crc32c.h"
#include "little_endian.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define WINDOW_LEN    (256u * 1024)
#define SEGMENTS_MAX  1000000 /* in one directory */
#define NUMBER_DIGITS 20
#define DIR_LEN       4096

/* 0xff is in no UTF-8 text, so that the texts of a body hold no magic. */
static const uint8_t record_magic[4] = {0xff, 'S', 'P', '2'};
static const uint8_t record_magic_1[4] = {0xff, 'S', 'P', '1'}; /* of earlier versions: CRC-32 as in zlib */
static const uint8_t acked_magic[4] = {0xff, 'S', 'A', '1'};

/* --- the directory --- */

void spool_file_name(uint64_t first, char name[SPOOL_NAME_LEN]) {
    (void)snprintf(name, SPOOL_NAME_LEN, "%0*" PRIu64 ".seg", NUMBER_DIGITS, first);
}

/* False when name is not of a segment. */
static bool name_parse(const char *name, uint64_t *first) {
    if (strlen(name) != NUMBER_DIGITS + 4 || strcmp(name + NUMBER_DIGITS, ".seg") != 0) {
        return false;
    }
    for (size_t i = 0; i < NUMBER_DIGITS; i++) {
        if (!isdigit((unsigned char)name[i])) {
            return false;
        }
    }
    errno = 0;
    *first = strtoull(name, NULL, 10);
    return errno == 0 && *first > 0 && *first < SPOOL_NUMBER_MAX;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool list_add(uint64_t **firsts, size_t *num, uint64_t first) {
    if ((*num & (*num - 1)) == 0) { /* 0 or a power of two: full */
        uint64_t *grown = *num < SEGMENTS_MAX ? realloc(*firsts, (*num * 2 + 1) * sizeof *grown) : NULL;
        if (grown == NULL) {
            errno = ENOMEM;
            return false;
        }
        *firsts = grown;
    }
    (*firsts)[(*num)++] = first;
    return true;
}

bool spool_file_list(int dir, uint64_t **firsts, size_t *num) {
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    bool good = stream != NULL;
    *firsts = NULL;
    *num = 0;
    for (struct dirent *entry; good && (entry = readdir(stream)) != NULL;) {
        uint64_t first = 0;
        if (name_parse(entry->d_name, &first)) {
            good = list_add(firsts, num, first);
        }
    }
    if (*num > 0) {
        qsort(*firsts, *num, sizeof **firsts, by_number);
    }
    if (stream != NULL) {
        (void)closedir(stream);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

bool spool_file_len(int dir, uint64_t first, uint64_t *len) {
    char name[SPOOL_NAME_LEN];
    struct stat status;
    spool_file_name(first, name);
    if (fstatat(dir, name, &status, 0) != 0) {
        return false;
    }
    *len = (uint64_t)status.st_size;
    return true;
}

/* mkdir -p, for this user alone. */
static bool make_dirs(const char *dir) {
    char path[DIR_LEN];
    size_t len = strlen(dir);
    if (len >= sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(path, dir, len + 1);
    for (char *slash = path + 1; slash != NULL && *slash != '\0';) {
        slash = strchr(slash, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return false;
        }
        if (slash != NULL) {
            *slash++ = '/';
        }
    }
    return true;
}

/* The lock goes with the process, however that ends. */
static int take_lock(int dir, const char *name, char *error, size_t error_len) {
    char pid[24] = "";
    int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len) {
            pid[0] = '\0'; /* it is for people to read; a full disk must not keep us from delivering */
        }
        return fd;
    }
    if (fd >= 0 && errno == EWOULDBLOCK) {
        ssize_t len = pread(fd, pid, sizeof pid - 1, 0);
        pid[len > 0 ? (size_t)len : 0] = '\0';
        (void)snprintf(error, error_len, "spool %s: in use by another process (%ld)", name,
                       strtol(pid, NULL, 10));
    } else {
        (void)snprintf(error, error_len, "spool %s: %s", name, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

int spool_file_open_dir(const char *name, int *lock_fd, char *error, size_t error_len) {
    int dir = make_dirs(name) ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir < 0) {
        (void)snprintf(error, error_len, "spool %s: %s", name, strerror(errno));
        return -1;
    }
    *lock_fd = take_lock(dir, name, error, error_len);
    if (*lock_fd < 0) {
        (void)close(dir);
        return -1;
    }
    return dir;
}

/* --- records --- */

/* Of all but the magic; head is a record's. */
static uint32_t checksum(const uint8_t *head, const void *body, size_t body_len) {
    return crc32c(crc32c(0, head + 4, 12), body, body_len);
}

static uint32_t checksum_1(const uint8_t *head, const void *body, size_t body_len) {
    uLong crc = crc32(crc32(0, NULL, 0), head + 4, 12);
    return (uint32_t)crc32(crc, body, (uInt)body_len);
}

void spool_file_encode(struct buffer *out, uint64_t number, const void *body, size_t body_len) {
    uint8_t head[SPOOL_HEAD_LEN];
    memcpy(head, record_magic, sizeof record_magic);
    put_number(head + 4, body_len, 4);
    put_number(head + 8, number, 8);
    put_number(head + 16, checksum(head, body, body_len), 4);
    buffer_clear(out);
    buffer_add(out, (const char *)head, sizeof head);
    buffer_add(out, body, body_len);
}

void spool_file_encode_acked(uint8_t out[SPOOL_ACKED_LEN], uint64_t acked) {
    memcpy(out, acked_magic, sizeof acked_magic);
    put_number(out + 4, acked, 8);
    put_number(out + 12, crc32(0, out + 4, 8), 4);
}

uint64_t spool_file_read_acked(int fd) {
    uint8_t text[SPOOL_ACKED_LEN];
    if (pread(fd, text, sizeof text, 0) != (ssize_t)sizeof text ||
        memcmp(text, acked_magic, sizeof acked_magic) != 0 ||
        get_number(text + 12, 4) != crc32(0, text + 4, 8)) {
        return 1;
    }
    uint64_t acked = get_number(text + 4, 8);
    return acked > 0 && acked < SPOOL_NUMBER_MAX ? acked : 1;
}

/* --- reading --- */

void spool_reader_init(struct spool_reader *reader) {
    *reader = (struct spool_reader){.fd = -1};
}

void spool_reader_cleanup(struct spool_reader *reader) {
    if (reader->fd >= 0) {
        (void)close(reader->fd);
    }
    buffer_cleanup(&reader->window);
    spool_reader_init(reader);
}

void spool_reader_seek(struct spool_reader *reader, uint64_t first) {
    if (reader->fd >= 0) {
        (void)close(reader->fd);
    }
    reader->fd = -1;
    reader->first = first;
    reader->offset = reader->window_at = 0;
    reader->last_number = 0;
    buffer_clear(&reader->window);
}

static bool window_has(const struct spool_reader *reader, size_t want) {
    return reader->offset >= reader->window_at &&
           reader->window_at + reader->window.len >= reader->offset + want;
}

/* Fills the window from offset on, with `want` bytes at least. SPOOL_EMPTY: the file ends before. */
static enum spool_result window_fill(struct spool_reader *reader, uint64_t len, size_t want) {
    size_t room = want > WINDOW_LEN ? want : WINDOW_LEN;
    uint64_t left = len - reader->offset;
    buffer_clear(&reader->window);
    reader->window_at = reader->offset;
    if (!buffer_reserve(&reader->window, room)) {
        errno = ENOMEM;
        return SPOOL_FAILED;
    }
    room = left < room ? (size_t)left : room;
    while (reader->window.len < room) {
        ssize_t got = pread(reader->fd, reader->window.data + reader->window.len, room - reader->window.len,
                            (off_t)(reader->offset + reader->window.len));
        if (got < 0 && errno != EINTR) {
            return SPOOL_FAILED;
        }
        if (got == 0) {
            break;
        }
        reader->window.len += got > 0 ? (size_t)got : 0;
    }
    return reader->window.len >= want ? SPOOL_OK : SPOOL_EMPTY;
}

/* The next `want` bytes, in *bytes. SPOOL_EMPTY: there are not so many. */
static enum spool_result look(struct spool_reader *reader, uint64_t len, size_t want, const uint8_t **bytes) {
    if (len - reader->offset < want) {
        return SPOOL_EMPTY;
    }
    enum spool_result result = window_has(reader, want) ? SPOOL_OK : window_fill(reader, len, want);
    *bytes = (const uint8_t *)reader->window.data + (reader->offset - reader->window_at);
    return result;
}

/* The record at offset. SPOOL_EMPTY: there is no good one. */
static enum spool_result read_record(struct spool_reader *reader, uint64_t len, uint64_t end,
                                     struct spool_record *record) {
    const uint8_t *bytes = NULL;
    enum spool_result result = look(reader, len, SPOOL_HEAD_LEN, &bytes);
    if (result != SPOOL_OK) {
        return result;
    }
    size_t body_len = (size_t)get_number(bytes + 4, 4);
    bool is_1 = memcmp(bytes, record_magic_1, sizeof record_magic_1) == 0;
    if ((!is_1 && memcmp(bytes, record_magic, sizeof record_magic) != 0) || body_len == 0 ||
        body_len > SPOOL_RECORD_MAX) {
        return SPOOL_EMPTY;
    }
    result = look(reader, len, SPOOL_HEAD_LEN + body_len, &bytes);
    if (result != SPOOL_OK) {
        return result;
    }
    record->number = get_number(bytes + 8, 8);
    record->data = bytes + SPOOL_HEAD_LEN;
    record->len = body_len;
    uint32_t sum = (is_1 ? checksum_1 : checksum)(bytes, record->data, body_len);
    bool good = sum == get_number(bytes + 16, 4) && record->number >= reader->first &&
                record->number > reader->last_number && record->number < end;
    return good ? SPOOL_OK : SPOOL_EMPTY;
}

/* Goes on to the next place where a record may begin, or to the end. */
static enum spool_result pass_over(struct spool_reader *reader, uint64_t len) {
    const uint8_t *bytes = NULL;
    enum spool_result result = SPOOL_OK;
    reader->offset++;
    reader->damaged_bytes++;
    while (reader->offset < len && (result = look(reader, len, 1, &bytes)) == SPOOL_OK) {
        size_t have = (size_t)(reader->window_at + reader->window.len - reader->offset);
        const uint8_t *start = memchr(bytes, record_magic[0], have);
        size_t passed = start != NULL ? (size_t)(start - bytes) : have;
        reader->offset += passed;
        reader->damaged_bytes += passed;
        if (start != NULL) {
            break;
        }
    }
    if (result == SPOOL_EMPTY) { /* the file is shorter than it was */
        reader->damaged_bytes += len - reader->offset;
        reader->offset = len;
        result = SPOOL_OK;
    }
    return result;
}

enum spool_result spool_reader_next(struct spool_reader *reader, int dir, uint64_t len, uint64_t end,
                                    struct spool_record *record) {
    char name[SPOOL_NAME_LEN];
    spool_file_name(reader->first, name);
    if (reader->fd < 0 && (reader->fd = openat(dir, name, O_RDONLY | O_CLOEXEC)) < 0) {
        return errno == ENOENT ? SPOOL_EMPTY : SPOOL_FAILED;
    }
    while (reader->offset < len) {
        enum spool_result result = read_record(reader, len, end, record);
        if (result == SPOOL_OK) {
            reader->offset += SPOOL_HEAD_LEN + record->len;
            reader->last_number = record->number;
            return SPOOL_OK;
        }
        if (result == SPOOL_FAILED || pass_over(reader, len) == SPOOL_FAILED) {
            return SPOOL_FAILED;
        }
    }
    return SPOOL_EMPTY;
}

uint64_t spool_reader_end(struct spool_reader *reader, int dir, uint64_t first, uint64_t len) {
    struct spool_record record;
    uint64_t end = first;
    spool_reader_seek(reader, first);
    while (spool_reader_next(reader, dir, len, SPOOL_NUMBER_MAX, &record) == SPOOL_OK) {
        end = record.number + 1;
    }
    reader->damaged_bytes = 0; /* counted when it is read again */
    return end;
}
