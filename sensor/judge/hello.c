#include "hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../outputs/json.h"
#include "../../parsers/tls_fingerprint.h"
#include "../../parsers/tls_hello.h"
#include "../../parsers/tls_names.h"
#include "slot_hash.h"

#define TEXT_ENOUGH                                                                                          \
    8192 /* for the fingerprint of what real software sends; longer ones take a larger buffer */
#define JA3S_SLOTS   256
#define JA3S_KEY_MAX 15 /* numbers */

/* The numbers that a JA3S is made of: version, cipher suite, types of the extensions. */
struct ja3s_key {
    uint16_t num; /* 0: none yet */
    uint16_t numbers[JA3S_KEY_MAX];
};

struct ja3s_memo {
    struct ja3s_key key;
    uint8_t ja3s[HELLO_JA3S_LEN];
};

struct hello_cache {
    struct digest *digest;
    struct hello *slots[HELLO_CACHE_MAX];
    struct ja3s_memo servers[JA3S_SLOTS];
};

struct hello_cache *hello_cache_new(struct digest *digest) {
    struct hello_cache *cache = calloc(1, sizeof *cache);
    if (cache)
        cache->digest = digest;
    return cache;
}

static void free_list(struct text_list *list) {
    free(list->items);
    free((char *)(uintptr_t)list->json);
}

void hello_release(struct hello *hello) {
    if (!hello || --hello->holders > 0)
        return;
    free_list(&hello->suites);
    free_list(&hello->versions);
    free(hello->key);
    free(hello);
}

void hello_cache_free(struct hello_cache *cache) {
    if (!cache)
        return;
    for (size_t i = 0; i < HELLO_CACHE_MAX; i++)
        hello_release(cache->slots[i]);
    free(cache);
}

/* --- the key: all that fingerprints and suites are made of, as it stands in the hello --- */

/* Starts without its bytes set, which are many. */
struct key {
    size_t len;
    bool too_long;
    uint8_t bytes[HELLO_KEY_MAX];
};

static void key_add_u16(struct key *key, size_t value) {
    if (key->too_long || sizeof key->bytes - key->len < 2) {
        key->too_long = true;
        return;
    }
    key->bytes[key->len++] = (uint8_t)(value >> 8);
    key->bytes[key->len++] = (uint8_t)value;
}

static void key_add_window(struct key *key, const struct reader *window) {
    size_t len = reader_left(window);
    key_add_u16(key, len);
    if (key->too_long || len > sizeof key->bytes - key->len) {
        key->too_long = true;
        return;
    }
    memcpy(key->bytes + key->len, window->pos, len);
    key->len += len;
}

/* Of other extensions only the type matters. */
static bool is_body_in_key(uint16_t type) {
    static const uint64_t types = UINT64_C(1) << TLS_EXT_SUPPORTED_GROUPS |
                                  UINT64_C(1) << TLS_EXT_EC_POINT_FORMATS |
                                  UINT64_C(1) << TLS_EXT_SIGNATURE_ALGORITHMS | UINT64_C(1) << TLS_EXT_ALPN |
                                  UINT64_C(1) << TLS_EXT_SUPPORTED_VERSIONS;
    return type < 64 && (types >> type & 1) != 0;
}

static void make_key(const struct tls_client_hello *hello, struct key *key) {
    struct reader extensions = hello->extensions;
    struct tls_extension extension;
    key->len = 0;
    key->too_long = false;
    key_add_u16(key, hello->legacy_version);
    key_add_u16(key, (size_t)hello->sslv2_format << 1 | (size_t)hello->has_extensions);
    key_add_window(key, &hello->cipher_suites);
    while (hello->has_extensions && tls_extension_next(&extensions, &extension)) {
        key_add_u16(key, extension.type);
        if (is_body_in_key(extension.type))
            key_add_window(key, &extension.data);
    }
    key_add_u16(key, extensions.failed);
}

/* --- the description --- */

