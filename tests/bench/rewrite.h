/* rewrite.h: what is to be replaced in a stream of bytes, from one session to the next. */
#ifndef STARTTAP_BENCH_REWRITE_H
#define STARTTAP_BENCH_REWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../parsers/parse.h"

#define SPOTS_MAX 256

/* A run of bytes in a stream that is XORed with the session's material. */
struct spot {
    uint64_t at;
    uint32_t len;
    uint32_t from;
};

struct rewrite {
    struct spot spots[SPOTS_MAX];
    size_t num_spots;
    bool has_cert; /* the first certificate of a Certificate message in clear */
    uint64_t cert_at;
    uint32_t cert_len, serial_at; /* 8 bytes of the serial number, in the certificate */
    uint64_t mail_end; /* where body can be inserted so that the mail only gets longer; 0: nowhere */
    bool tls;          /* and it must be TLS records */
};

/* Looks through one direction of a connection, whole. */
void rewrite_find(struct rewrite *rewrite, enum side side, const uint8_t *data, size_t len);

#endif
