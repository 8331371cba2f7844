#include "sqlite_rows.h"

#include "fields_value.h"
#include "json.h"

/* --- values: a byte for the kind; an integer, or a length and text --- */

static void add_null(struct buffer *out) {
    buffer_add_char(out, (char)SQLITE_VALUE_NULL);
}

static void add_integer(struct buffer *out, int64_t integer) {
    buffer_add_char(out, (char)SQLITE_VALUE_INTEGER);
    buffer_add(out, (const char *)&integer, sizeof integer);
}

/* Text that the caller appends; its length is put in by end_text(). */
static size_t begin_text(struct buffer *out) {
    const uint32_t len = 0;
    buffer_add_char(out, (char)SQLITE_VALUE_TEXT);
    buffer_add(out, (const char *)&len, sizeof len);
    return out->len;
}

static void end_text(struct buffer *out, size_t begin) {
    uint32_t len = (uint32_t)(out->len - begin);
    if (!out->failed) {
        memcpy(out->data + begin - sizeof len, &len, sizeof len);
    }
}

static void add_text(struct buffer *out, const char *text) {
    size_t begin = begin_text(out);
    buffer_add_string(out, text);
    end_text(out, begin);
}

static void add_field(struct buffer *out, const struct event *event, const struct field *field) {
    struct field_value value;
    fields_get(event, field, &value);
    switch (value.shape) {
    case VALUE_ABSENT:
        add_null(out);
        break;
    case VALUE_NUMBER:
        add_integer(out, value.number);
        break;
    case VALUE_UNSIGNED:
        add_integer(out, value.unsigned_number < INT64_MAX ? (int64_t)value.unsigned_number : INT64_MAX);
        break;
    case VALUE_BOOL:
        add_integer(out, value.yes ? 1 : 0);
        break;
    case VALUE_TEXT:
    case VALUE_WORD:
    case VALUE_LITERAL: /* becomes a number by the column's affinity */
        add_text(out, value.text);
        break;
    case VALUE_TEXTS:
    case VALUE_COUNTS:
    case VALUE_OBJECT: {
        size_t begin = begin_text(out);
        json_add_value((enum field_kind)field->kind, &value, out);
        end_text(out, begin);
        break;
    }
    }
}

/* --- rows --- */

static void begin_row(struct buffer *out, enum sqlite_table table) {
    buffer_add_char(out, (char)table);
}

static void add_findings(const struct event *event, struct buffer *out) {
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        if (event_found(&event->session, (enum finding)i)) {
            begin_row(out, SQLITE_FINDINGS);
            add_text(out, event->id);
            add_text(out, finding_info((enum finding)i)->name);
            add_integer(out, (int64_t)finding_info((enum finding)i)->severity);
        }
    }
}

/* The columns name the fields of the server's certificate; `shift` is how much further those of cert are. */
static void add_certificate(const struct sqlite_table_info *table, const struct event *event,
                            const struct event_cert *cert, struct buffer *out) {
    size_t shift = (size_t)((const char *)cert - (const char *)&event->session.server_cert);
    char time[TEXT_TIME_MAX];
    if (cert->sha256 == NULL) {
        return;
    }
    text_time_ns(time, event->session.start_ns);
    begin_row(out, SQLITE_CERTIFICATES);
    add_text(out, cert->sha256);
    add_text(out, time);
    add_text(out, time);
    for (size_t i = 0; i < table->num_columns; i++) {
        if (table->columns[i].field != NULL) {
            struct field field = *table->columns[i].field;
            field.offset = (uint16_t)(field.offset + shift);
            add_field(out, event, &field);
        }
    }
}

void sqlite_rows_add(const struct sqlite_schema *schema, const struct event *event, struct buffer *out) {
    const struct sqlite_table_info *table = &schema->tables[event->dataset];
    begin_row(out, (enum sqlite_table)event->dataset);
    for (size_t i = 0; i < table->num_columns; i++) {
        add_field(out, event, table->columns[i].field);
    }
    if (event->dataset == DATASET_SESSION) {
        add_findings(event, out);
        table = &schema->tables[SQLITE_CERTIFICATES];
        add_certificate(table, event, &event->session.server_cert, out);
        add_certificate(table, event, &event->session.client_cert, out);
    }
}

const char *sqlite_rows_table(const char *at, enum sqlite_table *table) {
    *table = (enum sqlite_table) * at;
    return at + 1;
}

const char *sqlite_rows_value(const char *at, struct sqlite_value *value) {
    *value = (struct sqlite_value){.kind = (enum sqlite_value_kind) * at++};
    if (value->kind == SQLITE_VALUE_INTEGER) {
        memcpy(&value->integer, at, sizeof value->integer);
        at += sizeof value->integer;
    } else if (value->kind == SQLITE_VALUE_TEXT) {
        uint32_t len;
        memcpy(&len, at, sizeof len);
        value->text = at + sizeof len;
        value->text_len = len;
        at += sizeof len + len;
    }
    return at;
}
