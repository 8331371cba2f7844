/* trust_der.h: certificates in DER (X.690), as far as they are read without OpenSSL. Inner part of trust. */
#ifndef STARTTAP_SENSOR_JUDGE_TRUST_DER_H
#define STARTTAP_SENSOR_JUDGE_TRUST_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../parsers/reader.h"

/* First bytes of elements (X.690 section 8.1.2): universal types, and the certificate's own fields. */
enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OBJECT = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_VERSION = 0xa0,    /* [0] EXPLICIT */
    DER_EXTENSIONS = 0xa3, /* [3] EXPLICIT */
};

/* The content of the next element (X.690 section 8.1); *tag is its first byte. Only what X.509 is made of:
 * tags of one byte, definite lengths. */
struct reader der_next(struct reader *in, uint8_t *tag);

/* The same where only one tag can be; with another the content is a failed reader. */
struct reader der_expect(struct reader *in, uint8_t wanted);

/* Is the next element of this kind? False at the end. */
bool der_follows(const struct reader *in, uint8_t wanted);

/* Parts of a certificate (RFC 5280 section 4.1), borrowed, each with its tag and length. */
struct der_certificate {
    struct reader to_be_signed, issuer, not_before, not_after, subject, signature;
};

/* True when the bytes are one certificate, and OpenSSL will take it if it takes its two names, which are not
 * looked into. False when they are not, or when it is an unusual one: then only OpenSSL can tell. */
bool der_certificate_read(const uint8_t *der, size_t len, struct der_certificate *parts);

#endif
