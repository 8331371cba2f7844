/* sqlite_schema.h: the tables and views of a database, made from the table of fields.
 *
 * outputs/schema/sqlite.sql shows what is made here. A table has a column for each field of its dataset, by
 * the field's name without "starttap." and with '_' for '.'; fields that always have the same value are left
 * out, and certificates have a table of their own. Columns only grow at the end, by which older databases are
 * brought up to date. */
#ifndef STARTTAP_OUTPUTS_SQLITE_SCHEMA_H
#define STARTTAP_OUTPUTS_SQLITE_SCHEMA_H

#include "buffer.h"
#include "fields.h"

/* PRAGMA user_version: one more whenever a table or a view is changed (tests/unit/sqlite_versions.txt). */
#define SQLITE_SCHEMA_VERSION     4
#define SQLITE_APPLICATION_ID     0x53745470 /* PRAGMA application_id: "StTp" */
#define SQLITE_SCHEMA_COLUMNS_MAX 160
#define SQLITE_EXPIRING_DAYS      30 /* of the view expiring_certificates; as the finding cert.expiring_soon */

enum sqlite_table {
    SQLITE_SESSIONS, /* these four as enum dataset */
    SQLITE_PEERS,
    SQLITE_SENSORS,
    SQLITE_ALERTS,
    SQLITE_FINDINGS,
    SQLITE_CERTIFICATES,
    NUM_SQLITE_TABLES
};

struct sqlite_column {
    char name[48];
    const char *type;          /* INTEGER, REAL, TEXT, with a constraint behind it */
    const char *describe;      /* one line */
    const struct field *field; /* where its value is from; NULL: the sink knows */
};

struct sqlite_table_info {
    const char *name, *describe;
    struct sqlite_column columns[SQLITE_SCHEMA_COLUMNS_MAX];
    size_t num_columns;
};

struct sqlite_schema {
    struct sqlite_table_info tables[NUM_SQLITE_TABLES];
};

/* About 70 KB: not for the stack. */
void sqlite_schema_init(struct sqlite_schema *schema);

/* CREATE TABLE ... IF NOT EXISTS for each, and indexes; then the views, which are dropped before. */
void sqlite_schema_tables(const struct sqlite_schema *schema, struct buffer *out);
void sqlite_schema_views(struct buffer *out);

/* INSERT with a parameter for each column, in their order, which changes nothing where the row is there. */
void sqlite_schema_insert(const struct sqlite_table_info *table, enum sqlite_table which, struct buffer *out);

void sqlite_schema_file(struct buffer *out); /* outputs/schema/sqlite.sql */

/* The views, for `starttap query` to list. */
struct sqlite_view {
    const char *name, *describe;
};
const struct sqlite_view *sqlite_schema_views_list(size_t *num);

#endif
