/* session.h: what is said on one connection: joins both directions and drives the parsers.
 *
 * Each side is in a lane: the words for a proxy, SMTP in clear, TLS, or nothing more to learn. Where no
 * proxy is spoken to, a session starts in SMTP; the SMTP parser says where TLS begins (from the first byte,
 * for implicit TLS), and a side goes back when what follows is not TLS after all. In a side that does not
 * speak SMTP the hello of another protocol's TLS is searched for.
 *
 * With a key log, what the records hold goes back to the TLS parser (handshake, alerts) and to a second SMTP
 * parser, the inner one (application data). */
#ifndef STARTTAP_SENSOR_TRACK_SESSION_H
#define STARTTAP_SENSOR_TRACK_SESSION_H

#include "../../parsers/fold.h"
#include "../../parsers/proxy.h"
#include "../../parsers/smtp.h"
#include "../../parsers/tls.h"
#include "../../parsers/tls_search.h"
#include "../budget.h"
#include "../judge/decrypt.h"
#include "../judge/ehlo.h"
#include "../judge/hello.h"
#include "../judge/trust.h"
#include "inner.h"
#include "veil.h"

enum lane { LANE_PROXY, LANE_SMTP, LANE_TLS, LANE_DONE };

/* What all sessions of a pipeline share. */
struct session_tools {
    struct budget *budget;   /* NULL: memory is not counted */
    struct history *history; /* shared by all connections */
    struct digest *digest;
    struct trust *trust;
    struct hello_cache *hellos;
    struct ehlo_cache *ehlos;
    struct keylog *keylog; /* NULL: none, nothing is decrypted */
    bool received;         /* Received fields of messages in clear are read */
    bool veils;            /* sessions keep what is to be hidden of their bytes */
};

/* What was learnt from the TLS messages as they passed. */
struct tls_notes {
    struct hello *hello; /* of the first ClientHello; NULL before it */
    uint8_t ja3s[HELLO_JA3S_LEN];
    bool has_ja3s;
    struct trust_chain *chains[2]; /* by the side that sent it; NULL none */
};

/* What it takes to find out whether a side speaks SMTP, or TLS behind the words for a proxy or of another
 * protocol. */
struct prelude {
    struct proxy proxies[2];
    struct tls_search searches[2];
};

struct session {
    const struct session_tools *tools;
    struct smtp *smtp;
    struct tls *tls; /* NULL before TLS began */
    struct tls_notes *notes;
    struct decrypt *decrypt; /* with a key log, while there is tls */
    struct inner *inner;     /* what was said inside TLS; NULL: nothing that could be read */
    bool inner_missed[2];    /* before there was an inner conversation, something of it was missed */
    struct veil *veils;      /* of both sides; NULL: nobody asks, or no memory */
    struct prelude *prelude; /* NULL: both sides are known */
    uint8_t lanes[2];        /* enum lane */
    bool asked_proxy[2];     /* the side began like an end of a conversation with a proxy */
    bool found_tls[2];       /* of another protocol than SMTP */
    bool tls_began[2];       /* a TLS byte came from that side */
    bool tls_from_start[2];  /* and it was the first byte of its stream */
    bool clear_after_tls[2]; /* and what followed was clear text again */
    uint32_t tls_failures;   /* earlier handshakes on this connection that failed */
    uint32_t smtp_held;      /* bytes of memory that smtp took when it last read, */
    uint32_t tls_held;       /* and tls: not to fetch for each segment what only one of them reads */
    bool spoke[2];           /* any byte came */
    bool after_gap[2];       /* the next byte comes right after a hole */
    bool tls_after_gap[2];   /* the next byte begins TLS there: unless by a hello, records were lost */
};

/* NULL: out of memory. tools is borrowed. */
struct session *session_new(const struct session_tools *tools);
void session_free(struct session *session); /* NULL is fine */

/* Bytes in order; returns how many were used. Fewer than len: the session waits for
 * the other side, offer the rest again later. With force everything is used. */
size_t session_push(struct session *session, enum side side, const uint8_t *data, size_t len, bool force);
void session_gap(struct session *session, enum side side, uint64_t len);

/* The connection began before the capture did. */
void session_midstream(struct session *session);

/* The connection is over: what was decrypted waits no longer. */
void session_finish(struct session *session);

/* A session that is quiet, small: writes it into fold. False: it cannot be folded now; what is decrypted or
 * hidden never is. When the fold is kept, it owns what the session holds elsewhere: free the session with
 * session_free_folded(), and make it anew with session_unfold(). NULL: out of memory, what it knew is lost.
 */
bool session_fold(const struct session *session, struct fold *fold);
void session_free_folded(struct session *session);
struct session *session_unfold(struct reader *in, const struct session_tools *tools);

/* Bytes of memory that it takes; the certificates of chains are counted by trust. */
size_t session_held(const struct session *session);

/* The client began with the words for a proxy: behind them anything may come. session may be NULL. */
bool session_asked_proxy(const struct session *session);

/* False: nothing more can be learnt from that side's bytes; they need not come in order or at all. */
bool session_listens(const struct session *session, enum side side);

#endif
