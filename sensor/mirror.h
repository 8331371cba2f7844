/* mirror.h: does the mirror show both directions of mail? One that was set up wrong shows one of them, or
 * nothing, and nobody would notice but by verdicts that stay unknown. */
#ifndef STARTTAP_SENSOR_MIRROR_H
#define STARTTAP_SENSOR_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

#define MIRROR_SILENT_S     120u /* without a segment of mail since the start: is said to be silent */
#define MIRROR_SEGMENTS_MIN 200u /* more of them are needed to tell */
/* A receiver acknowledges at least each tenth or so segment of the largest transfer: one direction with less
 * than a fiftieth is not there. */
#define MIRROR_SHARE_MIN 50u

enum mirror_state { MIRROR_UNKNOWN, MIRROR_OK, MIRROR_SILENT, MIRROR_ONE_WAY };

struct mirror { /* zeroed to start */
    enum mirror_state state;
    uint64_t to_server, to_client; /* by the last time that it was told */
};

/* Each second or so; segments since the start. True when the state changed. */
bool mirror_look(struct mirror *mirror, uint64_t running_s, uint64_t to_server, uint64_t to_client);

const char *mirror_name(enum mirror_state state); /* "one_way"; NULL for MIRROR_UNKNOWN */

#endif
