#include "confine.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../outputs/sink.h"
#include "capture/source.h"
#include "log.h"
#include "record/record_file.h"
#include "sandbox.h"

/* The outputs: sinks, and behind them the recording and the memory. */
static size_t num_outputs(const struct config *config) {
    return config->num_sinks + (config->record != NULL) + (config->state != NULL);
}

static bool is_recording(const struct config *config, size_t i) {
    return config->record && i == config->num_sinks;
}

static const char *output_name(const struct config *config, size_t i) {
    return i < config->num_sinks     ? config->sinks[i]
           : is_recording(config, i) ? config->record
                                     : config->state;
}

/* Where the output at index i writes; false: nowhere on disk. */
static bool place_of(const struct config *config, size_t i, struct sink_place *place) {
    const struct sink_options options = {.spool = config->spool};
    if (is_recording(config, i))
        return record_file_place(config->record, place);
    if (i < config->num_sinks)
        return sink_place(config->sinks[i], &options, place);
    *place = (struct sink_place){.is_database = true, .creates = true}; /* its journal */
    return snprintf(place->path, sizeof place->path, "%s", config->state) < (int)sizeof place->path;
}

/* The directory in which a sink makes files. */
static void directory_of(const struct sink_place *place, char out[SINK_PLACE_MAX]) {
    char copy[SINK_PLACE_MAX];
    memcpy(copy, place->path, sizeof copy);
    snprintf(out, SINK_PLACE_MAX, "%s", place->is_dir ? copy : dirname(copy));
}

static bool has_network(const struct config *config) {
    for (size_t i = 0; i < config->num_sinks; i++) {
        const char *sink = config->sinks[i];
        if (strncmp(sink, "kafka:", 6) == 0 || strncmp(sink, "syslog:udp:", 11) == 0 ||
            strncmp(sink, "syslog:tcp:", 11) == 0)
            return true;
    }
    return false;
}

static bool refuse(const char *why) {
    log_line(LEVEL_ERROR, "%s", why);
    return false;
}

bool confine_prepare(struct confine *confine, const struct config *config) {
    char why[PRIVILEGE_WHY_MAX];
    *confine = (struct confine){.changes_user = config->num_interfaces > 0 && geteuid() == 0};
    if (!confine->changes_user)
        return true;
    if (!privilege_find_user(config->user, &confine->user, why))
        return refuse(why);
    for (size_t i = 0; i < num_outputs(config); i++) {
        struct sink_place place;
        if (place_of(config, i, &place) && place.is_dir &&
            !privilege_make_dir(&confine->user, place.path, why))
            return refuse(why);
    }
    return true;
}

/* --- the user --- */

/* A database has files beside it as long as it is open. */
static bool hand_over(const struct privilege_user *user, const struct sink_place *place) {
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[SINK_PLACE_MAX + 8], why[PRIVILEGE_WHY_MAX];
    if (place->is_dir)
        return privilege_hand_over_dir(user, place->path, why) || refuse(why);
    for (size_t i = 0; i < (place->is_database ? 3 : 1); i++) {
        snprintf(path, sizeof path, "%s%s", place->path, suffixes[i]);
        if (!privilege_hand_over(user, path, why))
            return refuse(why);
    }
    return true;
}

/* Files of events are opened anew at SIGHUP, by when they may have been renamed; pipes and devices are not.
 */
static bool is_renamed(const struct sink_place *place) {
    struct stat status;
    return !place->is_dir && !place->is_database &&
           (stat(place->path, &status) != 0 || S_ISREG(status.st_mode)); /* it is there, but out of reach */
}

/* As whoever the program is by now. */
static bool check_place(const struct confine *confine, const char *sink, const struct sink_place *place) {
    char directory[SINK_PLACE_MAX];
    directory_of(place, directory);
    if ((!place->creates && !is_renamed(place)) || privilege_may_create(directory))
        return true;
    char *real = realpath(directory, NULL); /* "." says little */
    if (real)
        snprintf(directory, sizeof directory, "%s", real);
    free(real);
    enum log_level level = place->creates ? LEVEL_ERROR : LEVEL_WARNING;
    const char *when = place->creates ? "later" : "once it was renamed, at SIGHUP";
    if (confine->changes_user)
        log_line(level,
                 "%s: user %s may not create files in %s, which this output needs %s: chown %s %s, or name "
                 "another user by --user",
                 sink, confine->user.name, directory, when, confine->user.name, directory);
    else
        log_line(level, "%s: no permission to create files in %s, which this output needs %s", sink,
                 directory, when);
    return !place->creates;
}

