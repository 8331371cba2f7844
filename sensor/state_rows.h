/* state_rows.h: the rows of a state file, from the memory of peers and back into it; for state.c, which makes
 * the tables and has the file. */
#ifndef STARTTAP_SENSOR_STATE_ROWS_H
#define STARTTAP_SENSOR_STATE_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "judge/memory.h"

struct sqlite3;
struct sqlite3_stmt;

#define STATE_FINDINGS_LEN 512 /* of the findings of one judgement, by their names, and the final NUL */
#define STATE_STATEMENTS   11

struct state_writer { /* zeroed to start */
    struct sqlite3_stmt *statements[STATE_STATEMENTS];
};

/* False: the cause is the database's (sqlite3_errmsg). */
bool state_writer_open(struct state_writer *writer, struct sqlite3 *db);
void state_writer_close(struct state_writer *writer); /* before the database is */

/* Within a transaction: what changed since memory_told(), and away with what is too old or more than max
 * servers. */
bool state_writer_save(struct state_writer *writer, struct memory *memory, size_t max);

/* False: a row cannot be ours, or the file is damaged, or there is no memory. */
bool state_load_rows(struct sqlite3 *db, struct memory *memory);

#endif
