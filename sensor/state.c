#include "state.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN     4352
#define FINDINGS_LEN 512
#define TEXT_(x)     #x
#define TEXT(x)      TEXT_(x)

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

enum statement {
    PUT_SERVER,
    DROP_CERTS, /* of a server, */
    PUT_CERT,
    PUT_VERSION,
    PUT_FAILURE,
    PUT_JUDGEMENT,
    /* and what is too much or too old: */
    TRIM_SERVERS,
    TRIM_CERTS,
    TRIM_VERSIONS,
    TRIM_FAILURES,
    TRIM_JUDGEMENTS,
    NUM_STATEMENTS
};

static const char *const statements[NUM_STATEMENTS] = {
    [PUT_SERVER] = "REPLACE INTO servers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [DROP_CERTS] = "DELETE FROM certificates WHERE ip = ? AND port = ?",
    [PUT_CERT] = "REPLACE INTO certificates VALUES (?, ?, ?, ?, ?, ?)",
    [PUT_VERSION] = "REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?)",
    [PUT_FAILURE] = "REPLACE INTO failures VALUES (?, ?, ?)",
    [PUT_JUDGEMENT] = "REPLACE INTO judgements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [TRIM_SERVERS] = ("DELETE FROM servers WHERE (ip, port) IN "
                      "(SELECT ip, port FROM servers ORDER BY newest DESC, ip, port LIMIT -1 OFFSET ?)"),
    [TRIM_CERTS] = "DELETE FROM certificates WHERE (ip, port) NOT IN (SELECT ip, port FROM servers)",
    [TRIM_VERSIONS] = "DELETE FROM versions WHERE (ip, port) NOT IN (SELECT ip, port FROM servers)",
    [TRIM_FAILURES] = "DELETE FROM failures WHERE ended < (SELECT max(newest) FROM servers) - ?",
    [TRIM_JUDGEMENTS] = ("DELETE FROM judgements WHERE id IN "
                         "(SELECT id FROM judgements ORDER BY start DESC, id LIMIT -1 OFFSET ?)"),
};

struct state {
    char path[PATH_LEN];
    struct memory *memory;
    size_t max;
    sqlite3 *db;
    sqlite3_stmt *statements[NUM_STATEMENTS];
};

