/* kafka_conf.h: where a Kafka sink delivers to, and the properties of its producer; for kafka*.c and, to
 * check them early, for the configuration. */
#ifndef STARTTAP_OUTPUTS_KAFKA_CONF_H
#define STARTTAP_OUTPUTS_KAFKA_CONF_H

#include "event.h"

#define KAFKA_TOPIC_MAX    249        /* bytes of a topic's name, by Kafka */
#define KAFKA_CONFIG_MAX   (1u << 20) /* bytes of a --kafka-config file */
#define KAFKA_HIDDEN_VALUE "********" /* what is printed of a secret, and is no value */

struct rd_kafka_conf_s;

/* //broker1,broker2:9092/topic taken apart. */
struct kafka_target {
    char *text; /* owned */
    const char *brokers;
    const char *topic; /* NULL: one for each dataset, as kafka_topic() says */
};

/* False with a message in error that does not repeat what may be a password. */
bool kafka_target_parse(struct kafka_target *target, const char *text, char *error, size_t error_len);
void kafka_target_cleanup(struct kafka_target *target); /* NULL is fine */
const char *kafka_topic(const struct kafka_target *target, enum dataset dataset);

/* Properties of librdkafka, over our defaults: first those of the file, then the list; each "key=value". */
struct kafka_settings {
    const char *config_path; /* lines of that form, '#' begins a comment; NULL: none */
    char *const *properties;
    size_t num_properties;
};

/* The caller frees it, or gives it to rd_kafka_new(). target may be NULL, for checking alone. NULL with a
 * message in error that has the library's own words and never a secret. */
struct rd_kafka_conf_s *kafka_conf_new(const struct kafka_settings *settings,
                                       const struct kafka_target *target, char *error, size_t error_len);

bool kafka_conf_check(const struct kafka_settings *settings, char *error, size_t error_len);

/* Tells take of every file that the library will read by these settings, such as certificates; what is
 * wrong with them is left to kafka_conf_new(). */
void kafka_conf_files(const struct kafka_settings *settings, void (*take)(void *context, const char *path),
                      void *context);

/* The length of a property's key, when its value is not to be seen by anybody; else 0. */
size_t kafka_secret_key_len(const char *property);

#endif
