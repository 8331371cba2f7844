/* fields.h: the table of all fields of all events, the one place where a name
 * on the outside meets its value in struct event.
 *
 * CSV, the JSON Schema and the reference page are all made by walking this table,
 * JSON by code that is made of its rows. To add a field: a member in event.h (and in event.c, where absent is
 * not 0), a row in fields_rows.h (its CSV column is the next free number), then run the schema test with
 * STARTTAP_UPDATE_SCHEMA=1, which writes outputs/schema/ anew. */
#ifndef STARTTAP_OUTPUTS_FIELDS_H
#define STARTTAP_OUTPUTS_FIELDS_H

#include "event.h"
#include "text.h"

#define FIELDS_ECS_VERSION "8.11.0"
#define FIELD_JSON_MAX     32 /* bytes of a group's name in JSON, with what stands around it */

/* The objects that fields live in: "tls.server.x509." and so on (fields.c). */
enum field_group {
    GROUP_ROOT,
    GROUP_ECS,
    GROUP_EVENT,
    GROUP_OBSERVER,
    GROUP_NETWORK,
    GROUP_NETWORK_VLAN,
    GROUP_SOURCE,
    GROUP_SOURCE_AS,
    GROUP_SOURCE_AS_ORGANIZATION,
    GROUP_SOURCE_GEO,
    GROUP_DESTINATION,
    GROUP_DESTINATION_AS,
    GROUP_DESTINATION_AS_ORGANIZATION,
    GROUP_DESTINATION_GEO,
    GROUP_TLS,
    GROUP_TLS_CLIENT,
    GROUP_TLS_CLIENT_HASH,
    GROUP_TLS_CLIENT_X509,
    GROUP_TLS_CLIENT_X509_SUBJECT,
    GROUP_TLS_CLIENT_X509_ISSUER,
    GROUP_TLS_SERVER,
    GROUP_TLS_SERVER_HASH,
    GROUP_TLS_SERVER_X509,
    GROUP_TLS_SERVER_X509_SUBJECT,
    GROUP_TLS_SERVER_X509_ISSUER,
    GROUP_STARTTAP,
    GROUP_SMTP,
    GROUP_STARTTLS,
    GROUP_MAIL,
    GROUP_STARTTAP_TLS,
    GROUP_CERT,
    GROUP_CLIENT_CERT,
    GROUP_POLICY,
    GROUP_TLSRPT,
    GROUP_MEMORY,
    GROUP_DNS,
    GROUP_DANE,
    GROUP_MTA_STS,
    GROUP_RECEIVED,
    GROUP_CAPTURE,
    GROUP_PEER,
    GROUP_PEER_WINDOW,
    GROUP_PEER_ADOPTION,
    GROUP_PEER_CERT,
    GROUP_SENSOR,
    GROUP_ALERT,
    NUM_GROUPS
};

struct field_group_info {
    const char *prefix; /* "tls.server.", "" for the root */
    size_t prefix_len;
    enum field_group parent; /* the root is its own */
    uint8_t depth;           /* of the root: 0 */
    uint8_t json_len;
    char json[FIELD_JSON_MAX]; /* "x509":{ as it stands in its parent, and zeros */
};

extern const struct field_group_info fields_groups[NUM_GROUPS];

static inline const struct field_group_info *fields_group(enum field_group group) {
    return &fields_groups[group];
}

/* Which datasets a field is in. */
enum {
    FIELDS_SESSION = 1 << DATASET_SESSION,
    FIELDS_PEER = 1 << DATASET_PEER,
    FIELDS_SENSOR = 1 << DATASET_SENSOR,
    FIELDS_ALERT = 1 << DATASET_ALERT,
    FIELDS_MEASURE = FIELDS_PEER | FIELDS_SENSOR,
    FIELDS_EVERY = FIELDS_SESSION | FIELDS_PEER | FIELDS_SENSOR | FIELDS_ALERT
};

