#include "tlsrpt.h"

#include "compress.h"
#include "sink_clock.h"
#include "sink_path.h"
#include "tlsrpt_report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ERROR_LEN 512
#define NS_PER_S  UINT64_C(1000000000)
#define DAY_S     86400u
#define RETRY_MS  1000
#define NAME_LEN  256
#define FILE_MODE 0644

/* A day whose sessions are gathered, or of which reports were written. */
struct day {
    uint64_t begin_s;
    unsigned parts; /* times that it was written */
    struct tlsrpt_day reports;
};

struct tlsrpt_sink {
    struct sink sink;                            /* first, so that one can be cast to the other */
    char *dir, *organization, *contact, *sender; /* NULL: not given, until the first event */
    bool force, append;
    struct day *days;
    size_t num_days;
    struct buffer json, packed;
    struct sink_stats stats;
    uint64_t try_at_ms; /* after a failure */
    bool failing;       /* said once */
    bool closing;       /* no word of trying again */
    void (*log)(void *context, const char *message);
    void *log_context;
    char error[ERROR_LEN]; /* "" when nothing failed */
};

static void set_error(struct tlsrpt_sink *tlsrpt, const char *name, const char *why) {
    (void)snprintf(tlsrpt->error, sizeof tlsrpt->error, "tlsrpt:%s: %s: %s", tlsrpt->dir, name, why);
}

static void say(const struct tlsrpt_sink *tlsrpt, const char *text) {
    if (tlsrpt->log != NULL) {
        tlsrpt->log(tlsrpt->log_context, text);
    }
}

/* --- one file --- */

enum written { WRITTEN, WRITTEN_NO_NAME, WRITTEN_TAKEN, WRITTEN_NOT }; /* _TAKEN: by something else */

static bool write_all(int fd, const struct buffer *data) {
    for (size_t at = 0; at < data->len;) {
        ssize_t len = write(fd, data->data + at, data->len - at);
        if (len < 0 && errno != EINTR) {
            return false;
        }
        at += len > 0 ? (size_t)len : 0;
    }
    return true;
}

