#include "tls_keyexchange.h"

#include "tls_hello.h"
#include "tls_names.h"

enum curve_type { CURVE_EXPLICIT_PRIME = 1, CURVE_EXPLICIT_CHAR2 = 2, CURVE_NAMED = 3 }; /* RFC 4492, 5.4 */

/* The number of bits of a big-endian number. */
static uint16_t num_bits(struct reader number) {
    while (reader_left(&number) > 0 && *number.pos == 0) {
        reader_skip(&number, 1);
    }
    size_t bits = reader_left(&number) * 8;
    for (uint8_t top = reader_u8(&number); bits > 0 && (top & 0x80) == 0; top = (uint8_t)(top << 1)) {
        bits--;
    }
    return bits > UINT16_MAX ? UINT16_MAX : (uint16_t)bits;
}

/* ServerDHParams: dh_p, dh_g, dh_Ys. */
static uint16_t read_dh(struct reader *body) {
    struct reader prime = reader_vec16(body);
    (void)reader_vec16(body);
    (void)reader_vec16(body);
    return num_bits(prime);
}

/* ServerECDHParams: the curve and the public point. Explicit curves (RFC 4492; forbidden since RFC 8422) are
 * reported by the number that the registry has for them; what follows them is not read. */
static uint16_t read_ecdh(struct reader *body) {
    uint8_t type = reader_u8(body);
    if (type == CURVE_NAMED) {
        uint16_t group = reader_u16(body);
        (void)reader_vec8(body);
        return group;
    }
    uint16_t group = 0;
    if (reader_ok(body) && type == CURVE_EXPLICIT_PRIME) {
        group = 0xff01;
    } else if (reader_ok(body) && type == CURVE_EXPLICIT_CHAR2) {
        group = 0xff02;
    }
    reader_skip(body, reader_left(body));
    return group;
}

void tls_server_key_exchange_note(struct reader body, struct tls_facts *facts) {
    const struct tls_suite *suite = tls_suite_find(facts->cipher_suite);
    enum tls_key_exchange kind = suite != NULL ? suite->key_exchange : TLS_KX_OTHER;
    if (!facts->server_hello || kind == TLS_KX_OTHER || kind == TLS_KX_TLS13) {
        return;
    }
    bool psk = kind == TLS_KX_DHE_PSK || kind == TLS_KX_ECDHE_PSK;
    if (psk) {
        (void)reader_vec16(&body); /* psk_identity_hint */
    }
    uint16_t dh_bits = 0, group = 0;
    if (kind == TLS_KX_DHE || kind == TLS_KX_DHE_PSK) {
        dh_bits = read_dh(&body);
    } else {
        group = read_ecdh(&body);
    }
    if (!reader_ok(&body)) {
        facts->malformed = true;
        return;
    }
    facts->dh_bits = dh_bits;
    facts->group = group;
    /* What is left is the signature; only 1.2 says by which scheme. */
    if (facts->version == 0x0303 && !psk && !suite->anonymous && reader_left(&body) > 0) {
        tls_certificate_verify_note(body, facts);
    }
}

void tls_certificate_verify_note(struct reader body, struct tls_facts *facts) {
    uint16_t scheme = reader_u16(&body);
    (void)reader_vec16(&body);
    if (reader_ok(&body)) {
        facts->signature_scheme = scheme;
    } else {
        facts->malformed = true;
    }
}
