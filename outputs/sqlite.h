/* sqlite.h: events in a database (sqlite:PATH), and its views printed (`starttap query`).
 *
 * Tables, columns and views: outputs/schema/sqlite.sql. A database that is there is added to, as rows are
 * told apart by event.id; one of an older version is brought up to date. Rows are gathered and written in one
 * transaction for each SQLITE_BATCH_LEN bytes, at each event of the sensor, and at the end. Readers may read
 * meanwhile (WAL). What a failed transaction held is kept, up to SQLITE_PENDING_MAX, and written by a later
 * one. */
#ifndef STARTTAP_OUTPUTS_SQLITE_H
#define STARTTAP_OUTPUTS_SQLITE_H

#include "sink.h"
#include "sink_spec.h"

#include <stdio.h>

#define SQLITE_BATCH_LEN   (1u << 20)  /* bytes of rows */
#define SQLITE_PENDING_MAX (64u << 20) /* then the sink is full */
#define SQLITE_BUSY_MS     5000        /* waited for another writer, before a transaction counts as failed */

/* As sink_open(); text is what messages call the sink. */
struct sink *sqlite_open(const struct sink_spec *spec, const char *text, const struct sink_options *options,
                         char *error, size_t error_len);

/* Prints a view as a table: columns with blanks between, the first line their names. Without a name: which
 * views there are. False with a message in error, which names the database. */
bool sqlite_query(const char *path, const char *name, FILE *out, char *error, size_t error_len);

#endif
