/* policy_open.h: the policy that the configuration names, and what is to be said of it on the log. */
#ifndef STARTTAP_SENSOR_POLICY_OPEN_H
#define STARTTAP_SENSOR_POLICY_OPEN_H

#include "config.h"
#include "judge/policy.h"

/* policy_load() of config->policy, which is not NULL. Its notes are logged as warnings, POLICY_NOTES_MAX of
 * them. */
#define POLICY_NOTES_MAX 10
struct policy *policy_open(const struct config *config, char *error, size_t error_len);

#endif
