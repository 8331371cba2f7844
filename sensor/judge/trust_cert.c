#include "trust_cert.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>

/* What OpenSSL makes of a certificate is several times its DER: measured at 4 to 8 times for real ones,
 * more for those built of many tiny parts. Once the DER itself is kept. */
#define COST_BASE   (6u * 1024)
#define COST_FACTOR 17u

void trust_text_set(struct trust_text *text, const void *data, size_t len) {
    if (data == NULL || len == 0)
        return;
    if (len > TRUST_TEXT_MAX)
        len = TRUST_TEXT_MAX;
    text->data = malloc(len);
    if (text->data == NULL)
        return;
    memcpy(text->data, data, len);
    text->len = len;
}

/* Days from 1970-01-01 in the Gregorian calendar, for any year from 0 (mktime's relatives differ in range).
 */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day) {
    if (month <= 2)
        year--; /* years here begin in March, so that a leap day comes last */
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

int64_t trust_seconds_of(const ASN1_TIME *time) {
    struct tm tm;
    /* ASN1_TIME_to_tm(NULL) would be the present moment */
    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
        return EVENT_ABSENT;
    int64_t days = days_since_1970(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    return ((days * 24 + tm.tm_hour) * 60 + tm.tm_min) * 60 + tm.tm_sec;
}

/* Upper-case hex of all bytes of the number, '-' in front of a negative one. */
static void read_serial(struct trust_cert *cert) {
    static const char digits[] = "0123456789ABCDEF";
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert->x509);
    char text[TRUST_TEXT_MAX];
    size_t len = 0;
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
        text[len++] = '-';
    for (int i = 0; i < ASN1_STRING_length(serial) && len + 2 <= sizeof text; i++) {
        text[len++] = digits[bytes[i] >> 4];
        text[len++] = digits[bytes[i] & 0x0f];
    }
    trust_text_set(&cert->serial, text, len);
}

static void read_key_hash(struct trust_cert *cert) {
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->x509), &der);
    cert->key_known =
        len > 0 && EVP_Digest(der, (size_t)len, cert->key_sha256, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
}

static void read_facts(struct trust_cert *cert) {
    cert->not_before_s = trust_seconds_of(X509_get0_notBefore(cert->x509));
    cert->not_after_s = trust_seconds_of(X509_get0_notAfter(cert->x509));
    cert->self_issued =
        X509_NAME_cmp(X509_get_subject_name(cert->x509), X509_get_issuer_name(cert->x509)) == 0;
    read_serial(cert);
    read_key_hash(cert);
    trust_cert_read_names(cert);
    trust_cert_read_algorithms(cert);
}

/* NULL: it is none, or out of memory. */
static X509 *parse(const uint8_t *der, size_t len, OSSL_LIB_CTX *context) {
    const unsigned char *at = der;
    X509 *x509 = X509_new_ex(context, NULL);
    return x509 ? d2i_X509(&x509, &at, (long)len) : NULL;
}

static X509 *parse_repaired(const uint8_t *der, size_t len) {
    X509 *x509 = NULL;
    uint8_t *copy = malloc(len);
    if (copy == NULL)
        return NULL;
    memcpy(copy, der, len);
    if (trust_der_repair(der, len, copy))
        x509 = parse(copy, len, NULL);
    free(copy);
    return x509;
}

static void parse_der(struct trust_cert *cert, const uint8_t *der, size_t len) {
    cert->x509 = parse(der, len, cert->live->keyless);
    cert->whole = cert->live->keyless == NULL;
    if (cert->x509 == NULL && len > 0) {
        cert->x509 = parse_repaired(der, len);
        cert->whole = cert->repaired = cert->x509 != NULL;
    }
}

X509 *trust_cert_whole(struct trust_cert *cert) {
    if (cert->whole || cert->x509 == NULL)
        return cert->x509;
    X509 *whole = cert->der ? parse(cert->der, cert->der_len, NULL) : NULL;
    if (whole == NULL)
        return NULL;
    X509_free(cert->x509);
    cert->x509 = whole;
    cert->whole = true;
    return whole;
}

size_t trust_cert_cost(size_t len) {
    return sizeof(struct trust_cert) + COST_BASE + COST_FACTOR * len;
}

struct trust_cert *trust_cert_new(const uint8_t *der, size_t len, const uint8_t sha256[32], bool readable,
                                  struct trust_live *live) {
    struct trust_cert *cert = calloc(1, sizeof *cert);
    if (cert == NULL)
        return NULL;
    cert->references = 1;
    memcpy(cert->sha256, sha256, sizeof cert->sha256);
    cert->not_before_s = cert->not_after_s = cert->key_bits = EVENT_ABSENT;
    cert->cost = sizeof *cert;
    cert->live = live;
    if (readable)
        parse_der(cert, der, len);
    if (cert->x509) {
        cert->cost = trust_cert_cost(len);
        cert->der = malloc(len);
        if (cert->der) {
            memcpy(cert->der, der, len);
            cert->der_len = len;
        }
        read_facts(cert);
    }
    live->bytes += cert->cost;
    budget_change(live->budget, 0, cert->cost);
    ERR_clear_error();
    return cert;
}

struct trust_cert *trust_cert_ref(struct trust_cert *cert) {
    cert->references++;
    return cert;
}

void trust_cert_unref(struct trust_cert *cert) {
    if (cert == NULL || --cert->references > 0)
        return;
    struct trust_text *texts[] = {&cert->subject_cn,   &cert->subject_dn, &cert->issuer_cn,
                                  &cert->issuer_dn,    &cert->serial,     &cert->signature_algorithm,
                                  &cert->key_algorithm};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]->data);
    for (size_t i = 0; i < cert->num_names; i++)
        free(cert->names[i].data);
    free(cert->names);
    X509_free(cert->x509);
    free(cert->der);
    if (cert->recent)
        *cert->recent = NULL;
    cert->live->bytes -= cert->cost;
    budget_change(cert->live->budget, cert->cost, 0);
    free(cert);
}

static enum fact self_signed(struct trust_cert *cert) {
    if (cert->x509 == NULL)
        return FACT_UNKNOWN;
    if (!cert->self_issued)
        return FACT_NO;
    if (!cert->can_be_verified)
        return FACT_UNKNOWN;
    enum fact answer = cert->whole ? FACT_UNKNOWN : trust_cert_signed_itself(cert);
    if (answer != FACT_UNKNOWN)
        return answer;
    X509 *whole = trust_cert_whole(cert);
    return whole ? fact_of(X509_self_signed(whole, 1) == 1) : FACT_UNKNOWN;
}

enum fact trust_cert_self_signed(struct trust_cert *cert) {
    if (!cert->self_signed_known) {
        cert->self_signed = self_signed(cert);
        cert->self_signed_known = true;
        ERR_clear_error();
    }
    return cert->self_signed;
}
