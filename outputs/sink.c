#include "sink.h"

#include "kafka.h"
#include "profile.h"
#include "sink_file.h"
#include "sink_spec.h"
#include "sink_units.h"
#include "sqlite.h"
#include "syslog.h"
#include "tlsrpt.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S    UINT64_C(1000000000)
#define EVERY_MAX_S (366u * 86400)

/* One kind of sink: its scheme, how it is written, and the options that its specs may have. */
struct scheme {
    const char *name, *form;
    const char *const *options; /* NULL-terminated */
    bool is_file;               /* the target is a path */
    unsigned takes;             /* datasets that it has a use for, bit per enum dataset; 0: all */
    bool (*check)(const struct sink_spec *spec, char *error, size_t error_len);
    struct sink *(*open)(const struct sink_spec *spec, const char *text, const struct sink_options *options,
                         char *error, size_t error_len);
};

/* The options of a file. */
static bool file_settings(const struct sink_spec *spec, struct sink_file_settings *settings, char *error,
                          size_t error_len) {
    const char *append = sink_spec_option(spec, "append");
    const char *rotate = sink_spec_option(spec, "rotate"), *every = sink_spec_option(spec, "every");
    const char *wrong = NULL;
    uint64_t seconds = 0;
    *settings = (struct sink_file_settings){.append = append != NULL};
    if (append != NULL && append[0] != '\0') {
        wrong = "append takes no value";
    } else if (rotate != NULL && !sink_units_bytes(rotate, &settings->rotate_len)) {
        wrong = "rotate wants a size, such as 100MB";
    } else if (every != NULL && (!sink_units_seconds(every, &seconds) || seconds > EVERY_MAX_S)) {
        wrong = "every wants a time, such as 1h, of a year at most";
    } else if (strcmp(spec->target, "-") == 0 && (append != NULL || rotate != NULL || every != NULL)) {
        wrong = "append, rotate and every are for files";
    }
    settings->rotate_ns = seconds * NS_PER_S;
    if (wrong != NULL) {
        (void)snprintf(error, error_len, "output '%s:%s': %s", spec->scheme, spec->target, wrong);
    }
    return wrong == NULL;
}

static bool file_check(const struct sink_spec *spec, char *error, size_t error_len) {
    struct sink_file_settings settings;
    return file_settings(spec, &settings, error, error_len);
}

static struct sink *file_open(const struct encoder *encoder, const struct sink_spec *spec, const char *text,
                              const struct sink_options *options, char *error, size_t error_len) {
    struct sink_file_settings settings;
    if (!file_settings(spec, &settings, error, error_len)) {
        return NULL;
    }
    settings.force = options->force;
    settings.log = options->log;
    settings.log_context = options->log_context;
    return sink_file_open(encoder, text, spec->target, &settings, error, error_len);
}

/* The encoder for ?profile=; NULL when there is none of that name. */
static const struct encoder *json_profile(const struct sink_spec *spec) {
    static const struct encoder *const encoders[] = {&zeek_encoder, &eve_encoder};
    const char *profile = sink_spec_option(spec, "profile");
    if (profile == NULL || strcmp(profile, "ecs") == 0) {
        return &json_encoder;
    }
    for (size_t i = 0; i < sizeof encoders / sizeof encoders[0]; i++) {
        if (strcmp(encoders[i]->scheme, profile) == 0) {
            return encoders[i];
        }
    }
    return NULL;
}

static bool json_check(const struct sink_spec *spec, char *error, size_t error_len) {
    if (json_profile(spec) == NULL) {
        (void)snprintf(error, error_len, "output 'json:%s': profile is ecs, zeek or eve", spec->target);
        return false;
    }
    return file_check(spec, error, error_len);
}

static struct sink *json_open(const struct sink_spec *spec, const char *text,
                              const struct sink_options *options, char *error, size_t error_len) {
    return file_open(json_profile(spec), spec, text, options, error, error_len);
}

