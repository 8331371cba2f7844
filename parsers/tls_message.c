#include "tls_message.h"

#include <stdlib.h>
#include <string.h>

#include "tls.h"

#define FIRST_CAPACITY 2048 /* most single messages; a chain doubles it once or twice */

void tls_messages_init(struct tls_messages *m) {
    memset(m, 0, sizeof *m);
}

void tls_messages_release(struct tls_messages *m) {
    if (m->buffer != NULL) { /* most messages lie whole in one record */
        free(m->buffer);
    }
    m->buffer = NULL;
    m->capacity = 0;
}

void tls_messages_cleanup(struct tls_messages *m) {
    tls_messages_release(m);
    tls_messages_init(m);
}

static uint32_t body_length(const struct tls_messages *m) {
    return (uint32_t)m->head[1] << 16 | (uint32_t)m->head[2] << 8 | m->head[3];
}

static void start_over(struct tls_messages *m) {
    m->head_have = 0;
    m->have = 0;
    m->skipping = false;
}

void tls_messages_record(struct tls_messages *m, uint16_t length) {
    if (m->lost) {
        start_over(m);
        m->record_length = length;
    }
}

/* After a loss only a message that fills its record exactly is believed: the middle of a certificate looks
 * like one in fewer than 2^-30 places. */
static bool found_again(const struct tls_messages *m) {
    return m->head[0] <= 25 && body_length(m) + TLS_MESSAGE_HEADER == m->record_length;
}

static bool read_head(struct tls_messages *m, struct reader *in) {
    if (m->head_have == 0 && reader_left(in) >= TLS_MESSAGE_HEADER) {
        memcpy(m->head, reader_bytes(in, TLS_MESSAGE_HEADER), TLS_MESSAGE_HEADER);
        m->head_have = TLS_MESSAGE_HEADER;
    }
    while (m->head_have < TLS_MESSAGE_HEADER) {
        if (reader_left(in) == 0) {
            return false;
        }
        m->head[m->head_have++] = reader_u8(in);
    }
    return true;
}

/* Makes room for len body bytes. Grows with what has arrived, not with what the header claims. */
static bool reserve(struct tls_messages *m, uint32_t len) {
    if (len <= m->capacity) {
        return true;
    }
    uint32_t capacity = m->capacity > 0 ? 2 * m->capacity : FIRST_CAPACITY;
    capacity = capacity < len ? len : capacity;
    capacity = capacity > body_length(m) ? body_length(m) : capacity;
    uint8_t *buffer = realloc(m->buffer, capacity);
    if (buffer == NULL) {
        return false;
    }
    m->buffer = buffer;
    m->capacity = capacity;
    return true;
}

/* Keeps or counts off what the fragment has of the body. True when the body is complete. */
static bool read_body(struct tls_messages *m, struct reader *in) {
    uint32_t missing = body_length(m) - m->have;
    uint32_t len = reader_left(in) < missing ? (uint32_t)reader_left(in) : missing;
    if (!m->skipping && !reserve(m, m->have + len)) {
        m->skipping = true;
    }
    const uint8_t *bytes = reader_bytes(in, len);
    if (!m->skipping && len > 0) {
        memcpy(m->buffer + m->have, bytes, len);
    }
    m->have += len;
    return m->have == body_length(m);
}

enum parse_result tls_messages_next(struct tls_messages *m, struct reader *in, struct tls_message *message) {
    bool fresh = m->head_have < TLS_MESSAGE_HEADER;
    if (m->lost && (!fresh || m->record_length == 0)) {
        reader_skip(in, reader_left(in));
        return PARSE_MORE;
    }
    if (!read_head(m, in)) {
        return PARSE_MORE;
    }
    if (m->lost) {
        if (!found_again(m)) {
            reader_skip(in, reader_left(in));
            return PARSE_MORE;
        }
        m->lost = false;
    }
    uint32_t length = body_length(m);
    m->skipping = m->skipping || length > TLS_MESSAGE_MAX;
    message->type = m->head[0];
    if (m->have == 0 && !m->skipping && reader_left(in) >= length) {
        message->body = reader_sub(in, length);
    } else if (read_body(m, in)) {
        message->body = reader_of(m->buffer, m->skipping ? 0 : length);
    } else {
        return PARSE_MORE;
    }
    message->skipped = m->skipping;
    if (message->skipped) {
        reader_fail(&message->body);
    }
    start_over(m);
    return PARSE_OK;
}

void tls_messages_lose(struct tls_messages *m) {
    tls_messages_release(m);
    start_over(m);
    m->lost = true;
    m->record_length = 0;
}

void tls_messages_gap(struct tls_messages *m, uint64_t len) {
    if (m->lost || m->head_have < TLS_MESSAGE_HEADER || len > body_length(m) - m->have) {
        tls_messages_lose(m);
        return;
    }
    tls_messages_release(m);
    m->skipping = true;
    m->have += (uint32_t)len;
    if (m->have == body_length(m)) {
        start_over(m);
    }
}

bool tls_messages_open(const struct tls_messages *m, uint8_t *type) {
    *type = m->head_have < TLS_MESSAGE_HEADER ? 255 : m->head[0];
    return m->head_have > 0 && !m->lost;
}
