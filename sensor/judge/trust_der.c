#include "trust_der.h"

#define OBJECT_MAX           32 /* bytes of an identifier; those in use have 10 or so */
#define UTC_TIME_MIN         11 /* "YYMMDDhhmmZ" (X.690 allows no less) */
#define GENERALIZED_TIME_MIN 13 /* "YYYYMMDDhhmmZ" */

struct reader der_next(struct reader *in, uint8_t *tag) {
    *tag = reader_u8(in);
    size_t len = reader_u8(in);
    if (len > 0x80 && len <= 0x84) {
        size_t num = len & 0x0f;
        for (len = 0; num > 0; num--)
            len = len << 8 | reader_u8(in);
    } else if (len >= 0x80) {
        reader_fail(in);
    }
    return reader_sub(in, len);
}

struct reader der_expect(struct reader *in, uint8_t wanted) {
    uint8_t tag;
    struct reader content = der_next(in, &tag);
    if (tag != wanted)
        reader_fail(&content);
    return content;
}

bool der_follows(const struct reader *in, uint8_t wanted) {
    struct reader ahead = *in;
    return reader_left(in) > 0 && reader_u8(&ahead) == wanted;
}

/* The next element with its tag and length. */
static struct reader whole(struct reader *in, uint8_t wanted) {
    const uint8_t *from = in->pos;
    struct reader content = der_expect(in, wanted);
    return reader_ok(&content) ? reader_of(from, (size_t)(in->pos - from)) : content;
}

/* At least one byte, and none that is only padding (X.690 section 8.3.2). */
static bool integer(struct reader *in) {
    struct reader content = der_expect(in, DER_INTEGER);
    uint8_t first = reader_u8(&content);
    if (!reader_ok(&content) || reader_left(&content) == 0)
        return reader_ok(&content);
    bool negative = reader_u8(&content) >= 0x80;
    return first != (negative ? 0xff : 0x00);
}

/* Whole numbers of 7 bits a byte, none with padding in front (X.690 section 8.19.2). */
static bool object(struct reader *in) {
    struct reader content = der_expect(in, DER_OBJECT);
    bool at_start = true;
    if (!reader_ok(&content) || reader_left(&content) == 0 || reader_left(&content) > OBJECT_MAX)
        return false;
    while (reader_left(&content) > 0) {
        uint8_t byte = reader_u8(&content);
        if (at_start && byte == 0x80)
            return false;
        at_start = byte < 0x80;
    }
    return at_start;
}

/* AlgorithmIdentifier, with parameters of the kinds that OpenSSL does not look into here. */
static bool algorithm(struct reader *in) {
    struct reader pair = der_expect(in, DER_SEQUENCE);
    if (!object(&pair))
        return false;
    if (der_follows(&pair, DER_OBJECT)) { /* a named curve */
        if (!object(&pair))
            return false;
    } else if (der_follows(&pair, DER_NULL)) {
        struct reader nothing = der_expect(&pair, DER_NULL);
        if (!reader_done(&nothing))
            return false;
    } else if (der_follows(&pair, DER_SEQUENCE)) {
        (void)der_expect(&pair, DER_SEQUENCE);
    }
    return reader_done(&pair);
}

/* The first byte counts the unused bits of the last one (X.690 section 8.6.2). */
static bool bit_string(struct reader *in) {
    struct reader content = der_expect(in, DER_BIT_STRING);
    uint8_t num_unused = reader_u8(&content);
    return reader_ok(&content) && num_unused < 8;
}

static bool key(struct reader *in) {
    struct reader info = der_expect(in, DER_SEQUENCE);
    return algorithm(&info) && bit_string(&info) && reader_done(&info);
}

/* Whether it is a date is not asked, as OpenSSL refuses none for that; but from 3.5 on what is too short. */
static struct reader time_whole(struct reader *in) {
    uint8_t tag;
    struct reader ahead = *in, content = der_next(&ahead, &tag);
    struct reader time = whole(in, tag == DER_UTC_TIME ? DER_UTC_TIME : DER_GENERALIZED_TIME);
    if (reader_left(&content) < (tag == DER_UTC_TIME ? UTC_TIME_MIN : GENERALIZED_TIME_MIN))
        reader_fail(&time);
    return time;
}

static bool validity(struct reader *in, struct der_certificate *parts) {
    struct reader pair = der_expect(in, DER_SEQUENCE);
    parts->not_before = time_whole(&pair);
    parts->not_after = time_whole(&pair);
    return reader_ok(&parts->not_before) && reader_ok(&parts->not_after) && reader_done(&pair);
}

static bool extension(struct reader *in) {
    struct reader fields = der_expect(in, DER_SEQUENCE);
    if (!object(&fields))
        return false;
    if (der_follows(&fields, DER_BOOLEAN)) {
        struct reader critical = der_expect(&fields, DER_BOOLEAN);
        reader_skip(&critical, 1);
        if (!reader_done(&critical))
            return false;
    }
    struct reader value = der_expect(&fields, DER_OCTET_STRING);
    return reader_ok(&value) && reader_done(&fields);
}

static bool extensions(struct reader *in) {
    struct reader outer = der_expect(in, DER_EXTENSIONS);
    struct reader list = der_expect(&outer, DER_SEQUENCE);
    while (reader_left(&list) > 0)
        if (!extension(&list))
            return false;
    return reader_ok(&list) && reader_done(&outer);
}

static bool version(struct reader *in) {
    struct reader outer = der_expect(in, DER_VERSION);
    return integer(&outer) && reader_done(&outer);
}

static bool to_be_signed(struct reader *in, struct der_certificate *parts) {
    struct reader fields = der_expect(in, DER_SEQUENCE);
    if (der_follows(&fields, DER_VERSION) && !version(&fields))
        return false;
    if (!integer(&fields) || !algorithm(&fields)) /* serial number, signature */
        return false;
    parts->issuer = whole(&fields, DER_SEQUENCE);
    if (!validity(&fields, parts))
        return false;
    parts->subject = whole(&fields, DER_SEQUENCE);
    if (!reader_ok(&parts->issuer) || !reader_ok(&parts->subject) || !key(&fields))
        return false;
    return reader_done(&fields) || (extensions(&fields) && reader_done(&fields));
}

bool der_certificate_read(const uint8_t *der, size_t len, struct der_certificate *parts) {
    struct reader in = reader_of(der, len);
    struct reader certificate = der_expect(&in, DER_SEQUENCE);
    const uint8_t *from = certificate.pos;
    if (!reader_done(&in) || !to_be_signed(&certificate, parts))
        return false;
    parts->to_be_signed = reader_of(from, (size_t)(certificate.pos - from));
    if (!algorithm(&certificate))
        return false;
    parts->signature = certificate;
    return bit_string(&certificate) && reader_done(&certificate);
}
