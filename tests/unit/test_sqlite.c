/* The sink for SQLite: what it writes is read back by the library itself. */
#include "../../outputs/sqlite.h"
#include "../../outputs/sqlite_schema.h"

#include "sample_event.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NUM_EVENTS 40

static char directory[] = "/tmp/starttap-sqlite-XXXXXX";
static char path[64];
static size_t num_messages;
static char last_message[512];

static void on_message(void *context, const char *message) {
    (void)context;
    num_messages++;
    (void)snprintf(last_message, sizeof last_message, "%s", message);
}

static void remove_files(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char name[80];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

static int make_directory(void **state) {
    (void)state;
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/mail.db", directory);
    return 0;
}

static int remove_directory(void **state) {
    (void)state;
    remove_files();
    return rmdir(directory);
}

static int each_begins_empty(void **state) {
    (void)state;
    remove_files();
    num_messages = 0;
    return 0;
}

static struct sink *open_sink(void) {
    char error[256] = "";
    struct sink_options options = {.log = on_message};
    struct sink_spec spec = {.target = path};
    struct sink *sink = sqlite_open(&spec, "sqlite:mail.db", &options, error, sizeof error);
    if (sink == NULL) {
        fail_msg("%s", error);
    }
    return sink;
}

static void check_refused(const char *where, const char *says) {
    char error[256] = "";
    struct sink_options options = {0};
    struct sink_spec spec = {.target = where};
    assert_null(sqlite_open(&spec, "sqlite:mail.db", &options, error, sizeof error));
    if (strstr(error, says) == NULL) {
        fail_msg("%s, not %s", error, says);
    }
}

/* Everything that a statement gives: cells with '|' between, rows with a line feed behind. */
static char *query(const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *rows;
    struct buffer out = {0};
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &rows, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    while (sqlite3_step(rows) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            const char *cell = (const char *)sqlite3_column_text(rows, i);
            buffer_add_string(&out, i > 0 ? "|" : "");
            buffer_add_string(&out, cell != NULL ? cell : "NULL");
        }
        buffer_add_char(&out, '\n');
    }
    (void)sqlite3_finalize(rows);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    buffer_add_char(&out, '\0');
    assert_false(out.failed);
    return out.data;
}

static char *read_text(const char *name) {
    struct buffer out = {0};
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    for (int c; (c = getc(file)) != EOF;) {
        buffer_add_char(&out, (char)c);
    }
    (void)fclose(file);
    buffer_add_char(&out, '\0');
    assert_false(out.failed);
    return out.data;
}

static void check_query(const char *sql, const char *expected) {
    char *found = query(sql);
    assert_string_equal(found, expected);
    free(found);
}

