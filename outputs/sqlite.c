#include "sqlite.h"

#include "sink_clock.h"
#include "sqlite_rows.h"

#include <errno.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdlib.h>

#define ERROR_LEN 512

struct sqlite_sink {
    struct sink sink; /* first, so that one can be cast to the other */
    sqlite3 *db;
    sqlite3_stmt *inserts[NUM_SQLITE_TABLES];
    struct sqlite_schema schema;
    struct buffer pending;     /* rows taken and not yet committed */
    size_t num_pending;        /* events in them */
    uint64_t pending_since_ms; /* when the oldest of them was taken */
    size_t try_at;             /* bytes pending at which the next transaction is tried */
    struct sink_stats stats;
    bool failing; /* the last transaction failed; said once */
    void (*log)(void *context, const char *message);
    void *log_context;
    char error[ERROR_LEN]; /* "" when nothing failed */
};

static void set_error(struct sqlite_sink *sqlite, const char *what) {
    (void)snprintf(sqlite->error, sizeof sqlite->error, "%s: %s", sqlite->sink.target, what);
}

static void say(const struct sqlite_sink *sqlite, const char *what) {
    char message[ERROR_LEN + 64];
    (void)snprintf(message, sizeof message, "%s%s", sqlite->failing ? sqlite->error : sqlite->sink.target,
                   what);
    if (sqlite->log != NULL) {
        sqlite->log(sqlite->log_context, message);
    }
}

/* --- writing --- */

static bool run(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* Inserts the row at *at, and moves there behind it. */
static bool insert_row(struct sqlite_sink *sqlite, const char **at) {
    enum sqlite_table table;
    struct sqlite_value value;
    *at = sqlite_rows_table(*at, &table);
    sqlite3_stmt *insert = sqlite->inserts[table];
    for (int i = 1; i <= (int)sqlite->schema.tables[table].num_columns; i++) {
        *at = sqlite_rows_value(*at, &value);
        if (value.kind == SQLITE_VALUE_TEXT) {
            (void)sqlite3_bind_text(insert, i, value.text, (int)value.text_len, SQLITE_STATIC);
        } else if (value.kind == SQLITE_VALUE_INTEGER) {
            (void)sqlite3_bind_int64(insert, i, value.integer);
        } else {
            (void)sqlite3_bind_null(insert, i);
        }
    }
    bool inserted = sqlite3_step(insert) == SQLITE_DONE;
    return sqlite3_reset(insert) == SQLITE_OK && inserted;
}

static bool insert_all(struct sqlite_sink *sqlite) {
    const char *at = sqlite->pending.data;
    const char *end = at + sqlite->pending.len;
    while (at < end) {
        if (!insert_row(sqlite, &at)) {
            return false;
        }
    }
    return true;
}

/* What may be over the next time: the disk is full, another program writes. */
static bool may_pass(int code) {
    switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
        return true;
    default:
        return false;
    }
}

/* Commits what is pending. False: it still is, the error is set, and all of it is to be inserted again. */
static bool commit(struct sqlite_sink *sqlite) {
    if (sqlite->num_pending == 0) {
        return true;
    }
    bool good = run(sqlite->db, "BEGIN IMMEDIATE") && insert_all(sqlite) && run(sqlite->db, "COMMIT");
    if (!good) {
        set_error(sqlite, sqlite3_errmsg(sqlite->db));
        sqlite->try_at = sqlite->pending.len + SQLITE_BATCH_LEN;
        return false;
    }
    sqlite->stats.num_delivered += sqlite->num_pending;
    sqlite->num_pending = 0;
    sqlite->try_at = SQLITE_BATCH_LEN;
    buffer_clear(&sqlite->pending);
    return true;
}

/* Commits; 0 also where it is worth trying again, which is said once. */
static int try_commit(struct sqlite_sink *sqlite) {
    if (commit(sqlite)) {
        if (sqlite->failing) {
            sqlite->failing = false;
            say(sqlite, ": written again");
        }
        return 0;
    }
    int code = sqlite3_extended_errcode(sqlite->db);
    sqlite->stats.errors[SINK_ERROR_DISK]++;
    if (!sqlite3_get_autocommit(sqlite->db)) {
        (void)run(sqlite->db, "ROLLBACK");
    }
    if (!may_pass(code)) {
        return -1;
    }
    if (!sqlite->failing) {
        sqlite->failing = true;
        say(sqlite, "; trying again");
    }
    return 0;
}

