/* taps.h: the network interfaces that are captured from, as one stream of packets in the order of their time
 * stamps.
 *
 * A test access point may have one interface for each direction of a line, so order across interfaces
 * matters. The kernel hands packets over up to LIVE_BLOCK_MS late; with several interfaces a packet is
 * therefore kept back until no earlier one can come (TAPS_HOLD_MS). An interface that goes down or away is
 * opened again when it is back; the others go on meanwhile. Reads no clock: callers hand the time in. */
#ifndef STARTTAP_SENSOR_TAPS_H
#define STARTTAP_SENSOR_TAPS_H

#include "capture/live.h"
#include "capture/packet.h"
#include "config.h"

#define TAPS_HOLD_MS      (2 * LIVE_BLOCK_MS)
#define TAPS_RETRY_MIN_MS 250u  /* from one try to open an interface to the next; doubles ... */
#define TAPS_RETRY_MAX_MS 4000u /* ... up to this */

struct taps;

/* Opens config->interfaces with the filter for mail. NULL with a message that names the one that cannot be
 * opened. config is borrowed and must outlive the taps. */
struct taps *taps_open(const struct config *config, char *error, size_t error_len);
void taps_close(struct taps *taps); /* NULL is fine */

/* The next packet, borrowed until the next call; false when none is ready. now_ns is the host's time, since
 * 1970, not before the last taps_wait() returned. */
bool taps_next(struct taps *taps, uint64_t now_ns, struct packet *packet);

/* At the end: also those that are kept back. */
bool taps_last(struct taps *taps, struct packet *packet);

/* Waits until packets may be ready, at most so long; a signal ends it. */
void taps_wait(struct taps *taps, unsigned timeout_ms);

/* Each 100 ms or so, with the time of any clock that does not step: opens again what was lost. */
void taps_look(struct taps *taps, uint64_t now_ms);

/* Since the start, all interfaces together. */
struct taps_counts {
    struct live_counts packets;
    uint64_t outages;   /* times that an interface was lost */
    uint64_t outage_ms; /* and for how long, those that still last included */
};
void taps_count(struct taps *taps, uint64_t now_ms, struct taps_counts *counts);

/* Gives the kernel the filter that config now makes. Where it does not take it the old one stays, and the log
 * says so. */
void taps_refilter(struct taps *taps);

bool taps_stamps_foreign(const struct taps *taps); /* of any interface: packet time is not the host's */
bool taps_needs_admin(const struct taps *taps);    /* opening one of them again takes CAP_NET_ADMIN */

#endif