static void execute(const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The i-th of a run: sessions with certificates and findings, peers among them, the sensor at its end. */
static void make_event(struct event *event, size_t i) {
    if (i == NUM_EVENTS - 1) {
        event_reset(event, DATASET_SENSOR);
        sample_fill(event, "sensor");
    } else if (i % 10 == 9) {
        event_reset(event, DATASET_PEER);
        sample_fill(event, "it's \"quoted\"; -- \xc3\xbc");
    } else {
        sample_session(event);
        event->session.start_ns += i * UINT64_C(3600000000000);
        if (i % 3 == 0) {
            event->session.verdict = VERDICT_NOT_OFFERED;
            event->session.mail_cleartext = FACT_YES;
            event->session.mail_cleartext_bytes = (int64_t)i * 100;
            event->session.mail_transactions = 1;
            event_find(&event->session, FINDING_MAIL_CLEARTEXT);
            event_find(&event->session, FINDING_STARTTLS_NOT_OFFERED);
        }
    }
    (void)snprintf(event->id, sizeof event->id, "%032zu", i);
}

static void write_all(struct sink *sink) {
    struct event event = {0};
    for (size_t i = 0; i < NUM_EVENTS; i++) {
        make_event(&event, i);
        assert_int_equal(sink->ops->write(sink, &event), 0);
    }
    event_cleanup(&event);
}

static void write_run(void) {
    struct sink *sink = open_sink();
    write_all(sink);
    assert_int_equal(sink->ops->close(sink), 0);
}

/* All rows of all tables. */
static char *dump(void) {
    struct buffer all = {0};
    static const char *const tables[] = {"sessions", "peers", "sensors", "findings", "certificates"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2", tables[i]);
        char *rows = query(sql);
        assert_true(rows[0] != '\0');
        buffer_add_string(&all, rows);
        free(rows);
    }
    buffer_add_char(&all, '\0');
    assert_false(all.failed);
    return all.data;
}

static void test_rows(void **state) {
    (void)state;
    write_run();
    check_query("SELECT count(*) FROM sessions", "36\n");
    check_query("SELECT count(*) FROM peers", "3\n");
    check_query("SELECT count(*) FROM sensors", "1\n");
    check_query("SELECT finding, severity, count(*) FROM findings GROUP BY 1, 2 ORDER BY 1",
                "mail.cleartext|3|12\nstarttls.not_offered|2|12\n");
    check_query("SELECT timestamp, source_ip, destination_port, verdict, smtp_capabilities, tls_established, "
                "network_vlan_id, typeof(source_port), event_severity, smtp_capabilities ->> 2, "
                "event_duration, tls_server_hash_sha256 FROM sessions WHERE event_id = "
                "'00000000000000000000000000000001'",
                "2023-11-14T23:13:20.123456789Z|192.0.2.10|25|starttls|[\"PIPELINING\",\"SIZE "
                "10240000\",\"STARTTLS\",\"8BITMIME\"]|1|NULL|integer|NULL|STARTTLS|0|"
                "0687f666a054ef17a08e2f2162eab4cbc0d265e1d7875be74bf3c712ca92daf0\n");
    check_query(
        "SELECT sha256, first_seen, last_seen, subject_common_name, alternative_names, not_after, "
        "public_key_size, public_key_curve FROM certificates",
        "0687f666a054ef17a08e2f2162eab4cbc0d265e1d7875be74bf3c712ca92daf0|2023-11-14T22:13:20.123456789Z|"
        "2023-11-16T12:13:20.123456789Z|mx.example.org|[\"mx.example.org\",\"mail.example.org\"]|"
        "2024-03-09T16:00:00Z|2048|NULL\n");
    check_query("SELECT ip, names ->> 0, verdicts ->> 'refused', adoption_ratio, typeof(adoption_ratio), "
                "findings FROM peers LIMIT 1",
                "192.0.2.1|it's \"quoted\"; -- \xc3\xbc|2|0.666667|real|"
                "[{\"name\":\"cert.expired\",\"sessions\":3}]\n");
    check_query("SELECT packets, limits ->> '$[0].name' FROM sensors", "0|sensor\n");
    check_query("PRAGMA integrity_check", "ok\n");
    check_query("PRAGMA journal_mode", "wal\n");
}

/* A session may have certificates on both sides. */
static void test_client_certificate(void **state) {
    (void)state;
    struct event event = {0};
    struct sink *sink = open_sink();
    sample_session(&event);
    event.session.client_cert = event.session.server_cert;
    event.session.client_cert.sha256 = "11";
    event.session.client_cert.subject_cn = "client.example.net";
    event.session.client_cert.public_key_size = 256;
    assert_int_equal(sink->ops->write(sink, &event), 0);
    assert_int_equal(sink->ops->close(sink), 0);
    check_query("SELECT sha256, subject_common_name, public_key_size FROM certificates ORDER BY 1 DESC",
                "11|client.example.net|256\n"
                "0687f666a054ef17a08e2f2162eab4cbc0d265e1d7875be74bf3c712ca92daf0|mx.example.org|2048\n");
    event_cleanup(&event);
}

static void test_twice_changes_nothing(void **state) {
    (void)state;
    write_run();
    char *first = dump();
    write_run();
    char *second = dump();
    assert_string_equal(first, second);
    free(first);
    free(second);
}

/* In whatever order captures are read, a certificate's first and last session are right. */
static void test_certificates_remember(void **state) {
    (void)state;
    static const unsigned days[] = {5, 2, 9, 7};
    struct event event = {0};
    struct sink *sink = open_sink();
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        sample_session(&event);
        (void)snprintf(event.id, sizeof event.id, "%zu", i);
        event.session.start_ns = days[i] * UINT64_C(86400000000000);
        event.session.server_cert.not_after_s = 10 * 86400 - 1;
        assert_int_equal(sink->ops->write(sink, &event), 0);
    }
    assert_int_equal(sink->ops->close(sink), 0);
    check_query("SELECT first_seen, last_seen FROM certificates",
                "1970-01-03T00:00:00.000000000Z|1970-01-10T00:00:00.000000000Z\n");
    check_query(
        "SELECT not_after, days_left, subject_common_name, servers, clients FROM expiring_certificates",
        "1970-01-10T23:59:59Z|0|mx.example.org|198.51.100.25|NULL\n");
    execute("UPDATE certificates SET not_after = '1970-01-09T23:59:59Z'");
    check_query("SELECT days_left FROM expiring_certificates", "-1\n");
    execute("UPDATE certificates SET not_after = '1970-02-09T00:00:00Z'");
    check_query("SELECT days_left FROM expiring_certificates", "");
    event_cleanup(&event);
}

