/* source_inflate.h: gzip (RFC 1952) and zstd (RFC 8878) streams, by zlib and libzstd. No I/O.
 *
 * A thread inflates ahead of who reads, as far as the input given to it and a few blocks of output allow;
 * where no thread can be had, the reader does it itself. */
#ifndef STARTTAP_SENSOR_CAPTURE_SOURCE_INFLATE_H
#define STARTTAP_SENSOR_CAPTURE_SOURCE_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INFLATE_MAGIC_LEN 4

extern const char inflate_no_memory[]; /* a cause: the data may be sound, but there was no memory */

struct inflater;

/* Does a file that begins with these bytes need inflating? */
bool inflate_knows(const uint8_t *magic, size_t len);

/* For a stream that inflate_knows(). NULL: out of memory. */
struct inflater *inflate_new(const uint8_t *magic, size_t len);
void inflate_free(struct inflater *inflater); /* NULL is fine */

/* Inflates from in[*in_pos, in_len) to out, at most out_len bytes; members and frames may follow one another.
 * Moves *in_pos and returns the bytes written; as long as it returned some and did not move *in_pos, the same
 * input is to be given again, unchanged: the thread still reads it. When it sets *cause, the data are corrupt
 * after those bytes, unless that is inflate_no_memory. */
size_t inflate_step(struct inflater *inflater, const uint8_t *in, size_t in_len, size_t *in_pos, uint8_t *out,
                    size_t out_len, const char **cause);

/* May the stream end here? False inside a member or frame. */
bool inflate_complete(const struct inflater *inflater);

#endif