static void describe_ja3(struct hello_cache *cache, const struct tls_client_hello *wire, char *text,
                         size_t size, struct hello *hello) {
    uint8_t hash[16];
    size_t len = tls_ja3_text(wire, text, size);
    if (len > 0 && digest_md5(cache->digest, text, len, hash))
        hex_lower(hash, sizeof hash, hello->ja3);
}

static void describe_ja4(struct hello_cache *cache, const struct tls_client_hello *wire, char *text,
                         size_t size, struct hello *hello) {
    struct tls_ja4_text ja4;
    if (!tls_ja4_text(wire, text, size, &ja4))
        return;
    char hashes[2][13] = {"000000000000", "000000000000"};
    const char *parts[2] = {ja4.b, ja4.c};
    for (int i = 0; i < 2; i++) {
        uint8_t hash[32];
        if (parts[i][0] && digest_sha256(cache->digest, parts[i], strlen(parts[i]), hash))
            hex_lower(hash, 6, hashes[i]);
    }
    snprintf(hello->ja4, sizeof hello->ja4, "%s_%s_%s", ja4.a, hashes[0], hashes[1]);
}

/* Both fingerprints; the larger buffer only for a hello that needs it. */
static void describe_fingerprints(struct hello_cache *cache, const struct tls_client_hello *wire,
                                  struct hello *hello) {
    char text[TEXT_ENOUGH];
    size_t wire_len = reader_left(&wire->cipher_suites) + reader_left(&wire->extensions);
    if (wire_len * 3 < sizeof text) {
        describe_ja3(cache, wire, text, sizeof text, hello);
        describe_ja4(cache, wire, text, sizeof text, hello);
        return;
    }
    char *large = malloc(TLS_FINGERPRINT_MAX);
    if (!large)
        return;
    describe_ja3(cache, wire, large, TLS_FINGERPRINT_MAX, hello);
    describe_ja4(cache, wire, large, TLS_FINGERPRINT_MAX, hello);
    free(large);
}

/* An empty list with room for num names; a name that is not static goes behind it into the same block, where
 * *names is. NULL: out of memory. */
static bool make_list(struct text_list *list, size_t num, char **names) {
    list->items = malloc(num * (sizeof *list->items + TLS_NAME_BUF));
    *names = (char *)(list->items + num);
    return list->items != NULL;
}

static bool describe_suites(const struct tls_client_hello *wire, struct hello *hello) {
    size_t width = wire->sslv2_format ? 3 : 2;
    struct reader suites = wire->cipher_suites;
    size_t num = reader_left(&suites) / width;
    num = num < HELLO_SUITES_MAX ? num : HELLO_SUITES_MAX;
    if (num == 0)
        return true;
    char *names;
    if (!make_list(&hello->suites, num, &names))
        return false;
    for (size_t i = 0; i < num; i++, names += TLS_NAME_BUF) {
        uint32_t id = width == 3 ? reader_u24(&suites) : reader_u16(&suites);
        if (id > UINT16_MAX || tls_is_grease((uint16_t)id))
            continue;
        hello->suites.items[hello->suites.num++] = tls_suite_name((uint16_t)id, names);
    }
    return true;
}

/* So that it need not be made for each event. Out of memory, it is. */
static void encode_list(struct text_list *list) {
    struct buffer json = {0};
    json_add_texts(list, &json);
    char *kept = !json.failed && json.len <= HELLO_JSON_MAX ? malloc(json.len) : NULL;
    if (kept) {
        memcpy(kept, json.data, json.len);
        list->json = kept;
        list->json_len = json.len;
    }
    buffer_cleanup(&json);
}

static struct hello *describe(struct hello_cache *cache, const struct tls_client_hello *wire) {
    struct hello *hello = calloc(1, sizeof *hello);
    if (!hello)
        return NULL;
    hello->holders = 1;
    describe_fingerprints(cache, wire, hello);
    if (!describe_suites(wire, hello)) {
        hello_release(hello);
        return NULL;
    }
    encode_list(&hello->suites);
    return hello;
}

static void release(void *hello) {
    hello_release(hello);
}

