#include "schema.h"

#include "csv.h"
#include "fields.h"
#include "profile.h"

static const char intro[] =
    "# The fields of starttap's events\n\n"
    "Made from the tables in `outputs/`; the schema test fails when this page and the code differ.\n\n"
    "- **JSON** is the canonical form: one object per line, names with dots nested. Names outside "
    "`starttap.` are\n"
    "  those of the Elastic Common Schema " FIELDS_ECS_VERSION ", with its types.\n"
    "- A field that was not observed is absent. *always* marks the fields that every event of the dataset "
    "has.\n"
    "- Times are RFC 3339 in UTC; events' own have nine fractional digits. A certificate's year outside "
    "0000..9999\n"
    "  becomes the nearest time that can be written.\n"
    "- Text from the wire is at most 1024 bytes long, valid UTF-8 (bad bytes become U+FFFD), and has no raw "
    "control\n"
    "  characters: JSON and CSV write them as `\\u00XX`.\n"
    "- **CSV** has one row per session; peer and sensor events are in JSON only. The number of a field's "
    "column is\n"
    "  given below and never changes: new columns come at the end. Cells of text are quoted as RFC 4180 "
    "says,\n"
    "  lines end in LF, lists are joined with `|`, and a `|` inside an item is written `\\u007c`. Text that "
    "begins\n"
    "  with `=`, `+`, `-` or `@`, or has one right behind `,`, `;` or `|`, gets a `'` in front of it, so "
    "that no\n"
    "  spreadsheet runs it; numbers stay numbers.\n";

static const char *type_name(enum field_kind kind) {
    switch (kind) {
    case FIELD_FIXED_NUMBER:
    case FIELD_NUMBER:
    case FIELD_COUNTER:
    case FIELD_UNSIGNED:
    case FIELD_PORT:
    case FIELD_DURATION:
    case FIELD_SEVERITY:
        return "long";
    case FIELD_FACT:
    case FIELD_FLAG:
        return "boolean";
    case FIELD_IP:
        return "ip";
    case FIELD_TIME_NS:
    case FIELD_TIME_S:
        return "date";
    case FIELD_TEXTS:
    case FIELD_CATEGORY:
    case FIELD_TYPE:
    case FIELD_FINDINGS:
        return "keyword[]";
    case FIELD_SESSION_COUNTS:
    case FIELD_FINDING_COUNTS:
        return "{name, sessions}[]";
    case FIELD_HIT_COUNTS:
        return "{name, hits}[]";
    case FIELD_SINK_COUNTS:
        return "{name, number}[]";
    case FIELD_VERDICT_COUNTS:
        return "{verdict: long}";
    case FIELD_RATIO:
        return "double";
    default:
        return "keyword";
    }
}

/* Words with blanks between, each as code. */
static void add_values(struct buffer *out, const char *words) {
    buffer_add_string(out, " Values:");
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        buffer_printf(out, " `%.*s`", (int)len, words);
        words += len + strspn(words + len, " ");
        buffer_add_string(out, *words != '\0' ? "," : ".");
    }
}

static bool says_values(const struct field *field) {
    return field->values != NULL && field->kind != FIELD_FIXED && field->kind != FIELD_FIXED_NUMBER;
}

static void add_fields(struct buffer *out, enum dataset dataset) {
    size_t num;
    const struct field *table = fields_table(&num);
    bool csv = dataset == DATASET_SESSION;
    buffer_add_string(out, csv ? "| field | type | CSV | meaning |\n| --- | --- | --- | --- |\n"
                               : "| field | type | meaning |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < num; i++) {
        const struct field *field = &table[i];
        if (!field_in(field, dataset)) {
            continue;
        }
        buffer_printf(out, "| `%s` | %s%s | ", field->name, type_name((enum field_kind)field->kind),
                      field_always(field) ? ", always" : "");
        if (csv) {
            buffer_printf(out, "%u | ", (unsigned)field->column);
        }
        buffer_add_string(out, field->describe);
        if (says_values(field)) {
            add_values(out, field->values);
        }
        buffer_add_string(out, " |\n");
    }
}

static void add_verdicts(struct buffer *out) {
    static const char *const classes[] = {
        [COUNTS_ENCRYPTED] = "encrypted",
        [COUNTS_PLAINTEXT] = "plaintext",
        [COUNTS_FAILED] = "failed",
        [COUNTS_NOT] = "left out",
    };
    buffer_add_string(out, "\n## Verdicts: `starttap.verdict`\n\n"
                           "Adoption = encrypted / (encrypted + plaintext + failed).\n\n"
                           "| verdict | means | counts as |\n| --- | --- | --- |\n");
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        enum verdict verdict = (enum verdict)i;
        buffer_printf(out, "| `%s` | %s | %s |\n", verdict_name(verdict), verdict_meaning(verdict),
                      classes[verdict_counts_as(verdict)]);
    }
    buffer_add_string(out, "\n`starttap.unknown_reason` is one of");
    for (unsigned i = UNKNOWN_MIDSTREAM; i <= UNKNOWN_EVICTED; i++) {
        buffer_printf(out, " `%s`%s", unknown_reason_name((enum unknown_reason)i),
                      i < UNKNOWN_EVICTED ? "," : ".\n");
    }
}

