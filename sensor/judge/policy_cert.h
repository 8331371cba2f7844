/* policy_cert.h: does a certificate name whom a rule wants? Inner part of policy.
 *
 * As Postfix matches (smtp_tls_verify_cert_match in postconf(5)): DNS alternative names, and the common name
 * where there are none; '*' in a certificate is its whole leftmost label and stands for one label. */
#ifndef STARTTAP_SENSOR_JUDGE_POLICY_CERT_H
#define STARTTAP_SENSOR_JUDGE_POLICY_CERT_H

#include "policy_table.h"

/* By which of its names a session has its rule. */
enum policy_by { POLICY_BY_DOMAIN, POLICY_BY_HOST, POLICY_BY_ADDRESS, POLICY_BY_NOTHING };

struct policy_match {
    const struct policy_rule *rule;
    enum policy_by by;
    const char *name; /* NULL for POLICY_BY_NOTHING */
};

/* cert is one that was seen. UNKNOWN: what to compare it with is not known, or not all its names are. */
enum fact policy_cert_named(const struct policy_match *match, const struct session_event *session,
                            const struct event_cert *cert);

/* Calls each with the DNS names of the certificate until it returns false; false then. */
typedef bool (*policy_cert_each)(void *context, const char *name);
bool policy_cert_names(const struct event_cert *cert, policy_cert_each each, void *context);

#endif
