#include "config_reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "config_setting.h"

/* filter-file is dumped as the filter that it holds. */
static bool can_change(const char *name) {
    static const enum setting_key keys[] = {
        SETTING_MAIL_PORTS, SETTING_TLS_PORTS, SETTING_HOME,    SETTING_FILTER,        SETTING_CA,
        SETTING_NO_VERIFY,  SETTING_QUIET,     SETTING_VERBOSE, SETTING_DRAIN_TIMEOUT, SETTING_POLICY,
        SETTING_MTA_STS,    SETTING_MMDB,
    };
    const struct setting *setting = setting_by_name(name);
    for (size_t i = 0; setting && i < sizeof keys / sizeof keys[0]; i++) {
        if (setting->key == keys[i])
            return true;
    }
    return false;
}

static bool makes_filter(const char *name) {
    return strcmp(name, "mail-ports") == 0 || strcmp(name, "tls-ports") == 0 || strcmp(name, "filter") == 0;
}

static void add_name(char names[CONFIG_NAMES_MAX], const char *name) {
    size_t used = strlen(names);
    snprintf(names + used, CONFIG_NAMES_MAX - used, "%s%s", used > 0 ? ", " : "", name);
}

/* The configuration as text, a setting on each line; to be freed, NULL when there is no memory. */
static char *dump(const struct config *config) {
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    if (!stream)
        return NULL;
    bool good = config_file_dump(config, stream);
    if (fclose(stream) == 0 && good)
        return text;
    free(text);
    return NULL;
}

/* Both name the same settings in the same order. */
static void compare(char *before, char *after, struct config_changes *changes) {
    char *save_before, *save_after;
    char *a = strtok_r(before, "\n", &save_before), *b = strtok_r(after, "\n", &save_after);
    for (; a && b; a = strtok_r(NULL, "\n", &save_before), b = strtok_r(NULL, "\n", &save_after)) {
        if (strcmp(a, b) == 0)
            continue;
        a[strcspn(a, ":")] = '\0';
        changes->filters = changes->filters || makes_filter(a);
        add_name(can_change(a) ? changes->changed : changes->restarting, a);
    }
}

bool config_reload(int argc, char **argv, const struct config *running, struct config *fresh,
                   struct config_changes *changes) {
    *changes = (struct config_changes){0};
    if (config_load(argc, argv, fresh) != CONFIG_RUN)
        return false;
    if (!running->spool_given && !fresh->spool_given) { /* the program may have been another user then */
        free(fresh->spool);
        fresh->spool = strdup(running->spool);
    }
    char *before = dump(running), *after = dump(fresh);
    if (before && after)
        compare(before, after, changes);
    free(before);
    free(after);
    return true;
}

#define EXCHANGE(field)                                                                                      \
    do {                                                                                                     \
        struct config kept = {.field = running->field};                                                      \
        running->field = fresh->field;                                                                       \
        fresh->field = kept.field;                                                                           \
    } while (0)

void config_exchange(struct config *running, struct config *fresh) {
    EXCHANGE(mail_ports);
    EXCHANGE(tls_ports);
    EXCHANGE(home);
    EXCHANGE(num_home);
    EXCHANGE(filter);
    EXCHANGE(filter_path);
    EXCHANGE(ca_path);
    EXCHANGE(no_verify);
    EXCHANGE(policy);
    EXCHANGE(mta_sts);
    EXCHANGE(mmdb);
    EXCHANGE(num_mmdb);
    EXCHANGE(quiet);
    EXCHANGE(verbose);
    EXCHANGE(drain_timeout_s);
}
