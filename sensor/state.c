#include "state.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state_rows.h"

#define PATH_LEN 4352
#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

static const char schema[] =
    "CREATE TABLE servers (ip TEXT NOT NULL, port INTEGER NOT NULL, first INTEGER NOT NULL, newest INTEGER "
    "NOT "
    "NULL, offers INTEGER NOT NULL, first_offered INTEGER NOT NULL, last_offered INTEGER NOT NULL, omissions "
    "INTEGER NOT NULL, first_omitted INTEGER NOT NULL, last_omitted INTEGER NOT NULL, recent INTEGER NOT "
    "NULL, "
    "num_recent INTEGER NOT NULL, offered_to TEXT NOT NULL, offered_to_at INTEGER NOT NULL, omitted_to TEXT "
    "NOT "
    "NULL, omitted_to_at INTEGER NOT NULL, difference_told INTEGER NOT NULL, failed INTEGER NOT NULL, "
    "PRIMARY "
    "KEY (ip, port)) WITHOUT ROWID;"
    "CREATE TABLE certificates (ip TEXT NOT NULL, port INTEGER NOT NULL, sha256 TEXT NOT NULL, "
    "key_sha256 BLOB, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (ip, port, sha256)) WITHOUT "
    "ROWID;"
    "CREATE TABLE versions (ip TEXT NOT NULL, port INTEGER NOT NULL, version TEXT NOT NULL, sessions INTEGER "
    "NOT "
    "NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (ip, port, version)) WITHOUT ROWID;"
    "CREATE TABLE failures (ends TEXT PRIMARY KEY NOT NULL, began INTEGER NOT NULL, ended INTEGER NOT NULL) "
    "WITHOUT ROWID;"
    "CREATE TABLE judgements (id TEXT PRIMARY KEY NOT NULL, start INTEGER NOT NULL, findings TEXT NOT NULL, "
    "offers INTEGER, omissions INTEGER, first_offered INTEGER, last_offered INTEGER, confidence INTEGER, "
    "cert_sha256 TEXT NOT NULL, cert_seen INTEGER, tls_version TEXT NOT NULL, tls_version_seen INTEGER, "
    "failed "
    "INTEGER, other_client TEXT NOT NULL, other_offered INTEGER NOT NULL, other_seen INTEGER) WITHOUT ROWID;"
    "PRAGMA application_id = " TEXT(STATE_APPLICATION_ID) "; PRAGMA user_version = " TEXT(STATE_VERSION) ";";

struct state {
    char path[PATH_LEN];
    struct memory *memory;
    size_t max;
    sqlite3 *db;
    struct state_writer writer;
};

