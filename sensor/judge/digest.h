/* digest.h: the hashes that fields are made of, by OpenSSL's EVP. */
#ifndef STARTTAP_SENSOR_JUDGE_DIGEST_H
#define STARTTAP_SENSOR_JUDGE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct digest; /* contexts kept for reuse; one per pipeline, not shared between threads */
struct digest *digest_new(void);
void digest_free(struct digest *digest);

void digest_md5(struct digest *digest, const void *data, size_t len, uint8_t out[16]);
void digest_sha1(struct digest *digest, const void *data, size_t len, uint8_t out[20]);
void digest_sha256(struct digest *digest, const void *data, size_t len, uint8_t out[32]);
void hex_lower(const uint8_t *bytes, size_t len, char *out); /* out: 2 * len + 1 */

#endif
