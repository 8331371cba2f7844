#include "../../outputs/kafka_conf.h"

#include "../../outputs/kafka.h"
#include "../../outputs/kafka_record.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#define PASSWORD "hunter2"

static char error[512];

static void check_target(const char *text, const char *brokers, const char *sessions, const char *peers) {
    struct kafka_target target;
    assert_true(kafka_target_parse(&target, text, error, sizeof error));
    assert_string_equal(target.brokers, brokers);
    assert_string_equal(kafka_topic(&target, DATASET_SESSION), sessions);
    assert_string_equal(kafka_topic(&target, DATASET_PEER), peers);
    kafka_target_cleanup(&target);
}

static void test_targets(void **state) {
    (void)state;
    check_target("//b1", "b1", "starttap.sessions", "starttap.peers");
    check_target("//b1/", "b1", "starttap.sessions", "starttap.peers");
    check_target("//b1:9092,b2/mail", "b1:9092,b2", "mail", "mail");
    check_target("//[::1]:9092/a.b_c-d", "[::1]:9092", "a.b_c-d", "a.b_c-d");
    kafka_target_cleanup(NULL);
}

static void check_wrong_target(const char *text, const char *says) {
    struct kafka_target target;
    assert_false(kafka_target_parse(&target, text, error, sizeof error));
    assert_null(target.text);
    if (strstr(error, says) == NULL || strstr(error, PASSWORD) != NULL) {
        fail_msg("%s: %s", text, error);
    }
}

static void test_wrong_targets(void **state) {
    (void)state;
    char longest[KAFKA_TOPIC_MAX + 8] = "//b/";
    check_wrong_target("b1/topic", "brokers are missing");
    check_wrong_target("//", "brokers are missing");
    check_wrong_target("///topic", "brokers are missing");
    check_wrong_target("//me:" PASSWORD "@b1/topic", "--kafka-config");
    check_wrong_target("//b1, b2", "blank");
    check_wrong_target("//b1/a/b", "not the name of a topic");
    check_wrong_target("//b1/..", "not the name of a topic");
    check_wrong_target("//b1/a b", "not the name of a topic");
    memset(longest + 4, 'x', KAFKA_TOPIC_MAX);
    assert_int_equal(strlen(longest), KAFKA_TOPIC_MAX + 4);
    struct kafka_target target;
    assert_true(kafka_target_parse(&target, longest, error, sizeof error));
    kafka_target_cleanup(&target);
    longest[KAFKA_TOPIC_MAX + 4] = 'x';
    check_wrong_target(longest, "not the name of a topic");
}

static void check_property(const struct kafka_settings *settings, const char *name, const char *value) {
    char is[256] = "";
    size_t len = sizeof is;
    struct rd_kafka_conf_s *conf = kafka_conf_new(settings, NULL, error, sizeof error);
    if (conf == NULL) {
        fail_msg("%s", error);
    }
    assert_int_equal(rd_kafka_conf_get(conf, name, is, &len), RD_KAFKA_CONF_OK);
    assert_string_equal(is, value);
    rd_kafka_conf_destroy(conf);
}

static void test_defaults(void **state) {
    (void)state;
    static const struct kafka_settings none;
    check_property(&none, "enable.idempotence", "true");
    check_property(&none, "acks", "-1"); /* all */
    check_property(&none, "compression.codec", "zstd");
    check_property(&none, "linger.ms", "50");
    check_property(&none, "message.timeout.ms", "0");
    char brokers[64] = "";
    size_t len = sizeof brokers;
    struct kafka_target target;
    assert_true(kafka_target_parse(&target, "//b1,b2/t", error, sizeof error));
    struct rd_kafka_conf_s *conf = kafka_conf_new(&none, &target, error, sizeof error);
    assert_int_equal(rd_kafka_conf_get(conf, "bootstrap.servers", brokers, &len), RD_KAFKA_CONF_OK);
    assert_string_equal(brokers, "b1,b2");
    rd_kafka_conf_destroy(conf);
    kafka_target_cleanup(&target);
}

