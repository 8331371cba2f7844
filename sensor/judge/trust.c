#include "trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/provider.h>

#include "trust_cache.h"
#include "trust_cert.h"
#include "trust_store.h"
#include "trust_verify.h"

#define DAY_S       INT64_C(86400)
#define CHAIN_FEW   2   /* certificates: a leaf and who signed it */
#define RECENT_BITS 10  /* 1024 certificates that can be known without hashing them */
#define NAME_BITS   9   /* 512 comparisons of a certificate with a name are remembered */
#define NUM_CHAINS  256 /* whose SHA-256 is remembered, by the first byte of their leaf's */
#define CHAIN_KNOWN 4   /* certificates of such a chain at most */

/* The years 1 to 9999: as far as dates in certificates go, and as OpenSSL compares. */
#define TIME_MIN INT64_C(-62135596800)
#define TIME_MAX INT64_C(253402300799)

/* Whether a certificate stands for a name: OpenSSL takes 2,000 instructions to say so, and mail servers are
 * asked for by the same few names. */
struct name_answer {
    uint8_t sha256[32];
    char name[TRUST_EXPECT_MAX + 1]; /* "": none yet */
    enum fact matches;
};

/* The SHA-256 of the hashes of a chain, by which its answer is found. */
struct chain_key {
    size_t num; /* 0: none yet */
    uint8_t hashes[CHAIN_KNOWN][32], key[32];
};

struct trust {
    struct digest *digest;
    bool verify;
    struct trust_cert *recent[1 << RECENT_BITS]; /* borrowed; a certificate takes itself out */
    struct name_answer names[1 << NAME_BITS];
    struct chain_key chains[NUM_CHAINS];
    struct trust_store store;
    struct trust_cache *certificates; /* struct trust_cert, by its SHA-256 */
    struct trust_cache *answers;      /* struct trust_answer, by the SHA-256 of the chain's hashes */
    struct trust_live live;
    OSSL_PROVIDER *nothing; /* all that live.keyless has */
    size_t live_max;        /* bytes */
    struct trust_counters counters;
};

/* There may be one for each open connection. */
struct trust_chain {
    struct trust *trust;
    struct trust_cert **certificates; /* few, or memory for more */
    struct trust_cert *few[CHAIN_FEW];
    uint32_t length;
    uint16_t num, max;
};

static void release_cert(void *value) {
    trust_cert_unref(value);
}

struct trust *trust_new(const struct trust_options *options, struct digest *digest, char *error,
                        size_t error_len) {
    struct trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL)
        goto out_of_memory;
    trust->digest = digest;
    trust->verify = options->verify;
    trust->live.budget = options->budget;
    size_t part =
        budget_part(options->budget, TRUST_PARTS * (options->num_sharing > 0 ? options->num_sharing : 1));
    trust->live_max = part < TRUST_LIVE_BYTES_MAX ? part : TRUST_LIVE_BYTES_MAX;
    size_t cache_max = part / 2 < TRUST_CACHE_BYTES_MAX ? part / 2 : TRUST_CACHE_BYTES_MAX;
    trust->live.keyless = OSSL_LIB_CTX_new();
    if (trust->live.keyless)
        trust->nothing = OSSL_PROVIDER_load(trust->live.keyless, "null");
    trust->certificates = trust_cache_new(TRUST_CACHE_MAX, cache_max, release_cert);
    trust->answers = trust_cache_new(TRUST_VERIFIED_MAX, SIZE_MAX, free);
    if (trust->nothing == NULL || trust->certificates == NULL || trust->answers == NULL)
        goto out_of_memory;
    if (trust->verify && !trust_store_load(&trust->store, options->ca_path, error, error_len)) {
        trust_free(trust);
        return NULL;
    }
    return trust;

out_of_memory:
    snprintf(error, error_len, "out of memory");
    trust_free(trust);
    return NULL;
}

