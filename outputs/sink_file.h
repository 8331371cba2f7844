/* sink_file.h: the transport into a file, a FIFO or standard output.
 *
 * Bytes that were taken are written in order, each once. A regular file that cannot be written for a while
 * (full disk, I/O error) is said once and tried again; events wait in memory meanwhile, up to
 * SINK_FILE_PENDING_MAX. Anything else that fails has failed. A path that ends in .zst is compressed
 * (Zstandard). */
#ifndef STARTTAP_OUTPUTS_SINK_FILE_H
#define STARTTAP_OUTPUTS_SINK_FILE_H

#include "encoder.h"
#include "sink.h"
#include "sink_path.h"

#define SINK_FILE_WRITE_LEN   (256 * 1024) /* bytes gathered before they are written */
#define SINK_FILE_PENDING_MAX (64u << 20)  /* then the sink is full */

struct sink_file_settings {
    const struct sink_path_io *io; /* NULL: that of the system */
    bool append;                   /* to what the file holds */
    bool force;                    /* overwrite it */
    uint64_t rotate_len;           /* 0, or: a file of so many bytes is put aside (sink_path.h) ... */
    uint64_t rotate_ns;            /* ... or: at each multiple of so much time, that of events */
    void (*log)(void *context, const char *message);
    void *log_context;
};

/* As sink_open(); text is what messages call the sink. Without append and force a file that holds something
 * is refused. What is compressed and ends within a frame is put aside (sink_path.h) where it is to be added
 * to. */
struct sink *sink_file_open(const struct encoder *encoder, const char *text, const char *path,
                            const struct sink_file_settings *settings, char *error, size_t error_len);

#endif
