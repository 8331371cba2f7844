#include "org_domain.h"

#include <libpsl.h>
#include <stdlib.h>
#include <string.h>

#include "slot_hash.h"

#define LABEL_MAX 63 /* RFC 1035 section 2.3.4 */

#define NUM_MEMOS 256 /* domains that are remembered */
#define MEMO_SIZE 64  /* of the name of one, terminated; longer ones are not */
#define NO_DOMAIN UINT8_MAX

/* The organisational domain of a domain. */
struct memo {
    char name[MEMO_SIZE]; /* "": none yet */
    uint8_t at;           /* where in it; NO_DOMAIN: it is a public suffix */
};

struct org_domains {
    psl_ctx_t *list; /* NULL: this system has none */
    struct memo memos[NUM_MEMOS];
};

struct org_domains *org_domains_new(void) {
    struct org_domains *domains = calloc(1, sizeof *domains);
    if (domains)
        domains->list = psl_latest(NULL);
    return domains;
}

void org_domains_free(struct org_domains *domains) {
    if (!domains)
        return;
    psl_free(domains->list);
    free(domains);
}

/* What a byte may be in a label; '_' is in names that are looked up, if not in those of hosts. */
enum { DIGIT = 1, OTHER = 2, UPPER = 0x20 /* what makes it lower case */ };
static const uint8_t of_label[UINT8_MAX + 1] = {
    ['0' ... '9'] = DIGIT, ['a' ... 'z'] = OTHER, ['A' ... 'Z'] = UPPER, ['-'] = OTHER, ['_'] = OTHER,
};

bool host_name_normal(const char *name, size_t len, char out[HOST_NAME_SIZE]) {
    size_t label = 0, num_labels = 0; /* where it begins; before it */
    unsigned seen = 0;                /* in it */
    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len == 0 || len >= HOST_NAME_SIZE)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned kind = of_label[(uint8_t)name[i]];
        out[i] = (char)((uint8_t)name[i] | (kind & UPPER));
        if (kind != 0) {
            seen |= kind;
        } else if (name[i] == '.' && i > label && i - label <= LABEL_MAX) {
            label = i + 1;
            num_labels++;
            seen = 0;
        } else if (name[i] == '*' && i == 0 && len > 2 && name[1] == '.') {
            seen = OTHER;
        } else {
            return false;
        }
    }
    out[len] = '\0';
    return len > label && len - label <= LABEL_MAX && num_labels > 0 && seen != DIGIT;
}

static const char *find(struct org_domains *domains, const char *name) {
    size_t len = strlen(name);
    if (len >= MEMO_SIZE)
        return psl_registrable_domain(domains->list, name);
    struct memo *memo = &domains->memos[slot_hash(name, len) % NUM_MEMOS];
    if (strcmp(memo->name, name) != 0) {
        const char *domain = psl_registrable_domain(domains->list, name);
        memcpy(memo->name, name, len + 1);
        memo->at = domain ? (uint8_t)(domain - name) : NO_DOMAIN;
    }
    return memo->at == NO_DOMAIN ? NULL : name + memo->at;
}

/* The list may have a name and not the domain that it is in (www.ck and *.ck), so both are asked for. */
const char *org_domain(struct org_domains *domains, const char *name) {
    if (!domains->list)
        return NULL;
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    const char *dot = strchr(name, '.');
    if (!dot || psl_is_public_suffix(domains->list, name))
        return NULL;
    const char *domain = find(domains, dot + 1);
    return domain ? domain : name;
}
