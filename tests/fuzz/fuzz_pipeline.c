/* The whole sensor behind a capture file of any format and wrapping: the events are good (whole.h) and come
 * again from the same file, one packet after the other, also from two workers. Input: switches (whole.h),
 * then the file. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../sensor/capture/decode.h"
#include "../../sensor/capture/source.h"
#include "turn.h"
#include "whole.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A compressed bomb is read on, but not by a fuzzer. */
#define PACKETS_MAX 2000

static char path[64];

static struct source *open_file(void) {
    char error[256];
    return source_open(path, error, sizeof error);
}

/* The first time as many packets together as the source has at hand, then one by one. */
static void feed(void *context, struct pipeline *pipeline) {
    struct source *source = open_file();
    struct packet packets[32];
    bool *together = context;
    size_t most = *together ? sizeof packets / sizeof packets[0] : 1, num;
    *together = false;
    for (size_t left = PACKETS_MAX; source && left > 0; left -= num) {
        if (source_next_several(source, packets, most < left ? most : left, &num) != SOURCE_PACKET)
            break;
        pipeline_packets(pipeline, packets, num);
    }
    source_close(source);
}

/* What may begin a connection, by other means than the sensor's. (That there is one event for each is for
 * fuzz_conversation.c, which knows how many it made.) */
static unsigned count_beginnings(void) {
    struct decoder *decoder = decoder_new(&(struct decode_options){0});
    struct source *source = open_file();
    struct packet packet;
    struct segment s;
    unsigned num = 0;
    WHOLE_REQUIRE(decoder, "out of memory");
    for (unsigned i = 0; source && i < PACKETS_MAX && source_next(source, &packet) == SOURCE_PACKET; i++) {
        if (decode_packet(decoder, &packet, &s) == DECODE_TCP)
            num += s.payload_len > 0 || (s.flags & TCP_SYN) != 0;
    }
    source_close(source);
    decoder_free(decoder);
    return num;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct whole whole;
    bool together = true;
    if (len < 1)
        return 0;
    static int file = -1;
    if (file < 0)
        file = memfd_create("capture", MFD_CLOEXEC);
    WHOLE_REQUIRE(file >= 0 && ftruncate(file, 0) == 0 &&
                      pwrite(file, data + 1, len - 1, 0) == (ssize_t)(len - 1),
                  "no file in memory");
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (has_turn(data, len, 16)) {
        whole_run_twice(data[0], feed, &together, &whole);
        unsigned most = count_beginnings();
        WHOLE_REQUIRE(whole.num_sessions <= most, "%u sessions of %u segments", whole.num_sessions, most);
    } else {
        whole_run(data[0], feed, &together, NULL, &whole);
    }
    whole_cleanup(&whole);
    return 0;
}
