/* Joins the layers: records to messages, alerts and evidence. Messages themselves: tls_dispatch.c. */
#include "tls.h"

#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "tls_sslv2.h"
#include "tls_state.h"

#define GATHER_FIRST      1024 /* sealed records of a handshake mostly fit */
#define SSLV2_ERROR_LEN   3    /* ERROR in clear; sealed records are longer by their MAC */
#define ALERT_LEVEL_WARN  1
#define ALERT_LEVEL_FATAL 2
#define ALERT_CLOSE       0 /* close_notify */
#define ALERT_LEN         2

struct tls *tls_new(const struct tls_handler *handler) {
    struct tls *tls = malloc(sizeof *tls); /* calloc() does not ask the thread's cache */
    if (tls == NULL) {
        return NULL;
    }
    *tls = (struct tls){.handler = *handler}; /* zero is what records and messages begin with */
    return tls;
}

static void gather_clear(struct tls_gather *gather) {
    free(gather->data);
    memset(gather, 0, sizeof *gather);
}

void tls_free(struct tls *tls) {
    if (tls == NULL) {
        return;
    }
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        tls_messages_cleanup(&tls->sides[side].messages);
        gather_clear(&tls->sides[side].gather);
    }
    free((void *)tls->facts.server_name);
    free((void *)tls->facts.next_protocol);
    free(tls);
}

/* Adds bytes to the record that is gathered; total is its size when whole (32 KB at most, by its length
 * field). */
static void gather_add(struct tls_gather *gather, struct reader bytes, size_t total) {
    size_t len = reader_left(&bytes);
    size_t need = gather->have + len;
    if (len == 0) {
        return;
    }
    if (need > gather->capacity) {
        size_t capacity = gather->capacity > 0 ? 2u * gather->capacity : GATHER_FIRST;
        capacity = capacity < need ? need : capacity > total ? total : capacity;
        uint8_t *data = realloc(gather->data, capacity);
        if (data == NULL) {
            gather_clear(gather); /* it will not come to its total, and so go nowhere */
            return;
        }
        gather->data = data;
        gather->capacity = (uint16_t)capacity;
    }
    memcpy(gather->data + gather->have, reader_bytes(&bytes, len), len);
    gather->have = (uint16_t)need;
}

/* Hands sealed records to the handler, whole. */
static void sealed_record(struct tls *tls, enum side side, const struct tls_fragment *f) {
    struct tls_gather *gather = &tls->sides[side].gather;
    if (tls->handler.protected_record == NULL || f->opaque) {
        return;
    }
    if (f->whole != NULL) {
        tls->handler.protected_record(tls->handler.context, side, f->whole,
                                      TLS_RECORD_HEADER + (size_t)f->length);
        return;
    }
    size_t total = TLS_RECORD_HEADER + (size_t)f->length;
    if (f->first) {
        gather_clear(gather);
        gather_add(gather, reader_of(f->header, TLS_RECORD_HEADER), total);
    }
    gather_add(gather, f->data, total);
    if (!f->last) {
        return;
    }
    if (gather->have == total) {
        tls->handler.protected_record(tls->handler.context, side, gather->data, total);
    }
    gather_clear(gather);
}

static void note_alert(struct tls *tls, enum side side, uint8_t level, uint8_t description) {
    struct tls_facts *facts = &tls->facts;
    if (facts->num_alerts == TLS_ALERTS_MAX) {
        facts->limits_hit++;
        return;
    }
    struct tls_alert alert = {(uint8_t)side, level, description};
    facts->alerts[facts->num_alerts++] = alert;
}

static void clear_alert(struct tls *tls, enum side side, uint8_t level, uint8_t description) {
    struct tls_evidence *evidence = &tls->sides[side].evidence;
    if (level != ALERT_LEVEL_WARN && level != ALERT_LEVEL_FATAL) {
        tls->facts.malformed = true;
        return;
    }
    note_alert(tls, side, level, description);
    if (level == ALERT_LEVEL_FATAL || description == ALERT_CLOSE) {
        evidence->fatal = true;
        evidence->fatal_early = evidence->fatal_early || evidence->now.sealed_handshakes == 0;
    }
}

/* In clear until ChangeCipherSpec, and ever after when it is too short to be sealed. */
static void alert_record(struct tls *tls, enum side side, struct tls_fragment *f) {
    struct tls_side *s = &tls->sides[side];
    bool sealed = (s->evidence.now.ccs || s->evidence.gap) && f->length != ALERT_LEN;
    if (sealed) {
        sealed_record(tls, side, f);
        if (f->last) {
            s->evidence.sealed_alerts++;
            s->evidence.sealed_alert_early |= s->evidence.now.sealed_handshakes == 0;
            tls->stale = true;
        }
        return;
    }
    while (reader_left(&f->data) > 0) {
        uint8_t byte = reader_u8(&f->data);
        if (s->alert_open) {
            clear_alert(tls, side, s->alert_level, byte);
        }
        s->alert_level = byte;
        s->alert_open = !s->alert_open;
        tls->stale = true;
    }
}