void trust_free(struct trust *trust) {
    if (trust == NULL)
        return;
    trust_cache_free(trust->certificates);
    trust_cache_free(trust->answers);
    trust_store_cleanup(&trust->store);
    if (trust->nothing)
        OSSL_PROVIDER_unload(trust->nothing);
    OSSL_LIB_CTX_free(trust->live.keyless);
    free(trust);
}

bool trust_reload(struct trust *trust, const struct trust_options *options, char *error, size_t error_len) {
    struct trust_store store = {0};
    struct trust_cache *answers = trust_cache_new(TRUST_VERIFIED_MAX, SIZE_MAX, free);
    snprintf(error, error_len, "out of memory");
    if (answers == NULL ||
        (options->verify && !trust_store_load(&store, options->ca_path, error, error_len))) {
        trust_cache_free(answers);
        return false;
    }
    trust_cache_free(trust->answers);
    trust_store_cleanup(&trust->store);
    trust->answers = answers;
    trust->store = store;
    trust->verify = options->verify;
    return true;
}

bool trust_has_anchors(const struct trust *trust) {
    return trust->store.num_anchors > 0;
}

/* Makes room for cost bytes more, if need be by emptying the cache: open chains keep what they hold. */
static bool room_for(struct trust *trust, size_t cost) {
    while (trust->live.bytes + cost > trust->live_max)
        if (!trust_cache_evict(trust->certificates))
            return false;
    return true;
}

static struct trust_cert *cert_new(struct trust *trust, const uint8_t *der, size_t len,
                                   const uint8_t sha256[32]) {
    bool too_long = len > TRUST_CERTIFICATE_MAX;
    bool full = !too_long && !room_for(trust, trust_cert_cost(len));
    struct trust_cert *cert = trust_cert_new(der, len, sha256, !too_long && !full, &trust->live);
    if (cert == NULL)
        return NULL;
    trust->counters.certificates_too_long += too_long;
    trust->counters.memory_full += full;
    if (!too_long && !full) {
        trust->counters.parsed += cert->x509 != NULL;
        trust->counters.unparsable += cert->x509 == NULL;
    }
    trust->counters.names_left_out += cert->names_left_out;
    /* one that there was no memory for may be parsed next time */
    if (!full && !trust_cache_put(trust->certificates, sha256, trust_cert_ref(cert), cert->cost))
        trust_cert_unref(cert);
    trust->counters.evicted = trust_cache_evicted(trust->certificates);
    return cert;
}

/* Where a certificate of these bytes would be, by its last ones: they are of the signature. */
static struct trust_cert **recent_of(struct trust *trust, const uint8_t *der, size_t len) {
    uint64_t last = len;
    if (len >= sizeof last)
        memcpy(&last, der + len - sizeof last, sizeof last);
    return &trust->recent[last * UINT64_C(0x9e3779b97f4a7c15) >> (64 - RECENT_BITS)];
}

static void make_recent(struct trust_cert *cert, struct trust_cert **recent) {
    if (cert->der == NULL)
        return;
    if (cert->recent)
        *cert->recent = NULL;
    if (*recent)
        (*recent)->recent = NULL;
    *recent = cert;
    cert->recent = recent;
}

/* A reference to the certificate, from the cache if it was seen before. NULL: out of memory. */
static struct trust_cert *cert_get(struct trust *trust, const uint8_t *der, size_t len) {
    uint8_t sha256[32];
    struct trust_cert **recent = recent_of(trust, der, len);
    if (*recent && (*recent)->der_len == len && memcmp((*recent)->der, der, len) == 0)
        memcpy(sha256, (*recent)->sha256, sizeof sha256); /* comparing takes a twentieth of hashing */
    else if (!digest_sha256(trust->digest, der, len, sha256))
        return NULL;
    struct trust_cert *cert = trust_cache_find(trust->certificates, sha256);
    if (cert != NULL) {
        trust->counters.cache_hits++;
        trust_cert_ref(cert);
    } else {
        cert = cert_new(trust, der, len, sha256);
    }
    if (cert != NULL)
        make_recent(cert, recent);
    return cert;
}

