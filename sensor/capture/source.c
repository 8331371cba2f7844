#include "source.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source_format.h"

#define SHOWN_BYTES 8 /* of a file that is no capture */

enum source_result source_damaged(struct source *source, const char *format, ...) {
    char cause[sizeof source->input->cause + 128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    (void)snprintf(source->message, sizeof source->message,
                   "%.512s: packet %" PRIu64 " at byte %" PRIu64 "%s: %s", source->name,
                   source->num_packets + 1, input_offset(source->input),
                   source->input->inflater ? " (decompressed)" : "", cause);
    return SOURCE_DAMAGED;
}

enum source_result source_cut(struct source *source, bool at_start, size_t want, const char *what) {
    struct input *input = source->input;
    if (input->status == INPUT_FAILED) {
        (void)source_damaged(source, "%s", input->cause);
        return SOURCE_FAILED;
    }
    if (input->status == INPUT_DAMAGED)
        return source_damaged(source, "%s", input->cause);
    if (at_start && input_left(input) == 0)
        return SOURCE_END;
    return source_damaged(source, "file is cut: %s of %zu bytes, %zu left", what, want, input_left(input));
}

/* "begins with "<html>"" or "begins with fd 37 7a 58": what a reader needs to see the mistake. */
static void describe_stranger(struct source *source, char *error, size_t error_len) {
    (void)input_fill(source->input, SHOWN_BYTES);
    const uint8_t *bytes = source->input->pos;
    size_t len = input_left(source->input) < SHOWN_BYTES ? input_left(source->input) : SHOWN_BYTES;
    char text[SHOWN_BYTES * 3 + 3];
    size_t at = 0;
    bool printable = true;
    if (len == 0) {
        bool damaged = source->input->status == INPUT_DAMAGED;
        (void)snprintf(error, error_len, "%s: %s", source->name,
                       damaged ? source->input->cause : "empty, not a capture file");
        return;
    }
    for (size_t i = 0; i < len; i++)
        printable = printable && isprint(bytes[i]);
    for (size_t i = 0; i < len; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, printable ? "%c" : " %02x", bytes[i]);
    (void)snprintf(error, error_len, "%s: not a capture file: begins with %s%s%s", source->name,
                   printable ? "\"" : "", printable ? text : text + 1, printable ? "\"" : "");
}

struct source *source_open(const char *path, char *error, size_t error_len) {
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    char cause[256] = "out of memory";
    struct source *source = calloc(1, sizeof *source);
    if (source == NULL)
        goto fail;
    source->name = strdup(name);
    if (source->name == NULL)
        goto fail;
    source->input = input_open(path, cause, sizeof cause);
    if (source->input == NULL)
        goto fail;
    if (source_start_pcap(source) || source_start_pcapng(source))
        return source;
    if (source->input->status == INPUT_FAILED) {
        (void)snprintf(cause, sizeof cause, "%s", source->input->cause);
        goto fail;
    }
    describe_stranger(source, error, error_len);
    source_close(source);
    errno = EIO;
    return NULL;
fail:
    (void)snprintf(error, error_len, "%s: %s", name, cause);
    source_close(source);
    errno = strcmp(cause, "out of memory") == 0 ? ENOMEM : EIO;
    return NULL;
}

void source_close(struct source *source) {
    if (source == NULL)
        return;
    source_cleanup_pcapng(source);
    input_close(source->input);
    free(source->name);
    free(source);
}

enum source_result source_next(struct source *source, struct packet *packet) {
    if (source->ended != SOURCE_PACKET)
        return source->ended;
    enum source_result result = source->next(source, packet);
    if (result == SOURCE_PACKET)
        source->num_packets++;
    else
        source->ended = result;
    return result;
}

enum source_result source_next_several(struct source *source, struct packet *packets, size_t max,
                                       size_t *num) {
    enum source_result result = source_next(source, &packets[0]);
    *num = result == SOURCE_PACKET ? 1 : 0;
    if (*num == 0 || source->more == NULL)
        return result;
    *num += source->more(source, packets + 1, max - 1);
    source->num_packets += *num - 1;
    return result;
}

bool source_at_hand(const struct source *source) {
    const size_t most_packets = 2048; /* and their headers */
    return source->ended == SOURCE_PACKET && input_left(source->input) >= most_packets;
}

const char *source_message(const struct source *source) {
    return source->message;
}

void source_progress(const struct source *source, uint64_t *bytes_read, uint64_t *bytes_total) {
    *bytes_read = source->input->file_read;
    *bytes_total = source->input->file_size;
}
