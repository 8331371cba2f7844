/* filter_mail.h: the BPF filter expression (pcap-filter(7)) that lets mail pass and as little else as may be,
 * so that other traffic never leaves the kernel.
 *
 * What passes: TCP of the configured ports (any TCP, if those are asked for) and, unless told not to look at
 * it, what comes from the port of the DNS, over IPv4 and IPv6; later
 * fragments of TCP, which have no ports; IPv6 with extension headers and the authentication header, behind
 * which the kernel cannot look; all that with up to two VLAN tags in the frame and one that the kernel took
 * off it; tunnels that are named, whole. */
#ifndef STARTTAP_SENSOR_CAPTURE_FILTER_MAIL_H
#define STARTTAP_SENSOR_CAPTURE_FILTER_MAIL_H

#include "../config.h"

/* More ranges of ports than that, and all of TCP passes: the kernel takes programs of 4096 instructions, and
 * each range needs about a hundred. */
#define FILTER_RANGES_MAX 24

/* The expression for a link type, joined with config->filter; the caller frees it. NULL: out of memory. */
char *filter_mail(const struct config *config, int linktype);

/* "all", or names with commas between them ("gre,vxlan"), added to a set: bit i is filter_tunnel_name(i).
 * "none" adds nothing. False with a complaint in why that lists the names. */
bool filter_tunnels_add(uint32_t *tunnels, const char *text, char *why, size_t why_len);
const char *filter_tunnel_name(size_t i); /* NULL behind the last one */

#endif