/* Whether the file holds what is to be written. */
static bool is_same_file(const char *path, const struct buffer *data) {
    char *held = malloc(data->len + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    size_t len = 0;
    ssize_t got = 1;
    while (held != NULL && fd >= 0 && got > 0 && len < data->len + 1) {
        got = read(fd, held + len, data->len + 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    bool same = held != NULL && got == 0 && len == data->len && memcmp(held, data->data, len) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    free(held);
    return same;
}

/* Under its name at once, with all that it holds. errno says why not. */
static enum written write_file(const struct tlsrpt_sink *tlsrpt, const char *name) {
    char path[SINK_PLACE_MAX + NAME_LEN], temporary[SINK_PLACE_MAX + NAME_LEN];
    (void)snprintf(path, sizeof path, "%s/%s", tlsrpt->dir, name);
    (void)snprintf(temporary, sizeof temporary, "%s/.starttap-%ld", tlsrpt->dir, (long)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) {
        return WRITTEN_NOT;
    }
    bool good = write_all(fd, &tlsrpt->packed) && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    if (good && tlsrpt->force) {
        good = rename(temporary, path) == 0;
    } else if (good) {
        good = sink_path_system.rename(temporary, path) == 0;
    }
    int error = errno;
    if (good) {
        return WRITTEN;
    }
    (void)unlink(temporary);
    errno = error;
    return error == EEXIST ? WRITTEN_TAKEN : WRITTEN_NOT;
}

/* Tries the names of this day's report, from the part on. */
static enum written write_part(struct tlsrpt_sink *tlsrpt, const char *domain, const struct day *day,
                               char name[NAME_LEN]) {
    char number[16] = "";
    enum written written = WRITTEN_TAKEN;
    for (unsigned part = day->parts + 1; part <= TLSRPT_PARTS_MAX && written == WRITTEN_TAKEN; part++) {
        char path[SINK_PLACE_MAX + NAME_LEN];
        if (part > 1) {
            (void)snprintf(number, sizeof number, "!%u", part);
        }
        int len = snprintf(name, NAME_LEN, "%s!%s!%" PRIu64 "!%" PRIu64 "%s.json.gz", tlsrpt->sender, domain,
                           day->begin_s, day->begin_s + DAY_S - 1, number);
        if (len >= NAME_LEN) {
            return WRITTEN_NO_NAME;
        }
        (void)snprintf(path, sizeof path, "%s/%s", tlsrpt->dir, name);
        written = is_same_file(path, &tlsrpt->packed) ? WRITTEN : write_file(tlsrpt, name);
        if (!tlsrpt->append) {
            break;
        }
    }
    return written;
}

/* --- one day --- */

static struct tlsrpt_sender sender_of(const struct tlsrpt_sink *tlsrpt) {
    return (struct tlsrpt_sender){tlsrpt->organization, tlsrpt->contact, tlsrpt->sender};
}

/* Later it may be better. */
static void fail_for_now(struct tlsrpt_sink *tlsrpt, const char *name, const char *why) {
    char text[ERROR_LEN + 64];
    set_error(tlsrpt, name, why);
    tlsrpt->stats.errors[SINK_ERROR_DISK]++;
    tlsrpt->try_at_ms = sink_clock_ms() + RETRY_MS;
    if (!tlsrpt->failing && !tlsrpt->closing) {
        (void)snprintf(text, sizeof text, "%s; the reports wait, and it is tried again", tlsrpt->error);
        say(tlsrpt, text);
    }
    tlsrpt->failing = true;
}

static enum written write_report(struct tlsrpt_sink *tlsrpt, const struct tlsrpt_report *report,
                                 const struct day *day) {
    char name[NAME_LEN] = "";
    const struct tlsrpt_sender sender = sender_of(tlsrpt);
    buffer_clear(&tlsrpt->json);
    buffer_clear(&tlsrpt->packed);
    tlsrpt_write(report, day->begin_s, &sender, &tlsrpt->json);
    errno = ENOMEM;
    bool made = !tlsrpt->json.failed && compress_gzip(tlsrpt->json.data, tlsrpt->json.len, &tlsrpt->packed);
    enum written written = made ? write_part(tlsrpt, tlsrpt_domain(report), day, name) : WRITTEN_NOT;
    if (written == WRITTEN_TAKEN) {
        set_error(tlsrpt, name,
                  "is there and says something else: --force overwrites it, ?append adds another");
    } else if (written == WRITTEN_NOT) {
        fail_for_now(tlsrpt, name, strerror(errno));
    }
    return written;
}

/* All reports of a day, or none of them is forgotten. One that has no name, or whose name is taken, is no
 * reason to leave the others out. */
static enum written write_day(struct tlsrpt_sink *tlsrpt, struct day *day) {
    enum written worst = WRITTEN;
    for (size_t i = 0; i < day->reports.num; i++) {
        enum written written = write_report(tlsrpt, day->reports.reports[i], day);
        worst = written > worst ? written : worst;
        tlsrpt->stats.num_dropped += written == WRITTEN_NO_NAME;
        if (written == WRITTEN_NOT) {
            return written; /* what is written already will be found to be the same */
        }
    }
    if (tlsrpt->failing && !tlsrpt->closing) {
        char text[ERROR_LEN];
        (void)snprintf(text, sizeof text, "tlsrpt:%s: reports are written again", tlsrpt->dir);
        say(tlsrpt, text);
        tlsrpt->failing = false;
    }
    tlsrpt->stats.num_delivered += day->reports.num_sessions;
    tlsrpt->stats.num_waiting -= day->reports.num_sessions;
    tlsrpt->stats.num_dropped += day->reports.num_dropped;
    day->parts += day->reports.num > 0;
    tlsrpt_day_cleanup(&day->reports);
    return worst;
}

/* The days that ended long before that time. 0, or -1 when a report may not be written. */
static int write_until(struct tlsrpt_sink *tlsrpt, uint64_t time_s) {
    int result = 0;
    if (tlsrpt->failing && sink_clock_ms() < tlsrpt->try_at_ms) {
        return 0;
    }
    for (size_t i = 0; i < tlsrpt->num_days; i++) {
        struct day *day = &tlsrpt->days[i];
        if (day->reports.num > 0 && day->begin_s + DAY_S + TLSRPT_GRACE_S <= time_s) {
            result = write_day(tlsrpt, day) == WRITTEN_TAKEN ? -1 : result;
        }
    }
    return result;
}

/* --- gathering --- */

/* Makes room for one more day: of those gathered, the oldest is written; of those written, the oldest is
 * forgotten. */
static bool make_room(struct tlsrpt_sink *tlsrpt) {
    struct day *oldest = NULL, *oldest_done = NULL;
    size_t num_open = 0;
    for (size_t i = 0; i < tlsrpt->num_days; i++) {
        struct day *day = &tlsrpt->days[i];
        struct day **which = day->reports.num > 0 ? &oldest : &oldest_done;
        num_open += day->reports.num > 0;
        if (*which == NULL || day->begin_s < (*which)->begin_s) {
            *which = day;
        }
    }
    if (num_open >= TLSRPT_OPEN_MAX && write_day(tlsrpt, oldest) >= WRITTEN_TAKEN) {
        return false;
    }
    if (tlsrpt->num_days == TLSRPT_DAYS_MAX && oldest_done != NULL) {
        *oldest_done = tlsrpt->days[--tlsrpt->num_days];
    }
    return tlsrpt->num_days < TLSRPT_DAYS_MAX;
}

/* NULL: no room, no memory, or a report may not be written. */
static struct day *day_of(struct tlsrpt_sink *tlsrpt, uint64_t begin_s) {
    for (size_t i = 0; i < tlsrpt->num_days; i++) {
        if (tlsrpt->days[i].begin_s == begin_s) {
            return &tlsrpt->days[i];
        }
    }
    if (!make_room(tlsrpt)) {
        return NULL;
    }
    struct day *grown = realloc(tlsrpt->days, (tlsrpt->num_days + 1) * sizeof *grown);
    if (grown == NULL) {
        set_error(tlsrpt, "a day", strerror(ENOMEM));
        return NULL;
    }
    tlsrpt->days = grown;
    grown[tlsrpt->num_days] = (struct day){.begin_s = begin_s};
    return &grown[tlsrpt->num_days++];
}

/* What was not given is made of the sensor's name. */
static bool learn_sender(struct tlsrpt_sink *tlsrpt, const char *observer) {
    char domain[TLSRPT_DOMAIN_LEN];
    if (tlsrpt->sender == NULL) {
        bool is_domain =
            observer != NULL && strlen(observer) < TLSRPT_SENDER_MAX && tlsrpt_host_name(observer, domain);
        tlsrpt->sender = strdup(is_domain ? domain : "localhost");
    }
    if (tlsrpt->organization == NULL) {
        tlsrpt->organization = strdup(observer != NULL ? observer : "starttap");
    }
    if (tlsrpt->contact == NULL && tlsrpt->sender != NULL &&
        asprintf(&tlsrpt->contact, "postmaster@%s", tlsrpt->sender) < 0) {
        tlsrpt->contact = NULL;
    }
    return tlsrpt->sender != NULL && tlsrpt->organization != NULL && tlsrpt->contact != NULL;
}

static int add_session(struct tlsrpt_sink *tlsrpt, const struct event *event) {
    uint64_t time_s = event->session.end_ns / NS_PER_S;
    if (tlsrpt_counts(&event->session) == 0) {
        return 0;
    }
    struct day *day = day_of(tlsrpt, time_s - time_s % DAY_S);
    if (day == NULL) {
        return -1;
    }
    uint64_t before = day->reports.num_sessions;
    if (!learn_sender(tlsrpt, event->observer_name) || !tlsrpt_day_add(&day->reports, &event->session)) {
        set_error(tlsrpt, "a session", strerror(ENOMEM));
        return -1;
    }
    tlsrpt->stats.num_written += day->reports.num_sessions - before;
    tlsrpt->stats.num_waiting += day->reports.num_sessions - before;
    return 0;
}

static int tlsrpt_write_event(struct sink *sink, const struct event *event) {
    struct tlsrpt_sink *tlsrpt = (struct tlsrpt_sink *)sink;
    bool is_session = event->dataset == DATASET_SESSION;
    uint64_t time_ns = is_session ? event->session.end_ns : event->sensor.end_ns;
    if (write_until(tlsrpt, time_ns / NS_PER_S) != 0) {
        return -1;
    }
    return is_session ? add_session(tlsrpt, event) : 0;
}

static int tlsrpt_flush(struct sink *sink) {
    (void)sink; /* a day is written when it is over */
    return 0;
}

static void tlsrpt_stats(struct sink *sink, struct sink_stats *stats) {
    *stats = ((const struct tlsrpt_sink *)sink)->stats;
}

static const char *tlsrpt_error(const struct sink *sink) {
    const struct tlsrpt_sink *tlsrpt = (const struct tlsrpt_sink *)sink;
    return tlsrpt->error[0] != '\0' ? tlsrpt->error : NULL;
}

/* --- opening and closing --- */

static void tlsrpt_free(struct tlsrpt_sink *tlsrpt) {
    for (size_t i = 0; i < tlsrpt->num_days; i++) {
        tlsrpt_day_cleanup(&tlsrpt->days[i].reports);
    }
    free(tlsrpt->days);
    free(tlsrpt->dir);
    free(tlsrpt->organization);
    free(tlsrpt->contact);
    free(tlsrpt->sender);
    free(tlsrpt->sink.target);
    buffer_cleanup(&tlsrpt->json);
    buffer_cleanup(&tlsrpt->packed);
    free(tlsrpt);
}

/* The day is not over, but the run is. */
static int tlsrpt_close(struct sink *sink) {
    struct tlsrpt_sink *tlsrpt = (struct tlsrpt_sink *)sink;
    enum written worst = WRITTEN;
    tlsrpt->closing = true;
    for (size_t i = 0; i < tlsrpt->num_days; i++) {
        struct day *day = &tlsrpt->days[i];
        enum written written = day->reports.num > 0 ? write_day(tlsrpt, day) : WRITTEN;
        if (written >= WRITTEN_TAKEN) {
            say(tlsrpt, tlsrpt->error);
            worst = written;
        }
    }
    tlsrpt_free(tlsrpt);
    errno = worst == WRITTEN_TAKEN ? EEXIST : EIO;
    return worst >= WRITTEN_TAKEN ? -1 : 0;
}

static const struct sink_ops tlsrpt_ops = {.write = tlsrpt_write_event,
                                           .flush = tlsrpt_flush,
                                           .close = tlsrpt_close,
                                           .error = tlsrpt_error,
                                           .stats = tlsrpt_stats};

bool tlsrpt_check(const struct sink_spec *spec, char *error, size_t error_len) {
    char domain[TLSRPT_DOMAIN_LEN];
    const char *sender = sink_spec_option(spec, "sender"), *append = sink_spec_option(spec, "append");
    const char *organization = sink_spec_option(spec, "organization"),
               *contact = sink_spec_option(spec, "contact");
    const char *wrong = NULL;
    if (strcmp(spec->target, "-") == 0 || strlen(spec->target) >= SINK_PLACE_MAX) {
        wrong = "reports need a directory";
    } else if (sender != NULL && (strlen(sender) >= TLSRPT_SENDER_MAX || !tlsrpt_host_name(sender, domain))) {
        wrong = "sender is a domain";
    } else if ((organization != NULL && organization[0] == '\0') || (contact != NULL && contact[0] == '\0')) {
        wrong = "organization and contact are not empty";
    } else if (append != NULL && append[0] != '\0') {
        wrong = "append takes no value";
    }
    if (wrong != NULL) {
        (void)snprintf(error, error_len, "output '%s:%s': %s", spec->scheme, spec->target, wrong);
    }
    return wrong == NULL;
}

static bool copy_option(char **out, const struct sink_spec *spec, const char *key) {
    const char *value = sink_spec_option(spec, key);
    *out = value != NULL ? strdup(value) : NULL;
    return value == NULL || *out != NULL;
}

static bool set_up(struct tlsrpt_sink *tlsrpt, const struct sink_spec *spec, const char *text) {
    char domain[TLSRPT_DOMAIN_LEN];
    const char *sender = sink_spec_option(spec, "sender");
    tlsrpt->sink.ops = &tlsrpt_ops;
    tlsrpt->sink.target = strdup(text);
    tlsrpt->dir = strdup(spec->target);
    tlsrpt->append = sink_spec_option(spec, "append") != NULL;
    if (sender != NULL && tlsrpt_host_name(sender, domain)) {
        tlsrpt->sender = strdup(domain);
    }
    return tlsrpt->sink.target != NULL && tlsrpt->dir != NULL && (sender == NULL || tlsrpt->sender != NULL) &&
           copy_option(&tlsrpt->organization, spec, "organization") &&
           copy_option(&tlsrpt->contact, spec, "contact");
}

/* A directory that is not there is made, in one that is. */
static bool has_dir(const char *dir) {
    struct stat status;
    if (mkdir(dir, 0777) == 0) {
        return true;
    }
    if (errno != EEXIST || stat(dir, &status) != 0) {
        return false;
    }
    errno = S_ISDIR(status.st_mode) ? EACCES : ENOTDIR;
    return S_ISDIR(status.st_mode) && access(dir, W_OK | X_OK) == 0;
}

struct sink *tlsrpt_open(const struct sink_spec *spec, const char *text, const struct sink_options *options,
                         char *error, size_t error_len) {
    struct tlsrpt_sink *tlsrpt = calloc(1, sizeof *tlsrpt);
    if (tlsrpt == NULL || !set_up(tlsrpt, spec, text)) {
        (void)snprintf(error, error_len, "output '%s': out of memory", text);
    } else if (!has_dir(tlsrpt->dir)) {
        (void)snprintf(error, error_len, "output '%s': %s: %s", text, tlsrpt->dir, strerror(errno));
    } else {
        tlsrpt->force = options->force;
        tlsrpt->append = tlsrpt->append || options->live;
        tlsrpt->log = options->log;
        tlsrpt->log_context = options->log_context;
        return &tlsrpt->sink;
    }
    if (tlsrpt != NULL) {
        tlsrpt_free(tlsrpt);
    }
    return NULL;
}