static int sqlite_write(struct sink *sink, const struct event *event) {
    struct sqlite_sink *sqlite = (struct sqlite_sink *)sink;
    struct buffer *pending = &sqlite->pending;
    if (pending->len >= SQLITE_PENDING_MAX) {
        return SINK_FULL;
    }
    size_t before = pending->len;
    sqlite_rows_add(&sqlite->schema, event, pending);
    if (pending->failed) {
        pending->failed = false;
        pending->len = before;
        set_error(sqlite, strerror(ENOMEM));
        return -1;
    }
    if (sqlite->num_pending++ == 0) {
        sqlite->pending_since_ms = sink_clock_ms();
    }
    sqlite->stats.num_written++;
    sqlite->stats.bytes_written += pending->len - before;
    /* Live, the sensor's own event comes each minute: so old at most is what readers see. */
    bool due = event->dataset == DATASET_SENSOR || pending->len >= sqlite->try_at;
    return due ? try_commit(sqlite) : 0;
}

static int sqlite_flush(struct sink *sink) {
    return try_commit((struct sqlite_sink *)sink);
}

static uint64_t sqlite_wait(struct sink *sink, unsigned timeout_ms) {
    struct sqlite_sink *sqlite = (struct sqlite_sink *)sink;
    if (sqlite->num_pending > 0 && try_commit(sqlite) == 0 && sqlite->num_pending > 0) {
        (void)poll(NULL, 0, (int)timeout_ms);
    }
    return sqlite->num_pending;
}

static void sqlite_stats(struct sink *sink, struct sink_stats *stats) {
    struct sqlite_sink *sqlite = (struct sqlite_sink *)sink;
    *stats = sqlite->stats;
    stats->num_waiting = sqlite->num_pending;
    stats->bytes_waiting = sqlite->pending.len;
    stats->lag_ms = sqlite->num_pending > 0 ? sink_clock_ms() - sqlite->pending_since_ms : 0;
}

static const char *sqlite_error(const struct sink *sink) {
    const struct sqlite_sink *sqlite = (const struct sqlite_sink *)sink;
    return sqlite->error[0] != '\0' ? sqlite->error : NULL;
}

/* --- opening and closing --- */

static void sqlite_free(struct sqlite_sink *sqlite) {
    for (unsigned i = 0; i < NUM_SQLITE_TABLES; i++) {
        (void)sqlite3_finalize(sqlite->inserts[i]);
    }
    (void)sqlite3_close(sqlite->db);
    buffer_cleanup(&sqlite->pending);
    free(sqlite->sink.target);
    free(sqlite);
}

static int sqlite_close(struct sink *sink) {
    struct sqlite_sink *sqlite = (struct sqlite_sink *)sink;
    int result = try_commit(sqlite) == 0 && sqlite->num_pending == 0 ? 0 : -1;
    sqlite_free(sqlite);
    return result;
}

static const struct sink_ops sqlite_ops = {.write = sqlite_write,
                                           .flush = sqlite_flush,
                                           .close = sqlite_close,
                                           .error = sqlite_error,
                                           .wait = sqlite_wait,
                                           .stats = sqlite_stats};

