/* sqlite_rows.h: events as rows that wait to be inserted: bytes that outlive the event.
 *
 * A row is the number of its table and a value for each column. */
#ifndef STARTTAP_OUTPUTS_SQLITE_ROWS_H
#define STARTTAP_OUTPUTS_SQLITE_ROWS_H

#include "sqlite_schema.h"

enum sqlite_value_kind { SQLITE_VALUE_NULL, SQLITE_VALUE_INTEGER, SQLITE_VALUE_TEXT };

struct sqlite_value {
    enum sqlite_value_kind kind;
    int64_t integer;
    const char *text; /* of text_len bytes, not terminated; points into the rows */
    size_t text_len;
};

/* Appends the row of event, and of a session those of its findings and certificates. Ask out->failed. */
void sqlite_rows_add(const struct sqlite_schema *schema, const struct event *event, struct buffer *out);

/* Reading them again: at a row's beginning its table, then its values in order. Both return what follows. */
const char *sqlite_rows_table(const char *at, enum sqlite_table *table);
const char *sqlite_rows_value(const char *at, struct sqlite_value *value);

#endif
