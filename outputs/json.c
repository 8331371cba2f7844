#include "json.h"

#include "fields_value.h"

/* Where in the object the writing stands. */
struct place {
    enum field_group group;
    bool first; /* nothing was written into the group yet */
};

static void add_separator(struct buffer *out, struct place *place) {
    if (!place->first) {
        buffer_add_char(out, ',');
    }
    place->first = false;
}

/* A name as the table has it, without its comma where it is the first. It is copied with the zeros behind it,
 * as a fixed length takes two instructions; what comes next overwrites them. */
static void add_name(struct buffer *out, struct place *place, const char json[FIELD_JSON_MAX], size_t len) {
    if (buffer_reserve(out, FIELD_JSON_MAX)) {
        size_t skip = place->first ? 1 : 0;
        memcpy(out->data + out->len, json + skip, FIELD_JSON_MAX - 1);
        out->len += len - skip;
    }
    place->first = false;
}

static void open_group(struct buffer *out, struct place *place, enum field_group group) {
    const struct field_group_info *info = fields_group(group);
    add_name(out, place, info->json, info->json_len);
    *place = (struct place){group, true};
}

static void close_group(struct buffer *out, struct place *place) {
    buffer_add_char(out, '}');
    *place = (struct place){fields_group(place->group)->parent, false};
}

static unsigned depth_of(enum field_group group) {
    return fields_group(group)->depth;
}

/* Closes and opens objects until the writing stands in `group`. */
static void enter_group(struct buffer *out, struct place *place, enum field_group group) {
    while (place->group != group && depth_of(place->group) >= depth_of(group)) {
        close_group(out, place);
    }
    if (place->group != group) {
        enter_group(out, place, fields_group(group)->parent);
        open_group(out, place, group);
    }
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
    struct place place = {GROUP_ROOT, true};
    if (list->json != NULL) {
        buffer_add(out, list->json, list->json_len);
        return;
    }
    buffer_add_char(out, '[');
    for (size_t i = 0; i < list->num; i++) {
        if (list->items[i] != NULL) {
            add_separator(out, &place);
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

void json_encode(const struct event *event, struct buffer *out) {
    size_t num;
    const struct field *table = fields_table(&num);
    struct place place = {GROUP_ROOT, true};
    buffer_add_char(out, '{');
    for (size_t i = 0; i < num; i++) {
        const struct field *field = &table[i];
        if (!field_in(field, event->dataset)) {
            continue;
        }
        struct field_value value;
        fields_get(event, field, &value);
        if (value.shape == VALUE_ABSENT) {
            continue;
        }
        enum field_group group = (enum field_group)field->group;
        if (group != place.group) {
            enter_group(out, &place, group);
        }
        add_name(out, &place, field->json, field->json_len);
        if (field->kind != FIELD_FIXED) {
            json_add_value(field, &value, out);
        }
    }
    enter_group(out, &place, GROUP_ROOT);
    buffer_add(out, "}\n", 2);
}
