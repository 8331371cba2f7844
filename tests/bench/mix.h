/* mix.h: which templates make which benchmark capture, and how many of each. */
#ifndef STARTTAP_BENCH_MIX_H
#define STARTTAP_BENCH_MIX_H

#include "template.h"

/* One kind of session. Those of the same row come from the same servers and differ only in the length of the
 * mail. */
struct role {
    struct template template;
    const char *file;
    unsigned connection;
    unsigned row; /* 0..255: the servers' network */
    double weight;
    uint32_t filler;
    bool mail; /* starttap reports it; else it is traffic beside */
};

struct mix {
    struct role *roles;
    size_t num_roles;
};

enum mix_kind { MIX_MAIL, MIX_SPAN, MIX_BULK, MIX_HELLO, MIX_IDLE };

/* False with a message on standard error. pcaps: the directory of our captures. */
bool mix_load(struct mix *mix, enum mix_kind kind, const char *pcaps);
void mix_cleanup(struct mix *mix);

#endif
