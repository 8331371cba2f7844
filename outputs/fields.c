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

#define FIXED(csv, in, grp, field_name, word, text) ROW_OF(csv, in, grp, FIXED, 0, field_name, word, text)
#define FIXED_NUMBER(csv, in, grp, field_name, number, text)                                                 \
    ROW_OF(csv, in, grp, FIXED_NUMBER, 0, field_name, number, text)
#define ROW(csv, in, grp, knd, member, field_name, allowed, text)                                            \
    ROW_OF(csv, in, grp, knd, offsetof(struct event, member), field_name, allowed, text)
#define ROW_OF(csv, in, grp, knd, at, field_name, allowed, text)                                             \
    {.name = PREFIX_##grp field_name,                                                                        \
     .name_len = sizeof PREFIX_##grp field_name - 1,                                                         \
     .datasets = FIELDS_##in,                                                                                \
     .kind = FIELD_##knd,                                                                                    \
     .group = GROUP_##grp,                                                                                   \
     .offset = at,                                                                                           \
     .column = csv,                                                                                          \
     .values = allowed,                                                                                      \
     .describe = text},
#define ANY NULL

static const struct field table[] = {
#include "fields_rows.h"
};

const struct field *fields_table(size_t *num) {
    *num = sizeof table / sizeof table[0];
    return table;
}
