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

const struct setting settings[NUM_SETTINGS] = {
    {SETTING_READ, "read", true},
    {SETTING_INTERFACE, "interface", true},
    {SETTING_RING_MB, "ring-mb", false},
    {SETTING_SNAP_LENGTH, "snap-length", false},
    {SETTING_NO_PROMISCUOUS, "no-promiscuous", false},
    {SETTING_TIME_STAMPS, "time-stamps", false},
    {SETTING_TUNNELS, "tunnels", true},
    {SETTING_OUTPUT, "output", true},
    {SETTING_DATASETS, "datasets", true},
    {SETTING_KAFKA_CONFIG, "kafka-config", false},
    {SETTING_KAFKA_PROPERTY, "kafka-property", true},
    {SETTING_SINK_WAIT, "sink-wait", false},
    {SETTING_SPOOL, "spool", false},
    {SETTING_SPOOL_MAX, "spool-max", false},
    {SETTING_FILTER, "filter", false},
    {SETTING_FILTER_FILE, "filter-file", false},
    {SETTING_MAIL_PORTS, "mail-ports", true},
    {SETTING_TLS_PORTS, "tls-ports", true},
    {SETTING_ANY_PORT, "any-port", false},
    {SETTING_HOME, "home", true},
    {SETTING_CA, "ca", false},
    {SETTING_NO_VERIFY, "no-verify", false},
    {SETTING_NO_DNS, "no-dns", false},
    {SETTING_MTA_STS, "mta-sts", false},
    {SETTING_RECEIVED, "received", false},
    {SETTING_KEYLOG, "keylog", false},
    {SETTING_POLICY, "policy", false},
    {SETTING_VERIFY_CHECKSUMS, "verify-checksums", false},
    {SETTING_OBSERVER_NAME, "observer-name", false},
    {SETTING_SENSOR_INTERVAL, "sensor-interval", false},
    {SETTING_PEER_WINDOW, "peer-window", false},
    {SETTING_ALERT_ON, "alert-on", true},
    {SETTING_MAX_FLOWS, "max-flows", false},
    {SETTING_MEMORY_CAP, "memory-cap", false},
    {SETTING_WORKERS, "workers", false},
    {SETTING_MAX_PEERS, "max-peers", false},
    {SETTING_STATE, "state", false},
    {SETTING_MMDB, "mmdb", true},
    {SETTING_FORCE, "force", false},
    {SETTING_WRITE, "write", false},
    {SETTING_SCRUB, "scrub", false},
    {SETTING_METRICS, "metrics", false},
    {SETTING_USER, "user", false},
    {SETTING_NO_SANDBOX, "no-sandbox", false},
    {SETTING_DRAIN_TIMEOUT, "drain-timeout", false},
    {SETTING_NO_SUMMARY, "no-summary", false},
    {SETTING_QUIET, "quiet", false},
    {SETTING_VERBOSE, "verbose", false},
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
        fclose(file);
    free(text);
    return good;
}

static bool verbose_set(struct config *config, const char *value, char *why, size_t why_len) {
    uint32_t level = 0;
    if (!number_parse(&level, 0, VERBOSE_MAX, value, why, why_len))
        return false;
    config->verbose = (int)level;
    return true;
}

/* Settings that are one text. NULL: another kind. */
static char **text_at(struct config *config, enum setting_key key) {
    switch (key) {
    case SETTING_TIME_STAMPS:
        return &config->time_stamps;
    case SETTING_KAFKA_CONFIG:
        return &config->kafka_config;
    case SETTING_SPOOL:
        return &config->spool;
    case SETTING_WRITE:
        return &config->record;
    case SETTING_METRICS:
        return &config->metrics;
    case SETTING_STATE:
        return &config->state;
    case SETTING_CA:
        return &config->ca_path;
    case SETTING_MTA_STS:
        return &config->mta_sts;
    case SETTING_KEYLOG:
        return &config->keylog;
    case SETTING_POLICY:
        return &config->policy;
    case SETTING_OBSERVER_NAME:
        return &config->observer_name;
    case SETTING_USER:
        return &config->user;
    default:
        return NULL;
    }
}

/* Settings that are on or off. NULL: another kind. */
static bool *switch_at(struct config *config, enum setting_key key) {
    switch (key) {
    case SETTING_NO_PROMISCUOUS:
        return &config->no_promiscuous;
    case SETTING_ANY_PORT:
        return &config->any_port;
    case SETTING_NO_VERIFY:
        return &config->no_verify;
    case SETTING_NO_DNS:
        return &config->no_dns;
    case SETTING_RECEIVED:
        return &config->received;
    case SETTING_VERIFY_CHECKSUMS:
        return &config->verify_checksums;
    case SETTING_FORCE:
        return &config->force;
    case SETTING_SCRUB:
        return &config->scrub;
    case SETTING_NO_SANDBOX:
        return &config->no_sandbox;
    case SETTING_NO_SUMMARY:
        return &config->no_summary;
    case SETTING_QUIET:
        return &config->quiet;
    default:
        return NULL;
    }
}

struct number {
    uint32_t *at, min, max;
};

