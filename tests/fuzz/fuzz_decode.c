/* Frames of one link type, one after the other into one decoder, so that fragments meet; by the layers, and
 * where the look at a plain frame is enough, that says the same. Input: link type (2 bytes), options (1),
 * then frames: captured length (2), what the wire had more (1), bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/reader.h"
#include "../../sensor/capture/decode_layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Reads every byte that the segment promises. */
static void check_segment(const struct segment *s) {
    unsigned sum = 0;
    assert(s->addr_len == 4 || s->addr_len == 16);
    assert(s->payload_len <= s->payload_wire_len);
    assert(s->network + s->network_len == s->payload + s->payload_len);
    assert(s->vlan_id >= -1 && s->vlan_id < 4096);
    for (size_t i = 0; i < s->addr_len; i++)
        sum += s->src[i] + (unsigned)s->dst[i];
    for (uint32_t i = 0; i < s->network_len; i++)
        sum += s->network[i];
    static volatile unsigned sink;
    sink = sum;
    (void)sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct reader r = reader_of(data, len);
    int linktype = reader_u16(&r) % 512;
    struct decoder *decoder = decoder_new(&(struct decode_options){.verify_checksums = reader_u8(&r) & 1});
    assert(decoder != NULL);
    uint64_t ts_ns = 0;
    while (reader_left(&r) > 0) {
        uint32_t frame_len = reader_u16(&r);
        uint32_t more = reader_u8(&r);
        if (frame_len > reader_left(&r))
            frame_len = (uint32_t)reader_left(&r);
        uint8_t *frame =
            malloc(frame_len > 0 ? frame_len : 1); /* of its own, so that reading past its end is seen */
        assert(frame != NULL);
        const uint8_t *bytes = reader_bytes(&r, frame_len);
        if (bytes != NULL)
            memcpy(frame, bytes, frame_len);
        struct packet packet = {frame, frame_len, frame_len + more, linktype, ts_ns++};
        struct segment segment, glimpse;
        enum layer plain = decode_plain(decoder, &packet, &glimpse);
        enum decode_result result = decode_by_layers(decoder, &packet, &segment);
        assert(plain == LAYER_ETHERNET || result == (plain == END_TCP ? DECODE_TCP : DECODE_OTHER));
        assert(plain != END_TCP || (glimpse.payload == segment.payload && glimpse.seq == segment.seq &&
                                    glimpse.payload_len == segment.payload_wire_len));
        if (result == DECODE_TCP)
            check_segment(&segment);
        free(frame);
    }
    decoder_free(decoder);
    return 0;
}
