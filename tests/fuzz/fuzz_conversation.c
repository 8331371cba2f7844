/* The whole sensor behind TCP connections that a script describes (talk.h): the events are good (whole.h),
 * come again from the same packets, also from two workers, there is one for each connection, and it says the
 * same when nothing was cut, turned round, repeated, folded or in fragments on the way. */
#include <unistd.h>

#include "../../sensor/record/recorder.h"
#include "talk.h"
#include "turn.h"
#include "whole.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
                                 size_t max_len, unsigned seed);

struct script {
    const uint8_t *data;
    size_t len;
    bool plain;
};

static struct talk talk;

static void take(void *context, const struct packet *packet) {
    pipeline_packet(context, packet);
}

static void feed(void *context, struct pipeline *pipeline) {
    const struct script *script = context;
    talk_begin(&talk, take, pipeline);
    talk.plain = script->plain;
    talk_play(&talk, script->data, script->len);
}

/* What is cut, turned round, repeated or in fragments says the same as what is not. */
static void compare_with_plain(struct script *script, const struct whole *whole) {
    struct whole plain;
    script->plain = true;
    whole_run(script->data[0], feed, script, NULL, &plain);
    if (!talk.odd)
        whole_require_same_sessions(whole, &plain);
    whole_cleanup(&plain);
}

/* So does what is recorded meanwhile. */
static void compare_with_recorded(struct script *script, const struct whole *whole) {
    struct whole recorded;
    char path[64];
    int fd;
    struct recorder *recorder = whole_recorder(&fd, path);
    whole_run(script->data[0], feed, script, recorder, &recorded);
    whole_require_same_sessions(whole, &recorded);
    WHOLE_REQUIRE(recorder_close(recorder), "cannot write");
    whole_cleanup(&recorded);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct script script = {data, len, false};
    struct whole whole;
    if (len < TALK_HEADER)
        return 0;
    bool again = has_turn(data, len, 16);
    if (again)
        whole_run_twice(data[0], feed, &script, &whole);
    else
        whole_run(data[0], feed, &script, NULL, &whole);
    if (again && (data[0] & WHOLE_RECORD))
        compare_with_recorded(&script, &whole);
    if (!talk.odd && !(data[0] & WHOLE_FEW_FLOWS)) {
        WHOLE_REQUIRE(whole.num_sessions == talk_num_sessions(&talk), "%u sessions of %u connections:\n%.*s",
                      whole.num_sessions, talk_num_sessions(&talk), (int)whole.out.len, whole.out.data);
        if (again && talk.tricky && !talk.lossy && talk.snap_len == 0)
            compare_with_plain(&script, &whole);
    }
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
