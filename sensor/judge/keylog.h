/* keylog.h: TLS 1.3 secrets by client random, out of a key log (RFC 9850, the "NSS key log format").
 *
 * A table that is fed with the file's bytes, in any cut: whoever opens the file reads it, and may read on
 * later, when it has grown. Of each connection four secrets are kept; lines with other labels (TLS 1.2, early
 * data, exporters) and comments are passed over, as the format asks for.
 *
 * Several threads may look for secrets while one reads on: keylog_push(), keylog_end() and keylog_find()
 * lock. */
#ifndef STARTTAP_SENSOR_JUDGE_KEYLOG_H
#define STARTTAP_SENSOR_JUDGE_KEYLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYLOG_RANDOM_LEN  32
#define KEYLOG_SECRET_MAX  48        /* SHA-384; SHA-256 has 32 */
#define KEYLOG_LINE_MAX    512       /* bytes of a line; the longest that is used has 194 */
#define KEYLOG_SECRETS_MAX (1 << 20) /* secrets kept; those of later lines are not */

enum keylog_label {
    KEYLOG_CLIENT_HANDSHAKE,   /* CLIENT_HANDSHAKE_TRAFFIC_SECRET */
    KEYLOG_SERVER_HANDSHAKE,   /* SERVER_HANDSHAKE_TRAFFIC_SECRET */
    KEYLOG_CLIENT_APPLICATION, /* CLIENT_TRAFFIC_SECRET_0 */
    KEYLOG_SERVER_APPLICATION, /* SERVER_TRAFFIC_SECRET_0 */
};

struct keylog_secret {
    uint8_t bytes[KEYLOG_SECRET_MAX];
    uint8_t len; /* 32 or 48 */
};

/* Called for each line that cannot be used, with its number (from 1) and one static sentence. */
typedef void (*keylog_complain)(void *context, uint64_t line, const char *cause);

struct keylog;

struct keylog *keylog_new(keylog_complain complain, void *context); /* NULL: out of memory */
void keylog_free(struct keylog *keylog);                            /* NULL is fine; the secrets are wiped */

/* The next len bytes of the file; and its end, where the last line may lack its newline. More may follow
 * later all the same. */
void keylog_push(struct keylog *keylog, const uint8_t *data, size_t len);
void keylog_end(struct keylog *keylog);

/* Somebody reads on while packets pass: a secret that is not there yet may come. False at first. */
void keylog_set_growing(struct keylog *keylog, bool growing);
bool keylog_is_growing(const struct keylog *keylog);

/* False when there is none, and *secret is left alone. Of several for the same thing, the last one. */
bool keylog_find(struct keylog *keylog, const uint8_t random[KEYLOG_RANDOM_LEN], enum keylog_label label,
                 struct keylog_secret *secret);

size_t keylog_num_secrets(const struct keylog *keylog);
uint64_t keylog_num_dropped(const struct keylog *keylog); /* beyond KEYLOG_SECRETS_MAX, or without memory */

#endif
