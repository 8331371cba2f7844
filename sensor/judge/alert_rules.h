/* alert_rules.h: of which findings to tell, as --alert-on says it.
 *
 *     auth.cleartext,mail.cleartext>=10      at the first session with one, at the tenth with the other
 *     high                                   each finding of that severity, or a higher one
 *     medium>=100                            the same with a number
 *
 * The number is of sessions, for each peer and hour. What is said later of a finding counts. */
#ifndef STARTTAP_SENSOR_JUDGE_ALERT_RULES_H
#define STARTTAP_SENSOR_JUDGE_ALERT_RULES_H

#include "../../outputs/event.h"

#define ALERT_SESSIONS_MAX 1000000000u
#define ALERT_RULE_MAX     64 /* of alert_rules_format() */

struct alert_rules {
    uint32_t sessions[NUM_FINDINGS]; /* 0: nothing is told of it */
};

/* Adds what text says. False with a message in why, rules are then unchanged. */
bool alert_rules_add(struct alert_rules *rules, const char *text, char *why, size_t why_len);

uint64_t alert_rules_findings(const struct alert_rules *rules); /* bit per enum finding */

/* The rule of one finding, as alert_rules_add() reads it. */
void alert_rules_format(const struct alert_rules *rules, enum finding finding, char out[ALERT_RULE_MAX]);

#endif