static bool run(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* --- saving --- */

/* A statement while its parameters are filled in, in their order. */
struct writing {
    sqlite3_stmt *statement;
    int at;
};

static struct writing start(const struct state *state, enum statement which) {
    return (struct writing){state->statements[which], 0};
}

/* A failed binding leaves NULL, which the tables refuse. */
static void put_text(struct writing *w, const char *text) {
    (void)sqlite3_bind_text(w->statement, ++w->at, text, -1, SQLITE_TRANSIENT);
}

static void put_number(struct writing *w, int64_t number) {
    (void)sqlite3_bind_int64(w->statement, ++w->at, number);
}

static void put_time(struct writing *w, uint64_t ns) {
    put_number(w, (int64_t)ns); /* and back, whatever it is */
}

static void put_optional(struct writing *w, int64_t number) {
    if (number == EVENT_ABSENT)
        (void)sqlite3_bind_null(w->statement, ++w->at);
    else
        put_number(w, number);
}

static void put_key(struct writing *w, const struct memory_cert *cert) {
    const void *key = cert->key_known ? cert->key_sha256 : NULL; /* NULL is bound as such */
    (void)sqlite3_bind_blob(w->statement, ++w->at, key, sizeof cert->key_sha256, SQLITE_TRANSIENT);
}

static bool finish(struct writing *w) {
    bool good = sqlite3_step(w->statement) == SQLITE_DONE;
    return sqlite3_reset(w->statement) == SQLITE_OK && good;
}

static void put_span(struct writing *w, const struct memory_span *span) {
    put_time(w, span->sessions);
    put_time(w, span->first_ns);
    put_time(w, span->last_ns);
}

static bool save_certs(const struct state *state, const struct memory_server *server) {
    struct writing w = start(state, DROP_CERTS);
    put_text(&w, server->ip);
    put_number(&w, server->port);
    bool good = finish(&w);
    for (size_t i = 0; good && i < MEMORY_CERTS_MAX; i++) {
        const struct memory_cert *cert = &server->certs[i];
        if (cert->sha256[0] == '\0')
            continue;
        w = start(state, PUT_CERT);
        put_text(&w, server->ip);
        put_number(&w, server->port);
        put_text(&w, cert->sha256);
        put_key(&w, cert);
        put_time(&w, cert->first_ns);
        put_time(&w, cert->last_ns);
        good = finish(&w);
    }
    return good;
}

static bool save_versions(const struct state *state, const struct memory_server *server) {
    bool good = true;
    for (unsigned i = 0; good && i < NUM_MEMORY_VERSIONS; i++) {
        if (server->versions[i].sessions == 0)
            continue;
        struct writing w = start(state, PUT_VERSION);
        put_text(&w, server->ip);
        put_number(&w, server->port);
        put_text(&w, memory_version_name((enum memory_version)i));
        put_span(&w, &server->versions[i]);
        good = finish(&w);
    }
    return good;
}

static bool save_server(void *context, const struct memory_server *server) {
    const struct state *state = context;
    struct writing w = start(state, PUT_SERVER);
    put_text(&w, server->ip);
    put_number(&w, server->port);
    put_time(&w, server->first_ns);
    put_time(&w, server->newest_ns);
    put_span(&w, &server->offers);
    put_span(&w, &server->omissions);
    put_number(&w, server->recent);
    put_number(&w, server->num_recent);
    put_text(&w, server->offered_to.ip);
    put_time(&w, server->offered_to.seen_ns);
    put_text(&w, server->omitted_to.ip);
    put_time(&w, server->omitted_to.seen_ns);
    put_number(&w, server->difference_told);
    put_time(&w, server->failed_ns);
    return finish(&w) && save_certs(state, server) && save_versions(state, server);
}

static bool save_failure(void *context, const struct memory_failure *failure) {
    struct writing w = start(context, PUT_FAILURE);
    put_text(&w, failure->ends);
    put_time(&w, failure->began_ns);
    put_time(&w, failure->ended_ns);
    return finish(&w);
}

static void put_findings(struct writing *w, uint64_t findings) {
    char text[FINDINGS_LEN] = "";
    size_t len = 0;
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        if ((findings >> i & 1) != 0 && len < sizeof text)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len > 0 ? " " : "",
                                    finding_info((enum finding)i)->name);
    }
    put_text(w, text);
}

static bool save_judgement(void *context, const struct memory_judgement *j) {
    struct writing w = start(context, PUT_JUDGEMENT);
    put_text(&w, j->id);
    put_time(&w, j->start_ns);
    put_findings(&w, j->findings);
    put_optional(&w, j->offers);
    put_optional(&w, j->omissions);
    put_optional(&w, j->first_offered_s);
    put_optional(&w, j->last_offered_s);
    put_optional(&w, j->confidence);
    put_text(&w, j->cert_sha256);
    put_optional(&w, j->cert_seen_s);
    put_text(&w, j->tls_version);
    put_optional(&w, j->tls_version_seen_s);
    put_optional(&w, j->failed_s);
    put_text(&w, j->other_client);
    put_number(&w, j->other_offered);
    put_optional(&w, j->other_seen_s);
    return finish(&w);
}

static bool trim(const struct state *state) {
    const struct {
        enum statement statement;
        int64_t number; /* below 0: it wants none */
    } steps[] = {
        {TRIM_SERVERS, (int64_t)state->max},
        {TRIM_CERTS, -1},
        {TRIM_VERSIONS, -1},
        {TRIM_FAILURES, (int64_t)MEMORY_FALLBACK_NS},
        {TRIM_JUDGEMENTS, MEMORY_JUDGEMENTS_MAX},
    };
    bool good = true;
    for (size_t i = 0; good && i < sizeof steps / sizeof steps[0]; i++) {
        struct writing w = start(state, steps[i].statement);
        if (steps[i].number >= 0)
            put_number(&w, steps[i].number);
        good = finish(&w);
    }
    return good;
}

/* --- loading --- */

/* A row while it is read; good is false from the first value on that cannot be ours. */
struct reading {
    sqlite3_stmt *statement;
    int at;
    bool good;
};

static void get_text(struct reading *r, char *out, size_t size) {
    const char *text = (const char *)sqlite3_column_text(r->statement, r->at++);
    r->good = r->good && text && strlen(text) < size;
    snprintf(out, size, "%s", r->good ? text : "");
}

