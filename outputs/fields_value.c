#include "fields_value.h"

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
    return kind == FIELD_HIT_COUNTS ? "hits" : kind == FIELD_SINK_COUNTS ? "number" : "sessions";
}

static void set_counts(struct field_value *value, const struct count_list *list) {
    value->shape = list->num > 0 ? VALUE_COUNTS : VALUE_ABSENT;
    value->counts = *list;
}

static void set_number_word(struct field_value *value, int64_t number) {
    set_made_word(value, number != EVENT_ABSENT);
    if (number != EVENT_ABSENT) {
        (void)snprintf(value->scratch.word, sizeof value->scratch.word, "%lld", (long long)number);
    }
}

static void set_time_s(struct field_value *value, int64_t time_s) {
    set_made_word(value, time_s != EVENT_ABSENT);
    if (time_s != EVENT_ABSENT) {
        text_time_s(value->scratch.word, time_s);
    }
}

/* 0 where the second is the earlier one. Who reads it has 63 bits for it (JSON as most read it, SQLite,
 * Elasticsearch's long): centuries that only stamps from nowhere are apart. */
uint64_t field_duration(const uint64_t *times) {
    uint64_t duration = times[1] >= times[0] ? times[1] - times[0] : 0;
    return duration <= INT64_MAX ? duration : INT64_MAX;
}

bool field_has_ratio(const uint64_t *pair) {
    return pair[1] > 0;
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
    char *at = buffer_put_unsigned(value->scratch.word, scaled / RATIO_DIGITS);
    *at++ = '.';
    for (uint64_t digit = RATIO_DIGITS / 10; digit > 0; digit /= 10)
        *at++ = (char)('0' + scaled / digit % 10);
    *at = '\0';
}

static void set_findings(struct field_value *value, uint64_t findings) {
    size_t num = 0;
    for (; findings != 0; findings &= findings - 1) {
        value->scratch.names[num++] = finding_info(event_first_finding(findings))->name;
    }
    value->shape = num > 0 ? VALUE_TEXTS : VALUE_ABSENT;
    value->texts = (struct text_list){.items = value->scratch.names, .num = num};
}

int field_severity(uint64_t findings) {
    int worst = 0;
    for (; findings != 0; findings &= findings - 1) {
        int severity = (int)finding_info(event_first_finding(findings))->severity;
        worst = severity > worst ? severity : worst;
    }
    return worst;
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

#define LIST(text, ...)                                                                                      \
    {                                                                                                        \
        .items = (const char **)(const char *const[]){__VA_ARGS__},                                          \
        .num = sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), .json = (text),                 \
        .json_len = sizeof(text) - 1                                                                         \
    }

/* ECS expects info for email; connection and end for network alone. */
static const struct text_list network = LIST("[\"network\"]", "network"),
                              email = LIST("[\"network\",\"email\"]", "network", "email"),
                              info = LIST("[\"info\"]", "info"),
                              end = LIST("[\"connection\",\"end\"]", "connection", "end"),
                              end_info =
                                  LIST("[\"connection\",\"end\",\"info\"]", "connection", "end", "info");

const struct text_list *field_list(enum field_kind kind, const struct event *event) {
    bool session = event->dataset == DATASET_SESSION;
    bool smtp = session && event->session.network_protocol != NULL;
    if (kind == FIELD_CATEGORY) {
        return smtp || event->dataset == DATASET_PEER || event->dataset == DATASET_ALERT ? &email : &network;
    }
    return smtp ? &end_info : session ? &end : &info;
}

static void set_list(struct field_value *value, const struct text_list *list) {
    value->shape = VALUE_TEXTS;
    value->texts = *list;
}

static const char *outcome_name(enum fact outcome) {
    return outcome == FACT_YES ? "success" : outcome == FACT_NO ? "failure" : "unknown";
}

const char *field_word(enum field_kind kind, const void *member) {
    switch (kind) {
    case FIELD_OUTCOME:
        return outcome_name(*(const enum fact *)member);
    case FIELD_IP_VERSION:
        return *(const bool *)member ? "ipv6" : "ipv4";
    default:
        return verdict_name(*(const enum verdict *)member);
    }
}

void fields_make(const struct event *event, enum field_kind kind, const void *at, struct field_value *value) {
    const uint64_t *pair = at;
    switch (kind) {
    case FIELD_NUMBER_WORD:
        set_number_word(value, *(const int64_t *)at);
        break;
    case FIELD_TIME_S:
        set_time_s(value, *(const int64_t *)at);
        break;
    case FIELD_SESSION_COUNTS:
    case FIELD_HIT_COUNTS:
    case FIELD_SINK_COUNTS:
        set_counts(value, at);
        break;
    case FIELD_DURATION:
        set_unsigned(value, field_duration(at));
        break;
    case FIELD_RATIO:
        set_ratio(value, pair[0], pair[1]);
        break;
    case FIELD_OUTCOME:
    case FIELD_IP_VERSION:
    case FIELD_VERDICT:
        set_word(value, field_word(kind, at));
        break;
    case FIELD_CATEGORY:
    case FIELD_TYPE:
        set_list(value, field_list(kind, event));
        break;
    case FIELD_UNKNOWN_REASON:
        set_word(value, unknown_reason_name(*(const enum unknown_reason *)at));
        break;
    case FIELD_FINDINGS:
        set_findings(value, *(const uint64_t *)at);
        break;
    case FIELD_SEVERITY:
        set_number(value, field_severity(*(const uint64_t *)at), *(const uint64_t *)at != 0);
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
