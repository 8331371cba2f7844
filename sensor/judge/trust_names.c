/* trust_names.c: the names in a certificate: subject, issuer, subject alternative names; and whether the
 * name that was expected is among them. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "trust_cert.h"

/* RFC 4514 order and escapes, but UTF-8 left readable. */
#define DN_FLAGS (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)

/* When a string in the name is not what its type says (trust_repair.c): all as the bytes they are. */
#define DN_FLAGS_RAW ((DN_FLAGS & ~(unsigned long)ASN1_STRFLGS_UTF8_CONVERT) | ASN1_STRFLGS_IGNORE_TYPE)

static bool dn_print(const X509_NAME *name, unsigned long flags, struct trust_text *text) {
    BIO *out = BIO_new(BIO_s_mem());
    bool done = out != NULL && X509_NAME_print_ex(out, name, 0, flags) >= 0;
    if (done) {
        char *data = NULL;
        long len = BIO_get_mem_data(out, &data);
        trust_text_set(text, data, len > 0 ? (size_t)len : 0);
    }
    BIO_free(out);
    return done;
}

static void dn_read(const struct trust_cert *cert, const X509_NAME *name, struct trust_text *text) {
    if (cert->repaired || !dn_print(name, DN_FLAGS, text))
        (void)dn_print(name, DN_FLAGS_RAW, text);
}

/* The last CN, the most specific one (RFC 9525 speaks of it only to forbid its use for matching). */
static void cn_read(const struct trust_cert *cert, const X509_NAME *name, struct trust_text *text) {
    int last = -1;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;)
        last = at;
    if (last < 0)
        return;
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last));
    unsigned char *utf8 = NULL;
    int len = -1;
    if (!cert->repaired)
        len = ASN1_STRING_to_UTF8(&utf8, value); /* T61, BMP and Universal strings become UTF-8 */
    if (len >= 0)
        trust_text_set(text, utf8, (size_t)len);
    else
        trust_text_set(text, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    OPENSSL_free(utf8);
}

/* False when there is no text for this kind of name. */
static bool alternative_name(const GENERAL_NAME *name, struct trust_text *text) {
    int kind = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);
    if (kind == GEN_DNS || kind == GEN_EMAIL || kind == GEN_URI) {
        trust_text_set(text, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    } else if (kind == GEN_IPADD) {
        int len = ASN1_STRING_length(value);
        char address[INET6_ADDRSTRLEN];
        if ((len == 4 || len == 16) &&
            inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), address, sizeof address))
            trust_text_set(text, address, strlen(address));
    }
    return text->data != NULL;
}

static void alternative_names_read(struct trust_cert *cert) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
    int num = sk_GENERAL_NAME_num(names); /* -1 when there are none */
    size_t room = num <= 0 ? 0 : num < TRUST_NAMES_MAX ? (size_t)num : TRUST_NAMES_MAX;
    if (room > 0)
        cert->names = calloc(room, sizeof *cert->names);
    for (int i = 0; cert->names && i < num; i++) {
        if (cert->num_names == room)
            cert->names_left_out++;
        else if (alternative_name(sk_GENERAL_NAME_value(names, i), &cert->names[cert->num_names]))
            cert->num_names++;
    }
    GENERAL_NAMES_free(names);
}

void trust_cert_read_names(struct trust_cert *cert) {
    dn_read(cert, X509_get_subject_name(cert->x509), &cert->subject_dn);
    dn_read(cert, X509_get_issuer_name(cert->x509), &cert->issuer_dn);
    cn_read(cert, X509_get_subject_name(cert->x509), &cert->subject_cn);
    cn_read(cert, X509_get_issuer_name(cert->x509), &cert->issuer_cn);
    alternative_names_read(cert);
}

/* An expected name as it comes from an EHLO or a policy, made ready to compare: address literals lose their
 * brackets (RFC 5321 section 4.1.3), names their final dot. False when it cannot be a name. */
static bool expected_read(const char *expected, char name[TRUST_EXPECT_MAX + 1]) {
    size_t len = strlen(expected);
    if (len >= 2 && expected[0] == '[' && expected[len - 1] == ']') {
        expected++;
        len -= 2;
        if (len > 5 && strncasecmp(expected, "IPv6:", 5) == 0) {
            expected += 5;
            len -= 5;
        }
    } else if (len > 1 && expected[len - 1] == '.') {
        len--;
    }
    if (len == 0 || len > TRUST_EXPECT_MAX)
        return false;
    memcpy(name, expected, len);
    name[len] = '\0';
    /* X509_check_host would take ".example.org" for every name below, and "*" as equal to itself. */
    return name[0] != '.' && strchr(name, '*') == NULL;
}

static enum fact name_check(X509 *x509, const char *name) {
    uint8_t address[16];
    int result;
    if (inet_pton(AF_INET, name, address) == 1)
        result = X509_check_ip(x509, address, 4, 0);
    else if (inet_pton(AF_INET6, name, address) == 1)
        result = X509_check_ip(x509, address, 16, 0);
    else
        /* RFC 9525 sections 2 and 6.3: no common name, '*' only as the whole leftmost label. */
        result =
            X509_check_host(x509, name, strlen(name),
                            X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL);
    ERR_clear_error();
    return result == -1 ? FACT_UNKNOWN : fact_of(result == 1); /* -2: not a name that could match */
}

enum fact trust_cert_matches(const struct trust_cert *cert, const char *expected_name) {
    char name[TRUST_EXPECT_MAX + 1];
    if (cert->x509 == NULL || expected_name == NULL || expected_name[0] == '\0')
        return FACT_UNKNOWN;
    if (!expected_read(expected_name, name))
        return FACT_NO;
    return name_check(cert->x509, name);
}
