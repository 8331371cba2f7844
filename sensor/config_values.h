/* config_values.h: the values that settings are written in: ports, networks, numbers, switches.
 *
 * Each function adds what text says to its target, or leaves the target as it was, writes to why (always
 * terminated) what is wrong with which part of text, and returns false. */
#ifndef STARTTAP_SENSOR_CONFIG_VALUES_H
#define STARTTAP_SENSOR_CONFIG_VALUES_H

#include "config.h"

#define CONFIG_WHY_MAX   512 /* bytes of one complaint */
#define NETWORK_TEXT_MAX 64  /* "ffff:...:ffff/128" */
#define PORTS_TEXT_MAX   16  /* "65535-65535" */

/* "25", "25,587", "1-1024,2525"; "none" adds nothing. */
bool ports_add(struct port_set *set, const char *text, char *why, size_t why_len);

/* Writes the first run of ports at or after `from` as "25" or "1-1024" and returns the port behind it (to be
 * given as the next from); 0 when there is none. */
uint32_t ports_next_range(const struct port_set *set, uint32_t from, char out[PORTS_TEXT_MAX]);

/* "10.0.0.0/8,2001:db8::/32"; a bare address is a network of one. Bits beyond the prefix are an error. */
bool networks_add(struct network **networks, size_t *num, const char *text, char *why, size_t why_len);
void network_format(const struct network *network, char out[NETWORK_TEXT_MAX]);

/* 1 to CONFIG_WORKERS_MAX; 0 stands for the number of processors. */
bool workers_parse(uint32_t *workers, const char *text, char *why, size_t why_len);
bool number_parse(uint32_t *number, uint32_t min, uint32_t max, const char *text, char *why, size_t why_len);

/* true, yes, on; false, no, off. */
bool switch_parse(bool *value, const char *text, char *why, size_t why_len);

#endif
