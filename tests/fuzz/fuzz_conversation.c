/* The whole sensor behind TCP connections that a script describes (talk.h): the events are good (whole.h),
 * come again from the same packets, also from two workers, and there is one for each connection. */
#include "talk.h"
#include "whole.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
                                 size_t max_len, unsigned seed);

struct script {
    const uint8_t *data;
    size_t len;
};

static struct talk talk;

static void take(void *context, const struct packet *packet) {
    pipeline_packet(context, packet);
}

static void feed(void *context, struct pipeline *pipeline) {
    const struct script *script = context;
    talk_begin(&talk, take, pipeline);
    talk_play(&talk, script->data, script->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct script script = {data, len};
    struct whole whole;
    if (len < TALK_HEADER)
        return 0;
    whole_run_twice(data[0], feed, &script, &whole);
    if (!talk.odd && !(data[0] & WHOLE_FEW_FLOWS))
        WHOLE_REQUIRE(whole.num_sessions == talk_num_sessions(&talk), "%u sessions of %u connections:\n%.*s",
                      whole.num_sessions, talk_num_sessions(&talk), (int)whole.out.len, whole.out.data);
    whole_cleanup(&whole);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed) {
    return talk_mutate(data, len, max_len, seed, NUM_TALK_WHATS);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
                                 size_t max_len, unsigned seed) {
    return talk_cross(a, a_len, b, b_len, out, max_len, seed);
}
