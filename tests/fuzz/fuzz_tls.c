/* The handshake follower under hostile bytes. The input is cut into pushes of both sides and gaps by its own
 * bytes; the same bytes are followed again in one push per run of a side, and both must say the same (split
 * invariance). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../parsers/tls.h"
#include "../../parsers/tls_fingerprint.h"
#include "turn.h"

struct seen {
    size_t num_hellos[2], num_certificates[2];
    uint64_t sealed_bytes[2], data_bytes[2];
};

static void on_client_hello(void *context, const struct tls_client_hello *hello) {
    struct seen *seen = context;
    struct tls_ja4_text ja4;
    static char text[TLS_FINGERPRINT_MAX];
    seen->num_hellos[SIDE_CLIENT]++;
    size_t len = tls_ja3_text(hello, text, sizeof text);
    assert(hello->sslv2_format ? len == 0 : len == strlen(text) && len > 0);
    assert(tls_ja4_text(hello, text, sizeof text, &ja4) == !hello->sslv2_format);
    (void)tls_ja4_text(hello, text, 40, &ja4);
}

static void on_server_hello(void *context, const struct tls_server_hello *hello) {
    struct seen *seen = context;
    static char text[TLS_FINGERPRINT_MAX];
    seen->num_hellos[SIDE_SERVER]++;
    assert(tls_ja3s_text(hello, text, sizeof text) > 0);
}

static void on_certificate(void *context, enum side from, size_t index, size_t num, const uint8_t *der,
                           size_t len) {
    struct seen *seen = context;
    uint8_t sum = 0;
    assert(index < num && index < TLS_CHAIN_MAX);
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + der[i]);
    }
    seen->num_certificates[from] += 1u + (sum & 1u);
}

static void on_sealed(void *context, enum side from, const uint8_t *record, size_t len) {
    struct seen *seen = context;
    assert(len >= 5 && len == 5u + (size_t)(record[3] << 8 | record[4]));
    seen->sealed_bytes[from] += len;
}

static void on_data(void *context, enum side from, size_t offset, size_t len) {
    struct seen *seen = context;
    assert(len > 0 && offset <= SIZE_MAX - len);
    seen->data_bytes[from] += len;
}

/* A step: one byte of control (bit 0 the side, bits 1 and 2 what), one of length, then the bytes. */
struct step {
    enum side side;
    enum { STEP_PUSH, STEP_GAP, STEP_PLAIN } what;
    const uint8_t *data;
    size_t len;
};

static bool next_step(struct reader *in, struct step *step) {
    if (reader_left(in) < 3) {
        return false;
    }
    uint8_t control = reader_u8(in);
    size_t len = reader_u8(in) * ((control & 0x80) != 0 ? 16u : 1u);
    step->side = control & 1 ? SIDE_SERVER : SIDE_CLIENT;
    step->what = (control & 0x0e) == 2 ? STEP_GAP : (control & 0x0e) == 4 ? STEP_PLAIN : STEP_PUSH;
    step->len = len < reader_left(in) ? len : reader_left(in);
    step->data = step->what == STEP_GAP ? NULL : reader_bytes(in, step->len);
    return true;
}

/* A copy of exactly that size, so that the sanitizer sees a read beyond it. */
static void push(struct tls *tls, const struct step *step, size_t piece) {
    for (size_t at = 0; at < step->len; at += piece) {
        size_t len = step->len - at < piece ? step->len - at : piece;
        uint8_t *copy = malloc(len);
        size_t passed = 0, consumed = 0;
        assert(copy != NULL);
        memcpy(copy, step->data + at, len);
        if (!tls_pass(tls, step->side, copy, len, &passed)) {
            enum parse_result result = tls_push(tls, step->side, copy + passed, len - passed, &consumed);
            assert(result == PARSE_OK ? consumed == len - passed : consumed < len - passed);
        }
        free(copy);
    }
}

/* Without on_sealed() and on_data(), application data is passed over. */
static struct tls *follow(const uint8_t *data, size_t size, size_t piece, bool passes, struct seen *seen) {
    struct tls_handler handler = {seen, on_client_hello, on_server_hello, on_certificate, on_sealed, on_data};
    if (passes) {
        handler.protected_record = NULL;
        handler.application_data = NULL;
    }
    struct tls *tls = tls_new(&handler);
    struct reader in = reader_of(data, size);
    struct step step;
    assert(tls != NULL);
    while (next_step(&in, &step)) {
        if (step.what == STEP_GAP) {
            tls_gap(tls, step.side, step.len);
        } else if (step.what == STEP_PLAIN && step.len > 0) {
            tls_push_plain(tls, step.side, step.len % 3 == 0 ? 21 : 22, step.data, step.len);
        } else {
            push(tls, &step, piece);
        }
        assert(tls_memory(tls) < 2u * (TLS_MESSAGE_MAX + 65536u) + 4096u);
    }
    return tls;
}

static void compare_facts(const struct tls *a, const struct tls *b) {
    struct tls_facts x = *tls_facts(a), y = *tls_facts(b);
    assert((x.server_name == NULL) == (y.server_name == NULL));
    assert((x.next_protocol == NULL) == (y.next_protocol == NULL));
    x.server_name = y.server_name = x.next_protocol = y.next_protocol = NULL;
    assert(memcmp(&x, &y, sizeof x) == 0);
}

/* Byte by byte, the same comes out. */
static void compare_cut(struct tls *a, const struct seen *seen_a, const uint8_t *data, size_t size) {
    struct seen seen_b = {0};
    struct tls *b = follow(data, size, 1, false, &seen_b);
    compare_facts(a, b);
    assert(memcmp(seen_a, &seen_b, sizeof seen_b) == 0);
    tls_free(b);
}

/* And when application data is passed over. */
static void compare_passing(struct tls *a, const uint8_t *data, size_t size, size_t piece) {
    struct seen seen_b = {0};
    struct tls *b = follow(data, size, piece, true, &seen_b);
    compare_facts(a, b);
    tls_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct seen seen = {0};
    struct tls *tls = follow(data, size, SIZE_MAX, false, &seen);
    compare_passing(tls, data, size, SIZE_MAX);
    if (has_turn(data, size, 32)) {
        compare_cut(tls, &seen, data, size);
        compare_passing(tls, data, size, 1);
    }
    tls_free(tls);
    return 0;
}
