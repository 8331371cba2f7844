/* batch.h: segments with their bytes, copied so that another thread can work on them. */
#ifndef STARTTAP_SENSOR_BATCH_H
#define STARTTAP_SENSOR_BATCH_H

#include "capture/packet.h"
#include "notice.h"

#define BATCH_SEGMENTS    512
#define BATCH_BYTES       (512u << 10)            /* of addresses and payload; the largest frame fits */
#define BATCH_PAYLOAD_MAX (BATCH_BYTES - 2u * 16) /* of a segment in an empty batch */

struct batch {
    uint32_t num_segments, num_bytes;
    struct timed_segment segments[BATCH_SEGMENTS]; /* their pointers lead into bytes; there are no headers */
    uint8_t bytes[BATCH_BYTES];                    /* of each segment: both addresses, the payload */
};

static inline void batch_clear(struct batch *batch) {
    batch->num_segments = batch->num_bytes = 0;
}

/* Always into an empty one. */
static inline bool batch_fits(const struct batch *batch, const struct segment *segment) {
    return batch->num_segments < BATCH_SEGMENTS &&
           batch->num_bytes + 2u * segment->addr_len + segment->payload_len <= BATCH_BYTES;
}

void batch_add(struct batch *batch, const struct segment *segment, const struct moment *now); /* must fit */

#endif