static const char *file_with(const char *text) {
    static char path[64];
    (void)snprintf(path, sizeof path, "/tmp/starttap-kafka-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
    return path;
}

static void test_file_and_list(void **state) {
    (void)state;
    char *list[] = {"linger.ms=7", "compression.codec = lz4"};
    struct kafka_settings settings = {
        .config_path = file_with("# comment\n\n  linger.ms = 5 \r\nsasl.password=a=b #c\nclient.id=me"),
    };
    check_property(&settings, "linger.ms", "5");
    check_property(&settings, "sasl.password", "a=b #c");
    check_property(&settings, "client.id", "me");
    settings.properties = list;
    settings.num_properties = 2;
    check_property(&settings, "linger.ms", "7");
    check_property(&settings, "compression.codec", "lz4");
    check_property(&settings, "client.id", "me");
    (void)unlink(settings.config_path);
}

static void check_wrong(const char *property, const char *says) {
    char *list[] = {(char *)property};
    struct kafka_settings settings = {.properties = list, .num_properties = 1};
    assert_false(kafka_conf_check(&settings, error, sizeof error));
    if (strstr(error, says) == NULL || strstr(error, PASSWORD) != NULL) {
        fail_msg("%s: %s", property, error);
    }
}

static void test_wrong_properties(void **state) {
    (void)state;
    check_wrong("no.such=x", "No such configuration property: \"no.such\"");
    check_wrong("sasl.pasword=" PASSWORD, "No such configuration property: \"sasl.pasword\"");
    check_wrong("linger.ms=never", "linger.ms: Invalid value for");
    check_wrong(PASSWORD, "key=value");
    check_wrong("=" PASSWORD, "key=value");
    check_wrong("sasl.password=" KAFKA_HIDDEN_VALUE, "was hidden");
}

static void check_wrong_file(const char *path, const char *says) {
    struct kafka_settings settings = {.config_path = path};
    assert_false(kafka_conf_check(&settings, error, sizeof error));
    if (strstr(error, path) == NULL || strstr(error, says) == NULL || strstr(error, PASSWORD) != NULL) {
        fail_msg("%s", error);
    }
}

static void test_wrong_files(void **state) {
    (void)state;
    check_wrong_file("/nonexistent", "No such file");
    check_wrong_file("/tmp", "Is a directory");
    const char *path = file_with("acks=all\n" PASSWORD "\n");
    check_wrong_file(path, ":2: a property of librdkafka is expected");
    (void)unlink(path);
    path = file_with("\n\nsasl.mechanisms.x=y\n");
    check_wrong_file(path, ":3: sasl.mechanisms.x: No such configuration property");
    (void)unlink(path);
}

static void test_secrets(void **state) {
    (void)state;
    assert_int_equal(kafka_secret_key_len("sasl.password=" PASSWORD), strlen("sasl.password"));
    assert_int_equal(kafka_secret_key_len("ssl.key.password = x"), strlen("ssl.key.password"));
    assert_int_equal(kafka_secret_key_len("ssl.key.pem=-----BEGIN"), strlen("ssl.key.pem"));
    assert_int_equal(kafka_secret_key_len("sasl.oauthbearer.client.secret=x"),
                     strlen("sasl.oauthbearer.client.secret"));
    assert_int_equal(kafka_secret_key_len("SASL.PASSWORD=x"), strlen("SASL.PASSWORD"));
    assert_int_equal(kafka_secret_key_len("acks=all"), 0);
    assert_int_equal(kafka_secret_key_len("client.id=password"), 0);
    assert_int_equal(kafka_secret_key_len(""), 0);
}

static void test_directories(void **state) {
    (void)state;
    char one[KAFKA_DIR_NAME_LEN], other[KAFKA_DIR_NAME_LEN], longest[400];
    kafka_dir_name("//b1:9092,b2/mail", one);
    assert_memory_equal(one, "kafka-b1_9092,b2_mail-", 22);
    kafka_dir_name("//b1_9092,b2/mail", other);
    assert_memory_equal(other, "kafka-b1_9092,b2_mail-", 22);
    assert_string_not_equal(one, other);
    memset(longest, '/', sizeof longest);
    memset(longest + 2, 'x', sizeof longest - 3);
    longest[sizeof longest - 1] = '\0';
    kafka_dir_name(longest, one);
    assert_true(strlen(one) < KAFKA_DIR_NAME_LEN && strchr(one, '/') == NULL);
    longest[sizeof longest - 2] = 'y';
    kafka_dir_name(longest, other);
    assert_string_not_equal(one, other);
}

static void test_keys(void **state) {
    (void)state;
    struct event event = {0};
    event_init(&event);
    event.observer_name = "sensor-1";
    event.session.source.ip = "192.0.2.1";
    event.session.destination.ip = "192.0.2.2";
    assert_string_equal(kafka_key(&event), "192.0.2.2");
    event.session.direction = "outbound";
    assert_string_equal(kafka_key(&event), "192.0.2.2");
    event.session.direction = "inbound";
    assert_string_equal(kafka_key(&event), "192.0.2.1");
    event_reset(&event, DATASET_PEER);
    event.peer.name = "192.0.2.3";
    assert_string_equal(kafka_key(&event), "192.0.2.3");
    event_reset(&event, DATASET_SENSOR);
    assert_string_equal(kafka_key(&event), "sensor-1");
    event_cleanup(&event);
}

static void test_records(void **state) {
    (void)state;
    struct buffer buffer = {0};
    struct kafka_record record = {.time_ms = UINT64_C(1) << 40,
                                  .dataset = DATASET_PEER,
                                  .schema = 300,
                                  .key = "key",
                                  .key_len = 3,
                                  .sensor = "me",
                                  .sensor_len = 2};
    struct kafka_record back;
    kafka_record_begin(&buffer, &record);
    buffer_add_string(&buffer, "{}");
    assert_true(kafka_record_decode(&back, (const uint8_t *)buffer.data, buffer.len));
    assert_int_equal(back.time_ms, record.time_ms);
    assert_int_equal(back.dataset, DATASET_PEER);
    assert_int_equal(back.schema, 300);
    assert_int_equal(back.key_len, 3);
    assert_memory_equal(back.key, "key", 3);
    assert_int_equal(back.sensor_len, 2);
    assert_memory_equal(back.sensor, "me", 2);
    assert_int_equal(back.value_len, 2);
    assert_memory_equal(back.value, "{}", 2);
    for (size_t len = 0; len < buffer.len - 2; len++) {
        assert_false(kafka_record_decode(&back, (const uint8_t *)buffer.data, len));
    }
    buffer.data[1] = NUM_DATASETS;
    assert_false(kafka_record_decode(&back, (const uint8_t *)buffer.data, buffer.len));
    buffer_cleanup(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_wrong_targets),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_file_and_list),
        cmocka_unit_test(test_wrong_properties),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
