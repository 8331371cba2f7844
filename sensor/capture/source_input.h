/* source_input.h: the bytes of a file as one sliding window, decompressed on the way.
 *
 * A walker peeks at the bytes of a whole record in place and consumes them; only what straddles two reads is
 * ever moved. Bytes peeked at stay where they are until the next peek. */
#ifndef STARTTAP_SENSOR_CAPTURE_SOURCE_INPUT_H
#define STARTTAP_SENSOR_CAPTURE_SOURCE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_PEEK_MAX   (512u << 10) /* the most that one peek may ask for */
#define INPUT_READ_BYTES (256u << 10) /* one read(): small enough to stay in the cache until it is walked */

enum input_status {
    INPUT_OPEN,    /* more may come */
    INPUT_END,     /* the file ends here */
    INPUT_DAMAGED, /* compressed data cut or corrupt; everything before it is in the window */
    INPUT_FAILED,  /* read() failed, or was interrupted by a signal */
};

struct inflater;

struct input {
    const uint8_t *pos, *end; /* the window: read, not yet consumed */
    uint8_t *buffer;
    uint64_t base; /* offset of buffer[0] in the decompressed file */

    int fd;
    bool owns_fd;
    enum input_status status;
    char cause[128]; /* of INPUT_DAMAGED and INPUT_FAILED */

    struct inflater *inflater; /* NULL: plain */
    uint8_t *packed;           /* compressed bytes, packed_pos up to packed_len not yet inflated */
    size_t packed_pos, packed_len;

    uint64_t file_read, file_size; /* of the file as it lies on disk; size 0 when unknown */
};

/* path "-" is standard input. gzip and zstd are recognised by their magic. NULL with the cause in error. */
struct input *input_open(const char *path, char *error, size_t error_len);
void input_close(struct input *input); /* NULL is fine */

/* Slides the window on until it holds want bytes; false when the file ends before (see status). */
bool input_fill(struct input *input, size_t want);

static inline size_t input_left(const struct input *input) {
    return (size_t)(input->end - input->pos);
}

/* want (<= INPUT_PEEK_MAX) bytes at the window's start, or NULL when the file has fewer left. */
static inline const uint8_t *input_peek(struct input *input, size_t want) {
    return input_left(input) >= want || input_fill(input, want) ? input->pos : NULL;
}

/* Moves on by len bytes that were peeked at. */
static inline void input_consume(struct input *input, size_t len) {
    input->pos += len;
}

bool input_skip_far(struct input *input, uint64_t len); /* for input_skip() */

/* Moves on by len bytes, any number; false when the file ends before. */
static inline bool input_skip(struct input *input, uint64_t len) {
    if (len > input_left(input))
        return input_skip_far(input, len);
    input_consume(input, (size_t)len);
    return true;
}

/* Of the next byte, in the decompressed file. */
static inline uint64_t input_offset(const struct input *input) {
    return input->base + (uint64_t)(input->pos - input->buffer);
}

#endif
