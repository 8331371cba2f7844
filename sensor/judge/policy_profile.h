/* policy_profile.h: the policies that come with the program: profiles/NAME.policy, made part of it by CMake.
 */
#ifndef STARTTAP_SENSOR_JUDGE_POLICY_PROFILE_H
#define STARTTAP_SENSOR_JUDGE_POLICY_PROFILE_H

#include <stddef.h>

struct policy_profile {
    const char *name; /* "bsi-tr-03108" */
    const char *text;
};

extern const struct policy_profile policy_profiles[]; /* in the order of their names */
extern const size_t policy_num_profiles;

const struct policy_profile *policy_profile_find(const char *name); /* NULL: there is none */

#endif
