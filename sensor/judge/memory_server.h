/* memory_server.h: what one server's sessions say of it, and what a further one is when it is held against
 * that.
 *
 * The findings are those of memory.h, but for fallback.cleartext. */
#ifndef STARTTAP_SENSOR_JUDGE_MEMORY_SERVER_H
#define STARTTAP_SENSOR_JUDGE_MEMORY_SERVER_H

#include "memory.h"

/* Whether the session says anything that is remembered of its server. */
bool memory_server_learns(const struct session_event *s);

/* Whether the session shows a certificate whose key is known. */
bool memory_server_knows_key(const struct memory_server *server, const struct session_event *s);

/* Adds the findings, and what they rest on. knows_key: the key is no news, whatever the server's
 * certificates. */
void memory_server_judge(const struct memory_server *server, const struct session_event *s, bool knows_key,
                         struct memory_judgement *judgement);

/* Afterwards, with what was found. */
void memory_server_remember(struct memory_server *server, const struct session_event *s,
                            const struct memory_judgement *judgement);

#endif
