/* log_limit.h: how often messages are said. Those that differ in digits only are of one kind; a kind may be
 * said LOG_SAME_MAX times in LOG_WINDOW_S seconds, all together LOG_ANY_MAX times. Memory is fixed. No clock:
 * the time is handed in, in seconds that never go back. Not for several threads at once. */
#ifndef STARTTAP_SENSOR_LOG_LIMIT_H
#define STARTTAP_SENSOR_LOG_LIMIT_H

#include "log.h"

struct log_kind {
    uint64_t hash;      /* of the text without its digits; 0: not in use */
    uint64_t began_s;   /* its window */
    uint32_t num_said;  /* in it */
    uint32_t num_quiet; /* in it, beyond the limit */
    enum log_level level;
    char last[LOG_KIND_TEXT_MAX]; /* the last one that was not said, cut if need be */
};

struct log_limit {
    struct log_kind kinds[LOG_KINDS_MAX];
    uint64_t began_s; /* of all */
    uint32_t num_said, num_quiet;
};

/* Whether the message is to be said; otherwise it was counted. */
bool log_limit_take(struct log_limit *limit, enum log_level level, const char *text, uint64_t now_s);

/* One kind that was counted in a window which is over (or, with all, in any), to be said now: "repeated 12
 * times: TEXT" in out (LOG_LINE_MAX bytes). False when there is none left. */
bool log_limit_due(struct log_limit *limit, uint64_t now_s, bool all, enum log_level *level, char *out);

#endif
