#include "record_aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STAMP "dddddddd\1dddddd\2" /* 20240131T235959Z: d a digit, \1 T, \2 Z */

/* A path taken apart: directory, name up to where the time stands, and ending. */
struct place {
    char directory[PATH_MAX], stem[PATH_MAX], ending[NAME_MAX + 1];
};

static bool place_of(const char *path, struct place *place) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = strlen(name), end = len;
    if (len > NAME_MAX)
        return false;
    if (len > 4 && strcmp(name + len - 4, ".zst") == 0)
        end -= 4;
    while (end > 1 && name[end - 1] != '.')
        end--;
    size_t stem_len = end > 1 ? end - 1 : len;
    if (slash && slash > path)
        snprintf(place->directory, sizeof place->directory, "%.*s", (int)(slash - path), path);
    else
        snprintf(place->directory, sizeof place->directory, "%s", slash ? "/" : ".");
    snprintf(place->stem, sizeof place->stem, "%.*s", (int)stem_len, name);
    snprintf(place->ending, sizeof place->ending, "%s", name + stem_len);
    return true;
}

/* The number behind the time, 0 when there is none; -1: not one of ours. */
static long number_of(const struct place *place, const char *name) {
    size_t stem_len = strlen(place->stem);
    if (strncmp(name, place->stem, stem_len) != 0 || name[stem_len] != '.')
        return -1;
    name += stem_len + 1;
    for (const char *want = STAMP; *want; want++, name++) {
        bool digit = *name >= '0' && *name <= '9';
        if (*want == 'd' ? !digit : *name != (*want == 1 ? 'T' : 'Z'))
            return -1;
    }
    char *end = (char *)(uintptr_t)name;
    long number = *name == '-' ? strtol(name + 1, &end, 10) : 0;
    return number >= 0 && strcmp(end, place->ending) == 0 ? number : -1;
}

struct aside {
    char name[NAME_MAX + 1];
    long number;
    uint64_t len;
};

static bool is_older(const struct place *place, const struct aside *a, const struct aside *b) {
    size_t time_at = strlen(place->stem) + 1;
    int order = strncmp(a->name + time_at, b->name + time_at, sizeof STAMP - 1);
    return order < 0 || (order == 0 && a->number < b->number);
}

/* All bytes, and the oldest file: its name is "" when there is none. */
static uint64_t look(const struct place *place, struct aside *oldest) {
    uint64_t sum = 0;
    *oldest = (struct aside){0};
    DIR *directory = opendir(place->directory);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)) != NULL) {
        struct stat status;
        struct aside one = {.number = number_of(place, entry->d_name)};
        if (one.number < 0 || fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(status.st_mode))
            continue;
        snprintf(one.name, sizeof one.name, "%s", entry->d_name);
        sum += (uint64_t)status.st_size;
        if (oldest->name[0] == '\0' || is_older(place, &one, oldest))
            *oldest = one;
    }
    if (directory)
        closedir(directory);
    return sum;
}

uint64_t record_aside_len(const char *path) {
    struct place place;
    struct aside oldest;
    return place_of(path, &place) ? look(&place, &oldest) : 0;
}

bool record_aside_remove_oldest(const char *path) {
    struct place place;
    struct aside oldest;
    char name[2 * PATH_MAX];
    if (!place_of(path, &place))
        return false;
    (void)look(&place, &oldest);
    errno = ENOENT;
    snprintf(name, sizeof name, "%s/%s", place.directory, oldest.name);
    return oldest.name[0] != '\0' && remove(name) == 0;
}
