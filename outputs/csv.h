/* csv.h: sessions as CSV (RFC 4180), for spreadsheets and command lines.
 *
 * One header line, then one line per session; peer and sensor events have no
 * rows here. Columns are the session's fields under their dotted names, in the
 * order of field.column, to which later versions only add at the end (it is
 * listed in outputs/schema/columns.txt). An absent field is an empty cell.
 *
 * - Lines end in LF, not RFC 4180's CRLF: every CSV reader takes it, and cut, awk and join need it.
 * - Cells of text are quoted always; numbers, times, true and false never.
 * - Lists are joined with '|'.
 * - Control characters, and '|' inside a list's item, are written as \u00XX: a record is one line
 *   and a list splits at each '|'. A backslash stands for itself; where that matters, read JSON.
 * - Text that a spreadsheet might run as a formula has a ' in front (text_add_csv()). */
#ifndef STARTTAP_OUTPUTS_CSV_H
#define STARTTAP_OUTPUTS_CSV_H

#include "buffer.h"
#include "event.h"
#include "fields.h"

#define CSV_COLUMNS_MAX 256

struct csv {
    const struct field *columns[CSV_COLUMNS_MAX];
    size_t num;
};

void csv_init(struct csv *csv); /* puts the columns in order */
void csv_header(const struct csv *csv, struct buffer *out);
void csv_encode(const struct csv *csv, const struct event *event, struct buffer *out);

#endif
