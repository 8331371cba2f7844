#include "../../sensor/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "peer_session.h"

#define MX "192.0.2.25"

static char dir[64], path[96], error[1024], logged[2048];
static struct event event;
static struct memory *memory;
static struct state *state_file;

static void on_log(void *context, const char *message) {
    (void)context;
    snprintf(logged, sizeof logged, "%s", message);
}

static struct state *open_state(void) {
    error[0] = '\0';
    return state_open(path, memory, 100, on_log, NULL, error, sizeof error);
}

static int begin(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_state.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/peers.state", dir);
    event_init(&event);
    logged[0] = '\0';
    memory = memory_new(100, true);
    state_file = NULL;
    return 0;
}

static int end(void **state) {
    (void)state;
    char command[128];
    state_close(state_file);
    memory_free(memory);
    event_cleanup(&event);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void execute(const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* What the first column of all rows adds up to. */
static int64_t query(const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t sum = 0;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW)
        sum += sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return sum;
}

static void save(void) {
    if (!state_save(state_file, error, sizeof error))
        fail_msg("%s", error);
}

/* The program ends, and is started again. */
static void restart(void) {
    state_close(state_file);
    memory_free(memory);
    memory = memory_new(100, true);
    state_file = open_state();
    if (!state_file)
        fail_msg("%s", error);
}

static const struct session_event *see(bool offered, const char *cert, uint64_t at_s) {
    struct session_event *s = offered ? begin_tls_session(&event, "10.0.0.1", MX, at_s)
                                      : begin_session(&event, "10.0.0.1", MX, at_s);
    s->server_cert.sha256 = cert;
    s->mail_cleartext = fact_of(!offered);
    memory_judge(memory, &event, DIRECTION_OPEN);
    return s;
}

static void learn(void) {
    state_file = open_state();
    assert_non_null(state_file);
    assert_string_equal(logged, "");
    see(true, "aa", 1000);
    see(true, "bb", 1001);
    begin_tls_session(&event, "10.0.0.1", MX, 1002)->verdict = VERDICT_HANDSHAKE_FAILED;
    memory_judge(memory, &event, DIRECTION_OPEN);
    see(false, NULL, 1003);
    save();
}

static void test_next_run(void **state) {
    (void)state;
    learn();
    assert_int_equal(event.session.findings >> FINDING_FALLBACK_CLEARTEXT & 1, 1);
    uint64_t findings = event.session.findings;
    restart();
    const struct session_event *s = see(false, NULL, 1003); /* once more the same */
    assert_int_equal(s->findings, findings);
    assert_int_equal(s->memory_offers, 3);
    assert_int_equal(s->memory_omissions, 0);
    assert_int_equal(s->memory_failed_s, 1003);
    s = see(true, "aa", 1100);
    assert_int_equal(s->findings, 0);
    s = see(true, "cc", 1101);
    assert_int_equal(s->findings, UINT64_C(1) << FINDING_CERT_CHANGED);
    s = see(false, NULL, 1200);
    assert_int_equal(s->memory_offers, 5);
    assert_int_equal(s->memory_omissions, 1);
    assert_int_equal(s->memory_first_offered_s, 1000);
    save();
    restart();
    s = see(true, "cc", 1101);
    assert_string_equal(s->memory_cert_sha256, "aa");
    assert_int_equal(s->memory_cert_seen_s, 1100);
}

/* A run that is killed has what it saved last. */
static void test_killed(void **state) {
    (void)state;
    learn();
    see(true, "dd", 2000);
    restart();
    assert_int_equal(see(true, "bb", 2100)->findings, 0);
    assert_int_equal(see(true, "dd", 2101)->findings, UINT64_C(1) << FINDING_CERT_CHANGED);
}

static const struct session_event *see_key(const char *cert, uint8_t key, uint64_t at_s) {
    struct session_event *s = begin_tls_session(&event, "10.0.0.1", MX, at_s);
    s->server_cert.sha256 = cert;
    s->server_cert.key_known = true;
    memset(s->server_cert.key_sha256, key, sizeof s->server_cert.key_sha256);
    memory_judge(memory, &event, DIRECTION_OPEN);
    return s;
}

/* It is the key that is remembered. */
static void test_renewed(void **state) {
    (void)state;
    state_file = open_state();
    see_key("aa", 1, 1000);
    save();
    restart();
    assert_int_equal(see_key("bb", 1, 1100)->findings, 0);
    assert_int_equal(see_key("cc", 2, 1101)->findings, UINT64_C(1) << FINDING_CERT_CHANGED);
    assert_string_equal(event.session.memory_cert_sha256, "bb");
    save();
    restart();
    assert_int_equal(see_key("dd", 1, 1200)->findings, 0);
    assert_int_equal(see_key("ee", 2, 1201)->findings, 0);
}

/* What is not newer than the file is judged by itself, the same each time, and leaves the file as it is. */
static void test_older_capture(void **state) {
    (void)state;
    uint64_t withdrawn = UINT64_C(1) << FINDING_STARTTLS_WITHDRAWN;
    uint64_t changed = UINT64_C(1) << FINDING_CERT_CHANGED;
    uint64_t fallback = UINT64_C(1) << FINDING_FALLBACK_CLEARTEXT;
    learn();
    see(true, "aa", 1500);
    save();
    for (unsigned i = 0; i < 2; i++) {
        restart();
        assert_int_equal(see(false, NULL, 500)->findings, 0); /* it was offered later only */
        assert_int_equal(see(true, "old", 510)->findings, 0);
        assert_int_equal(see(true, "older", 511)->findings, changed);
        assert_string_equal(event.session.memory_cert_sha256, "old");
        begin_tls_session(&event, "10.0.0.1", MX, 520)->verdict = VERDICT_HANDSHAKE_FAILED;
        memory_judge(memory, &event, DIRECTION_OPEN);
        const struct session_event *s = see(false, NULL, 530);
        assert_int_equal(s->findings, withdrawn | fallback);
        assert_int_equal(s->memory_offers, 3);
        assert_int_equal(s->memory_omissions, 1);
        assert_int_equal(s->memory_last_offered_s, 520);
        assert_int_equal(s->memory_failed_s, 521);
        assert_int_equal(see(true, "bb", 1400)->findings, 0); /* between what is known: no news */
        assert_int_equal(see(false, NULL, 1003)->findings, withdrawn | fallback);
        assert_int_equal(event.session.memory_offers, 3); /* told again as it was told */
        save();
    }
    state_close(state_file);
    state_file = NULL;
    assert_int_equal(query("SELECT offers + omissions FROM servers"), 5);
    assert_int_equal(query("SELECT first FROM servers") / (int64_t)S, 1000);
    assert_int_equal(query("SELECT ended FROM failures") / (int64_t)S, 1003);
    assert_int_equal(query("SELECT count(*) FROM judgements"), 2); /* both of learn() */
}

static void expect_aside(const char *suffix) {
    char aside[128];
    snprintf(aside, sizeof aside, "%s%s", path, suffix);
    assert_non_null(strstr(logged, aside));
    assert_int_equal(access(aside, F_OK), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(memory_offer(memory, MX).ever, FACT_UNKNOWN); /* from nothing */
    see(true, "aa", 5000);
    save();
}

static void overwrite(long at, const char *bytes) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputs(bytes, file);
    assert_int_equal(fclose(file), 0);
}

static void test_damaged(void **state) {
    (void)state;
    learn();
    state_close(state_file);
    overwrite(0, "no database at all");
    state_file = NULL;
    restart();
    expect_aside(".damaged-1");
    state_close(state_file);
    assert_int_equal(truncate(path, 5000), 0); /* the header is whole */
    state_file = NULL;
    restart();
    expect_aside(".damaged-2");
}

/* Every row is looked at: what starttap would not write, it does not believe. */
static void test_wrong_values(void **state) {
    (void)state;
    static const char *const changes[] = {
        "UPDATE servers SET ip = printf('%0100d', 1)",
        "UPDATE servers SET port = 70000",
        "UPDATE servers SET offers = 'many'",
        "UPDATE servers SET num_recent = 33",
        "UPDATE certificates SET sha256 = sha256 || printf('%0100d', 1)",
        "UPDATE certificates SET key_sha256 = 'aa'",
        "UPDATE versions SET version = '9.9'",
        "UPDATE failures SET ends = printf('%0200d', 1)",
        "UPDATE judgements SET findings = 'mail.wrong'",
        "UPDATE judgements SET other_offered = 7",
        "UPDATE judgements SET offers = -1",
        "DROP TABLE versions",
        "ALTER TABLE servers RENAME COLUMN newest TO older",
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char suffix[32];
        logged[0] = '\0';
        learn();
        state_close(state_file);
        state_file = NULL;
        execute(changes[i]);
        restart();
        snprintf(suffix, sizeof suffix, ".damaged-%zu", i + 1);
        expect_aside(suffix);
        state_close(state_file);
        state_file = NULL;
        assert_int_equal(unlink(path), 0);
        logged[0] = '\0';
        memory_forget(memory);
    }
}

/* Removed or renamed while it is open; then another file has its name. */
static void test_moved(void **state) {
    (void)state;
    char aside[128];
    snprintf(aside, sizeof aside, "%s.old", path);
    learn();
    assert_int_equal(unlink(path), 0);
    see(true, "aa", 1400);
    save();
    see(true, "aa", 1500);
    save();
    assert_int_equal(rename(path, aside), 0);
    save(); /* nothing is new, but the file */
    restart();
    assert_string_equal(logged, "");
    assert_int_equal(see(false, NULL, 1003)->findings >> FINDING_FALLBACK_CLEARTEXT & 1, 1);
    assert_int_equal(see(false, NULL, 1600)->memory_offers, 5);
    assert_int_equal(unlink(path), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_false(state_save(state_file, error, sizeof error));
        assert_non_null(strstr(error, "is another file now"));
    }
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 0);
    assert_int_equal(unlink(path), 0);
    save();
    restart();
    assert_int_equal(see(false, NULL, 1700)->memory_omissions, 2);
}

