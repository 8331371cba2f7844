#include "tls_hello.h"

#include <string.h>

#include "tls_names.h"
#include "tls_text.h"

#define DRAFT_OF_13(version) ((version)&0xff)
#define RANDOM_LEN           32

/* SHA-256 of "HelloRetryRequest": the random of a ServerHello that is one (RFC 8446 section 4.1.3). */
static const uint8_t retry_random[RANDOM_LEN] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

bool tls_version_is_13(uint16_t version) {
    uint8_t high = (uint8_t)(version >> 8);
    return version == 0x0304 || high == 0x7f || high == 0x7e || high == 0xfb;
}

/* The extension block at the end of a hello: absent, or a vector that fills the rest (RFC 5246
 * section 7.4.1.2). */
static bool take_extensions(struct reader *body, struct reader *extensions) {
    if (reader_left(body) == 0) {
        *extensions = reader_of(NULL, 0);
        reader_fail(extensions);
        return false;
    }
    *extensions = reader_vec16(body);
    return true;
}

enum parse_result tls_client_hello_parse(struct reader body, struct tls_client_hello *hello) {
    struct tls_client_hello h = {0};
    h.legacy_version = reader_u16(&body);
    h.random = reader_sub(&body, RANDOM_LEN);
    h.session_id = reader_vec8(&body);
    h.cipher_suites = reader_vec16(&body);
    h.compression = reader_vec8(&body);
    if (!reader_ok(&body)) {
        return PARSE_BAD;
    }
    h.has_extensions = take_extensions(&body, &h.extensions);
    *hello = h;
    return PARSE_OK;
}

enum parse_result tls_client_hello_parse_sslv2(struct reader body, struct tls_client_hello *hello) {
    struct tls_client_hello h = {.sslv2_format = true};
    uint8_t type = reader_u8(&body);
    h.legacy_version = reader_u16(&body);
    uint16_t specs = reader_u16(&body);
    uint16_t session_id = reader_u16(&body);
    uint16_t challenge = reader_u16(&body);
    h.cipher_suites = reader_sub(&body, specs);
    h.session_id = reader_sub(&body, session_id);
    h.random = reader_sub(&body, challenge);
    h.compression = reader_of(NULL, 0);
    h.extensions = reader_of(NULL, 0);
    reader_fail(&h.extensions);
    if (!reader_ok(&body) || type != 1) {
        return PARSE_BAD;
    }
    *hello = h;
    return PARSE_OK;
}

/* The version chosen, from supported_versions when it is there. */
static uint16_t chosen_version(const struct tls_server_hello *hello) {
    struct reader block = hello->extensions;
    struct tls_extension e;
    while (tls_extension_next(&block, &e)) {
        if (e.type == TLS_EXT_SUPPORTED_VERSIONS && reader_left(&e.data) == 2) {
            return reader_u16(&e.data);
        }
    }
    return hello->legacy_version;
}

enum parse_result tls_server_hello_parse(struct reader body, struct tls_server_hello *hello) {
    struct tls_server_hello h = {0};
    h.legacy_version = reader_u16(&body);
    /* Before draft 22 a 1.3 ServerHello had neither session id nor compression. */
    bool early_draft = h.legacy_version >> 8 == 0x7f && DRAFT_OF_13(h.legacy_version) < 22;
    h.random = reader_sub(&body, RANDOM_LEN);
    h.session_id = early_draft ? reader_of(NULL, 0) : reader_vec8(&body);
    h.cipher_suite = reader_u16(&body);
    h.compression = early_draft ? 0 : reader_u8(&body);
    if (!reader_ok(&body)) {
        return PARSE_BAD;
    }
    h.has_extensions = take_extensions(&body, &h.extensions);
    h.version = h.has_extensions ? chosen_version(&h) : h.legacy_version;
    h.hello_retry_request = memcmp(h.random.pos, retry_random, RANDOM_LEN) == 0;
    *hello = h;
    return PARSE_OK;
}

/* RFC 6066 section 3: the first name of type host_name. */
static void note_server_name(struct reader data, struct tls_facts *facts) {
    struct reader list = reader_vec16(&data);
    while (reader_left(&list) > 0) {
        uint8_t type = reader_u8(&list);
        struct reader name = reader_vec16(&list);
        if (type == 0 && reader_ok(&list) && facts->server_name == NULL) {
            facts->server_name = tls_text_new(name, &facts->server_name_len, facts);
        }
    }
    facts->malformed = facts->malformed || !reader_ok(&list);
}

static void add_version(uint16_t version, struct tls_facts *facts) {
    if (!tls_is_grease(version)) {
        facts->client_versions[facts->num_client_versions++] = version;
    }
}

static void note_versions(struct reader data, struct tls_facts *facts) {
    struct reader list = reader_vec8(&data);
    while (reader_left(&list) >= 2 && facts->num_client_versions < TLS_VERSIONS_MAX) {
        add_version(reader_u16(&list), facts);
    }
    facts->limits_hit += reader_left(&list) >= 2;
    facts->malformed = facts->malformed || !reader_ok(&list) || reader_left(&list) % 2 != 0;
}