/* Settings that are a number. NULL in at: another kind. */
static struct number number_at(struct config *config, enum setting_key key) {
    switch (key) {
    case SETTING_RING_MB:
        return (struct number){&config->ring_mb, 1, RING_MB_MAX};
    case SETTING_SNAP_LENGTH:
        return (struct number){&config->snap_len, SNAP_LENGTH_MIN, SNAP_LENGTH_MAX};
    case SETTING_SENSOR_INTERVAL:
        return (struct number){&config->sensor_interval_s, 0, PEER_WINDOW_S_MAX};
    case SETTING_SINK_WAIT:
        return (struct number){&config->sink_wait_s, 0, SINK_WAIT_S_MAX};
    case SETTING_SPOOL_MAX:
        return (struct number){&config->spool_max_mb, SPOOL_MB_MIN, SPOOL_MB_MAX};
    case SETTING_PEER_WINDOW:
        return (struct number){&config->peer_window_s, 0, PEER_WINDOW_S_MAX};
    case SETTING_MAX_FLOWS:
        return (struct number){&config->max_flows, 1, FLOWS_MAX};
    case SETTING_MEMORY_CAP:
        return (struct number){&config->memory_cap_mb, MEMORY_CAP_MB_MIN, MEMORY_CAP_MB_MAX};
    case SETTING_MAX_PEERS:
        return (struct number){&config->max_peers, 1, PEERS_MANY};
    case SETTING_DRAIN_TIMEOUT:
        return (struct number){&config->drain_timeout_s, 0, DRAIN_S_MAX};
    default:
        return (struct number){NULL, 0, 0};
    }
}

void setting_clear(struct config *config, const struct setting *setting) {
    char **text = text_at(config, setting->key);
    if (text) {
        free(*text);
        *text = NULL;
        return;
    }
    switch (setting->key) {
    case SETTING_READ:
        list_clear(&config->inputs, &config->num_inputs);
        break;
    case SETTING_INTERFACE:
        list_clear(&config->interfaces, &config->num_interfaces);
        break;
    case SETTING_MMDB:
        list_clear(&config->mmdb, &config->num_mmdb);
        break;
    case SETTING_TUNNELS:
        config->tunnels = 0;
        break;
    case SETTING_OUTPUT:
        list_clear(&config->sinks, &config->num_sinks);
        break;
    case SETTING_DATASETS:
        config->datasets = 0;
        break;
    case SETTING_ALERT_ON:
        config->alert_on = (struct alert_rules){0};
        break;
    case SETTING_KAFKA_PROPERTY:
        list_clear(&config->kafka_properties, &config->num_kafka_properties);
        break;
    case SETTING_FILTER:
    case SETTING_FILTER_FILE:
        free(config->filter);
        free(config->filter_path);
        config->filter = config->filter_path = NULL;
        break;
    case SETTING_MAIL_PORTS:
        config->mail_ports = (struct port_set){0};
        break;
    case SETTING_TLS_PORTS:
        config->tls_ports = (struct port_set){0};
        break;
    case SETTING_HOME:
        free(config->home);
        config->home = NULL;
        config->num_home = 0;
        break;
    case SETTING_VERBOSE:
        config->verbose = 0;
        break;
    default: /* a single value, which the next one replaces */
        break;
    }
}

bool setting_add(struct config *config, const struct setting *setting, const char *value, char *why,
                 size_t why_len) {
    char **text = text_at(config, setting->key);
    bool *on = switch_at(config, setting->key);
    struct number number = number_at(config, setting->key);
    config->spool_given |= setting->key == SETTING_SPOOL;
    if (text)
        return text_set(text, value, why, why_len);
    if (on)
        return switch_parse(on, value, why, why_len);
    if (number.at)
        return number_parse(number.at, number.min, number.max, value, why, why_len);
    switch (setting->key) {
    case SETTING_READ:
        return list_add(&config->inputs, &config->num_inputs, value, why, why_len);
    case SETTING_INTERFACE:
        return list_add(&config->interfaces, &config->num_interfaces, value, why, why_len);
    case SETTING_MMDB:
        return list_add(&config->mmdb, &config->num_mmdb, value, why, why_len);
    case SETTING_TUNNELS:
        return filter_tunnels_add(&config->tunnels, value, why, why_len);
    case SETTING_OUTPUT:
        return list_add(&config->sinks, &config->num_sinks, value, why, why_len);
    case SETTING_DATASETS:
        return datasets_add(&config->datasets, value, why, why_len);
    case SETTING_ALERT_ON:
        return alert_rules_add(&config->alert_on, value, why, why_len);
    case SETTING_KAFKA_PROPERTY:
        return list_add(&config->kafka_properties, &config->num_kafka_properties, value, why, why_len);
    case SETTING_FILTER:
        return filter_set(config, value, why, why_len);
    case SETTING_FILTER_FILE:
        return filter_file_read(config, value, why, why_len);
    case SETTING_MAIL_PORTS:
        return ports_add(&config->mail_ports, value, why, why_len);
    case SETTING_TLS_PORTS:
        return ports_add(&config->tls_ports, value, why, why_len);
    case SETTING_HOME:
        return networks_add(&config->home, &config->num_home, value, why, why_len);
    case SETTING_WORKERS:
        return workers_parse(&config->workers, value, why, why_len);
    case SETTING_VERBOSE:
        return verbose_set(config, value, why, why_len);
    default:
        snprintf(why, why_len, "no such setting");
        return false;
    }
}
