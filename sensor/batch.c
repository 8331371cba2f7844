#include "batch.h"

#include <assert.h>
#include <string.h>

bool batch_fits(const struct batch *batch, const struct segment *segment) {
    return batch->num_segments < BATCH_SEGMENTS && batch->num_bytes + segment->payload_len <= BATCH_BYTES;
}

void batch_add(struct batch *batch, const struct segment *segment, struct moment now) {
    assert(batch_fits(batch, segment));
    struct held_segment *held = &batch->segments[batch->num_segments++];
    uint8_t *payload = batch->bytes + batch->num_bytes;
    held->segment = *segment;
    held->moment = now;
    memcpy(held->address[0], segment->src, segment->addr_len);
    memcpy(held->address[1], segment->dst, segment->addr_len);
    memcpy(payload, segment->payload, segment->payload_len);
    held->segment.src = held->address[0];
    held->segment.dst = held->address[1];
    held->segment.payload = payload;
    held->segment.network = NULL;
    held->segment.network_len = 0;
    batch->num_bytes += segment->payload_len;
}
