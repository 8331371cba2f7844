/* dns.h: one DNS message (RFC 1035 section 4), of which the answers that mail needs are read.
 *
 *   dns_begin()   header and question
 *   dns_next()    the records that follow, one by one: answers first, then the additional ones
 *
 * Read are A, AAAA (RFC 3596), CNAME, MX, TXT and TLSA (RFC 6698 section 2.1); others, among them the OPT of
 * EDNS (RFC 6891), and the authority section are passed over. A message that was cut ends with its last whole
 * record. Names are text in lower case without the final dot; one that cannot be a host's, with or without
 * underscores in front of its labels, is "", as the root is.
 *
 * Compression pointers lead backwards only and are followed DNS_JUMPS_MAX times, so the work for a name is
 * bounded whatever the message holds. Over TCP, messages have their length in front (RFC 1035 section 4.2.2):
 * that is the caller's. Links nothing but libc; no clock, no globals. */
#ifndef STARTTAP_PARSERS_DNS_H
#define STARTTAP_PARSERS_DNS_H

#include "parse.h"
#include "reader.h"

#define DNS_NAME_MAX    253 /* bytes of a name as text (RFC 1035 section 2.3.4) */
#define DNS_TEXT_MAX    512 /* bytes kept of a TXT record, its strings joined */
#define DNS_JUMPS_MAX   16  /* compression pointers in one name */
#define DNS_RECORDS_MAX 256 /* records looked at in one message */

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52 };

struct dns {
    struct reader message; /* all of it: pointers lead there */
    struct reader rest;
    uint32_t left[3]; /* records of each section: answer, authority, additional */
    uint32_t num_records;

    bool authentic;                  /* AD (RFC 4035 section 3.2.3): what the resolver claims */
    bool truncated;                  /* TC: there was more */
    char question[DNS_NAME_MAX + 1]; /* "": none, or not a name of ours */
    uint16_t question_type;
};

struct dns_record {
    uint16_t type; /* enum dns_type */
    bool additional;
    uint32_t ttl_s; /* RFC 2181 section 8: with the highest bit set it is 0 */
    char owner[DNS_NAME_MAX + 1];
    char target[DNS_NAME_MAX + 1]; /* of CNAME and MX */
    uint16_t preference;           /* of MX */
    const uint8_t *data; /* data_len bytes: of A, AAAA the address, of TLSA what follows the three; */
    uint16_t data_len;   /* borrowed from the message */
    uint8_t usage, selector, matching; /* of TLSA */
    char text[DNS_TEXT_MAX];           /* of TXT; text_len bytes, not terminated */
    uint16_t text_len;
};

/* PARSE_OK: a response without error to one question of class IN, or to none. PARSE_BAD: anything else. */
enum parse_result dns_begin(struct dns *dns, const uint8_t *data, size_t len);

/* False: that was all that is whole. */
bool dns_next(struct dns *dns, struct dns_record *record);

#endif
