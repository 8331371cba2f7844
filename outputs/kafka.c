#include "kafka.h"

#include "json.h"
#include "kafka_deliver.h"
#include "kafka_record.h"
#include "sink_clock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#define DIR_LEN      4096
#define ERROR_LEN    (DIR_LEN + 512)
#define LOOK_EACH_MS 20 /* while waiting */

struct kafka_sink {
    struct sink sink; /* first, so that one can be cast to the other */
    struct kafka_target target;
    struct rd_kafka_conf_s *conf;
    char dir[DIR_LEN];
    struct spool *spool;
    struct kafka_delivery *delivery; /* NULL: not started yet */
    void (*log)(void *context, const char *message);
    void *log_context;
    struct buffer record;
    uint64_t num_written, bytes_written;
    char error[ERROR_LEN]; /* "" when nothing failed */
};

/* --- what a message is made of --- */

const char *kafka_key(const struct event *event) {
    const struct session_event *session = &event->session;
    switch (event->dataset) {
    case DATASET_SESSION:
        return session->direction != NULL && strcmp(session->direction, "inbound") == 0
                   ? session->source.ip
                   : session->destination.ip;
    case DATASET_PEER:
        return event->peer.name;
    case DATASET_ALERT:
        return event->alert.peer_ip;
    default:
        return event->observer_name;
    }
}

static void encode(struct buffer *out, const struct event *event) {
    const char *key = kafka_key(event);
    const char *sensor = event->observer_name;
    struct kafka_record record = {
        .time_ms = sink_clock_wall_ms(),
        .dataset = event->dataset,
        .schema = EVENT_SCHEMA_VERSION,
        .key = key,
        .key_len = key != NULL ? strlen(key) : 0,
        .sensor = sensor,
        .sensor_len = sensor != NULL ? strlen(sensor) : 0,
    };
    kafka_record_begin(out, &record);
    json_encode(event, out);
    if (!out->failed) {
        out->len--; /* the line feed */
    }
}

/* --- the sink --- */

static bool start_delivery(struct kafka_sink *kafka, char *error, size_t error_len) {
    struct kafka_delivery_options delivery = {
        .name = kafka->sink.target,
        .target = &kafka->target,
        .conf = kafka->conf,
        .spool = kafka->spool,
        .spool_dir = kafka->dir,
        .log = kafka->log,
        .log_context = kafka->log_context,
    };
    kafka->delivery = kafka_delivery_start(&delivery, error, error_len);
    return kafka->delivery != NULL;
}

static int kafka_start(struct sink *sink) {
    struct kafka_sink *kafka = (struct kafka_sink *)sink;
    char why[ERROR_LEN - DIR_LEN];
    if (kafka->delivery != NULL || start_delivery(kafka, why, sizeof why)) {
        return 0;
    }
    (void)snprintf(kafka->error, sizeof kafka->error, "%s: %s", sink->target, why);
    return -1;
}

static int kafka_write(struct sink *sink, const struct event *event) {
    struct kafka_sink *kafka = (struct kafka_sink *)sink;
    encode(&kafka->record, event);
    errno = ENOMEM;
    enum spool_result result = kafka->record.failed
                                   ? SPOOL_FAILED
                                   : spool_append(kafka->spool, kafka->record.data, kafka->record.len);
    switch (result) {
    case SPOOL_OK:
        kafka->num_written++;
        kafka->bytes_written += kafka->record.len;
        return 0;
    case SPOOL_FULL:
        (void)snprintf(kafka->error, sizeof kafka->error, "%s: spool %s: %s", sink->target, kafka->dir,
                       errno != 0 ? strerror(errno) : "is full (--spool-max)");
        return SINK_FULL;
    default:
        (void)snprintf(kafka->error, sizeof kafka->error, "%s: spool %s: %s", sink->target, kafka->dir,
                       strerror(errno));
        return -1;
    }
}

/* An event is in the spool when it was taken, and synced by the other thread. */
static int kafka_flush(struct sink *sink) {
    (void)sink;
    return 0;
}

static uint64_t kafka_wait(struct sink *sink, unsigned timeout_ms) {
    struct kafka_sink *kafka = (struct kafka_sink *)sink;
    uint64_t waiting = 0;
    while ((waiting = spool_stats(kafka->spool).num_waiting) > 0 && timeout_ms > 0) {
        unsigned slice_ms = timeout_ms < LOOK_EACH_MS ? timeout_ms : LOOK_EACH_MS;
        if (poll(NULL, 0, (int)slice_ms) != 0) {
            break; /* a signal: the caller wants to know */
        }
        timeout_ms -= slice_ms;
    }
    if (waiting > 0) {
        (void)snprintf(kafka->error, sizeof kafka->error,
                       "%s: %" PRIu64 " events are not delivered; they are kept in %s for the next run",
                       sink->target, waiting, kafka->dir);
    }
    return waiting;
}

static void kafka_stats(struct sink *sink, struct sink_stats *stats) {
    struct kafka_sink *kafka = (struct kafka_sink *)sink;
    struct spool_stats spool = spool_stats(kafka->spool);
    if (kafka->delivery != NULL) {
        kafka_delivery_stats(kafka->delivery, stats);
    }
    stats->remote = true;
    stats->num_written = kafka->num_written;
    stats->bytes_written = kafka->bytes_written;
    stats->num_waiting = spool.num_waiting;
    stats->bytes_waiting = spool.bytes;
    stats->num_dropped = spool.num_dropped;
}

static const char *kafka_error(const struct sink *sink) {
    const struct kafka_sink *kafka = (const struct kafka_sink *)sink;
    return kafka->error[0] != '\0' ? kafka->error : NULL;
}

