/* event.h: what the sensor says about the world, as C values.
 *
 * An event owns all its bytes: texts live in its arena and go with it, are
 * constants of the program, to which it points (event_name()), or part of an
 * object that it holds (event_hold()). Texts
 * are NUL-terminated, valid UTF-8, length-capped (event_text() makes them so);
 * control characters may be in them, encoders make those harmless. A thing
 * that was not observed is absent: NULL text, FACT_UNKNOWN, EVENT_ABSENT.
 * The names in the comments are the names on the outside; the table in
 * fields.c joins both. */
#ifndef STARTTAP_OUTPUTS_EVENT_H
#define STARTTAP_OUTPUTS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_SCHEMA_VERSION 1
#define EVENT_ABSENT         INT64_MIN /* an optional number that was not observed */
#define EVENT_TEXT_MAX       1024      /* bytes of one text, before bad bytes are replaced */
#define EVENT_LIST_MAX       256       /* texts in one list */
#define EVENT_HOLDS_MAX      3         /* objects that an event points into */

enum fact { FACT_UNKNOWN, FACT_NO, FACT_YES };

static inline enum fact fact_of(bool value) {
    return value ? FACT_YES : FACT_NO;
}

enum dataset { DATASET_SESSION, DATASET_PEER, DATASET_SENSOR, DATASET_ALERT, NUM_DATASETS };

enum verdict {
    VERDICT_STARTTLS,
    VERDICT_IMPLICIT_TLS,
    VERDICT_NOT_OFFERED,
    VERDICT_MASKED,
    VERDICT_NO_EHLO,
    VERDICT_OFFERED_UNUSED,
    VERDICT_REFUSED,
    VERDICT_ACCEPTED_NO_TLS,
    VERDICT_CLEARTEXT_ON_TLS_PORT,
    VERDICT_HANDSHAKE_FAILED,
    VERDICT_NO_MAIL,
    VERDICT_NOT_SMTP,
    VERDICT_UNKNOWN,
    NUM_VERDICTS
};

/* How a verdict counts for adoption. */
enum verdict_class { COUNTS_ENCRYPTED, COUNTS_PLAINTEXT, COUNTS_FAILED, COUNTS_NOT };

const char *verdict_name(enum verdict verdict);    /* "starttls" ... */
const char *verdict_meaning(enum verdict verdict); /* one sentence, for documentation */
enum verdict_class verdict_counts_as(enum verdict verdict);

enum unknown_reason {
    UNKNOWN_NONE,
    UNKNOWN_MIDSTREAM,
    UNKNOWN_GAP,
    UNKNOWN_ONE_SIDED,
    UNKNOWN_TRUNCATED,
    UNKNOWN_EVICTED
};

const char *unknown_reason_name(enum unknown_reason reason); /* NULL for UNKNOWN_NONE */

enum finding {
    FINDING_MAIL_CLEARTEXT,
    FINDING_AUTH_CLEARTEXT,
    FINDING_STARTTLS_NOT_OFFERED,
    FINDING_STARTTLS_MASKED,
    FINDING_STARTTLS_OFFERED_UNUSED,
    FINDING_STARTTLS_REFUSED,
    FINDING_STARTTLS_ACCEPTED_NO_TLS,
    FINDING_STARTTLS_WITHDRAWN,
    FINDING_STARTTLS_DIFFERS,
    FINDING_STARTTLS_COMMAND_INJECTION,
    FINDING_STARTTLS_RESPONSE_INJECTION,
    FINDING_FALLBACK_CLEARTEXT,
    FINDING_TLS_HANDSHAKE_FAILED,
    FINDING_TLS_OBSOLETE_VERSION,
    FINDING_TLS_VERSION_LOWERED,
    FINDING_TLS_WEAK_CIPHER,
    FINDING_TLS_NO_FORWARD_SECRECY,
    FINDING_TLS_WEAK_KEY_EXCHANGE,
    FINDING_TLS_DOWNGRADE_SENTINEL,
    FINDING_CERT_EXPIRED,
    FINDING_CERT_NOT_YET_VALID,
    FINDING_CERT_EXPIRING_SOON,
    FINDING_CERT_SELF_SIGNED,
    FINDING_CERT_UNTRUSTED,
    FINDING_CERT_NAME_MISMATCH,
    FINDING_CERT_WEAK_KEY,
    FINDING_CERT_WEAK_SIGNATURE,
    FINDING_CERT_CHANGED,
    FINDING_PORT_UNEXPECTED,
    FINDING_POLICY_VIOLATION,
    NUM_FINDINGS
};