/* The integer that a statement gives. */
static bool get_integer(sqlite3 *db, const char *sql, int *integer) {
    sqlite3_stmt *statement = NULL;
    bool good = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_ROW;
    if (good) {
        *integer = sqlite3_column_int(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return good;
}

/* Adds the columns that a table of an older version does not have. */
static bool add_columns(sqlite3 *db, const struct sqlite_table_info *table) {
    char sql[256];
    for (size_t i = 0; i < table->num_columns; i++) {
        const struct sqlite_column *column = &table->columns[i];
        int found = 0;
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM pragma_table_info('%s') WHERE name = '%s'",
                       table->name, column->name);
        if (!get_integer(db, sql, &found)) {
            return false;
        }
        (void)snprintf(sql, sizeof sql, "ALTER TABLE %s ADD COLUMN %s %s", table->name, column->name,
                       column->type);
        if (found == 0 && !run(db, sql)) {
            return false;
        }
    }
    return true;
}

/* Makes what is missing, in a new database or in one of an older version: rows stay, views are made anew. */
static bool migrate(struct sqlite_sink *sqlite) {
    struct buffer sql = {0};
    sqlite_schema_tables(&sqlite->schema, &sql);
    buffer_add_char(&sql, '\0');
    bool good = !sql.failed && run(sqlite->db, "BEGIN IMMEDIATE") && run(sqlite->db, sql.data);
    for (unsigned i = 0; good && i < NUM_SQLITE_TABLES; i++) {
        good = add_columns(sqlite->db, &sqlite->schema.tables[i]);
    }
    buffer_clear(&sql);
    sqlite_schema_views(&sql);
    buffer_printf(&sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", SQLITE_APPLICATION_ID,
                  SQLITE_SCHEMA_VERSION);
    buffer_add_char(&sql, '\0');
    good = good && !sql.failed && run(sqlite->db, sql.data);
    buffer_cleanup(&sql);
    return good;
}

/* Whose database it is, and of which version; false with the error set. */
static bool check_database(struct sqlite_sink *sqlite) {
    int application = 0, version = 0, objects = 0;
    if (!get_integer(sqlite->db, "PRAGMA application_id", &application) ||
        !get_integer(sqlite->db, "PRAGMA user_version", &version) ||
        !get_integer(sqlite->db, "SELECT count(*) FROM sqlite_master", &objects)) {
        set_error(sqlite, sqlite3_errmsg(sqlite->db));
        return false;
    }
    if (objects > 0 && application != SQLITE_APPLICATION_ID) {
        set_error(sqlite, "is the database of another program");
        return false;
    }
    if (version > SQLITE_SCHEMA_VERSION) {
        set_error(sqlite, "was written by a later version of starttap");
        return false;
    }
    if (!run(sqlite->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL") ||
        (version < SQLITE_SCHEMA_VERSION && !migrate(sqlite))) {
        set_error(sqlite, sqlite3_errmsg(sqlite->db));
        return false;
    }
    return true;
}

static bool prepare(struct sqlite_sink *sqlite) {
    struct buffer sql = {0};
    bool good = true;
    for (unsigned i = 0; good && i < NUM_SQLITE_TABLES; i++) {
        buffer_clear(&sql);
        sqlite_schema_insert(&sqlite->schema.tables[i], (enum sqlite_table)i, &sql);
        good =
            !sql.failed && sqlite3_prepare_v3(sqlite->db, sql.data, (int)sql.len, SQLITE_PREPARE_PERSISTENT,
                                              &sqlite->inserts[i], NULL) == SQLITE_OK;
    }
    buffer_cleanup(&sql);
    if (!good) {
        set_error(sqlite, sqlite3_errmsg(sqlite->db));
    }
    return good;
}

static bool open_database(struct sqlite_sink *sqlite, const char *path) {
    if (sqlite3_open_v2(path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK) {
        set_error(sqlite, sqlite->db != NULL ? sqlite3_errmsg(sqlite->db) : strerror(ENOMEM));
        return false;
    }
    (void)sqlite3_busy_timeout(sqlite->db, SQLITE_BUSY_MS);
    return check_database(sqlite) && prepare(sqlite);
}

struct sink *sqlite_open(const struct sink_spec *spec, const char *text, const struct sink_options *options,
                         char *error, size_t error_len) {
    struct sqlite_sink *sqlite = calloc(1, sizeof *sqlite);
    if (sqlite != NULL) {
        sqlite->sink.ops = &sqlite_ops;
        sqlite->sink.datasets = (1u << NUM_DATASETS) - 1;
        sqlite->sink.target = strdup(text);
        sqlite->log = options->log;
        sqlite->log_context = options->log_context;
        sqlite->try_at = SQLITE_BATCH_LEN;
        sqlite_schema_init(&sqlite->schema);
    }
    if (sqlite == NULL || sqlite->sink.target == NULL) {
        (void)snprintf(error, error_len, "%s: %s", text, strerror(ENOMEM));
    } else if (!open_database(sqlite, spec->target)) {
        (void)snprintf(error, error_len, "%s", sqlite->error);
    } else {
        return &sqlite->sink;
    }
    if (sqlite != NULL) {
        sqlite_free(sqlite);
    }
    return NULL;
}