static int64_t get_number(struct reading *r, int64_t min, int64_t max) {
    bool is_number = sqlite3_column_type(r->statement, r->at) == SQLITE_INTEGER;
    int64_t number = sqlite3_column_int64(r->statement, r->at++);
    r->good = r->good && is_number && number >= min && number <= max;
    return number;
}

static uint64_t get_time(struct reading *r) {
    return (uint64_t)get_number(r, INT64_MIN, INT64_MAX);
}

static int64_t get_optional(struct reading *r) {
    if (sqlite3_column_type(r->statement, r->at) != SQLITE_NULL)
        return get_number(r, 0, INT64_MAX);
    r->at++;
    return EVENT_ABSENT;
}

static void get_span(struct reading *r, struct memory_span *span) {
    span->sessions = get_time(r);
    span->first_ns = get_time(r);
    span->last_ns = get_time(r);
}

static void get_client(struct reading *r, struct memory_client *client) {
    get_text(r, client->ip, sizeof client->ip);
    client->seen_ns = get_time(r);
}

static void get_key(struct reading *r, struct memory_cert *cert) {
    bool is_null = sqlite3_column_type(r->statement, r->at) == SQLITE_NULL;
    const void *key = sqlite3_column_blob(r->statement, r->at);
    cert->key_known = key && sqlite3_column_bytes(r->statement, r->at) == sizeof cert->key_sha256;
    if (cert->key_known)
        memcpy(cert->key_sha256, key, sizeof cert->key_sha256);
    r->good = r->good && (is_null || cert->key_known);
    r->at++;
}

