/* spool_dir.h: a directory for a spool in tests, and what is in it. */
#ifndef STARTTAP_TESTS_UNIT_SPOOL_DIR_H
#define STARTTAP_TESTS_UNIT_SPOOL_DIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_DIR_LEN 64

static inline void spool_dir_make(char dir[SPOOL_DIR_LEN]) {
    (void)snprintf(dir, SPOOL_DIR_LEN, "/tmp/starttap-spool-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        abort();
    }
}

/* Counts the segments and, given len, sums up their bytes; with remove all files go, and the directory. */
static inline size_t spool_dir_walk(const char *dir, size_t *len, bool remove) {
    size_t num = 0;
    DIR *stream = opendir(dir);
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
        char path[1024];
        struct stat status;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
            continue;
        }
        if (strstr(entry->d_name, ".seg") != NULL) {
            num++;
            if (len != NULL) {
                *len += (size_t)status.st_size;
            }
        }
        if (remove) {
            (void)unlink(path);
        }
    }
    if (stream != NULL) {
        (void)closedir(stream);
    }
    if (remove) {
        (void)rmdir(dir);
    }
    return num;
}

static inline size_t spool_dir_segments(const char *dir) {
    return spool_dir_walk(dir, NULL, false);
}

static inline void spool_dir_remove(const char *dir) {
    (void)spool_dir_walk(dir, NULL, true);
}

#endif
