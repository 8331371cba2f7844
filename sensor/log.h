/* log.h: the one logger: lines on standard error for whoever runs the program. Safe to call from any thread.
 *
 * Only main and what it is made of, capture and sinks log (the latter two through values and callbacks). */
#ifndef STARTTAP_SENSOR_LOG_H
#define STARTTAP_SENSOR_LOG_H

#include <stdbool.h>

enum log_level {
    LEVEL_ERROR,   /* always said */
    LEVEL_WARNING, /* unless --quiet */
    LEVEL_INFO,    /* with -v */
    LEVEL_DEBUG,   /* with -vv */
};

/* Before other threads begin. verbosity is the number of -v. */
void log_start(bool quiet, int verbosity);

/* "starttap: " and the message on a line of its own. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that the next one overwrites, for a terminal; the next message wipes it. "" wipes it at once. */
void log_status(const char *text);

#endif
