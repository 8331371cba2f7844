/* The whole sensor: the input is read as frames (two bytes of length, then the frame) of a raw IP link, and
 * once more as the payloads of one TCP connection whose two sides take turns. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../outputs/json.h"
#include "../../parsers/reader.h"
#include "../../sensor/pipeline.h"

#define LINKTYPE_RAW 101

static void encode(void *context, const struct event *event) {
    json_encode(event, context);
    buffer_clear(context);
}

static void feed(struct pipeline *pipeline, const uint8_t *frame, size_t len, uint64_t ts_ns) {
    uint8_t *exact = malloc(len > 0 ? len : 1);
    if (!exact)
        abort();
    memcpy(exact, frame, len);
    struct packet packet = {exact, (uint32_t)len, (uint32_t)len, LINKTYPE_RAW, ts_ns};
    pipeline_packet(pipeline, &packet);
    free(exact);
}

static void feed_frames(struct pipeline *pipeline, struct reader input) {
    for (uint64_t ts_ns = 1; reader_left(&input) > 2; ts_ns += 1000000) {
        size_t len = reader_u16(&input) % 2048;
        if (len > reader_left(&input))
            len = reader_left(&input);
        const uint8_t *frame = reader_bytes(&input, len);
        feed(pipeline, frame, len, ts_ns);
    }
}

/* Each turn: one byte (the high bit is the side, the rest the length), then the bytes. */
static void feed_connection(struct pipeline *pipeline, struct reader input) {
    uint32_t seq[2] = {1, 1};
    for (uint64_t ts_ns = 1; reader_left(&input) > 1; ts_ns += 1000000) {
        uint8_t turn = reader_u8(&input), from = turn >> 7;
        size_t len = turn & 0x7f;
        if (len > reader_left(&input))
            len = reader_left(&input);
        uint8_t frame[40 + 128] = {0x45, 0, 0, (uint8_t)(40 + len), 0, 0, 0, 0, 64, 6};
        frame[15] = from ? 2 : 1, frame[19] = from ? 1 : 2;
        frame[from ? 21 : 23] = 25, frame[from ? 22 : 20] = 0x40;
        for (int i = 0; i < 4; i++) {
            frame[24 + i] = (uint8_t)(seq[from] >> (24 - 8 * i));
            frame[28 + i] = (uint8_t)(seq[1 - from] >> (24 - 8 * i));
        }
        frame[32] = 0x50, frame[33] = 0x10;
        memcpy(frame + 40, reader_bytes(&input, len), len);
        seq[from] += (uint32_t)len;
        feed(pipeline, frame, 40 + len, ts_ns);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static struct config config = {.max_flows = 16, .no_verify = true};
    config.mail_ports.bits[0] = UINT64_C(1) << 25;
    config.tls_ports.bits[465 / 64] = UINT64_C(1) << (465 % 64);
    char error[256];
    struct buffer out = {0};
    for (int way = 0; way < 2; way++) {
        struct pipeline *pipeline = pipeline_new(&config, encode, &out, error, sizeof error);
        if (!pipeline)
            abort();
        if (way == 0)
            feed_frames(pipeline, reader_of(data, len));
        else
            feed_connection(pipeline, reader_of(data, len));
        pipeline_finish(pipeline);
        pipeline_free(pipeline);
    }
    buffer_cleanup(&out);
    return 0;
}
