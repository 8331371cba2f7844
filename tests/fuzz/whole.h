/* whole.h: the whole sensor for a fuzz target: packets in, events out, each of them checked.
 *
 * An event has to be one line of valid JSON in valid UTF-8 (jansson says so, strictly); no two have one id; a
 * session's reason for `unknown` is there when its verdict is that, and only then. --any-port is left out:
 * nDPI takes a tenth of a second to start. */
#ifndef STARTTAP_TESTS_FUZZ_WHOLE_H
#define STARTTAP_TESTS_FUZZ_WHOLE_H

#include "../../outputs/buffer.h"
#include "../../sensor/pipeline.h"

/* Bits of the byte that chooses settings. */
enum whole_switch {
    WHOLE_CHECKSUMS = 0x02,
    WHOLE_MORE = 0x04, /* --received, a policy, home networks */
    WHOLE_WORKERS = 0x08,
    WHOLE_FEW_FLOWS = 0x10,
    WHOLE_WINDOWS = 0x20,
    WHOLE_RECORD = 0x80, /* once more, with a recorder, which must not change a thing */
};

typedef void (*whole_feed)(void *context, struct pipeline *pipeline);

struct whole {
    struct buffer out;      /* all events, as JSON */
    struct buffer sessions; /* those of sessions, without what may change with the habits of a network: ids,
                             * times and counters of packets */
    unsigned num_sessions;
    size_t num_ids, room_ids;
    char (*ids)[33];
};

/* Prints what is wrong, and aborts. */
#define WHOLE_REQUIRE(condition, ...) whole_require((condition), __LINE__, __VA_ARGS__)
void whole_require(bool condition, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The key log of RFC 8448 is known. recorder: NULL for none. */
void whole_run(uint8_t switches, whole_feed feed, void *context, struct recorder *recorder,
               struct whole *whole);
void whole_cleanup(struct whole *whole);

/* A scrubbing recorder into memory. path: where its file can be read as long as *fd is open. */
struct recorder *whole_recorder(int *fd, char path[64]);

/* Ends when the sessions of these are not the same, in any order. */
void whole_require_same_sessions(const struct whole *a, const struct whole *b);

/* Twice: the same bytes again. With WHOLE_WORKERS, once by two workers. */
void whole_run_twice(uint8_t switches, whole_feed feed, void *context, struct whole *whole);

#endif
