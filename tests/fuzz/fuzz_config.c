/* Configuration files of hostile bytes: read or refused with a place and a cause; and what was read, written
 * down and read again is the same. Input: the file. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../sensor/config_file.h"
#include "turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int load(const void *data, size_t size, struct config *config, char *why, size_t why_len) {
    char path[64];
    static int file = -1;
    if (file < 0)
        file = memfd_create("config", MFD_CLOEXEC);
    assert(file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    bool good = config_file_load(path, config, why, why_len);
    assert(good || strncmp(why, path, strlen(path)) == 0);
    return good;
}

/* NULL: some text of it is not UTF-8, which YAML cannot say. */
static char *dump(const struct config *config, size_t *len) {
    char *text = NULL;
    FILE *stream = open_memstream(&text, len);
    assert(stream);
    bool good = config_file_dump(config, stream);
    assert(fclose(stream) == 0);
    if (!good) {
        free(text);
        text = NULL;
    }
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* Numbers for which 0 is no value, as in every configuration. */
    static const struct config base = {.ring_mb = 64,
                                       .snap_len = 262144,
                                       .sink_wait_s = 60,
                                       .spool_max_mb = 4096,
                                       .max_flows = 1000,
                                       .memory_cap_mb = 512,
                                       .workers = 1,
                                       .max_peers = 1000,
                                       .sensor_interval_s = 60,
                                       .drain_timeout_s = 30};
    struct config config = base, again = base;
    char why[512] = "";
    size_t len, again_len;
    /* What names another file is read from there: not the fuzzer's. */
    if (memmem(data, size, "filter-file", 11))
        return 0;
    if (load(data, size, &config, why, sizeof why) && has_turn(data, size, 8)) {
        char *text = dump(&config, &len);
        if (text) {
            bool good = load(text, len, &again, why, sizeof why);
            if (!good)
                fprintf(stderr, "%s\n%s", why, text);
            assert(good);
            char *text_again = dump(&again, &again_len);
            assert(text_again && len == again_len && memcmp(text, text_again, len) == 0);
            free(text_again);
        }
        free(text);
    }
    config_cleanup(&config);
    config_cleanup(&again);
    return 0;
}
