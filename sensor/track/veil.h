/* veil.h: which bytes of one direction of a connection are to be hidden from others, by their offsets in the
 * stream (stream.h), as far as the parsers have decided.
 *
 * It remembers VEIL_RANGES_MAX hidden ranges; of what lies before them, and of what was never decided, every
 * byte is hidden: rather too much than a password. */
#ifndef STARTTAP_SENSOR_TRACK_VEIL_H
#define STARTTAP_SENSOR_TRACK_VEIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VEIL_RANGES_MAX 1024

struct veil_range {
    uint64_t from, to;
};

struct veil { /* zeroed is new */
    struct veil_range *ranges;
    size_t num, room;
    uint64_t known_from; /* nothing is remembered of what lies before */
    uint64_t pos;        /* bytes of the stream that were handed to the parsers, or lost */
    uint64_t settled;    /* bytes before it are decided */
};

void veil_cleanup(struct veil *veil);

/* Hides [from, to). Ranges come in order; what lies before the last one's end is taken as hidden already. */
void veil_hide(struct veil *veil, uint64_t from, uint64_t to);

/* Takes back what was hidden from there on. */
void veil_show(struct veil *veil, uint64_t from);

/* Nothing will be decided any more: the rest is hidden. */
void veil_close(struct veil *veil);

/* Whether the byte at `from` is hidden; *end (<= to, > from) is how far the same is true. */
bool veil_run(const struct veil *veil, uint64_t from, uint64_t to, uint64_t *end);

#endif
