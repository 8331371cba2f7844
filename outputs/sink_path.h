/* sink_path.h: the file behind a sink: opened with care for what is there, put aside under another name. */
#ifndef STARTTAP_OUTPUTS_SINK_PATH_H
#define STARTTAP_OUTPUTS_SINK_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#define SINK_PATH_WHY_MAX 256

/* What a test puts its own functions into. */
struct sink_path_io {
    ssize_t (*write)(int fd, const void *data, size_t len);
    int (*fsync)(int fd);
    int (*rename)(const char *from, const char *to); /* EEXIST where `to` is there */
};
extern const struct sink_path_io sink_path_system; /* those of the system */

enum sink_path_mode {
    SINK_PATH_NEW,    /* a file that holds something is not touched */
    SINK_PATH_FORCE,  /* it is emptied */
    SINK_PATH_APPEND, /* it is added to */
};

struct sink_path {
    int fd;
    bool is_regular; /* and no pipe, terminal or device: can be full for a while, renamed, synced */
    uint64_t len;    /* bytes that a regular file has */
    bool torn;       /* the last of them is no line feed */
};

/* '-' is standard output. A regular file is locked: one that another process writes is refused. Of a FIFO the
 * call waits for the reader. False with the reason in why, and errno. */
bool sink_path_open(struct sink_path *file, const char *path, enum sink_path_mode mode,
                    char why[SINK_PATH_WHY_MAX]);

/* Syncs a regular file and closes; standard output is left open. False with errno: what was written may be
 * lost. */
bool sink_path_close(struct sink_path *file, const struct sink_path_io *io);

/* Renames path so that it says when it begins: events.ndjson.zst becomes events.20240131T235959Z.ndjson.zst,
 * or events.20240131T235959Z-1.ndjson.zst where that is taken. At any time there is the one name or the
 * other. False with errno. */
bool sink_path_put_aside(const char *path, uint64_t begin_ns, const struct sink_path_io *io);

#endif
