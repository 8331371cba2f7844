#include "tlsrpt_report.h"

#include "crc32c.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_SUBMISSION 587 /* RFC 6409 */
#define LABEL_MAX       63
#define DAY_S           86400
#define REASON_LEN      64
#define IP_LEN          48

/* Sessions that failed in the same way between the same two. */
struct detail {
    uint64_t sessions;
    bool is_rest; /* of all others: the texts are not known */
    char result_type[REASON_LEN], reason[REASON_LEN];
    char sending_ip[IP_LEN], receiving_ip[IP_LEN];
    char receiving_mx[TLSRPT_DOMAIN_LEN], receiving_helo[TLSRPT_DOMAIN_LEN];
};

enum policy_type { POLICY_TLSA, POLICY_STS, POLICY_NONE, NUM_POLICY_TYPES };

static const char *const policy_names[NUM_POLICY_TYPES] = {"tlsa", "sts", "no-policy-found"};

struct policy {
    enum policy_type type;
    char *text; /* its lines, each with a '\n' at its end; NULL: not known */
    uint64_t successful, failed;
    struct detail *details;
    size_t num_details, cap_details;
};

struct tlsrpt_report {
    char domain[TLSRPT_DOMAIN_LEN];
    struct policy *policies;
    size_t num_policies;
};

