/* Any call of reader_* on any reader of a buffer of up to BYTES bytes: it does not read out of bounds, a read
 * that does not fit yields 0 or NULL and sticks, a length-prefixed one is all or nothing. The reader that it
 * leaves is again one that the proof began with, so the same holds for any calls one after another. */
#include <assert.h>

#include "proof.h"

#ifndef BYTES
#define BYTES 40
#endif

static void use(const uint8_t *bytes, size_t len) {
    if (len > 0) {
        size_t at = nondet_size();
        __CPROVER_assume(at < len);
        (void)*(volatile const uint8_t *)(bytes + at);
    }
}

static uint32_t read_number(struct reader *r, uint8_t which) {
    switch (which) {
    case 0:
        return reader_u8(r);
    case 1:
        return reader_u16(r);
    case 2:
        return reader_u24(r);
    case 3:
        return reader_u32(r);
    case 4:
        return reader_u16le(r);
    default:
        return reader_u32le(r);
    }
}

/* One call. What it gives, if anything, is readable to its last byte. */
static void read_any(struct reader *r) {
    uint8_t which = nondet_u8();
    struct reader before = *r, sub = reader_of(NULL, 0);
    if (which < 6) {
        uint32_t value = read_number(r, which);
        assert(reader_ok(r) || value == 0);
        return;
    }
    size_t len = nondet_size();
    switch (which) {
    case 6: {
        const uint8_t *bytes = reader_bytes(r, len);
        assert(reader_ok(r) == (bytes != NULL));
        use(bytes, bytes != NULL ? len : 0);
        return;
    }
    case 7:
        reader_skip(r, len);
        return;
    case 8:
        sub = reader_sub(r, len);
        break;
    case 9:
        sub = reader_vec8(r);
        break;
    case 10:
        sub = reader_vec16(r);
        break;
    case 11:
        sub = reader_vec24(r);
        break;
    default:
        reader_fail(r);
        return;
    }
    assert(reader_ok(&sub) == reader_ok(r));
    assert(reader_ok(r) || reader_left(&sub) == 0);
    assert(reader_left(&sub) == 0 || sub.end == r->pos);
    assert(reader_left(&sub) <= reader_left(&before));
    use(sub.pos, reader_left(&sub));
}

/* Whatever came before: a window inside a buffer, and once a read has failed, an empty one. */
static struct reader any_reader(const uint8_t *memory) {
    struct reader r = any_bytes(memory, BYTES);
    size_t used = nondet_size();
    __CPROVER_assume(used <= reader_left(&r));
    r.pos += used;
    r.failed = nondet_bool();
    __CPROVER_assume(!r.failed || r.pos == r.end);
    return r;
}

int main(void) {
    uint8_t memory[BYTES];
    struct reader r = any_reader(memory), before = r;
    read_any(&r);
    assert(r.end == before.end && r.pos >= before.pos && r.pos <= r.end);
    assert(reader_ok(&before) || !reader_ok(&r));  /* a failure sticks */
    assert(reader_ok(&r) || reader_left(&r) == 0); /* and leaves nothing to read */
    assert(reader_done(&r) == (reader_ok(&r) && reader_left(&r) == 0));
    return 0;
}