static int kafka_free(struct kafka_sink *kafka) {
    kafka_delivery_stop(kafka->delivery);
    int result = spool_close(kafka->spool);
    if (kafka->conf != NULL) {
        rd_kafka_conf_destroy(kafka->conf);
    }
    buffer_cleanup(&kafka->record);
    kafka_target_cleanup(&kafka->target);
    free(kafka->sink.target);
    free(kafka);
    return result;
}

/* What waits is no failure here: it is safe, and sink_wait() told. */
static int kafka_close(struct sink *sink) {
    return kafka_free((struct kafka_sink *)sink);
}

static const struct sink_ops kafka_ops = {.write = kafka_write,
                                          .flush = kafka_flush,
                                          .close = kafka_close,
                                          .error = kafka_error,
                                          .wait = kafka_wait,
                                          .stats = kafka_stats,
                                          .start = kafka_start};

/* --- opening --- */

/* FNV-1a, so that targets which look alike have different directories. */
static uint32_t hash_text(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    }
    return hash;
}

void kafka_dir_name(const char *target, char name[KAFKA_DIR_NAME_LEN]) {
    char readable[KAFKA_DIR_NAME_LEN - 32];
    size_t len = 0;
    target += strspn(target, "/");
    for (const char *c = target; *c != '\0' && len < sizeof readable - 1; c++) {
        readable[len++] = isalnum((unsigned char)*c) || strchr(".,-_", *c) != NULL ? *c : '_';
    }
    readable[len] = '\0';
    (void)snprintf(name, KAFKA_DIR_NAME_LEN, "kafka-%s-%08" PRIx32, readable, hash_text(target));
}

static bool has_segments(const char *dir) {
    bool found = false;
    DIR *stream = opendir(dir);
    for (struct dirent *entry; stream != NULL && !found && (entry = readdir(stream)) != NULL;) {
        found = strstr(entry->d_name, ".seg") != NULL;
    }
    if (stream != NULL) {
        (void)closedir(stream);
    }
    return found;
}

/* Events of a target that nobody delivers to any more would wait for ever. */
static void tell_of_others(const struct kafka_sink *kafka, const char *own_name,
                           const struct sink_options *options) {
    DIR *stream = options->log != NULL ? opendir(options->spool) : NULL;
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
        char dir[DIR_LEN], message[ERROR_LEN + DIR_LEN];
        int len = snprintf(dir, sizeof dir, "%s/%s", options->spool, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof dir || strncmp(entry->d_name, "kafka-", 6) != 0 ||
            strcmp(entry->d_name, own_name) == 0 || !has_segments(dir)) {
            continue;
        }
        (void)snprintf(message, sizeof message,
                       "%s: note: %s holds events of another output; the option spool=%s delivers them",
                       kafka->sink.target, dir, dir);
        options->log(options->log_context, message);
    }
    if (stream != NULL) {
        (void)closedir(stream);
    }
}

bool kafka_spool_dir(const struct sink_spec *spec, const char *spool, char *dir, size_t dir_len) {
    char name[KAFKA_DIR_NAME_LEN];
    const char *own = sink_spec_option(spec, "spool");
    if (own != NULL) {
        return (size_t)snprintf(dir, dir_len, "%s", own) < dir_len;
    }
    kafka_dir_name(spec->target, name);
    return (size_t)snprintf(dir, dir_len, "%s/%s", spool, name) < dir_len;
}

static bool find_dir(struct kafka_sink *kafka, const struct sink_spec *spec,
                     const struct sink_options *options) {
    char name[KAFKA_DIR_NAME_LEN];
    if (sink_spec_option(spec, "spool") == NULL) {
        kafka_dir_name(spec->target, name);
        tell_of_others(kafka, name, options);
    }
    return kafka_spool_dir(spec, options->spool, kafka->dir, sizeof kafka->dir);
}

static bool open_parts(struct kafka_sink *kafka, const struct sink_spec *spec,
                       const struct sink_options *options, char *error, size_t error_len) {
    if (!kafka_target_parse(&kafka->target, spec->target, error, error_len)) {
        return false;
    }
    kafka->conf = kafka_conf_new(&options->kafka, &kafka->target, error, error_len);
    if (kafka->conf == NULL) {
        return false;
    }
    if (!find_dir(kafka, spec, options)) {
        (void)snprintf(error, error_len, "the name of the spool is too long");
        return false;
    }
    struct spool_options spool = {.size_max = options->spool_max, .drop_oldest = options->drop_oldest};
    kafka->spool = spool_open(kafka->dir, &spool, error, error_len);
    if (kafka->spool == NULL) {
        return false;
    }
    kafka->log = options->log;
    kafka->log_context = options->log_context;
    return options->start_later || start_delivery(kafka, error, error_len);
}

struct sink *kafka_open(const struct sink_spec *spec, const char *name, const struct sink_options *options,
                        char *error, size_t error_len) {
    char why[ERROR_LEN];
    struct kafka_sink *kafka = calloc(1, sizeof *kafka);
    if (kafka != NULL) {
        kafka->sink.ops = &kafka_ops;
        kafka->sink.datasets = (1u << NUM_DATASETS) - 1;
        kafka->sink.target = strdup(name);
    }
    if (kafka == NULL || kafka->sink.target == NULL) {
        (void)snprintf(error, error_len, "%s: %s", name, strerror(ENOMEM));
        free(kafka);
        return NULL;
    }
    if (open_parts(kafka, spec, options, why, sizeof why)) {
        return &kafka->sink;
    }
    (void)snprintf(error, error_len, "%s: %s", name, why);
    (void)kafka_free(kafka);
    return NULL;
}
