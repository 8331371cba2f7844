#include "sqlite_schema.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define LITERAL(x)  LITERAL_(x)
#define LITERAL_(x) #x

static const struct {
    const char *name, *describe, *prefix; /* which fields of the dataset have in front of what is their own */
} datasets[NUM_DATASETS] = {
    [DATASET_SESSION] = {"sessions", "One for each TCP connection that carries or may carry mail.", ""},
    [DATASET_PEER] = {"peers", "One for each peer and window.", "peer."},
    [DATASET_SENSOR] = {"sensors", "One for each interval of the sensor, and for its end.", "sensor."},
    [DATASET_ALERT] = {"alerts", "One for each finding that was asked for, peer and hour.", "alert."},
};

/* --- columns --- */

static const char *column_type(enum field_kind kind) {
    switch (kind) {
    case FIELD_ID:
        return "TEXT PRIMARY KEY";
    case FIELD_NUMBER:
    case FIELD_COUNTER:
    case FIELD_UNSIGNED:
    case FIELD_PORT:
    case FIELD_FACT:
    case FIELD_FLAG:
    case FIELD_DURATION:
    case FIELD_SEVERITY:
        return "INTEGER";
    case FIELD_RATIO:
        return "REAL";
    default:
        return "TEXT";
    }
}

static const char *skip(const char *name, const char *prefix) {
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 ? name + len : name;
}

static void add_column(struct sqlite_table_info *table, const char *name, const char *type,
                       const char *describe, const struct field *field) {
    assert(table->num_columns < SQLITE_SCHEMA_COLUMNS_MAX);
    struct sqlite_column *column = &table->columns[table->num_columns++];
    assert(strlen(name) < sizeof column->name);
    *column = (struct sqlite_column){.type = type, .describe = describe, .field = field};
    for (size_t i = 0; name[i] != '\0'; i++) {
        column->name[i] = name[i] == '.' ? '_' : name[i];
    }
}

/* What a certificate says of itself stands in its own table. */
static bool is_of_certificate(const struct field *field) {
    return strstr(field->name, ".x509.") != NULL;
}

static bool has_column(const struct field *field, enum dataset dataset) {
    return field_in(field, dataset) && field->kind != FIELD_FIXED && field->kind != FIELD_FIXED_NUMBER &&
           field->kind != FIELD_CATEGORY && field->kind != FIELD_TYPE && !is_of_certificate(field);
}

static void add_dataset(struct sqlite_table_info *table, enum dataset dataset) {
    size_t num;
    const struct field *fields = fields_table(&num);
    *table =
        (struct sqlite_table_info){.name = datasets[dataset].name, .describe = datasets[dataset].describe};
    for (size_t i = 0; i < num; i++) {
        if (has_column(&fields[i], dataset)) {
            const char *name = skip(skip(skip(fields[i].name, "@"), "starttap."), datasets[dataset].prefix);
            add_column(table, name, column_type((enum field_kind)fields[i].kind), fields[i].describe,
                       &fields[i]);
        }
    }
}

static void add_findings(struct sqlite_table_info *table) {
    *table = (struct sqlite_table_info){.name = "findings", .describe = "What is wrong with sessions."};
    add_column(table, "event_id", "TEXT NOT NULL", "The session's.", NULL);
    add_column(table, "finding", "TEXT NOT NULL", "Name of the finding.", NULL);
    add_column(table, "severity", "INTEGER NOT NULL", "1 informational, 2 low, 3 medium, 4 high.", NULL);
}

/* Described by the fields of the server's; those of the client have the same names. */
static void add_certificates(struct sqlite_table_info *table) {
    size_t num;
    const struct field *fields = fields_table(&num);
    static const char prefix[] = "tls.server.x509.";
    *table = (struct sqlite_table_info){.name = "certificates",
                                        .describe = "Certificates that were seen, of servers and clients."};
    add_column(table, "sha256", "TEXT PRIMARY KEY", "SHA-256 of the certificate (DER), lower-case hex.",
               NULL);
    add_column(table, "first_seen", "TEXT NOT NULL", "First session that showed it.", NULL);
    add_column(table, "last_seen", "TEXT NOT NULL", "Last session that showed it.", NULL);
    for (size_t i = 0; i < num; i++) {
        if (field_in(&fields[i], DATASET_SESSION) && strncmp(fields[i].name, prefix, strlen(prefix)) == 0) {
            add_column(table, fields[i].name + strlen(prefix), column_type((enum field_kind)fields[i].kind),
                       fields[i].describe, &fields[i]);
        }
    }
}

