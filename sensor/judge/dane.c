#include "dane.h"

#include <string.h>

enum { USAGE_TA = 2, USAGE_EE = 3 };
enum { MATCHING_FULL, MATCHING_SHA256, MATCHING_SHA512 };
#define FIELDS 3u /* usage, selector, matching type */

static bool is_usable(const struct dane_record *record) {
    if (record->len <= FIELDS || record->bytes[1] > 1)
        return false;
    if (record->bytes[0] != USAGE_TA && record->bytes[0] != USAGE_EE)
        return false;
    switch (record->bytes[2]) {
    case MATCHING_FULL:
        return true;
    case MATCHING_SHA256:
        return record->len == FIELDS + 32;
    case MATCHING_SHA512:
        return record->len == FIELDS + 64;
    default:
        return false;
    }
}

static bool fits(const struct dane_record *record, const struct cert_digests *certificate) {
    const uint8_t *data = record->bytes + FIELDS;
    unsigned selector = record->bytes[1];
    if (!certificate->known)
        return false;
    switch (record->bytes[2]) {
    case MATCHING_FULL:
        return memcmp(record->sha256, certificate->sha256[selector], 32) == 0;
    case MATCHING_SHA256:
        return memcmp(data, certificate->sha256[selector], 32) == 0;
    default:
        return memcmp(data, certificate->sha512[selector], 64) == 0;
    }
}

/* One usable record. *reason is left alone when it simply does not match. */
static enum dane_result judge_record(const struct dane_record *record, const struct dane_facts *facts,
                                     const char **reason) {
    const struct dane_chain *chain = &facts->chain;
    size_t at = 0, num = record->bytes[0] == USAGE_EE ? 1 : chain->num;
    while (at < num && !fits(record, &chain->certificates[at]))
        at++;
    if (at == num) {
        if (record->bytes[0] == USAGE_EE || record->bytes[2] != MATCHING_FULL)
            return DANE_MISMATCH;
        *reason = "anchor_not_sent"; /* the record holds it whole: it need not be in the chain */
        return DANE_UNKNOWN;
    }
    if (record->bytes[0] == USAGE_EE)
        return DANE_MATCH;
    if (at >= chain->num_linked) {
        *reason = "chain_not_signed";
        return DANE_UNKNOWN; /* by the order in which it came */
    }
    if (facts->name_wrong || facts->out_of_date) {
        *reason = facts->name_wrong ? "name_mismatch" : "certificate_out_of_date";
        return DANE_MISMATCH;
    }
    return DANE_MATCH;
}

enum dane_result dane_judge(const struct dane_record *records, size_t num, const struct dane_facts *facts,
                            const char **reason) {
    const char *why = NULL;
    enum dane_result best = DANE_MISMATCH;
    size_t num_usable = 0;
    for (size_t i = 0; i < num; i++) {
        if (!is_usable(&records[i]))
            continue;
        num_usable++;
        if (facts->chain.num == 0)
            continue;
        enum dane_result result = judge_record(&records[i], facts, &why);
        if (result == DANE_MATCH) {
            *reason = NULL;
            return DANE_MATCH;
        }
        if (result == DANE_UNKNOWN)
            best = DANE_UNKNOWN;
    }
    if (num_usable == 0 || facts->chain.num == 0) {
        *reason = num_usable == 0 ? "no_usable_records" : "certificate_not_visible";
        return DANE_UNKNOWN;
    }
    *reason = why ? why : "no_record_matches";
    return best;
}
