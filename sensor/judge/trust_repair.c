/* trust_repair.c: OpenSSL refuses a certificate whole when a string in its names is not what its type says
 * (a UTF8String that is not UTF-8, a BMPString of odd length). Such are seen, and what else they say should
 * be told: in a copy, those strings are given a type that OpenSSL takes as bytes. */
#include <openssl/asn1.h>

#include "../../parsers/reader.h"
#include "trust_cert.h"
#include "trust_der.h"

static bool string_is_good(uint8_t tag, const struct reader *content) {
    ASN1_STRING *string = ASN1_STRING_type_new(tag);
    unsigned char *utf8 = NULL;
    bool good = string && ASN1_STRING_set(string, content->pos, (int)reader_left(content)) &&
                ASN1_STRING_to_UTF8(&utf8, string) >= 0;
    OPENSSL_free(utf8);
    ASN1_STRING_free(string);
    return good;
}

/* Name ::= SEQUENCE OF SET OF SEQUENCE { type, value } (RFC 5280 section 4.1.2.4) */
static bool name_repair(struct reader name, const uint8_t *der, uint8_t *copy) {
    bool changed = false;
    while (reader_left(&name) > 0) {
        uint8_t tag;
        struct reader set = der_next(&name, &tag);
        while (reader_left(&set) > 0) {
            struct reader pair = der_expect(&set, DER_SEQUENCE);
            (void)der_expect(&pair, DER_OBJECT);
            const uint8_t *at = pair.pos;
            struct reader value = der_next(&pair, &tag);
            bool is_text =
                tag == V_ASN1_UTF8STRING || tag == V_ASN1_BMPSTRING || tag == V_ASN1_UNIVERSALSTRING;
            if (reader_ok(&value) && is_text && !string_is_good(tag, &value)) {
                copy[at - der] = V_ASN1_NUMERICSTRING; /* which OpenSSL does not look into */
                changed = true;
            }
        }
    }
    return changed;
}

bool trust_der_repair(const uint8_t *der, size_t len, uint8_t *copy) {
    struct reader in = reader_of(der, len);
    struct reader certificate = der_expect(&in, DER_SEQUENCE);
    struct reader tbs = der_expect(&certificate, DER_SEQUENCE);
    if (der_follows(&tbs, DER_VERSION))
        (void)der_expect(&tbs, DER_VERSION);
    (void)der_expect(&tbs, DER_INTEGER);  /* serialNumber */
    (void)der_expect(&tbs, DER_SEQUENCE); /* signature */
    struct reader issuer = der_expect(&tbs, DER_SEQUENCE);
    (void)der_expect(&tbs, DER_SEQUENCE); /* validity */
    struct reader subject = der_expect(&tbs, DER_SEQUENCE);
    bool changed = name_repair(issuer, der, copy);
    return name_repair(subject, der, copy) || changed;
}
