#include "csv.h"

#include "fields_value.h"

#include <assert.h>

void csv_init(struct csv *csv) {
    size_t num;
    const struct field *table = fields_table(&num);
    *csv = (struct csv){0};
    for (size_t i = 0; i < num; i++) {
        if (field_in(&table[i], DATASET_SESSION)) {
            size_t column = table[i].column;
            assert(column > 0 && column <= CSV_COLUMNS_MAX && csv->columns[column - 1] == NULL);
            csv->columns[column - 1] = &table[i];
            csv->num = column > csv->num ? column : csv->num;
        }
    }
    for (size_t i = 0; i < csv->num; i++) {
        assert(csv->columns[i] != NULL);
    }
}

void csv_header(const struct csv *csv, struct buffer *out) {
    for (size_t i = 0; i < csv->num; i++) {
        if (i > 0) {
            buffer_add_char(out, ',');
        }
        buffer_add(out, csv->columns[i]->name, csv->columns[i]->name_len);
    }
    buffer_add_char(out, '\n');
}

static void add_list(struct buffer *out, const struct text_list *list) {
    bool first = true;
    buffer_add_char(out, '"');
    for (size_t i = 0; i < list->num; i++) {
        if (list->items[i] != NULL) {
            if (!first) {
                buffer_add_char(out, '|');
            }
            first = false;
            text_add_csv(out, list->items[i], true);
        }
    }
    buffer_add_char(out, '"');
}

static void add_cell(struct buffer *out, const struct field_value *value) {
    switch (value->shape) {
    case VALUE_TEXT:
        buffer_add_char(out, '"');
        text_add_csv(out, value->text, false);
        buffer_add_char(out, '"');
        break;
    case VALUE_WORD:
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
        add_list(out, &value->texts);
        break;
    case VALUE_ABSENT:
    case VALUE_COUNTS: /* of peers only */
    case VALUE_OBJECT:
        break;
    }
}

void csv_encode(const struct csv *csv, const struct event *event, struct buffer *out) {
    if (event->dataset != DATASET_SESSION) {
        return;
    }
    for (size_t i = 0; i < csv->num; i++) {
        if (i > 0) {
            buffer_add_char(out, ',');
        }
        struct field_value value;
        fields_get(event, csv->columns[i], &value);
        add_cell(out, &value);
    }
    buffer_add_char(out, '\n');
}
