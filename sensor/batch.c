#include "batch.h"

#include <assert.h>
#include <string.h>

/* One of two fixed lengths, which takes a few instructions. */
static void copy_address(uint8_t *out, const uint8_t *address, uint8_t addr_len) {
    if (addr_len == 4)
        memcpy(out, address, 4);
    else
        memcpy(out, address, 16);
}

void batch_add(struct batch *batch, const struct segment *segment, const struct moment *now) {
    assert(batch_fits(batch, segment));
    struct timed_segment *held = &batch->segments[batch->num_segments++];
    uint8_t *src = batch->bytes + batch->num_bytes, *dst = src + segment->addr_len,
            *payload = dst + segment->addr_len;
    copy_address(src, segment->src, segment->addr_len);
    copy_address(dst, segment->dst, segment->addr_len);
    if (segment->payload_len > 0)
        memcpy(payload, segment->payload, segment->payload_len);
    held->segment = *segment;
    held->segment.src = src;
    held->segment.dst = dst;
    held->segment.payload = payload;
    held->segment.header = held->segment.network = NULL;
    held->segment.network_len = 0;
    held->moment = *now;
    batch->num_bytes += 2u * segment->addr_len + segment->payload_len;
}
