#include "decrypt.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "../../parsers/reader.h"

#define VERSION_TLS13    0x0304
#define RECORD_HEADER    5
#define RECORD_DATA      23 /* the outer type of every protected record */
#define RECORD_HANDSHAKE 22
#define CIPHERTEXT_MAX   (16384 + 256) /* RFC 8446 section 5.2 */
#define TAG_LEN          16
#define NONCE_LEN        12
#define KEY_MAX          32
#define MESSAGE_HEADER   4
#define HELD_FIRST       4096

enum { MESSAGE_FINISHED = 20, MESSAGE_KEY_UPDATE = 24 };

struct suite {
    uint16_t id;
    const EVP_CIPHER *(*cipher)(void);
    const char *hash;
    uint8_t key_len, secret_len;
};

/* RFC 8446 appendix B.4, without CCM. */
static const struct suite suites[] = {
    {0x1301, EVP_aes_128_gcm, "SHA256", 16, 32},
    {0x1302, EVP_aes_256_gcm, "SHA384", 32, 48},
    {0x1303, EVP_chacha20_poly1305, "SHA256", 32, 32},
};

enum stage { STAGE_HANDSHAKE, STAGE_APPLICATION, STAGE_OVER };

/* What changes the keys once the record that said it has been read. */
enum change { CHANGE_NONE, CHANGE_FINISHED, CHANGE_UPDATE };

struct direction {
    enum stage stage;
    bool ready; /* the keys of this stage are in place */
    bool finished;
    EVP_CIPHER_CTX *cipher;
    struct keylog_secret secret;
    uint8_t iv[NONCE_LEN];
    uint64_t sequence;
    uint8_t head[MESSAGE_HEADER], head_have; /* of the handshake message under way */
    uint32_t body_left;
    uint8_t *held; /* whole records, one after the other */
    size_t held_len, held_room;
};

struct decrypt {
    struct keylog *keylog;
    struct decrypt_handler handler;
    const struct suite *suite; /* NULL before the ServerHello */
    bool random_known, early_data, opened;
    uint8_t random[KEYLOG_RANDOM_LEN];
    struct direction directions[2];
};

struct decrypt *decrypt_new(struct keylog *keylog, const struct decrypt_handler *handler) {
    struct decrypt *decrypt = calloc(1, sizeof *decrypt);
    if (!decrypt)
        return NULL;
    decrypt->keylog = keylog;
    decrypt->handler = *handler;
    return decrypt;
}

static void drop_held(struct direction *d) {
    free(d->held);
    d->held = NULL;
    d->held_len = d->held_room = 0;
}

static void end_direction(struct direction *d) {
    d->stage = STAGE_OVER;
    d->ready = false;
    EVP_CIPHER_CTX_free(d->cipher);
    d->cipher = NULL;
    OPENSSL_cleanse(&d->secret, sizeof d->secret);
    OPENSSL_cleanse(d->iv, sizeof d->iv);
    drop_held(d);
}

/* What OpenSSL has for a cipher is not known to us; about this much. */
#define CIPHER_COST 1024

size_t decrypt_held(const struct decrypt *decrypt) {
    size_t held = sizeof *decrypt;
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        const struct direction *d = &decrypt->directions[side];
        held += d->held_room + (d->cipher ? CIPHER_COST : 0);
    }
    return held;
}

void decrypt_free(struct decrypt *decrypt) {
    if (!decrypt)
        return;
    end_direction(&decrypt->directions[SIDE_CLIENT]);
    end_direction(&decrypt->directions[SIDE_SERVER]);
    free(decrypt);
}

/* The rest of that side stays unread. */
static void give_up(struct decrypt *decrypt, enum side side) {
    if (decrypt->directions[side].stage == STAGE_OVER)
        return;
    end_direction(&decrypt->directions[side]);
    decrypt->handler.missed(decrypt->handler.context, side);
}

/* --- keys --- */

/* HKDF-Expand-Label(secret, label, "", len), RFC 8446 section 7.1. */
static bool expand_label(const struct suite *suite, const struct keylog_secret *secret, const char *label,
                         uint8_t *out, size_t len) {
    char prefix[] = "tls13 ";
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    EVP_KDF_free(kdf);
    /* OpenSSL takes these by pointers without const and leaves them as they are. */
    OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)suite->hash, strlen(suite->hash)),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (uint8_t *)(uintptr_t)secret->bytes, secret->len),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, sizeof prefix - 1),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, (char *)(uintptr_t)label, strlen(label)),
        OSSL_PARAM_END,
    };
    bool ok = context && EVP_KDF_derive(context, out, len, params) == 1;
    EVP_KDF_CTX_free(context);
    return ok;
}

/* Key and iv from the direction's secret (RFC 8446 section 7.3). */
static bool install_keys(const struct suite *suite, struct direction *d) {
    uint8_t key[KEY_MAX];
    if (!d->cipher)
        d->cipher = EVP_CIPHER_CTX_new();
    bool ok = d->cipher && d->secret.len == suite->secret_len &&
              expand_label(suite, &d->secret, "key", key, suite->key_len) &&
              expand_label(suite, &d->secret, "iv", d->iv, sizeof d->iv) &&
              EVP_DecryptInit_ex2(d->cipher, suite->cipher(), key, NULL, NULL) == 1;
    OPENSSL_cleanse(key, sizeof key);
    ERR_clear_error();
    d->sequence = 0;
    d->ready = ok;
    return ok;
}