struct trust_chain *trust_chain_new(struct trust *trust) {
    struct trust_chain *chain = malloc(sizeof *chain);
    if (chain)
        *chain = (struct trust_chain){.trust = trust, .certificates = chain->few, .max = CHAIN_FEW};
    return chain;
}

static void chain_cleanup(struct trust_chain *chain) {
    for (size_t i = 0; i < chain->num; i++)
        trust_cert_unref(chain->certificates[i]);
    if (chain->certificates != chain->few)
        free(chain->certificates);
}

void trust_chain_free(struct trust_chain *chain) {
    if (chain == NULL)
        return;
    chain_cleanup(chain);
    free(chain);
}

void trust_chain_fold(const struct trust_chain *chain, struct fold *fold) {
    struct trust_chain state = *chain;
    state.trust = NULL;
    if (chain->certificates == chain->few)
        state.certificates = NULL;
    fold_state(fold, &state, sizeof state);
}

void trust_chain_free_folded(struct trust_chain *chain) {
    free(chain);
}

struct trust_chain *trust_chain_unfold(struct trust *trust, struct reader *in) {
    struct trust_chain state, *chain = malloc(sizeof *chain);
    unfold_state(in, &state, sizeof state);
    bool few = state.certificates == NULL;
    if (chain == NULL) {
        state.certificates = few ? state.few : state.certificates;
        chain_cleanup(&state);
        return NULL;
    }
    *chain = state;
    chain->trust = trust;
    chain->certificates = few ? chain->few : chain->certificates;
    return chain;
}

static bool chain_grow(struct trust_chain *chain) {
    if (chain->num < chain->max)
        return true;
    bool few = chain->certificates == chain->few;
    uint16_t max = (uint16_t)(2 * chain->max); /* TRUST_CHAIN_MAX at most */
    struct trust_cert **certificates =
        realloc(few ? NULL : chain->certificates, max * sizeof(struct trust_cert *));
    if (certificates == NULL)
        return false;
    if (few)
        memcpy(certificates, chain->few, sizeof chain->few);
    chain->certificates = certificates;
    chain->max = max;
    return true;
}

void trust_chain_add(struct trust_chain *chain, const uint8_t *der, size_t len) {
    size_t index = chain->length++;
    if (index >= TRUST_CHAIN_MAX) {
        chain->trust->counters.chains_too_long++;
        return;
    }
    /* where memory failed once, the chain ends: the next one is not its successor, let alone the leaf */
    if (index != chain->num || !chain_grow(chain))
        return;
    struct trust_cert *cert = cert_get(chain->trust, der, len);
    if (cert)
        chain->certificates[chain->num++] = cert;
}

size_t trust_chain_length(const struct trust_chain *chain) {
    return chain->length;
}

static const char *text_of(struct event *event, const struct trust_text *text) {
    return event_text(event, text->data, text->len);
}

bool trust_describe(const struct trust_chain *chain, struct event *event, struct event_cert *cert) {
    if (chain->num == 0)
        return false;
    const struct trust_cert *leaf = chain->certificates[0];
    char sha256[65];
    hex_lower(leaf->sha256, sizeof leaf->sha256, sha256);
    *cert = (struct event_cert){
        .sha256 = event_ascii(event, sha256, sizeof sha256 - 1),
        .subject_cn = text_of(event, &leaf->subject_cn),
        .subject_dn = text_of(event, &leaf->subject_dn),
        .issuer_cn = text_of(event, &leaf->issuer_cn),
        .issuer_dn = text_of(event, &leaf->issuer_dn),
        .not_before_s = leaf->not_before_s,
        .not_after_s = leaf->not_after_s,
        .serial_number = text_of(event, &leaf->serial),
        .signature_algorithm = text_of(event, &leaf->signature_algorithm),
        .public_key_algorithm = text_of(event, &leaf->key_algorithm),
        .public_key_size = leaf->key_bits,
        .public_key_curve = leaf->key_curve,
        .key_known = leaf->key_known,
    };
    memcpy(cert->key_sha256, leaf->key_sha256, sizeof cert->key_sha256);
    if (leaf->num_names > 0 && event_list(event, &cert->alternative_names, leaf->num_names))
        for (size_t i = 0; i < cert->alternative_names.num; i++)
            cert->alternative_names.items[i] = text_of(event, &leaf->names[i]);
    return true;
}

