/* memory.h: what is remembered of servers, and what a session is when it is held against that.
 *
 * Of each server (address and port): whether it offered STARTTLS, its certificates, its TLS versions; of each
 * pair of ends that failed to agree on TLS: when. From it come the findings that no session shows by itself:
 *
 *   starttls.withdrawn   the EHLO reply lacks STARTTLS, and one before had it. It proves nothing: so it comes
 *                        with counts, times, and how sure an offer was to be expected (MEMORY_RECENT_MAX)
 *   starttls.differs     another client was treated differently within MEMORY_DIFFERS_NS. Told of the session
 *                        without an offer, or, if that was the first of the two, once of the other
 *   cert.changed         a certificate whose key is none of the last MEMORY_CERTS_MAX (one server may have
 *                        several): a renewal that keeps its key is no change
 *   tls.version_lowered  an older version than before, though the client offered the newer one
 *   fallback.cleartext   mail in clear within MEMORY_FALLBACK_NS of a failed handshake between the same two:
 *                        ours are one (home networks), and so are the addresses of a client's network (/24,
 *                        /64), as who has several of them tries again from another
 *
 * Time is the packets'. A session that is not after the newest one that was known of its server when the
 * memory was loaded (--state) belongs to the past: what is saved was made of it, or is newer than it, and
 * does not change. What was found of it then is found again, by the event's id; of one that has nothing
 * there, what follows from the other sessions of the past that this run has read. So a capture that is read
 * twice gives the same events twice, and one that is older than the file is judged by itself. */
#ifndef STARTTAP_SENSOR_JUDGE_MEMORY_H
#define STARTTAP_SENSOR_JUDGE_MEMORY_H

#include "../../outputs/event.h"
#include "address.h"

#define MEMORY_PORTS_MAX      32 /* of one address; the one used longest ago gives way */
#define MEMORY_CERTS_MAX      4
#define MEMORY_RECENT_MAX     32    /* EHLO replies that the confidence is made of */
#define MEMORY_JUDGEMENTS_MAX 65536 /* sessions whose findings are kept for a second reading */
#define MEMORY_ENDS_MAX       (2 * ADDRESS_TEXT_MAX)
#define MEMORY_SHA256_SIZE    65
#define MEMORY_VERSION_SIZE   8
#define MEMORY_ID_SIZE        33
#define MEMORY_FALLBACK_NS    (600 * UINT64_C(1000000000))
#define MEMORY_DIFFERS_NS     (300 * UINT64_C(1000000000))

enum memory_version {
    MEMORY_SSL_2,
    MEMORY_SSL_3,
    MEMORY_TLS_1_0,
    MEMORY_TLS_1_1,
    MEMORY_TLS_1_2,
    MEMORY_TLS_1_3,
    NUM_MEMORY_VERSIONS
};

const char *memory_version_name(enum memory_version version); /* "2.0" (SSL), "3.0", "1.0" ... "1.3" */

struct memory_cert {
    char sha256[MEMORY_SHA256_SIZE]; /* the last one with this key; "": none */
    bool key_known;
    uint8_t key_sha256[32];     /* of its SubjectPublicKeyInfo */
    uint64_t first_ns, last_ns; /* starts of sessions, as all times here */
};

struct memory_span {
    uint64_t sessions; /* 0: the times are not set */
    uint64_t first_ns, last_ns;
};

struct memory_client {
    char ip[ADDRESS_TEXT_MAX]; /* "": none */
    uint64_t seen_ns;
};

struct memory_server {
    char ip[ADDRESS_TEXT_MAX];
    uint16_t port;
    uint64_t first_ns, newest_ns;
    struct memory_span offers, omissions;
    uint32_t recent; /* bit 0 the last EHLO reply, 1: STARTTLS offered */
    uint8_t num_recent;
    struct memory_cert certs[MEMORY_CERTS_MAX];
    struct memory_span versions[NUM_MEMORY_VERSIONS];
    struct memory_client offered_to, omitted_to; /* the last one */
    bool difference_told;                        /* of omitted_to */
    uint64_t failed_ns;                          /* last failed handshake; 0 none */
};

struct memory_failure {
    char ends[MEMORY_ENDS_MAX]; /* "client network>server"; '<' for '>' in the past, which is not told */
    uint64_t began_ns, ended_ns;
};

/* What was found of a session: the members of the event, as they stand there. */
struct memory_judgement {
    char id[MEMORY_ID_SIZE]; /* event.id */
    uint64_t start_ns, findings;
    int64_t offers, omissions, first_offered_s, last_offered_s, confidence;
    char cert_sha256[MEMORY_SHA256_SIZE]; /* "": absent, as with all texts */
    char tls_version[MEMORY_VERSION_SIZE];
    int64_t cert_seen_s, tls_version_seen_s, failed_s;
    char other_client[ADDRESS_TEXT_MAX];
    enum fact other_offered;
    int64_t other_seen_s;
};

struct memory;
/* max is the number of servers, and of pairs of ends: beyond it the one used longest ago is forgotten.
 * keeps_judgements: there will be a second run. NULL: out of memory. */
struct memory *memory_new(size_t max, bool keeps_judgements);
void memory_free(struct memory *memory);           /* NULL is fine */
uint64_t memory_lost(const struct memory *memory); /* things that could not be remembered: out of memory */

/* While it is empty: counts what it holds there (../budget.h), and bounds each of its three tables to one of
 * MEMORY_PARTS. Borrowed. */
#define MEMORY_PARTS 24
struct budget;
void memory_set_budget(struct memory *memory, struct budget *budget);

/* A session with this server will be judged soon: fetches what is remembered of it (parsers/fetch.h). */
void memory_expect(const struct memory *memory, const char *ip);

/* Finds what there is to find, and remembers the session, whose id is set. */
void memory_judge(struct memory *memory, struct event *event, enum direction direction);

/* Of an address as a server, on any port. */
struct memory_offer {
    enum fact ever;
    uint64_t last_ns;  /* if ever is FACT_YES */
    uint64_t first_ns; /* its first session; 0: nothing is known of it */
};
struct memory_offer memory_offer(const struct memory *memory, const char *ip);

/* --- from one run to the next --- */

/* Puts back what was saved, in the order in which it was told; what is there by that name is replaced. False:
 * out of memory, or full. */
bool memory_restore_server(struct memory *memory, const struct memory_server *server);
bool memory_restore_failure(struct memory *memory, const struct memory_failure *failure);
bool memory_restore_judgement(struct memory *memory, const struct memory_judgement *judgement);
void memory_forget(struct memory *memory); /* all of it */

/* Tells what has changed since memory_told(). False as soon as one of these says so. */
struct memory_teller {
    bool (*server)(void *context, const struct memory_server *server);
    bool (*failure)(void *context, const struct memory_failure *failure);
    bool (*judgement)(void *context, const struct memory_judgement *judgement);
    void *context;
};
bool memory_tell(const struct memory *memory, const struct memory_teller *teller);
void memory_told(struct memory *memory);   /* what was told is safe */
void memory_untold(struct memory *memory); /* what was told is lost: all of it is told again */

#endif
