#include "sqlite.h"
#include "sqlite_schema.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#define CELL_COLUMNS_MAX 100 /* of a terminal; what is longer is cut */
#define VIEW_COLUMNS_MAX                                                                                     \
    64 /* ours have 11 at most; a view that a user made may have more, which are left out */

/* A cell as it is shown: harmless, numbers and text alike. */
static size_t add_cell(struct buffer *out, const char *text) {
    return text_add_terminal(out, text != NULL ? text : "", CELL_COLUMNS_MAX, true);
}

static const char *cell_text(sqlite3_stmt *rows, int row, int column) {
    return row == 0 ? sqlite3_column_name(rows, column) : (const char *)sqlite3_column_text(rows, column);
}

/* One way through the rows: measures the columns, or (out not NULL) prints them. */
static bool walk(sqlite3_stmt *rows, size_t widths[VIEW_COLUMNS_MAX], FILE *out) {
    struct buffer line = {0};
    int num = sqlite3_column_count(rows);
    num = num < VIEW_COLUMNS_MAX ? num : VIEW_COLUMNS_MAX;
    int result = SQLITE_ROW;
    for (int row = 0; result == SQLITE_ROW; row++) {
        buffer_clear(&line);
        for (int i = 0; i < num; i++) {
            size_t used = add_cell(&line, cell_text(rows, row, i));
            widths[i] = used > widths[i] ? used : widths[i];
            for (; i + 1 < num && used < widths[i] + 2; used++) {
                buffer_add_char(&line, ' ');
            }
        }
        if (out != NULL) {
            fprintf(out, "%.*s\n", (int)line.len, line.data);
        }
        result = sqlite3_step(rows);
    }
    buffer_cleanup(&line);
    (void)sqlite3_reset(rows);
    return result == SQLITE_DONE;
}

static bool print_view(sqlite3 *db, const char *name, FILE *out) {
    char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", name);
    sqlite3_stmt *rows = NULL;
    size_t widths[VIEW_COLUMNS_MAX] = {0};
    bool good = sql != NULL && sqlite3_prepare_v2(db, sql, -1, &rows, NULL) == SQLITE_OK &&
                walk(rows, widths, NULL) && walk(rows, widths, out);
    (void)sqlite3_finalize(rows);
    sqlite3_free(sql);
    return good;
}

/* Only what the database has as a view: a name on the command line is not run. */
static bool is_view(sqlite3 *db, const char *name) {
    sqlite3_stmt *found = NULL;
    bool yes = sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = ?", -1,
                                  &found, NULL) == SQLITE_OK &&
               sqlite3_bind_text(found, 1, name, -1, SQLITE_STATIC) == SQLITE_OK &&
               sqlite3_step(found) == SQLITE_ROW;
    (void)sqlite3_finalize(found);
    return yes;
}

static void print_names(FILE *out) {
    size_t num;
    const struct sqlite_view *views = sqlite_schema_views_list(&num);
    for (size_t i = 0; i < num; i++) {
        fprintf(out, "%-22s %s\n", views[i].name, views[i].describe);
    }
}

bool sqlite_query(const char *path, const char *name, FILE *out, char *error, size_t error_len) {
    sqlite3 *db = NULL;
    bool good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
                sqlite3_busy_timeout(db, SQLITE_BUSY_MS) == SQLITE_OK &&
                sqlite3_exec(db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) == SQLITE_OK;
    if (good && name == NULL) {
        print_names(out);
    } else if (good && !is_view(db, name)) {
        (void)snprintf(error, error_len, "%s: has no view '%s'", path, name);
        (void)sqlite3_close(db);
        return false;
    } else if (good) {
        good = print_view(db, name, out);
    }
    if (!good) {
        (void)snprintf(error, error_len, "%s: %s", path, db != NULL ? sqlite3_errmsg(db) : strerror(ENOMEM));
    }
    (void)sqlite3_close(db);
    return good;
}