/* How much a finding matters. event.severity is the highest of an event. */
enum severity {
    SEVERITY_INFORMATIONAL = 1, /* worth knowing */
    SEVERITY_LOW = 2,           /* should be better, harms little */
    SEVERITY_MEDIUM = 3,        /* mail can be read, or protection is weak */
    SEVERITY_HIGH = 4           /* credentials exposed, or a sign of an attack */
};

/* One row of the table of findings (findings.c), from which documentation is made. */
struct finding_info {
    const char *name; /* "mail.cleartext" */
    enum severity severity;
    const char *explain; /* one line: what it means */
    const char *remedy;  /* one line: what to do */
};

const struct finding_info *finding_info(enum finding finding);

/* Memory of an event: grows, is given back at once by arena_cleanup(). */
struct arena {
    struct arena_block *blocks;
    bool failed; /* there was no memory for something, since the last reset */
};

void *arena_alloc(struct arena *arena, size_t len); /* zeroed, aligned; NULL when out of memory */
void *arena_copy(struct arena *arena, const void *data, size_t len); /* aligned likewise */
void arena_reset(struct arena *arena); /* forgets all texts, keeps one block for the next event */
void arena_cleanup(struct arena *arena);

struct text_list {
    const char **items;
    size_t num;
    const char *json; /* all of it as json_add_texts() makes it, where that was made before; else NULL */
    size_t json_len;
};

/* A name and how often it was seen. */
struct count {
    const char *name;
    uint64_t num;
};

struct count_list {
    struct count *items;
    size_t num;
};

/* One end of a connection: source.* or destination.* */
struct event_endpoint {
    const char *ip;
    uint16_t port;
    int64_t bytes;      /* TCP payload bytes, each counted once */
    int64_t packets;    /* packets seen, duplicates left out */
    const char *domain; /* destination.domain: the name the peer goes by */
    int64_t as_number;
    const char *as_organization;
    const char *country;
};

/* tls.server.* / tls.client.* certificate facts. */
struct event_cert {
    const char *sha256; /* lower-case hex; NULL: no certificate was seen, all else is absent */
    const char *subject_cn;
    const char *subject_dn;
    const char *issuer_cn;
    const char *issuer_dn;
    struct text_list alternative_names;
    int64_t not_before_s; /* seconds since 1970, may be negative */
    int64_t not_after_s;
    const char *serial_number; /* upper-case hex, '-' in front when negative */
    const char *signature_algorithm;
    const char *public_key_algorithm;
    int64_t public_key_size; /* bits */
    const char *public_key_curve;
    bool
        key_known; /* no field: of the public key (SubjectPublicKeyInfo), for fingerprints and TLSA records */
    uint8_t key_sha256[32];
};

struct session_event {
    /* base */
    uint64_t start_ns, end_ns; /* first and last packet, since 1970 */
    enum fact outcome;         /* event.outcome: YES encrypted, NO plaintext or failed, UNKNOWN unknown */
    const char *reason;        /* event.reason: one sentence why the verdict is what it is */

    /* network */
    struct event_endpoint source, destination;
    bool ipv6;
    const char *network_protocol; /* "smtp"; NULL when not_smtp */
    const char *community_id;
    const char *direction; /* inbound, outbound, internal, external; NULL without home networks */
    int64_t vlan_id;

    /* tls */
    const char *tls_version;          /* "1.2" */
    const char *tls_version_protocol; /* "tls", "ssl" */
    const char *tls_cipher;           /* IANA name */
    const char *tls_curve;
    enum fact tls_established, tls_resumed;
    const char *tls_next_protocol;
    const char *tls_server_name, *tls_ja3, *tls_ja3s;
    struct text_list tls_supported_ciphers;
    struct event_cert server_cert, client_cert;

    /* starttap.* */
    enum verdict verdict;
    enum unknown_reason unknown_reason;
    const char *mode;  /* starttls, implicit, plain */
    uint64_t findings; /* bit per enum finding */

    /* starttap.smtp.* */
    const char *smtp_banner, *smtp_helo, *smtp_ehlo, *smtp_server_name;
    struct text_list smtp_capabilities, smtp_auth_mechanisms;
    int64_t smtp_last_reply_code;
    enum fact requiretls_offered, requiretls_used;