/* --- names --- */

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* RFC 1123 section 2.1, with '_', which some have. The last label is not all digits: that is an address. */
bool tlsrpt_host_name(const char *text, char out[TLSRPT_DOMAIN_LEN]) {
    size_t len = 0, label = 0;
    bool has_letter = false, has_dot = false;
    for (; *text != '\0' && len + 1 < TLSRPT_DOMAIN_LEN; text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        if (c == '.') {
            if (label == 0 || out[len - 1] == '-') {
                return false;
            }
            if (text[1] == '\0') {
                text++;
                break;
            }
            has_dot = true;
            has_letter = false;
            label = 0;
        } else if (!is_name_char(c) || ++label > LABEL_MAX || (c == '-' && label == 1)) {
            return false;
        } else {
            has_letter = has_letter || c < '0' || c > '9';
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return *text == '\0' && label > 0 && has_letter && has_dot && out[len - 1] != '-';
}

static void copy_host_name(char out[TLSRPT_DOMAIN_LEN], const char *text) {
    if (text == NULL || !tlsrpt_host_name(text, out)) {
        out[0] = '\0';
    }
}

/* --- which sessions --- */

static bool is_relay(const struct session_event *s) {
    bool goes_out = s->direction == NULL || strcmp(s->direction, "outbound") == 0;
    bool is_implicit = s->mode != NULL && strcmp(s->mode, "implicit") == 0;
    return goes_out && !is_implicit && s->destination.port != PORT_SUBMISSION && s->auth_mechanism == NULL;
}

static bool is_word(const char *text, const char *word) {
    return text != NULL && strcmp(text, word) == 0;
}

/* DANE goes before MTA-STS (RFC 8461 section 2), where the resolver vouched for the records. */
static enum policy_type policy_of(const struct session_event *s) {
    if (s->dane_records.num > 0 && is_word(s->dane_dnssec, "claimed")) {
        return POLICY_TLSA;
    }
    bool has_sts = is_word(s->mta_sts_mode, "enforce") || is_word(s->mta_sts_mode, "testing");
    return has_sts ? POLICY_STS : POLICY_NONE;
}

/* Whether an established session kept the policy, as far as could be seen. */
static bool is_successful(const struct session_event *s) {
    switch (policy_of(s)) {
    case POLICY_TLSA:
        return is_word(s->dane_result, "match");
    case POLICY_STS:
        return is_word(s->mta_sts_result, "pass");
    default:
        return true;
    }
}

int tlsrpt_counts(const struct session_event *session) {
    if (!is_relay(session)) {
        return 0;
    }
    if (session->tlsrpt_result_type != NULL) {
        return -1;
    }
    return session->verdict == VERDICT_STARTTLS && is_successful(session) ? 1 : 0;
}

/* --- the texts of policies --- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of TLSA records the order says nothing, and half a record, or one too few, is not the policy. */
static bool sort_records(const struct text_list *records, const char *sorted[EVENT_LIST_MAX]) {
    for (size_t i = 0; i < records->num; i++) {
        size_t len = records->items[i] != NULL ? strlen(records->items[i]) : 0;
        if (len == 0 || records->items[i][len - 1] == '.') {
            return false;
        }
        sorted[i] = records->items[i];
    }
    qsort(sorted, records->num, sizeof *sorted, by_text);
    return true;
}

/* Appends what the session's policy says, where that is known. */
static void add_text(struct buffer *text, const struct session_event *s, enum policy_type type) {
    const char *sorted[EVENT_LIST_MAX] = {NULL};
    const char *const *lines = NULL;
    size_t num = 0;
    if (type == POLICY_TLSA && sort_records(&s->dane_records, sorted)) {
        lines = sorted;
        num = s->dane_records.num;
    } else if (type == POLICY_STS) {
        lines = s->mta_sts_lines.items;
        num = s->mta_sts_lines.num;
    }
    for (size_t i = 0; i < num; i++) {
        buffer_add_string(text, lines[i] != NULL ? lines[i] : "");
        buffer_add_char(text, '\n');
    }
}

/* --- counting --- */

static void fill_detail(struct detail *detail, const struct session_event *s) {
    const char *alert = s->tls_alerts.num > 0 ? s->tls_alerts.items[0] : NULL;
    *detail = (struct detail){.is_rest = false};
    (void)snprintf(detail->result_type, sizeof detail->result_type, "%s", s->tlsrpt_result_type);
    (void)snprintf(detail->reason, sizeof detail->reason, "%s",
                   alert != NULL ? alert : verdict_name(s->verdict));
    (void)snprintf(detail->sending_ip, sizeof detail->sending_ip, "%s",
                   s->source.ip != NULL ? s->source.ip : "");
    (void)snprintf(detail->receiving_ip, sizeof detail->receiving_ip, "%s",
                   s->destination.ip != NULL ? s->destination.ip : "");
    copy_host_name(detail->receiving_mx, s->destination.domain);
    copy_host_name(detail->receiving_helo, s->smtp_server_name);
}

static bool is_same(const struct detail *a, const struct detail *b) {
    return a->is_rest == b->is_rest && strcmp(a->result_type, b->result_type) == 0 &&
           strcmp(a->reason, b->reason) == 0 && strcmp(a->sending_ip, b->sending_ip) == 0 &&
           strcmp(a->receiving_ip, b->receiving_ip) == 0 && strcmp(a->receiving_mx, b->receiving_mx) == 0 &&
           strcmp(a->receiving_helo, b->receiving_helo) == 0;
}

static struct detail *find_detail(struct policy *policy, const struct detail *wanted) {
    for (size_t i = 0; i < policy->num_details; i++) {
        if (is_same(&policy->details[i], wanted)) {
            return &policy->details[i];
        }
    }
    return NULL;
}

static bool add_failure(struct tlsrpt_day *day, struct policy *policy, const struct session_event *s) {
    struct detail wanted;
    fill_detail(&wanted, s);
    struct detail *detail = find_detail(policy, &wanted);
    bool is_full = policy->num_details >= TLSRPT_DETAILS_MAX || day->num_details >= TLSRPT_DAY_DETAILS_MAX;
    if (detail == NULL && is_full) {
        wanted = (struct detail){.is_rest = true};
        (void)snprintf(wanted.result_type, sizeof wanted.result_type, "%s", s->tlsrpt_result_type);
        detail = find_detail(policy, &wanted);
    }
    if (detail == NULL && policy->num_details == policy->cap_details) {
        size_t cap = policy->cap_details > 0 ? 2 * policy->cap_details : 2;
        struct detail *grown = realloc(policy->details, cap * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        policy->details = grown;
        policy->cap_details = cap;
    }
    if (detail == NULL) {
        detail = &policy->details[policy->num_details++];
        *detail = wanted;
        day->num_details++;
    }
    detail->sessions++;
    policy->failed++;
    return true;
}

static struct policy *find_policy(struct tlsrpt_report *report, enum policy_type type, const char *text) {
    for (size_t i = 0; i < report->num_policies; i++) {
        struct policy *policy = &report->policies[i];
        const char *known = policy->text != NULL ? policy->text : "";
        if (policy->type == type && strcmp(known, text) == 0) {
            return policy;
        }
    }
    return NULL;
}

/* Where there is no room for one more text, it is counted as if it were not known. NULL: out of memory. */
static struct policy *make_policy(struct tlsrpt_day *day, struct tlsrpt_report *report, enum policy_type type,
                                  const char *text, size_t len) {
    bool is_full = report->num_policies >= TLSRPT_POLICIES_MAX || len > TLSRPT_DAY_TEXT_MAX - day->text_len;
    struct policy *policy = find_policy(report, type, is_full ? "" : text);
    if (policy != NULL) {
        return policy;
    }
    struct policy *grown = realloc(report->policies, (report->num_policies + 1) * sizeof *grown);
    if (grown == NULL) {
        return NULL;
    }
    report->policies = grown;
    policy = &grown[report->num_policies];
    *policy = (struct policy){.type = type};
    if (len > 0 && !is_full) {
        policy->text = strdup(text);
        if (policy->text == NULL) {
            return NULL;
        }
        day->text_len += len;
    }
    report->num_policies++;
    return policy;
}

/* The session's; NULL: out of memory. */
static struct policy *policy_in(struct tlsrpt_day *day, struct tlsrpt_report *report,
                                const struct session_event *s) {
    struct buffer text = {0};
    struct policy *policy = NULL;
    enum policy_type type = policy_of(s);
    add_text(&text, s, type);
    buffer_add_char(&text, '\0');
    if (!text.failed) {
        policy = find_policy(report, type, text.data);
        policy = policy != NULL ? policy : make_policy(day, report, type, text.data, text.len - 1);
    }
    buffer_cleanup(&text);
    return policy;
}

/* Where the report of the domain is, or belongs. */
static size_t place_of(const struct tlsrpt_day *day, const char *domain) {
    size_t low = 0, high = day->num;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(day->reports[middle]->domain, domain) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct tlsrpt_report *insert(struct tlsrpt_day *day, size_t at, const char *domain) {
    struct tlsrpt_report *report = calloc(1, sizeof *report);
    if (report != NULL && day->num == day->cap) {
        size_t cap = day->cap > 0 ? 2 * day->cap : 16;
        struct tlsrpt_report **grown = realloc(day->reports, cap * sizeof(struct tlsrpt_report *));
        if (grown == NULL) {
            free(report);
            return NULL;
        }
        day->reports = grown;
        day->cap = cap;
    }
    if (report != NULL) {
        (void)snprintf(report->domain, sizeof report->domain, "%s", domain);
        memmove(&day->reports[at + 1], &day->reports[at], (day->num - at) * sizeof(struct tlsrpt_report *));
        day->reports[at] = report;
        day->num++;
    }
    return report;
}

enum added { ADDED, ADDED_NOT, ADDED_NO_ROOM, ADDED_NO_MEMORY };

/* Which policies the domains of several recipients have is not known of all of them. */
static bool is_under_anothers(const struct session_event *s, const char *domain) {
    return policy_of(s) == POLICY_STS &&
           (s->mta_sts_domain == NULL || strcasecmp(s->mta_sts_domain, domain) != 0);
}

static enum added add_to_domain(struct tlsrpt_day *day, const char *name, const struct session_event *s) {
    char domain[TLSRPT_DOMAIN_LEN];
    if (name == NULL || !tlsrpt_host_name(name, domain) || is_under_anothers(s, domain)) {
        return ADDED_NOT;
    }
    size_t at = place_of(day, domain);
    bool is_there = at < day->num && strcmp(day->reports[at]->domain, domain) == 0;
    if (!is_there && day->num == TLSRPT_DOMAINS_MAX) {
        return ADDED_NO_ROOM;
    }
    struct tlsrpt_report *report = is_there ? day->reports[at] : insert(day, at, domain);
    struct policy *policy = report != NULL ? policy_in(day, report, s) : NULL;
    if (policy == NULL || (tlsrpt_counts(s) < 0 && !add_failure(day, policy, s))) {
        return ADDED_NO_MEMORY;
    }
    policy->successful += tlsrpt_counts(s) > 0;
    return ADDED;
}

/* Whether a recipient's domain stands before index i, too. */
static bool stands_before(const struct text_list *list, size_t i) {
    for (size_t k = 0; k < i; k++) {
        if (list->items[k] != NULL && list->items[i] != NULL &&
            strcasecmp(list->items[k], list->items[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool tlsrpt_day_add(struct tlsrpt_day *day, const struct session_event *session) {
    const struct text_list *recipients = &session->mail_rcpt_domains;
    size_t num[ADDED_NO_MEMORY + 1] = {0};
    if (tlsrpt_counts(session) == 0) {
        return true;
    }
    for (size_t i = 0; i < recipients->num; i++) {
        if (!stands_before(recipients, i)) {
            num[add_to_domain(day, recipients->items[i], session)]++;
        }
    }
    if (recipients->num == 0) {
        const struct text_list *served = &session->dns_domains;
        num[add_to_domain(day, served->num == 1 ? served->items[0] : session->destination.domain, session)]++;
    }
    day->num_sessions += num[ADDED] > 0;
    day->num_dropped += num[ADDED_NO_ROOM] > 0;
    return num[ADDED_NO_MEMORY] == 0;
}

void tlsrpt_day_cleanup(struct tlsrpt_day *day) {
    for (size_t i = 0; i < day->num; i++) {
        for (size_t k = 0; k < day->reports[i]->num_policies; k++) {
            free(day->reports[i]->policies[k].details);
            free(day->reports[i]->policies[k].text);
        }
        free(day->reports[i]->policies);
        free(day->reports[i]);
    }
    free(day->reports);
    *day = (struct tlsrpt_day){0};
}

const char *tlsrpt_domain(const struct tlsrpt_report *report) {
    return report->domain;
}

/* --- JSON --- */

static void add_member(struct buffer *out, const char *name, const char *value) {
    if (value[0] != '\0') {
        buffer_printf(out, ",\"%s\":", name);
        text_add_json(out, value);
    }
}

static void add_detail(struct buffer *out, const struct detail *detail) {
    buffer_add_string(out, "{\"result-type\":");
    text_add_json(out, detail->result_type);
    add_member(out, "sending-mta-ip", detail->sending_ip);
    add_member(out, "receiving-mx-hostname", detail->receiving_mx);
    add_member(out, "receiving-mx-helo", detail->receiving_helo);
    add_member(out, "receiving-ip", detail->receiving_ip);
    buffer_printf(out, ",\"failed-session-count\":%" PRIu64, detail->sessions);
    add_member(out, "failure-reason-code", detail->reason);
    buffer_add_char(out, '}');
}

/* The lines of a policy as a member of the object, from where each of them has its prefix on. */
static void add_lines(struct buffer *out, const char *name, const char *text, const char *prefix) {
    struct buffer line = {0};
    bool is_first = true;
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        size_t skip = strlen(prefix);
        if (strncmp(text, prefix, skip) != 0) {
            continue;
        }
        while (skip > 0 && (text[skip] == ' ' || text[skip] == '\t')) {
            skip++;
        }
        buffer_clear(&line);
        buffer_add(&line, text + skip, (size_t)(end - text) - skip);
        buffer_add_char(&line, '\0');
        buffer_printf(out, is_first ? ",\"%s\":[" : ",", name);
        text_add_json(out, line.failed ? "" : line.data);
        is_first = false;
    }
    buffer_add_string(out, is_first ? "" : "]");
    out->failed = out->failed || line.failed;
    buffer_cleanup(&line);
}

static void add_policy(struct buffer *out, const char *domain, const struct policy *policy) {
    const char *text = policy->text != NULL ? policy->text : "";
    buffer_printf(out, "{\"policy\":{\"policy-type\":\"%s\"", policy_names[policy->type]);
    add_lines(out, "policy-string", text, "");
    buffer_printf(out, ",\"policy-domain\":\"%s\"", domain);
    if (policy->type == POLICY_STS) {
        add_lines(out, "mx-host", text, "mx:");
    }
    buffer_printf(out,
                  "},\"summary\":{\"total-successful-session-count\":%" PRIu64
                  ",\"total-failure-session-count\":%" PRIu64 "}",
                  policy->successful, policy->failed);
    for (size_t i = 0; i < policy->num_details; i++) {
        buffer_add_string(out, i == 0 ? ",\"failure-details\":[" : ",");
        add_detail(out, &policy->details[i]);
    }
    buffer_add_string(out, policy->num_details > 0 ? "]}" : "}");
}

/* Those of a type together. */
static void add_policies(struct buffer *out, const struct tlsrpt_report *report) {
    for (unsigned type = 0; type < NUM_POLICY_TYPES; type++) {
        for (size_t i = 0; i < report->num_policies; i++) {
            const struct policy *policy = &report->policies[i];
            if (policy->type == type && policy->successful + policy->failed > 0) {
                buffer_add_string(out, out->len > 0 ? "," : "");
                add_policy(out, report->domain, policy);
            }
        }
    }
}

void tlsrpt_write(const struct tlsrpt_report *report, uint64_t begin_s, const struct tlsrpt_sender *sender,
                  struct buffer *out) {
    char begin[TEXT_TIME_MAX], end[TEXT_TIME_MAX];
    struct buffer policies = {0};
    add_policies(&policies, report);
    text_time_s(begin, (int64_t)begin_s);
    text_time_s(end, (int64_t)begin_s + DAY_S - 1);
    buffer_add_string(out, "{\"organization-name\":");
    text_add_json(out, sender->organization);
    buffer_printf(out, ",\"date-range\":{\"start-datetime\":\"%s\",\"end-datetime\":\"%s\"}", begin, end);
    add_member(out, "contact-info", sender->contact);
    buffer_printf(out, ",\"report-id\":\"%.10s_%s_%08" PRIx32 "@%s\",\"policies\":[", begin, report->domain,
                  crc32c(0, policies.data, policies.len), sender->domain);
    buffer_add(out, policies.data, policies.len);
    buffer_add_string(out, "]}\n");
    out->failed = out->failed || policies.failed;
    buffer_cleanup(&policies);
}
