#include "json.h"

#include "fields_value.h"

/* While an event is being written, each value and each object has its comma behind it already. What closes an
 * object writes its brace in place of the last one. */

#define DEPTH_MAX 4                    /* of the groups within each other */
#define SHORT_MAX (FIELD_WORD_MAX + 3) /* a word or a time with quotes and comma */

/* What there must be room for before a field is written: the ends of groups, the names of others and its own,
 * which are copied with the zeros behind them, and a value that is short. */
#define FIELD_ROOM (DEPTH_MAX + (DEPTH_MAX + 1) * FIELD_JSON_MAX + SHORT_MAX)

/* It is copied with the zeros behind it, as a fixed length takes few instructions; what comes next overwrites
 * them. */
static inline char *put_name(char *at, const char json[FIELD_JSON_MAX], size_t len) {
    memcpy(at, json, FIELD_JSON_MAX);
    return at + len;
}

/* Closes and opens objects, so that the writing that stood in group `from` stands in group `to`. */
static char *enter_group(char *at, enum field_group from, enum field_group to) {
    const struct field_group_info *outer = fields_group(from), *inner = fields_group(to);
    while (from != to && outer->depth >= inner->depth) {
        at[-1] = '}';
        *at++ = ',';
        from = outer->parent;
        outer = fields_group(from);
    }
    if (from == to) {
        return at;
    }
    return put_name(enter_group(at, from, inner->parent), inner->json, inner->json_len);
}

/* A string in which nothing needs an escape. */
static void add_word(struct buffer *out, const char *word) {
    size_t len = strlen(word);
    if (buffer_reserve(out, len + 2)) {
        char *at = out->data + out->len;
        at[0] = '"';
        memcpy(at + 1, word, len);
        at[len + 1] = '"';
        out->len += len + 2;
    }
}

void json_add_texts(const struct text_list *list, struct buffer *out) {
    bool first = true;
    if (list->json != NULL) {
        buffer_add(out, list->json, list->json_len);
        return;
    }
    buffer_add_char(out, '[');
    for (size_t i = 0; i < list->num; i++) {
        if (list->items[i] != NULL) {
            if (!first) {
                buffer_add_char(out, ',');
            }
            first = false;
            text_add_json(out, list->items[i]);
        }
    }
    buffer_add_char(out, ']');
}

