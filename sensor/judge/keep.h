/* keep.h: values that outlive the event they came from, in as little memory as they need. */
#ifndef STARTTAP_SENSOR_JUDGE_KEEP_H
#define STARTTAP_SENSOR_JUDGE_KEEP_H

#include "../../outputs/event.h"

/* Names that come from a small set (versions, cipher suites), each kept once. */
#define NAME_POOL_MAX 1024 /* distinct names; any further one is "other" */

struct name_pool {
    char *names[NAME_POOL_MAX];
    size_t num;
    uint64_t lost; /* counts of a name that there was no memory for */
};

const char *name_pool_keep(struct name_pool *pool, const char *name); /* never NULL */
void name_pool_cleanup(struct name_pool *pool);

/* Adds one to the count of a name, which the pool keeps; list->items has room for max. False when it is full.
 */
bool count_one(struct count_list *list, size_t max, struct name_pool *pool, const char *name);

/* A certificate's facts in one block of memory; NULL when out of memory. Freed with free(). */
struct event_cert *cert_keep(const struct event_cert *cert, size_t *size); /* of the block */

#endif