static void change_cipher_spec(struct tls *tls, enum side side, const struct tls_fragment *f) {
    struct tls_side *s = &tls->sides[side];
    uint8_t type = 0;
    if (s->evidence.now.ccs || f->length != 1 || !f->last) {
        return; /* a second one belongs to a renegotiation and is sealed */
    }
    if (tls_messages_open(&s->messages, &type)) {
        tls->facts.malformed = true;
    }
    if (side == SIDE_SERVER && tls->facts.server_hello && !s->evidence.full && !s->evidence.gap) {
        s->evidence.abbreviated = true; /* RFC 5246 section 7.3, figure 2 */
    }
    tls_messages_cleanup(&s->messages);
    s->evidence.now.ccs = true;
    tls->stale = true;
}

/* After a side's ChangeCipherSpec its handshake records are sealed: in 1.2. In 1.3 that one is a dummy (RFC
 * 8446 appendix D.4), but all that a side may still say in clear after it is the second hello after
 * HelloRetryRequest: the server's is read, the client's adds nothing. */
static bool is_sealed_handshake(const struct tls *tls, enum side side) {
    bool second_hello = side == SIDE_SERVER && tls->facts.hello_retry && !tls->facts.server_hello;
    return tls->sides[side].evidence.now.ccs && !second_hello;
}

static void handshake_record(struct tls *tls, enum side side, struct tls_fragment *f) {
    struct tls_side *s = &tls->sides[side];
    struct tls_progress *now = &s->evidence.now;
    if (f->first && side == SIDE_CLIENT && tls->facts.early_data && now->first_data > 0) {
        /* A second ClientHello: what was sealed before it was early data, which is now refused. */
        now->first_data = now->largest_data = now->finished_sizes = 0;
        tls->stale = true;
    }
    if (is_sealed_handshake(tls, side)) {
        sealed_record(tls, side, f);
        if (f->last && now->sealed_handshakes < UINT8_MAX) {
            now->sealed_handshakes++;
            tls->stale = true;
        }
        return;
    }
    if (f->first) {
        tls_messages_record(&s->messages, f->length);
    }
    struct tls_message message;
    while (!f->opaque && tls_messages_next(&s->messages, &f->data, &message) == PARSE_OK) {
        tls_dispatch(tls, side, &message, false);
        tls_messages_release(&s->messages);
    }
}

/* A hello comes first; what follows in SSLv2 is sealed but for ERROR. PARSE_BAD: the first byte is no such
 * hello. */
static enum parse_result sslv2_record(struct tls *tls, enum side side, struct tls_fragment *f) {
    struct tls_side *s = &tls->sides[side];
    bool is_hello = s->record.family == TLS_FAMILY_OPEN;
    struct reader peek = f->data;
    uint8_t type = reader_u8(&peek);
    if (is_hello && f->first && reader_left(&f->data) > 0) {
        bool ours = side == SIDE_CLIENT ? type == TLS_SSLV2_CLIENT_HELLO
                                        : type == TLS_SSLV2_SERVER_HELLO || type == TLS_SSLV2_ERROR;
        if (!ours) {
            return PARSE_BAD;
        }
    }
    if (f->first && type == TLS_SSLV2_ERROR && f->length == SSLV2_ERROR_LEN && reader_left(&f->data) > 0) {
        s->evidence.fatal = s->evidence.fatal_early = true;
        tls->stale = true;
    }
    if (!is_hello) {
        if (f->last && s->evidence.now.sealed_handshakes < UINT8_MAX) {
            s->evidence.now.sealed_handshakes++;
            tls->stale = true;
        }
        return PARSE_OK;
    }
    gather_add(&s->gather, f->data, f->length);
    if (f->last) {
        if (s->gather.have == f->length && s->gather.data[0] != TLS_SSLV2_ERROR) {
            tls_dispatch_sslv2_hello(tls, side, reader_of(s->gather.data, s->gather.have));
        }
        gather_clear(&s->gather);
    }
    return PARSE_OK;
}

static enum parse_result take_fragment(struct tls *tls, enum side side, struct tls_fragment *f) {
    if (f->type == TLS_RECORD_HANDSHAKE) {
        handshake_record(tls, side, f);
    } else if (f->type == TLS_RECORD_APPLICATION_DATA) {
        sealed_record(tls, side, f);
        if (f->last && tls_evidence_data(&tls->sides[side].evidence, f->length)) {
            tls->stale = true;
        }
    } else if (f->type == TLS_RECORD_CHANGE_CIPHER_SPEC) {
        change_cipher_spec(tls, side, f);
    } else if (f->type == TLS_RECORD_ALERT) {
        alert_record(tls, side, f);
    } else if (f->type == TLS_RECORD_SSLV2) {
        return sslv2_record(tls, side, f);
    }
    return PARSE_OK; /* heartbeat */
}

/* What of a fragment lies in the bytes pushed, which are read up to `read`: not what scanning has kept. */
static void tell_data(const struct tls *tls, enum side side, const struct tls_fragment *f,
                      const uint8_t *read, const uint8_t *pushed) {
    size_t len = reader_left(&f->data);
    if (tls->handler.application_data != NULL && f->type == TLS_RECORD_APPLICATION_DATA && len > 0 &&
        f->data.pos + len == read) {
        tls->handler.application_data(tls->handler.context, side, (size_t)(f->data.pos - pushed), len);
    }
}

