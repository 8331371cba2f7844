#include "event.h"

#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_LEN 8192 /* holds the texts of a usual session */

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    max_align_t data[];
};

static struct arena_block *block_new(size_t cap) {
    struct arena_block *block = malloc(sizeof *block + cap);
    if (block != NULL) {
        block->next = NULL;
        block->used = 0;
        block->cap = cap;
    }
    return block;
}

/* New blocks go behind the first, which is the one that arena_reset() keeps; so
 * the first is of the usual size, and only it and its follower are looked at. */
static struct arena_block *arena_block_for(struct arena *arena, size_t len) {
    struct arena_block *first = arena->blocks;
    if (first == NULL) {
        first = arena->blocks = block_new(ARENA_BLOCK_LEN);
    }
    if (first == NULL) {
        arena->failed = true;
        return NULL;
    }
    if (first->cap - first->used >= len) {
        return first;
    }
    struct arena_block *second = first->next;
    if (second != NULL && second->cap - second->used >= len) {
        return second;
    }
    struct arena_block *block = block_new(len > ARENA_BLOCK_LEN ? len : ARENA_BLOCK_LEN);
    if (block != NULL) {
        block->next = second;
        first->next = block;
    }
    arena->failed |= block == NULL;
    return block;
}

/* len bytes whose address is a multiple of align, as they are. */
static void *arena_take(struct arena *arena, size_t len, size_t align) {
    struct arena_block *block = arena_block_for(arena, len + align - 1);
    if (block == NULL) {
        return NULL;
    }
    size_t at = (block->used + align - 1) & ~(align - 1);
    block->used = at + len;
    return (char *)block->data + at;
}

void *arena_alloc(struct arena *arena, size_t len) {
    if (len > SIZE_MAX / 2) {
        return NULL;
    }
    void *memory = arena_take(arena, len, _Alignof(max_align_t));
    return memory != NULL ? memset(memory, 0, len) : NULL;
}

void *arena_copy(struct arena *arena, const void *data, size_t len) {
    void *memory = len <= SIZE_MAX / 2 ? arena_take(arena, len, _Alignof(max_align_t)) : NULL;
    return memory != NULL ? memcpy(memory, data, len) : NULL;
}

