#include "source_input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source_inflate.h"

/* Room for what is left of a record that straddles two reads, and one more read behind it. */
#define BUFFER_BYTES (INPUT_PEEK_MAX + INPUT_READ_BYTES)
/* One read, behind the fewer than INFLATE_MAGIC_LEN bytes that a pipe may have given before. */
#define PACKED_BYTES (INFLATE_MAGIC_LEN + INPUT_READ_BYTES)

/* At most len bytes from the file to out; 0 with the status changed at the end or on failure. */
static size_t read_file(struct input *input, uint8_t *out, size_t len) {
    ssize_t got = read(input->fd, out, len);
    if (got < 0) {
        /* EINTR as well: only a signal that wants the program's attention interrupts a read. */
        input->status = INPUT_FAILED;
        (void)snprintf(input->cause, sizeof input->cause, "%s", strerror(errno));
        return 0;
    }
    if (got == 0)
        input->status = INPUT_END;
    input->file_read += (uint64_t)got;
    return (size_t)got;
}

static void damaged(struct input *input, const char *cause) {
    if (cause == inflate_no_memory) {
        input->status = INPUT_FAILED;
        (void)snprintf(input->cause, sizeof input->cause, "%s", cause);
        return;
    }
    input->status = INPUT_DAMAGED;
    (void)snprintf(input->cause, sizeof input->cause, "compressed data: %s", cause);
}

/* Like read_file(), of what the compressed bytes stand for; may yield 0 with more to come. */
static size_t read_inflated(struct input *input, uint8_t *out, size_t len) {
    if (input->packed_pos == input->packed_len) {
        input->packed_pos = 0;
        input->packed_len = read_file(input, input->packed, INPUT_READ_BYTES);
    }
    /* At the file's end the decoder may still hold output back, so it is asked before the end is believed. */
    const char *cause = NULL;
    size_t before = input->packed_pos;
    bool at_end = input->status == INPUT_END;
    if (input->status == INPUT_FAILED || (at_end && inflate_complete(input->inflater)))
        return 0;
    size_t got =
        inflate_step(input->inflater, input->packed, input->packed_len, &input->packed_pos, out, len, &cause);
    if (cause != NULL)
        damaged(input, cause);
    else if (got == 0 && input->packed_pos == before)
        damaged(input, "cut short");
    else
        input->status = INPUT_OPEN;
    return got;
}

bool input_fill(struct input *input, size_t want) {
    assert(want <= INPUT_PEEK_MAX);
    size_t left = input_left(input);
    input->base = input_offset(input);
    memmove(input->buffer, input->pos, left);
    input->pos = input->buffer;
    while (left < want && input->status == INPUT_OPEN) {
        uint8_t *out = input->buffer + left;
        left += input->inflater ? read_inflated(input, out, INPUT_READ_BYTES)
                                : read_file(input, out, INPUT_READ_BYTES);
    }
    input->end = input->buffer + left;
    return left >= want;
}

bool input_skip_far(struct input *input, uint64_t len) {
    while (len > input_left(input)) {
        len -= input_left(input);
        input_consume(input, input_left(input));
        if (!input_fill(input, 1))
            return false;
    }
    input_consume(input, (size_t)len);
    return true;
}

/* The first bytes as they lie on disk decide; they become compressed input when they are. */
static bool start_inflating(struct input *input) {
    (void)input_fill(input, INFLATE_MAGIC_LEN);
    if (!inflate_knows(input->pos, input_left(input)))
        return true;
    input->inflater = inflate_new(input->pos, input_left(input));
    input->packed = malloc(PACKED_BYTES);
    if (input->inflater == NULL || input->packed == NULL)
        return false;
    input->packed_len = input_left(input);
    assert(input->packed_len <= PACKED_BYTES);
    memcpy(input->packed, input->buffer, input->packed_len);
    input->pos = input->end = input->buffer;
    if (input->status == INPUT_END)
        input->status = INPUT_OPEN; /* of the file, not of what it inflates to */
    return true;
}

static bool open_file(struct input *input, const char *path) {
    struct stat status;
    bool standard = strcmp(path, "-") == 0;
    input->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0)
        return false;
    input->owns_fd = !standard;
    if (fstat(input->fd, &status) != 0)
        return false;
    if (S_ISREG(status.st_mode)) {
        input->file_size = (uint64_t)status.st_size;
        (void)posix_fadvise(input->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return true;
}

struct input *input_open(const char *path, char *error, size_t error_len) {
    struct input *input = calloc(1, sizeof *input);
    if (input == NULL)
        goto out_of_memory;
    input->fd = -1;
    input->buffer = malloc(BUFFER_BYTES);
    if (input->buffer == NULL)
        goto out_of_memory;
    input->pos = input->end = input->buffer;
    if (!open_file(input, path)) {
        (void)snprintf(error, error_len, "%s", strerror(errno));
        goto fail;
    }
    if (!start_inflating(input))
        goto out_of_memory;
    if (input->status == INPUT_FAILED) {
        (void)snprintf(error, error_len, "%s", input->cause);
        goto fail;
    }
    return input;
out_of_memory:
    (void)snprintf(error, error_len, "out of memory");
fail:
    input_close(input);
    return NULL;
}

void input_close(struct input *input) {
    if (input == NULL)
        return;
    if (input->owns_fd && input->fd >= 0)
        (void)close(input->fd);
    inflate_free(input->inflater);
    free(input->packed);
    free(input->buffer);
    free(input);
}
