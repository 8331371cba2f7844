/* seal.h: the sending end of TLS 1.3's record protection, for tests of the reading end. Its key schedule is
 * made of HMAC, so that both ends do not share a mistake. */
#ifndef STARTTAP_TESTS_SEAL_H
#define STARTTAP_TESTS_SEAL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SEAL_MAX (5 + 16640 + 64)

struct sealer {
    uint16_t suite;
    uint8_t secret[48];
    uint64_t sequence;
};

static inline const EVP_MD *seal_hash(uint16_t suite) {
    return suite == 0x1302 ? EVP_sha384() : EVP_sha256();
}

/* HKDF-Expand-Label with an empty context; one block of output is enough for all that TLS 1.3 takes. */
static inline void seal_expand(const struct sealer *sealer, const char *label, uint8_t *out, size_t len) {
    uint8_t info[64] = {0, (uint8_t)len, (uint8_t)(6 + strlen(label))}, block[EVP_MAX_MD_SIZE];
    const EVP_MD *hash = seal_hash(sealer->suite);
    size_t at = 3;
    memcpy(info + at, "tls13 ", 6), at += 6;
    memcpy(info + at, label, strlen(label)), at += strlen(label);
    info[at++] = 0; /* the context's length */
    info[at++] = 1; /* the block's number */
    assert(HMAC(hash, sealer->secret, EVP_MD_get_size(hash), info, at, block, NULL) != NULL);
    assert(len <= (size_t)EVP_MD_get_size(hash));
    memcpy(out, block, len);
}

static inline void seal_update(struct sealer *sealer) {
    uint8_t next[48];
    size_t len = (size_t)EVP_MD_get_size(seal_hash(sealer->suite));
    seal_expand(sealer, "traffic upd", next, len);
    memcpy(sealer->secret, next, len);
    sealer->sequence = 0;
}

/* One record with len bytes of that type and padding zeros; returns its length. */
static inline size_t seal(struct sealer *sealer, uint8_t type, const void *content, size_t len,
                          size_t padding, uint8_t out[SEAL_MAX]) {
    static uint8_t inner[SEAL_MAX];
    uint8_t key[32], iv[12];
    int done = 0, last = 0;
    const EVP_CIPHER *cipher = sealer->suite == 0x1301   ? EVP_aes_128_gcm()
                               : sealer->suite == 0x1302 ? EVP_aes_256_gcm()
                                                         : EVP_chacha20_poly1305();
    size_t inner_len = len + 1 + padding, body = inner_len + 16;
    assert(body + 5 <= SEAL_MAX);
    memset(inner, 0, inner_len);
    if (len > 0)
        memcpy(inner, content, len);
    inner[len] = type;
    seal_expand(sealer, "key", key, sealer->suite == 0x1301 ? 16 : 32);
    seal_expand(sealer, "iv", iv, sizeof iv);
    for (size_t i = 0; i < 8; i++)
        iv[11 - i] ^= (uint8_t)(sealer->sequence >> (8 * i));
    sealer->sequence++;
    const uint8_t header[5] = {23, 3, 3, (uint8_t)(body >> 8), (uint8_t)body};
    memcpy(out, header, 5);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    assert(EVP_EncryptInit_ex2(context, cipher, key, iv, NULL) == 1);
    assert(EVP_EncryptUpdate(context, NULL, &done, header, 5) == 1);
    assert(EVP_EncryptUpdate(context, out + 5, &done, inner, (int)inner_len) == 1);
    assert(EVP_EncryptFinal_ex(context, out + 5 + done, &last) == 1);
    assert(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, out + 5 + inner_len) == 1);
    EVP_CIPHER_CTX_free(context);
    return 5 + body;
}

#endif
