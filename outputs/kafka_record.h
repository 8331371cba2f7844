/* kafka_record.h: what stands in the spool for one message: time, dataset, schema, key, sensor, value. */
#ifndef STARTTAP_OUTPUTS_KAFKA_RECORD_H
#define STARTTAP_OUTPUTS_KAFKA_RECORD_H

#include "buffer.h"
#include "event.h"

#define KAFKA_KEY_MAX    255
#define KAFKA_SENSOR_MAX 255

struct kafka_record {
    uint64_t time_ms; /* when it was written, since 1970 */
    enum dataset dataset;
    uint32_t schema;
    const char *key, *sensor, *value; /* not terminated; borrowed from the bytes */
    size_t key_len, sensor_len, value_len;
};

/* Replaces what is in out by all but the value, which the caller adds. Key and sensor are cut to their
 * maxima. */
void kafka_record_begin(struct buffer *out, const struct kafka_record *record);
bool kafka_record_decode(struct kafka_record *record, const uint8_t *data, size_t len); /* false: not one */

#endif