static void note_client_extension(const struct tls_extension *e, struct tls_facts *facts) {
    switch (e->type) {
    case TLS_EXT_SERVER_NAME:
        note_server_name(e->data, facts);
        break;
    case TLS_EXT_SUPPORTED_VERSIONS:
        if (facts->num_client_versions == 0) {
            note_versions(e->data, facts);
        }
        break;
    case TLS_EXT_STATUS_REQUEST:
    case TLS_EXT_STATUS_REQUEST_V2:
        facts->status_request = true;
        break;
    case TLS_EXT_SESSION_TICKET:
        facts->ticket_offered = reader_left(&e->data) > 0;
        break;
    case TLS_EXT_PRE_SHARED_KEY:
        facts->psk_offered = true;
        break;
    case TLS_EXT_EARLY_DATA:
        facts->early_data = true;
        break;
    case TLS_EXT_ENCRYPTED_CLIENT_HELLO:
    case TLS_EXT_ESNI:
        facts->ech = true;
        break;
    default:
        break;
    }
}

/* RFC 7507: the pseudo suite by which a client says that it fell back. SSLv2 format writes it with a leading
 * 0. */
static bool has_fallback_scsv(const struct tls_client_hello *hello) {
    struct reader suites = hello->cipher_suites;
    size_t width = hello->sslv2_format ? 3 : 2;
    size_t len = reader_left(&suites);
    const uint8_t *at = reader_bytes(&suites, len);
    for (size_t end = width; end <= len; end += width) {
        if (at[end - 1] == 0x00 && at[end - 2] == 0x56 && (width == 2 || at[end - 3] == 0)) {
            return true;
        }
    }
    return false;
}

void tls_client_hello_note(const struct tls_client_hello *hello, struct tls_facts *facts) {
    facts->client_hello = true;
    facts->legacy_hello = hello->sslv2_format;
    facts->session_id_offered = reader_left(&hello->session_id) > 0;
    facts->fallback_scsv = has_fallback_scsv(hello);
    size_t width = hello->sslv2_format ? 3 : 2;
    facts->malformed = facts->malformed || reader_left(&hello->cipher_suites) % width != 0;
    if (hello->has_extensions) {
        struct reader block = hello->extensions;
        struct tls_extension e;
        while (tls_extension_next(&block, &e)) {
            note_client_extension(&e, facts);
        }
        facts->malformed = facts->malformed || !reader_ok(&block);
    }
    if (facts->num_client_versions == 0) {
        add_version(hello->legacy_version, facts);
    }
}

/* RFC 7301 section 3.1: the server's list has exactly one name. */
static void note_alpn(struct reader data, struct tls_facts *facts) {
    struct reader list = reader_vec16(&data);
    struct reader name = reader_vec8(&list);
    if (!reader_done(&list) || reader_left(&name) == 0) {
        facts->malformed = true;
    } else if (facts->next_protocol == NULL) {
        facts->next_protocol = tls_text_new(name, &facts->next_protocol_len, facts);
    }
}

void tls_server_extensions_note(struct reader block, struct tls_facts *facts) {
    struct tls_extension e;
    while (tls_extension_next(&block, &e)) {
        if (e.type == TLS_EXT_ALPN) {
            note_alpn(e.data, facts);
        } else if (e.type == TLS_EXT_SERVER_CERTIFICATE_TYPE) {
            facts->raw_public_key = reader_u8(&e.data) == 2;
        }
    }
    facts->malformed = facts->malformed || !reader_ok(&block);
}

/* RFC 8446 section 4.2.8: the group of the share that the server chose (in HelloRetryRequest: asks for). */
static void note_key_share(const struct tls_server_hello *hello, struct tls_facts *facts) {
    bool draft = hello->version >> 8 == 0x7f;
    struct reader block = hello->extensions;
    struct tls_extension e;
    while (tls_extension_next(&block, &e)) {
        if (e.type == TLS_EXT_KEY_SHARE || (draft && e.type == TLS_EXT_KEY_SHARE_DRAFT)) {
            facts->group = reader_u16(&e.data);
        }
    }
    if (facts->group >= 0x0100 && facts->group <= 0x0104) { /* RFC 7919: finite fields */
        facts->dh_bits = (uint16_t)tls_group_bits(facts->group);
    }
}

void tls_server_hello_note(const struct tls_server_hello *hello, struct tls_facts *facts) {
    facts->server_hello = true;
    facts->version = hello->version;
    facts->cipher_suite = hello->cipher_suite;
    facts->compression = hello->compression;
    if (hello->has_extensions) {
        tls_server_extensions_note(hello->extensions, facts);
    }
    if (hello->has_extensions && tls_version_is_13(hello->version)) {
        note_key_share(hello, facts);
    }
}

struct tls_server_choice tls_server_hello_choice(const struct tls_server_hello *hello) {
    static const uint8_t sentinel[7] = {'D', 'O', 'W', 'N', 'G', 'R', 'D'};
    struct tls_server_choice choice = {0};
    struct reader block = hello->extensions;
    struct tls_extension e;
    while (tls_extension_next(&block, &e)) {
        choice.psk = choice.psk || e.type == TLS_EXT_PRE_SHARED_KEY;
    }
    struct reader random = hello->random;
    reader_skip(&random, RANDOM_LEN - 8);
    const uint8_t *mark = reader_bytes(&random, sizeof sentinel);
    choice.sentinel = mark != NULL && memcmp(mark, sentinel, sizeof sentinel) == 0 && reader_u8(&random) <= 1;
    return choice;
}
