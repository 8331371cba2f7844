#include "fields.h"

/* The prefix of the fields of each group. */
#define PREFIX_ROOT                        ""
#define PREFIX_ECS                         "ecs."
#define PREFIX_EVENT                       "event."
#define PREFIX_OBSERVER                    "observer."
#define PREFIX_NETWORK                     "network."
#define PREFIX_NETWORK_VLAN                PREFIX_NETWORK "vlan."
#define PREFIX_SOURCE                      "source."
#define PREFIX_SOURCE_AS                   PREFIX_SOURCE "as."
#define PREFIX_SOURCE_AS_ORGANIZATION      PREFIX_SOURCE_AS "organization."
#define PREFIX_SOURCE_GEO                  PREFIX_SOURCE "geo."
#define PREFIX_DESTINATION                 "destination."
#define PREFIX_DESTINATION_AS              PREFIX_DESTINATION "as."
#define PREFIX_DESTINATION_AS_ORGANIZATION PREFIX_DESTINATION_AS "organization."
#define PREFIX_DESTINATION_GEO             PREFIX_DESTINATION "geo."
#define PREFIX_TLS                         "tls."
#define PREFIX_TLS_CLIENT                  PREFIX_TLS "client."
#define PREFIX_TLS_CLIENT_HASH             PREFIX_TLS_CLIENT "hash."
#define PREFIX_TLS_CLIENT_X509             PREFIX_TLS_CLIENT "x509."
#define PREFIX_TLS_CLIENT_X509_SUBJECT     PREFIX_TLS_CLIENT_X509 "subject."
#define PREFIX_TLS_CLIENT_X509_ISSUER      PREFIX_TLS_CLIENT_X509 "issuer."
#define PREFIX_TLS_SERVER                  PREFIX_TLS "server."
#define PREFIX_TLS_SERVER_HASH             PREFIX_TLS_SERVER "hash."
#define PREFIX_TLS_SERVER_X509             PREFIX_TLS_SERVER "x509."
#define PREFIX_TLS_SERVER_X509_SUBJECT     PREFIX_TLS_SERVER_X509 "subject."
#define PREFIX_TLS_SERVER_X509_ISSUER      PREFIX_TLS_SERVER_X509 "issuer."
#define PREFIX_STARTTAP                    "starttap."
#define PREFIX_SMTP                        PREFIX_STARTTAP "smtp."
#define PREFIX_STARTTLS                    PREFIX_STARTTAP "starttls."
#define PREFIX_MAIL                        PREFIX_STARTTAP "mail."
#define PREFIX_STARTTAP_TLS                PREFIX_STARTTAP "tls."
#define PREFIX_CERT                        PREFIX_STARTTAP "cert."
#define PREFIX_CLIENT_CERT                 PREFIX_STARTTAP "client_cert."
#define PREFIX_POLICY                      PREFIX_STARTTAP "policy."
#define PREFIX_TLSRPT                      PREFIX_STARTTAP "tlsrpt."
#define PREFIX_MEMORY                      PREFIX_STARTTAP "memory."
#define PREFIX_DNS                         PREFIX_STARTTAP "dns."
#define PREFIX_DANE                        PREFIX_STARTTAP "dane."
#define PREFIX_MTA_STS                     PREFIX_STARTTAP "mta_sts."
#define PREFIX_RECEIVED                    PREFIX_STARTTAP "received."
#define PREFIX_CAPTURE                     PREFIX_STARTTAP "capture."
#define PREFIX_PEER                        PREFIX_STARTTAP "peer."
#define PREFIX_PEER_WINDOW                 PREFIX_PEER "window."
#define PREFIX_PEER_ADOPTION               PREFIX_PEER "adoption."
#define PREFIX_PEER_CERT                   PREFIX_PEER "cert."
#define PREFIX_SENSOR                      PREFIX_STARTTAP "sensor."
#define PREFIX_ALERT                       PREFIX_STARTTAP "alert."

/* A group: how many are around it, its name within the one next to it, which that is. */
#define GROUP(group, group_depth, group_name, outer)                                                         \
    [GROUP_##group] = {.prefix = PREFIX_##group,                                                             \
                       .prefix_len = sizeof PREFIX_##group - 1,                                              \
                       .parent = GROUP_##outer,                                                              \
                       .depth = group_depth,                                                                 \
                       .json = "\"" group_name "\":{",                                                       \
                       .json_len = sizeof "\"" group_name "\":{" - 1}

