#include "source_inflate.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "../../parsers/reader.h"

#define GZIP_MAGIC          0x1f8bu     /* RFC 1952 section 2.3.1 */
#define ZSTD_FRAME_MAGIC    0xfd2fb528u /* RFC 8878 section 3.1.1 */
#define ZSTD_SKIPPABLE      0x184d2a50u /* RFC 8878 section 3.1.2; pzstd begins its files with such a frame */
#define ZSTD_SKIPPABLE_MASK 0xfffffff0u
#define GZIP_WINDOW_BITS    (15 + 16) /* zlib's largest window, gzip wrapper only */

struct inflater {
    bool complete;        /* between members or frames */
    z_stream zlib;        /* when zstd is NULL */
    ZSTD_DStream *zstd;   /* NULL: gzip */
    size_t zstd_in_bytes; /* what the decoder wants next */
};

static bool is_gzip(const uint8_t *magic, size_t len) {
    struct reader r = reader_of(magic, len);
    return reader_u16(&r) == GZIP_MAGIC;
}

static bool is_zstd(const uint8_t *magic, size_t len) {
    struct reader r = reader_of(magic, len);
    uint32_t value = reader_u32le(&r);
    return value == ZSTD_FRAME_MAGIC || (value & ZSTD_SKIPPABLE_MASK) == ZSTD_SKIPPABLE;
}

bool inflate_knows(const uint8_t *magic, size_t len) {
    return is_gzip(magic, len) || is_zstd(magic, len);
}

struct inflater *inflate_new(const uint8_t *magic, size_t len) {
    struct inflater *inflater = calloc(1, sizeof *inflater);
    if (inflater == NULL)
        return NULL;
    bool ok;
    if (is_gzip(magic, len)) {
        ok = inflateInit2(&inflater->zlib, GZIP_WINDOW_BITS) == Z_OK;
    } else {
        inflater->zstd = ZSTD_createDStream();
        ok = inflater->zstd != NULL;
        inflater->zstd_in_bytes = ok ? ZSTD_initDStream(inflater->zstd) : 0;
    }
    if (!ok) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

void inflate_free(struct inflater *inflater) {
    if (inflater == NULL)
        return;
    if (inflater->zstd == NULL)
        (void)inflateEnd(&inflater->zlib);
    ZSTD_freeDStream(inflater->zstd);
    free(inflater);
}

static size_t step_gzip(struct inflater *inflater, const uint8_t *in, size_t in_len, size_t *in_pos,
                        uint8_t *out, size_t out_len, const char **cause) {
    z_stream *zlib = &inflater->zlib;
    if (inflater->complete)
        (void)inflateReset(zlib); /* RFC 1952 section 2.2: members simply follow one another */
    assert(in_len <= UINT_MAX && out_len <= UINT_MAX);
    zlib->next_in = (z_const Bytef *)(uintptr_t)(in + *in_pos); /* zlib does not write there */
    zlib->avail_in = (unsigned)(in_len - *in_pos);
    zlib->next_out = out;
    zlib->avail_out = (unsigned)out_len;
    int result = inflate(zlib, Z_NO_FLUSH);
    *in_pos = in_len - zlib->avail_in;
    inflater->complete = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        *cause = zlib->msg ? zlib->msg : zError(result);
    return out_len - zlib->avail_out;
}

static size_t step_zstd(struct inflater *inflater, const uint8_t *in, size_t in_len, size_t *in_pos,
                        uint8_t *out, size_t out_len, const char **cause) {
    /* Block by block, as the decoder asks: on an error libzstd forgets all that the same call had produced.
     */
    size_t left = in_len - *in_pos;
    size_t share = left < inflater->zstd_in_bytes ? left : inflater->zstd_in_bytes;
    ZSTD_inBuffer from = {in, *in_pos + share, *in_pos};
    ZSTD_outBuffer to = {out, out_len, 0};
    size_t result = ZSTD_decompressStream(inflater->zstd, &to, &from);
    *in_pos = from.pos;
    inflater->complete = result == 0;
    if (ZSTD_isError(result))
        *cause = ZSTD_getErrorName(result);
    else
        inflater->zstd_in_bytes = result > 0 ? result : ZSTD_initDStream(inflater->zstd);
    return to.pos;
}

size_t inflate_step(struct inflater *inflater, const uint8_t *in, size_t in_len, size_t *in_pos, uint8_t *out,
                    size_t out_len, const char **cause) {
    return inflater->zstd ? step_zstd(inflater, in, in_len, in_pos, out, out_len, cause)
                          : step_gzip(inflater, in, in_len, in_pos, out, out_len, cause);
}

bool inflate_complete(const struct inflater *inflater) {
    return inflater->complete;
}
