#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../outputs/text.h"
#include "log_limit.h"

#define WIPE_LINE "\r\033[K"

static struct {
    pthread_mutex_t lock;
    enum log_level most; /* what is beyond it is not said */
    bool status_shown;
    bool journal; /* standard error is the journal's */
    bool service;
    struct log_limit limit;
} logger = {.lock = PTHREAD_MUTEX_INITIALIZER, .most = LEVEL_NOTICE};

/* systemd.exec(5): "device:inode" of the stream, for programs that look whether it is still the same. */
static bool is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat status;
    if (!stream || fstat(STDERR_FILENO, &status) != 0)
        return false;
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(own, stream) == 0;
}

void log_start(bool quiet, unsigned verbosity) {
    logger.journal = is_journal();
    log_set_level(quiet, verbosity);
}

void log_set_level(bool quiet, unsigned verbosity) {
    pthread_mutex_lock(&logger.lock);
    logger.most = verbosity > 1 ? LEVEL_DEBUG : verbosity == 1 ? LEVEL_INFO : LEVEL_NOTICE;
    if (quiet && verbosity == 0)
        logger.most = LEVEL_ERROR;
    pthread_mutex_unlock(&logger.lock);
}

void log_service(void) {
    pthread_mutex_lock(&logger.lock);
    logger.service = true;
    pthread_mutex_unlock(&logger.lock);
}

static uint64_t now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/* --- with the lock held --- */

static void wipe_status(void) {
    if (logger.status_shown)
        fputs(WIPE_LINE, stderr);
    logger.status_shown = false;
}

static size_t put_time(char *out, size_t out_len) {
    struct tm utc;
    time_t now = time(NULL);
    return gmtime_r(&now, &utc) ? strftime(out, out_len, "%Y-%m-%dT%H:%M:%SZ ", &utc) : 0;
}

/* One line whatever the message holds, as a second one would have no level; and one write, so that what
 * others write to the same place does not come between. */
static void put_line(enum log_level level, const char *text) {
    static const char *const syslog_levels[] = {
        [LEVEL_ANSWER] = "<5>", [LEVEL_ERROR] = "<3>", [LEVEL_WARNING] = "<4>",
        [LEVEL_NOTICE] = "<5>", [LEVEL_INFO] = "<6>",  [LEVEL_DEBUG] = "<7>",
    };
    char line[LOG_LINE_MAX + 64];
    size_t len = !logger.journal && logger.service ? put_time(line, sizeof line) : 0;
    const char *begin = logger.journal ? syslog_levels[level] : "starttap: ";
    len += (size_t)snprintf(line + len, sizeof line - len, "%s%s", begin, text);
    len = text_make_terminal(line, len);
    snprintf(line + len, sizeof line - len, "\n");
    wipe_status();
    fputs(line, stderr);
}

static void say_counted(bool all) {
    enum log_level level;
    char text[LOG_LINE_MAX];
    while (log_limit_due(&logger.limit, now_s(), all, &level, text))
        put_line(level, text);
}

/* --- for all --- */

void log_line(enum log_level level, const char *format, ...) {
    va_list arguments;
    char text[LOG_LINE_MAX];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&logger.lock);
    if (level <= logger.most) {
        if (logger.service)
            say_counted(false);
        if (!logger.service || log_limit_take(&logger.limit, level, text, now_s()))
            put_line(level, text);
    }
    pthread_mutex_unlock(&logger.lock);
}

void log_tick(void) {
    pthread_mutex_lock(&logger.lock);
    say_counted(false);
    pthread_mutex_unlock(&logger.lock);
}

void log_stop(void) {
    pthread_mutex_lock(&logger.lock);
    say_counted(true);
    pthread_mutex_unlock(&logger.lock);
}

void log_status(const char *text) {
    pthread_mutex_lock(&logger.lock);
    wipe_status();
    logger.status_shown = text[0] != '\0';
    if (logger.status_shown)
        fputs(text, stderr);
    (void)fflush(stderr);
    pthread_mutex_unlock(&logger.lock);
}
