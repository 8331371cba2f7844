#include "alert_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum severity severity;
} severities[] = {
    {"informational", SEVERITY_INFORMATIONAL},
    {"low", SEVERITY_LOW},
    {"medium", SEVERITY_MEDIUM},
    {"high", SEVERITY_HIGH},
};

static bool is_word(const char *word, const char *text, size_t len) {
    return strlen(word) == len && memcmp(word, text, len) == 0;
}

/* The findings that a word stands for; 0: none. */
static uint64_t findings_of(const char *text, size_t len) {
    uint64_t findings = 0;
    enum severity least = SEVERITY_HIGH + 1;
    for (size_t i = 0; i < sizeof severities / sizeof severities[0]; i++) {
        if (is_word(severities[i].name, text, len))
            least = severities[i].severity;
    }
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        const struct finding_info *info = finding_info((enum finding)i);
        if (info->severity >= least || is_word(info->name, text, len))
            findings |= UINT64_C(1) << i;
    }
    return findings;
}

/* "", or ">=" and a number. */
static bool read_number(const char *text, size_t len, uint32_t *number) {
    uint64_t value = 0;
    *number = 1;
    if (len == 0)
        return true;
    if (len < 3 || memcmp(text, ">=", 2) != 0)
        return false;
    for (size_t i = 2; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
        if (value > ALERT_SESSIONS_MAX)
            return false;
    }
    *number = (uint32_t)value;
    return value > 0;
}

bool alert_rules_add(struct alert_rules *rules, const char *text, char *why, size_t why_len) {
    struct alert_rules sum = *rules;
    for (;; text++) {
        uint32_t sessions;
        size_t len = strcspn(text, ","), name_len = strcspn(text, ",>=<");
        uint64_t findings = findings_of(text, name_len);
        if (findings == 0) {
            snprintf(
                why, why_len,
                "'%.*s' is no finding: write one such as mail.cleartext, or informational, low, medium or "
                "high",
                (int)name_len, text);
            return false;
        }
        if (!read_number(text + name_len, len - name_len, &sessions)) {
            snprintf(why, why_len,
                     "'%.*s': behind the finding stands nothing, or >= and a number from 1 to %u", (int)len,
                     text, ALERT_SESSIONS_MAX);
            return false;
        }
        for (unsigned i = 0; i < NUM_FINDINGS; i++) {
            if ((findings >> i & 1) != 0)
                sum.sessions[i] = sessions;
        }
        text += len;
        if (*text == '\0')
            break;
    }
    *rules = sum;
    return true;
}

uint64_t alert_rules_findings(const struct alert_rules *rules) {
    uint64_t findings = 0;
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        if (rules->sessions[i] > 0)
            findings |= UINT64_C(1) << i;
    }
    return findings;
}

void alert_rules_format(const struct alert_rules *rules, enum finding finding, char out[ALERT_RULE_MAX]) {
    const char *name = finding_info(finding)->name;
    if (rules->sessions[finding] == 1)
        snprintf(out, ALERT_RULE_MAX, "%s", name);
    else
        snprintf(out, ALERT_RULE_MAX, "%s>=%u", name, rules->sessions[finding]);
}
