#include "decode_fragment.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../siphash.h"
#include "decode.h"

#define UNIT        8u     /* bytes; every offset is a multiple, and every length but the last piece's */
#define DATA_MAX    65535u /* of a datagram */
#define NUM_UNITS   ((DATA_MAX + UNIT) / UNIT)
#define ROOM_MIN    2048u /* most datagrams are two Ethernet frames or less */
#define NUM_BUCKETS 256u
#define LEN_UNKNOWN UINT32_MAX

#define PROTOCOL_TCP 6

/* An unfinished datagram. */
struct entry {
    struct entry *next_in_bucket, *older, *newer;
    uint8_t src[16], dst[16];
    uint8_t addr_len, protocol;
    uint32_t id;
    uint64_t ts_ns; /* of the last piece */
    uint8_t *bytes; /* FRAGMENT_HEADER_MAX, the header at their end, and room for the data */
    uint64_t number;
    uint32_t room;
    uint32_t header_len; /* 0: the first piece has not come */
    uint32_t next_header_at;
    uint32_t data_len;  /* LEN_UNKNOWN: the last piece has not come */
    uint32_t end_max;   /* of the pieces so far */
    uint32_t num_units; /* that have come */
    bool contradicted;
    uint64_t units[(NUM_UNITS + 63) / 64];
};

#define ENTRY_COST (sizeof(struct entry) + FRAGMENT_HEADER_MAX) /* without its data */

struct fragments {
    struct entry *buckets[NUM_BUCKETS];
    struct entry *oldest, *newest;
    /* The last ones that were made whole, in a ring. There are more of them than IP headers in a packet, so
     * one that a packet's inner fragments lie in stays until the packet is done with. */
    struct entry *finished[FRAGMENT_FINISHED_MAX];
    size_t num_finished; /* ever */
    size_t num_entries;
    size_t num_bytes;
    uint64_t num_ever; /* entries made */
    struct siphash_key key;
};

struct fragments *fragments_new(void) {
    struct fragments *fragments = calloc(1, sizeof *fragments);
    if (fragments != NULL)
        fragments->key = siphash_random_key();
    return fragments;
}

static void entry_free(struct entry *entry) {
    if (entry == NULL)
        return;
    free(entry->bytes);
    free(entry);
}

void fragments_free(struct fragments *fragments) {
    if (fragments == NULL)
        return;
    for (struct entry *entry = fragments->oldest; entry != NULL;) {
        struct entry *newer = entry->newer;
        entry_free(entry);
        entry = newer;
    }
    for (size_t i = 0; i < FRAGMENT_FINISHED_MAX; i++)
        entry_free(fragments->finished[i]);
    free(fragments);
}

/* Whoever sends fragments does not choose the bucket. */
static size_t bucket_of(const struct fragments *fragments, const struct fragment *fragment) {
    uint64_t words[5] = {0};
    words[0] = fragment->id;
    memcpy(&words[1], fragment->src, fragment->addr_len);
    memcpy(&words[3], fragment->dst, fragment->addr_len);
    return siphash(&fragments->key, words, sizeof words) % NUM_BUCKETS;
}

static bool same_datagram(const struct entry *entry, const struct fragment *fragment) {
    return entry->id == fragment->id && entry->addr_len == fragment->addr_len &&
           (entry->addr_len == 16 || entry->protocol == fragment->protocol) &&
           memcmp(entry->src, fragment->src, fragment->addr_len) == 0 &&
           memcmp(entry->dst, fragment->dst, fragment->addr_len) == 0;
}

/* Takes an entry out of all lists; the caller owns it then. */
static void detach(struct fragments *fragments, struct entry *entry) {
    const struct fragment key = {
        .src = entry->src, .dst = entry->dst, .addr_len = entry->addr_len, .id = entry->id};
    struct entry **at = &fragments->buckets[bucket_of(fragments, &key)];
    while (*at != entry)
        at = &(*at)->next_in_bucket;
    *at = entry->next_in_bucket;
    *(entry->older ? &entry->older->newer : &fragments->oldest) = entry->newer;
    *(entry->newer ? &entry->newer->older : &fragments->newest) = entry->older;
    fragments->num_entries--;
    fragments->num_bytes -= ENTRY_COST + entry->room;
}

static enum fragment_result forget(struct fragments *fragments, struct entry *entry) {
    detach(fragments, entry);
    entry_free(entry);
    return FRAGMENT_BAD;
}

