/* mock_kafka.h: the library's mock cluster, and what a consumer reads from it, for tests of the Kafka sink.
 */
#ifndef STARTTAP_TESTS_UNIT_MOCK_KAFKA_H
#define STARTTAP_TESTS_UNIT_MOCK_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOCK_PARTITIONS   3
#define MOCK_MESSAGES_MAX 4096
#define MOCK_TEXT_LEN     64

struct mock_message {
    char id[MOCK_TEXT_LEN]; /* event.id, of the value */
    char key[MOCK_TEXT_LEN], schema[MOCK_TEXT_LEN], dataset[MOCK_TEXT_LEN], sensor[MOCK_TEXT_LEN];
    int partition;
    size_t value_len;
};

struct mock_kafka {
    rd_kafka_t *handle;
    rd_kafka_mock_cluster_t *cluster;
};

static inline void mock_must(bool good, const char *what) {
    if (!good) {
        (void)fprintf(stderr, "mock_kafka: %s\n", what);
        abort();
    }
}

static inline struct mock_kafka mock_kafka_start(int num_brokers) {
    char error[512] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    struct mock_kafka mock = {.handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error)};
    mock_must(mock.handle != NULL, error);
    mock.cluster = rd_kafka_mock_cluster_new(mock.handle, num_brokers);
    mock_must(mock.cluster != NULL, "no cluster");
    return mock;
}

static inline void mock_kafka_stop(struct mock_kafka *mock) {
    rd_kafka_mock_cluster_destroy(mock->cluster);
    rd_kafka_destroy(mock->handle);
}

static inline void mock_copy(char out[MOCK_TEXT_LEN], const void *text, size_t len) {
    (void)snprintf(out, MOCK_TEXT_LEN, "%.*s", (int)len, (const char *)text);
}

static inline void mock_header(const rd_kafka_message_t *message, const char *name, char out[MOCK_TEXT_LEN]) {
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t len = 0;
    out[0] = '\0';
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(headers, name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        mock_copy(out, value, len);
    }
}

static inline void mock_event_id(const rd_kafka_message_t *message, char out[MOCK_TEXT_LEN]) {
    static const char before[] = "\"id\":\"";
    const char *end = (const char *)message->payload + message->len;
    const char *id = memmem(message->payload, message->len, before, strlen(before));
    mock_must(id != NULL && end - id > 32 + (long)strlen(before), "a value without event.id");
    mock_copy(out, id + strlen(before), 32);
}

/* All messages of a topic, partition after partition, each in its order. */
static inline size_t mock_kafka_read(const struct mock_kafka *mock, const char *topic,
                                     struct mock_message *messages) {
    char error[512] = "";
    size_t num = 0;
    int num_ended = 0;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock->cluster), NULL,
                            0);
    (void)rd_kafka_conf_set(conf, "group.id", "test", NULL, 0);
    (void)rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
    mock_must(consumer != NULL, error);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(MOCK_PARTITIONS);
    for (int i = 0; i < MOCK_PARTITIONS; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    mock_must(rd_kafka_assign(consumer, list) == RD_KAFKA_RESP_ERR_NO_ERROR, "cannot assign");
    rd_kafka_topic_partition_list_destroy(list);
    for (int tries = 0; num_ended < MOCK_PARTITIONS && tries < 200; tries++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        if (message == NULL) {
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            num_ended++;
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            mock_must(num < MOCK_MESSAGES_MAX, "too many messages");
            struct mock_message *one = &messages[num++];
            mock_event_id(message, one->id);
            mock_copy(one->key, message->key, message->key_len);
            mock_header(message, "schema", one->schema);
            mock_header(message, "dataset", one->dataset);
            mock_header(message, "sensor", one->sensor);
            one->partition = message->partition;
            one->value_len = message->len;
            tries = 0;
        }
        rd_kafka_message_destroy(message);
    }
    mock_must(num_ended == MOCK_PARTITIONS, "partitions do not end");
    (void)rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return num;
}

#endif
