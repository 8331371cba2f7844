#include "sink_path.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAME_TIME_MAX 10000 /* files that begin in the same second */

static bool is_standard_output(const char *path) {
    return strcmp(path, "-") == 0;
}

/* Opens without harm to what may be there. */
static int open_gently(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) {
        struct stat status;
        /* Reading is for regular files: a FIFO that is opened for both would have a reader in us. */
        bool regular = stat(path, &status) != 0 || S_ISREG(status.st_mode);
        fd = open(path, (regular ? O_RDWR | O_CREAT : O_WRONLY) | O_APPEND | O_CLOEXEC, 0666);
        if (fd < 0 && regular && errno == EACCES) {
            fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        }
    }
    return fd;
}

/* What a regular file holds; false when it is not to be written in this mode. */
static bool look_at(struct sink_path *file, enum sink_path_mode mode, char why[SINK_PATH_WHY_MAX]) {
    char last;
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        (void)snprintf(why, SINK_PATH_WHY_MAX, "another process writes it");
        return false;
    }
    if (mode == SINK_PATH_FORCE && file->len > 0) {
        if (ftruncate(file->fd, 0) != 0) {
            (void)snprintf(why, SINK_PATH_WHY_MAX, "%s", strerror(errno));
            return false;
        }
        file->len = 0;
    }
    if (mode == SINK_PATH_NEW && file->len > 0) {
        errno = EEXIST;
        (void)snprintf(why, SINK_PATH_WHY_MAX,
                       "is there already: add to it by ?append, or overwrite it by --force");
        return false;
    }
    file->torn = file->len > 0 && pread(file->fd, &last, 1, (off_t)file->len - 1) == 1 && last != '\n';
    return true;
}

bool sink_path_open(struct sink_path *file, const char *path, enum sink_path_mode mode,
                    char why[SINK_PATH_WHY_MAX]) {
    struct stat status;
    *file = (struct sink_path){.fd = is_standard_output(path) ? STDOUT_FILENO : open_gently(path)};
    if (file->fd < 0 || fstat(file->fd, &status) != 0) {
        (void)snprintf(why, SINK_PATH_WHY_MAX, "%s", strerror(errno));
        file->fd = -1;
        return false;
    }
    if (is_standard_output(path) || !S_ISREG(status.st_mode)) {
        return true;
    }
    file->is_regular = true;
    file->len = (uint64_t)status.st_size;
    if (!look_at(file, mode, why)) {
        int error = errno;
        (void)close(file->fd);
        file->fd = -1;
        errno = error;
        return false;
    }
    return true;
}

bool sink_path_close(struct sink_path *file, const struct sink_path_io *io) {
    int fd = file->fd;
    file->fd = -1;
    if (fd < 0 || fd == STDOUT_FILENO) {
        return true;
    }
    bool synced = !file->is_regular || io->fsync(fd) == 0;
    /* A network file system may say only now that the bytes did not arrive. */
    return (close(fd) == 0 || errno == EINTR) && synced;
}

/* Where the ending of the name begins: ".ndjson" or, with compression, ".ndjson.zst". */
static size_t ending_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".zst") == 0) {
        len -= 4;
    }
    for (size_t i = len; i > 1; i--) {
        if (name[i - 1] == '.') {
            return (size_t)(name - path) + i - 1;
        }
    }
    return (size_t)(name - path) + len;
}

/* Never over a file that is there. */
static int rename_gently(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -1;
    }
    if (access(to, F_OK) == 0) { /* a file system without the flag */
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

const struct sink_path_io sink_path_system = {write, fsync, rename_gently};

bool sink_path_put_aside(const char *path, uint64_t begin_ns, const struct sink_path_io *io) {
    char time[TEXT_TIME_MAX], stamp[TEXT_TIME_MAX], name[PATH_MAX];
    size_t used = 0, ending = ending_of(path);
    text_time_s(time, (int64_t)(begin_ns / UINT64_C(1000000000)));
    for (const char *c = time; *c != '\0'; c++) { /* without the signs that some file systems do not take */
        if (*c != '-' && *c != ':') {
            stamp[used++] = *c;
        }
    }
    stamp[used] = '\0';
    for (unsigned i = 0; i < SAME_TIME_MAX; i++) {
        char number[16] = "";
        if (i > 0) {
            (void)snprintf(number, sizeof number, "-%u", i);
        }
        int len = snprintf(name, sizeof name, "%.*s.%s%s%s", (int)ending, path, stamp, number, path + ending);
        if (len < 0 || (size_t)len >= sizeof name) {
            errno = ENAMETOOLONG;
            return false;
        }
        if (io->rename(path, name) == 0) {
            return true;
        }
        if (errno != EEXIST) {
            return false;
        }
    }
    return false;
}
