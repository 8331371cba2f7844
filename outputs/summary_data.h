/* summary_data.h: what the summary has counted; between summary.c, which counts, and summary_print.c. */
#ifndef STARTTAP_OUTPUTS_SUMMARY_DATA_H
#define STARTTAP_OUTPUTS_SUMMARY_DATA_H

#include "summary.h"

#define SUMMARY_KEY_LEN  72 /* an IP address or a SHA-256 in hex */
#define SUMMARY_NAME_LEN 97 /* 32 bytes, each of which may become a U+FFFD */

/* A peer or a certificate. */
struct summary_entry {
    char key[SUMMARY_KEY_LEN];
    char name[SUMMARY_NAME_LEN]; /* "" when it has none */
    uint64_t sessions;
    uint64_t messages, bytes; /* peer: mail in clear */
    uint64_t passwords;       /* peer: sessions with credentials in clear */
    int64_t days_left;        /* certificate: in the latest session */
    bool expired;             /* certificate */
};

/* Entries by key. */
struct summary_table {
    void *tree; /* tsearch(3): balanced, so that no choice of keys makes it slow */
    struct summary_entry **items;
    size_t num, cap, max;
    uint64_t omitted; /* sessions that found the table full */
};

struct summary_tally {
    struct {
        char name[SUMMARY_KEY_LEN];
        uint64_t num;
    } items[SUMMARY_NAMES_MAX];
    size_t num;
    uint64_t others; /* of names beyond SUMMARY_NAMES_MAX */
};

struct summary {
    uint64_t sessions;
    uint64_t first_ns, last_ns;
    uint64_t by_verdict[NUM_VERDICTS];
    uint64_t by_reason[UNKNOWN_EVICTED + 1];
    struct summary_tally versions, ciphers;
    struct summary_table peers, certs;
    uint64_t clear_sessions, clear_messages, clear_bytes; /* mail in clear, all peers */
    uint64_t password_sessions;
    uint64_t one_sided, midstream, truncated, with_gaps, gap_bytes; /* sessions; bytes */
    bool sensor_seen;
    uint64_t packets, packets_dropped, packets_damaged;
};

#endif
