#include "tls_record.h"

#include <string.h>

#define BODY_FROM_SCAN(length) ((length) < TLS_RECORD_PEEK ? (length) : TLS_RECORD_PEEK)

void tls_record_init(struct tls_record *record) {
    memset(record, 0, sizeof *record);
}

static uint16_t body_length(const uint8_t head[TLS_RECORD_HEADER]) {
    return (uint16_t)(head[3] << 8 | head[4]);
}

/* Can these first `have` bytes (1 to 5) begin the header of a TLS record? Text cannot: it fails at its first
 * byte. */
static bool header_possible(const uint8_t *head, size_t have) {
    if (head[0] < TLS_RECORD_CHANGE_CIPHER_SPEC || head[0] > TLS_RECORD_HEARTBEAT) {
        return false;
    }
    if ((have > 1 && head[1] != 3) || (have > 2 && head[2] > 4)) {
        return false;
    }
    if (have == 4) {
        return head[3] <= TLS_RECORD_BODY_MAX >> 8;
    }
    return have < 5 || body_length(head) <= TLS_RECORD_BODY_MAX;
}

static bool tls_header_bad(const struct tls_record *r) {
    if (r->state == TLS_RECORD_AT_FIRST && r->head[0] != TLS_RECORD_HANDSHAKE &&
        r->head[0] != TLS_RECORD_ALERT) {
        return true;
    }
    return !header_possible(r->head, r->have);
}

/* SSLv2: two bytes when the top bit is set, else three, the last of them the padding. The first record of a
 * side has two. */
static bool sslv2_header_bad(const struct tls_record *r) {
    bool is_long = (r->head[0] & 0x80) == 0;
    if (is_long) {
        return r->have >= 2 && r->head[0] == 0 && r->head[1] == 0;
    }
    return r->have >= 2 && r->head[0] == 0x80 && r->head[1] == 0;
}

static bool is_sslv2(const struct tls_record *r) {
    if (r->family == TLS_FAMILY_OPEN) {
        bool tls_type = r->head[0] >= TLS_RECORD_CHANGE_CIPHER_SPEC && r->head[0] <= TLS_RECORD_HEARTBEAT;
        return r->state == TLS_RECORD_AT_FIRST ? (r->head[0] & 0x80) != 0 : !tls_type;
    }
    return r->family == TLS_FAMILY_SSLV2;
}

static void enter_body(struct tls_record *r, uint8_t type, uint16_t length) {
    /* A hello in SSLv2 format may be followed by either record layer; any later record tells which. */
    if (type != TLS_RECORD_SSLV2) {
        r->family = TLS_FAMILY_TLS;
    } else if (r->state != TLS_RECORD_AT_FIRST) {
        r->family = TLS_FAMILY_SSLV2;
    }
    r->state = TLS_RECORD_AT_BODY;
    r->type = type;
    r->length = length;
    r->left = length;
    r->used = 0;
}

/* The header under way has one more byte: is it complete, possible, or wrong? */
static enum parse_result judge_header(struct tls_record *r) {
    if (is_sslv2(r)) {
        bool is_long = (r->head[0] & 0x80) == 0;
        if (sslv2_header_bad(r)) {
            return PARSE_BAD;
        }
        if (r->have < (is_long ? 3 : 2)) {
            return PARSE_MORE;
        }
        uint16_t length = (uint16_t)((r->head[0] & (is_long ? 0x3f : 0x7f)) << 8 | r->head[1]);
        enter_body(r, TLS_RECORD_SSLV2, length);
        return PARSE_OK;
    }
    if (tls_header_bad(r)) {
        return PARSE_BAD;
    }
    if (r->have < TLS_RECORD_HEADER) {
        return PARSE_MORE;
    }
    enter_body(r, r->head[0], body_length(r->head));
    return PARSE_OK;
}

static void drop_first(struct tls_record *r) {
    r->have--;
    memmove(r->head, r->head + 1, r->have);
}

/* After missing bytes a header must say more for itself: lengths that the type can have. */
static bool scan_possible(const uint8_t *head, size_t have) {
    size_t header = have < TLS_RECORD_HEADER ? have : TLS_RECORD_HEADER;
    if (!header_possible(head, header) || head[0] == TLS_RECORD_HEARTBEAT) {
        return false;
    }
    if (have < TLS_RECORD_HEADER) {
        return true;
    }
    uint16_t length = body_length(head);
    switch (head[0]) {
    case TLS_RECORD_CHANGE_CIPHER_SPEC:
        return length == 1 && (have == TLS_RECORD_HEADER || head[5] == 1);
    case TLS_RECORD_ALERT:
        return length == 2 || length >= 16;
    case TLS_RECORD_HANDSHAKE:
        return length >= 4;
    default:
        return length >= 16;
    }
}

