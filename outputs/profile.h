/* profile.h: sessions under the names of other sensors, for dashboards that were made for those:
 *
 *   zeek  smtp, ssl and x509 records as Zeek writes them in JSON, told apart by _path
 *   eve   smtp and tls records as Suricata writes them (EVE), told apart by event_type
 *
 * One session gives one record of each kind that it has something for, one on each line. Peer and sensor
 * events have no records. The tables in profile_table.c say which field each name is from;
 * outputs/schema/fields.md shows them. What those sensors have and starttap does not observe, or does not
 * export, is absent. */
#ifndef STARTTAP_OUTPUTS_PROFILE_H
#define STARTTAP_OUTPUTS_PROFILE_H

#include "encoder.h"
#include "fields.h"

/* When a session has a record of that kind. */
enum profile_when {
    PROFILE_IF_SMTP,
    PROFILE_IF_TLS,         /* a hello of either side was seen */
    PROFILE_IF_SERVER_CERT, /* ... and the certificate of that side */
    PROFILE_IF_CLIENT_CERT,
};

/* What becomes of a value. */
enum profile_convert {
    PROFILE_COPY,       /* as in starttap's own JSON */
    PROFILE_FIXED,      /* no value: `field` itself, as JSON */
    PROFILE_EPOCH,      /* seconds since 1970 */
    PROFILE_EVE_TIME,   /* 2024-01-31T23:59:59.123456+0000 */
    PROFILE_EVE_DATE,   /* 2024-01-31T23:59:59 */
    PROFILE_UID,        /* C and the beginning of event.id */
    PROFILE_FLOW_ID,    /* a number, of the beginning of event.id */
    PROFILE_TEXT,       /* a number as text */
    PROFILE_LIST,       /* a list of the one */
    PROFILE_NUMBERS,    /* a list of the one, which is a number */
    PROFILE_ZEEK_TLS,   /* 1.2 as TLSv12 */
    PROFILE_EVE_TLS,    /* 1.2 as TLS 1.2 */
    PROFILE_LAST_ALERT, /* of the list, without its side */
    PROFILE_KEY_TYPE,   /* rsa, ecdsa, ... */
    PROFILE_COLONS,     /* 0A1B as 0A:1B */
    PROFILE_CHAIN,      /* ok where the chain is valid, else why it is not */
    PROFILE_UPGRADED,   /* only where TLS began by STARTTLS */
};

/* Of rows with one name the first that has a value counts. */
struct profile_row {
    const char *name;  /* of EVE with '.' where objects are nested */
    const char *field; /* starttap's name */
    enum profile_convert convert;
};

struct profile_record {
    const char *name; /* "ssl" */
    enum profile_when when;
    const struct profile_row *rows;
    size_t num_rows;
};

struct profile {
    const char *name; /* "zeek" */
    bool nested;      /* a '.' in a name begins an object */
    const struct profile_record *records;
    size_t num_records;
};

extern const struct profile profile_zeek, profile_eve;
extern const struct encoder zeek_encoder, eve_encoder;

const char *
profile_describe(enum profile_convert convert); /* a few words for the reference page, may be "" */

#endif
