#define ZLIB_CONST /* of zlib.h: what is read is not written */
#include "compress.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define ROOM (128u << 10) /* for output, at a time; what the library recommends */

struct compressor {
    ZSTD_CCtx *context;
    bool in_frame; /* something was put in since the last frame ended */
};

struct compressor *compressor_new(void) {
    struct compressor *compressor = calloc(1, sizeof *compressor);
    if (compressor != NULL) {
        compressor->context = ZSTD_createCCtx();
    }
    if (compressor == NULL || compressor->context == NULL) {
        compressor_free(compressor);
        return NULL;
    }
    (void)ZSTD_CCtx_setParameter(compressor->context, ZSTD_c_checksumFlag, 1);
    return compressor;
}

void compressor_free(struct compressor *compressor) {
    if (compressor != NULL) {
        (void)ZSTD_freeCCtx(compressor->context);
        free(compressor);
    }
}

bool compressor_add(struct compressor *compressor, const char *data, size_t len, enum compress_how how,
                    struct buffer *out) {
    static const ZSTD_EndDirective directives[] = {
        [COMPRESS_MORE] = ZSTD_e_continue, [COMPRESS_FLUSH] = ZSTD_e_flush, [COMPRESS_END] = ZSTD_e_end};
    ZSTD_inBuffer in = {data, len, 0};
    if (len == 0 && !compressor->in_frame) {
        return true; /* no empty frames */
    }
    compressor->in_frame = how != COMPRESS_END;
    for (size_t left = 1; left > 0 || in.pos < in.size;) {
        if (!buffer_reserve(out, ROOM)) {
            return false;
        }
        ZSTD_outBuffer room = {out->data + out->len, ROOM, 0};
        left = ZSTD_compressStream2(compressor->context, &room, &in, directives[how]);
        if (ZSTD_isError(left)) {
            return false;
        }
        out->len += room.pos;
        if (how == COMPRESS_MORE && in.pos == in.size) {
            break; /* left is what the library keeps for later */
        }
    }
    return true;
}

size_t compressor_peek(int fd, char *out, size_t len) {
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_outBuffer room = {out, len, 0};
    char data[4096];
    off_t at = 0;
    ssize_t num = 0;
    bool good = context != NULL;
    while (good && room.pos < len && (num = pread(fd, data, sizeof data, at)) > 0) {
        ZSTD_inBuffer in = {data, (size_t)num, 0};
        while (good && room.pos < len && in.pos < in.size) {
            good = !ZSTD_isError(ZSTD_decompressStream(context, &room, &in));
        }
        at += num;
    }
    (void)ZSTD_freeDCtx(context);
    return room.pos;
}

bool compressor_begins_frame(int fd) {
    static const unsigned char magic[] = {0x28, 0xB5, 0x2F, 0xFD}; /* RFC 8878 section 3.1.1 */
    unsigned char first[sizeof magic];
    ssize_t len = pread(fd, first, sizeof first, 0);
    return len > 0 && memcmp(first, magic, (size_t)len) == 0;
}

bool compressor_is_whole(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return false;
    }
    size_t len = (size_t)status.st_size;
    const char *data = len > 0 ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (data == MAP_FAILED) {
        return false;
    }
    size_t pos = 0;
    while (pos < len) {
        size_t frame = ZSTD_findFrameCompressedSize(data + pos, len - pos);
        if (ZSTD_isError(frame)) {
            break;
        }
        pos += frame;
    }
    if (data != NULL) {
        (void)munmap((void *)(uintptr_t)data, len);
    }
    return pos == len;
}

bool compress_gzip(const char *data, size_t len, struct buffer *out) {
    const int gzip_bits = 15 + 16, memory_level = 8;
    z_stream stream = {0};
    if (len > UINT_MAX || deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_bits, memory_level,
                                       Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    uLong room = deflateBound(&stream, (uLong)len);
    bool good = room <= UINT_MAX && buffer_reserve(out, room);
    if (good) {
        stream.next_in = (const Bytef *)data;
        stream.avail_in = (uInt)len;
        stream.next_out = (Bytef *)out->data + out->len;
        stream.avail_out = (uInt)room;
        good = deflate(&stream, Z_FINISH) == Z_STREAM_END;
        out->len += good ? stream.total_out : 0;
    }
    (void)deflateEnd(&stream);
    return good;
}
