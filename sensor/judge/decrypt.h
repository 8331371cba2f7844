/* decrypt.h: one connection's TLS 1.3 records made readable by the secrets of a key log (RFC 8446 section 5).
 *
 * Told the hellos and given each protected record of both sides, in each side's order, it hands on what was
 * inside. A side's records that come before its keys can be known (the ServerHello of the other side is still
 * to come, or the key log has yet to grow) are held back, up to DECRYPT_HELD_MAX bytes.
 *
 * The nonce counts records, so a side of which one is missing is over: nothing clever is tried. The
 * exception are a client's records before its Finished that may be early data: there, as a server does that
 * refused it (section 4.2.10), what the handshake keys do not open is passed over. */
#ifndef STARTTAP_SENSOR_JUDGE_DECRYPT_H
#define STARTTAP_SENSOR_JUDGE_DECRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../parsers/parse.h"
#include "keylog.h"

#define DECRYPT_HELD_MAX 65536 /* bytes held back of a side; with more it is over */

struct decrypt_handler {
    void *context;
    /* The content of a record and its type (21 alert, 22 handshake, 23 application data); borrowed for the
     * call, wiped after it. */
    void (*plain)(void *context, enum side from, uint8_t content_type, const uint8_t *data, size_t len);
    /* What that side said next could not be read; comes again only for early data. */
    void (*missed)(void *context, enum side from);
};

struct decrypt;

/* keylog is borrowed; handler is copied. NULL: out of memory. */
struct decrypt *decrypt_new(struct keylog *keylog, const struct decrypt_handler *handler);
void decrypt_free(struct decrypt *decrypt); /* NULL is fine */

void decrypt_client_hello(struct decrypt *decrypt, const uint8_t random[KEYLOG_RANDOM_LEN], bool early_data);
/* The final one, not HelloRetryRequest. */
void decrypt_server_hello(struct decrypt *decrypt, uint16_t version, uint16_t cipher_suite);

/* A whole record with its header of 5 bytes. Types other than 23 are passed over: in TLS 1.3 they are not
 * protected. */
void decrypt_record(struct decrypt *decrypt, enum side from, const uint8_t *record, size_t len);

/* Bytes of that side are missing. */
void decrypt_gap(struct decrypt *decrypt, enum side from);

/* No more records: what is held back is tried a last time. */
void decrypt_finish(struct decrypt *decrypt);

bool decrypt_opened(const struct decrypt *decrypt); /* a record of either side could be read */
/* All of that side's handshake messages, up to its Finished, were read. */
bool decrypt_handshake_read(const struct decrypt *decrypt, enum side side);

size_t decrypt_held(const struct decrypt *decrypt); /* bytes of memory */

#endif
