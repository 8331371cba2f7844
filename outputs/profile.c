#include "profile.h"

#include "fields_value.h"
#include "json.h"

#include <stdlib.h>

#define NS_PER_S    UINT64_C(1000000000)
#define UID_DIGITS  17
#define FLOW_DIGITS 12 /* 48 bits: a number that JavaScript can hold */
#define SERIAL_MAX  128
#define RECORDS_MAX 4

/* Where fields are for the rows of each record, found once. */
struct profile_state {
    const struct profile *profile;
    const struct field **fields[RECORDS_MAX]; /* NULL for PROFILE_FIXED */
};

/* --- the way into objects and out of them --- */

/* How long the part of both is that names objects. */
static size_t common_objects(const char *a, const char *b) {
    size_t common = 0;
    for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++) {
        common = a[i] == '.' ? i + 1 : common;
    }
    return common;
}

/* Closes the objects that name lies in. */
static void leave(struct buffer *out, const char *name) {
    for (; *name != '\0'; name++) {
        if (*name == '.') {
            buffer_add_char(out, '}');
        }
    }
}

/* Closes and opens objects until the writing stands where `name` belongs, and begins the value there. *before
 * is the name of the value before, "" for the first. */
static void add_key(struct buffer *out, const struct profile *profile, const char **before,
                    const char *name) {
    size_t common = profile->nested ? common_objects(*before, name) : 0;
    const char *rest = name + common;
    if (profile->nested) {
        leave(out, *before + common);
    }
    buffer_add_string(out, (*before)[0] != '\0' ? ",\"" : "\"");
    for (const char *dot = strchr(rest, '.'); profile->nested && dot != NULL; dot = strchr(rest, '.')) {
        buffer_add(out, rest, (size_t)(dot - rest));
        buffer_add_string(out, "\":{\"");
        rest = dot + 1;
    }
    buffer_add_string(out, rest);
    buffer_add_string(out, "\":");
    *before = name;
}

/* --- values --- */

/* A version that has no name there is written as it is. */
static const char *version_name(const char *version, bool zeek) {
    static const char *const names[][3] = {
        {"1.3", "TLSv13", "TLS 1.3"}, {"1.2", "TLSv12", "TLS 1.2"}, {"1.1", "TLSv11", "TLS 1.1"},
        {"1.0", "TLSv10", "TLSv1"},   {"3.0", "SSLv3", "SSLv3"},    {"2.0", "SSLv2", "SSLv2"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], version) == 0) {
            return names[i][zeek ? 1 : 2];
        }
    }
    return version;
}

static const char *key_type(const char *algorithm) {
    static const char *const types[][2] = {{"rsaEncryption", "rsa"},
                                           {"rsassaPss", "rsa"},
                                           {"id-ecPublicKey", "ecdsa"},
                                           {"dsaEncryption", "dsa"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i][0], algorithm) == 0) {
            return types[i][1];
        }
    }
    return "unknown";
}

/* What stands behind "client:" or "server:" in the last of the list. */
static const char *last_alert(const struct text_list *alerts) {
    const char *alert = "";
    for (size_t i = 0; i < alerts->num; i++) {
        alert = alerts->items[i] != NULL ? alerts->items[i] : alert;
    }
    const char *colon = strchr(alert, ':');
    return colon != NULL ? colon + 1 : alert;
}

static void add_colons(struct buffer *out, const char *digits) {
    char text[2 * SERIAL_MAX];
    size_t len = strnlen(digits, SERIAL_MAX), used = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 2 == 0) {
            text[used++] = ':';
        }
        text[used++] = digits[i];
    }
    text[used] = '\0';
    text_add_json(out, text);
}

/* Seconds since 1970 of what the field holds; events' own times have a fraction. */
static void add_epoch(struct buffer *out, const struct event *event, const struct field *field) {
    const void *at = (const char *)event + field->offset;
    if (field->kind == FIELD_TIME_S) {
        buffer_add_number(out, *(const int64_t *)at);
        return;
    }
    uint64_t time_ns = *(const uint64_t *)at;
    buffer_printf(out, "%llu.%06llu", (unsigned long long)(time_ns / NS_PER_S),
                  (unsigned long long)(time_ns % NS_PER_S / 1000));
}

/* The time in the value is RFC 3339: cut behind its microseconds, or its seconds. */
static void add_eve_time(struct buffer *out, const char *time, size_t len, const char *zone) {
    buffer_printf(out, "\"%.*s%s\"", (int)len, time, zone);
}

static uint64_t flow_id(const char *event_id) {
    char digits[FLOW_DIGITS + 1];
    memcpy(digits, event_id, FLOW_DIGITS);
    digits[FLOW_DIGITS] = '\0';
    return strtoull(digits, NULL, 16);
}

