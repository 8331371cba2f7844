/* fanout.h: several sockets that share out the packets of one interface (PACKET_FANOUT, packet(7)).
 *
 * The kernel asks a small program (classic BPF) for each packet. Plain TCP over IPv4 or IPv6, behind up to
 * three VLAN tags, goes by its two addresses, so both directions of a connection and all fragments meet at
 * the same socket. All else (tunnels, MPLS, PPPoE, ...) goes to the first socket, in its order. By addresses
 * alone all connections between two hosts are one socket's. */
#ifndef STARTTAP_SENSOR_CAPTURE_FANOUT_H
#define STARTTAP_SENSOR_CAPTURE_FANOUT_H

#include <stdint.h>

#include "packet.h"

#define FANOUT_NEW (-1)

/* Adds a socket (AF_PACKET, bound) to a group. FANOUT_NEW: makes one, with a number that nobody else has, and
 * says it. Sockets are numbered in the order in which they join. The same key for all. 0, or errno. */
int fanout_join(int fd, uint32_t key, int *group);

/* What the program makes of the segment's addresses; its socket is number fanout_hash() % sockets. */
uint32_t fanout_hash(const struct segment *segment, uint32_t key);

/* A key that nobody can guess, of random bits. */
static inline uint32_t fanout_key(uint64_t random) {
    return ((uint32_t)random ^ 0x9e3779b1u) | 1;
}

#endif
