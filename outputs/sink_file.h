/* sink_file.h: the transport into a file, a FIFO or standard output. */
#ifndef STARTTAP_OUTPUTS_SINK_FILE_H
#define STARTTAP_OUTPUTS_SINK_FILE_H

#include "encoder.h"
#include "sink.h"

#include <sys/types.h>

#define SINK_FILE_WRITE_LEN (256 * 1024) /* bytes gathered before they are written */

/* write(2), or what a test puts in its place. */
typedef ssize_t sink_file_write_fn(int fd, const void *data, size_t len);

/* As sink_open(); spec is what messages call the sink. */
struct sink *sink_file_open(const struct encoder *encoder, const char *spec, const char *path,
                            sink_file_write_fn *write_fn, char *error, size_t error_len);

#endif
