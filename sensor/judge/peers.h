/* peers.h: sessions rolled up for each mail peer, direction and window.
 *
 * The peer is the end that is not ours (home networks), else the server. It is told apart in three ways, each
 * with rollups of its own: by its IP address; by each name that the session showed of it (a server's: first
 * words of its banner and of its EHLO reply, SNI, subject of its certificate, destination.domain; a client's:
 * EHLO and HELO, subject of its certificate); and by the organisational domain of each such name. A session
 * counts once for each different name, and once for each different domain.
 *
 * Of each kind only so many are kept. The one seen longest ago makes room: what it had in this window is
 * added to `other` of its kind and direction, and that is counted. So the sums of all events of a kind are
 * the sums over all sessions, whatever the limit. */
#ifndef STARTTAP_SENSOR_JUDGE_PEERS_H
#define STARTTAP_SENSOR_JUDGE_PEERS_H

#include "../../outputs/event.h"
#include "address.h"
#include "memory.h"

#define PEERS_MAX              65536 /* of each kind, where nothing else is said */
#define PEER_NAMES_MAX         16    /* names kept of an address */
#define PEER_SESSION_NAMES_MAX 8     /* names of the peer that one session shows */

struct peers;

typedef void (*peers_emit)(void *context, struct event *event);

/* max of each kind; 0: PEERS_MAX. memory is borrowed: it says what was known of an address before. emit is
 * called with a filled peer event, borrowed for the call; its id is set. NULL: out of memory. */
struct peers *peers_new(size_t max, const struct memory *memory, struct digest *digest, peers_emit emit,
                        void *context);
void peers_free(struct peers *peers);
uint64_t peers_lost(const struct peers *peers); /* what could not be counted: out of memory */

/* Before the first session: counts what the peers hold there (../budget.h), and bounds each kind to one of
 * PEERS_PARTS. Borrowed. */
#define PEERS_PARTS 12
struct budget;
void peers_set_budget(struct peers *peers, struct budget *budget);

/* Counts a session, with all its findings. */
void peers_add(struct peers *peers, const struct event *session, enum direction direction);

/* Reports every peer that had a session in the window and starts the next one. */
void peers_end_window(struct peers *peers, uint64_t start_ns, uint64_t end_ns);

#endif
