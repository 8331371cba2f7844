/* rollup.h: sessions added up. Whatever is summed of rollups is the same as of their sessions. */
#ifndef STARTTAP_SENSOR_JUDGE_ROLLUP_H
#define STARTTAP_SENSOR_JUDGE_ROLLUP_H

#include "../../outputs/event.h"
#include "keep.h"

#define ROLLUP_NAMES_MAX 32 /* TLS versions, or cipher suites, told apart; the last place is "other" */

struct tally {
    struct count *items;
    size_t num, size;
};

struct rollup {
    uint64_t sessions, by_verdict[NUM_VERDICTS];
    uint64_t messages_cleartext, bytes_cleartext, auth_cleartext;
    uint64_t findings[NUM_FINDINGS];
    struct tally versions, ciphers; /* of sessions with TLS; names are the pool's */
};

void rollup_cleanup(struct rollup *rollup); /* a zeroed one is an empty one */

/* Where there is no memory for one more version or cipher suite, that count alone is lost. */
void rollup_add(struct rollup *rollup, const struct session_event *session, struct name_pool *pool);
void rollup_merge(struct rollup *rollup, const struct rollup *more, struct name_pool *pool);

/* The sums, and adoption; lists point into the rollup. */
void rollup_tell(struct rollup *rollup, struct peer_event *peer);

#endif
