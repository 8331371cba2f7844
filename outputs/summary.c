#include "summary_data.h"

#include "text.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare_keys(const void *a, const void *b) {
    return strcmp(((const struct summary_entry *)a)->key, ((const struct summary_entry *)b)->key);
}

static void keep_in_tree(void *entry) {
    (void)entry; /* owned by table.items */
}

static void table_cleanup(struct summary_table *table) {
    tdestroy(table->tree, keep_in_tree);
    for (size_t i = 0; i < table->num; i++) {
        free(table->items[i]);
    }
    free(table->items);
}

static bool table_grow(struct summary_table *table) {
    if (table->num < table->cap) {
        return true;
    }
    size_t cap = table->cap > 0 ? table->cap * 2 : 64;
    struct summary_entry **items = realloc(table->items, cap * sizeof(struct summary_entry *));
    if (items == NULL) {
        return false;
    }
    table->items = items;
    table->cap = cap;
    return true;
}

/* Copies as much of text as there is room for, whole characters only. */
static void copy_text(char *out, size_t room, const char *text) {
    size_t len = text_clean(out, text, strlen(text), (room - 1) / 3);
    out[len] = '\0';
}

/* The entry of key, made when there is none; NULL, and counted, when there is no room for it. */
static struct summary_entry *table_entry(struct summary_table *table, const char *key) {
    struct summary_entry wanted;
    (void)snprintf(wanted.key, sizeof wanted.key, "%s", key);
    struct summary_entry **found = tfind(&wanted, &table->tree, compare_keys);
    if (found != NULL) {
        return *found;
    }
    struct summary_entry *entry = NULL;
    if (table->num < table->max && table_grow(table)) {
        entry = calloc(1, sizeof *entry);
    }
    if (entry != NULL) {
        memcpy(entry->key, wanted.key, sizeof entry->key);
        if (tsearch(entry, &table->tree, compare_keys) == NULL) {
            free(entry);
            entry = NULL;
        }
    }
    if (entry == NULL) {
        table->omitted++;
        return NULL;
    }
    table->items[table->num++] = entry;
    return entry;
}

static void tally_add(struct summary_tally *tally, const char *name) {
    char wanted[SUMMARY_KEY_LEN];
    (void)snprintf(wanted, sizeof wanted, "%s", name);
    for (size_t i = 0; i < tally->num; i++) {
        if (strcmp(tally->items[i].name, wanted) == 0) {
            tally->items[i].num++;
            return;
        }
    }
    if (tally->num == SUMMARY_NAMES_MAX) {
        tally->others++;
        return;
    }
    memcpy(tally->items[tally->num].name, wanted, sizeof wanted);
    tally->items[tally->num++].num = 1;
}

struct summary *summary_new(void) {
    struct summary *summary = calloc(1, sizeof *summary);
    if (summary != NULL) {
        summary->peers.max = SUMMARY_PEERS_MAX;
        summary->certs.max = SUMMARY_CERTS_MAX;
    }
    return summary;
}

void summary_free(struct summary *summary) {
    if (summary != NULL) {
        table_cleanup(&summary->peers);
        table_cleanup(&summary->certs);
        free(summary);
    }
}

/* An optional number as a count. */
static uint64_t counted(int64_t number) {
    return number > 0 ? (uint64_t)number : 0;
}

/* The first of the texts that says something. */
static const char *first_text(const char *a, const char *b, const char *c) {
    const char *text = a != NULL && a[0] != '\0' ? a : b;
    return text != NULL && text[0] != '\0' ? text : c;
}

/* The peer is the end that is not ours: the client of an inbound session, otherwise the server. */
static void add_clear(struct summary *summary, const struct session_event *session) {
    bool mail = session->mail_cleartext == FACT_YES;
    bool password = session->auth_cleartext == FACT_YES;
    if (!mail && !password) {
        return;
    }
    uint64_t messages = mail ? counted(session->mail_transactions) : 0;
    uint64_t bytes = mail ? counted(session->mail_cleartext_bytes) : 0;
    summary->clear_sessions += mail;
    summary->clear_messages += messages;
    summary->clear_bytes += bytes;
    summary->password_sessions += password;
    bool inbound = session->direction != NULL && strcmp(session->direction, "inbound") == 0;
    const char *ip = inbound ? session->source.ip : session->destination.ip;
    const char *name = inbound ? first_text(session->source.domain, session->smtp_ehlo, session->smtp_helo)
                               : first_text(session->destination.domain, session->smtp_server_name, NULL);
    struct summary_entry *peer = table_entry(&summary->peers, ip != NULL ? ip : "");
    if (peer == NULL) {
        return;
    }
    peer->sessions += mail;
    peer->messages += messages;
    peer->bytes += bytes;
    peer->passwords += password;
    if (peer->name[0] == '\0' && name != NULL) {
        copy_text(peer->name, sizeof peer->name, name);
    }
}

static void add_cert(struct summary *summary, const struct session_event *session) {
    const struct event_cert *cert = &session->server_cert;
    bool expired = event_found(session, FINDING_CERT_EXPIRED);
    if (cert->sha256 == NULL || (!expired && !event_found(session, FINDING_CERT_EXPIRING_SOON))) {
        return;
    }
    struct summary_entry *entry = table_entry(&summary->certs, cert->sha256);
    if (entry == NULL) {
        return;
    }
    entry->sessions++;
    entry->expired = expired;
    entry->days_left = session->cert_days_left;
    const char *alternative = cert->alternative_names.num > 0 ? cert->alternative_names.items[0] : NULL;
    const char *name = first_text(cert->subject_cn, alternative, session->destination.ip);
    if (name != NULL) {
        copy_text(entry->name, sizeof entry->name, name);
    }
}

static void add_session(struct summary *summary, const struct session_event *session) {
    if (summary->sessions == 0 || session->start_ns < summary->first_ns) {
        summary->first_ns = session->start_ns;
    }
    if (session->end_ns > summary->last_ns) {
        summary->last_ns = session->end_ns;
    }
    summary->sessions++;
    summary->by_verdict[session->verdict]++;
    summary->by_reason[session->unknown_reason]++;
    if (verdict_counts_as(session->verdict) == COUNTS_ENCRYPTED) {
        tally_add(&summary->versions, first_text(session->tls_version, NULL, "unknown"));
        tally_add(&summary->ciphers, first_text(session->tls_cipher, NULL, "unknown"));
    }
    add_clear(summary, session);
    add_cert(summary, session);
    summary->one_sided += session->one_sided;
    summary->midstream += session->midstream;
    summary->truncated += session->truncated;
    summary->with_gaps += session->gap_bytes > 0;
    summary->gap_bytes += counted(session->gap_bytes);
}

void summary_add(struct summary *summary, const struct event *event) {
    if (event->dataset == DATASET_SESSION) {
        add_session(summary, &event->session);
    } else if (event->dataset == DATASET_SENSOR) {
        summary->sensor_seen = true;
        summary->packets += event->sensor.packets;
        summary->packets_dropped += event->sensor.packets_dropped + event->sensor.interface_dropped;
        summary->packets_damaged += event->sensor.packets_damaged;
    }
}
