/* reader.h: the one way to read wire bytes.
 *
 * A reader is a borrowed window [pos, end). Every read checks the bounds. The
 * first read that does not fit sets `failed`, yields 0 (or NULL), and so does
 * every later one: a parser reads a whole structure and asks reader_ok() once.
 * Integers are in network byte order unless the name ends in `le`. */
#ifndef STARTTAP_PARSERS_READER_H
#define STARTTAP_PARSERS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
    const uint8_t *pos;
    const uint8_t *end;
    bool failed;
};

/* data may be NULL when len is 0. */
static inline struct reader reader_of(const uint8_t *data, size_t len) {
    static const uint8_t nothing[1] = {0};
    const uint8_t *from = len > 0 ? data : nothing;
    struct reader r = {from, from + len, false};
    return r;
}

static inline size_t reader_left(const struct reader *r) {
    return (size_t)(r->end - r->pos);
}

static inline bool reader_ok(const struct reader *r) {
    return !r->failed;
}

/* True when every byte was read and no read failed. */
static inline bool reader_done(const struct reader *r) {
    return !r->failed && r->pos == r->end;
}

/* Makes this and every later read fail; for a value that cannot be. */
static inline void reader_fail(struct reader *r) {
    r->failed = true;
    r->pos = r->end;
}

/* The next len bytes, borrowed, or NULL when fewer are left. */
static inline const uint8_t *reader_bytes(struct reader *r, size_t len) {
    if (r->failed || reader_left(r) < len) {
        reader_fail(r);
        return NULL;
    }
    const uint8_t *at = r->pos;
    r->pos += len;
    return at;
}

static inline void reader_skip(struct reader *r, size_t len) {
    (void)reader_bytes(r, len);
}

static inline uint8_t reader_u8(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 1);
    if (!p)
        return 0;
    return p[0];
}

static inline uint16_t reader_u16(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 2);
    if (!p)
        return 0;
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t reader_u24(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 3);
    return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

static inline uint32_t reader_u32(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline uint16_t reader_u16le(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 2);
    if (!p)
        return 0;
    return (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t reader_u32le(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 4);
    return p ? (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0] : 0;
}

/* The next len bytes as a reader of their own; on failure an empty, failed one. */
static inline struct reader reader_sub(struct reader *r, size_t len) {
    const uint8_t *p = reader_bytes(r, len);
    struct reader sub = reader_of(p, p ? len : 0);
    sub.failed = p == NULL;
    return sub;
}

/* Length-prefixed vectors (RFC 8446 section 3.4), all or nothing. */
static inline struct reader reader_vec8(struct reader *r) {
    return reader_sub(r, reader_u8(r));
}

static inline struct reader reader_vec16(struct reader *r) {
    return reader_sub(r, reader_u16(r));
}

static inline struct reader reader_vec24(struct reader *r) {
    return reader_sub(r, reader_u24(r));
}

#endif
