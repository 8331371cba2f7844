/* ehlo.h: what a server's EHLO reply offers, as an event shows it.
 *
 * Mail software repeats itself here, too: replies that differ only in the server's name share one
 * description, with its JSON, which a bounded cache keeps. A reply is told by all its bytes as the parser
 * keeps them. */
#ifndef STARTTAP_SENSOR_JUDGE_EHLO_H
#define STARTTAP_SENSOR_JUDGE_EHLO_H

#include "../../outputs/event.h"
#include "../../parsers/smtp.h"

#define EHLO_CACHE_MAX 256  /* descriptions kept; one of the same slot makes room */
#define EHLO_KEY_MAX   256  /* bytes of a reply that is looked for; a longer one is described each time */
#define EHLO_SIZE_MAX  4096 /* bytes of a description that is kept */

struct ehlo_cache;
struct ehlo_cache *ehlo_cache_new(void); /* NULL: out of memory */
void ehlo_cache_free(struct ehlo_cache *cache);

/* Sets capabilities and AUTH mechanisms of the event, which may hold a description for them. */
void ehlo_show(struct ehlo_cache *cache, const struct smtp_facts *facts, struct event *event);

/* A list of the parser's as a list of the event's own; no texts leave it as it is. */
void ehlo_list(struct event *event, struct text_list *list, const struct smtp_text *texts, size_t num);

#endif
