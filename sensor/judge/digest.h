/* digest.h: the hashes that fields are made of, by OpenSSL's EVP.
 *
 * Each function returns false, and leaves out alone, when OpenSSL would not hash: MD5 and SHA-1 are missing
 * where a policy forbids them (FIPS). SHA-256 is there whenever digest_new() succeeded. */
#ifndef STARTTAP_SENSOR_JUDGE_DIGEST_H
#define STARTTAP_SENSOR_JUDGE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest; /* contexts kept for reuse; one per pipeline, not shared between threads */

struct digest *digest_new(void); /* NULL: out of memory, or OpenSSL without SHA-256 */
void digest_free(struct digest *digest);

bool digest_md5(struct digest *digest, const void *data, size_t len, uint8_t out[16]);
bool digest_sha1(struct digest *digest, const void *data, size_t len, uint8_t out[20]);
bool digest_sha256(struct digest *digest, const void *data, size_t len, uint8_t out[32]);

bool digest_failed(struct digest *digest); /* one that is there, since this was last asked: out of memory */

void hex_lower(const uint8_t *bytes, size_t len, char *restrict out); /* out: 2 * len + 1 */

#endif