void sqlite_schema_init(struct sqlite_schema *schema) {
    for (unsigned i = 0; i < NUM_DATASETS; i++) {
        add_dataset(&schema->tables[i], (enum dataset)i);
    }
    add_findings(&schema->tables[SQLITE_FINDINGS]);
    add_certificates(&schema->tables[SQLITE_CERTIFICATES]);
}

/* --- SQL --- */

static void add_table(struct buffer *out, const struct sqlite_table_info *table, enum sqlite_table which) {
    buffer_printf(out, "-- %s\nCREATE TABLE IF NOT EXISTS %s (\n", table->describe, table->name);
    for (size_t i = 0; i < table->num_columns; i++) {
        const struct sqlite_column *column = &table->columns[i];
        bool last = i + 1 == table->num_columns && which != SQLITE_FINDINGS;
        buffer_printf(out, "    %s %s%s -- %s\n", column->name, column->type, last ? "" : ",",
                      column->describe);
    }
    buffer_add_string(out, which == SQLITE_FINDINGS
                               ? "    PRIMARY KEY (event_id, finding)\n) WITHOUT ROWID;\n\n"
                               : ");\n\n");
}

void sqlite_schema_tables(const struct sqlite_schema *schema, struct buffer *out) {
    for (unsigned i = 0; i < NUM_SQLITE_TABLES; i++) {
        add_table(out, &schema->tables[i], (enum sqlite_table)i);
    }
    buffer_add_string(out, "CREATE INDEX IF NOT EXISTS sessions_by_time ON sessions (timestamp);\n\n");
}

static void add_verdicts(struct buffer *out, enum verdict_class class) {
    bool first = true;
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        if (verdict_counts_as((enum verdict)i) == class) {
            buffer_printf(out, "%s'%s'", first ? "" : ", ", verdict_name((enum verdict)i));
            first = false;
        }
    }
}

static void add_sum(struct buffer *out, enum verdict_class class, const char *name) {
    buffer_add_string(out, "    sum(verdict IN (");
    add_verdicts(out, class);
    buffer_printf(out, ")) AS %s", name);
}

static const struct sqlite_view views[] = {
    {"adoption_by_day",
     "Each day: sessions by how they count, and adoption, encrypted / (encrypted + plaintext + "
     "failed)."},
    {"plaintext_peers", "Peers with which mail or passwords crossed in clear, the most bytes first."},
    {"expiring_certificates", "Certificates with less than " LITERAL(
                                  SQLITE_EXPIRING_DAYS) " days left, or none, when they were last seen."},
};

const struct sqlite_view *sqlite_schema_views_list(size_t *num) {
    *num = sizeof views / sizeof views[0];
    return views;
}

static void begin_view(struct buffer *out, const struct sqlite_view *view) {
    buffer_printf(out, "-- %s\nDROP VIEW IF EXISTS %s;\nCREATE VIEW %s AS\n", view->describe, view->name,
                  view->name);
}

static void add_adoption(struct buffer *out) {
    buffer_add_string(out,
                      "WITH days AS (\n  SELECT substr(timestamp, 1, 10) AS day, count(*) AS sessions,\n");
    add_sum(out, COUNTS_ENCRYPTED, "encrypted,\n");
    add_sum(out, COUNTS_PLAINTEXT, "plaintext,\n");
    add_sum(out, COUNTS_FAILED, "failed\n");
    buffer_add_string(out,
                      "  FROM sessions GROUP BY day)\n"
                      "SELECT day, sessions, encrypted, plaintext, failed,\n"
                      "  sessions - encrypted - plaintext - failed AS left_out,\n"
                      "  encrypted + plaintext + failed AS counted,\n"
                      "  round(1.0 * encrypted / nullif(encrypted + plaintext + failed, 0), 6) AS adoption\n"
                      "FROM days ORDER BY day;\n\n");
}

