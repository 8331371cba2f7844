#include "json.h"

#include "fields_value.h"

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

void json_add_value(enum field_kind kind, const struct field_value *value, struct buffer *out) {
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
        add_counts(out, &value->counts, field_count_key(kind));
        break;
    case VALUE_OBJECT:
        add_object(out, &value->counts);
        break;
    }
}
