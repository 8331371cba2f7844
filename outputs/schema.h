/* schema.h: the documents of outputs/schema/, made from the tables in the code,
 * so that they cannot say anything else than the encoders do. */
#ifndef STARTTAP_OUTPUTS_SCHEMA_H
#define STARTTAP_OUTPUTS_SCHEMA_H

#include "buffer.h"

void schema_json(struct buffer *out);    /* starttap.schema.json: JSON Schema 2020-12 of the datasets */
void schema_page(struct buffer *out);    /* fields.md: every field, verdict and finding */
void schema_columns(struct buffer *out); /* columns.txt: the columns of CSV, one name a line */

#endif
