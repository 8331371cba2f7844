/* taps.h: the network interfaces that are captured from, as one stream of packets in the order of their time
 * stamps.
 *
 * A test access point may have one interface for each direction of a line, so order across interfaces
 * matters. The kernel hands packets over up to LIVE_BLOCK_MS late; with several interfaces a packet is
 * therefore kept back until no earlier one can come (TAPS_HOLD_MS). An interface that goes down or away is
 * opened again when it is back; the others go on meanwhile. Reads no clock: callers hand the time in.
 *
 * There may be several lanes: each has a handle of its own for each interface, and the kernel shares the
 * packets out among them (capture/fanout.h). Each is read by a thread of its own; what is not said to be a
 * lane's is the main thread's. */
#ifndef STARTTAP_SENSOR_TAPS_H
#define STARTTAP_SENSOR_TAPS_H

#include "capture/live.h"
#include "capture/packet.h"
#include "config.h"

#define TAPS_HOLD_MS      (2 * LIVE_BLOCK_MS)
#define TAPS_RETRY_MIN_MS 250u  /* from one try to open an interface to the next; doubles ... */
#define TAPS_RETRY_MAX_MS 4000u /* ... up to this */

struct taps;

/* Opens config->interfaces with the filter for mail, for so many lanes; key is that of fanout.h. NULL with a
 * message that names the one that cannot be opened. config is borrowed and must outlive the taps. */
struct taps *taps_open(const struct config *config, unsigned num_lanes, uint32_t key, char *error,
                       size_t error_len);
void taps_close(struct taps *taps); /* NULL is fine */

/* A lane's next packet, borrowed until the next call; false when none is ready. now_ns is the host's time,
 * since 1970, not before the last taps_wait() returned. */
bool taps_next(struct taps *taps, unsigned lane, uint64_t now_ns, struct packet *packet);

/* At the end: also those that are kept back. */
bool taps_last(struct taps *taps, unsigned lane, struct packet *packet);

/* Waits until a lane's packets may be ready, or wake_fd (-1: none) is, at most so long; a signal ends it. */
void taps_wait(struct taps *taps, unsigned lane, int wake_fd, unsigned timeout_ms);

/* From a lane's thread, each 100 ms or so, and at the end: counts are those of its last call. */
void taps_measure(struct taps *taps, unsigned lane);

/* Each 100 ms or so, with the time of any clock that does not step. True: a handle was lost, or should be
 * opened again now, and taps_mend() should be called while no lane's thread runs. */
bool taps_look(struct taps *taps, uint64_t now_ms);
void taps_mend(struct taps *taps);

/* Since the start, all interfaces together. */
struct taps_counts {
    struct live_counts packets;
    uint64_t outages;   /* times that an interface was lost */
    uint64_t outage_ms; /* and for how long, those that still last included */
};
void taps_count(struct taps *taps, uint64_t now_ms, struct taps_counts *counts);

/* While no lane's thread runs: gives the kernel the filter that config now makes. Where it does not take it
 * the old one stays, and the log says so. */
void taps_refilter(struct taps *taps);

bool taps_stamps_foreign(const struct taps *taps); /* of any interface: packet time is not the host's */
bool taps_needs_admin(const struct taps *taps);    /* opening one of them again takes CAP_NET_ADMIN */

#endif
