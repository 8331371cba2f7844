#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#define WIPE_LINE "\r\033[K"

static struct {
    pthread_mutex_t lock;
    enum log_level most; /* what is beyond it is not said */
    bool status_shown;
} logger = {.lock = PTHREAD_MUTEX_INITIALIZER, .most = LEVEL_WARNING};

void log_start(bool quiet, int verbosity) {
    logger.most = verbosity > 1 ? LEVEL_DEBUG : verbosity == 1 ? LEVEL_INFO : LEVEL_WARNING;
    if (quiet && verbosity == 0)
        logger.most = LEVEL_ERROR;
}

static void wipe_status(void) {
    if (logger.status_shown)
        fputs(WIPE_LINE, stderr);
    logger.status_shown = false;
}

void log_line(enum log_level level, const char *format, ...) {
    va_list arguments;
    if (level > logger.most)
        return;
    va_start(arguments, format);
    pthread_mutex_lock(&logger.lock);
    wipe_status();
    fputs("starttap: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    pthread_mutex_unlock(&logger.lock);
    va_end(arguments);
}

void log_status(const char *text) {
    pthread_mutex_lock(&logger.lock);
    wipe_status();
    logger.status_shown = text[0] != '\0';
    if (logger.status_shown)
        fputs(text, stderr);
    fflush(stderr);
    pthread_mutex_unlock(&logger.lock);
}
