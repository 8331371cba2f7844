/* fuzz_spool.c: a spool directory with arbitrary bytes in its files. Whatever is there: records come with
 * rising numbers, and what is appended behind them is read back, before and after opening the spool again. */
#include "../../outputs/spool.h"
#include "turn.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUM_FILES 4
#define APPENDED  "what was appended"

static const char *const names[NUM_FILES] = {
    "acked",
    "00000000000000000001.seg",
    "00000000000000000003.seg",
    "00000000000000000009.seg",
};

static int no_sync(int fd) {
    (void)fd;
    return 0;
}

static const struct spool_io io = {openat, pwrite, no_sync, no_sync};

static void check(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void write_file(const char *dir, const char *name, const uint8_t *data, size_t len) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    check(fd >= 0 && write(fd, data, len) == (ssize_t)len, path);
    (void)close(fd);
}

/* The first two bytes of each file's part are its length. */
static void write_files(const char *dir, const uint8_t *data, size_t len) {
    for (size_t i = 0; i < NUM_FILES; i++) {
        size_t part = len >= 2 ? (size_t)data[0] | (size_t)data[1] << 8 : 0;
        size_t skip = len >= 2 ? 2 : len;
        data += skip;
        len -= skip;
        part = part < len ? part : len;
        if (part > 0) {
            write_file(dir, names[i], data, part);
        }
        data += part;
        len -= part;
    }
}

/* Reads all; the last record must be the one that was appended, if one was. */
static uint64_t read_all(struct spool *spool, bool appended) {
    struct spool_record record;
    uint64_t last = 0;
    bool found = false;
    while (spool_next(spool, &record) == SPOOL_OK) {
        check(record.number > last, "numbers do not rise");
        last = record.number;
        found = record.len == strlen(APPENDED) && memcmp(record.data, APPENDED, record.len) == 0;
    }
    check(found || !appended, "what was appended is lost");
    return last;
}

static void clean(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < NUM_FILES; i++) {
        (void)unlinkat(fd, names[i], 0);
    }
    (void)unlinkat(fd, "lock", 0);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const struct spool_options options = {.io = &io};
    char dir[64], error[256];
    (void)snprintf(dir, sizeof dir, "/dev/shm/starttap-fuzz-spool-%ld", (long)getpid());
    (void)mkdir(dir, 0700);
    write_files(dir, data, len);
    struct spool *spool = spool_open(dir, &options, error, sizeof error);
    check(spool != NULL, error);
    (void)read_all(spool, false);
    if (has_turn(data, len, 8) && spool_append(spool, APPENDED, strlen(APPENDED)) == SPOOL_OK) {
        uint64_t last = read_all(spool, true);
        spool_rewind(spool);
        check(read_all(spool, true) == last, "a second reading differs");
        check(spool_close(spool) == 0, "cannot close");
        spool = spool_open(dir, &options, error, sizeof error);
        check(spool != NULL, error);
        check(read_all(spool, true) == last, "another reading differs");
        spool_ack(spool, last + 1);
    }
    check(spool_close(spool) == 0, "cannot close");
    clean(dir);
    check(rmdir(dir) == 0, "a segment stays");
    return 0;
}
