/* tls_state.h: inside the handshake follower; for tls.c and tls_dispatch.c only. */
#ifndef STARTTAP_PARSERS_TLS_STATE_H
#define STARTTAP_PARSERS_TLS_STATE_H

#include "tls.h"
#include "tls_message.h"
#include "tls_outcome.h"
#include "tls_record.h"

/* A record that has to be whole: sealed ones for the key log, hellos in SSLv2 format. Memory only while one
 * is open. */
struct tls_gather {
    uint8_t *data;
    uint16_t have, capacity;
};

struct tls_side {
    struct tls_messages messages;
    struct tls_gather gather;
    struct tls_evidence evidence;
    struct tls_record record;
    uint8_t alert_level; /* first byte of an alert whose second is still to come */
    bool alert_open;
};

struct tls {
    struct tls_handler handler;
    struct tls_facts facts;
    struct tls_side sides[2];
    struct tls_server_choice choice;
    bool stale; /* evidence was added since the outcome was decided, which is when somebody asks */
};

/* One handshake message of a side, in clear (plain false) or decrypted. */
void tls_dispatch(struct tls *tls, enum side side, const struct tls_message *message, bool plain);

/* The first record of a side in SSLv2 format, whole. */
void tls_dispatch_sslv2_hello(struct tls *tls, enum side side, struct reader record);

#endif
