/* test_kafka.c: the Kafka sink against the library's mock cluster: every event arrives, whatever the brokers
 * answer. What a real broker does is in tests/kafka. */
#include "../../outputs/kafka.h"

#include "../../outputs/kafka_deliver.h"
#include "mock_kafka.h"
#include "sample_event.h"
#include "spool_dir.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#define NUM_EVENTS  200
#define DELIVERY_MS 20000
#define TOPIC       "mail"

static char dir[SPOOL_DIR_LEN];
static struct mock_kafka mock;
static struct mock_message read_back[MOCK_MESSAGES_MAX];

/* What the sink said; it says so from its own thread. */
static struct {
    pthread_mutex_t mutex;
    char text[8192];
    unsigned num;
} said = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void on_message(void *context, const char *message) {
    assert_ptr_equal(context, &said);
    (void)pthread_mutex_lock(&said.mutex);
    size_t len = strlen(said.text);
    (void)snprintf(said.text + len, sizeof said.text - len, "%s\n", message);
    said.num++;
    (void)pthread_mutex_unlock(&said.mutex);
}

static bool was_said(const char *part) {
    (void)pthread_mutex_lock(&said.mutex);
    bool was = strstr(said.text, part) != NULL;
    (void)pthread_mutex_unlock(&said.mutex);
    return was;
}

static void expect_said(const char *part) {
    if (!was_said(part)) {
        fail_msg("'%s' was not said, but: %s", part, said.text);
    }
}

static int setup(void **state) {
    (void)state;
    said.text[0] = '\0';
    said.num = 0;
    spool_dir_make(dir);
    mock = mock_kafka_start(1);
    mock_must(rd_kafka_mock_topic_create(mock.cluster, TOPIC, MOCK_PARTITIONS, 1) ==
                  RD_KAFKA_RESP_ERR_NO_ERROR,
              "no topic");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    mock_kafka_stop(&mock);
    spool_dir_remove(dir);
    return 0;
}

static struct sink *open_sink(char *const *properties, size_t num_properties) {
    char spec[512], error[512] = "";
    struct sink_options options = {
        .kafka = {.properties = properties, .num_properties = num_properties},
        .spool = "/nonexistent",
        .spool_max = SPOOL_SIZE_MIN,
        .log = on_message,
        .log_context = &said,
    };
    (void)snprintf(spec, sizeof spec, "kafka://%s/" TOPIC "?spool=%s",
                   rd_kafka_mock_cluster_bootstraps(mock.cluster), dir);
    struct sink *sink = sink_open(spec, &options, error, sizeof error);
    if (sink == NULL) {
        fail_msg("%s", error);
    }
    return sink;
}

/* Writes events with the ids first, first + 1, ... of three peers. */
static void write_events(struct sink *sink, unsigned first, unsigned num) {
    struct event event = {0};
    for (unsigned i = first; i < first + num; i++) {
        char peer[24];
        sample_session(&event);
        (void)snprintf(peer, sizeof peer, "192.0.2.%u", i % 3);
        (void)snprintf(event.id, sizeof event.id, "%032u", i);
        event.observer_name = "sensor-1";
        event.session.direction = NULL;
        event.session.destination.ip = peer;
        assert_int_equal(sink_write(sink, &event), 0);
    }
    event_cleanup(&event);
}

/* Reads all of the topic: each event from 0 to num - 1 is there, of each peer in order; returns how many
 * messages there were. */
static size_t expect_events(unsigned num) {
    static bool found[MOCK_MESSAGES_MAX];
    memset(found, 0, sizeof found);
    size_t num_messages = mock_kafka_read(&mock, TOPIC, read_back);
    for (size_t i = 0; i < num_messages; i++) {
        unsigned number = (unsigned)strtoul(read_back[i].id, NULL, 10);
        assert_in_range(number, 0, num - 1);
        found[number] = true;
        assert_int_equal(read_back[i].key[strlen("192.0.2.")] - '0', number % 3);
    }
    for (unsigned i = 0; i < num; i++) {
        if (!found[i]) {
            fail_msg("event %u of %u is lost; said: %s", i, num, said.text);
        }
    }
    return num_messages;
}

static void expect_delivery(struct sink *sink) {
    if (sink_wait(sink, DELIVERY_MS) != 0) {
        fail_msg("not delivered: %s; said: %s", sink_error(sink), said.text);
    }
}

