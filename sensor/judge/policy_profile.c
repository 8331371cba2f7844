#include "policy_profile.h"

#include <string.h>

const struct policy_profile *policy_profile_find(const char *name) {
    for (size_t i = 0; i < policy_num_profiles; i++) {
        if (strcmp(policy_profiles[i].name, name) == 0)
            return &policy_profiles[i];
    }
    return NULL;
}
