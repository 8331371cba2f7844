/* port_set.h: a set of TCP ports, one bit each. */
#ifndef STARTTAP_SENSOR_CAPTURE_PORT_SET_H
#define STARTTAP_SENSOR_CAPTURE_PORT_SET_H

#include <stdbool.h>
#include <stdint.h>

struct port_set {
    uint64_t bits[65536 / 64];
};

static inline bool port_set_has(const struct port_set *set, uint16_t port) {
    return (set->bits[port / 64] >> (port % 64) & 1) != 0;
}

static inline void port_set_join(const struct port_set *a, const struct port_set *b, struct port_set *out) {
    for (unsigned i = 0; i < sizeof out->bits / sizeof out->bits[0]; i++)
        out->bits[i] = a->bits[i] | b->bits[i];
}

#endif