    /* starttap.starttls.* */
    enum fact starttls_offered, starttls_requested;
    const char *starttls_masked_keyword;
    int64_t starttls_reply_code;
    int64_t injected_command_bytes, injected_reply_bytes;

    /* starttap.mail.* */
    int64_t mail_transactions;
    enum fact mail_cleartext;
    int64_t mail_cleartext_bytes;
    struct text_list mail_from_domains, mail_rcpt_domains;
    enum fact auth_cleartext;
    const char *auth_mechanism;

    /* starttap.tls.* */
    struct text_list tls_client_versions;
    const char *tls_key_exchange_group;
    enum fact tls_post_quantum, tls_forward_secrecy;
    int64_t tls_cipher_bits;
    const char *tls_signature_scheme;
    int64_t tls_dh_bits; /* size of a finite-field group, bits */
    enum fact tls_hello_retry;
    struct text_list tls_alerts; /* "client:handshake_failure" */
    int64_t tls_encrypted_alerts;
    enum fact tls_ech, tls_early_data, tls_legacy_hello;
    enum fact tls_compression, tls_fallback_scsv, tls_ocsp_stapled, tls_renegotiated, tls_decrypted;
    const char *tls_ja4;

    /* starttap.cert.*, starttap.client_cert.* */
    enum fact cert_visible;
    const char *cert_absent_reason;
    int64_t cert_chain_length;
    enum fact cert_chain_valid;
    const char *cert_chain_error;
    enum fact cert_name_match;
    const char *cert_expected_name;
    enum fact cert_self_signed;
    int64_t cert_days_left;
    enum fact client_cert_requested, client_cert_sent;

    /* starttap.policy.*, starttap.tlsrpt.*: rule, level, result pass/fail/unknown */
    const char *policy_rule, *policy_level, *policy_result;
    struct text_list policy_reasons;
    const char *tlsrpt_result_type;

    /* starttap.memory.*: what was remembered, where a finding was made of it (sensor/judge/memory.h) */
    int64_t memory_offers, memory_omissions, memory_first_offered_s, memory_last_offered_s, memory_confidence;
    const char *memory_cert_sha256, *memory_tls_version;
    int64_t memory_cert_seen_s, memory_tls_version_seen_s, memory_failed_s;
    const char *memory_other_client;
    enum fact memory_other_offered;
    int64_t memory_other_seen_s;

    /* starttap.dns.*, starttap.dane.*, starttap.mta_sts.*, starttap.received.* */
    const char *dns_host;
    struct text_list dns_domains;
    const char *dns_mta_sts_id, *dns_tlsrpt_rua;
    struct text_list dane_records;
    const char *dane_result, *dane_reason, *dane_dnssec;
    const char *mta_sts_domain, *mta_sts_mode, *mta_sts_result, *mta_sts_reason;
    struct text_list mta_sts_lines; /* no field: the policy's text, for reports; none if it is long */
    struct text_list received_hops;
    int64_t received_encrypted, received_cleartext, received_unknown; /* of these */

    /* starttap.capture.* : counters are 0 when nothing happened and then left out */
    int64_t gap_bytes, out_of_order, retransmits, duplicates;
    bool midstream, one_sided, truncated, overlap_conflict;
};

struct peer_event {
    uint64_t window_start_ns, window_end_ns; /* of packet time */
    uint64_t first_seen_ns, last_seen_ns;
    const char *kind;       /* "ip", "name", "domain": what name is */
    const char *name;       /* "other": the peers of this kind that had no room, together */
    const char *ip;         /* of kind ip; NULL of any other, and of "other" */
    const char *direction;  /* NULL without home networks */
    const char *role;       /* "server" or "client": which end the peer was */
    struct text_list names; /* of kind ip */
    int64_t rolled_up;      /* of "other": how often a peer was put into it */
    uint64_t sessions;      /* all */
    uint64_t by_verdict[NUM_VERDICTS];
    struct count_list by_version, by_cipher;
    uint64_t messages_cleartext, bytes_cleartext, auth_cleartext;
    uint64_t adoption_encrypted, adoption_total; /* numerator, denominator; ratio absent when 0 */
    struct event_cert cert;                      /* the last one seen */
    int64_t cert_days_left;
    uint64_t findings[NUM_FINDINGS]; /* sessions that had it */
    enum fact ever_offered;
    int64_t last_offered_s;
};

