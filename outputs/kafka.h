/* kafka.h: the sink into Apache Kafka, by librdkafka and a spool (spool.h).
 *
 * The thread that writes appends each event to the spool and does not wait for the network. A thread of the
 * sink reads it from there, gives it to the library, and takes it off the spool when the broker has confirmed
 * it (kafka_deliver.h). A message is the event as JSON; its key is the peer, so that the events of one peer
 * stay in order in one partition; its headers are `schema` (starttap.schema_version), `dataset` (session,
 * peer, sensor) and `sensor` (observer.name). The time of a message is when it is sent, not that of the
 * packets: brokers delete by it.
 *
 * An event may come twice after a crash; its event.id is the same. */
#ifndef STARTTAP_OUTPUTS_KAFKA_H
#define STARTTAP_OUTPUTS_KAFKA_H

#include "kafka_conf.h"
#include "sink.h"
#include "sink_spec.h"

#define KAFKA_DIR_NAME_LEN 128

/* As sink_open(); name is what messages call the sink. */
struct sink *kafka_open(const struct sink_spec *spec, const char *name, const struct sink_options *options,
                        char *error, size_t error_len);

/* The key of an event's message: the peer's address (of a session: the end that is not ours, else the
 * server); the sensor's name when it is about the sensor. Borrowed from event. */
const char *kafka_key(const struct event *event);

/* The directory of a sink within that of all spools: readable, and different for each target. */
void kafka_dir_name(const char *target, char name[KAFKA_DIR_NAME_LEN]);

/* The directory of a sink: the one that its spec names, or one within spool. False: the name is too long. */
bool kafka_spool_dir(const struct sink_spec *spec, const char *spool, char *dir, size_t dir_len);

#endif