static void free_blocks(struct arena_block *block) {
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_reset(struct arena *arena) {
    arena->failed = false;
    if (arena->blocks != NULL) {
        free_blocks(arena->blocks->next);
        arena->blocks->next = NULL;
        arena->blocks->used = 0;
    }
}

void arena_cleanup(struct arena *arena) {
    if (arena != NULL) {
        free_blocks(arena->blocks);
        arena->blocks = NULL;
    }
}

void event_init(struct event *event) {
    event_reset(event, DATASET_SESSION);
}

/* What is absent by a value other than 0. */
#define NO_CERT                                                                                              \
    { .not_before_s = EVENT_ABSENT, .not_after_s = EVENT_ABSENT, .public_key_size = EVENT_ABSENT }
#define NO_ENDPOINT                                                                                          \
    { .bytes = EVENT_ABSENT, .packets = EVENT_ABSENT, .as_number = EVENT_ABSENT }

static const struct session_event empty_session = {
    .source = NO_ENDPOINT,
    .destination = NO_ENDPOINT,
    .vlan_id = EVENT_ABSENT,
    .server_cert = NO_CERT,
    .client_cert = NO_CERT,
    .verdict = VERDICT_UNKNOWN,
    .smtp_last_reply_code = EVENT_ABSENT,
    .starttls_reply_code = EVENT_ABSENT,
    .injected_command_bytes = EVENT_ABSENT,
    .injected_reply_bytes = EVENT_ABSENT,
    .mail_transactions = EVENT_ABSENT,
    .mail_cleartext_bytes = EVENT_ABSENT,
    .tls_cipher_bits = EVENT_ABSENT,
    .tls_dh_bits = EVENT_ABSENT,
    .tls_encrypted_alerts = EVENT_ABSENT,
    .cert_chain_length = EVENT_ABSENT,
    .cert_days_left = EVENT_ABSENT,
    .memory_offers = EVENT_ABSENT,
    .memory_omissions = EVENT_ABSENT,
    .memory_first_offered_s = EVENT_ABSENT,
    .memory_last_offered_s = EVENT_ABSENT,
    .memory_confidence = EVENT_ABSENT,
    .memory_cert_seen_s = EVENT_ABSENT,
    .memory_tls_version_seen_s = EVENT_ABSENT,
    .memory_failed_s = EVENT_ABSENT,
    .memory_other_seen_s = EVENT_ABSENT,
    .received_encrypted = EVENT_ABSENT,
    .received_cleartext = EVENT_ABSENT,
    .received_unknown = EVENT_ABSENT,
};

static const struct peer_event empty_peer = {
    .cert = NO_CERT, .cert_days_left = EVENT_ABSENT, .last_offered_s = EVENT_ABSENT};

static const struct sensor_event empty_sensor = {
    .segments_to_server = EVENT_ABSENT,
    .segments_to_client = EVENT_ABSENT,
    .interface_outages = EVENT_ABSENT,
    .interface_outage_ms = EVENT_ABSENT,
    .clock_steps = EVENT_ABSENT,
    .suspended_ms = EVENT_ABSENT,
};

static const struct alert_event empty_alert = {
    .source = NO_ENDPOINT,
    .destination = NO_ENDPOINT,
    .verdict = VERDICT_UNKNOWN,
};

void event_hold(struct event *event, void *object, void (*release)(void *object)) {
    assert(event->num_holds < EVENT_HOLDS_MAX);
    event->holds[event->num_holds++] = (struct event_hold){object, release};
}

static void release_all(struct event *event) {
    for (; event->num_holds > 0; event->num_holds--) {
        struct event_hold *hold = &event->holds[event->num_holds - 1];
        hold->release(hold->object);
    }
}

void event_reset(struct event *event, enum dataset dataset) {
    release_all(event);
    event->dataset = dataset;
    event->id[0] = '\0';
    arena_reset(&event->arena);
    switch (dataset) {
    case DATASET_SESSION:
        event->session = empty_session;
        break;
    case DATASET_PEER:
        event->peer = empty_peer;
        break;
    case DATASET_ALERT:
        event->alert = empty_alert;
        break;
    default:
        event->sensor = empty_sensor;
        break;
    }
}

void event_cleanup(struct event *event) {
    if (event != NULL) {
        release_all(event);
        arena_cleanup(&event->arena);
    }
}

const char *event_text(struct event *event, const void *data, size_t len) {
    if (data == NULL) {
        return NULL;
    }
    size_t max = len < EVENT_TEXT_MAX ? len : EVENT_TEXT_MAX;
    struct arena_block *block = arena_block_for(&event->arena, max * TEXT_CLEAN_GROWTH + 1);
    if (block == NULL) {
        return NULL;
    }
    char *text = (char *)block->data + block->used;
    size_t size = text_clean(text, data, len, EVENT_TEXT_MAX);
    text[size] = '\0';
    block->used += size + 1;
    return text;
}

const char *event_string(struct event *event, const char *string) {
    return string == NULL ? NULL : event_text(event, string, strlen(string));
}

const char *event_ascii(struct event *event, const char *text, size_t len) {
    char *copy = arena_take(&event->arena, len + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

bool event_list(struct event *event, struct text_list *list, size_t num) {
    num = num > EVENT_LIST_MAX ? EVENT_LIST_MAX : num;
    const char **items = arena_alloc(&event->arena, num * sizeof *items);
    if (items == NULL) {
        return false;
    }
    list->items = items;
    list->num = num;
    return true;
}

struct verdict_info {
    const char *name;
    enum verdict_class counts_as;
    const char *meaning;
};

static const struct verdict_info verdicts[NUM_VERDICTS] = {
    [VERDICT_STARTTLS] = {"starttls", COUNTS_ENCRYPTED, "STARTTLS was accepted and the handshake completed."},
    [VERDICT_IMPLICIT_TLS] = {"implicit_tls", COUNTS_ENCRYPTED,
                              "TLS from the first byte, and the handshake completed."},
    [VERDICT_NOT_OFFERED] = {"not_offered", COUNTS_PLAINTEXT,
                             "A complete EHLO reply had no STARTTLS; the session went on in clear."},
    [VERDICT_MASKED] = {"masked", COUNTS_PLAINTEXT,
                        "The EHLO reply holds an overwritten keyword where STARTTLS stood."},
    [VERDICT_NO_EHLO] = {"no_ehlo", COUNTS_PLAINTEXT,
                         "The client said HELO only, so nothing could be offered."},
    [VERDICT_OFFERED_UNUSED] =
        {"offered_unused", COUNTS_PLAINTEXT,
         "STARTTLS was offered, the client never asked, and mail or AUTH went on in clear."},
    [VERDICT_REFUSED] = {"refused", COUNTS_PLAINTEXT,
                         "The client asked for STARTTLS, and the reply was final and not 220."},
    [VERDICT_ACCEPTED_NO_TLS] = {"accepted_no_tls", COUNTS_PLAINTEXT,
                                 "220 to STARTTLS, and bytes followed that are not TLS."},
    [VERDICT_CLEARTEXT_ON_TLS_PORT] = {"cleartext_on_tls_port", COUNTS_PLAINTEXT,
                                       "SMTP in clear on a port for implicit TLS."},
    [VERDICT_HANDSHAKE_FAILED] =
        {"handshake_failed", COUNTS_FAILED,
         "TLS was due and no handshake completed: alert, close, silence, an answer that is not TLS."},
    [VERDICT_NO_MAIL] =
        {"no_mail", COUNTS_NOT,
         "Ended before anything was decided: banner only, 421, greeting refused, QUIT before mail."},
    [VERDICT_NOT_SMTP] = {"not_smtp", COUNTS_NOT, "A connection on a mail port that speaks something else."},
    [VERDICT_UNKNOWN] = {"unknown", COUNTS_NOT, "Evidence is missing; unknown_reason says why."},
};

const char *verdict_name(enum verdict verdict) {
    return verdicts[verdict].name;
}

const char *verdict_meaning(enum verdict verdict) {
    return verdicts[verdict].meaning;
}

enum verdict_class verdict_counts_as(enum verdict verdict) {
    return verdicts[verdict].counts_as;
}

const char *unknown_reason_name(enum unknown_reason reason) {
    static const char *const names[] = {
        [UNKNOWN_NONE] = NULL,
        [UNKNOWN_MIDSTREAM] = "midstream",
        [UNKNOWN_GAP] = "gap",
        [UNKNOWN_ONE_SIDED] = "one_sided",
        [UNKNOWN_TRUNCATED] = "truncated",
        [UNKNOWN_EVICTED] = "evicted",
    };
    return names[reason];
}