static struct trust_answer verify_anew(struct trust *trust, const struct trust_chain *chain, int64_t at_s,
                                       const uint8_t key[32]) {
    struct trust_answer answer;
    trust_verify(&trust->store, chain->certificates, chain->num, at_s, &answer);
    trust->counters.verified++;
    struct trust_answer *kept = answer.after_s < answer.before_s ? malloc(sizeof *kept) : NULL;
    if (kept) {
        *kept = answer;
        if (!trust_cache_put(trust->answers, key, kept, sizeof *kept))
            free(kept);
    }
    return answer;
}

static bool hash_chain(struct trust *trust, const struct trust_chain *chain, uint8_t key[32]) {
    uint8_t hashes[TRUST_CHAIN_MAX][32];
    size_t len = chain->num * sizeof hashes[0];
    for (size_t i = 0; i < chain->num; i++)
        memcpy(hashes[i], chain->certificates[i]->sha256, sizeof hashes[i]);
    struct chain_key *known = &trust->chains[chain->certificates[0]->sha256[0]];
    bool is_known = known->num == chain->num && memcmp(known->hashes, hashes, len) == 0;
    if (!is_known && !digest_sha256(trust->digest, hashes, len, key))
        return false;
    if (is_known) {
        memcpy(key, known->key, sizeof known->key);
    } else if (chain->num <= CHAIN_KNOWN) {
        known->num = chain->num;
        memcpy(known->hashes, hashes, len);
        memcpy(known->key, key, sizeof known->key);
    }
    return true;
}

static struct trust_answer answer_for(struct trust *trust, const struct trust_chain *chain, int64_t at_s) {
    uint8_t key[32];
    if (!hash_chain(trust, chain, key))
        return (struct trust_answer){.valid = FACT_UNKNOWN};
    const struct trust_answer *kept = trust_cache_find(trust->answers, key);
    if (kept && kept->after_s < at_s && at_s < kept->before_s)
        return *kept;
    return verify_anew(trust, chain, at_s, key);
}

static enum fact name_match(struct trust *trust, const struct trust_cert *leaf, const char *name) {
    size_t len = name ? strlen(name) : 0;
    if (leaf->x509 == NULL || len == 0 || len > TRUST_EXPECT_MAX)
        return trust_cert_matches(leaf, name);
    uint64_t hash;
    memcpy(&hash, leaf->sha256, sizeof hash);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)name[i]) * UINT64_C(0x9e3779b97f4a7c15);
    struct name_answer *known = &trust->names[hash >> (64 - NAME_BITS)];
    if (strcmp(known->name, name) != 0 || memcmp(known->sha256, leaf->sha256, sizeof known->sha256) != 0) {
        known->matches = trust_cert_matches(leaf, name);
        memcpy(known->name, name, len + 1);
        memcpy(known->sha256, leaf->sha256, sizeof known->sha256);
    }
    return known->matches;
}

static int64_t days_between(int64_t from_s, int64_t to_s) {
    int64_t seconds = to_s - from_s;
    return seconds / DAY_S - (seconds % DAY_S < 0); /* towards the past: one second over is -1 day */
}

static void judge_dates(const struct trust_cert *leaf, int64_t at_s, struct trust_judgement *out) {
    /* RFC 5280 section 4.1.2.5: both ends belong to the validity */
    out->not_yet_valid = leaf->not_before_s != EVENT_ABSENT && at_s < leaf->not_before_s;
    if (leaf->not_after_s == EVENT_ABSENT)
        return;
    out->days_left = days_between(at_s, leaf->not_after_s);
    out->expired = at_s > leaf->not_after_s;
    out->expiring_soon = !out->expired && out->days_left < TRUST_EXPIRING_DAYS;
}

