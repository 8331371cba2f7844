#include "fields.h"

#include <stdio.h>

#define RATIO_DIGITS 1000000

_Static_assert((int)NUM_VERDICTS <= (int)NUM_FINDINGS, "the scratch memory of a value holds either");
_Static_assert(offsetof(struct session_event, end_ns) == offsetof(struct session_event, start_ns) + 8 &&
                   offsetof(struct peer_event, window_end_ns) ==
                       offsetof(struct peer_event, window_start_ns) + 8 &&
                   offsetof(struct sensor_event, end_ns) == offsetof(struct sensor_event, start_ns) + 8,
               "FIELD_DURATION wants start and end in a row");
_Static_assert(offsetof(struct peer_event, adoption_total) ==
                   offsetof(struct peer_event, adoption_encrypted) + 8,
               "FIELD_RATIO wants numerator and denominator in a row");

bool field_is_ecs(const struct field *field) {
    return strncmp(field->name, "starttap.", strlen("starttap.")) != 0;
}

bool field_always(const struct field *field) {
    switch ((enum field_kind)field->kind) {
    case FIELD_FIXED:
    case FIELD_FIXED_NUMBER:
    case FIELD_ID:
    case FIELD_UNSIGNED:
    case FIELD_PORT:
    case FIELD_TIME_NS:
    case FIELD_DURATION:
    case FIELD_OUTCOME:
    case FIELD_IP_VERSION:
    case FIELD_CATEGORY:
    case FIELD_TYPE:
    case FIELD_VERDICT:
    case FIELD_VERDICT_COUNTS:
        return true;
    default:
        return false;
    }
}

const char *field_count_key(enum field_kind kind) {
    return kind == FIELD_HIT_COUNTS ? "hits" : "sessions";
}

static void set_text(struct field_value *value, const char *text) {
    value->shape = text != NULL && text[0] != '\0' ? VALUE_TEXT : VALUE_ABSENT;
    value->text = text;
}

static void set_word(struct field_value *value, const char *word) {
    value->shape = word != NULL ? VALUE_WORD : VALUE_ABSENT;
    value->text = word;
}

/* The word that was written into the scratch memory. */
static void set_made_word(struct field_value *value, bool present) {
    value->shape = present ? VALUE_WORD : VALUE_ABSENT;
    value->text = value->scratch.word;
}

static void set_unsigned(struct field_value *value, uint64_t number) {
    value->shape = VALUE_UNSIGNED;
    value->unsigned_number = number;
}

static void set_number(struct field_value *value, int64_t number, bool present) {
    value->shape = present ? VALUE_NUMBER : VALUE_ABSENT;
    value->number = number;
}

static void set_bool(struct field_value *value, bool yes, bool present) {
    value->shape = present ? VALUE_BOOL : VALUE_ABSENT;
    value->yes = yes;
}

static void set_texts(struct field_value *value, const struct text_list *list) {
    value->shape = VALUE_ABSENT;
    value->texts = *list;
    for (size_t i = 0; i < list->num; i++) {
        if (list->items[i] != NULL) {
            value->shape = VALUE_TEXTS;
            return;
        }
    }
}

static void set_counts(struct field_value *value, const struct count_list *list) {
    value->shape = list->num > 0 ? VALUE_COUNTS : VALUE_ABSENT;
    value->counts = *list;
}

static void set_number_word(struct field_value *value, int64_t number) {
    (void)snprintf(value->scratch.word, sizeof value->scratch.word, "%lld", (long long)number);
    set_made_word(value, number != EVENT_ABSENT);
}

/* Six decimals, by integers, so that every machine writes the same. */
static void set_ratio(struct field_value *value, uint64_t numerator, uint64_t denominator) {
    value->shape = denominator > 0 ? VALUE_LITERAL : VALUE_ABSENT;
    value->text = value->scratch.word;
    if (denominator == 0) {
        return;
    }
    while (numerator > UINT64_MAX / RATIO_DIGITS / 2 || denominator > UINT64_MAX / 4) {
        numerator /= 2;
        denominator /= 2;
    }
    uint64_t scaled = (numerator * RATIO_DIGITS + denominator / 2) / denominator;
    (void)snprintf(value->scratch.word, sizeof value->scratch.word, "%llu.%06llu",
                   (unsigned long long)(scaled / RATIO_DIGITS), (unsigned long long)(scaled % RATIO_DIGITS));
}

static void set_findings(struct field_value *value, uint64_t findings) {
    size_t num = 0;
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        if ((findings >> i & 1) != 0) {
            value->scratch.names[num++] = finding_info((enum finding)i)->name;
        }
    }
    value->shape = num > 0 ? VALUE_TEXTS : VALUE_ABSENT;
    value->texts = (struct text_list){value->scratch.names, num};
}

static void set_severity(struct field_value *value, uint64_t findings) {
    int worst = 0;
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        int severity = (int)finding_info((enum finding)i)->severity;
        if ((findings >> i & 1) != 0 && severity > worst) {
            worst = severity;
        }
    }
    set_number(value, worst, worst > 0);
}

static void set_finding_counts(struct field_value *value, const uint64_t *counts) {
    size_t num = 0;
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        if (counts[i] > 0) {
            value->scratch.made[num++] = (struct count){finding_info((enum finding)i)->name, counts[i]};
        }
    }
    value->shape = num > 0 ? VALUE_COUNTS : VALUE_ABSENT;
    value->counts = (struct count_list){value->scratch.made, num};
}

