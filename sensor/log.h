/* log.h: the one logger: lines on standard error for whoever runs the program. Safe to call from any thread.
 *
 * Only main and what it is made of, capture and sinks log (the latter two through values and callbacks).
 *
 * A line is "starttap: message". Where standard error is the journal (JOURNAL_STREAM names it, as systemd
 * sets it), it is "<4>message" instead, with the number of the syslog level. */
#ifndef STARTTAP_SENSOR_LOG_H
#define STARTTAP_SENSOR_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LEVEL_ANSWER,  /* what somebody asked for: always said, and never too often */
    LEVEL_ERROR,   /* always said */
    LEVEL_WARNING, /* unless --quiet */
    LEVEL_NOTICE,  /* no trouble, but worth knowing of: unless --quiet */
    LEVEL_INFO,    /* with -v */
    LEVEL_DEBUG,   /* with -vv */
};

/* What a program that runs for months may say, so that nothing fills the disk of the host. */
#define LOG_WINDOW_S      60
#define LOG_SAME_MAX      5   /* messages that differ in numbers only, in each window */
#define LOG_ANY_MAX       300 /* messages of any kind, in each window */
#define LOG_KINDS_MAX     64  /* kinds that are told apart at a time */
#define LOG_LINE_MAX      4096
#define LOG_KIND_TEXT_MAX 512 /* of the last message of a kind, that is said with its count */

/* Before other threads begin. verbosity is the number of -v. */
void log_start(bool quiet, unsigned verbosity);

/* At run time: what log_start() was told of. */
void log_set_level(bool quiet, unsigned verbosity);

/* From here on the program is a service: lines have the time in front of them (the journal adds its own),
 * and no more than the limits above are written. What is beyond them is counted, and said when its window is
 * over: "repeated 123 times: message". */
void log_service(void);

/* Says what was counted in windows that are over: call it now and then. log_stop() says the rest. */
void log_tick(void);
void log_stop(void);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that the next one overwrites, for a terminal; the next message wipes it. "" wipes it at once. */
void log_status(const char *text);

#endif
