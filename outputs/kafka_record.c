#include "kafka_record.h"

#include "little_endian.h"

/* All numbers little-endian: version 1, dataset 1, key_len 1, sensor_len 1, schema 4, time_ms 8; key, sensor,
 * value. */
#define HEAD_LEN 16
#define VERSION  1

void kafka_record_begin(struct buffer *out, const struct kafka_record *record) {
    size_t key_len = record->key_len < KAFKA_KEY_MAX ? record->key_len : KAFKA_KEY_MAX;
    size_t sensor_len = record->sensor_len < KAFKA_SENSOR_MAX ? record->sensor_len : KAFKA_SENSOR_MAX;
    uint8_t head[HEAD_LEN] = {VERSION, (uint8_t)record->dataset, (uint8_t)key_len, (uint8_t)sensor_len};
    put_number(head + 4, record->schema, 4);
    put_number(head + 8, record->time_ms, 8);
    buffer_clear(out);
    buffer_add(out, (const char *)head, sizeof head);
    buffer_add(out, record->key, key_len);
    buffer_add(out, record->sensor, sensor_len);
}

bool kafka_record_decode(struct kafka_record *record, const uint8_t *data, size_t len) {
    if (len < HEAD_LEN || data[0] != VERSION || data[1] >= NUM_DATASETS ||
        len - HEAD_LEN < (size_t)data[2] + data[3]) {
        return false;
    }
    const char *text = (const char *)data + HEAD_LEN;
    *record = (struct kafka_record){
        .time_ms = get_number(data + 8, 8),
        .dataset = (enum dataset)data[1],
        .schema = (uint32_t)get_number(data + 4, 4),
        .key = text,
        .key_len = data[2],
        .sensor = text + data[2],
        .sensor_len = data[3],
        .value = text + data[2] + data[3],
        .value_len = len - HEAD_LEN - data[2] - data[3],
    };
    return true;
}
