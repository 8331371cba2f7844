#include "rewrite.h"

#include <string.h>

#include "../../parsers/reader.h"
#include "template.h"

enum { RECORD_CHANGE_CIPHER_SPEC = 20, RECORD_HANDSHAKE = 22, RECORD_APPLICATION_DATA = 23 };
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, CERTIFICATE = 11 };

#define EXTENSION_KEY_SHARE 51

#define HANDSHAKE_MAX 32768 /* bytes of handshake in clear that are looked at */
#define RECORDS_MAX   64

/* The handshake messages of one direction without their record headers, and where they came from. */
struct handshake {
    uint8_t data[HANDSHAKE_MAX];
    size_t len;
    struct {
        size_t at; /* in data */
        uint64_t stream_at;
    } records[RECORDS_MAX];
    size_t num_records;
};

static uint64_t stream_place(const struct handshake *hs, size_t at) {
    size_t i = hs->num_records;
    while (i > 1 && hs->records[i - 1].at > at)
        i--;
    return hs->records[i - 1].stream_at + (at - hs->records[i - 1].at);
}

static void add_spot(struct rewrite *rewrite, uint64_t at, uint32_t len, uint32_t from) {
    struct spot *last = rewrite->num_spots > 0 ? &rewrite->spots[rewrite->num_spots - 1] : NULL;
    if (last && last->at + last->len == at && last->from + last->len == from)
        last->len += len;
    else if (rewrite->num_spots < SPOTS_MAX)
        rewrite->spots[rewrite->num_spots++] = (struct spot){at, len, from};
}

/* A run of handshake bytes may lie in several records. */
static void add_handshake_spot(struct rewrite *rewrite, const struct handshake *hs, size_t at, size_t len,
                               uint32_t from) {
    for (size_t i = 0; i < len; i++)
        add_spot(rewrite, stream_place(hs, at + i), 1, from + (uint32_t)i);
}

/* RFC 8446 section 4.1.3: a HelloRetryRequest is a ServerHello with this random. */
static bool is_retry(const uint8_t *random) {
    static const uint8_t beginning[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11};
    return memcmp(random, beginning, sizeof beginning) == 0;
}

/* RFC 8446 section 4.2.8: the keys that are exchanged, of which no two are alike either. 24 bytes after the
 * first, which may say how a point is written. */
static void find_in_key_share(struct rewrite *rewrite, const struct handshake *hs, struct reader shares,
                              uint32_t from) {
    while (reader_left(&shares) > 0) {
        reader_skip(&shares, 2);
        struct reader key = reader_vec16(&shares);
        if (reader_ok(&shares) && reader_left(&key) >= 25)
            add_handshake_spot(rewrite, hs, (size_t)(key.pos + 1 - hs->data), 24, from);
    }
}

/* What follows the session id: suites and compression methods, then the extensions. */
static void find_in_extensions(struct rewrite *rewrite, const struct handshake *hs, struct reader body,
                               bool client) {
    if (client) {
        reader_vec16(&body);
        reader_vec8(&body);
    } else {
        reader_skip(&body, 3);
    }
    struct reader extensions = reader_vec16(&body);
    while (reader_left(&extensions) > 0) {
        uint16_t type = reader_u16(&extensions);
        struct reader data = reader_vec16(&extensions);
        if (!reader_ok(&extensions) || type != EXTENSION_KEY_SHARE)
            continue;
        find_in_key_share(rewrite, hs, client ? reader_vec16(&data) : data,
                          client ? MATERIAL_CLIENT_RANDOM : MATERIAL_SERVER_RANDOM);
    }
}

static void find_in_hello(struct rewrite *rewrite, const struct handshake *hs, struct reader body,
                          bool client) {
    reader_skip(&body, 2);
    const uint8_t *random = reader_bytes(&body, 32);
    struct reader id = reader_vec8(&body);
    if (!reader_ok(&body))
        return;
    if (client || !is_retry(random))
        add_handshake_spot(rewrite, hs, (size_t)(random - hs->data), 24,
                           client ? MATERIAL_CLIENT_RANDOM : MATERIAL_SERVER_RANDOM);
    size_t len = reader_left(&id) < 16 ? reader_left(&id) : 16;
    add_handshake_spot(rewrite, hs, (size_t)(id.pos - hs->data), len, MATERIAL_SESSION_ID);
    find_in_extensions(rewrite, hs, body, client);
}

/* DER (X.690 section 8.1): tag and length; the content is left to be read. */
static size_t der_enter(struct reader *r, uint8_t tag) {
    if (reader_u8(r) != tag)
        reader_fail(r);
    size_t len = reader_u8(r);
    if (len < 0x80)
        return len;
    size_t num = len & 0x7f;
    for (len = 0; num > 0; num--)
        len = len << 8 | reader_u8(r);
    return len;
}

/* RFC 5280 section 4.1: Certificate, TBSCertificate, [0] version, serialNumber. 8 bytes after the first,
 * which holds the sign. */
static uint32_t serial_place(const uint8_t *cert, size_t len) {
    struct reader r = reader_of(cert, len);
    der_enter(&r, 0x30);
    der_enter(&r, 0x30);
    reader_skip(&r, der_enter(&r, 0xa0));
    size_t serial_len = der_enter(&r, 0x02);
    return reader_ok(&r) && serial_len >= 9 ? (uint32_t)(r.pos - cert) + 1 : 0;
}

