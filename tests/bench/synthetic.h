/* synthetic.h: UDP traffic that no capture of ours holds: a DNS query with its answer, and something that has
 * the form of QUIC (RFC 9000 section 17). */
#ifndef STARTTAP_BENCH_SYNTHETIC_H
#define STARTTAP_BENCH_SYNTHETIC_H

#include "template.h"

void synthetic_dns(struct template *t);
void synthetic_quic(struct template *t, uint32_t len); /* bytes that the server sends */

#endif
