/* keylog_file.h: the file given by --keylog, read into a table of secrets (judge/keylog.h). */
#ifndef STARTTAP_SENSOR_KEYLOG_FILE_H
#define STARTTAP_SENSOR_KEYLOG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "judge/keylog.h"

#define KEYLOG_WARNINGS_MAX 10 /* lines that are complained of one by one; the rest is counted */

/* One warning, "FILE:LINE: cause" or "FILE: cause". */
typedef void (*keylog_warn)(void *context, const char *message);

struct keylog_file;

/* Opens the file and reads what is in it so far. growing: keylog_file_read() will be called again, so that a
 * secret that is missing, or a last line without its end, may still come. NULL with the cause in error. */
struct keylog_file *keylog_file_open(const char *path, bool growing, keylog_warn warn, void *context,
                                     char *error, size_t error_len);
void keylog_file_close(struct keylog_file *file); /* NULL is fine */

/* Opens the path again, which may name another file by now, and reads what is in that; its secrets are added.
 * A file that cannot be opened is warned of, and the old one read on. */
void keylog_file_reopen(struct keylog_file *file);

bool keylog_file_has_more(const struct keylog_file *file); /* since it was read last */

/* Reads on from where it ended last time; false with the cause in error when the file cannot be read. */
bool keylog_file_read(struct keylog_file *file, char *error, size_t error_len);

struct keylog *keylog_file_table(struct keylog_file *file); /* lives as long as file */

#endif