static void load_certs(sqlite3_stmt *certs, struct reading *r, struct memory_server *server) {
    struct reading c = {.statement = certs, .good = true};
    (void)sqlite3_bind_text(certs, 1, server->ip, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int(certs, 2, server->port);
    for (size_t i = 0; i < MEMORY_CERTS_MAX && sqlite3_step(certs) == SQLITE_ROW; i++, c.at = 0) {
        get_text(&c, server->certs[i].sha256, sizeof server->certs[i].sha256);
        get_key(&c, &server->certs[i]);
        server->certs[i].first_ns = get_time(&c);
        server->certs[i].last_ns = get_time(&c);
    }
    r->good = sqlite3_reset(certs) == SQLITE_OK && r->good && c.good;
}

static void load_versions(sqlite3_stmt *versions, struct reading *r, struct memory_server *server) {
    struct reading v = {.statement = versions, .good = true};
    char name[MEMORY_VERSION_SIZE];
    (void)sqlite3_bind_text(versions, 1, server->ip, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int(versions, 2, server->port);
    for (; sqlite3_step(versions) == SQLITE_ROW; v.at = 0) {
        unsigned i = 0;
        get_text(&v, name, sizeof name);
        while (i < NUM_MEMORY_VERSIONS && strcmp(name, memory_version_name((enum memory_version)i)) != 0)
            i++;
        if (i < NUM_MEMORY_VERSIONS)
            get_span(&v, &server->versions[i]);
        else
            v.good = false;
    }
    r->good = sqlite3_reset(versions) == SQLITE_OK && r->good && v.good;
}

static bool load_server(struct state *state, sqlite3_stmt *const statements_of[3]) {
    struct reading r = {.statement = statements_of[0], .good = true};
    struct memory_server server = {0};
    get_text(&r, server.ip, sizeof server.ip);
    server.port = (uint16_t)get_number(&r, 0, UINT16_MAX);
    server.first_ns = get_time(&r);
    server.newest_ns = get_time(&r);
    get_span(&r, &server.offers);
    get_span(&r, &server.omissions);
    server.recent = (uint32_t)get_number(&r, 0, UINT32_MAX);
    server.num_recent = (uint8_t)get_number(&r, 0, MEMORY_RECENT_MAX);
    get_client(&r, &server.offered_to);
    get_client(&r, &server.omitted_to);
    server.difference_told = get_number(&r, 0, 1) != 0;
    server.failed_ns = get_time(&r);
    load_certs(statements_of[1], &r, &server);
    load_versions(statements_of[2], &r, &server);
    return r.good && memory_restore_server(state->memory, &server);
}

static bool load_failure(struct state *state, sqlite3_stmt *const statements_of[3]) {
    struct reading r = {.statement = statements_of[0], .good = true};
    struct memory_failure failure = {0};
    get_text(&r, failure.ends, sizeof failure.ends);
    failure.began_ns = get_time(&r);
    failure.ended_ns = get_time(&r);
    return r.good && memory_restore_failure(state->memory, &failure);
}

static uint64_t get_findings(struct reading *r) {
    char text[FINDINGS_LEN], *save;
    uint64_t findings = 0;
    get_text(r, text, sizeof text);
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        unsigned i = 0;
        while (i < NUM_FINDINGS && strcmp(word, finding_info((enum finding)i)->name) != 0)
            i++;
        if (i < NUM_FINDINGS)
            findings |= UINT64_C(1) << i;
        else
            r->good = false;
    }
    return findings;
}

static bool load_judgement(struct state *state, sqlite3_stmt *const statements_of[3]) {
    struct reading r = {.statement = statements_of[0], .good = true};
    struct memory_judgement j = {0};
    get_text(&r, j.id, sizeof j.id);
    j.start_ns = get_time(&r);
    j.findings = get_findings(&r);
    j.offers = get_optional(&r);
    j.omissions = get_optional(&r);
    j.first_offered_s = get_optional(&r);
    j.last_offered_s = get_optional(&r);
    j.confidence = get_optional(&r);
    get_text(&r, j.cert_sha256, sizeof j.cert_sha256);
    j.cert_seen_s = get_optional(&r);
    get_text(&r, j.tls_version, sizeof j.tls_version);
    j.tls_version_seen_s = get_optional(&r);
    j.failed_s = get_optional(&r);
    get_text(&r, j.other_client, sizeof j.other_client);
    j.other_offered = (enum fact)get_number(&r, FACT_UNKNOWN, FACT_YES);
    j.other_seen_s = get_optional(&r);
    return r.good && memory_restore_judgement(state->memory, &j);
}

/* Each row of the first statement; the others are what it looks up by the way. */
static bool load_rows(struct state *state, const char *const sql[3],
                      bool (*load)(struct state *state, sqlite3_stmt *const statements_of[3])) {
    sqlite3_stmt *prepared[3] = {0};
    bool good = true;
    for (size_t i = 0; i < 3; i++)
        good =
            good && (!sql[i] || sqlite3_prepare_v2(state->db, sql[i], -1, &prepared[i], NULL) == SQLITE_OK);
    int result = SQLITE_DONE;
    while (good && (result = sqlite3_step(prepared[0])) == SQLITE_ROW)
        good = load(state, prepared);
    for (size_t i = 0; i < 3; i++)
        (void)sqlite3_finalize(prepared[i]);
    return good && result == SQLITE_DONE;
}

static bool load_all(struct state *state) {
    static const char *const servers[3] = {
        "SELECT * FROM servers ORDER BY newest, ip, port",
        ("SELECT sha256, key_sha256, first, last FROM certificates WHERE ip = ? AND port = ? ORDER BY last "
         "DESC, sha256"),
        "SELECT version, sessions, first, last FROM versions WHERE ip = ? AND port = ?"};
    static const char *const failures[3] = {"SELECT * FROM failures ORDER BY ended, ends"};
    static const char *const judgements[3] = {"SELECT * FROM judgements ORDER BY start, id"};
    return load_rows(state, servers, load_server) && load_rows(state, failures, load_failure) &&
           load_rows(state, judgements, load_judgement);
}

/* --- opening --- */

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
    for (size_t i = 0; i < NUM_STATEMENTS; i++) {
        (void)sqlite3_finalize(state->statements[i]);
        state->statements[i] = NULL;
    }
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

static bool prepare(struct state *state) {
    for (size_t i = 0; i < NUM_STATEMENTS; i++) {
        if (sqlite3_prepare_v2(state->db, statements[i], -1, &state->statements[i], NULL) != SQLITE_OK)
            return false;
    }
    return true;
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
    if (kind == KIND_OURS && !load_all(state))
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
    if (prepare(state))
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
    if (open_file(state) && look(state, &version) == KIND_NEW && make_new(state) && prepare(state)) {
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
    const struct memory_teller teller = {save_server, save_failure, save_judgement, state};
    if (!follow_name(state, error, error_len))
        return false;
    bool good = run(state->db, "BEGIN IMMEDIATE") && memory_tell(state->memory, &teller) && trim(state) &&
                run(state->db, "COMMIT");
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
