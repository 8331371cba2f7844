#include "state_rows.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

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

static bool load_server(struct memory *memory, sqlite3_stmt *const statements_of[3]) {
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
    return r.good && memory_restore_server(memory, &server);
}

static bool load_failure(struct memory *memory, sqlite3_stmt *const statements_of[3]) {
    struct reading r = {.statement = statements_of[0], .good = true};
    struct memory_failure failure = {0};
    get_text(&r, failure.ends, sizeof failure.ends);
    failure.began_ns = get_time(&r);
    failure.ended_ns = get_time(&r);
    return r.good && memory_restore_failure(memory, &failure);
}

static uint64_t get_findings(struct reading *r) {
    char text[STATE_FINDINGS_LEN], *save;
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

static bool load_judgement(struct memory *memory, sqlite3_stmt *const statements_of[3]) {
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
    return r.good && memory_restore_judgement(memory, &j);
}

/* Each row of the first statement; the others are what it looks up by the way. */
static bool load_rows(sqlite3 *db, struct memory *memory, const char *const sql[3],
                      bool (*load)(struct memory *memory, sqlite3_stmt *const statements_of[3])) {
    sqlite3_stmt *prepared[3] = {0};
    bool good = true;
    for (size_t i = 0; i < 3; i++)
        good = good && (!sql[i] || sqlite3_prepare_v2(db, sql[i], -1, &prepared[i], NULL) == SQLITE_OK);
    int result = SQLITE_DONE;
    while (good && (result = sqlite3_step(prepared[0])) == SQLITE_ROW)
        good = load(memory, prepared);
    for (size_t i = 0; i < 3; i++)
        (void)sqlite3_finalize(prepared[i]);
    return good && result == SQLITE_DONE;
}

bool state_load_rows(sqlite3 *db, struct memory *memory) {
    static const char *const servers[3] = {
        "SELECT * FROM servers ORDER BY newest, ip, port",
        ("SELECT sha256, key_sha256, first, last FROM certificates WHERE ip = ? AND port = ? ORDER BY last "
         "DESC, sha256"),
        "SELECT version, sessions, first, last FROM versions WHERE ip = ? AND port = ?"};
    static const char *const failures[3] = {"SELECT * FROM failures ORDER BY ended, ends"};
    static const char *const judgements[3] = {"SELECT * FROM judgements ORDER BY start, id"};
    return load_rows(db, memory, servers, load_server) && load_rows(db, memory, failures, load_failure) &&
           load_rows(db, memory, judgements, load_judgement);
}
