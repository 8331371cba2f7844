/* traffic.h: captures as TCP segments that a test can cut, drop, repeat and reorder, and what the pipeline
 * says of them. */
#ifndef STARTTAP_TESTS_TRAFFIC_H
#define STARTTAP_TESTS_TRAFFIC_H

#include "../../outputs/buffer.h"
#include "../../outputs/event.h"
#include "../../sensor/capture/packet.h"
#include "../../sensor/config.h"

/* A segment with bytes of its own. */
struct piece {
    uint8_t src[16], dst[16], addr_len, flags;
    uint16_t src_port, dst_port, window, ip_id;
    uint32_t seq, ack;
    uint64_t ts_ns;
    uint8_t *payload;
    uint32_t len;
};

struct traffic {
    struct piece *pieces;
    size_t num, room;
};

struct traffic traffic_read(const char *path); /* every TCP segment of a capture; fails the test on error */
void traffic_cleanup(struct traffic *traffic);
void traffic_add(struct traffic *traffic, const struct piece *piece, uint32_t from,
                 uint32_t len); /* a part of its payload */
void traffic_swap(struct traffic *traffic, size_t a, size_t b);

/* What the sessions of a run were, in the order of their first packets. */
struct outcome {
    struct event *events; /* copies of the plain values; texts are not kept except below */
    char **json; /* as encoded, without what a mirror's habits may change (capture counters, times, ids) */
    size_t num;
};

struct outcome traffic_run(const struct traffic *traffic, const struct config *config);
/* The same without the pieces that are marked as lost (one mark for each); NULL: none is. */
struct outcome traffic_run_without(const struct traffic *traffic, const bool *lost,
                                   const struct config *config);
void outcome_cleanup(struct outcome *outcome);

/* Settings as on the command line without options, and no verification. */
const struct config *traffic_config(void);

/* The same with the key log that is bundled with the capture; NULL: there is none. */
const struct config *traffic_config_with_keys(const char *path);

/* Names of the bundled captures (sorted), as full paths; NULL-terminated. */
char **bundled_captures(void);
void bundled_cleanup(char **paths);

/* A small, seeded generator, the same on every machine. */
uint32_t next_random(uint64_t *state);

#endif