bool tls_pass(struct tls *tls, enum side side, const uint8_t *data, size_t len, size_t *passed) {
    struct tls_side *s = &tls->sides[side];
    struct reader in = reader_of(data, len);
    bool wanted = tls->handler.protected_record != NULL || tls->handler.application_data != NULL;
    while (!wanted && tls_record_pass(&s->record, &in, TLS_RECORD_APPLICATION_DATA)) {
        if (tls_evidence_data(&s->evidence, s->record.length)) {
            tls->stale = true;
        }
    }
    *passed = len - reader_left(&in);
    return reader_left(&in) == 0;
}

enum parse_result tls_push(struct tls *tls, enum side side, const uint8_t *data, size_t len,
                           size_t *consumed) {
    struct tls_side *s = &tls->sides[side];
    struct reader in = reader_of(data, len);
    struct tls_fragment fragment;
    enum parse_result result;
    while ((result = tls_record_next(&s->record, &in, &fragment)) == PARSE_OK) {
        tell_data(tls, side, &fragment, in.pos, data);
        if (take_fragment(tls, side, &fragment) == PARSE_BAD) {
            in.pos = fragment.data.pos;
            s->record.state = TLS_RECORD_ENDED;
            result = PARSE_BAD;
            break;
        }
    }
    if (result == PARSE_BAD && !s->evidence.not_tls) {
        s->evidence.not_tls = true;
        tls->stale = true;
    }
    *consumed = len - reader_left(&in);
    return result == PARSE_MORE ? PARSE_OK : result;
}

void tls_gap(struct tls *tls, enum side side, uint64_t len) {
    struct tls_side *s = &tls->sides[side];
    struct tls_evidence *evidence = &s->evidence;
    uint8_t open_type = 0;
    if (len == 0) {
        return;
    }
    bool open = tls_messages_open(&s->messages, &open_type);
    if (open && side == SIDE_SERVER && open_type == TLS_CERTIFICATE) {
        tls->facts.certificate_truncated = true;
    }
    if (!evidence->gap) {
        evidence->gap = true;
        evidence->at_gap = evidence->now;
    }
    bool handshake = s->record.state == TLS_RECORD_AT_BODY && s->record.type == TLS_RECORD_HANDSHAKE;
    if (!tls_record_gap(&s->record, len)) {
        tls_messages_lose(&s->messages);
    } else if (handshake) {
        tls_messages_gap(&s->messages, len);
    }
    gather_clear(&s->gather);
    s->alert_open = false;
    tls->stale = true;
}

static void push_plain_alert(struct tls *tls, enum side side, struct reader in) {
    uint8_t level = reader_u8(&in);
    uint8_t description = reader_u8(&in);
    if (!reader_done(&in)) {
        tls->facts.malformed = true;
        return;
    }
    note_alert(tls, side, level, description);
    if (level == ALERT_LEVEL_FATAL && description != ALERT_CLOSE && !tls->sides[side].evidence.plain_data) {
        tls->sides[side].evidence.plain_fatal = true;
        tls->stale = true;
    }
}

void tls_push_plain(struct tls *tls, enum side side, uint8_t content_type, const uint8_t *data, size_t len) {
    struct tls_messages *messages = &tls->sides[side].messages;
    struct reader in = reader_of(data, len);
    struct tls_message message;
    if (content_type == TLS_RECORD_ALERT) {
        push_plain_alert(tls, side, in);
    } else if (content_type == TLS_RECORD_APPLICATION_DATA) {
        tls->sides[side].evidence.plain_data = true;
    } else if (content_type == TLS_RECORD_HANDSHAKE) {
        tls_messages_record(messages, (uint16_t)(len < UINT16_MAX ? len : 0));
        while (tls_messages_next(messages, &in, &message) == PARSE_OK) {
            tls_dispatch(tls, side, &message, true);
            tls_messages_release(messages);
        }
    }
}

const struct tls_facts *tls_facts(const struct tls *tls) {
    if (tls->stale) {
        /* What follows from the evidence; it is all that this changes. */
        struct tls *owner = (struct tls *)(uintptr_t)tls;
        owner->stale = false;
        tls_outcome_decide(&owner->facts, &tls->sides[SIDE_CLIENT].evidence,
                           &tls->sides[SIDE_SERVER].evidence, tls->choice);
    }
    return &tls->facts;
}

void tls_fetch(const struct tls *tls) {
    fetch(tls, sizeof *tls);
}

bool tls_settled(const struct tls *tls) {
    return tls_facts(tls)->outcome == TLS_ESTABLISHED && tls->handler.protected_record == NULL;
}

size_t tls_memory(const struct tls *tls) {
    size_t bytes = sizeof *tls + tls->facts.server_name_len + tls->facts.next_protocol_len;
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        bytes += tls->sides[side].messages.capacity + tls->sides[side].gather.capacity;
    }
    return bytes;
}