static void judge_strength(const struct trust_chain *chain, struct trust_judgement *out) {
    out->weak_key = chain->certificates[0]->weak_key;
    out->weak_signature = chain->certificates[0]->weak_signature;
    for (size_t i = 1; i < chain->num; i++)
        if (chain->certificates[i]->weak_signature && !chain->certificates[i]->self_issued)
            out->weak_signature = true;
}

void trust_judge(struct trust_chain *chain, int64_t at_s, const char *expected_name,
                 struct trust_judgement *out) {
    *out = (struct trust_judgement){.days_left = EVENT_ABSENT};
    if (chain->num == 0)
        return;
    at_s = at_s < TIME_MIN ? TIME_MIN : at_s > TIME_MAX ? TIME_MAX : at_s;
    struct trust_cert *leaf = chain->certificates[0];
    out->name_match = name_match(chain->trust, leaf, expected_name);
    out->self_signed = trust_cert_self_signed(leaf);
    judge_dates(leaf, at_s, out);
    judge_strength(chain, out);
    if (leaf->x509 && trust_has_anchors(chain->trust)) {
        struct trust_answer answer = answer_for(chain->trust, chain, at_s);
        out->chain_valid = answer.valid;
        out->chain_error = answer.error;
    }
}

struct trust_copy trust_chain_copy(const struct trust_chain *chain, struct arena *arena) {
    size_t len = 0;
    for (size_t i = 0; i < chain->num; i++)
        len += chain->certificates[i]->der_len;
    if (len > TRUST_COPY_MAX)
        chain->trust->counters.chains_not_copied++;
    if (chain->num == 0 || len > TRUST_COPY_MAX)
        return (struct trust_copy){0};
    struct trust_bytes *certificates = arena_alloc(arena, chain->num * sizeof *certificates);
    for (size_t i = 0; certificates && i < chain->num; i++) {
        const struct trust_cert *cert = chain->certificates[i];
        const uint8_t *der = cert->der ? arena_copy(arena, cert->der, cert->der_len) : NULL;
        certificates[i] = (struct trust_bytes){der, der ? cert->der_len : 0};
    }
    return (struct trust_copy){certificates, certificates ? chain->num : 0};
}

static struct dane_chain digests_of(const struct trust_chain *chain, struct arena *arena) {
    struct dane_chain out = {0};
    struct cert_digests *digests = arena_alloc(arena, chain->num * sizeof *digests);
    if (chain->num == 0 || digests == NULL)
        return out;
    for (size_t i = 0; i < chain->num; i++)
        digests[i] = *trust_cert_digests(chain->certificates[i]);
    out = (struct dane_chain){digests, chain->num, 1};
    while (out.num_linked < chain->num &&
           trust_cert_signed_by(chain->certificates[out.num_linked - 1], chain->certificates[out.num_linked]))
        out.num_linked++;
    return out;
}

struct dane_chain trust_digests(struct trust *trust, const struct trust_copy *copy, struct arena *arena) {
    struct trust_chain *chain = trust_chain_new(trust);
    if (chain == NULL)
        return (struct dane_chain){0};
    for (size_t i = 0; i < copy->num; i++)
        trust_chain_add(chain, copy->certificates[i].der, copy->certificates[i].len);
    struct dane_chain out = digests_of(chain, arena);
    trust_chain_free(chain);
    return out;
}

const struct trust_counters *trust_counters(const struct trust *trust) {
    return &trust->counters;
}

uint64_t trust_limits_hit(const struct trust *trust) {
    const struct trust_counters *counters = &trust->counters;
    return counters->certificates_too_long + counters->chains_too_long + counters->memory_full +
           counters->chains_not_copied;
}
