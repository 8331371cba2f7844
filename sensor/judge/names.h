/* names.h: what the DNS said of names and addresses, as far as its answers were seen: a bounded cache.
 *
 *   names_read()   a message -> facts, without any state: each worker can do it
 *   names_add()    facts into the cache, in the order of the capture
 *   names_find()   what was known of a key at a moment
 *
 * A fact holds from the time when it was first seen until its time to live has passed, by packet time, and
 * NAMES_LATE_NS longer: connections come a little after the answer. Nothing is checked: answers are what
 * somebody sent from port 53, and AD is what the resolver says of itself.
 *
 * Bounded: NAMES_MAX facts, and their memory; the one not seen for longest goes. NAMES_PER_KEY_MAX of one
 * key. */
#ifndef STARTTAP_SENSOR_JUDGE_NAMES_H
#define STARTTAP_SENSOR_JUDGE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../outputs/event.h"

#define NAMES_MAX         65536u
#define NAMES_PARTS       8u
#define NAMES_PER_KEY_MAX 16u
#define NAMES_LATE_NS     (60 * UINT64_C(1000000000))
#define NAMES_FACTS_MAX   64u   /* of one message */
#define NAMES_VALUE_MAX   4096u /* bytes: a whole certificate in a TLSA record */
#define NAMES_ANSWERS_MAX 8u    /* of one fact */

enum name_kind {
    NAME_OF_ADDRESS, /* address (4 or 16 bytes) -> the name that was asked for */
    NAME_ALIAS,      /* the name that was asked for -> what CNAMEs led to */
    NAME_MX,         /* host -> a domain whose MX it is */
    NAME_TLSA,       /* "_25._tcp.host" -> usage, selector, matching type, data: bytes */
    NAME_MTA_STS,    /* domain -> id of its _mta-sts record (RFC 8461 section 3.1) */
    NAME_TLSRPT,     /* domain -> rua of its _smtp._tls record (RFC 8460 section 3) */
    NAME_OF_ALIAS,   /* what CNAMEs led to, in an answer without its address -> the name that was asked for */
};

struct name_fact {
    uint8_t kind;   /* enum name_kind */
    bool authentic; /* AD */
    uint16_t key_len, value_len;
    uint32_t ttl_s;
    const uint8_t *key, *value; /* of names and texts without a final NUL */
};

/* The facts of a message, in memory of the arena; 0: none, or not an answer to what mail asks. */
size_t names_read(const uint8_t *message, size_t len, struct arena *arena, const struct name_fact **facts);

struct names;

struct budget; /* ../budget.h; borrowed. Of it names take no more than one of NAMES_PARTS */
struct names *names_new(struct budget *budget); /* NULL: out of memory */
void names_free(struct names *names);

/* An end of a conversation. */
struct name_end {
    uint8_t bytes[16];
    uint8_t len; /* 4 or 16; 0: none */
};

/* Facts that came to this asker at this time. answer: by which number whoever records them knows the answer
 * that told them (record/record_answers.h); 0: it is not kept. */
void names_add(struct names *names, const struct name_fact *facts, size_t num, const struct name_end *asker,
               uint64_t ts_ns, uint64_t answer);

/* Answers that together show for how long a fact has held: each came before the time to live of the one
 * before it had passed. Those in between are left out; beyond NAMES_ANSWERS_MAX the oldest. */
struct name_answers {
    struct name_answer {
        uint64_t number, ts_ns, until_ns;
    } items[NAMES_ANSWERS_MAX]; /* by time */
    size_t num;
};

struct name_found {
    const uint8_t *value; /* value_len bytes and a NUL; borrowed until the next names_add() */
    size_t value_len;
    bool authentic;
    bool asked;                         /* by the asker in question */
    uint64_t last_ns, order;            /* when it was seen the last time, and among those of that moment */
    const struct name_answers *answers; /* NULL: none are kept */
};

/* What held at that time, the last seen first. Returns how many. names may be NULL: none. */
size_t names_find(const struct names *names, enum name_kind kind, const void *key, size_t key_len,
                  const struct name_end *asker, uint64_t at_ns, struct name_found found[NAMES_PER_KEY_MAX]);

size_t names_count(const struct names *names);
uint64_t names_dropped(const struct names *names); /* facts that a limit cost */

#endif
