#include "org_domain.h"

#include <libpsl.h>
#include <string.h>

#define LABEL_MAX 63 /* RFC 1035 section 2.3.4 */

/* The library's own type, under the name that others know it by. */
struct org_domains *org_domains_new(void) {
    return (struct org_domains *)psl_latest(NULL);
}

void org_domains_free(struct org_domains *domains) {
    psl_free((psl_ctx_t *)domains);
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* '_' is in names that are looked up, if not in those of hosts. */
static bool is_of_label(char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

bool host_name_normal(const char *name, size_t len, char out[HOST_NAME_SIZE]) {
    size_t label_len = 0, num_labels = 0;
    bool digits = true; /* the label has nothing else */
    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len == 0 || len >= HOST_NAME_SIZE)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = lower(name[i]);
        out[i] = c;
        if (c == '.') {
            if (label_len == 0)
                return false;
            label_len = 0;
            num_labels++;
            digits = true;
            continue;
        }
        bool star = c == '*' && i == 0 && len > 2 && name[1] == '.';
        if ((!is_of_label(c) && !star) || ++label_len > LABEL_MAX)
            return false;
        digits = digits && is_digit(c);
    }
    out[len] = '\0';
    return label_len > 0 && num_labels > 0 && !digits;
}

const char *org_domain(const struct org_domains *domains, const char *name) {
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    return psl_registrable_domain((const psl_ctx_t *)domains, name);
}
