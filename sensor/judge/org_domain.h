/* org_domain.h: names of hosts, and the organisational domain that each is in, by the Public Suffix List
 * (libpsl): mx1.mail.example.co.uk is in example.co.uk (RFC 7489 section 3.2). */
#ifndef STARTTAP_SENSOR_JUDGE_ORG_DOMAIN_H
#define STARTTAP_SENSOR_JUDGE_ORG_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#define HOST_NAME_SIZE 254 /* RFC 1035 section 2.3.4, terminated */

struct org_domains;

/* The newest list that this system has: a file of its package, or the one built into the library. It is read
 * here, once; where there is none, no name has a domain. NULL: out of memory. */
struct org_domains *org_domains_new(void);
void org_domains_free(struct org_domains *domains); /* NULL is fine */

/* A name as it is compared: lower case, without a dot at its end. False when it is no name of a host in a
 * domain: one label alone, an address, bytes that no name has. A '*' may be its first label. */
bool host_name_normal(const char *name, size_t len, char out[HOST_NAME_SIZE]);

/* Of such a name, within it; NULL when it has none: it is a public suffix itself. Remembers what was found of
 * the domains that names are in, as many names are in few of them. */
const char *org_domain(struct org_domains *domains, const char *name);

#endif