static void test_other_versions(void **state) {
    (void)state;
    learn();
    state_close(state_file);
    state_file = NULL;
    execute("PRAGMA user_version = 7");
    restart();
    expect_aside(".version-7-1");
}

static void test_refused(void **state) {
    (void)state;
    execute("CREATE TABLE mine (a); INSERT INTO mine VALUES (1)");
    assert_null(open_state());
    assert_non_null(strstr(error, "is a database of something else"));
    assert_int_equal(query("SELECT a FROM mine"), 1);
    assert_int_equal(unlink(path), 0);
    learn();
    struct state *other = open_state();
    assert_null(other);
    assert_non_null(strstr(error, "another starttap has it open"));
    snprintf(path, sizeof path, "%s/none/peers.state", dir);
    assert_null(open_state());
    assert_non_null(strstr(error, "cannot use"));
    snprintf(path, sizeof path, "%s", dir);
    assert_null(open_state());
    assert_non_null(strstr(error, "cannot use"));
}

/* The file does not grow without an end. */
static void test_limits(void **state) {
    (void)state;
    char ip[32];
    state_file = open_state();
    for (unsigned i = 0; i < 150; i++) {
        snprintf(ip, sizeof ip, "192.0.2.%u", i);
        begin_tls_session(&event, "10.0.0.1", ip, 1000 + i)->server_cert.sha256 = "aa";
        memory_judge(memory, &event, DIRECTION_OPEN);
        if (i % 50 == 49)
            save();
    }
    begin_tls_session(&event, "10.0.0.1", MX, 1000)->verdict = VERDICT_HANDSHAKE_FAILED;
    memory_judge(memory, &event, DIRECTION_OPEN);
    save();
    see(true, "aa", 9000);
    save();
    state_close(state_file);
    state_file = NULL;
    assert_int_equal(query("SELECT count(*) FROM servers"), 100);
    assert_int_equal(query("SELECT count(*) FROM certificates"), 100);
    assert_int_equal(query("SELECT count(*) FROM versions"), 100);
    assert_int_equal(query("SELECT count(*) FROM failures"), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_moved),   TEST(test_renewed), TEST(test_older_capture), TEST(test_next_run),
        TEST(test_killed),  TEST(test_damaged), TEST(test_wrong_values),  TEST(test_other_versions),
        TEST(test_refused), TEST(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
