/* tls_outcome.h: what the two sides did, and what follows for the handshake.
 *
 * Each side's evidence comes from its own bytes alone; everything that needs both (or the version, which only
 * the server tells) is decided here, from the evidence so far. So the order in which the sides arrive does
 * not matter.
 *
 * ESTABLISHED, as far as a passive observer can tell:
 *  - 1.2 and below: ChangeCipherSpec and a sealed handshake record after it (Finished), from both sides.
 *  - 1.3: ServerHello, a sealed record of the server that could hold its Finished, and one of the client. A
 * client that offered early data must have sent a record of exactly Finished's size instead: early data looks
 * the same otherwise. A server that refuses the client's Finished or certificate afterwards does so in a
 * sealed alert: such a handshake still counts as established.
 *  - SSLv2: CLIENT-MASTER-KEY and a record after it, and two records after SERVER-HELLO.
 * FAILED:
 *  - an alert in clear that is fatal or close_notify, before that side's Finished (1.3: ever; a sealed
 * connection has no alerts in clear). Other warnings are only listed.
 *  - a sealed alert before Finished. In 1.3 it is known by its size: a first sealed record that holds just
 * two bytes.
 *  - bytes that are not TLS before Finished.
 *  - 1.3 with a key log: a fatal alert of a side before its first application data.
 * After a gap on either side sealed alerts and other bytes do not count, since what is missing may have been
 * the Finished; and in 1.2 application data of a side proves that its Finished was among what is missing. */
#ifndef STARTTAP_PARSERS_TLS_OUTCOME_H
#define STARTTAP_PARSERS_TLS_OUTCOME_H

#include "tls.h"
#include "tls_hello.h"

/* How far a side came. */
struct tls_progress {
    bool ccs; /* ChangeCipherSpec; a dummy one in 1.3 */
    uint8_t
        sealed_handshakes;  /* records of type 22 after it (SSLv2: records after the hello); stops at 255 */
    uint8_t finished_sizes; /* sizes of Finished among the records of type 23: enum tls_finished_size */
    uint16_t first_data;    /* body of the first record of type 23; 0: none */
    uint16_t largest_data;  /* and of the largest */
    uint8_t data_records;   /* of type 23, larger than an alert; counted up to what decides */
};

struct tls_evidence {
    struct tls_progress now, at_gap; /* at_gap: at the first gap */
    uint32_t sealed_alerts;          /* of type 21 */
    bool gap, not_tls;
    bool data_after_gap;     /* type 23 */
    bool full;               /* messages that only a full handshake of 1.2 and below has */
    bool abbreviated;        /* server, 1.2 and below: ChangeCipherSpec straight after ServerHello */
    bool fatal;              /* an alert in clear that ends the connection */
    bool fatal_early;        /* ... before this side's Finished */
    bool sealed_alert_early; /* type 21 after ChangeCipherSpec, before Finished */
    bool plain_data;         /* decrypted application data */
    bool plain_fatal;        /* a decrypted fatal alert before any of it */
    bool sslv2_resumed;      /* session-id-hit of SERVER-HELLO */
};

/* A record of type 23 with len bytes of body ended. True when that was news. */
bool tls_evidence_data(struct tls_evidence *evidence, uint16_t len);

/* Sets outcome, resumed, downgrade_sentinel and what else depends on both sides. */
void tls_outcome_decide(struct tls_facts *facts, const struct tls_evidence *client,
                        const struct tls_evidence *server, struct tls_server_choice choice);

#endif
