/* compress.h: bytes into Zstandard frames (RFC 8878), as they come; or at once into gzip (RFC 1952). */
#ifndef STARTTAP_OUTPUTS_COMPRESS_H
#define STARTTAP_OUTPUTS_COMPRESS_H

#include "buffer.h"

struct compressor;

enum compress_how {
    COMPRESS_MORE,  /* more follows */
    COMPRESS_FLUSH, /* all so far is to be readable */
    COMPRESS_END    /* the frame ends; what comes next begins another */
};

struct compressor *compressor_new(void); /* NULL: out of memory */
void compressor_free(struct compressor *compressor);

/* Appends the compressed data to out. False when memory ran out: the frame is then lost. */
bool compressor_add(struct compressor *compressor, const char *data, size_t len, enum compress_how how,
                    struct buffer *out);

/* The first len bytes, or all that there are, of what the file holds compressed; how many. */
size_t compressor_peek(int fd, char *out, size_t len);

/* Whether the file begins like a frame, or like the first bytes of one. */
bool compressor_begins_frame(int fd);

/* Whether the file is a row of whole frames, so that another may follow. */
bool compressor_is_whole(int fd);

/* Appends data as one gzip member, without name or time: the same data give the same bytes. False when memory
 * ran out. */
bool compress_gzip(const char *data, size_t len, struct buffer *out);

#endif