static bool run(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

enum kind { KIND_OURS, KIND_NEW, KIND_OTHER_VERSION, KIND_FOREIGN, KIND_DAMAGED, KIND_FAILED };

/* The first value of the first row. */
static bool get_pragma(sqlite3 *db, const char *sql, int *number, bool *ok) {
    sqlite3_stmt *statement = NULL;
    bool good = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_ROW;
    if (good) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        *ok = text && strcmp(text, "ok") == 0;
        *number = sqlite3_column_int(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return good;
}

static bool is_damage(const struct state *state) {
    int code = sqlite3_errcode(state->db) & 0xff;
    return code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
}

static enum kind look(const struct state *state, int *version) {
    int application = 0, objects = 0, number = 0;
    bool ok = false;
    /* The first one reads the file; the lock is kept from then on. */
    if (!run(state->db,
             "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; BEGIN IMMEDIATE; COMMIT") ||
        !get_pragma(state->db, "SELECT count(*) FROM sqlite_master", &objects, &ok) ||
        !get_pragma(state->db, "PRAGMA application_id", &application, &ok) ||
        !get_pragma(state->db, "PRAGMA user_version", version, &ok))
        return is_damage(state) ? KIND_DAMAGED : KIND_FAILED;
    if (application == 0 && objects == 0)
        return KIND_NEW;
    if (application != STATE_APPLICATION_ID)
        return KIND_FOREIGN;
    if (*version != STATE_VERSION)
        return KIND_OTHER_VERSION;
    return get_pragma(state->db, "PRAGMA quick_check(1)", &number, &ok) && ok ? KIND_OURS : KIND_DAMAGED;
}

static bool open_file(struct state *state) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    return sqlite3_open_v2(state->path, &state->db, flags, NULL) == SQLITE_OK;
}

static void close_file(struct state *state) {
    state_writer_close(&state->writer);
    (void)sqlite3_close(state->db);
    state->db = NULL;
}

/* The file and its journal, which goes with it. */
static bool put_aside(struct state *state, const char *why, char aside[PATH_LEN], char *error,
                      size_t error_len) {
    char journal[PATH_LEN + 16], journal_aside[PATH_LEN + 16];
    close_file(state);
    errno = EEXIST; /* of all names */
    for (unsigned i = 1; i <= STATE_ASIDE_MAX; i++) {
        int len = snprintf(aside, PATH_LEN, "%s.%s-%u", state->path, why, i);
        if (len < 0 || len >= PATH_LEN)
            break;
        if (access(aside, F_OK) == 0)
            continue;
        snprintf(journal, sizeof journal, "%s-journal", state->path);
        snprintf(journal_aside, sizeof journal_aside, "%s-journal", aside);
        (void)rename(journal, journal_aside);
        if (rename(state->path, aside) == 0)
            return true;
        break;
    }
    snprintf(error, error_len, "--state: cannot put '%s' aside: %s", state->path, strerror(errno));
    return false;
}

static bool make_new(struct state *state) {
    return run(state->db, "BEGIN IMMEDIATE") && run(state->db, schema) && run(state->db, "COMMIT");
}

/* Puts the file aside and begins a new one. */
static bool begin_anew(struct state *state, enum kind kind, int version, state_log log, void *context,
                       char *error, size_t error_len) {
    char why[32] = "damaged", aside[PATH_LEN], message[2 * PATH_LEN + 128];
    if (kind == KIND_OTHER_VERSION)
        snprintf(why, sizeof why, "version-%d", version);
    memory_forget(state->memory);
    if (!put_aside(state, why, aside, error, error_len))
        return false;
    snprintf(message, sizeof message, "--state: '%s' %s: kept as '%s', a new one is begun", state->path,
             kind == KIND_DAMAGED ? "is damaged" : "was written by another version of starttap", aside);
    log(context, message);
    if (open_file(state) && look(state, &version) == KIND_NEW && make_new(state))
        return true;
    snprintf(error, error_len, "--state: cannot make '%s': %s", state->path, sqlite3_errmsg(state->db));
    return false;
}

static bool open_state(struct state *state, state_log log, void *context, char *error, size_t error_len) {
    int version = 0;
    enum kind kind = open_file(state) ? look(state, &version) : KIND_FAILED;
    if (kind == KIND_NEW && !make_new(state))
        kind = KIND_FAILED;
    if (kind == KIND_OURS && !state_load_rows(state->db, state->memory))
        kind = KIND_DAMAGED;
    if (kind == KIND_FOREIGN) {
        snprintf(error, error_len, "--state: '%s' is a database of something else", state->path);
        return false;
    }
    if (kind == KIND_FAILED) {
        bool busy = (sqlite3_errcode(state->db) & 0xff) == SQLITE_BUSY;
        snprintf(error, error_len, "--state: cannot use '%s': %s", state->path,
                 busy ? "another starttap has it open" : sqlite3_errmsg(state->db));
        return false;
    }
    if ((kind == KIND_OTHER_VERSION || kind == KIND_DAMAGED) &&
        !begin_anew(state, kind, version, log, context, error, error_len))
        return false;
    if (state_writer_open(&state->writer, state->db))
        return true;
    snprintf(error, error_len, "--state: cannot use '%s': %s", state->path, sqlite3_errmsg(state->db));
    return false;
}

/* The file was renamed or removed while it was open: all goes into a new one. Not over one that is
 * somebody's. */
static bool follow_name(struct state *state, char *error, size_t error_len) {
    int moved = 1, version;
    struct stat status;
    if (state->db)
        (void)sqlite3_file_control(state->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved);
    if (!moved)
        return true;
    if (access(state->path, F_OK) == 0) {
        snprintf(error, error_len,
                 "--state: '%s' is another file now: nothing is saved before the next start", state->path);
        return false;
    }
    if (state->db && errno != ENOENT)
        return true; /* out of sight, which says nothing */
    close_file(state);
    if (open_file(state) && look(state, &version) == KIND_NEW && make_new(state) &&
        state_writer_open(&state->writer, state->db)) {
        memory_untold(state->memory);
        return true;
    }
    snprintf(error, error_len, "--state: cannot make '%s': %s", state->path, sqlite3_errmsg(state->db));
    close_file(state);
    if (stat(state->path, &status) == 0 && status.st_size == 0)
        (void)unlink(state->path); /* it is what we could not fill */
    return false;
}

bool state_save(struct state *state, char *error, size_t error_len) {
    if (!follow_name(state, error, error_len))
        return false;
    bool good = run(state->db, "BEGIN IMMEDIATE") &&
                state_writer_save(&state->writer, state->memory, state->max) && run(state->db, "COMMIT");
    if (good) {
        memory_told(state->memory);
        return true;
    }
    snprintf(error, error_len, "--state: cannot write '%s': %s", state->path, sqlite3_errmsg(state->db));
    (void)run(state->db, "ROLLBACK");
    return false;
}

struct state *state_open(const char *path, struct memory *memory, size_t max, state_log log, void *context,
                         char *error, size_t error_len) {
    struct state *state = calloc(1, sizeof *state);
    if (!state || strlen(path) + 64 >= sizeof state->path) {
        snprintf(error, error_len, state ? "--state: the name is too long" : "out of memory");
        free(state);
        return NULL;
    }
    memcpy(state->path, path, strlen(path));
    state->memory = memory;
    state->max = max;
    if (open_state(state, log, context, error, error_len))
        return state;
    state_close(state);
    return NULL;
}

void state_close(struct state *state) {
    if (!state)
        return;
    close_file(state);
    free(state);
}