static struct sink *csv_open(const struct sink_spec *spec, const char *text,
                             const struct sink_options *options, char *error, size_t error_len) {
    return file_open(&csv_encoder, spec, text, options, error, error_len);
}

static bool sqlite_check(const struct sink_spec *spec, char *error, size_t error_len) {
    bool good = strcmp(spec->target, "-") != 0;
    if (!good) {
        (void)snprintf(error, error_len,
                       "output 'sqlite:-': a database cannot be written to standard output");
    }
    return good;
}

static bool kafka_check(const struct sink_spec *spec, char *error, size_t error_len) {
    struct kafka_target target;
    char why[256];
    bool good = kafka_target_parse(&target, spec->target, why, sizeof why);
    if (!good) { /* what stands there may be a password by mistake */
        (void)snprintf(error, error_len, "output '%s:': %s", spec->scheme, why);
    } else {
        kafka_target_cleanup(&target);
    }
    return good;
}

static const char *const json_options[] = {"datasets", "append", "rotate", "every", "profile", NULL};
static const char *const csv_options[] = {"datasets", "append", "rotate", "every", NULL};
static const char *const sqlite_options[] = {"datasets", NULL};
static const char *const kafka_options[] = {"datasets", "spool", NULL};
static const char *const syslog_options[] = {"format", "facility", NULL};
static const char *const tlsrpt_options[] = {"organization", "contact", "sender", "append", NULL};
static const struct scheme schemes[] = {
    {"json", "json:PATH", json_options, true, 0, json_check, json_open},
    {"csv", "csv:PATH", csv_options, true, 0, file_check, csv_open},
    {"sqlite", "sqlite:PATH", sqlite_options, true, 0, sqlite_check, sqlite_open},
    {"kafka", "kafka://BROKERS/TOPIC", kafka_options, false, 0, kafka_check, kafka_open},
    {"syslog", "syslog:unix, syslog:udp://HOST:PORT, syslog:tcp://HOST:PORT", syslog_options, false,
     1u << DATASET_ALERT, syslog_check, syslog_open},
    {"tlsrpt", "tlsrpt:DIR", tlsrpt_options, false, 1u << DATASET_SESSION | 1u << DATASET_SENSOR,
     tlsrpt_check, tlsrpt_open},
};
#define NUM_SCHEMES (sizeof schemes / sizeof schemes[0])

static const struct scheme *scheme_find(const char *name) {
    for (size_t i = 0; i < NUM_SCHEMES; i++) {
        if (strcmp(schemes[i].name, name) == 0) {
            return &schemes[i];
        }
    }
    return NULL;
}

static bool has_option(const struct scheme *scheme, const char *key) {
    for (const char *const *option = scheme->options; *option != NULL; option++) {
        if (strcmp(*option, key) == 0) {
            return true;
        }
    }
    return false;
}

/* "... expected json:PATH, csv:PATH, ... or kafka://..." */
static void say_forms(const char *text, char *error, size_t error_len) {
    struct buffer forms = {0};
    for (size_t i = 0; i < NUM_SCHEMES; i++) {
        buffer_add_string(&forms, i == 0 ? "" : i + 1 < NUM_SCHEMES ? ", " : " or ");
        buffer_add_string(&forms, schemes[i].form);
    }
    (void)snprintf(error, error_len, "output '%s': expected %.*s", text, (int)forms.len, forms.data);
    buffer_cleanup(&forms);
}

/* Takes text apart; NULL with a message when its scheme or an option is not known. */
static const struct scheme *spec_read(struct sink_spec *spec, const char *text, char *error,
                                      size_t error_len) {
    if (!sink_spec_parse(spec, text, error, error_len)) {
        return NULL;
    }
    const struct scheme *scheme = scheme_find(spec->scheme);
    if (scheme == NULL) {
        say_forms(text, error, error_len);
    }
    for (size_t i = 0; scheme != NULL && i < spec->num_options; i++) {
        if (!has_option(scheme, spec->options[i].key)) {
            (void)snprintf(error, error_len, "output '%s': unknown option '%s'", text, spec->options[i].key);
            scheme = NULL;
        }
    }
    if (scheme == NULL) {
        sink_spec_cleanup(spec);
    }
    return scheme;
}