static const char plaintext_peers[] =
    "SELECT CASE network_direction WHEN 'inbound' THEN source_ip ELSE destination_ip END AS peer,\n"
    "  max(CASE network_direction WHEN 'inbound' THEN smtp_ehlo ELSE destination_domain END) AS name,\n"
    "  network_direction AS direction, count(*) AS sessions,\n"
    "  sum(ifnull(mail_cleartext, 0)) AS sessions_with_mail,\n"
    "  sum(CASE WHEN mail_cleartext THEN ifnull(mail_transactions, 0) ELSE 0 END) AS messages,\n"
    "  sum(ifnull(mail_cleartext_bytes, 0)) AS bytes,\n"
    "  sum(ifnull(mail_auth_cleartext, 0)) AS sessions_with_password,\n"
    "  group_concat(DISTINCT verdict) AS verdicts, min(timestamp) AS first_seen, max(timestamp) AS "
    "last_seen\n"
    "FROM sessions WHERE mail_cleartext OR mail_auth_cleartext\n"
    "GROUP BY peer, direction ORDER BY bytes DESC, sessions DESC, peer;\n\n";

static const char expiring_certificates[] =
    "WITH servers AS (\n"
    "  SELECT tls_server_hash_sha256 AS sha256, group_concat(DISTINCT destination_ip) AS servers\n"
    "  FROM sessions WHERE tls_server_hash_sha256 IS NOT NULL GROUP BY 1),\n"
    "clients AS (\n"
    "  SELECT tls_client_hash_sha256 AS sha256, group_concat(DISTINCT source_ip) AS clients\n"
    "  FROM sessions WHERE tls_client_hash_sha256 IS NOT NULL GROUP BY 1),\n"
    "ages AS (\n"
    "  SELECT *, strftime('%s', not_after) - strftime('%s', last_seen) AS seconds_left FROM certificates)\n"
    "SELECT not_after, (seconds_left - (seconds_left < 0) * 86399) / 86400 AS days_left, "
    "subject_common_name,\n"
    "  issuer_common_name, serial_number, servers, clients, first_seen, last_seen, sha256\n"
    "FROM ages LEFT JOIN servers USING (sha256) LEFT JOIN clients USING (sha256)\n"
    "WHERE seconds_left < " LITERAL(SQLITE_EXPIRING_DAYS) " * 86400 ORDER BY not_after, sha256;\n\n";

void sqlite_schema_views(struct buffer *out) {
    begin_view(out, &views[0]);
    add_adoption(out);
    begin_view(out, &views[1]);
    buffer_add_string(out, plaintext_peers);
    begin_view(out, &views[2]);
    buffer_add_string(out, expiring_certificates);
}

/* The row of a certificate remembers when it was seen first and last; all others stay as they are. */
void sqlite_schema_insert(const struct sqlite_table_info *table, enum sqlite_table which,
                          struct buffer *out) {
    buffer_printf(out, "INSERT INTO %s (", table->name);
    for (size_t i = 0; i < table->num_columns; i++) {
        buffer_printf(out, "%s%s", i > 0 ? ", " : "", table->columns[i].name);
    }
    buffer_add_string(out, ") VALUES (");
    for (size_t i = 0; i < table->num_columns; i++) {
        buffer_add_string(out, i > 0 ? ", ?" : "?");
    }
    buffer_add_string(
        out, which == SQLITE_CERTIFICATES
                 ? ") ON CONFLICT (sha256) DO UPDATE SET first_seen = min(first_seen, excluded.first_seen), "
                   "last_seen = max(last_seen, excluded.last_seen) "
                   "WHERE excluded.first_seen < first_seen OR excluded.last_seen > last_seen;"
                 : ") ON CONFLICT DO NOTHING;");
}

static const char file_head[] = "-- The database that starttap writes (-o sqlite:PATH). Made from "
                                "outputs/fields.c; a test compares both.\n"
                                "--\n"
                                "-- Columns are named like the fields of events (fields.md), without "
                                "\"starttap.\" and with '_' for '.'.\n"
                                "-- What was not observed is NULL. Truth is 1 or 0, times are RFC 3339 in "
                                "UTC, lists are JSON arrays and counts\n"
                                "-- JSON objects (json_each() takes them apart). Rows are told apart by "
                                "event.id: reading a capture again\n"
                                "-- changes nothing.\n\n";

void sqlite_schema_file(struct buffer *out) {
    struct sqlite_schema *schema = malloc(sizeof *schema);
    if (schema == NULL) {
        out->failed = true;
        return;
    }
    sqlite_schema_init(schema);
    buffer_add_string(out, file_head);
    sqlite_schema_tables(schema, out);
    sqlite_schema_views(out);
    buffer_printf(out, "PRAGMA application_id = %d;\nPRAGMA user_version = %d;\n", SQLITE_APPLICATION_ID,
                  SQLITE_SCHEMA_VERSION);
    free(schema);
}