static void add_findings(struct buffer *out) {
    buffer_add_string(
        out, "\n## Findings: `starttap.findings`\n\n"
             "Severity, the highest of which is `event.severity`: 1 informational, worth knowing; 2 low, "
             "should be better but harms little; 3 medium, mail can be read or protection is weak; "
             "4 high, credentials exposed or a sign of an attack.\n\n"
             "| finding | severity | means | what to do |\n| --- | --- | --- | --- |\n");
    for (unsigned i = 0; i < NUM_FINDINGS; i++) {
        const struct finding_info *info = finding_info((enum finding)i);
        buffer_printf(out, "| `%s` | %d | %s | %s |\n", info->name, (int)info->severity, info->explain,
                      info->remedy);
    }
}

static void add_profile_record(struct buffer *out, const struct profile *profile,
                               const struct profile_record *record) {
    static const char *const whens[] = {
        [PROFILE_IF_SMTP] = "where SMTP was spoken",
        [PROFILE_IF_TLS] = "where a hello of TLS was seen",
        [PROFILE_IF_SERVER_CERT] = "for the server's certificate",
        [PROFILE_IF_CLIENT_CERT] = "for the client's certificate",
    };
    buffer_printf(out, "\n### %s: `%s`, %s\n\n| name | from | how |\n| --- | --- | --- |\n", profile->name,
                  record->name, whens[record->when]);
    for (size_t i = 0; i < record->num_rows; i++) {
        const struct profile_row *row = &record->rows[i];
        buffer_printf(out, "| `%s` | `%s` | %s |\n", row->name, row->field, profile_describe(row->convert));
    }
}

static void add_profiles(struct buffer *out) {
    static const struct profile *const profiles[] = {&profile_zeek, &profile_eve};
    buffer_add_string(
        out, "\n## Profiles: `json:PATH?profile=zeek` and `json:PATH?profile=eve`\n\n"
             "Sessions as records that Zeek (in JSON) or Suricata (EVE) would write, one on each line, for "
             "dashboards made for those.\nA session has a record of each kind below that it has "
             "something for; of two rows with one name the first that has a value counts.\nPeer and "
             "sensor events have none. In EVE a `.` begins an object, in Zeek's it is part of the name. "
             "Names under\n`starttap.` are ours. Addresses of mail are in no output, so that "
             "`mailfrom`, `rcptto` and their kin are absent, and so is all\nthat only those "
             "sensors observe.\n");
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        for (size_t k = 0; k < profiles[i]->num_records; k++) {
            add_profile_record(out, profiles[i], &profiles[i]->records[k]);
        }
    }
}

void schema_page(struct buffer *out) {
    buffer_add_string(out, intro);
    buffer_add_string(
        out, "\n## `starttap.session`: one for each TCP connection that carries or may carry mail\n\n");
    add_fields(out, DATASET_SESSION);
    add_verdicts(out);
    add_findings(out);
    buffer_add_string(
        out, "\n## `starttap.peer`: one for each peer and window\n\n"
             "The peer is the end that is not ours where home networks are configured, otherwise the "
             "server. `tls.server.*` is the last certificate that it showed.\n\n");
    add_fields(out, DATASET_PEER);
    buffer_add_string(
        out, "\n## `starttap.sensor`: one for each interval, and at exit\n\n"
             "Each event counts what came in its own interval (of `event.start` to `event.end`), so that "
             "events can be added up. `flows_tracked`, `memory_bytes` and `mirror` are how things stood "
             "at its end, `flows_peak` is the most within it. What is said of sinks is since the start. "
             "Reading files there is one such event, for all of them.\n\n");
    add_fields(out, DATASET_SENSOR);
    buffer_add_string(
        out, "\n## `starttap.alert`: one for each finding, peer and hour, with `--alert-on`\n\n"
             "The session that raised it has been reported before. `event.start` is the hour, of packet "
             "time. A peer that goes on raises none before the next hour.\n\n");
    add_fields(out, DATASET_ALERT);
    add_profiles(out);
}

void schema_columns(struct buffer *out) {
    struct csv csv;
    csv_init(&csv);
    for (size_t i = 0; i < csv.num; i++) {
        buffer_add(out, csv.columns[i]->name, csv.columns[i]->name_len);
        buffer_add_char(out, '\n');
    }
}
