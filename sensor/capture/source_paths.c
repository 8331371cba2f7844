#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#define READ_AHEAD_BYTES (16 << 20)

static bool list_add(struct path_list *list, size_t *room, char *path) {
    if (path == NULL)
        return false;
    if (list->num == *room) {
        size_t larger = *room ? 2 * *room : 16;
        char **paths = realloc(list->paths, larger * sizeof *paths);
        if (paths == NULL) {
            free(path);
            return false;
        }
        list->paths = paths;
        *room = larger;
    }
    list->paths[list->num++] = path;
    return true;
}

static char *join(const char *directory, const char *name) {
    size_t directory_len = strlen(directory);
    const char *slash = directory_len > 0 && directory[directory_len - 1] == '/' ? "" : "/";
    char *path = NULL;
    return asprintf(&path, "%s%s%s", directory, slash, name) < 0 ? NULL : path;
}

static bool is_regular_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int compare_paths(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* False with errno set. Hidden files are passed over, as by a shell's '*'. */
static bool read_directory(const char *path, struct path_list *list) {
    size_t room = 0;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return false;
    bool ok = true;
    const struct dirent *entry;
    while (ok && (errno = 0, entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        char *file = join(path, entry->d_name);
        if (file != NULL && !is_regular_file(file))
            free(file);
        else
            ok = list_add(list, &room, file);
    }
    int cause = ok ? errno : ENOMEM;
    (void)closedir(directory);
    if (list->num > 1)
        qsort(list->paths, list->num, sizeof *list->paths, compare_paths);
    errno = cause;
    return cause == 0;
}

int source_expand(const char *path, struct path_list *list, char *error, size_t error_len) {
    struct path_list found = {0};
    struct stat status;
    size_t room = 0;
    bool standard = strcmp(path, "-") == 0;
    bool ok;
    if (!standard && stat(path, &status) != 0) {
        ok = false;
    } else if (!standard && S_ISDIR(status.st_mode)) {
        found.from_directory = true;
        ok = read_directory(path, &found);
    } else {
        errno = ENOMEM;
        ok = list_add(&found, &room, strdup(path));
    }
    if (!ok) {
        (void)snprintf(error, error_len, "%s: %s", path, strerror(errno));
        path_list_cleanup(&found);
        return -1;
    }
    *list = found;
    return 0;
}

void path_list_cleanup(struct path_list *list) {
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->num; i++)
        free(list->paths[i]);
    free(list->paths);
    *list = (struct path_list){0};
}

void source_read_ahead(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return; /* opening a pipe would be noticed at its other end */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    (void)posix_fadvise(fd, 0, READ_AHEAD_BYTES, POSIX_FADV_WILLNEED);
    (void)close(fd);
}
