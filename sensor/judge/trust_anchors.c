#include "trust_anchors.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "trust_cert.h"
#include "trust_der.h"

struct trust_anchors {
    X509_LOOKUP_METHOD *method;
    struct trust_anchor *all; /* ordered by compare() once they serve */
    size_t num, max;
    bool incomplete;
};

struct trust_anchors *trust_anchors_new(void) {
    return calloc(1, sizeof(struct trust_anchors));
}

void trust_anchors_free(struct trust_anchors *anchors) {
    if (anchors == NULL)
        return;
    for (size_t i = 0; i < anchors->num; i++) {
        X509_NAME_free(anchors->all[i].subject);
        OPENSSL_free(anchors->all[i].der);
    }
    free(anchors->all);
    X509_LOOKUP_meth_free(anchors->method);
    free(anchors);
}

/* --- reading --- */

static int64_t seconds_of(const struct reader *time) {
    const unsigned char *at = time->pos;
    ASN1_TIME *parsed = d2i_ASN1_TIME(NULL, &at, (long)reader_left(time));
    int64_t seconds = trust_seconds_of(parsed);
    ASN1_TIME_free(parsed);
    return seconds;
}

static X509_NAME *name_of(const struct reader *name) {
    const unsigned char *at = name->pos;
    return d2i_X509_NAME(NULL, &at, (long)reader_left(name));
}

static bool names_are_same(const struct der_certificate *parts) {
    size_t len = reader_left(&parts->subject);
    return reader_left(&parts->issuer) == len && memcmp(parts->issuer.pos, parts->subject.pos, len) == 0;
}

/* False: it has to be parsed to know. */
static bool read_plain(struct trust_anchor *anchor) {
    struct der_certificate parts;
    if (!der_certificate_read(anchor->der, anchor->der_len, &parts))
        return false;
    if (!names_are_same(&parts)) {
        X509_NAME *issuer = name_of(&parts.issuer);
        X509_NAME_free(issuer);
        if (issuer == NULL)
            return false;
    }
    anchor->not_before_s = seconds_of(&parts.not_before);
    anchor->not_after_s = seconds_of(&parts.not_after);
    anchor->subject = name_of(&parts.subject);
    return anchor->subject != NULL;
}

static X509 *parse(const struct trust_anchor *anchor) {
    const unsigned char *at = anchor->der;
    return d2i_X509_AUX(NULL, &at, (long)anchor->der_len);
}

static bool read_parsed(struct trust_anchor *anchor) {
    X509 *x509 = parse(anchor);
    if (x509 == NULL)
        return false;
    anchor->not_before_s = trust_seconds_of(X509_get0_notBefore(x509));
    anchor->not_after_s = trust_seconds_of(X509_get0_notAfter(x509));
    anchor->subject = X509_NAME_dup(X509_get_subject_name(x509));
    X509_free(x509);
    return anchor->subject != NULL;
}

static bool grow(struct trust_anchors *anchors) {
    if (anchors->num < anchors->max)
        return true;
    size_t max = anchors->max ? 2 * anchors->max : 256;
    struct trust_anchor *all = realloc(anchors->all, max * sizeof *all);
    if (all == NULL)
        return false;
    anchors->all = all;
    anchors->max = max;
    return true;
}

bool trust_anchors_add(struct trust_anchors *anchors, unsigned char *der, size_t len) {
    struct trust_anchor anchor = {.der = der, .der_len = len, .number = anchors->num};
    if (!grow(anchors) || (!read_plain(&anchor) && !read_parsed(&anchor))) {
        OPENSSL_free(der);
        return false;
    }
    anchors->all[anchors->num++] = anchor;
    return true;
}

size_t trust_anchors_num(const struct trust_anchors *anchors) {
    return anchors->num;
}

const struct trust_anchor *trust_anchors_get(const struct trust_anchors *anchors, size_t index) {
    return &anchors->all[index];
}

/* --- finding --- */

/* Those of one subject in the order in which they were read, as a store keeps them. */
static int compare(const void *left, const void *right) {
    const struct trust_anchor *a = left, *b = right;
    int order = X509_NAME_cmp(a->subject, b->subject);
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static size_t first_of(const struct trust_anchors *anchors, const X509_NAME *subject) {
    size_t low = 0, high = anchors->num; /* all[0..low) < subject <= all[high..) */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (X509_NAME_cmp(anchors->all[middle].subject, subject) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool trust_anchors_know(const struct trust_anchors *anchors, const X509_NAME *subject) {
    size_t at = first_of(anchors, subject);
    return at < anchors->num && X509_NAME_cmp(anchors->all[at].subject, subject) == 0;
}

/* What OpenSSL asks where its store has nothing of that subject: all of them are put there, so that it asks
 * once and chooses among them as ever. */
static int find(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *subject, X509_OBJECT *found) {
    struct trust_anchors *anchors = X509_LOOKUP_get_method_data(lookup);
    X509 *first = NULL;
    if (type != X509_LU_X509)
        return 0;
    for (size_t i = first_of(anchors, subject);
         i < anchors->num && X509_NAME_cmp(anchors->all[i].subject, subject) == 0; i++) {
        X509 *x509 = parse(&anchors->all[i]);
        if (x509 == NULL || !X509_STORE_add_cert(X509_LOOKUP_get_store(lookup), x509))
            anchors->incomplete = true;
        else if (first == NULL && X509_OBJECT_set1_X509(found, x509))
            first = x509;
        X509_free(x509);
    }
    /* the caller takes a reference, too: X509_LOOKUP_meth_new(3) wants one given back here */
    X509_free(first);
    return first != NULL;
}

bool trust_anchors_serve(struct trust_anchors *anchors, X509_STORE *store) {
    if (anchors->num > 0)
        qsort(anchors->all, anchors->num, sizeof *anchors->all, compare);
    anchors->method = X509_LOOKUP_meth_new("starttap");
    if (anchors->method == NULL || !X509_LOOKUP_meth_set_get_by_subject(anchors->method, find))
        return false;
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, anchors->method);
    return lookup != NULL && X509_LOOKUP_set_method_data(lookup, anchors);
}

bool trust_anchors_incomplete(const struct trust_anchors *anchors) {
    return anchors->incomplete;
}
