/* hello.h: what a ClientHello tells of the software that sent it: fingerprints and offered cipher suites.
 *
 * Mail software repeats itself: hellos that differ only in randoms, names and keys share one description,
 * which a bounded cache keeps. So the hashing is done once per kind of client and not once per connection. */
#ifndef STARTTAP_SENSOR_JUDGE_HELLO_H
#define STARTTAP_SENSOR_JUDGE_HELLO_H

#include "../../outputs/event.h"
#include "../../parsers/tls.h"
#include "digest.h"

#define HELLO_CACHE_MAX  1024 /* descriptions kept; one of the same slot makes room */
#define HELLO_KEY_MAX    2048 /* bytes of a hello that tell its kind; a longer one is described each time */
#define HELLO_SUITES_MAX EVENT_LIST_MAX
#define HELLO_JSON_MAX   4096 /* bytes of the suites as JSON that are kept */
#define HELLO_JA3S_LEN   16

struct hello {               /* owned by the cache and by whoever holds it */
    char ja3[33], ja4[40];   /* "" when there is none: a hello in SSLv2 format */
    struct text_list suites; /* names of the offered cipher suites, GREASE left out; json too, unless long */
    uint16_t version_ids[TLS_VERSIONS_MAX]; /* what versions is made of, as it was first asked for */
    struct text_list versions; /* names of the offered versions; empty: nobody asked for them yet */
    uint32_t holders;
    uint32_t key_len;
    uint8_t *key;
};

struct hello_cache;
struct hello_cache *hello_cache_new(struct digest *digest); /* NULL: out of memory; digest is borrowed */
void hello_cache_free(struct hello_cache *cache);

/* Held until hello_release(). NULL: out of memory. */
struct hello *hello_describe(struct hello_cache *cache, const struct tls_client_hello *wire);
void hello_release(struct hello *hello); /* NULL is fine */

/* Sets fingerprints and suites of the event, which holds the hello for them. */
void hello_show(struct hello *hello, struct event *event);

/* Sets the versions that the client offered, for an event that shows the hello already; hello may be NULL. */
void hello_show_versions(struct hello *hello, const uint16_t *ids, size_t num, struct event *event);

/* JA3S of a ServerHello, the bytes of which the hex digits are shown. False: it could not be made. */
bool hello_ja3s(struct hello_cache *cache, const struct tls_server_hello *wire, uint8_t ja3s[HELLO_JA3S_LEN]);

#endif