/* How a value is stored in struct event, when it counts as absent, and what it becomes. */
enum field_kind {
    FIELD_FIXED,          /* always field.values itself */
    FIELD_FIXED_NUMBER,   /* the same, a number outside */
    FIELD_TEXT,           /* const char *, absent when NULL or empty */
    FIELD_IP,             /* the same, an address */
    FIELD_HEX,            /* the same, lower-case hexadecimal digits */
    FIELD_ID,             /* char[], always there */
    FIELD_TEXTS,          /* struct text_list, absent when empty */
    FIELD_NUMBER,         /* int64_t, absent when EVENT_ABSENT */
    FIELD_NUMBER_WORD,    /* the same, a string outside */
    FIELD_COUNTER,        /* int64_t, absent when not above 0 */
    FIELD_UNSIGNED,       /* uint64_t, always there */
    FIELD_PORT,           /* uint16_t, always there */
    FIELD_FACT,           /* enum fact, absent when unknown */
    FIELD_FLAG,           /* bool, absent when false */
    FIELD_TIME_NS,        /* uint64_t, always there */
    FIELD_TIME_S,         /* int64_t, absent when EVENT_ABSENT */
    FIELD_DURATION,       /* two uint64_t in a row, start and end: end - start */
    FIELD_OUTCOME,        /* enum fact: success, failure, unknown */
    FIELD_IP_VERSION,     /* bool ipv6: ipv4, ipv6 */
    FIELD_CATEGORY,       /* event.category, made from the dataset and session.network_protocol */
    FIELD_TYPE,           /* event.type, likewise */
    FIELD_VERDICT,        /* enum verdict */
    FIELD_UNKNOWN_REASON, /* enum unknown_reason, absent when UNKNOWN_NONE */
    FIELD_FINDINGS,       /* bits: list of names, absent when there are none */
    FIELD_SEVERITY,       /* bits: severity of the worst, absent when there are none */
    FIELD_SESSION_COUNTS, /* struct count_list: [{name, sessions}], absent when empty */
    FIELD_HIT_COUNTS,     /* struct count_list: [{name, hits}], absent when empty */
    FIELD_SINK_COUNTS,    /* struct count_list: [{name, number}], absent when empty */
    FIELD_FINDING_COUNTS, /* uint64_t[NUM_FINDINGS]: [{name, sessions}], absent when all are 0 */
    FIELD_VERDICT_COUNTS, /* uint64_t[NUM_VERDICTS]: {name: sessions}, all of them */
    FIELD_RATIO,          /* two uint64_t in a row, numerator and denominator; absent when that is 0 */
    NUM_FIELD_KINDS
};

struct field {
    const char *name; /* "tls.server.ja3s" */
    uint8_t name_len;
    uint8_t datasets;     /* bit per enum dataset */
    uint8_t kind;         /* enum field_kind */
    uint8_t group;        /* enum field_group */
    uint8_t column;       /* of CSV, from 1; 0: not in CSV */
    uint16_t offset;      /* in struct event */
    const char *values;   /* allowed words with blanks between, of FIELD_FIXED the value; NULL: any */
    const char *describe; /* one line for the reference page */
};

/* The table, in the order of JSON: fields of one group stand together. */
const struct field *fields_table(size_t *num);

static inline bool field_in(const struct field *field, enum dataset dataset) {
    return (field->datasets >> dataset & 1) != 0;
}

bool field_is_ecs(const struct field *field);      /* all outside starttap.* */
bool field_always(const struct field *field);      /* present in every event of its datasets */
const char *field_count_key(enum field_kind kind); /* what the number in a VALUE_COUNTS item is called */

/* A field's value, as an encoder needs it: fields_get() in fields_value.h. */
enum value_shape {
    VALUE_ABSENT,
    VALUE_TEXT,     /* text: must be escaped */
    VALUE_WORD,     /* text: ASCII that is harmless everywhere */
    VALUE_LITERAL,  /* text: a number that is no integer */
    VALUE_NUMBER,   /* number */
    VALUE_UNSIGNED, /* unsigned_number */
    VALUE_BOOL,     /* yes */
    VALUE_TEXTS,    /* texts: items may be NULL, skip those */
    VALUE_COUNTS,   /* counts: list of objects {name, field_count_key()} */
    VALUE_OBJECT    /* counts: one object, name to number; each name is a word as above */
};

struct field_value {
    enum value_shape shape;
    union {
        const char *text;
        int64_t number;
        uint64_t unsigned_number;
        bool yes;
        struct text_list texts;
        struct count_list counts;
    };
    union { /* memory for values that are made on the way */
        char word[72];
        const char *names[NUM_FINDINGS];
        struct count made[NUM_FINDINGS];
    } scratch;
};

#endif
