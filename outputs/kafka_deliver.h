/* kafka_deliver.h: the thread that takes events from the spool to the brokers.
 *
 * It keeps up to KAFKA_WINDOW_LEN messages with the library (kafka_window.h). What a broker has confirmed is
 * acknowledged in the spool, in its order. What failed stays there: sending then stops, the messages that are
 * under way come to their end, and after a pause it goes on with the oldest that failed; those that were
 * confirmed are not sent again. After a fatal error of the producer (an idempotent one has those) a new one
 * is made.
 *
 * A message that is too large for the broker even alone is put aside, into `rejected.ndjson` beside the
 * spool. */
#ifndef STARTTAP_OUTPUTS_KAFKA_DELIVER_H
#define STARTTAP_OUTPUTS_KAFKA_DELIVER_H

#include "kafka_conf.h"
#include "sink.h"
#include "spool.h"

#define KAFKA_SYNC_MS       500   /* at most so long until an event is on the disk */
#define KAFKA_PAUSE_MIN_MS  500   /* before failed messages are sent again; doubles up to ... */
#define KAFKA_PAUSE_MAX_MS  30000 /* ... this, until one is confirmed */
#define KAFKA_SAY_AGAIN_MS  60000 /* what is wrong in the same way is said that often */
#define KAFKA_REJECTED_FILE "rejected.ndjson"

struct kafka_delivery;

struct kafka_delivery_options {
    const char *name; /* for messages */
    const struct kafka_target *target;
    struct rd_kafka_conf_s *conf; /* copied */
    struct spool *spool;
    const char *spool_dir;
    void (*log)(void *context, const char *message); /* NULL: nobody listens */
    void *log_context;
};

/* Starts. All that options points to must outlive it. NULL with the library's message in error. */
struct kafka_delivery *kafka_delivery_start(const struct kafka_delivery_options *options, char *error,
                                            size_t error_len);
/* Stops and frees; what was not confirmed stays in the spool. NULL is fine. */
void kafka_delivery_stop(struct kafka_delivery *delivery);

/* Fills in what it knows: delivered, rejected, lag, errors. From any thread. */
void kafka_delivery_stats(struct kafka_delivery *delivery, struct sink_stats *stats);

#endif
