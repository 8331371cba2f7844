/* OpenSSL would rather have SHA-1 and SHA-256 called through EVP, which takes two allocations and 700
 * instructions more for each hash: more than the few bytes of an id take by themselves. So EVP is asked once
 * whether there is the algorithm, and its own functions do the work. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "digest.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/sha.h>

/* Fetching an algorithm by name is slow in OpenSSL 3, so each is fetched once. One that is forbidden is NULL.
 */
struct hash {
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
};

struct digest {
    struct hash md5, sha1, sha256;
    bool failed;
};

static void hash_cleanup(struct hash *hash) {
    EVP_MD_CTX_free(hash->context);
    EVP_MD_free(hash->algorithm);
}

static bool hash_once(struct digest *digest, const struct hash *hash, const void *data, size_t len,
                      uint8_t *out, size_t out_len) {
    uint8_t value[EVP_MAX_MD_SIZE];
    unsigned int value_len = 0;
    if (hash->context == NULL)
        return false;
    if (!EVP_DigestInit_ex2(hash->context, hash->algorithm, NULL) ||
        !EVP_DigestUpdate(hash->context, data, len) ||
        !EVP_DigestFinal_ex(hash->context, value, &value_len) || value_len != out_len) {
        digest->failed = true;
        ERR_clear_error();
        return false;
    }
    memcpy(out, value, out_len);
    return true;
}

static bool is_among(const OSSL_ALGORITHM *algorithms, const char *name) {
    size_t len = strlen(name);
    for (; algorithms && algorithms->algorithm_names; algorithms++) {
        const char *names = algorithms->algorithm_names; /* SHA1:SHA-1:SSL3-SHA1 */
        if (strncmp(names, name, len) == 0 && (names[len] == ':' || names[len] == '\0'))
            return true;
    }
    return false;
}

/* What OpenSSL's default provider has and nobody forbids ought to be there: if not, there was no memory for
 * it. OpenSSL does not say so, it remembers such an algorithm as one that does not exist. */
static bool ought_to_be_there(const char *name) {
    if (EVP_default_properties_is_fips_enabled(NULL) || !OSSL_PROVIDER_available(NULL, "default"))
        return false;
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(NULL, "default");
    int no_cache = 0;
    bool there =
        !provider || is_among(OSSL_PROVIDER_query_operation(provider, OSSL_OP_DIGEST, &no_cache), name);
    if (provider)
        OSSL_PROVIDER_unload(provider);
    return there;
}

/* False when there is no memory for it. A hash that is there or not, as memory happens to be, would give the
 * same connection another event.id; so it has to be known why it is not. */
static bool hash_init(struct hash *hash, const char *name) {
    hash->algorithm = EVP_MD_fetch(NULL, name, NULL);
    bool forbidden = !hash->algorithm && !ought_to_be_there(name);
    ERR_clear_error();
    if (!hash->algorithm)
        return forbidden;
    hash->context = EVP_MD_CTX_new();
    return hash->context != NULL;
}

struct digest *digest_new(void) {
    struct digest *digest = calloc(1, sizeof *digest);
    if (digest == NULL)
        return NULL;
    /* Without its default context, for which there may be no memory, OpenSSL 3.0 crashes in whatever it is
     * asked for. */
    bool good = OSSL_LIB_CTX_get0_global_default() != NULL && hash_init(&digest->md5, "MD5") &&
                hash_init(&digest->sha1, "SHA1") && hash_init(&digest->sha256, "SHA256");
    if (good && digest->sha256.context != NULL)
        return digest;
    digest_free(digest);
    return NULL;
}

void digest_free(struct digest *digest) {
    if (digest == NULL)
        return;
    hash_cleanup(&digest->md5);
    hash_cleanup(&digest->sha1);
    hash_cleanup(&digest->sha256);
    free(digest);
}

bool digest_md5(struct digest *digest, const void *data, size_t len, uint8_t out[16]) {
    return hash_once(digest, &digest->md5, data, len, out, 16);
}

bool digest_sha1(struct digest *digest, const void *data, size_t len, uint8_t out[20]) {
    SHA_CTX context;
    return digest->sha1.context != NULL && SHA1_Init(&context) && SHA1_Update(&context, data, len) &&
           SHA1_Final(out, &context);
}

bool digest_sha256(struct digest *digest, const void *data, size_t len, uint8_t out[32]) {
    SHA256_CTX context;
    return digest->sha256.context != NULL && SHA256_Init(&context) && SHA256_Update(&context, data, len) &&
           SHA256_Final(out, &context);
}

bool digest_failed(struct digest *digest) {
    bool failed = digest->failed;
    digest->failed = false;
    return failed;
}

static char hex_digit(unsigned nibble) {
    return (char)(nibble + (nibble < 10 ? '0' : 'a' - 10));
}

/* Without a table, so that the compiler makes several digits at once. */
void hex_lower(const uint8_t *bytes, size_t len, char *restrict out) {
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex_digit(bytes[i] >> 4);
        out[2 * i + 1] = hex_digit(bytes[i] & 0x0f);
    }
    out[2 * len] = '\0';
}