/* Tables and the records of others know sessions alone. */
static bool takes_sessions_only(const struct sink_spec *spec) {
    const char *profile = sink_spec_option(spec, "profile");
    return strcmp(spec->scheme, "csv") == 0 || (profile != NULL && strcmp(profile, "ecs") != 0);
}

/* The datasets that the spec chooses; unchanged when it does not. */
static bool datasets_read(const struct sink_spec *spec, unsigned *datasets, char *error, size_t error_len) {
    char why[128];
    unsigned chosen = 0;
    const char *words = sink_spec_option(spec, "datasets");
    if (words == NULL) {
        return true;
    }
    bool good = datasets_add(&chosen, words, why, sizeof why);
    if (good && takes_sessions_only(spec) && (chosen & 1u << DATASET_SESSION) == 0) {
        (void)snprintf(why, sizeof why, "has sessions only, so that datasets=%.40s leaves nothing", words);
        good = false;
    }
    if (!good) {
        (void)snprintf(error, error_len, "output '%s:%s': %s", spec->scheme, spec->target, why);
        return false;
    }
    *datasets = chosen;
    return true;
}

bool sink_check(const char *text, char *error, size_t error_len) {
    struct sink_spec spec;
    unsigned datasets = 0;
    const struct scheme *scheme = spec_read(&spec, text, error, error_len);
    if (scheme == NULL) {
        return false;
    }
    bool good = datasets_read(&spec, &datasets, error, error_len) && scheme->check(&spec, error, error_len);
    sink_spec_cleanup(&spec);
    return good;
}

bool sink_is_stdout(const char *text) {
    struct sink_spec spec;
    char error[8];
    bool is = sink_spec_parse(&spec, text, error, sizeof error) && strcmp(spec.target, "-") == 0;
    sink_spec_cleanup(&spec);
    return is;
}

/* The path of a file that may not be there yet, without detours; to be freed. NULL when its directory is not
 * there: then the file can be no other's either. */
static char *real_path(const char *path) {
    char *real = realpath(path, NULL);
    char *copy = real == NULL ? strdup(path) : NULL;
    char *directory = copy != NULL ? realpath(dirname(copy), NULL) : NULL;
    const char *slash = strrchr(path, '/');
    if (directory != NULL && asprintf(&real, "%s/%s", directory, slash != NULL ? slash + 1 : path) < 0) {
        real = NULL;
    }
    free(directory);
    free(copy);
    return real;
}

bool sink_same_place(const char *text, const char *other) {
    struct sink_spec a, b = {0};
    char error[8];
    if (!sink_spec_parse(&a, text, error, sizeof error) || !sink_spec_parse(&b, other, error, sizeof error)) {
        sink_spec_cleanup(&a);
        return false;
    }
    const struct scheme *of_a = scheme_find(a.scheme), *of_b = scheme_find(b.scheme);
    bool same = strcmp(a.target, b.target) == 0;
    if (!same && of_a != NULL && of_b != NULL && of_a->is_file && of_b->is_file) {
        char *real_a = real_path(a.target), *real_b = real_path(b.target);
        same = real_a != NULL && real_b != NULL && strcmp(real_a, real_b) == 0;
        free(real_a);
        free(real_b);
    }
    sink_spec_cleanup(&a);
    sink_spec_cleanup(&b);
    return same;
}

