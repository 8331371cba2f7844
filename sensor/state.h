/* state.h: what the memory of peers knows (judge/memory.h), in an SQLite file, from one run to the next.
 *
 * A save is one transaction, so that a run which is killed leaves what the save before it wrote. Times in the
 * file are nanoseconds since 1970, of packets; tables are made by state.c. The file is one run's at a time.
 */
#ifndef STARTTAP_SENSOR_STATE_H
#define STARTTAP_SENSOR_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "judge/memory.h"

#define STATE_VERSION        2          /* PRAGMA user_version */
#define STATE_APPLICATION_ID 0x53744d65 /* PRAGMA application_id: "StMe" */
#define STATE_ASIDE_MAX      1000       /* files put aside by one name */

typedef void (*state_log)(void *context, const char *message);

struct state;

/* Reads the file into the memory, which is empty and borrowed until state_close(), or makes it. A file that
 * is damaged is renamed to PATH.damaged-N, one of another version to PATH.version-V-N; the log is told its
 * new name, and the memory starts anew. A database that is something else is left alone and an error, as is
 * one in use. max is the number of servers that are kept. NULL with a message in error. */
struct state *state_open(const char *path, struct memory *memory, size_t max, state_log log, void *context,
                         char *error, size_t error_len);
void state_close(struct state *state); /* without saving; NULL is fine */

/* What changed since the last one; all, into a new file, when somebody renamed or removed it. Where another
 * file has its name nothing is saved. False with a message in error; the next one tries again. */
bool state_save(struct state *state, char *error, size_t error_len);

#endif
