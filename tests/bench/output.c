#include "output.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_LEN (4u << 20)

/* draft-ietf-opsawg-pcap section 4: in the machine's byte order, microseconds, Ethernet. */
static void put_file_header(struct output *output) {
    const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1};
    memcpy(output->buffer, header, sizeof header);
    output->used = output->bytes = sizeof header;
}

bool output_open(struct output *output, const char *path) {
    char facts[4096];
    snprintf(facts, sizeof facts, "%s.facts", path);
    *output = (struct output){.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644)};
    if (output->fd < 0) {
        perror(path);
        return false;
    }
    output->facts = fopen(facts, "w");
    output->buffer = malloc(BUFFER_LEN);
    if (!output->facts || !output->buffer) {
        perror(facts);
        output_close(output);
        return false;
    }
    put_file_header(output);
    return true;
}

static void flush(struct output *output) {
    size_t done = 0;
    while (done < output->used && !output->failed) {
        ssize_t wrote = write(output->fd, output->buffer + done, output->used - done);
        if (wrote <= 0)
            output->failed = true;
        else
            done += (size_t)wrote;
    }
    output->used = 0;
}

uint8_t *output_frame(struct output *output, uint64_t ts_us, uint32_t len) {
    const uint32_t header[4] = {(uint32_t)(ts_us / 1000000), (uint32_t)(ts_us % 1000000), len, len};
    if (output->used + sizeof header + len > BUFFER_LEN)
        flush(output);
    memcpy(output->buffer + output->used, header, sizeof header);
    uint8_t *at = output->buffer + output->used + sizeof header;
    output->used += sizeof header + len;
    output->bytes += sizeof header + len;
    output->packets++;
    return at;
}

bool output_close(struct output *output) {
    if (output->buffer)
        flush(output);
    free(output->buffer);
    bool good = !output->failed && close(output->fd) == 0;
    if (output->facts)
        good = fclose(output->facts) == 0 && good;
    if (!good)
        perror("writing the capture");
    *output = (struct output){.fd = -1};
    return good;
}
