/* geo.h: autonomous system and country of both ends, by databases of addresses (MaxMind's format, MMDB;
 * libmaxminddb): source.as.*, source.geo.country_iso_code, and the same of the destination.
 *
 * Read by the keys of GeoLite2 and its kin: autonomous_system_number, autonomous_system_organization,
 * country.iso_code. The first database that knows a thing says it. */
#ifndef STARTTAP_SENSOR_JUDGE_GEO_H
#define STARTTAP_SENSOR_JUDGE_GEO_H

#include "../../outputs/event.h"

struct geo;

/* Databases, which are mapped into memory. NULL with a message in error. */
struct geo *geo_open(char *const *paths, size_t num, char *error, size_t error_len);
void geo_close(struct geo *geo); /* NULL is fine */

void geo_describe(const struct geo *geo, struct event *session);

#endif
