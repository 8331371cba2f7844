/* dns_streams.h: messages of the DNS that come over TCP (RFC 1035 section 4.2.2, RFC 7766), put together.
 *
 * Only the direction from the server is followed, from its SYN on: without it nobody knows where a message
 * begins. A connection with a hole that stays is forgotten when its place is needed. */
#ifndef STARTTAP_SENSOR_TRACK_DNS_STREAMS_H
#define STARTTAP_SENSOR_TRACK_DNS_STREAMS_H

#include <stddef.h>

#include "../capture/packet.h"

#define DNS_STREAMS_MAX 64 /* connections followed; the one silent for longest goes */

struct dns_streams;

struct dns_streams *dns_streams_new(void); /* NULL: out of memory */
void dns_streams_free(struct dns_streams *streams);

/* The place of the next segment from DNS_PORT, below DNS_STREAMS_MAX: with a SYN that is not a repetition it
 * is *begun. -1: it is of no connection that is followed. */
int dns_streams_find(struct dns_streams *streams, const struct segment *segment, bool *begun);

/* Called for each message, borrowed for the call. */
typedef void (*dns_streams_take)(void *context, const uint8_t *message, size_t len);

/* The next segment, of that place. */
void dns_streams_segment(struct dns_streams *streams, int place, const struct segment *segment,
                         dns_streams_take take, void *context);

#endif
