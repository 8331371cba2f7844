#include "rollup.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST 2u

void rollup_cleanup(struct rollup *rollup) {
    free(rollup->versions.items);
    free(rollup->ciphers.items);
    *rollup = (struct rollup){0};
}

static struct count *find(const struct tally *tally, const char *name) {
    for (size_t i = 0; i < tally->num; i++) {
        if (tally->items[i].name == name || strcmp(tally->items[i].name, name) == 0)
            return &tally->items[i];
    }
    return NULL;
}

static struct count *add(struct tally *tally, const char *name) {
    if (tally->num == tally->size) {
        size_t size = tally->size > 0 ? tally->size * 2 : SIZE_FIRST;
        struct count *items = realloc(tally->items, size * sizeof *items);
        if (!items)
            return NULL;
        tally->items = items;
        tally->size = size;
    }
    tally->items[tally->num] = (struct count){name, 0};
    return &tally->items[tally->num++];
}

static void count(struct tally *tally, const char *name, uint64_t num, struct name_pool *pool) {
    struct count *item = find(tally, name);
    if (!item) {
        name = tally->num + 1 < ROLLUP_NAMES_MAX ? name_pool_keep(pool, name) : "other";
        item = find(tally, name);
    }
    if (!item)
        item = add(tally, name);
    if (item)
        item->num += num;
    else
        pool->lost += num;
}

void rollup_add(struct rollup *r, const struct session_event *s, struct name_pool *pool) {
    r->sessions++;
    r->by_verdict[s->verdict]++;
    if (s->mail_cleartext == FACT_YES) {
        r->messages_cleartext += s->mail_transactions != EVENT_ABSENT ? (uint64_t)s->mail_transactions : 1;
        if (s->mail_cleartext_bytes != EVENT_ABSENT)
            r->bytes_cleartext += (uint64_t)s->mail_cleartext_bytes;
    }
    r->auth_cleartext += s->auth_cleartext == FACT_YES;
    if (s->tls_established == FACT_YES) {
        if (s->tls_version)
            count(&r->versions, s->tls_version, 1, pool);
        if (s->tls_cipher)
            count(&r->ciphers, s->tls_cipher, 1, pool);
    }
    for (uint64_t left = s->findings; left != 0; left &= left - 1)
        r->findings[event_first_finding(left)]++;
}

void rollup_merge(struct rollup *r, const struct rollup *more, struct name_pool *pool) {
    r->sessions += more->sessions;
    for (unsigned i = 0; i < NUM_VERDICTS; i++)
        r->by_verdict[i] += more->by_verdict[i];
    r->messages_cleartext += more->messages_cleartext;
    r->bytes_cleartext += more->bytes_cleartext;
    r->auth_cleartext += more->auth_cleartext;
    for (unsigned i = 0; i < NUM_FINDINGS; i++)
        r->findings[i] += more->findings[i];
    for (size_t i = 0; i < more->versions.num; i++)
        count(&r->versions, more->versions.items[i].name, more->versions.items[i].num, pool);
    for (size_t i = 0; i < more->ciphers.num; i++)
        count(&r->ciphers, more->ciphers.items[i].name, more->ciphers.items[i].num, pool);
}

void rollup_tell(struct rollup *r, struct peer_event *peer) {
    peer->sessions = r->sessions;
    memcpy(peer->by_verdict, r->by_verdict, sizeof peer->by_verdict);
    memcpy(peer->findings, r->findings, sizeof peer->findings);
    peer->by_version = (struct count_list){r->versions.items, r->versions.num};
    peer->by_cipher = (struct count_list){r->ciphers.items, r->ciphers.num};
    peer->messages_cleartext = r->messages_cleartext;
    peer->bytes_cleartext = r->bytes_cleartext;
    peer->auth_cleartext = r->auth_cleartext;
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        enum verdict_class class = verdict_counts_as((enum verdict)i);
        if (class == COUNTS_ENCRYPTED)
            peer->adoption_encrypted += r->by_verdict[i];
        if (class != COUNTS_NOT)
            peer->adoption_total += r->by_verdict[i];
    }
}