void hello_show(struct hello *hello, struct event *event) {
    struct session_event *s = &event->session;
    s->tls_ja3 = hello->ja3[0] ? hello->ja3 : NULL;
    s->tls_ja4 = hello->ja4[0] ? hello->ja4 : NULL;
    s->tls_supported_ciphers = hello->suites;
    hello->holders++;
    event_hold(event, hello, release);
}

static void describe_versions(struct hello *hello, const uint16_t *ids, size_t num) {
    char *names;
    if (!make_list(&hello->versions, num, &names))
        return;
    for (size_t i = 0; i < num; i++, names += TLS_NAME_BUF)
        hello->versions.items[hello->versions.num++] = tls_version_name(ids[i], names);
    memcpy(hello->version_ids, ids, num * sizeof *ids);
    encode_list(&hello->versions);
}

void hello_show_versions(struct hello *hello, const uint16_t *ids, size_t num, struct event *event) {
    struct text_list *list = &event->session.tls_client_versions;
    char name[TLS_NAME_BUF];
    if (hello && hello->versions.num == 0 && num > 0)
        describe_versions(hello, ids, num);
    if (hello && hello->versions.num == num && memcmp(hello->version_ids, ids, num * sizeof *ids) == 0) {
        *list = hello->versions;
        return;
    }
    /* out of memory, or another hello of the same connection offered others */
    if (num == 0 || !event_list(event, list, num))
        return;
    for (size_t i = 0; i < list->num; i++)
        list->items[i] = event_name(event, tls_version_name(ids[i], name), name);
}

struct hello *hello_describe(struct hello_cache *cache, const struct tls_client_hello *wire) {
    struct key key;
    make_key(wire, &key);
    if (key.too_long)
        return describe(cache, wire);
    struct hello **slot = &cache->slots[slot_hash(key.bytes, key.len) % HELLO_CACHE_MAX];
    if (*slot && (*slot)->key_len == key.len && memcmp((*slot)->key, key.bytes, key.len) == 0) {
        (*slot)->holders++;
        return *slot;
    }
    struct hello *hello = describe(cache, wire);
    if (!hello || !(hello->key = malloc(key.len)))
        return hello;
    memcpy(hello->key, key.bytes, key.len);
    hello->key_len = (uint32_t)key.len;
    hello_release(*slot);
    *slot = hello;
    hello->holders++;
    return hello;
}

/* False: too many of them. */
static bool make_ja3s_key(const struct tls_server_hello *wire, struct ja3s_key *key) {
    struct reader extensions = wire->extensions;
    struct tls_extension extension;
    key->num = 0;
    key->numbers[key->num++] = wire->legacy_version;
    key->numbers[key->num++] = wire->cipher_suite;
    while (wire->has_extensions && tls_extension_next(&extensions, &extension)) {
        if (key->num == JA3S_KEY_MAX)
            return false;
        key->numbers[key->num++] = extension.type;
    }
    return true;
}

static bool make_ja3s(struct hello_cache *cache, const struct tls_server_hello *wire,
                      uint8_t ja3s[HELLO_JA3S_LEN]) {
    char text[TEXT_ENOUGH];
    size_t len = tls_ja3s_text(wire, text, sizeof text);
    return len > 0 && digest_md5(cache->digest, text, len, ja3s);
}

bool hello_ja3s(struct hello_cache *cache, const struct tls_server_hello *wire,
                uint8_t ja3s[HELLO_JA3S_LEN]) {
    struct ja3s_key key;
    if (!make_ja3s_key(wire, &key))
        return make_ja3s(cache, wire, ja3s);
    size_t len = key.num * sizeof key.numbers[0];
    struct ja3s_memo *memo = &cache->servers[slot_hash(key.numbers, len) % JA3S_SLOTS];
    if (memo->key.num != key.num || memcmp(memo->key.numbers, key.numbers, len) != 0) {
        if (!make_ja3s(cache, wire, ja3s))
            return false;
        memo->key.num = key.num;
        memcpy(memo->key.numbers, key.numbers, len);
        memcpy(memo->ja3s, ja3s, sizeof memo->ja3s);
    }
    memcpy(ja3s, memo->ja3s, sizeof memo->ja3s);
    return true;
}
