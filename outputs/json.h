/* json.h: events as JSON (RFC 8259), one object per line (NDJSON).
 *
 * Names with dots become nested objects, in the order of the table in fields.c;
 * what was not observed is absent. The same event gives the same bytes. */
#ifndef STARTTAP_OUTPUTS_JSON_H
#define STARTTAP_OUTPUTS_JSON_H

#include "buffer.h"
#include "fields.h"

/* Appends event and a line feed. Ask out->failed for lack of memory. */
void json_encode(const struct event *event, struct buffer *out);

/* Appends a value that is not absent, of a field of this kind. */
void json_add_value(enum field_kind kind, const struct field_value *value, struct buffer *out);

/* Appends ["one","two"]; items that are NULL are passed over. */
void json_add_texts(const struct text_list *list, struct buffer *out);

#endif
