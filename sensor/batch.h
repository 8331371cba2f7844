/* batch.h: segments with their bytes, copied so that another thread can work on them. */
#ifndef STARTTAP_SENSOR_BATCH_H
#define STARTTAP_SENSOR_BATCH_H

#include "capture/packet.h"
#include "notice.h"

#define BATCH_SEGMENTS 512
#define BATCH_BYTES    (512u << 10) /* of payload; the largest frame fits */

struct held_segment {
    struct segment segment; /* its pointers lead into this batch */
    struct moment moment;
    uint8_t address[2][16];
};

struct batch {
    uint32_t num_segments, num_bytes;
    struct held_segment segments[BATCH_SEGMENTS];
    uint8_t bytes[BATCH_BYTES];
};

static inline void batch_clear(struct batch *batch) {
    batch->num_segments = batch->num_bytes = 0;
}

bool batch_fits(const struct batch *batch, const struct segment *segment); /* always into an empty one */
void batch_add(struct batch *batch, const struct segment *segment, struct moment now); /* must fit */

#endif
