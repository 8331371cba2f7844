/* Key logs of hostile bytes: in one piece and in pieces, the same secrets and the same complaints. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../sensor/judge/keylog.h"
#include "turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_complaint(void *context, uint64_t line, const char *cause) {
    uint64_t *sum = context;
    assert(line > 0 && strlen(cause) > 0);
    *sum = *sum * 31 + line + (uint64_t)cause[4];
}

/* Looks for the secrets of every place that could be a client random, and at the corners of the table. */
static void compare(struct keylog *whole, struct keylog *parts, const uint8_t *data, size_t size,
                    size_t places) {
    struct keylog_secret a, b;
    uint8_t random[KEYLOG_RANDOM_LEN] = {0};
    for (size_t i = 0; i < places; i++) {
        if (size >= sizeof random)
            memcpy(random, data + i % (size - sizeof random + 1), sizeof random);
        for (enum keylog_label label = KEYLOG_CLIENT_HANDSHAKE; label <= KEYLOG_SERVER_APPLICATION; label++) {
            bool found = keylog_find(whole, random, label, &a);
            assert(found == keylog_find(parts, random, label, &b));
            assert(!found || (a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0));
        }
    }
}

/* The first byte says how long the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t sums[2] = {0};
    if (size < 1)
        return 0;
    size_t part = 1 + (size_t)data[0];
    size_t places = has_turn(data, size, 32) ? 64 : 1;
    data++, size--;
    struct keylog *whole = keylog_new(on_complaint, &sums[0]), *parts = keylog_new(on_complaint, &sums[1]);
    assert(whole && parts);
    keylog_push(whole, data, size);
    for (size_t at = 0; at < size; at += part) {
        keylog_push(parts, data + at, size - at < part ? size - at : part);
        if (at % 3 == 0) /* a search between: sorted too early is still sorted right */
            compare(parts, parts, data, 0, places);
    }
    keylog_end(whole);
    keylog_end(parts);
    assert(sums[0] == sums[1] && keylog_num_secrets(whole) == keylog_num_secrets(parts));
    compare(whole, parts, data, size, places);
    keylog_free(whole);
    keylog_free(parts);
    return 0;
}
