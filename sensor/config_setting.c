/* config_setting.c: the table of settings, and what each does to the configuration. */
#include "config_setting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../outputs/sink_spec.h"
#include "capture/filter_mail.h"
#include "config_values.h"

#define FILTER_FILE_MAX   (1u << 20)            /* bytes of a -F file */
#define PEER_WINDOW_S_MAX (366u * 24 * 60 * 60) /* a year */
#define RING_MB_MAX       2047u                 /* libpcap takes the number of bytes as an int */
#define SNAP_LENGTH_MIN   256u                  /* all headers, and some of what is behind them */
#define SNAP_LENGTH_MAX   262144u
#define FLOWS_MAX         100000000u
#define MEMORY_CAP_MB_MIN 32u
#define MEMORY_CAP_MB_MAX (1u << 24) /* 16 TB */
#define PEERS_MANY        10000000u
#define SINK_WAIT_S_MAX   (366u * 24 * 60 * 60)
#define SPOOL_MB_MIN      32u
#define SPOOL_MB_MAX      (1u << 24) /* 16 TB */
#define DRAIN_S_MAX       (24u * 60 * 60)
#define VERBOSE_MAX       9u
#define SETTING_NAME_MAX  32 /* for comparing; all of ours are shorter */

#define AT(member)                offsetof(struct config, member)
#define TEXT(member)              SETTING_TEXT, AT(member), 0, 0, 0
#define TEXTS(member, num_member) SETTING_TEXTS, AT(member), AT(num_member), 0, 0
#define SWITCH(member)            SETTING_SWITCH, AT(member), 0, 0, 0
#define PORTS(member)             SETTING_PORTS, AT(member), 0, 0, 0
#define NUMBER(member, min, max)  SETTING_NUMBER, AT(member), 0, min, max
#define OWN_VALUE                 SETTING_OWN_VALUE, 0, 0, 0, 0
#define OWN_VALUES                SETTING_OWN_VALUES, 0, 0, 0, 0

const struct setting settings[NUM_SETTINGS] = {
    {SETTING_READ, "read", TEXTS(inputs, num_inputs)},
    {SETTING_INTERFACE, "interface", TEXTS(interfaces, num_interfaces)},
    {SETTING_RING_MB, "ring-mb", NUMBER(ring_mb, 1, RING_MB_MAX)},
    {SETTING_SNAP_LENGTH, "snap-length", NUMBER(snap_len, SNAP_LENGTH_MIN, SNAP_LENGTH_MAX)},
    {SETTING_NO_PROMISCUOUS, "no-promiscuous", SWITCH(no_promiscuous)},
    {SETTING_TIME_STAMPS, "time-stamps", TEXT(time_stamps)},
    {SETTING_TUNNELS, "tunnels", OWN_VALUES},
    {SETTING_OUTPUT, "output", TEXTS(sinks, num_sinks)},
    {SETTING_DATASETS, "datasets", OWN_VALUES},
    {SETTING_KAFKA_CONFIG, "kafka-config", TEXT(kafka_config)},
    {SETTING_KAFKA_PROPERTY, "kafka-property", TEXTS(kafka_properties, num_kafka_properties)},
    {SETTING_SINK_WAIT, "sink-wait", NUMBER(sink_wait_s, 0, SINK_WAIT_S_MAX)},
    {SETTING_SPOOL, "spool", TEXT(spool)},
    {SETTING_SPOOL_MAX, "spool-max", NUMBER(spool_max_mb, SPOOL_MB_MIN, SPOOL_MB_MAX)},
    {SETTING_FILTER, "filter", OWN_VALUE},
    {SETTING_FILTER_FILE, "filter-file", OWN_VALUE},
    {SETTING_MAIL_PORTS, "mail-ports", PORTS(mail_ports)},
    {SETTING_TLS_PORTS, "tls-ports", PORTS(tls_ports)},
    {SETTING_ANY_PORT, "any-port", SWITCH(any_port)},
    {SETTING_HOME, "home", OWN_VALUES},
    {SETTING_CA, "ca", TEXT(ca_path)},
    {SETTING_NO_VERIFY, "no-verify", SWITCH(no_verify)},
    {SETTING_NO_DNS, "no-dns", SWITCH(no_dns)},
    {SETTING_MTA_STS, "mta-sts", TEXT(mta_sts)},
    {SETTING_RECEIVED, "received", SWITCH(received)},
    {SETTING_KEYLOG, "keylog", TEXT(keylog)},
    {SETTING_POLICY, "policy", TEXT(policy)},
    {SETTING_VERIFY_CHECKSUMS, "verify-checksums", SWITCH(verify_checksums)},
    {SETTING_OBSERVER_NAME, "observer-name", TEXT(observer_name)},
    {SETTING_SENSOR_INTERVAL, "sensor-interval", NUMBER(sensor_interval_s, 0, PEER_WINDOW_S_MAX)},
    {SETTING_PEER_WINDOW, "peer-window", NUMBER(peer_window_s, 0, PEER_WINDOW_S_MAX)},
    {SETTING_ALERT_ON, "alert-on", OWN_VALUES},
    {SETTING_MAX_FLOWS, "max-flows", NUMBER(max_flows, 1, FLOWS_MAX)},
    {SETTING_MEMORY_CAP, "memory-cap", NUMBER(memory_cap_mb, MEMORY_CAP_MB_MIN, MEMORY_CAP_MB_MAX)},
    {SETTING_WORKERS, "workers", OWN_VALUE},
    {SETTING_MAX_PEERS, "max-peers", NUMBER(max_peers, 1, PEERS_MANY)},
    {SETTING_STATE, "state", TEXT(state)},
    {SETTING_MMDB, "mmdb", TEXTS(mmdb, num_mmdb)},
    {SETTING_FORCE, "force", SWITCH(force)},
    {SETTING_WRITE, "write", TEXT(record)},
    {SETTING_SCRUB, "scrub", SWITCH(scrub)},
    {SETTING_METRICS, "metrics", TEXT(metrics)},
    {SETTING_USER, "user", TEXT(user)},
    {SETTING_NO_SANDBOX, "no-sandbox", SWITCH(no_sandbox)},
    {SETTING_DRAIN_TIMEOUT, "drain-timeout", NUMBER(drain_timeout_s, 0, DRAIN_S_MAX)},
    {SETTING_NO_SUMMARY, "no-summary", SWITCH(no_summary)},
    {SETTING_QUIET, "quiet", SWITCH(quiet)},
    {SETTING_VERBOSE, "verbose", NUMBER(verbose, 0, VERBOSE_MAX)},
};