static void test_views(void **state) {
    (void)state;
    write_run();
    check_query("SELECT * FROM adoption_by_day", "2023-11-14|2|1|1|0|0|2|0.5\n"
                                                 "2023-11-15|22|15|7|0|0|22|0.681818\n"
                                                 "2023-11-16|12|8|4|0|0|12|0.666667\n");
    check_query(
        "SELECT * FROM plaintext_peers",
        "198.51.100.25|mx.example.org|NULL|12|12|12|22500|0|not_offered|2023-11-14T22:13:20.123456789Z|"
        "2023-11-16T10:13:20.123456789Z\n");
    execute("UPDATE sessions SET network_direction = 'inbound', verdict = 'unknown', mail_auth_cleartext = 1 "
            "WHERE event_id LIKE '%3'");
    check_query("SELECT peer, name, direction, sessions, sessions_with_password FROM plaintext_peers",
                "198.51.100.25|mx.example.org|NULL|10|0\n192.0.2.10|client.example.net|inbound|4|4\n");
    check_query("SELECT left_out, counted, adoption FROM adoption_by_day LIMIT 1", "0|2|0.5\n");
    execute("UPDATE sessions SET verdict = 'no_mail'");
    check_query("SELECT left_out, counted, adoption FROM adoption_by_day LIMIT 1", "2|0|NULL\n");
}

/* A database of a version before: without a column, a view, an index and a table of ours. */
static void test_migration(void **state) {
    (void)state;
    write_run();
    char *before = query("SELECT event_id, verdict FROM sessions ORDER BY 1");
    execute("DROP VIEW expiring_certificates; DROP VIEW adoption_by_day;"
            "CREATE VIEW adoption_by_day AS SELECT 'old';"
            "DROP INDEX sessions_by_time; DROP TABLE sensors;"
            "ALTER TABLE sessions DROP COLUMN capture_overlap_conflict; PRAGMA user_version = 0");
    write_run();
    char *after = query("SELECT event_id, verdict FROM sessions ORDER BY 1");
    assert_string_equal(before, after);
    check_query("SELECT count(*), count(capture_overlap_conflict) FROM sessions", "36|0\n");
    check_query("SELECT count(*) FROM sensors", "1\n");
    check_query("SELECT count(*) FROM expiring_certificates", "0\n");
    check_query("SELECT count(*) FROM adoption_by_day", "3\n");
    char version[16];
    (void)snprintf(version, sizeof version, "%d\n", SQLITE_SCHEMA_VERSION);
    check_query("PRAGMA user_version", version);
    free(before);
    free(after);
}

