#include "kafka_deliver.h"

#include "kafka_record.h"
#include "kafka_window.h"
#include "sink_clock.h"
#include "sink_spec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#define POLL_MS      50  /* without anything to do: how late a new event is seen */
#define SEND_AT_ONCE 512 /* messages between two looks at what came back */
#define PURGE_MS     5000
#define MESSAGE_LEN  1024
#define WHY_LEN      512
#define BATCH_SHRINK 4 /* a batch that was too large is made anew so much smaller */

struct kafka_delivery {
    struct kafka_delivery_options options;
    pthread_t thread;
    atomic_bool stop;

    /* of the thread */
    rd_kafka_t *producer; /* NULL: could not be made, try again */
    struct kafka_window window;
    struct spool_record record; /* read, and not taken by the library yet */
    bool has_record;
    uint64_t damage_said, damage_before; /* bytes of the spool: told of; counted before it was begun again */
    bool failed;                         /* send nothing new until all is in, and the pause is over */
    bool restart;                        /* and then with a new producer */
    uint64_t pause_ms, resume_ms, synced_ms;
    uint64_t batch_len; /* bytes; see on_too_large() */
    uint64_t said_ms[NUM_SINK_ERRORS];
    bool in_trouble; /* something was said, and nothing confirmed since */

    pthread_mutex_t mutex; /* for what follows */
    struct sink_stats stats;
};

/* --- telling --- */

__attribute__((format(printf, 2, 3))) static void say(const struct kafka_delivery *d, const char *format,
                                                      ...) {
    char text[MESSAGE_LEN], message[2 * MESSAGE_LEN];
    va_list args;
    if (d->options.log == NULL) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)snprintf(message, sizeof message, "%s: %s", d->options.name, text);
    d->options.log(d->options.log_context, message);
}

static void count_error(struct kafka_delivery *d, enum sink_error_class error_class) {
    (void)pthread_mutex_lock(&d->mutex);
    d->stats.errors[error_class]++;
    (void)pthread_mutex_unlock(&d->mutex);
}

/* Counts, and says it unless the same was said of late. */
static void complain(struct kafka_delivery *d, enum sink_error_class error_class, const char *what) {
    uint64_t now = sink_clock_ms();
    count_error(d, error_class);
    if (d->said_ms[error_class] != 0 && now - d->said_ms[error_class] < KAFKA_SAY_AGAIN_MS) {
        return;
    }
    d->said_ms[error_class] = now;
    d->in_trouble = true;
    say(d, "%s; events are kept in %s", what, d->options.spool_dir);
}

static enum sink_error_class class_of(rd_kafka_resp_err_t error) {
    switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
        return SINK_ERROR_CONNECTION;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return SINK_ERROR_AUTHENTICATION;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return SINK_ERROR_TOPIC;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return SINK_ERROR_SIZE;
    case RD_KAFKA_RESP_ERR__FATAL:
        return SINK_ERROR_FATAL;
    default:
        return SINK_ERROR_OTHER;
    }
}

static void complain_of_topic(struct kafka_delivery *d, rd_kafka_resp_err_t error, const char *topic) {
    char what[WHY_LEN];
    (void)snprintf(what, sizeof what, "topic '%s' at %s: %s", topic, d->options.target->brokers,
                   rd_kafka_err2str(error));
    complain(d, class_of(error), what);
}

/* --- what comes back --- */

/* Stops sending until what is under way has come to its end, and the pause is over. */
static void pause_sending(struct kafka_delivery *d) {
    if (d->failed) {
        return;
    }
    d->failed = true;
    d->resume_ms = sink_clock_ms() + d->pause_ms;
    d->pause_ms = d->pause_ms * 2 < KAFKA_PAUSE_MAX_MS ? d->pause_ms * 2 : KAFKA_PAUSE_MAX_MS;
}

static void note_confirmed(struct kafka_delivery *d) {
    d->pause_ms = KAFKA_PAUSE_MIN_MS;
    if (d->in_trouble) {
        d->in_trouble = false;
        memset(d->said_ms, 0, sizeof d->said_ms);
        say(d, "events are delivered again");
    }
    (void)pthread_mutex_lock(&d->mutex);
    d->stats.num_delivered++;
    (void)pthread_mutex_unlock(&d->mutex);
}

/* Appends a line to a file, durably, or leaves it as it was. */
static bool append_line(const char *path, const void *line, size_t len) {
    struct stat before;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    bool good = fstat(fd, &before) == 0;
    if (good) {
        good = write(fd, line, len) == (ssize_t)len && write(fd, "\n", 1) == 1 && fdatasync(fd) == 0;
        int error = errno;
        if (!good && ftruncate(fd, before.st_size) != 0) {
            error = errno;
        }
        errno = error;
    }
    (void)close(fd);
    return good;
}

