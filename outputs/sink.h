/* sink.h: where events go. A sink is an encoder (event -> bytes, encoder.h) in
 * front of a transport (bytes -> file, Kafka, ...); both behind these functions.
 *
 * Callers ignore SIGPIPE and SIGXFSZ, so that a reader gone or a file too large
 * is an error value here and not the end of the program. */
#ifndef STARTTAP_OUTPUTS_SINK_H
#define STARTTAP_OUTPUTS_SINK_H

#include "event.h"

struct sink;

struct sink_ops {
    /* 0, or -1 with error() (borrowed from the sink) saying what failed and where. */
    int (*write)(struct sink *sink, const struct event *event);
    int (*flush)(struct sink *sink);
    int (*close)(struct sink *sink);               /* flushes; the sink is freed whatever it returns */
    const char *(*error)(const struct sink *sink); /* last failure, names the target; NULL when none */
};

/* What every kind of sink begins with; for sinks themselves, callers use the functions below. */
struct sink {
    const struct sink_ops *ops;
    char *target;
    unsigned datasets; /* the ones it takes, bit per enum dataset */
    bool gone;
};

/* What is the same for all sinks of a run. Zeroed: the defaults. Borrowed for the call. */
struct sink_options {
    unsigned datasets; /* of sinks whose spec does not say (?datasets=); bit per enum dataset, 0: all */
};

/* Opens a spec (sink_spec.h): json:PATH or csv:PATH, PATH '-' = standard output. Every kind has the option
 * datasets=session,peer,sensor. A file is created or emptied; of a FIFO the open waits for its reader.
 * NULL with a message in error (error_len bytes, always terminated) that says
 * what is wrong with the spec or why the target cannot be opened. */
struct sink *sink_open(const char *spec, const struct sink_options *options, char *error, size_t error_len);

/* The same as far as it goes without opening anything: false with the message when spec is wrong. */
bool sink_check(const char *spec, char *error, size_t error_len);
bool sink_is_stdout(const char *spec);

/* 0 when the event was taken, or is of a dataset that this sink leaves out: it is written at once or later,
 * in order. -1 when it was not taken, sink_error() says why. Bytes taken earlier are kept, and the next call
 * tries them again where the last one stopped, so that nothing is torn or doubled when the target recovers.
 */
int sink_write(struct sink *sink, const struct event *event);
int sink_flush(struct sink *sink);

/* Flushes and frees; NULL is fine. -1 when events that were taken could not be
 * written: call sink_flush() first to be able to ask sink_error() why. */
int sink_close(struct sink *sink);
const char *sink_error(const struct sink *sink);
const char *sink_target(const struct sink *sink); /* the spec it was opened with */
/* True when the target went away in a way that is not a failure of ours: EPIPE on
 * standard output. From then on each write and flush gives -1. */
bool sink_gone(const struct sink *sink);

#endif