/* A database that version 1 made: it gets what came later, and keeps its rows. */
static void test_migration_from_version_1(void **state) {
    (void)state;
    static const char columns[] =
        "SELECT m.name, c.name FROM (SELECT name FROM sqlite_master WHERE type = 'table') m, "
        "pragma_table_info(m.name) c ORDER BY m.name, c.cid";
    static const char others[] = "SELECT name, sql FROM sqlite_master WHERE type <> 'table' ORDER BY 1";
    char *made = read_text(TESTS_DIR "/unit/sqlite_version_1.sql");
    execute(made);
    execute("INSERT INTO sensors (event_id, packets) VALUES ('old', 7)");
    check_query("PRAGMA user_version", "1\n");
    check_query("SELECT count(*) FROM pragma_table_info('sensors') WHERE name LIKE 'sink_%'", "0\n");
    write_run();
    check_query("SELECT packets, sink_errors FROM sensors WHERE event_id = 'old'", "7|NULL\n");
    check_query("SELECT sink_errors ->> '$[0].name' FROM sensors WHERE event_id <> 'old'", "sensor\n");
    check_query("SELECT count(*) FROM sessions", "36\n");
    char *columns_then = query(columns), *others_then = query(others);
    remove_files();
    write_run();
    char *columns_new = query(columns), *others_new = query(others);
    assert_string_equal(columns_then, columns_new);
    assert_string_equal(others_then, others_new);
    free(made);
    free(columns_then);
    free(others_then);
    free(columns_new);
    free(others_new);
}

static void test_databases_that_are_not_ours(void **state) {
    (void)state;
    char text[80];
    execute("CREATE TABLE sessions (a)");
    check_refused(path, "sqlite:mail.db: is the database of another program");
    check_query("SELECT name FROM sqlite_master", "sessions\n");
    remove_files();
    write_run();
    execute("PRAGMA user_version = 1000");
    check_refused(path, "sqlite:mail.db: was written by a later version of starttap");
    remove_files();
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("no database", file);
    }
    (void)fclose(file);
    check_refused(path, "sqlite:mail.db: file is not a database");
    check_refused(directory, "sqlite:mail.db: unable to open database file");
    (void)snprintf(text, sizeof text, "%s/missing/mail.db", directory);
    check_refused(text, "unable to open database file");
}

/* Readers see what was committed, and hinder nobody. */
static void test_reader_meanwhile(void **state) {
    (void)state;
    struct event event = {0};
    struct sink *sink = open_sink();
    sqlite3 *db;
    write_all(sink); /* the sensor's event at the end commits */
    check_query("SELECT count(*) FROM sessions", "36\n");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM sessions", NULL, NULL, NULL), SQLITE_OK);
    sample_session(&event);
    assert_int_equal(sink->ops->write(sink, &event), 0);
    assert_int_equal(sink->ops->flush(sink), 0);
    assert_int_equal(sink->ops->wait(sink, 0), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(sink->ops->close(sink), 0);
    check_query("SELECT count(*) FROM sessions", "37\n");
    assert_int_equal(num_messages, 0);
    event_cleanup(&event);
}

/* --- a file system whose nth write fails --- */

/* The methods of files of one kind, of which there are few, and those that they stand in front of. */
struct methods {
    sqlite3_io_methods faulty; /* first, so that one can be cast to the other */
    const sqlite3_io_methods *real;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    struct methods methods[4];
    unsigned calls, fail_at; /* the fail_at-th write or sync fails, from 1; 0: none */
    unsigned fail_for;       /* and as many behind it */
    int code;
} faulty;

static bool fails(void) {
    faulty.calls++;
    return faulty.fail_at > 0 && faulty.calls >= faulty.fail_at &&
           faulty.calls - faulty.fail_at < faulty.fail_for;
}

static int faulty_sync(sqlite3_file *file, int flags) {
    if (fails()) {
        return SQLITE_IOERR_FSYNC;
    }
    const struct methods *methods = (const struct methods *)file->pMethods;
    file->pMethods = methods->real;
    int result = methods->real->xSync(file, flags);
    file->pMethods = &methods->faulty;
    return result;
}

static int faulty_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at) {
    if (fails()) {
        return faulty.code;
    }
    const struct methods *methods = (const struct methods *)file->pMethods;
    file->pMethods = methods->real;
    int result = methods->real->xWrite(file, data, len, at);
    file->pMethods = &methods->faulty;
    return result;
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs;
    int result = faulty.real->xOpen(faulty.real, name, file, flags, out_flags);
    if (result == SQLITE_OK && file->pMethods != NULL) {
        size_t i = 0;
        while (faulty.methods[i].real != NULL && faulty.methods[i].real != file->pMethods) {
            assert_true(++i < sizeof faulty.methods / sizeof faulty.methods[0]);
        }
        faulty.methods[i].real = file->pMethods;
        faulty.methods[i].faulty = *file->pMethods;
        faulty.methods[i].faulty.xWrite = faulty_write;
        faulty.methods[i].faulty.xSync = faulty_sync;
        file->pMethods = &faulty.methods[i].faulty;
    }
    return result;
}