/* True when the message is on disk elsewhere, so that the spool may forget it. */
static bool put_aside(struct kafka_delivery *d, const void *value, size_t len, const char *topic,
                      rd_kafka_resp_err_t error) {
    char path[WHY_LEN];
    (void)snprintf(path, sizeof path, "%s/%s", d->options.spool_dir, KAFKA_REJECTED_FILE);
    if (!append_line(path, value, len)) {
        complain(d, SINK_ERROR_SPOOL, strerror(errno));
        return false;
    }
    say(d, "topic '%s' at %s: %s; an event of %zu bytes was put aside into %s", topic,
        d->options.target->brokers, rd_kafka_err2str(error), len, path);
    (void)pthread_mutex_lock(&d->mutex);
    d->stats.num_rejected++;
    (void)pthread_mutex_unlock(&d->mutex);
    return true;
}

/* A broker refuses batches by their size, and the library does not divide them: a message in a batch of its
 * own is what is too large; else a producer with smaller batches has to try. */
static enum kafka_message_state on_too_large(struct kafka_delivery *d, const rd_kafka_message_t *message) {
    const char *topic = rd_kafka_topic_name(message->rkt);
    count_error(d, SINK_ERROR_SIZE);
    if (d->restart) {
        return KAFKA_MESSAGE_FAILED; /* the rest of such a batch; batch_len is already that of the next */
    }
    if (message->len + message->key_len >= d->batch_len) {
        if (put_aside(d, message->payload, message->len, topic, message->err)) {
            return KAFKA_MESSAGE_DONE;
        }
        pause_sending(d);
        return KAFKA_MESSAGE_FAILED;
    }
    d->batch_len /= BATCH_SHRINK;
    d->restart = d->failed = true;
    d->resume_ms = 0;
    say(d, "topic '%s' at %s: %s: going on with batches of at most %" PRIu64 " bytes", topic,
        d->options.target->brokers, rd_kafka_err2str(message->err), d->batch_len);
    return KAFKA_MESSAGE_FAILED;
}

static enum kafka_message_state on_failure(struct kafka_delivery *d, const rd_kafka_message_t *message) {
    if (class_of(message->err) == SINK_ERROR_SIZE) {
        return on_too_large(d, message);
    }
    pause_sending(d);
    if (message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE && message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT &&
        message->err != RD_KAFKA_RESP_ERR__FATAL) {
        complain_of_topic(d, message->err, rd_kafka_topic_name(message->rkt));
    }
    return KAFKA_MESSAGE_FAILED;
}

static void on_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    struct kafka_delivery *d = opaque;
    enum kafka_message_state state = KAFKA_MESSAGE_DONE;
    (void)producer;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_confirmed(d);
    } else {
        state = on_failure(d, message);
    }
    kafka_window_report(&d->window, (uint64_t)(uintptr_t)message->_private, state);
    uint64_t below = kafka_window_advance(&d->window);
    if (below > 0) {
        spool_ack(d->options.spool, below);
    }
}

static void on_error(rd_kafka_t *producer, int error, const char *reason, void *opaque) {
    struct kafka_delivery *d = opaque;
    char why[WHY_LEN];
    if (error != RD_KAFKA_RESP_ERR__FATAL) {
        complain(d, class_of((rd_kafka_resp_err_t)error), reason);
        return;
    }
    (void)snprintf(why, sizeof why, "%s", reason);
    (void)rd_kafka_fatal_error(producer, why, sizeof why);
    complain(d, SINK_ERROR_FATAL, why);
    pause_sending(d);
    d->restart = true;
}

/* What the library would print by itself. Failures come to on_error() too; the rest are warnings about
 * properties, and what the property `debug` asks for. */
static void on_log(const rd_kafka_t *producer, int level, const char *facility, const char *text) {
    const struct kafka_delivery *d = rd_kafka_opaque(producer);
    if (level >= 7 || strcmp(facility, "CONFWARN") == 0) {
        say(d, "%s", text);
    }
}

/* --- the spool --- */

static void note_spool_failure(struct kafka_delivery *d, const char *doing) {
    char what[WHY_LEN];
    (void)snprintf(what, sizeof what, "%s: %s", doing, strerror(errno));
    complain(d, SINK_ERROR_SPOOL, what);
}