static struct sink_stats stats_of(struct sink *sink) {
    struct sink_stats stats;
    assert_true(sink_stats(sink, &stats));
    return stats;
}

static void test_messages(void **state) {
    (void)state;
    struct sink *sink = open_sink(NULL, 0);
    write_events(sink, 0, NUM_EVENTS);
    assert_int_equal(sink_flush(sink), 0);
    expect_delivery(sink);
    assert_int_equal(expect_events(NUM_EVENTS), NUM_EVENTS);
    int partitions[3] = {-1, -1, -1};
    for (size_t i = 0; i < NUM_EVENTS; i++) {
        const struct mock_message *message = &read_back[i];
        int *partition = &partitions[message->key[strlen("192.0.2.")] - '0'];
        assert_string_equal(message->schema, "1");
        assert_string_equal(message->dataset, "session");
        assert_string_equal(message->sensor, "sensor-1");
        if (*partition < 0) {
            *partition = message->partition;
        }
        assert_int_equal(message->partition, *partition); /* all of one peer in one partition */
    }
    struct sink_stats stats = stats_of(sink);
    assert_int_equal(stats.num_written, NUM_EVENTS);
    assert_int_equal(stats.num_delivered, NUM_EVENTS);
    assert_int_equal(stats.num_waiting, 0);
    assert_true(stats.bytes_written > NUM_EVENTS * 500);
    assert_int_equal(said.num, 0);
    assert_int_equal(sink_close(sink), 0);
    assert_int_equal(spool_dir_segments(dir), 0);
}

/* Events of one peer are in order also where doubles are. */
static void expect_order(size_t num_messages) {
    for (size_t i = 1; i < num_messages; i++) {
        if (strcmp(read_back[i].key, read_back[i - 1].key) == 0 &&
            read_back[i].partition == read_back[i - 1].partition) {
            assert_true(strcmp(read_back[i].id, read_back[i - 1].id) > 0);
        }
    }
}