/* RFC 8446 section 7.2. */
static bool update_keys(const struct suite *suite, struct direction *d) {
    struct keylog_secret next = {.len = d->secret.len};
    bool ok = expand_label(suite, &d->secret, "traffic upd", next.bytes, next.len);
    d->secret = next;
    OPENSSL_cleanse(&next, sizeof next);
    return ok && install_keys(suite, d);
}

/* True when the direction can open its next record. A secret that is not in the key log ends it, unless that
 * grows. */
static bool has_keys(struct decrypt *decrypt, enum side side) {
    struct direction *d = &decrypt->directions[side];
    if (d->ready)
        return true;
    if (d->stage == STAGE_OVER || !decrypt->suite || !decrypt->random_known)
        return false;
    enum keylog_label label =
        d->stage == STAGE_HANDSHAKE ? KEYLOG_CLIENT_HANDSHAKE : KEYLOG_CLIENT_APPLICATION;
    if (side == SIDE_SERVER)
        label = d->stage == STAGE_HANDSHAKE ? KEYLOG_SERVER_HANDSHAKE : KEYLOG_SERVER_APPLICATION;
    if (keylog_find(decrypt->keylog, decrypt->random, label, &d->secret)) {
        if (install_keys(decrypt->suite, d))
            return true;
    } else if (keylog_is_growing(decrypt->keylog)) {
        return false;
    }
    give_up(decrypt, side);
    return false;
}

/* --- records --- */