/* [{"name":"1.3","sessions":12}] */
static void add_counts(struct buffer *out, const struct count_list *list, const char *key) {
    buffer_add_char(out, '[');
    for (size_t i = 0; i < list->num; i++) {
        buffer_add_string(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        text_add_json(out, list->items[i].name);
        buffer_add_string(out, ",\"");
        buffer_add_string(out, key);
        buffer_add_string(out, "\":");
        buffer_add_unsigned(out, list->items[i].num);
        buffer_add_char(out, '}');
    }
    buffer_add_char(out, ']');
}

/* {"starttls":12,"refused":0}; in these names nothing needs an escape. */
static void add_object(struct buffer *out, const struct count_list *list) {
    buffer_add_char(out, '{');
    for (size_t i = 0; i < list->num; i++) {
        size_t len = strlen(list->items[i].name);
        if (!buffer_reserve(out, len + sizeof ",\"\":" + BUFFER_NUMBER_MAX)) {
            return;
        }
        char *at = out->data + out->len;
        *at = ',';
        at += i > 0 ? 1 : 0;
        *at++ = '"';
        memcpy(at, list->items[i].name, len);
        at += len;
        *at++ = '"';
        *at++ = ':';
        out->len = (size_t)(buffer_put_unsigned(at, list->items[i].num) - out->data);
    }
    buffer_add_char(out, '}');
}

void json_add_value(const struct field *field, const struct field_value *value, struct buffer *out) {
    switch (value->shape) {
    case VALUE_ABSENT:
        break;
    case VALUE_TEXT:
        text_add_json(out, value->text);
        break;
    case VALUE_WORD:
        add_word(out, value->text);
        break;
    case VALUE_LITERAL:
        buffer_add_string(out, value->text);
        break;
    case VALUE_NUMBER:
        buffer_add_number(out, value->number);
        break;
    case VALUE_UNSIGNED:
        buffer_add_unsigned(out, value->unsigned_number);
        break;
    case VALUE_BOOL:
        buffer_add_string(out, value->yes ? "true" : "false");
        break;
    case VALUE_TEXTS:
        json_add_texts(&value->texts, out);
        break;
    case VALUE_COUNTS:
        add_counts(out, &value->counts, field_count_key((enum field_kind)field->kind));
        break;
    case VALUE_OBJECT:
        add_object(out, &value->counts);
        break;
    }
}

/* An event on its way out. */
struct writing {
    struct buffer *out;
    const struct event *event;
    enum field_group group; /* where the writing stands */
};

/* Writes what ends and begins in front of the value of a field, and makes room for a short one. Returns where
 * the value goes; NULL when out of memory. */
static inline char *begin_field(struct writing *writing, const struct field *field) {
    struct buffer *out = writing->out;
    if (!buffer_reserve(out, FIELD_ROOM)) {
        return NULL;
    }
    char *at = out->data + out->len;
    if (writing->group != (enum field_group)field->group) {
        at = enter_group(at, writing->group, (enum field_group)field->group);
        writing->group = (enum field_group)field->group;
    }
    return put_name(at, field->json, field->json_len);
}

/* So far the line is written. */
static inline void stand_at(struct writing *writing, const char *at) {
    writing->out->len = (size_t)(at - writing->out->data);
}

/* A word that fits. */
static inline char *put_word(char *at, const char *word) {
    size_t len = strlen(word);
    *at++ = '"';
    memcpy(at, word, len);
    at += len;
    *at++ = '"';
    return at;
}

static inline char *put_number(char *at, int64_t number) {
    if (number < 0) {
        *at++ = '-';
        return buffer_put_unsigned(at, 0 - (uint64_t)number);
    }
    return buffer_put_unsigned(at, (uint64_t)number);
}

/* A value that fits into what begin_field() made room for, and its comma. Returns where it ends. */
static inline char *put_short(char *at, const struct field *field, const void *member) {
    switch ((enum field_kind)field->kind) {
    case FIELD_FACT:
        memcpy(at, *(const enum fact *)member == FACT_YES ? "true,," : "false,", 6);
        return at + (*(const enum fact *)member == FACT_YES ? 5 : 6);
    case FIELD_TIME_NS:
        *at = '"';
        at += 1 + text_time_ns(at + 1, *(const uint64_t *)member);
        *at++ = '"';
        break;
    case FIELD_OUTCOME:
    case FIELD_IP_VERSION:
    case FIELD_VERDICT:
        at = put_word(at, field_word(field, member));
        break;
    case FIELD_DURATION:
        at = buffer_put_unsigned(at, field_duration(member));
        break;
    case FIELD_PORT:
        at = buffer_put_unsigned(at, *(const uint16_t *)member);
        break;
    case FIELD_NUMBER:
        at = put_number(at, *(const int64_t *)member);
        break;
    case FIELD_UNSIGNED:
        at = buffer_put_unsigned(at, *(const uint64_t *)member);
        break;
    default: /* its name has the value */
        return at;
    }
    *at++ = ',';
    return at;
}

static inline bool is_among(const struct field *field, uint64_t kinds) {
    return (kinds >> field->kind & 1) != 0;
}

#define KIND(kind) (UINT64_C(1) << FIELD_##kind)
#define TEXT_KINDS (KIND(TEXT) | KIND(IP) | KIND(HEX))
#define SHORT_KINDS                                                                                          \
    (KIND(FIXED) | KIND(FIXED_NUMBER) | KIND(FACT) | KIND(TIME_NS) | KIND(OUTCOME) | KIND(IP_VERSION) |      \
     KIND(VERDICT) | KIND(DURATION) | KIND(PORT) | KIND(NUMBER) | KIND(UNSIGNED))

/* Of the other kinds; not inlined, as most fields do without its stack. */
static __attribute__((noinline)) void add_made(struct writing *writing, const struct field *field) {
    struct field_value value;
    fields_get(writing->event, field, &value);
    char *at = value.shape != VALUE_ABSENT ? begin_field(writing, field) : NULL;
    if (at != NULL) {
        stand_at(writing, at);
        json_add_value(field, &value, writing->out);
        buffer_add_char(writing->out, ',');
    }
}

/* One that is not surely absent. */
static inline void add_field(struct writing *writing, const struct field *field) {
    const void *member = (const char *)writing->event + field->offset;
    char *at;
    if (is_among(field, SHORT_KINDS)) {
        if ((at = begin_field(writing, field)) != NULL) {
            stand_at(writing, put_short(at, field, member));
        }
    } else if (is_among(field, TEXT_KINDS)) {
        const char *text = *(const char *const *)member;
        if (text[0] != '\0' && (at = begin_field(writing, field)) != NULL) {
            stand_at(writing, at);
            text_add_json(writing->out, text);
            buffer_add_char(writing->out, ',');
        }
    } else {
        add_made(writing, field);
    }
}

/* The first from `field` on that may be present. */
static const struct field *next_field(const struct event *event, const struct field *field,
                                      const struct field *end) {
    while (field < end && field_surely_absent(event, field)) {
        field++;
    }
    return field;
}

void json_encode(const struct event *event, struct buffer *out) {
    size_t num;
    const struct field *fields = fields_of(event->dataset, &num);
    struct writing writing = {out, event, GROUP_ROOT};
    buffer_add_char(out, '{');
    const struct field *end_of_fields = fields + num;
    const struct field *field = fields;
    while ((field = next_field(event, field, end_of_fields)) < end_of_fields) {
        add_field(&writing, field++);
    }
    if (buffer_reserve(out, FIELD_ROOM)) {
        char *end = enter_group(out->data + out->len, writing.group, GROUP_ROOT);
        end[-1] = '}';
        *end++ = '\n';
        stand_at(&writing, end);
    }
}