/* At most each KAFKA_SYNC_MS, of whatever else this thread does. */
static void sync_when_due(struct kafka_delivery *d) {
    uint64_t now = sink_clock_ms();
    if (now - d->synced_ms < KAFKA_SYNC_MS) {
        return;
    }
    d->synced_ms = now;
    uint64_t oldest_ms = kafka_window_oldest_ms(&d->window);
    uint64_t wall_ms = sink_clock_wall_ms();
    if (spool_sync(d->options.spool) != 0) {
        note_spool_failure(d, "syncing the spool");
    }
    (void)pthread_mutex_lock(&d->mutex);
    d->stats.lag_ms = oldest_ms > 0 && wall_ms > oldest_ms ? wall_ms - oldest_ms : 0;
    (void)pthread_mutex_unlock(&d->mutex);
}

/* --- the producer --- */

static rd_kafka_t *producer_new(struct kafka_delivery *d, char *error, size_t error_len) {
    char batch_len[24];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(d->options.conf);
    rd_kafka_conf_set_opaque(conf, d);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    (void)snprintf(batch_len, sizeof batch_len, "%" PRIu64, d->batch_len);
    (void)rd_kafka_conf_set(conf, "batch.size", batch_len, NULL, 0);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, error_len);
    if (producer == NULL) {
        rd_kafka_conf_destroy(conf);
    }
    return producer;
}

/* Every message that is under way comes back as failed, or is taken as such. */
static void producer_free(struct kafka_delivery *d) {
    if (d->producer == NULL) {
        return;
    }
    (void)rd_kafka_purge(d->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    uint64_t until = sink_clock_ms() + PURGE_MS;
    while (d->window.num_sent > 0 && sink_clock_ms() < until) {
        (void)rd_kafka_poll(d->producer, POLL_MS);
        sync_when_due(d);
    }
    rd_kafka_destroy(d->producer);
    d->producer = NULL;
    kafka_window_fail_all(&d->window);
}

static void start_again(struct kafka_delivery *d) {
    char why[WHY_LEN];
    if (d->restart || d->producer == NULL) {
        producer_free(d);
        d->producer = producer_new(d, why, sizeof why);
        if (d->producer == NULL) {
            complain(d, SINK_ERROR_FATAL, why);
            d->failed = false;
            pause_sending(d);
            return;
        }
    }
    d->restart = d->failed = d->has_record = false;
    kafka_window_rewind(&d->window);
    spool_rewind(d->options.spool);
    d->damage_before = spool_stats(d->options.spool).damaged_bytes;
}

/* --- sending --- */

/* Events that were in a damaged part of the spool are lost, which is said once, however often it is read. */
static void note_damage(struct kafka_delivery *d) {
    uint64_t bytes = spool_stats(d->options.spool).damaged_bytes - d->damage_before;
    if (bytes > d->damage_said) {
        count_error(d, SINK_ERROR_SPOOL);
        say(d, "%" PRIu64 " bytes in %s were torn or damaged, and are passed over", bytes - d->damage_said,
            d->options.spool_dir);
        d->damage_said = bytes;
    }
}

/* The next record that is to be sent; false: none now. */
static bool next_record(struct kafka_delivery *d) {
    while (!d->has_record) {
        enum spool_result result = spool_next(d->options.spool, &d->record);
        if (result == SPOOL_FAILED) {
            note_spool_failure(d, "reading the spool");
            pause_sending(d);
        }
        note_damage(d);
        if (result != SPOOL_OK) {
            return false;
        }
        d->has_record = !kafka_window_is_done(&d->window, d->record.number);
    }
    return true;
}

static rd_kafka_resp_err_t produce(struct kafka_delivery *d, const struct kafka_record *record,
                                   uint64_t slot) {
    char schema[12];
    int schema_len = snprintf(schema, sizeof schema, "%" PRIu32, record->schema);
    const char *dataset = dataset_word(record->dataset);
    return rd_kafka_producev(
        d->producer, RD_KAFKA_V_TOPIC(kafka_topic(d->options.target, record->dataset)),
        RD_KAFKA_V_KEY(record->key, record->key_len),
        RD_KAFKA_V_VALUE((void *)record->value, record->value_len),
        RD_KAFKA_V_HEADER("schema", schema, (ssize_t)schema_len), RD_KAFKA_V_HEADER("dataset", dataset, -1),
        RD_KAFKA_V_HEADER("sensor", record->sensor, (ssize_t)record->sensor_len),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE((void *)(uintptr_t)slot), RD_KAFKA_V_END);
}

/* The library did not take the message: it is too large, or its topic is known not to be there. */
static void on_refusal(struct kafka_delivery *d, rd_kafka_resp_err_t error, const struct kafka_record *record,
                       uint64_t slot) {
    const char *topic = kafka_topic(d->options.target, record->dataset);
    enum kafka_message_state state = KAFKA_MESSAGE_FAILED;
    if (class_of(error) == SINK_ERROR_SIZE) {
        count_error(d, SINK_ERROR_SIZE);
        if (put_aside(d, record->value, record->value_len, topic, error)) {
            state = KAFKA_MESSAGE_DONE;
        }
    } else if (error != RD_KAFKA_RESP_ERR__FATAL) {
        complain_of_topic(d, error, topic);
    }
    if (state == KAFKA_MESSAGE_FAILED) {
        pause_sending(d);
    }
    kafka_window_report(&d->window, slot, state);
}

/* True when there may be more to send at once. */
static bool send_one(struct kafka_delivery *d) {
    struct kafka_record record;
    if (d->failed || !next_record(d) || kafka_window_is_full(&d->window)) {
        return false;
    }
    if (!kafka_record_decode(&record, d->record.data, d->record.len)) {
        complain(d, SINK_ERROR_SPOOL, "a record of the spool is of another version, and passed over");
        d->has_record = false;
        kafka_window_report(&d->window, kafka_window_send(&d->window, d->record.number, 0),
                            KAFKA_MESSAGE_DONE);
        return true;
    }
    rd_kafka_resp_err_t error = produce(d, &record, kafka_window_next(&d->window));
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        return false;
    }
    uint64_t slot = kafka_window_send(&d->window, d->record.number, record.time_ms);
    d->has_record = false;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        on_refusal(d, error, &record, slot);
    }
    return true;
}

