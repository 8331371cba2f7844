#include "policy_cert.h"

#include <string.h>
#include <strings.h>

/* Alternative names are DNS names, addresses, mail addresses and URIs, as texts. */
static bool is_dns_name(const char *name) {
    char plain[POLICY_NAME_MAX + 1];
    return name && !strpbrk(name, "@/ ") && policy_plain_name(name, plain);
}

bool policy_cert_names(const struct event_cert *cert, policy_cert_each each, void *context) {
    bool any = false;
    for (size_t i = 0; i < cert->alternative_names.num; i++) {
        const char *name = cert->alternative_names.items[i];
        if (!is_dns_name(name))
            continue;
        any = true;
        if (!each(context, name))
            return false;
    }
    return any || !cert->subject_cn || !is_dns_name(cert->subject_cn) || each(context, cert->subject_cn);
}

static bool is_below(const char *name, const char *domain) {
    size_t name_len = strlen(name), domain_len = strlen(domain);
    return name_len > domain_len + 1 && name[name_len - domain_len - 1] == '.' &&
           strcasecmp(name + name_len - domain_len, domain) == 0;
}

/* What is looked for: a name or, with a dot in front, what is below it. */
static bool names(const char *cert_name, const char *wanted) {
    if (wanted[0] == '.')
        return is_below(cert_name, wanted + 1);
    if (strcasecmp(cert_name, wanted) == 0)
        return true;
    const char *parent = strchr(wanted, '.');
    return strncmp(cert_name, "*.", 2) == 0 && cert_name[2] != '\0' && parent &&
           strcasecmp(cert_name + 1, parent) == 0;
}

static bool differs(void *context, const char *cert_name) {
    return !names(cert_name, context);
}

static bool lists_address(const struct event_cert *cert, const char *address) {
    for (size_t i = 0; i < cert->alternative_names.num; i++) {
        const char *name = cert->alternative_names.items[i];
        if (name && strcasecmp(name, address) == 0)
            return true;
    }
    return false;
}

/* Without brackets, port and final dot. NULL: not a name. */
static const char *bare(const char *name, char plain[POLICY_NAME_MAX + 1]) {
    return name && policy_plain_name(name, plain) ? plain : NULL;
}

/* The next hop; with a dot in front where only that much of it is known. NULL: nothing. */
static const char *next_hop(const struct policy_match *match, char name[POLICY_NAME_MAX + 1]) {
    if (match->by == POLICY_BY_HOST && match->rule->kind == POLICY_KEY_PARENT)
        return match->rule->key;
    if (match->by == POLICY_BY_ADDRESS)
        return match->rule->kind == POLICY_KEY_ADDRESS && policy_address(match->name, name) ? name : NULL;
    return bare(match->name, name);
}

/* The host's name as the sender looked it up. */
static const char *host_name(const struct policy_match *match, const struct session_event *s,
                             char name[POLICY_NAME_MAX + 1]) {
    const char *looked_up = s->dns_host ? s->dns_host : s->tls_server_name;
    return bare(match->by == POLICY_BY_HOST ? match->name : looked_up, name);
}

static enum fact is_named(const struct event_cert *cert, const char *wanted) {
    char address[POLICY_NAME_MAX + 1];
    if (!wanted)
        return FACT_UNKNOWN;
    if (policy_address(wanted, address))
        return fact_of(lists_address(cert, address));
    return fact_of(!policy_cert_names(cert, differs, (void *)wanted));
}

/* The same of what is below. */
static enum fact is_named_below(const struct event_cert *cert, const char *name) {
    char dotted[POLICY_NAME_MAX + 2] = ".";
    if (!name || name[0] == '.')
        return is_named(cert, name);
    strncat(dotted, name, POLICY_NAME_MAX);
    return is_named(cert, dotted);
}

static enum fact fits(const char *pattern, const struct policy_match *match, const struct session_event *s,
                      const struct event_cert *cert) {
    char name[POLICY_NAME_MAX + 1];
    if (strcasecmp(pattern, "nexthop") == 0)
        return is_named(cert, next_hop(match, name));
    if (strcasecmp(pattern, "dot-nexthop") == 0)
        return is_named_below(cert, next_hop(match, name));
    if (strcasecmp(pattern, "hostname") == 0)
        return is_named(cert, host_name(match, s, name));
    return is_named(cert, pattern);
}

enum fact policy_cert_named(const struct policy_match *match, const struct session_event *s,
                            const struct event_cert *cert) {
    static const char *const for_verify[] = {"hostname"}, *const for_secure[] = {"nexthop", "dot-nexthop"};
    const struct policy_rule *rule = match->rule;
    struct policy_words patterns = rule->matches;
    enum fact result = FACT_NO;
    if (patterns.num == 0 && rule->level == POLICY_VERIFY)
        patterns = (struct policy_words){for_verify, 1};
    else if (patterns.num == 0)
        patterns = (struct policy_words){for_secure, 2};
    for (size_t i = 0; i < patterns.num; i++) {
        enum fact one = fits(patterns.items[i], match, s, cert);
        if (one == FACT_YES)
            return FACT_YES;
        if (one == FACT_UNKNOWN)
            result = FACT_UNKNOWN;
    }
    return cert->alternative_names.num >= EVENT_LIST_MAX ? FACT_UNKNOWN : result;
}
