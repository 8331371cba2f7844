#include "naming_sts.h"

#include <string.h>

enum outcome { OUTCOME_NONE, OUTCOME_PASS, OUTCOME_UNKNOWN, OUTCOME_FAIL }; /* the worse, the higher */

struct sts_judgement {
    enum outcome outcome;
    const char *reason;
    const struct mta_sts_policy *policy;
};

/* Once the host is one of the policy's (RFC 8461 section 4.2): its certificate is valid and bears its name.
 */
static struct sts_judgement judge_certificate(const struct session_event *s) {
    if (s->cert_visible == FACT_NO || s->cert_visible == FACT_UNKNOWN)
        return (struct sts_judgement){OUTCOME_UNKNOWN, "certificate_not_visible", NULL};
    if (event_found(s, FINDING_CERT_EXPIRED))
        return (struct sts_judgement){OUTCOME_FAIL, "certificate_expired", NULL};
    if (s->cert_name_match == FACT_NO)
        return (struct sts_judgement){OUTCOME_FAIL, "certificate_host_mismatch", NULL};
    if (s->cert_chain_valid == FACT_NO)
        return (struct sts_judgement){OUTCOME_FAIL, "certificate_not_trusted", NULL};
    if (s->cert_chain_valid == FACT_UNKNOWN || s->cert_name_match == FACT_UNKNOWN)
        return (struct sts_judgement){OUTCOME_UNKNOWN, "certificate_not_verified", NULL};
    return (struct sts_judgement){OUTCOME_PASS, NULL, NULL};
}

static struct sts_judgement judge(const struct mta_sts_policy *policy, const struct session_event *s) {
    /* What the server calls itself says nothing of how it was found. */
    const char *host = s->dns_domains.num > 0 ? s->dns_host : s->tls_server_name;
    struct sts_judgement judgement = {OUTCOME_NONE, NULL, NULL};
    enum verdict_class class = verdict_counts_as(s->verdict);
    if (strcmp(policy->mode, "none") != 0 && class != COUNTS_NOT) {
        if (class == COUNTS_PLAINTEXT)
            judgement = (struct sts_judgement){OUTCOME_FAIL, "starttls_not_supported", NULL};
        else if (class == COUNTS_FAILED)
            judgement = (struct sts_judgement){OUTCOME_FAIL, "handshake_failed", NULL};
        else if (!host)
            judgement = (struct sts_judgement){OUTCOME_UNKNOWN, "mx_unknown", NULL};
        else if (!mta_sts_has_mx(policy, host))
            judgement = (struct sts_judgement){OUTCOME_FAIL, "mx_mismatch", NULL};
        else
            judgement = judge_certificate(s);
    }
    judgement.policy = policy;
    return judgement;
}

/* The worst of the domains that have a policy; *agree: all of the list have one, and the same outcome. */
static struct sts_judgement judge_all(const struct mta_sts *sts, const struct text_list *domains,
                                      const struct session_event *s, bool *agree) {
    struct sts_judgement worst = {OUTCOME_NONE, NULL, NULL};
    *agree = true;
    for (size_t i = 0; i < domains->num; i++) {
        const struct mta_sts_policy *policy = domains->items[i] ? mta_sts_find(sts, domains->items[i]) : NULL;
        struct sts_judgement one = {OUTCOME_NONE, NULL, NULL};
        if (policy)
            one = judge(policy, s);
        *agree = *agree && (i == 0 || one.outcome == worst.outcome);
        if (i == 0 || one.outcome > worst.outcome || !worst.policy)
            worst = one;
    }
    return worst;
}

/* For reports of what it came to. */
static void tell_lines(struct event *event, const struct mta_sts_policy *policy) {
    struct text_list *lines = &event->session.mta_sts_lines;
    if (policy->num_lines == 0 || !event_list(event, lines, policy->num_lines))
        return;
    for (size_t i = 0; i < lines->num; i++)
        lines->items[i] = event_string(event, policy->lines[i]);
}

void naming_judge_sts(const struct mta_sts *sts, struct event *event) {
    static const char *const results[] = {
        [OUTCOME_PASS] = "pass", [OUTCOME_UNKNOWN] = "unknown", [OUTCOME_FAIL] = "fail"};
    struct session_event *s = &event->session;
    bool by_recipient = s->mail_rcpt_domains.num > 0, agree;
    struct sts_judgement worst =
        judge_all(sts, by_recipient ? &s->mail_rcpt_domains : &s->dns_domains, s, &agree);
    if (!worst.policy)
        return;
    if (!by_recipient && !agree && worst.outcome != OUTCOME_NONE)
        worst = (struct sts_judgement){OUTCOME_UNKNOWN, "several_domains", worst.policy};
    s->mta_sts_domain = event_string(event, worst.policy->domain);
    s->mta_sts_mode = worst.policy->mode; /* a constant */
    s->mta_sts_result = results[worst.outcome];
    s->mta_sts_reason = worst.reason;
    tell_lines(event, worst.policy);
}