const struct field_group_info fields_groups[NUM_GROUPS] = {
    [GROUP_ROOT] = {.prefix = PREFIX_ROOT},
    GROUP(ECS, 1, "ecs", ROOT),
    GROUP(EVENT, 1, "event", ROOT),
    GROUP(OBSERVER, 1, "observer", ROOT),
    GROUP(NETWORK, 1, "network", ROOT),
    GROUP(NETWORK_VLAN, 2, "vlan", NETWORK),
    GROUP(SOURCE, 1, "source", ROOT),
    GROUP(SOURCE_AS, 2, "as", SOURCE),
    GROUP(SOURCE_AS_ORGANIZATION, 3, "organization", SOURCE_AS),
    GROUP(SOURCE_GEO, 2, "geo", SOURCE),
    GROUP(DESTINATION, 1, "destination", ROOT),
    GROUP(DESTINATION_AS, 2, "as", DESTINATION),
    GROUP(DESTINATION_AS_ORGANIZATION, 3, "organization", DESTINATION_AS),
    GROUP(DESTINATION_GEO, 2, "geo", DESTINATION),
    GROUP(TLS, 1, "tls", ROOT),
    GROUP(TLS_CLIENT, 2, "client", TLS),
    GROUP(TLS_CLIENT_HASH, 3, "hash", TLS_CLIENT),
    GROUP(TLS_CLIENT_X509, 3, "x509", TLS_CLIENT),
    GROUP(TLS_CLIENT_X509_SUBJECT, 4, "subject", TLS_CLIENT_X509),
    GROUP(TLS_CLIENT_X509_ISSUER, 4, "issuer", TLS_CLIENT_X509),
    GROUP(TLS_SERVER, 2, "server", TLS),
    GROUP(TLS_SERVER_HASH, 3, "hash", TLS_SERVER),
    GROUP(TLS_SERVER_X509, 3, "x509", TLS_SERVER),
    GROUP(TLS_SERVER_X509_SUBJECT, 4, "subject", TLS_SERVER_X509),
    GROUP(TLS_SERVER_X509_ISSUER, 4, "issuer", TLS_SERVER_X509),
    GROUP(STARTTAP, 1, "starttap", ROOT),
    GROUP(SMTP, 2, "smtp", STARTTAP),
    GROUP(STARTTLS, 2, "starttls", STARTTAP),
    GROUP(MAIL, 2, "mail", STARTTAP),
    GROUP(STARTTAP_TLS, 2, "tls", STARTTAP),
    GROUP(CERT, 2, "cert", STARTTAP),
    GROUP(CLIENT_CERT, 2, "client_cert", STARTTAP),
    GROUP(POLICY, 2, "policy", STARTTAP),
    GROUP(TLSRPT, 2, "tlsrpt", STARTTAP),
    GROUP(MEMORY, 2, "memory", STARTTAP),
    GROUP(DNS, 2, "dns", STARTTAP),
    GROUP(DANE, 2, "dane", STARTTAP),
    GROUP(MTA_STS, 2, "mta_sts", STARTTAP),
    GROUP(RECEIVED, 2, "received", STARTTAP),
    GROUP(CAPTURE, 2, "capture", STARTTAP),
    GROUP(PEER, 2, "peer", STARTTAP),
    GROUP(PEER_WINDOW, 3, "window", PEER),
    GROUP(PEER_ADOPTION, 3, "adoption", PEER),
    GROUP(PEER_CERT, 3, "cert", PEER),
    GROUP(SENSOR, 2, "sensor", STARTTAP),
    GROUP(ALERT, 2, "alert", STARTTAP),
};

enum {
    SESSION = 1 << DATASET_SESSION,
    PEER = 1 << DATASET_PEER,
    SENSOR = 1 << DATASET_SENSOR,
    ALERT = 1 << DATASET_ALERT,
    MEASURE = PEER | SENSOR,
    EVERY = SESSION | PEER | SENSOR | ALERT
};

/* A row of fields_rows.h, where the table that is being made wants it. */
#define ROW(csv, in, grp, knd, member, field_name, allowed, text)                                            \
    ROW_JSON(csv, in, grp, knd, offsetof(struct event, member), field_name, allowed, text, "")
#define FIXED(csv, in, grp, field_name, word, text)                                                          \
    ROW_JSON(csv, in, grp, FIXED, 0, field_name, word, text, "\"" word "\",")
