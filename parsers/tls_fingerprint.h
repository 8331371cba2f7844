/* tls_fingerprint.h: JA3, JA3S and JA4 as the strings that get hashed. Hashing is the caller's.
 * JA3: https://github.com/salesforce/ja3; JA4 (TLS client): FoxIO, BSD 3-Clause. */
#ifndef STARTTAP_PARSERS_TLS_FINGERPRINT_H
#define STARTTAP_PARSERS_TLS_FINGERPRINT_H

#include "tls.h"

/* No text of any hello is longer, however hostile: 3 bytes per byte of suites and extensions, and the commas.
 * A buffer of 4 KB does for what real software sends. */
#define TLS_FINGERPRINT_MAX 400000

/* Each writes the NUL-terminated string into buffer (len bytes). Returns its length, or 0 when it would not
 * fit. A hello of SSLv2 format has no fingerprint: 0 (tshark gives none either). */
size_t tls_ja3_text(const struct tls_client_hello *hello, char *buffer, size_t len);
size_t tls_ja3s_text(const struct tls_server_hello *hello, char *buffer, size_t len);

/* False when it does not fit, or the hello is of SSLv2 format.
 * JA4 = a "_" hex12(SHA-256(b)) "_" hex12(SHA-256(c)); an empty b or c stands for "000000000000". */
struct tls_ja4_text {
    char a[11];
    char *b, *c; /* inside the buffer given */
};
bool tls_ja4_text(const struct tls_client_hello *hello, char *buffer, size_t len, struct tls_ja4_text *ja4);

#endif
