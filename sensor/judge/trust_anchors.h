/* trust_anchors.h: certificates that are trusted to begin with, each parsed when a chain asks for its
 * subject. Inner part of trust.
 *
 * OpenSSL takes half a millisecond to parse one, nearly all of it for the key; a system has 150 of them, and
 * a capture needs few. The answers are the same as with all of them in the store.
 *
 * One thread at a time, as trust. */
#ifndef STARTTAP_SENSOR_JUDGE_TRUST_ANCHORS_H
#define STARTTAP_SENSOR_JUDGE_TRUST_ANCHORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509_vfy.h>

struct trust_anchor {
    X509_NAME *subject;
    unsigned char *der; /* der_len bytes, OpenSSL's memory */
    size_t der_len;
    size_t number;                     /* how many came before it */
    int64_t not_before_s, not_after_s; /* EVENT_ABSENT: not a date */
};

struct trust_anchors;

struct trust_anchors *trust_anchors_new(void);          /* NULL: out of memory */
void trust_anchors_free(struct trust_anchors *anchors); /* NULL is fine; after the store that it serves */

/* Takes der, in OpenSSL's memory: a certificate, or one with what OpenSSL's "trusted certificates" have
 * behind it. False when OpenSSL would refuse it, or out of memory. */
bool trust_anchors_add(struct trust_anchors *anchors, unsigned char *der, size_t len);

size_t trust_anchors_num(const struct trust_anchors *anchors);
const struct trust_anchor *trust_anchors_get(const struct trust_anchors *anchors, size_t index);

/* Once all are added: the store finds them here. False: out of memory. */
bool trust_anchors_serve(struct trust_anchors *anchors, X509_STORE *store);

/* Is one of this name among them? Once they serve. */
bool trust_anchors_know(const struct trust_anchors *anchors, const X509_NAME *subject);

/* True when one that was asked for could not be parsed: that no issuer was found says nothing then. */
bool trust_anchors_incomplete(const struct trust_anchors *anchors);

#endif
