#include "policy_open.h"

#include "log.h"

struct policy *policy_open(const struct config *config, char *error, size_t error_len) {
    struct policy *policy = policy_load(config->policy, error, error_len);
    if (!policy)
        return NULL;
    size_t num = policy_num_notes(policy);
    for (size_t i = 0; i < num && i < POLICY_NOTES_MAX; i++)
        log_line(LEVEL_WARNING, "%s", policy_note(policy, i));
    if (num > POLICY_NOTES_MAX)
        log_line(LEVEL_WARNING, "%s: and %zu more such remarks: starttap policy check lists them",
                 config->policy, num - POLICY_NOTES_MAX);
    if (policy_has_direction(policy) && config->num_home == 0)
        log_line(LEVEL_WARNING, "%s: rules with direction= never apply without home networks (--home)",
                 config->policy);
    return policy;
}