static void set_verdict_counts(struct field_value *value, const uint64_t *counts) {
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        value->scratch.made[i] = (struct count){verdict_name((enum verdict)i), counts[i]};
    }
    value->shape = VALUE_OBJECT;
    value->counts = (struct count_list){value->scratch.made, NUM_VERDICTS};
}

/* ECS expects info for email; connection and end for network alone. */
static void set_category(struct field_value *value, const struct event *event) {
    bool email = event->dataset == DATASET_PEER ||
                 (event->dataset == DATASET_SESSION && event->session.network_protocol != NULL);
    value->scratch.names[0] = "network";
    value->scratch.names[1] = "email";
    value->shape = VALUE_TEXTS;
    value->texts = (struct text_list){value->scratch.names, email ? 2 : 1};
}

static void set_type(struct field_value *value, const struct event *event) {
    bool session = event->dataset == DATASET_SESSION;
    size_t num = 0;
    if (session) {
        value->scratch.names[num++] = "connection";
        value->scratch.names[num++] = "end";
    }
    if (!session || event->session.network_protocol != NULL) {
        value->scratch.names[num++] = "info";
    }
    value->shape = VALUE_TEXTS;
    value->texts = (struct text_list){value->scratch.names, num};
}

static const char *outcome_name(enum fact outcome) {
    return outcome == FACT_YES ? "success" : outcome == FACT_NO ? "failure" : "unknown";
}

/* The kinds that are made from what the event holds rather than copied from it. */
static void get_made(const struct event *event, const struct field *field, const void *at,
                     struct field_value *value) {
    const uint64_t *pair = at;
    switch ((enum field_kind)field->kind) {
    case FIELD_DURATION:
        set_unsigned(value, pair[1] >= pair[0] ? pair[1] - pair[0] : 0);
        break;
    case FIELD_RATIO:
        set_ratio(value, pair[0], pair[1]);
        break;
    case FIELD_OUTCOME:
        set_word(value, outcome_name(*(const enum fact *)at));
        break;
    case FIELD_IP_VERSION:
        set_word(value, *(const bool *)at ? "ipv6" : "ipv4");
        break;
    case FIELD_CATEGORY:
        set_category(value, event);
        break;
    case FIELD_TYPE:
        set_type(value, event);
        break;
    case FIELD_VERDICT:
        set_word(value, verdict_name(*(const enum verdict *)at));
        break;
    case FIELD_UNKNOWN_REASON:
        set_word(value, unknown_reason_name(*(const enum unknown_reason *)at));
        break;
    case FIELD_FINDINGS:
        set_findings(value, *(const uint64_t *)at);
        break;
    case FIELD_SEVERITY:
        set_severity(value, *(const uint64_t *)at);
        break;
    case FIELD_FINDING_COUNTS:
        set_finding_counts(value, at);
        break;
    case FIELD_VERDICT_COUNTS:
        set_verdict_counts(value, at);
        break;
    default:
        value->shape = VALUE_ABSENT;
        break;
    }
}

void fields_get(const struct event *event, const struct field *field, struct field_value *value) {
    const void *at = (const char *)event + field->offset;
    switch ((enum field_kind)field->kind) {
    case FIELD_FIXED:
        set_word(value, field->values);
        break;
    case FIELD_FIXED_NUMBER:
        value->shape = VALUE_LITERAL;
        value->text = field->values;
        break;
    case FIELD_TEXT:
    case FIELD_IP:
    case FIELD_HEX:
        set_text(value, *(const char *const *)at);
        break;
    case FIELD_ID:
        set_word(value, at);
        break;
    case FIELD_TEXTS:
        set_texts(value, at);
        break;
    case FIELD_NUMBER:
        set_number(value, *(const int64_t *)at, *(const int64_t *)at != EVENT_ABSENT);
        break;
    case FIELD_NUMBER_WORD:
        set_number_word(value, *(const int64_t *)at);
        break;
    case FIELD_COUNTER:
        set_number(value, *(const int64_t *)at, *(const int64_t *)at > 0);
        break;
    case FIELD_UNSIGNED:
        set_unsigned(value, *(const uint64_t *)at);
        break;
    case FIELD_PORT:
        set_unsigned(value, *(const uint16_t *)at);
        break;
    case FIELD_FACT:
        set_bool(value, *(const enum fact *)at == FACT_YES, *(const enum fact *)at != FACT_UNKNOWN);
        break;
    case FIELD_FLAG:
        set_bool(value, true, *(const bool *)at);
        break;
    case FIELD_TIME_NS:
        text_time_ns(value->scratch.word, *(const uint64_t *)at);
        set_made_word(value, true);
        break;
    case FIELD_TIME_S:
        text_time_s(value->scratch.word, *(const int64_t *)at);
        set_made_word(value, *(const int64_t *)at != EVENT_ABSENT);
        break;
    case FIELD_SESSION_COUNTS:
    case FIELD_HIT_COUNTS:
        set_counts(value, at);
        break;
    default:
        get_made(event, field, at, value);
        break;
    }
}

void fields_forget(struct event *event) {
    size_t num;
    const struct field *table = fields_table(&num);
    for (size_t i = 0; i < num; i++) {
        bool optional = table[i].kind == FIELD_NUMBER || table[i].kind == FIELD_NUMBER_WORD ||
                        table[i].kind == FIELD_TIME_S;
        if (optional && field_in(&table[i], event->dataset)) {
            memcpy((char *)event + table[i].offset, &(int64_t){EVENT_ABSENT}, sizeof(int64_t));
        }
    }
}
