#include "tls_search.h"

#include <string.h>

#include "reader.h"
#include "tls_record.h"

#define CLIENT_HELLO   1
#define SERVER_HELLO   2
#define RECORD_MAX     16384
#define CLIENT_MIN_LEN 41 /* version, random, and the least of each list (RFC 8446 section 4.1.2) */
#define SERVER_MIN_LEN 38

static bool is_hello(enum side side, struct reader in) {
    bool client = side == SIDE_CLIENT;
    uint8_t content = reader_u8(&in);
    uint16_t record_version = reader_u16(&in);
    uint16_t record_len = reader_u16(&in);
    uint8_t message = reader_u8(&in);
    uint32_t message_len = reader_u24(&in);
    uint16_t version = reader_u16(&in);
    return reader_ok(&in) && content == TLS_RECORD_HANDSHAKE && record_version >= 0x0300 &&
           record_version <= 0x0304 && record_len > 6 && record_len <= RECORD_MAX &&
           message == (client ? CLIENT_HELLO : SERVER_HELLO) &&
           message_len >= (client ? CLIENT_MIN_LEN : SERVER_MIN_LEN) && message_len <= UINT16_MAX &&
           version >= 0x0300 && version <= 0x0304;
}

bool tls_search_goes_on(const struct tls_search *search) {
    return !search->found && search->seen < TLS_SEARCH_MAX;
}

/* Passes over what cannot begin a record, within the bytes that may be looked at. */
static void skip_to_record(struct tls_search *search, struct reader *in) {
    size_t may = TLS_SEARCH_MAX - search->seen;
    size_t len = reader_left(in) < may ? reader_left(in) : may;
    const uint8_t *record = memchr(in->pos, TLS_RECORD_HANDSHAKE, len);
    size_t before = record ? (size_t)(record - in->pos) : len;
    reader_skip(in, before);
    search->seen += (uint32_t)before;
}

/* What was kept begins no hello: keeps what may begin one behind its first byte. */
static void drop_first(struct tls_search *search) {
    struct reader kept = reader_of(search->begin + 1, search->have - 1u);
    const uint8_t *record = memchr(kept.pos, TLS_RECORD_HANDSHAKE, reader_left(&kept));
    search->have = record ? (uint8_t)(kept.end - record) : 0;
    if (record)
        memmove(search->begin, record, search->have);
}

size_t tls_search_push(struct tls_search *search, enum side side, const uint8_t *data, size_t len) {
    struct reader in = reader_of(data, len);
    while (tls_search_goes_on(search)) {
        if (search->have == 0)
            skip_to_record(search, &in);
        if (reader_left(&in) == 0 || !tls_search_goes_on(search))
            break;
        search->begin[search->have++] = reader_u8(&in);
        search->seen++;
        if (search->have < TLS_SEARCH_BEGIN)
            continue;
        search->found = is_hello(side, reader_of(search->begin, TLS_SEARCH_BEGIN));
        if (!search->found)
            drop_first(search);
    }
    return len - reader_left(&in);
}
