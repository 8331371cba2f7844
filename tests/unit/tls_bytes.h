/* tls_bytes.h: builds TLS records and messages for the tests, byte by byte as the RFCs write them. */
#ifndef STARTTAP_TESTS_TLS_BYTES_H
#define STARTTAP_TESTS_TLS_BYTES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    size_t len;
    uint8_t data[96 * 1024];
};

static inline void put(struct bytes *b, const void *data, size_t len) {
    assert(b->len + len <= sizeof b->data);
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void put_fill(struct bytes *b, uint8_t byte, size_t len) {
    assert(b->len + len <= sizeof b->data);
    memset(b->data + b->len, byte, len);
    b->len += len;
}

static inline void put_number(struct bytes *b, uint32_t number, size_t width) {
    for (size_t i = width; i > 0; i--) {
        put_fill(b, (uint8_t)(number >> (8 * (i - 1))), 1);
    }
}

#define PUT_U8(b, n)  put_number(b, n, 1)
#define PUT_U16(b, n) put_number(b, n, 2)
#define PUT_U24(b, n) put_number(b, n, 3)

/* A vector with a length of that many bytes before it: open, write, close. */
static inline size_t vec_open(struct bytes *b, size_t width) {
    put_fill(b, 0, width);
    return b->len;
}

static inline void vec_close(struct bytes *b, size_t start, size_t width) {
    size_t len = b->len - start;
    for (size_t i = 0; i < width; i++) {
        b->data[start - 1 - i] = (uint8_t)(len >> (8 * i));
    }
}

static inline void put_vec(struct bytes *b, size_t width, const void *data, size_t len) {
    put_number(b, (uint32_t)len, width);
    put(b, data, len);
}

static inline void put_extension(struct bytes *b, uint16_t type, const void *data, size_t len) {
    PUT_U16(b, type);
    put_vec(b, 2, data, len);
}

static inline void put_record(struct bytes *b, uint8_t type, const void *body, size_t len) {
    PUT_U8(b, type);
    PUT_U16(b, 0x0303);
    put_vec(b, 2, body, len);
}

static inline void put_sealed(struct bytes *b, uint8_t type, size_t len) {
    PUT_U8(b, type);
    PUT_U16(b, 0x0303);
    PUT_U16(b, (uint32_t)len);
    put_fill(b, 0xe5, len);
}

static inline void put_ccs(struct bytes *b) {
    put_record(b, 20, "\x01", 1);
}

static inline void put_alert(struct bytes *b, uint8_t level, uint8_t description) {
    uint8_t body[2] = {level, description};
    put_record(b, 21, body, 2);
}

static inline void put_message(struct bytes *b, uint8_t type, const void *body, size_t len) {
    PUT_U8(b, type);
    put_vec(b, 3, body, len);
}

/* A handshake message in a record of its own. */
static inline void put_handshake(struct bytes *b, uint8_t type, const void *body, size_t len) {
    PUT_U8(b, 22);
    PUT_U16(b, 0x0303);
    size_t record = vec_open(b, 2);
    put_message(b, type, body, len);
    vec_close(b, record, 2);
}

/* The body of a ClientHello with these suites and this extension block. */
static inline void put_client_hello(struct bytes *b, uint16_t version, const uint16_t *suites,
                                    size_t num_suites, const struct bytes *extensions) {
    PUT_U16(b, version);
    put_fill(b, 0xc1, 32);
    PUT_U8(b, 0);
    PUT_U16(b, (uint32_t)(2 * num_suites));
    for (size_t i = 0; i < num_suites; i++) {
        PUT_U16(b, suites[i]);
    }
    put_vec(b, 1, "\0", 1);
    if (extensions != NULL) {
        put_vec(b, 2, extensions->data, extensions->len);
    }
}

static inline void put_server_hello(struct bytes *b, uint16_t version, const uint8_t random[32],
                                    uint16_t suite, const struct bytes *extensions) {
    PUT_U16(b, version);
    put(b, random, 32);
    PUT_U8(b, 0);
    PUT_U16(b, suite);
    PUT_U8(b, 0);
    if (extensions != NULL) {
        put_vec(b, 2, extensions->data, extensions->len);
    }
}

#endif