static void make_faulty(void) {
    faulty.real = sqlite3_vfs_find(NULL);
    faulty.vfs = *faulty.real;
    faulty.vfs.zName = "faulty";
    faulty.vfs.xOpen = faulty_open;
    assert_int_equal(sqlite3_vfs_register(&faulty.vfs, 1), SQLITE_OK);
}

static void make_good(void) {
    assert_int_equal(sqlite3_vfs_unregister(&faulty.vfs), SQLITE_OK);
}

/* Whichever write fails, and for however long: it is said once, and in the end every row is there once. */
static void test_nth_write_fails(void **state) {
    (void)state;
    write_run();
    char *expected = dump();
    unsigned nth = 1;
    bool failed = true;
    for (; failed; nth++) {
        remove_files();
        num_messages = 0;
        struct sink *sink = open_sink(); /* by the real file system: only what follows may fail */
        assert_int_equal(sink->ops->close(sink), 0);
        make_faulty();
        sink = open_sink();
        faulty.calls = 0;
        faulty.fail_at = nth;
        faulty.fail_for = nth % 4 + 1;
        faulty.code = nth % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        write_all(sink);
        assert_int_equal(sink->ops->flush(sink), 0);
        for (unsigned i = 0; i < 10 && sink->ops->wait(sink, 0) > 0; i++) {
            assert_non_null(sink->ops->error(sink));
        }
        struct sink_stats stats;
        sink->ops->stats(sink, &stats);
        assert_int_equal(stats.num_written, NUM_EVENTS);
        assert_int_equal(stats.num_delivered, NUM_EVENTS);
        assert_int_equal(stats.num_waiting, 0);
        failed = num_messages > 0;
        faulty.fail_at = 0;
        assert_int_equal(sink->ops->close(sink), 0);
        make_good();
        assert_int_equal(num_messages, failed ? 2 : 0); /* that it fails, and that it is over */
        char *found = dump();
        assert_string_equal(found, expected);
        free(found);
    }
    assert_true(nth > 5);
    free(expected);
}

/* A disk that stays full: rows are kept until there are too many, and none of them is claimed to be written.
 */
