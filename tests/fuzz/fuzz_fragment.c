/* Putting datagrams together: whatever the pieces, what becomes whole is made of bytes that were sent for
 * that place, and of datagrams of which no two copies differed it is what was sent. Input: steps of which (1:
 * identification, protocol, address), how (1), offset (1), length (1). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/reader.h"
#include "../../sensor/capture/decode_fragment.h"
#include "turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NUM_KEYS 32
#define HEADER   20

enum how {
    HOW_MORE = 0x01,
    HOW_OTHER = 0x02, /* the second copy: other bytes */
    HOW_FAR = 0x04,   /* offset and length by 64, not by 8 */
    HOW_LATER = 0x08, /* the clock goes on by a second */
    HOW_MUCH = 0x10,  /* and by a minute */
    HOW_BACK = 0x20,  /* or back */
    HOW_ODD = 0x40,   /* a length that is no multiple of 8 */
    HOW_FLOOD = 0x80, /* with all else: a thousand datagrams of others */
};

static uint8_t byte_at(unsigned key, uint32_t offset, bool other) {
    return (uint8_t)(offset * 3 + (offset >> 8) + key * 11 + (other ? 128 : 0));
}

struct scene {
    struct fragments *fragments;
    uint64_t ts_ns, num_dropped, num_whole;
    bool other[NUM_KEYS]; /* some piece of it had other bytes */
};

static void check_whole(const struct scene *scene, unsigned key, const struct datagram *whole) {
    assert(whole->header_len == HEADER && whole->data_len > 0 && whole->data_len <= 65535);
    for (uint32_t i = 0; i < whole->header_len; i++)
        assert(whole->bytes[i] == key);
    const uint8_t *data = whole->bytes + whole->header_len;
    uint8_t differs = 0; /* the other copy's bytes differ in the highest bit, without branches that is fast */
    for (uint32_t i = 0; i < whole->data_len; i++)
        differs |= data[i] ^ byte_at(key, i, false);
    assert(differs == 0 || (differs == 128 && scene->other[key]));
}

static void add(struct scene *scene, unsigned key, uint8_t how, uint32_t offset, uint32_t len) {
    const uint8_t addresses[2][16] = {{(uint8_t)(key & 3)}, {9}};
    struct datagram whole = {0};
    uint8_t header[HEADER], *data = malloc(len > 0 ? len : 1);
    assert(data);
    memset(header, (int)key, sizeof header);
    for (uint32_t i = 0; i < len; i++)
        data[i] = byte_at(key, offset + i, how & HOW_OTHER);
    scene->other[key] |= (how & HOW_OTHER) != 0;
    const struct fragment fragment = {
        .src = addresses[0],
        .dst = addresses[1],
        .addr_len = key & 4 ? 16 : 4,
        .protocol = 6,
        .id = key >> 3,
        .offset = offset,
        .more = how & HOW_MORE,
        .header = header,
        .header_len = HEADER,
        .next_header_at = 6,
        .data = data,
        .data_len = len,
        .ts_ns = scene->ts_ns,
    };
    if (fragments_add(scene->fragments, &fragment, &scene->num_dropped, &whole) == FRAGMENT_WHOLE) {
        check_whole(scene, key, &whole);
        memset(whole.bytes, (int)key, whole.header_len); /* the caller may write to it */
        scene->num_whole++;
    }
    free(data);
}

/* Datagrams that never become whole, so that the oldest go. */
static void flood(struct scene *scene, uint32_t len) {
    static const uint8_t src[4] = {7}, dst[4] = {9};
    static uint8_t bytes[4096];
    struct datagram whole;
    for (uint32_t i = 0; i < 1100; i++) {
        const struct fragment fragment = {.src = src,
                                          .dst = dst,
                                          .addr_len = 4,
                                          .protocol = 6,
                                          .id = i,
                                          .offset = len % 64 * 8,
                                          .more = true,
                                          .header = bytes,
                                          .header_len = HEADER,
                                          .data = bytes,
                                          .data_len = 8,
                                          .ts_ns = scene->ts_ns};
        (void)fragments_add(scene->fragments, &fragment, &scene->num_dropped, &whole);
    }
    assert(scene->num_dropped > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct scene scene = {.fragments = fragments_new(), .ts_ns = UINT64_C(1700000000000000000)};
    struct reader in = reader_of(data, size);
    unsigned floods = has_turn(data, size, 2048) ? 0 : 1;
    assert(scene.fragments);
    while (reader_left(&in) >= 4) {
        unsigned key = reader_u8(&in) % NUM_KEYS;
        uint8_t how = reader_u8(&in);
        uint32_t unit = how & HOW_FAR ? 256 : 8, offset = reader_u8(&in) * unit, len = reader_u8(&in) * unit;
        if (how & HOW_ODD)
            len += 3;
        if (how & HOW_LATER)
            scene.ts_ns += UINT64_C(1000000000) * (how & HOW_MUCH ? 60 : 1);
        if (how & HOW_BACK)
            scene.ts_ns -= UINT64_C(1500000000);
        if (how == 0xff && floods++ == 0)
            flood(&scene, len);
        else
            add(&scene, key, how, offset, len);
    }
    fragments_free(scene.fragments);
    return 0;
}
