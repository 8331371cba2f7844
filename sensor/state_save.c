#include "state_rows.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>

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
static_assert(NUM_STATEMENTS == STATE_STATEMENTS, "one each");

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

/* A statement while its parameters are filled in, in their order. */
struct writing {
    sqlite3_stmt *statement;
    int at;
};

static struct writing start(const struct state_writer *writer, enum statement which) {
    return (struct writing){writer->statements[which], 0};
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

static bool save_certs(const struct state_writer *writer, const struct memory_server *server) {
    struct writing w = start(writer, DROP_CERTS);
    put_text(&w, server->ip);
    put_number(&w, server->port);
    bool good = finish(&w);
    for (size_t i = 0; good && i < MEMORY_CERTS_MAX; i++) {
        const struct memory_cert *cert = &server->certs[i];
        if (cert->sha256[0] == '\0')
            continue;
        w = start(writer, PUT_CERT);
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

static bool save_versions(const struct state_writer *writer, const struct memory_server *server) {
    bool good = true;
    for (unsigned i = 0; good && i < NUM_MEMORY_VERSIONS; i++) {
        if (server->versions[i].sessions == 0)
            continue;
        struct writing w = start(writer, PUT_VERSION);
        put_text(&w, server->ip);
        put_number(&w, server->port);
        put_text(&w, memory_version_name((enum memory_version)i));
        put_span(&w, &server->versions[i]);
        good = finish(&w);
    }
    return good;
}

static bool save_server(void *context, const struct memory_server *server) {
    const struct state_writer *writer = context;
    struct writing w = start(writer, PUT_SERVER);
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
    return finish(&w) && save_certs(writer, server) && save_versions(writer, server);
}

static bool save_failure(void *context, const struct memory_failure *failure) {
    struct writing w = start(context, PUT_FAILURE);
    put_text(&w, failure->ends);
    put_time(&w, failure->began_ns);
    put_time(&w, failure->ended_ns);
    return finish(&w);
}

static void put_findings(struct writing *w, uint64_t findings) {
    char text[STATE_FINDINGS_LEN] = "";
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

static bool trim(const struct state_writer *writer, size_t max) {
    const struct {
        enum statement statement;
        int64_t number; /* below 0: it wants none */
    } steps[] = {
        {TRIM_SERVERS, (int64_t)max},
        {TRIM_CERTS, -1},
        {TRIM_VERSIONS, -1},
        {TRIM_FAILURES, (int64_t)MEMORY_FALLBACK_NS},
        {TRIM_JUDGEMENTS, MEMORY_JUDGEMENTS_MAX},
    };
    bool good = true;
    for (size_t i = 0; good && i < sizeof steps / sizeof steps[0]; i++) {
        struct writing w = start(writer, steps[i].statement);
        if (steps[i].number >= 0)
            put_number(&w, steps[i].number);
        good = finish(&w);
    }
    return good;
}

bool state_writer_open(struct state_writer *writer, sqlite3 *db) {
    for (size_t i = 0; i < NUM_STATEMENTS; i++) {
        if (sqlite3_prepare_v2(db, statements[i], -1, &writer->statements[i], NULL) != SQLITE_OK)
            return false;
    }
    return true;
}

void state_writer_close(struct state_writer *writer) {
    for (size_t i = 0; i < NUM_STATEMENTS; i++) {
        (void)sqlite3_finalize(writer->statements[i]);
        writer->statements[i] = NULL;
    }
}

bool state_writer_save(struct state_writer *writer, struct memory *memory, size_t max) {
    const struct memory_teller teller = {save_server, save_failure, save_judgement, writer};
    return memory_tell(memory, &teller) && trim(writer, max);
}