static void add_converted(struct buffer *out, const struct event *event, const struct field *field,
                          enum profile_convert convert, const struct field_value *value) {
    switch (convert) {
    case PROFILE_EPOCH:
        add_epoch(out, event, field);
        break;
    case PROFILE_EVE_TIME:
        add_eve_time(out, value->text, strlen("2024-01-31T23:59:59.123456"), "+0000");
        break;
    case PROFILE_EVE_DATE:
        add_eve_time(out, value->text, strlen("2024-01-31T23:59:59"), "");
        break;
    case PROFILE_UID:
        buffer_printf(out, "\"C%.*s\"", UID_DIGITS, value->text);
        break;
    case PROFILE_FLOW_ID:
        buffer_add_unsigned(out, flow_id(value->text));
        break;
    case PROFILE_TEXT:
        buffer_printf(out, "\"%lld\"", (long long)value->number);
        break;
    case PROFILE_LIST:
        buffer_add_char(out, '[');
        text_add_json(out, value->text);
        buffer_add_char(out, ']');
        break;
    case PROFILE_NUMBERS:
        buffer_printf(out, "[%s]", value->text);
        break;
    case PROFILE_ZEEK_TLS:
    case PROFILE_EVE_TLS:
        text_add_json(out, version_name(value->text, convert == PROFILE_ZEEK_TLS));
        break;
    case PROFILE_LAST_ALERT:
        text_add_json(out, last_alert(&value->texts));
        break;
    case PROFILE_KEY_TYPE:
        text_add_json(out, key_type(value->text));
        break;
    case PROFILE_COLONS:
        add_colons(out, value->text);
        break;
    default:
        json_add_value((enum field_kind)field->kind, value, out);
        break;
    }
}

/* --- records --- */

static bool is_wanted(const struct event *event, enum profile_convert convert, struct field_value *value) {
    if (convert == PROFILE_CHAIN && event->session.cert_chain_valid == FACT_YES) {
        value->shape = VALUE_WORD;
        value->text = "ok";
    }
    bool upgraded = event->session.mode != NULL && strcmp(event->session.mode, "starttls") == 0;
    return value->shape != VALUE_ABSENT && (convert != PROFILE_UPGRADED || upgraded);
}

static void add_record(struct buffer *out, const struct event *event, const struct profile *profile,
                       const struct profile_record *record, const struct field *const *fields) {
    const char *before = "";
    buffer_add_char(out, '{');
    for (size_t i = 0; i < record->num_rows; i++) {
        const struct profile_row *row = &record->rows[i];
        if (strcmp(before, row->name) == 0) {
            continue; /* a row before this one had it */
        }
        if (row->convert == PROFILE_FIXED) {
            add_key(out, profile, &before, row->name);
            buffer_add_string(out, row->field);
            continue;
        }
        struct field_value value;
        fields_get(event, fields[i], &value);
        if (is_wanted(event, row->convert, &value)) {
            add_key(out, profile, &before, row->name);
            add_converted(out, event, fields[i], row->convert, &value);
        }
    }
    if (profile->nested) {
        leave(out, before);
    }
    buffer_add(out, "}\n", 2);
}

static bool has_record(const struct session_event *session, enum profile_when when) {
    switch (when) {
    case PROFILE_IF_SMTP:
        return session->network_protocol != NULL;
    case PROFILE_IF_TLS:
        return session->tls_version != NULL || session->tls_ja3 != NULL ||
               session->tls_legacy_hello == FACT_YES;
    case PROFILE_IF_SERVER_CERT:
        return session->server_cert.sha256 != NULL;
    case PROFILE_IF_CLIENT_CERT:
        return session->client_cert.sha256 != NULL;
    }
    return false;
}

static void profile_encode(void *context, const struct event *event, struct buffer *out) {
    const struct profile_state *state = context;
    for (size_t i = 0; event->dataset == DATASET_SESSION && i < state->profile->num_records; i++) {
        const struct profile_record *record = &state->profile->records[i];
        if (has_record(&event->session, record->when)) {
            add_record(out, event, state->profile, record, state->fields[i]);
        }
    }
}

/* --- opening and closing --- */

static const struct field *find_field(const char *name) {
    size_t num;
    const struct field *fields = fields_table(&num);
    for (size_t i = 0; i < num; i++) {
        if (field_in(&fields[i], DATASET_SESSION) && strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static void profile_close(void *context) {
    struct profile_state *state = context;
    for (size_t i = 0; state != NULL && i < RECORDS_MAX; i++) {
        free(state->fields[i]);
    }
    free(state);
}

static void *profile_open(const struct profile *profile) {
    struct profile_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return NULL;
    }
    state->profile = profile;
    for (size_t i = 0; i < profile->num_records; i++) {
        const struct profile_record *record = &profile->records[i];
        state->fields[i] = calloc(record->num_rows, sizeof *state->fields[i]);
        if (state->fields[i] == NULL) {
            profile_close(state);
            return NULL;
        }
        for (size_t k = 0; k < record->num_rows; k++) {
            state->fields[i][k] = find_field(record->rows[k].field);
        }
    }
    return state;
}

static void *zeek_open(void) {
    return profile_open(&profile_zeek);
}

static void *eve_open(void) {
    return profile_open(&profile_eve);
}

static void profile_begin(void *state, struct buffer *out) {
    (void)state;
    (void)out;
}

const struct encoder zeek_encoder = {"zeek", zeek_open, profile_close, profile_begin, profile_encode};
const struct encoder eve_encoder = {"eve", eve_open, profile_close, profile_begin, profile_encode};