struct sink *sink_open(const char *text, const struct sink_options *options, char *error, size_t error_len) {
    struct sink_spec spec;
    struct sink *sink = NULL;
    const struct scheme *scheme = spec_read(&spec, text, error, error_len);
    if (scheme == NULL) {
        return NULL;
    }
    unsigned datasets = options->datasets != 0 ? options->datasets : (1u << NUM_DATASETS) - 1;
    datasets = scheme->takes != 0 ? scheme->takes : datasets;
    if (datasets_read(&spec, &datasets, error, error_len) && scheme->check(&spec, error, error_len)) {
        sink = scheme->open(&spec, text, options, error, error_len);
    }
    if (sink != NULL) {
        sink->datasets = datasets;
    }
    sink_spec_cleanup(&spec);
    /* cppcheck-suppress returnDanglingLifetime ; open() copies what it keeps of spec */
    return sink;
}

int sink_write(struct sink *sink, const struct event *event) {
    return (sink->datasets >> event->dataset & 1) != 0 ? sink->ops->write(sink, event) : 0;
}

int sink_flush(struct sink *sink) {
    return sink->ops->flush(sink);
}

int sink_close(struct sink *sink) {
    return sink != NULL ? sink->ops->close(sink) : 0;
}

uint64_t sink_wait(struct sink *sink, unsigned timeout_ms) {
    return sink->ops->wait != NULL ? sink->ops->wait(sink, timeout_ms) : 0;
}

bool sink_stats(struct sink *sink, struct sink_stats *stats) {
    *stats = (struct sink_stats){0};
    if (sink->ops->stats == NULL) {
        return false;
    }
    sink->ops->stats(sink, stats);
    return true;
}

void sink_reopen(struct sink *sink) {
    if (sink->ops->reopen != NULL) {
        sink->ops->reopen(sink);
    }
}

int sink_start(struct sink *sink) {
    return sink->ops->start != NULL ? sink->ops->start(sink) : 0;
}

bool sink_keeps(const struct sink *sink) {
    return sink->ops->start != NULL; /* what threads deliver goes through a spool */
}

bool sink_place(const char *text, const struct sink_options *options, struct sink_place *place) {
    struct sink_spec spec;
    char error[8];
    *place = (struct sink_place){0};
    const struct scheme *scheme = spec_read(&spec, text, error, sizeof error);
    if (scheme == NULL) {
        return false;
    }
    bool has_place = strcmp(spec.target, "-") != 0;
    if (scheme->is_file) {
        place->is_database = scheme->open == sqlite_open;
        place->creates =
            sink_spec_option(&spec, "rotate") != NULL || sink_spec_option(&spec, "every") != NULL;
        has_place = has_place && strlen(spec.target) < sizeof place->path;
        (void)snprintf(place->path, sizeof place->path, "%s", has_place ? spec.target : "");
    } else if (scheme->open == tlsrpt_open) {
        place->is_dir = place->creates = true;
        has_place = strlen(spec.target) < sizeof place->path;
        (void)snprintf(place->path, sizeof place->path, "%s", has_place ? spec.target : "");
    } else if (scheme->open == syslog_open) {
        has_place = false;
    } else {
        place->is_dir = place->creates = true;
        has_place = kafka_spool_dir(&spec, options->spool, place->path, sizeof place->path);
    }
    sink_spec_cleanup(&spec);
    return has_place;
}

const char *sink_error_class_name(enum sink_error_class error_class) {
    static const char *const names[NUM_SINK_ERRORS] = {
        [SINK_ERROR_CONNECTION] = "connection", [SINK_ERROR_AUTHENTICATION] = "authentication",
        [SINK_ERROR_TOPIC] = "topic",           [SINK_ERROR_SIZE] = "size",
        [SINK_ERROR_FATAL] = "fatal",           [SINK_ERROR_SPOOL] = "spool",
        [SINK_ERROR_OTHER] = "other",           [SINK_ERROR_DISK] = "disk",
    };
    return names[error_class];
}

const char *sink_error(const struct sink *sink) {
    return sink->ops->error(sink);
}

const char *sink_target(const struct sink *sink) {
    return sink->target;
}

bool sink_gone(const struct sink *sink) {
    return sink->gone;
}
