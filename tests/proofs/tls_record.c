/* The splitter of TLS records keeps its invariants: one call of tls_record_next() or tls_record_gap() on any
 * state that can be, with up to BYTES bytes of any kind, reads nothing out of bounds, gives only bytes that
 * are there, and leaves a state that again can be. More bytes at once are the same step taken more often,
 * besides a header that lies whole in the bytes given, and data that is passed over: the last proofs of
 * run.sh. */
#include <assert.h>

#include "../../parsers/tls_record.c" /* its own functions say what can be */
#include "proof.h"

#ifndef BYTES
#define BYTES 12
#endif

/* Byte by byte, which CBMC follows more easily than its own model of it. */
void *memmove(void *to, const void *from, size_t len) {
    uint8_t *target = to;
    const uint8_t *source = from;
    for (size_t i = 0; i < len; i++) /* forwards: it is only ever moved down */
        target[i] = source[i];
    return to;
}

/* What holds between two calls. */
static bool sound(const struct tls_record *r) {
    if (r->state > TLS_RECORD_ENDED || r->family > TLS_FAMILY_SSLV2)
        return false;
    bool scanning = r->state == TLS_RECORD_SCANNING;
    if (r->have > sizeof r->head)
        return false;
    if (r->state <= TLS_RECORD_AT_HEADER || r->state == TLS_RECORD_CONFIRMING)
        return r->have < TLS_RECORD_HEADER;
    if (scanning && r->have > 0 && !scan_possible(r->head, r->have))
        return false;
    if (scanning)
        return r->have <= TLS_RECORD_HEADER - 1 ||
               r->have < TLS_RECORD_HEADER + BODY_FROM_SCAN(body_length(r->head));
    bool in_body = r->state == TLS_RECORD_AT_BODY || r->state == TLS_RECORD_TENTATIVE;
    if (in_body && r->left == 0 && r->length > 0) /* a whole body is behind */
        return false;
    return !in_body || (r->left <= r->length && r->used <= TLS_RECORD_PEEK && r->used <= r->left);
}

static struct tls_record any_record(void) {
    struct tls_record any; /* not initialised: any values */
#ifdef STATE
    any.state = STATE; /* one proof for each is quicker than one for all */
#endif
    struct tls_record *record = &any;
    __CPROVER_assume(sound(record));
    return any;
}

/* Its bytes are of the state's head or of those given, and lie inside. */
static void fragment_is_sound(const struct tls_record *r, const struct tls_fragment *f, struct reader given) {
    size_t len = reader_left(&f->data);
    assert(len <= f->length);
    if (len > 0 && __CPROVER_same_object(f->data.pos, r->head))
        assert(f->data.pos >= r->head && f->data.end <= r->head + sizeof r->head);
    else if (len > 0)
        assert(__CPROVER_same_object(f->data.pos, given.pos) && f->data.pos >= given.pos &&
               f->data.end <= given.end);
    assert(f->whole == NULL || f->whole == given.pos);
}

int main(void) {
    struct tls_record record = any_record();
    if (nondet_bool()) {
        bool inside = tls_record_gap(&record, nondet_u64());
        assert(sound(&record));
        assert(!inside || record.state <= TLS_RECORD_TENTATIVE);
        return 0;
    }
    uint8_t memory[BYTES];
    struct reader in = any_bytes(memory, BYTES), given = in;
#ifdef WHOLE_HEADER
    bool taken = at_whole_header(&record, &in);
    if (taken)
        read_whole_header(&record, &in);
    assert(in.pos == given.pos + (taken ? TLS_RECORD_HEADER : 0) && in.pos <= given.end);
    assert(sound(&record) && (!taken || record.left == record.length));
    return 0;
#endif
#ifdef PASS
    bool passed = tls_record_pass(&record, &in, TLS_RECORD_APPLICATION_DATA);
    assert(reader_ok(&in) && in.pos >= given.pos && in.pos <= given.end);
    assert(!passed || record.state == TLS_RECORD_AT_HEADER);
    assert(sound(&record));
    return 0;
#endif
    struct tls_fragment fragment;
    enum parse_result result = tls_record_next(&record, &in, &fragment);
    assert(reader_ok(&in) && in.pos >= given.pos && in.pos <= given.end);
    assert(result != PARSE_MORE || reader_left(&in) == 0);
    assert((result == PARSE_BAD) == (record.state == TLS_RECORD_ENDED));
    if (result == PARSE_OK)
        fragment_is_sound(&record, &fragment, given);
    assert(sound(&record));
    return 0;
}
