/* replay.h: sessions made from templates, interleaved by time, as a capture and as a list of what is in it.
 */
#ifndef STARTTAP_BENCH_REPLAY_H
#define STARTTAP_BENCH_REPLAY_H

#include "mix.h"
#include "output.h"

struct replay_options {
    uint64_t seed;
    uint64_t num_sessions;
    double sessions_per_s;           /* that begin */
    double reorder, lose, duplicate; /* share of the packets */
    bool unique_certs;
    bool in_rounds; /* every session's first packet, then every session's second: all are open together */
};

/* False when something could not be written; output_message() says what. */
bool replay_run(const struct mix *mix, const struct replay_options *options, struct output *output);

#endif
