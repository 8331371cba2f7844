/* policy_table.h: the rules of a policy, and which one a name has. Inner part of policy. */
#ifndef STARTTAP_SENSOR_JUDGE_POLICY_TABLE_H
#define STARTTAP_SENSOR_JUDGE_POLICY_TABLE_H

#include "policy_rule.h"

#define POLICY_KEY_TEXT_MAX (POLICY_NAME_MAX + 16) /* "[name]:65535" */

/* Who is told each key that is tried, and the rule that it has; NULL: none. */
typedef void (*policy_visit)(void *context, const char *key, const struct policy_rule *rule);

struct policy_query {
    const struct policy *policy;
    uint16_t port;         /* the server's */
    const char *direction; /* of the session; NULL: not known */
    policy_visit visit;    /* NULL: nobody */
    void *context;
};

/* Each returns NULL where there is no rule. name is as it was seen: any case, perhaps with a final dot; an
 * address goes by policy_find_address() and is passed over here. */
const struct policy_rule *policy_find_domain(const struct policy_query *q, const char *name);
const struct policy_rule *policy_find_host(const struct policy_query *q, const char *name);
const struct policy_rule *policy_find_address(const struct policy_query *q, const char *address);
const struct policy_rule *policy_find_any(const struct policy_query *q);

/* Lower case, without a final dot; a certificate's "*.name" too. False when it is no name: too long, empty,
 * an address. */
bool policy_plain_name(const char *name, char plain[POLICY_NAME_MAX + 1]);

#endif