static void test_passing_errors(void **state) {
    (void)state;
    rd_kafka_mock_push_request_errors(
        mock.cluster, 0 /* Produce */, 5, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    struct sink *sink = open_sink(NULL, 0);
    write_events(sink, 0, NUM_EVENTS);
    expect_delivery(sink);
    expect_order(expect_events(NUM_EVENTS));
    assert_int_equal(sink_close(sink), 0);
}

/* The producer is of no more use, and a new one replays. */
static void test_fatal_error(void **state) {
    (void)state;
    rd_kafka_mock_push_request_errors(mock.cluster, 0, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    struct sink *sink = open_sink(NULL, 0);
    write_events(sink, 0, NUM_EVENTS);
    expect_delivery(sink);
    (void)expect_events(NUM_EVENTS);
    assert_int_equal(stats_of(sink).errors[SINK_ERROR_FATAL], 1);
    expect_said("out of order sequence number");
    expect_said("events are delivered again");
    write_events(sink, NUM_EVENTS, NUM_EVENTS);
    expect_delivery(sink);
    (void)expect_events(2 * NUM_EVENTS);
    assert_int_equal(sink_close(sink), 0);
}

/* The broker takes nothing for a while; nothing spins meanwhile, and the one message is not repeated. */
static void test_refused_topic(void **state) {
    (void)state;
    rd_kafka_mock_push_request_errors(mock.cluster, 0, 3, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    struct sink *sink = open_sink(NULL, 0);
    write_events(sink, 0, NUM_EVENTS);
    expect_delivery(sink);
    (void)expect_events(NUM_EVENTS);
    expect_said("topic '" TOPIC "' at 127.0.0.1:");
    expect_said("Topic authorization failed");
    expect_said(dir);
    assert_true(stats_of(sink).errors[SINK_ERROR_AUTHENTICATION] > 0);
    assert_in_range(said.num, 2, 3);
    assert_int_equal(sink_close(sink), 0);
}

static double cpu_seconds(void) {
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void test_missing_topic(void **state) {
    (void)state;
    char *properties[] = {"topic.metadata.propagation.max.ms=300", "topic.metadata.refresh.interval.ms=500"};
    rd_kafka_mock_topic_set_error(mock.cluster, TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    struct sink *sink = open_sink(properties, 2);
    double before = cpu_seconds();
    write_events(sink, 0, NUM_EVENTS);
    assert_int_equal(sink_wait(sink, 3000), NUM_EVENTS);
    assert_true(cpu_seconds() - before < 1.0);
    expect_said("topic '" TOPIC "' at 127.0.0.1:");
    expect_said("nknown topic");
    assert_non_null(strstr(sink_error(sink), "200 events are not delivered; they are kept in"));
    assert_non_null(strstr(sink_error(sink), dir));
    assert_true(stats_of(sink).errors[SINK_ERROR_TOPIC] > 0);
    assert_true(stats_of(sink).lag_ms >= 1000);
    rd_kafka_mock_topic_set_error(mock.cluster, TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
    expect_delivery(sink);
    assert_int_equal(expect_events(NUM_EVENTS), NUM_EVENTS);
    assert_int_equal(sink_close(sink), 0);
}

/* Refused batches are divided until they pass; nothing is put aside that would have passed alone. */
static void test_batch_too_large(void **state) {
    (void)state;
    rd_kafka_mock_push_request_errors(mock.cluster, 0, 3, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    struct sink *sink = open_sink(NULL, 0);
    write_events(sink, 0, NUM_EVENTS);
    expect_delivery(sink);
    (void)expect_events(NUM_EVENTS);
    expect_said("going on with batches of at most 250000 bytes");
    struct sink_stats stats = stats_of(sink);
    assert_int_equal(stats.num_rejected, 0);
    assert_true(stats.errors[SINK_ERROR_SIZE] > 0);
    assert_int_equal(sink_close(sink), 0);
}

/* All messages of one refused batch are judged by its size, not by that of the smaller ones to come. */
static void test_batch_of_few_too_large(void **state) {
    (void)state;
    char *properties[] = {"batch.size=5000", "linger.ms=500"};
    rd_kafka_mock_push_request_errors(mock.cluster, 0, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    struct sink *sink = open_sink(properties, 2);
    write_events(sink, 0, NUM_EVENTS);
    struct sink_stats stats = stats_of(sink);
    assert_in_range(stats.bytes_written / NUM_EVENTS, 5000 / 4 + 1, 5000 / 2 - 1);
    expect_delivery(sink);
    (void)expect_events(NUM_EVENTS);
    stats = stats_of(sink);
    assert_int_equal(stats.num_rejected, 0);
    assert_int_equal(sink_close(sink), 0);
}

static size_t count_rejected(const char *id) {
    static char line[1 << 17];
    char path[SPOOL_DIR_LEN + 32];
    size_t num = 0;
    (void)snprintf(path, sizeof path, "%s/" KAFKA_REJECTED_FILE, dir);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        assert_int_equal(line[0], '{');
        assert_non_null(strstr(line, id));
        num++;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return num;
}

/* One event is too large even alone: it is put aside, the others arrive. */
static void test_message_too_large(void **state) {
    (void)state;
    static char text[60000];
    char *properties[] = {"message.max.bytes=50000"};
    struct sink *sink = open_sink(properties, 1);
    struct event event = {0};
    write_events(sink, 0, 10);
    sample_session(&event);
    (void)snprintf(event.id, sizeof event.id, "%032u", 77u);
    memset(text, 'x', sizeof text - 1);
    event.session.reason = text;
    assert_int_equal(sink_write(sink, &event), 0);
    write_events(sink, 10, 10);
    expect_delivery(sink);
    assert_int_equal(expect_events(20), 20);
    assert_int_equal(stats_of(sink).num_rejected, 1);
    assert_int_equal(count_rejected("00000077"), 1);
    expect_said("topic '" TOPIC "' at 127.0.0.1:");
    expect_said("was put aside into");
    event_cleanup(&event);
    assert_int_equal(sink_close(sink), 0);
}

/* The same by the broker's word, for each message sent alone. */
static void test_broker_refuses_message(void **state) {
    (void)state;
    char *properties[] = {"batch.size=100"};
    rd_kafka_mock_push_request_errors(mock.cluster, 0, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    struct sink *sink = open_sink(properties, 1);
    write_events(sink, 0, 1);
    expect_delivery(sink);
    assert_int_equal(stats_of(sink).num_rejected, 1);
    assert_int_equal(count_rejected("00000000"), 1);
    assert_int_equal(sink_close(sink), 0);
}

static void test_broker_away(void **state) {
    (void)state;
    struct sink *sink = open_sink(NULL, 0);
    write_events(sink, 0, 50);
    expect_delivery(sink);
    rd_kafka_mock_broker_set_down(mock.cluster, 1);
    write_events(sink, 50, 50);
    assert_int_equal(sink_wait(sink, 1500), 50);
    expect_said("127.0.0.1:");
    expect_said("events are kept in");
    assert_true(stats_of(sink).errors[SINK_ERROR_CONNECTION] > 0);
    rd_kafka_mock_broker_set_up(mock.cluster, 1);
    expect_delivery(sink);
    assert_int_equal(expect_events(100), 100);
    expect_said("events are delivered again");
    assert_int_equal(sink_close(sink), 0);
}

/* What one run could not deliver, the next one does, in order and first. */
static void test_next_run_delivers(void **state) {
    (void)state;
    rd_kafka_mock_broker_set_down(mock.cluster, 1);
    struct sink *sink = open_sink(NULL, 0);
    write_events(sink, 0, 100);
    assert_int_equal(sink_wait(sink, 300), 100);
    assert_int_equal(sink_close(sink), 0);
    assert_int_equal(spool_dir_segments(dir), 1);
    rd_kafka_mock_broker_set_up(mock.cluster, 1);
    sink = open_sink(NULL, 0);
    assert_int_equal(stats_of(sink).num_waiting, 100);
    write_events(sink, 100, 20);
    expect_delivery(sink);
    assert_int_equal(expect_events(120), 120);
    expect_order(120);
    assert_int_equal(sink_close(sink), 0);
    assert_int_equal(spool_dir_segments(dir), 0);
}

/* With the broker away the spool fills, is full, and takes more as soon as events are delivered. */
/* A damaged record is lost, and that is said, once, also when the spool is read again. */
static void test_damaged_spool(void **state) {
    (void)state;
    char path[SPOOL_DIR_LEN + 40];
    rd_kafka_mock_broker_set_down(mock.cluster, 1);
    struct sink *sink = open_sink(NULL, 0);
    write_events(sink, 0, NUM_EVENTS);
    assert_int_equal(sink_close(sink), 0);
    (void)snprintf(path, sizeof path, "%s/%020d.seg", dir, 1);
    FILE *segment = fopen(path, "r+");
    assert_non_null(segment);
    assert_int_equal(fseek(segment, -1, SEEK_END), 0);
    assert_int_equal(fputc('?', segment), '?'); /* of the last record, instead of its brace */
    assert_int_equal(fclose(segment), 0);

    rd_kafka_mock_broker_set_up(mock.cluster, 1);
    rd_kafka_mock_push_request_errors(mock.cluster, 0, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    sink = open_sink(NULL, 0);
    expect_delivery(sink);
    (void)expect_events(NUM_EVENTS - 1);
    expect_said("were torn or damaged, and are passed over");
    expect_said(dir);
    const char *first = strstr(said.text, "damaged");
    assert_null(strstr(first + 1, "damaged"));
    assert_int_equal(stats_of(sink).errors[SINK_ERROR_SPOOL], 1);
    assert_int_equal(sink_close(sink), 0);
}

static void test_full_spool(void **state) {
    (void)state;
    static char text[100000];
    char *properties[] = {"message.max.bytes=1000000"};
    struct event event = {0};
    memset(text, 'x', sizeof text - 1);
    rd_kafka_mock_broker_set_down(mock.cluster, 1);
    struct sink *sink = open_sink(properties, 1);
    sample_session(&event);
    event.session.reason = text;
    int result = 0;
    unsigned num = 0;
    for (; result == 0; num++) {
        (void)snprintf(event.id, sizeof event.id, "%032u", num);
        result = sink_write(sink, &event);
    }
    assert_int_equal(result, SINK_FULL);
    assert_non_null(strstr(sink_error(sink), "is full (--spool-max)"));
    assert_in_range(num, 300, 340);
    rd_kafka_mock_broker_set_up(mock.cluster, 1);
    for (unsigned tries = 0; tries < 300 && (result = sink_write(sink, &event)) == SINK_FULL; tries++) {
        if (sink_wait(sink, 100) == 0) {
            (void)usleep(100 * 1000); /* segments go by the next sync */
        }
    }
    assert_int_equal(result, 0);
    expect_delivery(sink);
    assert_int_equal(stats_of(sink).num_delivered, num);
    event_cleanup(&event);
    assert_int_equal(sink_close(sink), 0);
}

static void check_refused(char *property, const char *says) {
    char error[512] = "", spec[SPOOL_DIR_LEN + 64];
    struct sink_options options = {.kafka = {.properties = &property, .num_properties = 1}, .spool = dir};
    (void)snprintf(spec, sizeof spec, "kafka://127.0.0.1:1?spool=%s", dir);
    assert_null(sink_open(spec, &options, error, sizeof error));
    if (strstr(error, says) == NULL || strstr(error, "kafka://127.0.0.1:1") == NULL) {
        fail_msg("%s", error);
    }
}

/* The library's own words when a producer cannot be made. */
static void test_refused_at_start(void **state) {
    (void)state;
    check_refused("acks=1", "`acks` must be set to `all`");
    check_refused("no.such=1", "No such configuration property");
    char *two_sinks = "client.id=other";
    struct sink *sink = open_sink(NULL, 0);
    check_refused(two_sinks, "in use by another process");
    assert_int_equal(sink_close(sink), 0);
}

/* Each dataset has its topic when none is named, and spools of others are told of. */
static void test_default_topics(void **state) {
    (void)state;
    char spec[512], error[512], other[SPOOL_DIR_LEN + 32], name[KAFKA_DIR_NAME_LEN], own[SPOOL_DIR_LEN + 160];
    (void)snprintf(other, sizeof other, "%s/kafka-old", dir);
    struct spool *spool = spool_open(other, &(struct spool_options){0}, error, sizeof error);
    assert_non_null(spool);
    assert_int_equal(spool_append(spool, "x", 1), SPOOL_OK);
    assert_int_equal(spool_close(spool), 0);
    static const char *const topics[] = {"starttap.sessions", "starttap.peers", "starttap.sensors",
                                         "starttap.alerts"};
    static const char *const keys[] = {"192.0.2.0", "192.0.2.9", "sensor-1", "192.0.2.8"};
    for (size_t i = 0; i < 4; i++) {
        (void)rd_kafka_mock_topic_create(mock.cluster, topics[i], MOCK_PARTITIONS, 1);
    }
    struct sink_options options = {.spool = dir, .log = on_message, .log_context = &said};
    (void)snprintf(spec, sizeof spec, "kafka://%s", rd_kafka_mock_cluster_bootstraps(mock.cluster));
    struct sink *sink = sink_open(spec, &options, error, sizeof error);
    assert_non_null(sink);
    expect_said(other);
    struct event event = {0};
    write_events(sink, 0, 1);
    event_reset(&event, DATASET_PEER);
    sample_id(&event);
    event.peer.name = "192.0.2.9";
    assert_int_equal(sink_write(sink, &event), 0);
    event_reset(&event, DATASET_SENSOR);
    sample_id(&event);
    event.observer_name = "sensor-1";
    assert_int_equal(sink_write(sink, &event), 0);
    event_reset(&event, DATASET_ALERT);
    sample_id(&event);
    event.alert.peer_ip = "192.0.2.8";
    assert_int_equal(sink_write(sink, &event), 0);
    expect_delivery(sink);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(mock_kafka_read(&mock, topics[i], read_back), 1);
        assert_string_equal(read_back[0].key, keys[i]);
    }
    event_cleanup(&event);
    assert_int_equal(sink_close(sink), 0);
    kafka_dir_name(spec + strlen("kafka:"), name);
    (void)snprintf(own, sizeof own, "%s/%s", dir, name);
    spool_dir_remove(own);
    spool_dir_remove(other);
}

int main(void) {
#define KAFKA_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        KAFKA_TEST(test_messages),
        KAFKA_TEST(test_passing_errors),
        KAFKA_TEST(test_fatal_error),
        KAFKA_TEST(test_refused_topic),
        KAFKA_TEST(test_missing_topic),
        KAFKA_TEST(test_batch_too_large),
        KAFKA_TEST(test_batch_of_few_too_large),
        KAFKA_TEST(test_message_too_large),
        KAFKA_TEST(test_broker_refuses_message),
        KAFKA_TEST(test_broker_away),
        KAFKA_TEST(test_next_run_delivers),
        KAFKA_TEST(test_damaged_spool),
        KAFKA_TEST(test_full_spool),
        KAFKA_TEST(test_refused_at_start),
        KAFKA_TEST(test_default_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
