#include "kafka_conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#define WHY_LEN 512

/* Idempotence keeps order and doubles away while a producer lives. Messages never time out: those that do are
 * given up, and with all brokers of a partition down that takes no longer than the time-out. The spool is the
 * queue; the library needs what keeps it busy. */
static const char *const default_properties[][2] = {
    {"enable.idempotence", "true"},    {"acks", "all"},
    {"compression.codec", "zstd"},     {"linger.ms", "50"},
    {"message.timeout.ms", "0"},       {"queue.buffering.max.kbytes", "65536"},
    {"log.connection.close", "false"}, /* brokers end idle connections */
    {"client.id", "starttap"},
};

static const char *const default_topics[NUM_DATASETS] = {
    [DATASET_SESSION] = "starttap.sessions",
    [DATASET_PEER] = "starttap.peers",
    [DATASET_SENSOR] = "starttap.sensors",
    [DATASET_ALERT] = "starttap.alerts",
};

/* --- the target --- */

static bool topic_is_good(const char *topic) {
    size_t len = strlen(topic);
    return len > 0 && len <= KAFKA_TOPIC_MAX && strcmp(topic, ".") != 0 && strcmp(topic, "..") != 0 &&
           strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static bool target_refuse(struct kafka_target *target, const char *what, char *error, size_t error_len) {
    (void)snprintf(error, error_len, "%s: write kafka://BROKER,BROKER/TOPIC, or without /TOPIC", what);
    kafka_target_cleanup(target);
    return false;
}

bool kafka_target_parse(struct kafka_target *target, const char *text, char *error, size_t error_len) {
    bool has_slashes = strncmp(text, "//", 2) == 0;
    *target = (struct kafka_target){.text = strdup(has_slashes ? text + 2 : text)};
    if (target->text == NULL) {
        (void)snprintf(error, error_len, "out of memory");
        return false;
    }
    char *slash = strchr(target->text, '/');
    if (slash != NULL) {
        *slash = '\0';
        target->topic = slash[1] != '\0' ? slash + 1 : NULL;
    }
    target->brokers = target->text;
    if (!has_slashes || target->brokers[0] == '\0') {
        return target_refuse(target, "the brokers are missing", error, error_len);
    }
    if (strchr(text, '@') != NULL) {
        return target_refuse(target, "credentials belong into a --kafka-config file", error, error_len);
    }
    if (strpbrk(target->brokers, " \t\r\n") != NULL) {
        return target_refuse(target, "a blank among the brokers", error, error_len);
    }
    if (target->topic != NULL && !topic_is_good(target->topic)) {
        return target_refuse(target, "not the name of a topic", error, error_len);
    }
    return true;
}

void kafka_target_cleanup(struct kafka_target *target) {
    if (target == NULL) {
        return;
    }
    free(target->text);
    *target = (struct kafka_target){0};
}

const char *kafka_topic(const struct kafka_target *target, enum dataset dataset) {
    return target->topic != NULL ? target->topic : default_topics[dataset];
}

/* --- properties --- */

static size_t key_len_of(const char *property) {
    size_t len = strcspn(property, "=");
    while (len > 0 && isspace((unsigned char)property[len - 1])) {
        len--;
    }
    return len;
}

size_t kafka_secret_key_len(const char *property) {
    static const char *const signs[] = {"password",           "secret",  "pem",
                                        "oauthbearer.config", "ssl_key", "passphrase"};
    char key[128];
    size_t len = key_len_of(property);
    size_t kept = len < sizeof key ? len : sizeof key - 1;
    memcpy(key, property, kept);
    key[kept] = '\0';
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strcasestr(key, signs[i]) != NULL) {
            return len;
        }
    }
    return 0;
}

/* Sets one "key=value", which is changed on the way. where: what messages begin with. */
static bool set_property(rd_kafka_conf_t *conf, char *property, const char *where, char *error,
                         size_t error_len) {
    char why[WHY_LEN];
    char *equals = strchr(property, '=');
    bool secret = kafka_secret_key_len(property) > 0;
    size_t key_len = key_len_of(property);
    if (equals == NULL || key_len == 0) {
        /* What stands here may be a password by mistake. */
        (void)snprintf(error, error_len, "%s: a property of librdkafka is expected, written key=value",
                       where);
        return false;
    }
    const char *value = equals + 1 + strspn(equals + 1, " \t");
    property[key_len] = '\0';
    if (strcmp(value, KAFKA_HIDDEN_VALUE) == 0) {
        (void)snprintf(error, error_len, "%s: %s: its value was hidden when this was printed; write it here",
                       where, property);
        return false;
    }
    if (rd_kafka_conf_set(conf, property, value, why, sizeof why) == RD_KAFKA_CONF_OK) {
        return true;
    }
    (void)snprintf(error, error_len, "%s: %s: %s", where, property, secret ? "the value is refused" : why);
    return false;
}

