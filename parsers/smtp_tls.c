#include "smtp_tls.h"

#include "reader.h"
#include "smtp.h"

#define RECORD_CCS       20 /* RFC 8446 section 5.1, ContentType */
#define RECORD_ALERT     21
#define RECORD_HANDSHAKE 22
#define RECORD_DATA      23
#define RECORD_MAX       (16384 + 2048) /* RFC 5246 section 6.2.3 */
#define SSL2_HELLO_MIN   12             /* RFC 5246 appendix E.2: nine fixed bytes and one cipher spec */

/* A byte that is not there yet fits anything: *more says that it was needed. */
static bool next_is(struct reader *at, bool *more, uint8_t least, uint8_t most) {
    if (reader_left(at) == 0) {
        *more = true;
        return true;
    }
    uint8_t c = reader_u8(at);
    return c >= least && c <= most;
}

static enum parse_result record(struct reader at, uint8_t least, uint8_t most) {
    bool more = false;
    if (!next_is(&at, &more, least, most) || !next_is(&at, &more, 3, 3) || !next_is(&at, &more, 0, 4)) {
        return PARSE_BAD;
    }
    if (reader_left(&at) < 2) {
        struct reader high = at;
        return next_is(&high, &more, 0, RECORD_MAX >> 8) ? PARSE_MORE : PARSE_BAD;
    }
    uint16_t len = reader_u16(&at);
    return len > 0 && len <= RECORD_MAX ? PARSE_OK : PARSE_BAD;
}

/* SSLv2's record header and CLIENT-HELLO (1) up to its version: 0.2, or 3.x that asks for TLS. */
static enum parse_result ssl2_client_hello(struct reader at) {
    bool more = false;
    struct reader header = at;
    if (!next_is(&at, &more, 0x80, 0xff) || !next_is(&at, &more, 0, 0xff) || !next_is(&at, &more, 1, 1)) {
        return PARSE_BAD;
    }
    if (reader_left(&header) >= 2 && (reader_u16(&header) & 0x7fff) < SSL2_HELLO_MIN) {
        return PARSE_BAD;
    }
    if (reader_left(&at) < 2) {
        return PARSE_MORE;
    }
    uint16_t version = reader_u16(&at);
    return version == 0x0002 || (version >= 0x0300 && version <= 0x0304) ? PARSE_OK : PARSE_BAD;
}

/* SSLv2's SERVER-HELLO (4): session-id-hit and certificate-type are 0 or 1, then version 0.2. */
static enum parse_result ssl2_server_hello(struct reader at) {
    bool more = false;
    bool fits = next_is(&at, &more, 0x80, 0xff) && next_is(&at, &more, 0, 0xff) &&
                next_is(&at, &more, 4, 4) && next_is(&at, &more, 0, 1) && next_is(&at, &more, 0, 1) &&
                next_is(&at, &more, 0, 0) && next_is(&at, &more, 2, 2);
    return !fits ? PARSE_BAD : more ? PARSE_MORE : PARSE_OK;
}

enum parse_result smtp_looks_like_tls(const uint8_t *data, size_t len) {
    struct reader at = reader_of(data, len);
    enum parse_result result = record(at, RECORD_ALERT, RECORD_HANDSHAKE);
    return result != PARSE_BAD ? result : ssl2_client_hello(at);
}

enum parse_result smtp_tls_look(struct reader at, enum smtp_tls_place place) {
    switch (place) {
    case SMTP_TLS_CLIENT_START:
        return smtp_looks_like_tls(at.pos, reader_left(&at));
    case SMTP_TLS_SERVER_START: {
        enum parse_result result = record(at, RECORD_ALERT, RECORD_HANDSHAKE);
        return result != PARSE_BAD ? result : ssl2_server_hello(at);
    }
    case SMTP_TLS_IN_TEXT:
        return record(at, RECORD_HANDSHAKE, RECORD_HANDSHAKE);
    case SMTP_TLS_AFTER_HOLE:
        return record(at, RECORD_CCS, RECORD_DATA);
    }
    return PARSE_BAD;
}