struct sensor_event {
    uint64_t start_ns, end_ns; /* of packet time */
    uint64_t packets, bytes, packets_dropped, interface_dropped;
    uint64_t packets_truncated, packets_damaged, packets_fragment, packets_duplicate;
    uint64_t gaps, gap_bytes;
    uint64_t flows_tracked, flows_peak, flows_evicted;
    uint64_t sessions, sessions_one_sided, sessions_midstream;
    uint64_t limits_hit; /* how often any named limit was reached */
    uint64_t memory_bytes;
    struct count_list limits; /* each named limit that was reached, and how often */
    struct count_list sink_events, sink_bytes, sink_waiting, sink_lag_ms; /* by sink */
    struct count_list sink_lost, sink_errors; /* by sink; by sink and class of error */

    /* Live only: */
    int64_t segments_to_server, segments_to_client; /* TCP segments of mail, by direction */
    uint64_t one_sided[2], duplicate[2];            /* ratios: part, whole */
    int64_t interface_outages, interface_outage_ms; /* interfaces down or away */
    int64_t clock_steps, suspended_ms;              /* of the host */
    const char *mirror;                             /* ok, silent, one_way; NULL: cannot be said yet */
};

/* That a peer had a finding so often within one hour. */
struct alert_event {
    uint64_t hour_ns, time_ns; /* when the hour began; last packet of the session that made it so often */
    const char *finding;
    uint64_t findings;           /* the same as a bit, for the severity */
    const char *reason, *remedy; /* of the table of findings */
    uint64_t sessions;           /* of the peer in this hour that had it: as many as were asked for */
    const char *peer_ip, *peer_name;
    struct event_endpoint source, destination; /* of that session: address, port and domain only */
    const char *direction, *community_id;
    enum verdict verdict;
    const char *session_id;
};

struct event_hold {
    void *object;
    void (*release)(void *object);
};

struct event {
    enum dataset dataset;
    char id[33];                  /* event.id: 128 bits, lower-case hex */
    const char *observer_name;    /* host name, or as configured; borrowed, outlives the event */
    const char *observer_version; /* borrowed */
    struct arena arena;
    struct event_hold holds[EVENT_HOLDS_MAX];
    size_t num_holds;
    union {
        struct session_event session;
        struct peer_event peer;
        struct sensor_event sensor;
        struct alert_event alert;
    };
};

/* An event with everything absent, of a session or of the dataset given; a session's verdict is unknown.
 * The struct must be zeroed before its first use: the arena's block and the observer are kept from one use to
 * the next. */
void event_init(struct event *event);
void event_reset(struct event *event, enum dataset dataset);
void event_cleanup(struct event *event);

/* Makes `to`, which was zeroed or an event before, an event of its own that says the same (event_copy.c). The
 * observer is borrowed as ever. False when out of memory: `to` is then empty. */
bool event_copy(struct event *to, const struct event *from);

/* The event points into an object of somebody else's, which is released when the event is reset or cleaned
 * up, in the thread that does so. At most EVENT_HOLDS_MAX. */
void event_hold(struct event *event, void *object, void (*release)(void *object));

/* A copy of len wire bytes as valid UTF-8: bytes that are not become U+FFFD, so
 * does NUL; cut to EVENT_TEXT_MAX bytes on a character's edge. NULL when out of
 * memory or data is NULL. */
const char *event_text(struct event *event, const void *data, size_t len);
const char *event_string(struct event *event, const char *string); /* the same, of a C string */

/* A copy of len bytes of ASCII that the sensor made itself. NULL when out of memory. */
const char *event_ascii(struct event *event, const char *text, size_t len);

/* The name that a function found in a table, or made in the caller's buffer for want of a row: a constant is
 * pointed to as it is, what stands in the buffer is copied. */
static inline const char *event_name(struct event *event, const char *name, const char *buffer) {
    return name == buffer ? event_string(event, name) : name;
}

/* Room for num texts, capped at EVENT_LIST_MAX; list->num is what was given. */
bool event_list(struct event *event, struct text_list *list, size_t num);

static inline void event_find(struct session_event *session, enum finding finding) {
    session->findings |= UINT64_C(1) << finding;
}

/* The first of those that there are: bits other than 0. */
static inline enum finding event_first_finding(uint64_t findings) {
    return (enum finding)__builtin_ctzll(findings);
}

static inline bool event_found(const struct session_event *session, enum finding finding) {
    return (session->findings >> finding & 1) != 0;
}

#endif