const struct setting *setting_by_name(const char *name) {
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        if (strcmp(settings[i].name, name) == 0)
            return &settings[i];
    }
    return NULL;
}

const struct setting *setting_by_key(int key) {
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        if ((int)settings[i].key == key)
            return &settings[i];
    }
    return NULL;
}

/* Levenshtein's distance: how many letters to add, drop or change to make b of a. */
static size_t spelling_distance(const char *a, const char *b) {
    size_t row[SETTING_NAME_MAX + 1];
    size_t b_len = strnlen(b, SETTING_NAME_MAX);
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 0; i < SETTING_NAME_MAX && a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t change = diagonal + (a[i] != b[j]);
            size_t shift = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = change < shift ? change : shift;
        }
    }
    return row[b_len];
}

const struct setting *setting_nearest(const char *name) {
    size_t best = 0, best_distance = SIZE_MAX;
    for (size_t i = 0; i < NUM_SETTINGS; i++) {
        size_t distance = spelling_distance(name, settings[i].name);
        if (distance < best_distance) {
            best = i;
            best_distance = distance;
        }
    }
    return &settings[best];
}

static bool text_set(char **text, const char *value, char *why, size_t why_len) {
    if (value[0] == '\0') {
        snprintf(why, why_len, "the value is empty");
        return false;
    }
    char *copy = strdup(value);
    if (copy == NULL) {
        snprintf(why, why_len, "out of memory");
        return false;
    }
    free(*text);
    *text = copy;
    return true;
}

static bool list_add(char ***items, size_t *num, const char *value, char *why, size_t why_len) {
    char **grown = realloc(*items, (*num + 1) * sizeof *grown);
    if (grown == NULL) {
        snprintf(why, why_len, "out of memory");
        return false;
    }
    *items = grown;
    grown[*num] = NULL;
    if (!text_set(&grown[*num], value, why, why_len))
        return false;
    ++*num;
    return true;
}

static void list_clear(char ***items, size_t *num) {
    for (size_t i = 0; i < *num; i++)
        free((*items)[i]);
    free(*items);
    *items = NULL;
    *num = 0;
}

/* A blank expression means every packet: no filter. */
static bool filter_set(struct config *config, const char *expression, char *why, size_t why_len) {
    if (expression[strspn(expression, " \t\r\n")] != '\0')
        return text_set(&config->filter, expression, why, why_len);
    free(config->filter);
    config->filter = NULL;
    return true;
}

/* As tcpdump -F reads it: from '#' to the end of its line is a comment, lines are joined. */
static void filter_strip_comments(char *expression) {
    bool comment = false;
    for (char *c = expression; *c != '\0'; c++) {
        if (*c == '\n')
            comment = false;
        else if (*c == '#')
            comment = true;
        if (comment || *c == '\n' || *c == '\r')
            *c = ' ';
    }
}