static bool change_user(const struct confine *confine, const struct config *config, bool needs_admin) {
    char why[PRIVILEGE_WHY_MAX];
    struct sink_place place;
    unsigned keep = PRIVILEGE_NET_RAW | (needs_admin ? PRIVILEGE_NET_ADMIN : 0);
    for (size_t i = 0; confine->changes_user && i < num_outputs(config); i++) {
        if (place_of(config, i, &place) && !hand_over(&confine->user, &place))
            return false;
    }
    if (!privilege_drop(confine->changes_user ? &confine->user : NULL, keep, why))
        return refuse(why);
    for (size_t i = 0; i < num_outputs(config); i++) {
        if (place_of(config, i, &place) && !check_place(confine, output_name(config, i), &place))
            return false;
    }
    if (config->path && access(config->path, R_OK) != 0)
        log_line(LEVEL_WARNING, "%s: %s: SIGHUP will not be able to read it again", config->path,
                 strerror(errno));
    if (confine->changes_user)
        log_line(LEVEL_INFO, "now user %s, with CAP_NET_RAW%s only", confine->user.name,
                 needs_admin ? " and CAP_NET_ADMIN" : "");
    return true;
}

/* --- the sandbox --- */

static void allow_file(void *context, const char *path) {
    sandbox_allow_beside(context, SANDBOX_READ, path);
}

/* By name, so that what a link points to counts as well. */
static void allow_inputs(struct sandbox *sandbox, const struct config *config) {
    char error[512];
    for (size_t i = 0; i < config->num_inputs; i++) {
        struct path_list list = {0};
        sandbox_allow(sandbox, SANDBOX_READ, config->inputs[i]);
        if (source_expand(config->inputs[i], &list, error, sizeof error) != 0)
            continue; /* the loop says so */
        for (size_t k = 0; k < list.num; k++)
            sandbox_allow(sandbox, SANDBOX_READ, list.paths[k]);
        path_list_cleanup(&list);
    }
}

/* Directories with ':' between them. */
static void allow_list(struct sandbox *sandbox, const char *list) {
    char *copy = list ? strdup(list) : NULL, *save;
    for (char *path = copy ? strtok_r(copy, ":", &save) : NULL; path; path = strtok_r(NULL, ":", &save))
        sandbox_allow(sandbox, SANDBOX_READ, path);
    free(copy);
}

static void allow_setting(struct sandbox *sandbox, const char *path) {
    if (!path || path[0] == '\0')
        return;
    sandbox_allow(sandbox, SANDBOX_READ, path); /* which may be a directory */
    sandbox_allow_beside(sandbox, SANDBOX_READ, path);
}

/* What is read once more at a reload, or grows. */
static void allow_settings(struct sandbox *sandbox, const struct config *config) {
    const char *paths[] = {config->path,         config->filter_path,    config->ca_path,
                           config->keylog,       config->policy,         config->mta_sts,
                           config->kafka_config, getenv("SSL_CERT_FILE")};
    const struct kafka_settings kafka = {config->kafka_config, config->kafka_properties,
                                         config->num_kafka_properties};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        allow_setting(sandbox, paths[i]);
    for (size_t i = 0; i < config->num_mmdb; i++)
        allow_setting(sandbox, config->mmdb[i]);
    allow_list(sandbox, getenv("SSL_CERT_DIR"));
    if (has_network(config))
        kafka_conf_files(&kafka, allow_file, sandbox);
}

static void allow_outputs(struct sandbox *sandbox, const struct config *config) {
    char directory[SINK_PLACE_MAX];
    struct sink_place place;
    for (size_t i = 0; i < num_outputs(config); i++) {
        if (!place_of(config, i, &place))
            continue;
        directory_of(&place, directory);
        sandbox_allow(sandbox, SANDBOX_WRITE, directory);
    }
}

static struct sandbox *build_sandbox(const struct config *config) {
    struct sandbox *sandbox = sandbox_new();
    if (!sandbox)
        return NULL;
    sandbox_allow_system(sandbox);
    allow_inputs(sandbox, config);
    allow_settings(sandbox, config);
    allow_outputs(sandbox, config);
    return sandbox;
}

bool confine_enter(const struct confine *confine, const struct config *config, bool needs_admin) {
    char missing[SANDBOX_MISSING_MAX];
    bool live = config->num_interfaces > 0;
    const struct sandbox_needs needs = {.network = has_network(config), .capture = live};
    /* While root can still look at all paths. */
    struct sandbox *sandbox = config->no_sandbox ? NULL : build_sandbox(config);
    bool good = config->no_sandbox || sandbox || refuse("out of memory");
    if (good && live)
        good = change_user(confine, config, needs_admin);
    if (good && sandbox) {
        bool whole = sandbox_enter(sandbox, &needs, missing);
        if (!whole) /* for reading a file, worth mentioning to those who ask */
            log_line(live ? LEVEL_NOTICE : LEVEL_INFO, "not in the sandbox: %s", missing);
        else
            log_line(LEVEL_INFO, "in the sandbox: no_new_privs, seccomp, Landlock");
    }
    sandbox_free(sandbox);
    return good;
}