/* RFC 8446 sections 5.2 and 5.3. out has room for the ciphertext. False: not ours, or tampered with. */
static bool open_record(struct direction *d, const uint8_t *record, size_t len, uint8_t *out) {
    uint8_t nonce[NONCE_LEN], tag[TAG_LEN];
    size_t text_len = len - RECORD_HEADER - TAG_LEN;
    int done = 0;
    memcpy(nonce, d->iv, sizeof nonce);
    for (size_t i = 0; i < sizeof d->sequence; i++)
        nonce[NONCE_LEN - 1 - i] ^= (uint8_t)(d->sequence >> (8 * i));
    memcpy(tag, record + len - TAG_LEN, TAG_LEN);
    bool ok = EVP_DecryptInit_ex2(d->cipher, NULL, NULL, nonce, NULL) == 1 &&
              EVP_CIPHER_CTX_ctrl(d->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
              EVP_DecryptUpdate(d->cipher, NULL, &done, record, RECORD_HEADER) == 1 &&
              EVP_DecryptUpdate(d->cipher, out, &done, record + RECORD_HEADER, (int)text_len) == 1 &&
              EVP_DecryptFinal_ex(d->cipher, out + done, &done) == 1;
    ERR_clear_error();
    d->sequence += ok;
    return ok;
}

/* Walks over the messages of a record. Finished and KeyUpdate end their record (RFC 8446 section 5.1). */
static enum change walk_messages(struct direction *d, struct reader content) {
    enum change change = CHANGE_NONE;
    while (reader_left(&content) > 0) {
        if (d->head_have < MESSAGE_HEADER) {
            d->head[d->head_have++] = reader_u8(&content);
            if (d->head_have < MESSAGE_HEADER)
                continue;
            d->body_left = (uint32_t)d->head[1] << 16 | (uint32_t)d->head[2] << 8 | d->head[3];
        }
        size_t len = reader_left(&content) < d->body_left ? reader_left(&content) : d->body_left;
        reader_skip(&content, len);
        d->body_left -= (uint32_t)len;
        if (d->body_left > 0)
            break;
        d->head_have = 0;
        if (d->head[0] == MESSAGE_FINISHED && d->stage == STAGE_HANDSHAKE)
            change = CHANGE_FINISHED;
        if (d->head[0] == MESSAGE_KEY_UPDATE && d->stage == STAGE_APPLICATION)
            change = CHANGE_UPDATE;
    }
    return change;
}

static void change_keys(struct decrypt *decrypt, enum side side, enum change change) {
    struct direction *d = &decrypt->directions[side];
    if (change == CHANGE_FINISHED) {
        d->stage = STAGE_APPLICATION;
        d->finished = true;
        d->ready = false;
    }
    if (change == CHANGE_UPDATE && !update_keys(decrypt->suite, d))
        give_up(decrypt, side);
}

/* The inner type is the last byte that is not zero; what follows it is padding (RFC 8446 section 5.4). */
static void take_content(struct decrypt *decrypt, enum side side, const uint8_t *content, size_t len) {
    struct direction *d = &decrypt->directions[side];
    while (len > 0 && content[len - 1] == 0)
        len--;
    if (len == 0) {
        give_up(decrypt, side);
        return;
    }
    uint8_t type = content[--len];
    enum change change = CHANGE_NONE;
    decrypt->opened = true;
    if (type == RECORD_HANDSHAKE)
        change = walk_messages(d, reader_of(content, len));
    decrypt->handler.plain(decrypt->handler.context, side, type, content, len);
    change_keys(decrypt, side, change);
}

static void read_record(struct decrypt *decrypt, enum side side, const uint8_t *record, size_t len) {
    struct direction *d = &decrypt->directions[side];
    uint8_t content[CIPHERTEXT_MAX];
    bool fits = len > RECORD_HEADER + TAG_LEN && len <= RECORD_HEADER + CIPHERTEXT_MAX;
    bool may_be_early =
        side == SIDE_CLIENT && decrypt->early_data && d->stage == STAGE_HANDSHAKE && d->sequence == 0;
    if (fits && open_record(d, record, len, content))
        take_content(decrypt, side, content, len - RECORD_HEADER - TAG_LEN);
    else if (may_be_early)
        decrypt->handler.missed(decrypt->handler.context, side);
    else
        give_up(decrypt, side);
    OPENSSL_cleanse(content, fits ? len - RECORD_HEADER - TAG_LEN : 0);
}

/* --- records that wait --- */

static bool hold(struct direction *d, const uint8_t *record, size_t len) {
    size_t need = d->held_len + len;
    if (need > DECRYPT_HELD_MAX)
        return false;
    if (need > d->held_room) {
        size_t room = d->held_room > 0 ? 2 * d->held_room : HELD_FIRST;
        room = room < need ? need : room;
        uint8_t *held = realloc(d->held, room);
        if (!held)
            return false;
        d->held = held;
        d->held_room = room;
    }
    memcpy(d->held + d->held_len, record, len);
    d->held_len = need;
    return true;
}

static size_t record_len(const uint8_t *record) {
    struct reader header = reader_of(record, RECORD_HEADER);
    reader_skip(&header, 3);
    return RECORD_HEADER + (size_t)reader_u16(&header);
}

/* Reads what is held back as far as there are keys for it. */
static void read_held(struct decrypt *decrypt, enum side side) {
    struct direction *d = &decrypt->directions[side];
    size_t at = 0;
    while (at < d->held_len && has_keys(decrypt, side)) {
        size_t len = record_len(d->held + at);
        read_record(decrypt, side, d->held + at, len);
        at += len;
    }
    if (at < d->held_len && at > 0)
        memmove(d->held, d->held + at, d->held_len - at);
    if (at < d->held_len)
        d->held_len -= at;
    else
        drop_held(d);
}

/* --- what passes --- */

/* Of most connections the key log knows nothing: no need to hold back their records. */
static bool is_hopeless(struct decrypt *decrypt) {
    struct keylog_secret secret;
    bool known = keylog_find(decrypt->keylog, decrypt->random, KEYLOG_CLIENT_HANDSHAKE, &secret) ||
                 keylog_find(decrypt->keylog, decrypt->random, KEYLOG_SERVER_HANDSHAKE, &secret);
    OPENSSL_cleanse(&secret, sizeof secret);
    return !known && !keylog_is_growing(decrypt->keylog);
}

void decrypt_client_hello(struct decrypt *decrypt, const uint8_t random[KEYLOG_RANDOM_LEN], bool early_data) {
    memcpy(decrypt->random, random, KEYLOG_RANDOM_LEN);
    decrypt->random_known = true;
    decrypt->early_data = early_data;
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        if (is_hopeless(decrypt))
            give_up(decrypt, side);
        else
            read_held(decrypt, side);
    }
}

void decrypt_server_hello(struct decrypt *decrypt, uint16_t version, uint16_t cipher_suite) {
    for (size_t i = 0; i < sizeof suites / sizeof suites[0] && version == VERSION_TLS13; i++) {
        if (suites[i].id == cipher_suite)
            decrypt->suite = &suites[i];
    }
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        if (decrypt->suite)
            read_held(decrypt, side);
        else
            give_up(decrypt, side);
    }
}

void decrypt_record(struct decrypt *decrypt, enum side from, const uint8_t *record, size_t len) {
    struct direction *d = &decrypt->directions[from];
    struct reader type = reader_of(record, len);
    if (d->stage == STAGE_OVER || len < RECORD_HEADER || reader_u8(&type) != RECORD_DATA)
        return;
    read_held(decrypt, from);
    read_held(decrypt, side_other(from));
    if (d->held_len == 0 && has_keys(decrypt, from))
        read_record(decrypt, from, record, len);
    else if (d->stage != STAGE_OVER && !hold(d, record, len))
        give_up(decrypt, from);
}

void decrypt_gap(struct decrypt *decrypt, enum side from) {
    give_up(decrypt, from);
}

void decrypt_finish(struct decrypt *decrypt) {
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        read_held(decrypt, side);
        if (decrypt->directions[side].held_len > 0)
            give_up(decrypt, side);
    }
}

bool decrypt_opened(const struct decrypt *decrypt) {
    return decrypt->opened;
}

bool decrypt_handshake_read(const struct decrypt *decrypt, enum side side) {
    return decrypt->directions[side].finished;
}