static bool filter_file_read(struct config *config, const char *path, char *why, size_t why_len) {
    bool good = false;
    char *text = calloc(1, FILTER_FILE_MAX + 1);
    FILE *file = fopen(path, "rb");
    if (file == NULL || text == NULL) {
        snprintf(why, why_len, "cannot open '%s': %s", path, strerror(errno));
        goto done;
    }
    size_t len = fread(text, 1, FILTER_FILE_MAX + 1, file);
    if (ferror(file)) {
        snprintf(why, why_len, "cannot read '%s': %s", path, strerror(errno));
    } else if (len > FILTER_FILE_MAX) {
        snprintf(why, why_len, "'%s' is longer than %u bytes", path, FILTER_FILE_MAX);
    } else if (memchr(text, '\0', len) != NULL) {
        snprintf(why, why_len, "'%s' is not a text file", path);
    } else {
        filter_strip_comments(text);
        good = filter_set(config, text, why, why_len) && text_set(&config->filter_path, path, why, why_len);
    }
done:
    if (file != NULL)
        (void)fclose(file);
    free(text);
    return good;
}

/* What a setting of a kind that says so is kept in. */
static void *member_of(struct config *config, size_t at) {
    return (char *)config + at;
}

bool setting_takes_many(const struct setting *setting) {
    return setting->kind == SETTING_TEXTS || setting->kind == SETTING_PORTS ||
           setting->kind == SETTING_OWN_VALUES;
}

static void own_clear(struct config *config, enum setting_key key) {
    switch (key) {
    case SETTING_TUNNELS:
        config->tunnels = 0;
        break;
    case SETTING_DATASETS:
        config->datasets = 0;
        break;
    case SETTING_ALERT_ON:
        config->alert_on = (struct alert_rules){0};
        break;
    case SETTING_HOME:
        free(config->home);
        config->home = NULL;
        config->num_home = 0;
        break;
    case SETTING_FILTER:
    case SETTING_FILTER_FILE:
        free(config->filter);
        free(config->filter_path);
        config->filter = config->filter_path = NULL;
        break;
    default: /* a single value, which the next one replaces */
        break;
    }
}

void setting_clear(struct config *config, const struct setting *setting) {
    void *member = member_of(config, setting->at);
    switch (setting->kind) {
    case SETTING_TEXT:
        free(*(char **)member);
        *(char **)member = NULL;
        break;
    case SETTING_TEXTS:
        list_clear(member, member_of(config, setting->num_at));
        break;
    case SETTING_PORTS:
        *(struct port_set *)member = (struct port_set){0};
        break;
    case SETTING_SWITCH:
        *(bool *)member = false;
        break;
    case SETTING_NUMBER:
        *(uint32_t *)member = 0;
        break;
    case SETTING_OWN_VALUE:
    case SETTING_OWN_VALUES:
        own_clear(config, setting->key);
        break;
    }
}

static bool own_add(struct config *config, enum setting_key key, const char *value, char *why,
                    size_t why_len) {
    switch (key) {
    case SETTING_TUNNELS:
        return filter_tunnels_add(&config->tunnels, value, why, why_len);
    case SETTING_DATASETS:
        return datasets_add(&config->datasets, value, why, why_len);
    case SETTING_ALERT_ON:
        return alert_rules_add(&config->alert_on, value, why, why_len);
    case SETTING_FILTER:
        return filter_set(config, value, why, why_len);
    case SETTING_FILTER_FILE:
        return filter_file_read(config, value, why, why_len);
    case SETTING_HOME:
        return networks_add(&config->home, &config->num_home, value, why, why_len);
    case SETTING_WORKERS:
        return workers_parse(&config->workers, value, why, why_len);
    default:
        snprintf(why, why_len, "no such setting");
        return false;
    }
}

bool setting_add(struct config *config, const struct setting *setting, const char *value, char *why,
                 size_t why_len) {
    void *member = member_of(config, setting->at);
    config->spool_given |= setting->key == SETTING_SPOOL;
    switch (setting->kind) {
    case SETTING_TEXT:
        return text_set(member, value, why, why_len);
    case SETTING_TEXTS:
        return list_add(member, member_of(config, setting->num_at), value, why, why_len);
    case SETTING_SWITCH:
        return switch_parse(member, value, why, why_len);
    case SETTING_NUMBER:
        return number_parse(member, setting->min, setting->max, value, why, why_len);
    case SETTING_PORTS:
        return ports_add(member, value, why, why_len);
    default:
        return own_add(config, setting->key, value, why, why_len);
    }
}