/* A header with the first bytes of its body: chance makes one of these in more than 2^45 places. What only a
 * header of 23 or sealed bytes says for itself (2^20) waits for the next header. */
static bool scan_certain(const uint8_t *head) {
    uint16_t length = body_length(head);
    const uint8_t *body = head + TLS_RECORD_HEADER;
    switch (head[0]) {
    case TLS_RECORD_CHANGE_CIPHER_SPEC:
        return true;
    case TLS_RECORD_ALERT:
        return length == 2 && (body[0] == 1 || body[0] == 2) && body[1] <= 121;
    case TLS_RECORD_HANDSHAKE: /* one handshake message that fills the record */
        return body[0] <= 25 && body[1] == 0 && (body[2] << 8 | body[3]) + 4 == length;
    default:
        return false;
    }
}

/* Adds bytes to head until it holds a header with what is looked at of its body. */
static enum parse_result scan(struct tls_record *r, struct reader *in) {
    for (;;) {
        while (r->have > 0 && !scan_possible(r->head, r->have)) {
            drop_first(r);
        }
        if (r->have >= TLS_RECORD_HEADER) {
            uint16_t length = body_length(r->head);
            if (r->have == TLS_RECORD_HEADER + BODY_FROM_SCAN(length)) {
                bool certain = scan_certain(r->head);
                enter_body(r, r->head[0], length);
                r->used = (uint8_t)(r->have - TLS_RECORD_HEADER);
                r->state = certain ? TLS_RECORD_AT_BODY : TLS_RECORD_TENTATIVE;
                return PARSE_OK;
            }
        }
        if (reader_left(in) == 0) {
            return PARSE_MORE;
        }
        r->head[r->have++] = reader_u8(in);
    }
}

/* Whether a header begins here and lies whole in the bytes given. What is none of TLS is seen byte by byte.
 */
static bool at_whole_header(const struct tls_record *r, const struct reader *in) {
    const uint8_t *head = in->pos;
    if (r->family == TLS_FAMILY_SSLV2 || r->have > 0 || reader_left(in) < TLS_RECORD_HEADER ||
        !header_possible(head, TLS_RECORD_HEADER)) {
        return false;
    }
    if (r->state == TLS_RECORD_AT_FIRST) {
        return head[0] == TLS_RECORD_HANDSHAKE || head[0] == TLS_RECORD_ALERT;
    }
    return r->state == TLS_RECORD_AT_HEADER;
}

/* Behind at_whole_header(). */
static void read_whole_header(struct tls_record *r, struct reader *in) {
    const uint8_t *head = reader_bytes(in, TLS_RECORD_HEADER);
    memcpy(r->head, head, TLS_RECORD_HEADER);
    r->have = TLS_RECORD_HEADER;
    enter_body(r, head[0], body_length(head)); /* not from where it was just written: that takes its time */
}

/* One more header byte in a stream in step, or after a tentative body. */
static enum parse_result read_header(struct tls_record *r, struct reader *in) {
    while (reader_left(in) > 0) {
        r->head[r->have++] = *in->pos;
        enum parse_result result = judge_header(r);
        if (result != PARSE_BAD) {
            reader_skip(in, 1);
            if (result == PARSE_OK) {
                return PARSE_OK;
            }
            continue;
        }
        if (r->after_gap) {
            reader_skip(in, 1);
            r->state = TLS_RECORD_SCANNING;
            return PARSE_OK;
        }
        r->state = TLS_RECORD_ENDED;
        return PARSE_BAD;
    }
    return PARSE_MORE;
}

static void describe(const struct tls_record *r, struct tls_fragment *f) {
    *f = (struct tls_fragment){.type = r->type, .length = r->length};
    memcpy(f->header, r->head, TLS_RECORD_HEADER);
}

/* The body bytes that were read into head while scanning, or the next ones of in. */
static enum parse_result read_body(struct tls_record *r, struct reader *in, struct tls_fragment *f) {
    size_t len = r->left < reader_left(in) ? r->left : reader_left(in);
    if (r->used == 0 && len == 0 && r->length > 0) {
        return PARSE_MORE;
    }
    describe(r, f);
    f->first = r->left == r->length;
    if (r->used > 0) {
        len = r->used;
        f->data = reader_of(r->head + TLS_RECORD_HEADER, len);
        r->used = 0;
    } else {
        f->data = reader_sub(in, len);
    }
    r->left = (uint16_t)(r->left - len);
    f->last = r->left == 0;
    if (f->last) {
        r->state = TLS_RECORD_AT_HEADER;
        r->have = 0;
    }
    return PARSE_OK;
}

