/* fields_value.h: reads a field's value, for encoders. Inlined into their loops over the table. */
#ifndef STARTTAP_OUTPUTS_FIELDS_VALUE_H
#define STARTTAP_OUTPUTS_FIELDS_VALUE_H

#include "fields.h"

static inline void set_text(struct field_value *value, const char *text) {
    value->shape = text != NULL && text[0] != '\0' ? VALUE_TEXT : VALUE_ABSENT;
    value->text = text;
}

static inline void set_word(struct field_value *value, const char *word) {
    value->shape = word != NULL ? VALUE_WORD : VALUE_ABSENT;
    value->text = word;
}

/* The word that was written into the scratch memory. */
static inline void set_made_word(struct field_value *value, bool present) {
    value->shape = present ? VALUE_WORD : VALUE_ABSENT;
    value->text = value->scratch.word;
}

static inline void set_unsigned(struct field_value *value, uint64_t number) {
    value->shape = VALUE_UNSIGNED;
    value->unsigned_number = number;
}

static inline void set_number(struct field_value *value, int64_t number, bool present) {
    value->shape = present ? VALUE_NUMBER : VALUE_ABSENT;
    value->number = number;
}

static inline void set_bool(struct field_value *value, bool yes, bool present) {
    value->shape = present ? VALUE_BOOL : VALUE_ABSENT;
    value->yes = yes;
}

/* Items may be NULL, which are passed over; where all are, the list is absent. */
static inline void set_texts(struct field_value *value, struct text_list list) {
    size_t num_absent = 0;
    while (num_absent < list.num && list.items[num_absent] == NULL) {
        num_absent++;
    }
    value->shape = num_absent < list.num ? VALUE_TEXTS : VALUE_ABSENT;
    value->texts = list;
}

/* The word that stands for a value of FIELD_OUTCOME, FIELD_IP_VERSION and FIELD_VERDICT: FIELD_WORD_MAX bytes
 * at most. */
#define FIELD_WORD_MAX 31
const char *field_word(enum field_kind kind, const void *member);

/* event.category or event.type (FIELD_CATEGORY, FIELD_TYPE), with its JSON. */
const struct text_list *field_list(enum field_kind kind, const struct event *event);

int field_severity(uint64_t findings); /* of the worst; 0: there are none */

uint64_t field_duration(const uint64_t *times); /* of two in a row */
bool field_has_ratio(const uint64_t *pair);     /* of a numerator and a denominator in a row */

/* The kinds that are made from what the event holds rather than copied from it. */
void fields_make(const struct event *event, enum field_kind kind, const void *at, struct field_value *value);

/* Reads a field of event, which must be of one of its datasets. What value points
 * to lives as long as both event and value. */
static inline void fields_get(const struct event *event, const struct field *field,
                              struct field_value *value) {
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
        set_texts(value, *(const struct text_list *)at);
        break;
    case FIELD_NUMBER:
        set_number(value, *(const int64_t *)at, *(const int64_t *)at != EVENT_ABSENT);
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
    default:
        fields_make(event, (enum field_kind)field->kind, at, value);
        break;
    }
}

#endif
