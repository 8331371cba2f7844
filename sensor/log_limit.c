#include "log_limit.h"

#include <ctype.h>
#include <stdio.h>

/* FNV-1a. */
static uint64_t hash_kind(const char *text) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text))
            hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
    }
    return hash != 0 ? hash : 1;
}

static bool is_over(uint64_t began_s, uint64_t now_s) {
    return now_s - began_s >= LOG_WINDOW_S;
}

/* The kind of that hash, or an unused one, or the one whose window is oldest and that owes nothing. NULL: all
 * of them are busy. */
static struct log_kind *find(struct log_limit *limit, uint64_t hash) {
    struct log_kind *best = NULL;
    for (size_t i = 0; i < LOG_KINDS_MAX; i++) {
        struct log_kind *kind = &limit->kinds[i];
        if (kind->hash == hash)
            return kind;
        if (kind->num_quiet == 0 && (!best || kind->hash == 0 || kind->began_s < best->began_s))
            best = best && best->hash == 0 ? best : kind;
    }
    return best;
}

static bool take_any(struct log_limit *limit, uint64_t now_s) {
    if (is_over(limit->began_s, now_s) && limit->num_quiet == 0) {
        limit->began_s = now_s;
        limit->num_said = 0;
    }
    if (limit->num_said >= LOG_ANY_MAX) {
        limit->num_quiet++;
        return false;
    }
    limit->num_said++;
    return true;
}

bool log_limit_take(struct log_limit *limit, enum log_level level, const char *text, uint64_t now_s) {
    uint64_t hash = hash_kind(text);
    struct log_kind *kind = find(limit, hash);
    if (level == LEVEL_ANSWER)
        return true;
    if (!kind)
        return take_any(limit, now_s);
    if (kind->hash != hash || (is_over(kind->began_s, now_s) && kind->num_quiet == 0))
        *kind = (struct log_kind){.hash = hash, .began_s = now_s};
    if (kind->num_said < LOG_SAME_MAX) {
        kind->num_said++;
        return take_any(limit, now_s);
    }
    kind->num_quiet++;
    kind->level = level;
    snprintf(kind->last, sizeof kind->last, "%s", text);
    return false;
}

bool log_limit_due(struct log_limit *limit, uint64_t now_s, bool all, enum log_level *level, char *out) {
    for (size_t i = 0; i < LOG_KINDS_MAX; i++) {
        struct log_kind *kind = &limit->kinds[i];
        if (kind->num_quiet == 0 || !(all || is_over(kind->began_s, now_s)))
            continue;
        if (kind->num_quiet == 1)
            snprintf(out, LOG_LINE_MAX, "%s", kind->last);
        else
            snprintf(out, LOG_LINE_MAX, "repeated %u times: %s", kind->num_quiet, kind->last);
        *level = kind->level;
        /* What goes on at the same rate is said once in each window from here on. */
        *kind = (struct log_kind){.hash = kind->hash, .began_s = now_s, .num_said = LOG_SAME_MAX};
        return true;
    }
    if (limit->num_quiet == 0 || !(all || is_over(limit->began_s, now_s)))
        return false;
    snprintf(out, LOG_LINE_MAX, "%u more messages were too many to be said", limit->num_quiet);
    *level = LEVEL_WARNING;
    limit->num_quiet = limit->num_said = 0;
    limit->began_s = now_s;
    return true;
}
