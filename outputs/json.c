#include "json.h"

#include "fields_value.h"

#define DEPTH_MAX 4 /* of the groups within each other */

/* What there must be room for before a field is written: the ends of groups, the names of others and its own,
 * which are copied with the zeros behind them, and a value that is short. */
#define FIELD_ROOM (DEPTH_MAX + (DEPTH_MAX + 1) * FIELD_JSON_MAX + BUFFER_NUMBER_MAX)

/* Where in the object the writing stands. */
struct place {
    enum field_group group;
    bool first; /* nothing was written into the group yet */
};

/* A name as the table has it, without its comma where it is the first. It is copied with the zeros behind it,
 * as a fixed length takes two instructions; what comes next overwrites them. */
static char *put_name(char *at, struct place *place, const char json[FIELD_JSON_MAX], size_t len) {
    size_t skip = place->first ? 1 : 0;
    memcpy(at, json + skip, FIELD_JSON_MAX - 1);
    place->first = false;
    return at + len - skip;
}

static unsigned depth_of(enum field_group group) {
    return fields_group(group)->depth;
}

/* Closes and opens objects until the writing stands in `group`. */
static char *enter_group(char *at, struct place *place, enum field_group group) {
    while (place->group != group && depth_of(place->group) >= depth_of(group)) {
        *at++ = '}';
        *place = (struct place){fields_group(place->group)->parent, false};
    }
    if (place->group != group) {
        const struct field_group_info *info = fields_group(group);
        at = enter_group(at, place, info->parent);
        at = put_name(at, place, info->json, info->json_len);
        *place = (struct place){group, true};
    }
    return at;
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

/* {"starttls":12,"refused":0} */
static void add_object(struct buffer *out, const struct count_list *list) {
    buffer_add_char(out, '{');
    for (size_t i = 0; i < list->num; i++) {
        buffer_add_string(out, i > 0 ? "," : "");
        text_add_json(out, list->items[i].name);
        buffer_add_char(out, ':');
        buffer_add_unsigned(out, list->items[i].num);
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

/* A value, where it is short. Returns where it ends, or `at` when json_add_value() is to write it. */
static char *put_short(char *at, const struct field_value *value) {
    switch (value->shape) {
    case VALUE_NUMBER:
        return value->number >= 0 ? buffer_put_unsigned(at, (uint64_t)value->number) : at;
    case VALUE_UNSIGNED:
        return buffer_put_unsigned(at, value->unsigned_number);
    case VALUE_BOOL:
        memcpy(at, value->yes ? "true" : "false", 5);
        return at + (value->yes ? 4 : 5);
    default:
        return at;
    }
}

/* A field that is not absent, with what ends and begins in front of it. */
static void add_field(struct buffer *out, struct place *place, const struct field *field,
                      const struct field_value *value) {
    if (!buffer_reserve(out, FIELD_ROOM)) {
        return;
    }
    char *at = out->data + out->len;
    if (place->group != (enum field_group)field->group) {
        at = enter_group(at, place, (enum field_group)field->group);
    }
    char *value_at = put_name(at, place, field->json, field->json_len);
    at = put_short(value_at, value);
    out->len = (size_t)(at - out->data);
    if (at == value_at && field->kind != FIELD_FIXED) {
        json_add_value(field, value, out);
    }
}

void json_encode(const struct event *event, struct buffer *out) {
    size_t num;
    const struct field *table = fields_table(&num);
    struct place place = {GROUP_ROOT, true};
    buffer_add_char(out, '{');
    for (size_t i = 0; i < num; i++) {
        const struct field *field = &table[i];
        struct field_value value;
        if (!field_in(field, event->dataset) || field_surely_absent(event, field)) {
            continue;
        }
        fields_get(event, field, &value);
        if (value.shape != VALUE_ABSENT) {
            add_field(out, &place, field, &value);
        }
    }
    if (buffer_reserve(out, FIELD_ROOM)) {
        char *end = enter_group(out->data + out->len, &place, GROUP_ROOT);
        out->len = (size_t)(end - out->data);
        buffer_add(out, "}\n", 2);
    }
}