static void find_in_certificate(struct rewrite *rewrite, const struct handshake *hs, struct reader body) {
    struct reader list = reader_vec24(&body);
    struct reader cert = reader_vec24(&list);
    if (!reader_ok(&cert) || rewrite->has_cert || reader_left(&cert) == 0)
        return;
    size_t at = (size_t)(cert.pos - hs->data);
    rewrite->has_cert = true;
    rewrite->cert_at = stream_place(hs, at);
    rewrite->cert_len = (uint32_t)reader_left(&cert);
    rewrite->serial_at = serial_place(cert.pos, reader_left(&cert));
    if (rewrite->serial_at > 0)
        add_handshake_spot(rewrite, hs, at + rewrite->serial_at, 8, MATERIAL_SERIAL);
}

/* What the side sends as handshake; *end is behind the last record read so. */
static void collect_handshake(struct handshake *hs, const uint8_t *data, size_t begin, size_t len,
                              size_t *end) {
    struct reader r = reader_of(data + begin, len - begin);
    bool changed = false;
    while (reader_left(&r) > 0 && hs->num_records < RECORDS_MAX) {
        uint8_t type = reader_u8(&r);
        reader_skip(&r, 2);
        struct reader record = reader_vec16(&r);
        if (!reader_ok(&r) || (type != RECORD_HANDSHAKE && type != RECORD_CHANGE_CIPHER_SPEC))
            break;
        *end = (size_t)(r.pos - data);
        changed |= type == RECORD_CHANGE_CIPHER_SPEC;
        size_t record_len = reader_left(&record);
        if (type != RECORD_HANDSHAKE || hs->len + record_len > HANDSHAKE_MAX)
            continue;
        /* After ChangeCipherSpec only the hello that answers a HelloRetryRequest is in clear. */
        if (changed && (record.pos[0] != CLIENT_HELLO && record.pos[0] != SERVER_HELLO))
            break;
        hs->records[hs->num_records].at = hs->len;
        hs->records[hs->num_records++].stream_at = (uint64_t)(record.pos - data);
        memcpy(hs->data + hs->len, record.pos, record_len);
        hs->len += record_len;
    }
}

/* Behind the longest record of application data: where a longer mail would go on. */
static uint64_t longest_record_end(const uint8_t *data, size_t begin, size_t len) {
    struct reader r = reader_of(data + begin, len - begin);
    size_t longest = 0;
    uint64_t end = 0;
    while (reader_left(&r) > 0) {
        uint8_t type = reader_u8(&r);
        reader_skip(&r, 2);
        struct reader record = reader_vec16(&r);
        if (!reader_ok(&r))
            break;
        if (type != RECORD_APPLICATION_DATA || reader_left(&record) < longest)
            continue;
        longest = reader_left(&record);
        end = (uint64_t)(r.pos - data);
    }
    return end;
}

static size_t find_tls(const uint8_t *data, size_t len, enum side side) {
    uint8_t hello = side == SIDE_CLIENT ? CLIENT_HELLO : SERVER_HELLO;
    for (size_t i = 0; i + 6 <= len; i++) {
        if (data[i] == RECORD_HANDSHAKE && data[i + 1] == 3 && data[i + 2] <= 4 && data[i + 5] == hello)
            return i;
    }
    return len;
}

static void find_names(struct rewrite *rewrite, const uint8_t *data, size_t len, size_t skip_begin,
                       size_t skip_end, const char *name, uint32_t label_len, uint32_t from) {
    size_t name_len = strlen(name);
    const uint8_t *at = data;
    while ((at = memmem(at, len - (size_t)(at - data), name, name_len)) != NULL) {
        size_t place = (size_t)(at - data);
        if (place < skip_begin || place >= skip_end)
            add_spot(rewrite, place, label_len, from);
        at += name_len;
    }
}

void rewrite_find(struct rewrite *rewrite, enum side side, const uint8_t *data, size_t len) {
    *rewrite = (struct rewrite){0};
    struct handshake hs = {.len = 0};
    size_t tls = find_tls(data, len, side), cert_begin = 0, cert_end = 0, handshake_end = tls;
    collect_handshake(&hs, data, tls, len, &handshake_end);
    struct reader r = reader_of(hs.data, hs.len);
    while (reader_left(&r) > 0) {
        uint8_t type = reader_u8(&r);
        struct reader body = reader_vec24(&r);
        if (!reader_ok(&r))
            break;
        if (type == CLIENT_HELLO || type == SERVER_HELLO)
            find_in_hello(rewrite, &hs, body, type == CLIENT_HELLO);
        if (type != CERTIFICATE)
            continue;
        cert_begin = stream_place(&hs, (size_t)(body.pos - hs.data));
        cert_end = cert_begin + reader_left(&body) + 5 * hs.num_records;
        if (side == SIDE_SERVER)
            find_in_certificate(rewrite, &hs, body);
    }
    find_names(rewrite, data, len, cert_begin, cert_end, SERVER_NAME, SERVER_LABEL_LEN,
               MATERIAL_SERVER_LABEL);
    find_names(rewrite, data, len, cert_begin, cert_end, CLIENT_NAME, CLIENT_LABEL_LEN,
               MATERIAL_CLIENT_LABEL);
    rewrite->tls = tls < len;
    if (rewrite->tls) {
        rewrite->mail_end = longest_record_end(data, tls, len);
    } else if (side == SIDE_CLIENT) {
        const uint8_t *dot = memmem(data, len, "\r\n.\r\n", 5);
        rewrite->mail_end = dot ? (uint64_t)(dot - data) + 2 : 0;
    } else {
        rewrite->mail_end = len;
    }
}