/* Counts off a body that is not believed yet, then reads the next header; if that one can be, both are. */
static enum parse_result read_tentative(struct tls_record *r, struct reader *in, struct tls_fragment *f) {
    if (r->state == TLS_RECORD_TENTATIVE) {
        r->left = (uint16_t)(r->left - r->used);
        r->used = 0;
        size_t len = r->left < reader_left(in) ? r->left : reader_left(in);
        reader_skip(in, len);
        r->left = (uint16_t)(r->left - len);
        if (r->left > 0) {
            return PARSE_MORE;
        }
        r->state = TLS_RECORD_CONFIRMING;
        r->have = 0;
    }
    while (r->have < TLS_RECORD_HEADER) {
        if (reader_left(in) == 0) {
            return PARSE_MORE;
        }
        r->head[r->have++] = reader_u8(in);
        if (!scan_possible(r->head, r->have)) {
            r->state = TLS_RECORD_SCANNING;
            return PARSE_OK;
        }
    }
    describe(r, f);
    f->data = reader_of(NULL, 0);
    f->opaque = f->first = f->last = true;
    enter_body(r, r->head[0], body_length(r->head));
    return PARSE_OK;
}

enum parse_result tls_record_next(struct tls_record *r, struct reader *in, struct tls_fragment *fragment) {
    const uint8_t *start = in->pos;
    for (;;) {
        enum parse_result result = PARSE_BAD;
        if (at_whole_header(r, in)) {
            read_whole_header(r, in);
        }
        if (r->state == TLS_RECORD_AT_BODY) {
            result = read_body(r, in, fragment);
            /* In one piece when header and body were both read by this call. */
            if (result == PARSE_OK && fragment->first && fragment->last && !fragment->opaque &&
                in->pos - start == TLS_RECORD_HEADER + fragment->length) {
                fragment->whole = start;
            }
            return result;
        }
        switch ((enum tls_record_state)r->state) {
        case TLS_RECORD_TENTATIVE:
        case TLS_RECORD_CONFIRMING:
            result = read_tentative(r, in, fragment);
            if (result != PARSE_OK || r->state == TLS_RECORD_AT_BODY) {
                return result;
            }
            continue; /* it was none: scan on */
        case TLS_RECORD_SCANNING:
            result = scan(r, in);
            break;
        case TLS_RECORD_AT_FIRST:
        case TLS_RECORD_AT_HEADER:
            result = read_header(r, in);
            break;
        case TLS_RECORD_LOST:
            reader_skip(in, reader_left(in));
            result = PARSE_MORE;
            break;
        case TLS_RECORD_AT_BODY:
        case TLS_RECORD_ENDED:
            break;
        }
        if (result != PARSE_OK) {
            return result;
        }
    }
}

bool tls_record_pass(struct tls_record *r, struct reader *in, uint8_t type) {
    if (r->state == TLS_RECORD_AT_HEADER) {
        if (!at_whole_header(r, in) || in->pos[0] != type) {
            return false;
        }
        size_t whole = TLS_RECORD_HEADER + (size_t)body_length(in->pos);
        if (reader_left(in) >= whole) { /* it leaves no trace but its length */
            r->family = TLS_FAMILY_TLS;
            r->length = body_length(in->pos);
            reader_skip(in, whole);
            return true;
        }
        read_whole_header(r, in);
    }
    if (r->state != TLS_RECORD_AT_BODY || r->type != type || r->used > 0) {
        return false;
    }
    size_t len = r->left < reader_left(in) ? r->left : reader_left(in);
    reader_skip(in, len);
    r->left = (uint16_t)(r->left - len);
    if (r->left > 0) {
        return false;
    }
    r->state = TLS_RECORD_AT_HEADER;
    r->have = 0;
    return true;
}

bool tls_record_gap(struct tls_record *r, uint64_t len) {
    r->after_gap = true;
    bool in_body = r->state == TLS_RECORD_AT_BODY || r->state == TLS_RECORD_TENTATIVE;
    if (in_body) {
        r->left = (uint16_t)(r->left - r->used);
        r->used = 0;
        if (len < r->left) {
            r->left = (uint16_t)(r->left - len);
            return true;
        }
    }
    if (r->state == TLS_RECORD_ENDED || r->state == TLS_RECORD_LOST) {
        return false;
    }
    /* SSLv2 records do not look like anything: such a side stays lost. */
    if (r->family == TLS_FAMILY_SSLV2) {
        r->state = TLS_RECORD_LOST;
        return false;
    }
    bool at_end = r->state == TLS_RECORD_AT_BODY && len == r->left;
    r->state = at_end ? TLS_RECORD_AT_HEADER : TLS_RECORD_SCANNING;
    r->have = 0;
    return at_end;
}