static uint64_t apart_ns(const struct entry *entry, const struct fragment *fragment) {
    return entry->ts_ns > fragment->ts_ns ? entry->ts_ns - fragment->ts_ns : fragment->ts_ns - entry->ts_ns;
}

static struct entry *find(struct fragments *fragments, const struct fragment *fragment) {
    struct entry *entry = fragments->buckets[bucket_of(fragments, fragment)];
    while (entry != NULL && !same_datagram(entry, fragment))
        entry = entry->next_in_bucket;
    if (entry == NULL)
        return NULL;
    if (apart_ns(entry, fragment) <= FRAGMENT_TIMEOUT_NS)
        return entry;
    (void)forget(fragments, entry);
    return NULL;
}

/* Lets the oldest go until there is room for len more bytes; never `keep`. */
static void make_room(struct fragments *fragments, size_t len, const struct entry *keep,
                      uint64_t *num_dropped) {
    while (fragments->num_bytes + len > DECODE_FRAGMENT_BYTES_MAX ||
           fragments->num_entries > FRAGMENT_DATAGRAMS_MAX) {
        struct entry *oldest = fragments->oldest == keep ? keep->newer : fragments->oldest;
        assert(oldest != NULL); /* one alone always fits */
        (void)forget(fragments, oldest);
        (*num_dropped)++;
    }
}

static struct entry *add_entry(struct fragments *fragments, const struct fragment *fragment,
                               uint64_t *num_dropped) {
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    memcpy(entry->src, fragment->src, fragment->addr_len);
    memcpy(entry->dst, fragment->dst, fragment->addr_len);
    entry->addr_len = fragment->addr_len;
    entry->protocol = fragment->protocol;
    entry->id = fragment->id;
    entry->data_len = LEN_UNKNOWN;
    entry->number = ++fragments->num_ever;

    struct entry **bucket = &fragments->buckets[bucket_of(fragments, fragment)];
    entry->next_in_bucket = *bucket;
    *bucket = entry;
    entry->older = fragments->newest;
    *(fragments->newest ? &fragments->newest->newer : &fragments->oldest) = entry;
    fragments->newest = entry;
    fragments->num_entries++;
    fragments->num_bytes += ENTRY_COST;
    make_room(fragments, 0, entry, num_dropped);
    return entry;
}

/* Room for end bytes of data, doubled so that many small pieces cost no more than one large. */
static bool grow(struct fragments *fragments, struct entry *entry, uint32_t end, uint64_t *num_dropped) {
    uint32_t room = entry->room ? entry->room : ROOM_MIN;
    while (room < end)
        room *= 2;
    if (room == entry->room)
        return true;
    make_room(fragments, room - entry->room, entry, num_dropped);
    uint8_t *bytes = realloc(entry->bytes, FRAGMENT_HEADER_MAX + (size_t)room);
    if (bytes == NULL)
        return false;
    fragments->num_bytes += room - entry->room;
    entry->bytes = bytes;
    entry->room = room;
    return true;
}

/* Copies what has not come before, and compares what has. */
static void copy_data(struct entry *entry, const struct fragment *fragment) {
    uint8_t *data = entry->bytes + FRAGMENT_HEADER_MAX;
    for (uint32_t at = 0; at < fragment->data_len; at += UNIT) {
        uint32_t unit = (fragment->offset + at) / UNIT;
        uint64_t bit = UINT64_C(1) << unit % 64;
        uint32_t len = fragment->data_len - at < UNIT ? fragment->data_len - at : UNIT;
        if (entry->units[unit / 64] & bit) {
            entry->contradicted |= memcmp(data + fragment->offset + at, fragment->data + at, len) != 0;
            continue;
        }
        entry->units[unit / 64] |= bit;
        entry->num_units++;
        memcpy(data + fragment->offset + at, fragment->data + at, len);
    }
}

static void copy_header(struct entry *entry, const struct fragment *fragment) {
    if (fragment->offset != 0 || entry->header_len != 0)
        return;
    memcpy(entry->bytes + FRAGMENT_HEADER_MAX - fragment->header_len, fragment->header, fragment->header_len);
    entry->header_len = fragment->header_len;
    entry->next_header_at = fragment->next_header_at;
    entry->protocol = fragment->protocol;
}

