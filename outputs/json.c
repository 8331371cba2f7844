#include "json.h"

#include "fields.h"

#define DEPTH_MAX 8 /* deeper than any group */

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

static void add_key(struct buffer *out, struct place *place, const char *key, size_t len) {
    add_separator(out, place);
    buffer_add_char(out, '"');
    buffer_add(out, key, len);
    buffer_add(out, "\":", 2);
}

static bool contains(enum field_group outer, enum field_group group) {
    while (group != outer && group != GROUP_ROOT) {
        group = fields_group(group)->parent;
    }
    return group == outer;
}

/* Closes and opens objects until the writing stands in `group`. */
static void enter_group(struct buffer *out, struct place *place, enum field_group group) {
    while (!contains(place->group, group)) {
        buffer_add_char(out, '}');
        place->group = fields_group(place->group)->parent;
        place->first = false;
    }
    enum field_group path[DEPTH_MAX];
    size_t depth = 0;
    for (enum field_group at = group; at != place->group; at = fields_group(at)->parent) {
        path[depth++] = at;
    }
    while (depth > 0) {
        const struct field_group_info *info = fields_group(path[--depth]);
        size_t parent_len = fields_group(info->parent)->prefix_len;
        add_key(out, place, info->prefix + parent_len, info->prefix_len - parent_len - 1);
        buffer_add_char(out, '{');
        place->first = true;
    }
    place->group = group;
}

static void add_quoted(struct buffer *out, const char *text) {
    buffer_add_char(out, '"');
    text_add_json(out, text);
    buffer_add_char(out, '"');
}

static void add_texts(struct buffer *out, const struct text_list *list) {
    struct place place = {GROUP_ROOT, true};
    buffer_add_char(out, '[');
    for (size_t i = 0; i < list->num; i++) {
        if (list->items[i] != NULL) {
            add_separator(out, &place);
            add_quoted(out, list->items[i]);
        }
    }
    buffer_add_char(out, ']');
}

/* [{"name":"1.3","sessions":12}] */
static void add_counts(struct buffer *out, const struct count_list *list, const char *key) {
    buffer_add_char(out, '[');
    for (size_t i = 0; i < list->num; i++) {
        buffer_add_string(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        add_quoted(out, list->items[i].name);
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
        add_quoted(out, list->items[i].name);
        buffer_add_char(out, ':');
        buffer_add_unsigned(out, list->items[i].num);
    }
    buffer_add_char(out, '}');
}

static void add_value(struct buffer *out, const struct field *field, const struct field_value *value) {
    switch (value->shape) {
    case VALUE_ABSENT:
        break;
    case VALUE_TEXT:
        add_quoted(out, value->text);
        break;
    case VALUE_WORD:
        buffer_add_char(out, '"');
        buffer_add_string(out, value->text);
        buffer_add_char(out, '"');
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
        add_texts(out, &value->texts);
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
        size_t prefix_len = fields_group(group)->prefix_len;
        add_key(out, &place, field->name + prefix_len, field->name_len - prefix_len);
        add_value(out, field, &value);
    }
    enter_group(out, &place, GROUP_ROOT);
    buffer_add(out, "}\n", 2);
}
