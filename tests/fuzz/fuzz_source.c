/* The input is a whole capture file, of any format and wrapping. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../sensor/capture/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A compressed bomb is read on, but not by a fuzzer. */
#define PACKETS_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    char path[64], error[256] = "";
    static int file = -1; /* one for all inputs: the kernel takes longer than the sensor */
    if (file < 0)
        file = memfd_create("capture", MFD_CLOEXEC);
    assert(file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, data, len, 0) == (ssize_t)len);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);

    struct source *source = source_open(path, error, sizeof error);
    assert((source == NULL) == (error[0] != '\0'));
    enum source_result result = SOURCE_END;
    unsigned sum = 0;
    for (long num = 0; source != NULL && num < PACKETS_MAX; num++) {
        struct packet packet;
        result = source_next(source, &packet);
        if (result != SOURCE_PACKET)
            break;
        assert(packet.captured_len <= packet.wire_len);
        for (uint32_t i = 0; i < packet.captured_len; i++)
            sum += packet.data[i];
    }
    if (result == SOURCE_DAMAGED)
        assert(strstr(source_message(source), path) != NULL);
    static volatile unsigned sink;
    sink = sum;
    (void)sink;
    source_close(source);
    return 0;
}