/* Where the datagram ends, as far as this piece tells; false when the pieces contradict one another. */
static bool agree_on_end(struct entry *entry, const struct fragment *fragment) {
    uint32_t end = fragment->offset + fragment->data_len;
    if (!fragment->more) {
        if (entry->data_len != LEN_UNKNOWN && entry->data_len != end)
            return false;
        entry->data_len = end;
    }
    if (end > entry->end_max)
        entry->end_max = end;
    return entry->end_max <= entry->data_len;
}

/* --- pieces of what is whole --- */

static struct entry *find_finished(const struct fragments *fragments, const struct fragment *fragment) {
    for (size_t i = 1; i <= FRAGMENT_FINISHED_MAX && i <= fragments->num_finished; i++) {
        struct entry *entry = fragments->finished[(fragments->num_finished - i) % FRAGMENT_FINISHED_MAX];
        if (entry && same_datagram(entry, fragment))
            return apart_ns(entry, fragment) <= FRAGMENT_LATE_NS ? entry : NULL;
    }
    return NULL;
}

/* Whether the piece says other than the datagram that was whole. A first piece that is another one (of TCP:
 * with other ports or another sequence number) begins a datagram that has the identification by chance, or
 * from a sender that gives all the same. */
static bool contradicts(const struct entry *entry, const struct fragment *fragment) {
    const uint8_t *data = entry->bytes + FRAGMENT_HEADER_MAX;
    uint32_t end = fragment->offset + fragment->data_len;
    bool fits = fragment->more ? end <= entry->data_len : end == entry->data_len;
    if (fits && memcmp(data + fragment->offset, fragment->data, fragment->data_len) == 0)
        return false;
    if (fragment->offset > 0 || entry->data_len < UNIT || fragment->data_len < UNIT)
        return true;
    return entry->protocol == PROTOCOL_TCP && memcmp(data, fragment->data, UNIT) == 0;
}

static void hand_out(const struct entry *entry, struct datagram *whole) {
    *whole = (struct datagram){
        .number = entry->number,
        .bytes = entry->bytes + FRAGMENT_HEADER_MAX - entry->header_len,
        .header_len = entry->header_len,
        .data_len = entry->data_len,
        .next_header_at = entry->next_header_at,
        .protocol = entry->protocol,
        .contradicted = entry->contradicted,
    };
}

static void finish(struct fragments *fragments, struct entry *entry) {
    struct entry **place = &fragments->finished[fragments->num_finished++ % FRAGMENT_FINISHED_MAX];
    detach(fragments, entry);
    entry_free(*place);
    *place = entry;
}

static bool is_whole(const struct entry *entry) {
    return entry->data_len != LEN_UNKNOWN && entry->num_units == (entry->data_len + UNIT - 1) / UNIT;
}

static bool is_well_formed(const struct fragment *fragment) {
    return fragment->data_len > 0 && fragment->data_len <= DATA_MAX &&
           fragment->offset + fragment->data_len <= DATA_MAX && fragment->offset % UNIT == 0 &&
           (!fragment->more || fragment->data_len % UNIT == 0) && fragment->header_len <= FRAGMENT_HEADER_MAX;
}

enum fragment_result fragments_add(struct fragments *fragments, const struct fragment *fragment,
                                   uint64_t *num_dropped, struct datagram *whole) {
    if (!is_well_formed(fragment))
        return FRAGMENT_BAD;
    struct entry *entry = find(fragments, fragment);
    struct entry *finished = entry == NULL ? find_finished(fragments, fragment) : NULL;
    bool late = finished != NULL && contradicts(finished, fragment);
    if (entry == NULL)
        entry = add_entry(fragments, fragment, num_dropped);
    if (entry == NULL)
        return FRAGMENT_BAD;
    entry->ts_ns = fragment->ts_ns;
    if (!agree_on_end(entry, fragment) ||
        !grow(fragments, entry, fragment->offset + fragment->data_len, num_dropped))
        return forget(fragments, entry);
    copy_header(entry, fragment);
    copy_data(entry, fragment);
    whole->number = entry->number;
    if (is_whole(entry)) {
        finish(fragments, entry);
    } else if (late) {
        entry = finished;
        entry->contradicted = true;
    } else {
        return FRAGMENT_KEPT;
    }
    hand_out(entry, whole);
    return FRAGMENT_WHOLE;
}