static bool send_some(struct kafka_delivery *d) {
    for (unsigned i = 0; i < SEND_AT_ONCE; i++) {
        if (!send_one(d)) {
            return false;
        }
    }
    return true;
}

/* --- the thread --- */

static void *deliver(void *argument) {
    struct kafka_delivery *d = argument;
    while (!atomic_load(&d->stop)) {
        sync_when_due(d);
        if (d->failed && sink_clock_ms() >= d->resume_ms && (d->restart || d->window.num_sent == 0)) {
            start_again(d);
        }
        bool more = send_some(d);
        (void)spool_save(d->options.spool); /* what fails here fails in sync_when_due(), which tells */
        if (d->producer != NULL) {
            (void)rd_kafka_poll(d->producer, more ? 0 : POLL_MS);
        } else {
            (void)usleep(POLL_MS * 1000);
        }
    }
    producer_free(d);
    return NULL;
}

struct kafka_delivery *kafka_delivery_start(const struct kafka_delivery_options *options, char *error,
                                            size_t error_len) {
    char batch_len[24] = "1000000";
    size_t batch_len_len = sizeof batch_len;
    struct kafka_delivery *d = calloc(1, sizeof *d);
    if (d == NULL) {
        (void)snprintf(error, error_len, "%s", strerror(ENOMEM));
        return NULL;
    }
    d->options = *options;
    d->pause_ms = KAFKA_PAUSE_MIN_MS;
    d->synced_ms = sink_clock_ms();
    (void)rd_kafka_conf_get(options->conf, "batch.size", batch_len, &batch_len_len);
    d->batch_len = strtoull(batch_len, NULL, 10);
    (void)pthread_mutex_init(&d->mutex, NULL);
    d->producer = producer_new(d, error, error_len);
    if (d->producer != NULL) {
        int failed = pthread_create(&d->thread, NULL, deliver, d);
        if (failed == 0) {
            return d;
        }
        (void)snprintf(error, error_len, "%s", strerror(failed));
        rd_kafka_destroy(d->producer);
    }
    (void)pthread_mutex_destroy(&d->mutex);
    free(d);
    return NULL;
}

void kafka_delivery_stop(struct kafka_delivery *d) {
    if (d == NULL) {
        return;
    }
    atomic_store(&d->stop, true);
    (void)pthread_join(d->thread, NULL);
    (void)pthread_mutex_destroy(&d->mutex);
    free(d);
}

void kafka_delivery_stats(struct kafka_delivery *d, struct sink_stats *stats) {
    (void)pthread_mutex_lock(&d->mutex);
    stats->num_delivered = d->stats.num_delivered;
    stats->num_rejected = d->stats.num_rejected;
    stats->lag_ms = d->stats.lag_ms;
    memcpy(stats->errors, d->stats.errors, sizeof stats->errors);
    (void)pthread_mutex_unlock(&d->mutex);
}