#define FIXED_NUMBER(csv, in, grp, field_name, number, text)                                                 \
    ROW_JSON(csv, in, grp, FIXED_NUMBER, 0, field_name, number, text, number ",")

#define ROW_JSON(csv, in, grp, knd, at, field_name, allowed, text, json_value)                               \
    IN_TABLE(TABLE, in)                                                                                      \
    ({.name = PREFIX_##grp field_name,                                                                       \
      .name_len = sizeof PREFIX_##grp field_name - 1,                                                        \
      .datasets = in,                                                                                        \
      .kind = FIELD_##knd,                                                                                   \
      .group = GROUP_##grp,                                                                                  \
      .offset = at,                                                                                          \
      .column = csv,                                                                                         \
      .json = "\"" field_name "\":" json_value,                                                              \
      .json_len = sizeof "\"" field_name "\":" json_value - 1,                                               \
      .values = allowed,                                                                                     \
      .describe = text}, )
#define ANY        NULL
#define STRING(x)  STRING_(x)
#define STRING_(x) #x
#define TAKE(...)  __VA_ARGS__
#define PASS_OVER(...)

/* Which table takes rows of which datasets. */
#define TABLE_ALL_SESSION     TAKE
#define TABLE_ALL_PEER        TAKE
#define TABLE_ALL_SENSOR      TAKE
#define TABLE_ALL_ALERT       TAKE
#define TABLE_ALL_MEASURE     TAKE
#define TABLE_ALL_EVERY       TAKE
#define TABLE_SESSION_SESSION TAKE
#define TABLE_SESSION_PEER    PASS_OVER
#define TABLE_SESSION_SENSOR  PASS_OVER
#define TABLE_SESSION_ALERT   PASS_OVER
#define TABLE_SESSION_MEASURE PASS_OVER
#define TABLE_SESSION_EVERY   TAKE
#define TABLE_PEER_SESSION    PASS_OVER
#define TABLE_PEER_PEER       TAKE
#define TABLE_PEER_SENSOR     PASS_OVER
#define TABLE_PEER_ALERT      PASS_OVER
#define TABLE_PEER_MEASURE    TAKE
#define TABLE_PEER_EVERY      TAKE
#define TABLE_SENSOR_SESSION  PASS_OVER
#define TABLE_SENSOR_PEER     PASS_OVER
#define TABLE_SENSOR_SENSOR   TAKE
#define TABLE_SENSOR_ALERT    PASS_OVER
#define TABLE_SENSOR_MEASURE  TAKE
#define TABLE_SENSOR_EVERY    TAKE
#define TABLE_ALERT_SESSION   PASS_OVER
#define TABLE_ALERT_PEER      PASS_OVER
#define TABLE_ALERT_SENSOR    PASS_OVER
#define TABLE_ALERT_ALERT     TAKE
#define TABLE_ALERT_MEASURE   PASS_OVER
#define TABLE_ALERT_EVERY     TAKE
#define IN_TABLE(table, in)   IN_TABLE_(table, in)
#define IN_TABLE_(table, in)  TABLE_##table##_##in

static const struct field all[] = {
#define TABLE ALL
#include "fields_rows.h"
#undef TABLE
};

static const struct field of_session[] = {
#define TABLE SESSION
#include "fields_rows.h"
#undef TABLE
};

static const struct field of_peer[] = {
#define TABLE PEER
#include "fields_rows.h"
#undef TABLE
};

static const struct field of_sensor[] = {
#define TABLE SENSOR
#include "fields_rows.h"
#undef TABLE
};

static const struct field of_alert[] = {
#define TABLE ALERT
#include "fields_rows.h"
#undef TABLE
};

const struct field *fields_table(size_t *num) {
    *num = sizeof all / sizeof all[0];
    return all;
}

#define ROWS(rows)                                                                                           \
    { rows, sizeof rows / sizeof rows[0] }

static const struct {
    const struct field *rows;
    size_t num;
} of_datasets[NUM_DATASETS] = {
    [DATASET_SESSION] = ROWS(of_session),
    [DATASET_PEER] = ROWS(of_peer),
    [DATASET_SENSOR] = ROWS(of_sensor),
    [DATASET_ALERT] = ROWS(of_alert),
};

const struct field *fields_of(enum dataset dataset, size_t *num) {
    *num = of_datasets[dataset].num;
    return of_datasets[dataset].rows;
}
