/* peers.h: what is known of each mail peer, over one window and over the whole run.
 *
 * The peer is the end that is not ours (home networks), else the server. A
 * peer's memory (did it ever offer STARTTLS, its last certificate, its last
 * failed handshake) also turns into findings of the sessions that come after. */
#ifndef STARTTAP_SENSOR_JUDGE_PEERS_H
#define STARTTAP_SENSOR_JUDGE_PEERS_H

#include "../../outputs/event.h"
#include "address.h"

#define PEERS_MAX         65536 /* peers remembered; the one seen longest ago goes, its window reported */
#define PEER_NAMES_MAX    16    /* names kept of a peer */
#define PEER_VERSIONS_MAX 12    /* distinct TLS versions counted for a peer in one window */
#define PEER_CIPHERS_MAX  32    /* and cipher suites */
#define PEER_FALLBACK_NS                                                                                     \
    (600 * UINT64_C(1000000000)) /* mail in clear this soon after a failed handshake is a fallback */

struct peers;

typedef void (*peers_emit)(void *context, struct event *event);

/* emit is called with a filled peer event, borrowed for the call; its id is set. */
struct peers *peers_new(struct digest *digest, peers_emit emit, void *context); /* NULL: out of memory */
void peers_free(struct peers *peers);

/* Counts a session and adds the findings that only memory can make. */
void peers_add(struct peers *peers, struct event *session, enum direction direction);

/* Reports every peer that had a session in the window and starts the next one. */
void peers_end_window(struct peers *peers, uint64_t start_ns, uint64_t end_ns);

size_t peers_count(const struct peers *peers);

#endif
