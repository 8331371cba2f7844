/* sink.h: where events go. A sink is an encoder (event -> bytes) in front of a
 * transport (bytes -> file, later Kafka, SQLite); both behind these five functions. */
#ifndef STARTTAP_OUTPUTS_SINK_H
#define STARTTAP_OUTPUTS_SINK_H

#include "event.h"

struct sink;

struct sink_ops {
    const char *scheme; /* "json", "csv": what stands before ':' in -o */
    /* 0, or -1 with *error (borrowed from the sink, or static) saying what failed and where. */
    int (*write)(struct sink *sink, const struct event *event);
    int (*flush)(struct sink *sink);
    int (*close)(struct sink *sink);               /* flushes; the sink is freed whatever it returns */
    const char *(*error)(const struct sink *sink); /* last failure, names the target; NULL when none */
};

/* Opens `SCHEME:TARGET` (json:PATH, csv:PATH, PATH '-' = standard output).
 * NULL with a message in error (error_len bytes, always terminated) that says
 * what is wrong with the spec or why the target cannot be opened. */
struct sink *sink_open(const char *spec, char *error, size_t error_len);
int sink_write(struct sink *sink, const struct event *event);
int sink_flush(struct sink *sink);
int sink_close(struct sink *sink); /* NULL is fine */
const char *sink_error(const struct sink *sink);
const char *sink_target(const struct sink *sink); /* the spec it was opened with */
/* True when the target went away in a way that is not a failure of ours: EPIPE on standard output. */
bool sink_gone(const struct sink *sink);

#endif