static void test_full_disk(void **state) {
    (void)state;
    struct event event = {0};
    struct sink *sink = open_sink();
    assert_int_equal(sink->ops->close(sink), 0);
    make_faulty();
    sink = open_sink();
    faulty.calls = 0;
    faulty.fail_at = 1;
    faulty.fail_for = UINT32_MAX;
    faulty.code = SQLITE_FULL;
    size_t taken = 0;
    int result = 0;
    sample_session(&event);
    while (result == 0) {
        (void)snprintf(event.id, sizeof event.id, "%zu", taken);
        result = sink->ops->write(sink, &event);
        taken += result == 0;
    }
    assert_int_equal(result, SINK_FULL);
    assert_string_equal(sink->ops->error(sink), "sqlite:mail.db: database or disk is full");
    assert_int_equal(num_messages, 1);
    assert_string_equal(last_message, "sqlite:mail.db: database or disk is full; trying again");
    assert_int_equal(sink->ops->wait(sink, 0), taken);
    faulty.fail_at = 0;
    assert_int_equal(sink->ops->wait(sink, 0), 0);
    assert_string_equal(last_message, "sqlite:mail.db: written again");
    assert_int_equal(sink->ops->write(sink, &event), 0);
    assert_int_equal(sink->ops->close(sink), 0);
    make_good();
    char expected[32];
    (void)snprintf(expected, sizeof expected, "%zu\n", taken + 1);
    check_query("SELECT count(*) FROM sessions", expected);
    event_cleanup(&event);
}

static void test_query(void **state) {
    (void)state;
    write_run();
    char *text = NULL;
    char error[256] = "";
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    execute(
        "UPDATE sessions SET destination_domain = 'mx' || char(27) || '[31m' WHERE verdict = 'not_offered'");
    assert_true(sqlite_query(path, "plaintext_peers", out, error, sizeof error));
    (void)fflush(out);
    assert_non_null(
        strstr(text, "peer           name     direction  sessions  sessions_with_mail  messages  bytes  "));
    assert_non_null(
        strstr(text, "\n198.51.100.25  mx?[31m             12        12                  12        22500  "));
    assert_int_equal(fclose(out), 0);
    free(text);
    out = open_memstream(&text, &len);
    assert_true(sqlite_query(path, NULL, out, error, sizeof error));
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "expiring_certificates "));
    free(text);
    assert_false(sqlite_query(path, "sessions\"; DROP TABLE sessions", stdout, error, sizeof error));
    assert_non_null(strstr(error, "mail.db: has no view 'sessions\"; DROP TABLE sessions'"));
    assert_false(sqlite_query("/nonexistent/mail.db", "adoption_by_day", stdout, error, sizeof error));
    assert_non_null(strstr(error, "/nonexistent/mail.db: unable to open database file"));
}

/* The names of columns differ, and what is documented is what is made. */
static void test_schema(void **state) {
    (void)state;
    struct buffer sql = {0};
    write_run();
    char *made = query("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2");
    char *application = query("PRAGMA application_id");
    remove_files();
    sqlite_schema_file(&sql);
    buffer_add_char(&sql, '\0');
    assert_false(sql.failed);
    execute(sql.data); /* a name that is there twice would fail */
    char *documented = query("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2");
    assert_string_equal(made, documented);
    check_query("PRAGMA application_id", application);
    struct sink *sink = open_sink();
    assert_int_equal(sink->ops->close(sink), 0);
    free(made);
    free(application);
    free(documented);
    buffer_cleanup(&sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rows, each_begins_empty),
        cmocka_unit_test_setup(test_client_certificate, each_begins_empty),
        cmocka_unit_test_setup(test_twice_changes_nothing, each_begins_empty),
        cmocka_unit_test_setup(test_certificates_remember, each_begins_empty),
        cmocka_unit_test_setup(test_views, each_begins_empty),
        cmocka_unit_test_setup(test_migration, each_begins_empty),
        cmocka_unit_test_setup(test_migration_from_version_1, each_begins_empty),
        cmocka_unit_test_setup(test_databases_that_are_not_ours, each_begins_empty),
        cmocka_unit_test_setup(test_reader_meanwhile, each_begins_empty),
        cmocka_unit_test_setup(test_nth_write_fails, each_begins_empty),
        cmocka_unit_test_setup(test_full_disk, each_begins_empty),
        cmocka_unit_test_setup(test_query, each_begins_empty),
        cmocka_unit_test_setup(test_schema, each_begins_empty),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