static char *trim(char *line) {
    line += strspn(line, " \t\r\n");
    size_t len = strlen(line);
    while (len > 0 && isspace((unsigned char)line[len - 1])) {
        line[--len] = '\0';
    }
    return line;
}

static bool set_file(rd_kafka_conf_t *conf, const char *path, char *error, size_t error_len) {
    char *line = NULL;
    size_t line_cap = 0, number = 0, total = 0;
    ssize_t len = 0;
    bool good = true;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)snprintf(error, error_len, "%s: %s", path, strerror(errno));
        return false;
    }
    errno = 0;
    while (good && total <= KAFKA_CONFIG_MAX && (len = getline(&line, &line_cap, file)) > 0) {
        char where[WHY_LEN];
        char *property = trim(line);
        total += (size_t)len;
        (void)snprintf(where, sizeof where, "%s:%zu", path, ++number);
        good = property[0] == '\0' || property[0] == '#' ||
               set_property(conf, property, where, error, error_len);
    }
    if (good && (ferror(file) != 0 || total > KAFKA_CONFIG_MAX)) {
        (void)snprintf(error, error_len, "%s: %s", path, ferror(file) != 0 ? strerror(errno) : "is too long");
        good = false;
    }
    free(line);
    (void)fclose(file);
    return good;
}

static bool set_list(rd_kafka_conf_t *conf, const struct kafka_settings *settings, char *error,
                     size_t error_len) {
    for (size_t i = 0; i < settings->num_properties; i++) {
        char *property = strdup(settings->properties[i]);
        if (property == NULL) {
            (void)snprintf(error, error_len, "out of memory");
            return false;
        }
        bool good = set_property(conf, property, "--kafka-property", error, error_len);
        free(property);
        if (!good) {
            return false;
        }
    }
    return true;
}

struct rd_kafka_conf_s *kafka_conf_new(const struct kafka_settings *settings,
                                       const struct kafka_target *target, char *error, size_t error_len) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool good = true;
    for (size_t i = 0; good && i < sizeof default_properties / sizeof default_properties[0]; i++) {
        good = rd_kafka_conf_set(conf, default_properties[i][0], default_properties[i][1], error,
                                 error_len) == RD_KAFKA_CONF_OK;
    }
    good = good &&
           (settings->config_path == NULL || set_file(conf, settings->config_path, error, error_len)) &&
           set_list(conf, settings, error, error_len);
    if (good && target != NULL) {
        good = rd_kafka_conf_set(conf, "bootstrap.servers", target->brokers, error, error_len) ==
               RD_KAFKA_CONF_OK;
    }
    if (good) {
        return conf;
    }
    rd_kafka_conf_destroy(conf);
    return NULL;
}

/* ssl.ca.location and its kin. */
static bool names_file(const char *key) {
    size_t len = strlen(key), ending_len = strlen(".location");
    return (len > ending_len && strcmp(key + len - ending_len, ".location") == 0) ||
           strcmp(key, "sasl.kerberos.keytab") == 0 || strcmp(key, "plugin.library.paths") == 0;
}

/* Nothing to look at: then the library, which ends the program where it finds no memory, is not asked. */
static bool is_empty(const struct kafka_settings *settings) {
    return settings->config_path == NULL && settings->num_properties == 0;
}

void kafka_conf_files(const struct kafka_settings *settings, void (*take)(void *context, const char *path),
                      void *context) {
    char error[WHY_LEN];
    rd_kafka_conf_t *conf = is_empty(settings) ? NULL : kafka_conf_new(settings, NULL, error, sizeof error);
    if (conf == NULL) {
        return;
    }
    size_t num = 0;
    const char **pairs = rd_kafka_conf_dump(conf, &num);
    for (size_t i = 0; i + 1 < num; i += 2) {
        if (names_file(pairs[i])) {
            take(context, pairs[i + 1]);
        }
    }
    rd_kafka_conf_dump_free(pairs, num);
    rd_kafka_conf_destroy(conf);
}

bool kafka_conf_check(const struct kafka_settings *settings, char *error, size_t error_len) {
    if (is_empty(settings)) {
        return true;
    }
    rd_kafka_conf_t *conf = kafka_conf_new(settings, NULL, error, error_len);
    if (conf == NULL) {
        return false;
    }
    rd_kafka_conf_destroy(conf);
    return true;
}
