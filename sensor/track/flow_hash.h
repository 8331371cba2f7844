/* flow_hash.h: connections told apart by a hash of their addresses and ports. */
#ifndef STARTTAP_SENSOR_TRACK_FLOW_HASH_H
#define STARTTAP_SENSOR_TRACK_FLOW_HASH_H

#include "../capture/packet.h"
#include "../siphash.h"

/* The same for both directions of a connection. */
uint32_t flow_hash(const struct segment *segment, const struct siphash_key *key);

#endif
