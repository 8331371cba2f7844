/* filter.h: a BPF filter expression (pcap-filter(7)) for packets of any link type in the input. */
#ifndef STARTTAP_SENSOR_CAPTURE_FILTER_H
#define STARTTAP_SENSOR_CAPTURE_FILTER_H

#include <stddef.h>

#include "packet.h"

struct filter;

/* NULL with libpcap's own message when the expression is wrong. Compiled once for each link type met. */
struct filter *filter_new(const char *expression, char *error, size_t error_len);
void filter_free(struct filter *filter);
/* Prints the expression and, if asked, the program that libpcap makes of it (as tcpdump -d does), on standard
 * output. False when the expression is wrong. */
bool filter_print(const char *expression, int linktype, bool program);

bool filter_match(struct filter *filter, const struct packet *packet);

#endif
