/* sink.h: where events go. A sink is an encoder (event -> bytes, encoder.h) in
 * front of a transport (bytes -> file, Kafka, ...); both behind these functions.
 *
 * Callers ignore SIGPIPE and SIGXFSZ, so that a reader gone or a file too large
 * is an error value here and not the end of the program. */
#ifndef STARTTAP_OUTPUTS_SINK_H
#define STARTTAP_OUTPUTS_SINK_H

#include "event.h"
#include "kafka_conf.h"

#define SINK_FULL 1 /* of sink_write() */

struct sink;
struct sink_stats;

struct sink_ops {
    /* 0, SINK_FULL, or -1; unless 0, error() (borrowed from the sink) says what failed and where. */
    int (*write)(struct sink *sink, const struct event *event);
    int (*flush)(struct sink *sink);
    int (*close)(struct sink *sink);               /* flushes; the sink is freed whatever it returns */
    const char *(*error)(const struct sink *sink); /* last failure, names the target; NULL when none */
    /* Of sinks that deliver later; else NULL. */
    uint64_t (*wait)(struct sink *sink, unsigned timeout_ms);
    void (*stats)(struct sink *sink, struct sink_stats *stats);
    void (*reopen)(struct sink *sink); /* of files; else NULL */
    int (*start)(struct sink *sink);   /* of sinks with threads; else NULL */
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
    bool force;        /* files: one that is there is overwritten */
    bool live;         /* reports: those that are there are an earlier run's, no mistake */
    bool start_later;  /* threads do not begin with sink_open(), but with sink_start() */

    /* Of Kafka sinks: */
    struct kafka_settings kafka;
    const char *spool;  /* the directory in which each has its own */
    uint64_t spool_max; /* bytes on disk, each; when there are so many, a sink is full ... */
    bool drop_oldest;   /* ... or, with this, loses the oldest events, and counts them */
    /* Told what goes wrong, or well again, while nobody waits for an answer; from a thread of the sink. */
    void (*log)(void *context, const char *message);
    void *log_context;
};

/* How a sink that delivers later failed to. */
enum sink_error_class {
    SINK_ERROR_CONNECTION,
    SINK_ERROR_AUTHENTICATION, /* refused, by password, certificate or access rule */
    SINK_ERROR_TOPIC,          /* is not there */
    SINK_ERROR_SIZE,           /* the broker takes no message of that size */
    SINK_ERROR_FATAL,          /* the producer had to be made anew */
    SINK_ERROR_SPOOL,          /* the disk */
    SINK_ERROR_OTHER,
    SINK_ERROR_DISK, /* of a file or database */
    NUM_SINK_ERRORS
};

const char *sink_error_class_name(enum sink_error_class error_class); /* "connection" */

struct sink_stats {
    bool remote;                         /* delivers over the network */
    uint64_t num_written, bytes_written; /* events taken */
    uint64_t num_delivered;              /* confirmed */
    uint64_t num_waiting, bytes_waiting; /* taken and not delivered; of Kafka: in the spool, on disk */
    uint64_t num_dropped;                /* by drop_oldest */
    uint64_t num_rejected;               /* refused for good, and put aside */
    uint64_t lag_ms;                     /* age of the oldest event that waits */
    uint64_t errors[NUM_SINK_ERRORS];
};

/* Opens a spec (sink_spec.h): json:PATH, csv:PATH (PATH '-' = standard output), sqlite:PATH (sqlite.h) or
 * kafka://BROKERS/TOPIC (kafka.h). Every kind has the option datasets=session,peer,sensor. Files
 * (sink_file.h) have append, rotate=100MB and every=1h too; one that holds something is refused unless append
 * or options->force say what to do. json has profile=ecs, zeek or eve (profile.h). Of a FIFO the open waits
 * for its reader. NULL with a message in error (error_len bytes, always terminated) that says what is wrong
 * with the spec or why the target cannot be opened. */
struct sink *sink_open(const char *text, const struct sink_options *options, char *error, size_t error_len);

/* The same as far as it goes without opening anything: false with the message when text is wrong. */
bool sink_check(const char *text, char *error, size_t error_len);
bool sink_is_stdout(const char *text);
bool sink_same_place(const char *text, const char *other); /* both write to one file, or one target */

/* Begins what works beside the caller, where options->start_later put it off, so that the threads get what
 * the caller has become meanwhile. 0, or -1: sink_error() says why. Other sinks: nothing. */
int sink_start(struct sink *sink);

bool sink_keeps(const struct sink *sink); /* what is not delivered is on disk, for the next run */

/* What a sink has on disk, for whoever limits what the program may touch. */
#define SINK_PLACE_MAX 4096
struct sink_place {
    char path[SINK_PLACE_MAX]; /* the file, or the directory that is the sink's own */
    bool is_dir;
    bool is_database; /* SQLite has files of the same name and more beside it */
    bool creates;     /* needs new files beside it, or in it, later */
};
/* False: it has none, or its name is too long. */
bool sink_place(const char *text, const struct sink_options *options, struct sink_place *place);

/* 0 when the event was taken, or is of a dataset that this sink leaves out: it is written at once or later,
 * in order. -1 when it was not taken, sink_error() says why. Bytes taken earlier are kept, and the next call
 * tries them again where the last one stopped, so that nothing is torn or doubled when the target recovers.
 */
/* SINK_FULL: not taken either, but there will be room once events are delivered: sink_wait(), and try again.
 */
int sink_write(struct sink *sink, const struct event *event);
int sink_flush(struct sink *sink);

/* Flushes and frees; NULL is fine. -1 when events that were taken could not be
 * written: call sink_flush() first to be able to ask sink_error() why. */
int sink_close(struct sink *sink);
/* Lets at most so much time pass until all is delivered, and returns how many events still wait; then
 * sink_error() says where. Sinks that deliver at once: 0. */
uint64_t sink_wait(struct sink *sink, unsigned timeout_ms);
bool sink_stats(struct sink *sink, struct sink_stats *stats); /* false: a sink that keeps none */
/* Closes a file and opens its path again, which by now may name another (log rotation by others). What was
 * taken before is written to the old one. Other sinks: nothing. */
void sink_reopen(struct sink *sink);
const char *sink_error(const struct sink *sink);
const char *sink_target(const struct sink *sink); /* the spec it was opened with */
/* True when the target went away in a way that is not a failure of ours: EPIPE on
 * standard output. From then on each write and flush gives -1. */
bool sink_gone(const struct sink *sink);

#endif
