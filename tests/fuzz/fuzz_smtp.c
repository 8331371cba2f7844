/* Fuzzes the SMTP parser with both streams at once.
 *
 * Input: one byte of flags (bit 0: midstream), then chunks: an operation, a length, that many bytes.
 * Operation: bit 0 the side; bits 1 to 3: 6 a gap, 7 smtp_resume(), else bytes.
 * Besides what the sanitizers see: the facts must not depend on the interleaving of the streams nor on
 * their cuts. (What the session resumes depends on when it does so: then nothing is compared.) */
#include "../unit/smtp_drive.h"

#define ARRIVALS_MAX 8192

static struct arrival arrivals[ARRIVALS_MAX];

static char *facts_after(const struct conversation *conversation, size_t num_arrivals) {
    struct smtp *smtp = drive_all(conversation, arrivals, num_arrivals);
    char *text = facts_text(smtp);
    smtp_free(smtp);
    return text;
}

/* Pieces and sides as the bytes of data say. */
static size_t mixed_arrivals(const uint8_t *data, size_t len) {
    size_t num = 0;
    for (; num < len && num < ARRIVALS_MAX; num++) {
        arrivals[num] = (struct arrival){data[num] & 1 ? SIDE_CLIENT : SIDE_SERVER, 1 + (data[num] >> 1) % 8};
    }
    return num;
}

static bool read_input(const uint8_t *data, size_t len, struct conversation *conversation,
                       size_t *num_order) {
    bool resumes = false;
    size_t at = 1, num = 0;
    conversation->midstream = data[0] & 1;
    while (at + 2 <= len) {
        enum side side = data[at] & 1 ? SIDE_SERVER : SIDE_CLIENT;
        unsigned operation = (data[at] >> 1) & 7;
        size_t piece = data[at + 1];
        at += 2;
        piece = piece < len - at ? piece : len - at;
        if (operation == 6) {
            stream_mark(&conversation->sides[side], MARK_GAP, piece + 1);
        } else if (operation == 7) {
            stream_mark(&conversation->sides[side], MARK_RESUME, 0);
            resumes = true;
        } else {
            stream_add(&conversation->sides[side], data + at, piece);
            at += piece;
            if (num < ARRIVALS_MAX) {
                arrivals[num++] = (struct arrival){side, piece};
            }
        }
    }
    *num_order = num;
    return resumes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct conversation conversation = {0};
    size_t num;
    if (len < 3 || len > 1u << 16) {
        return 0;
    }
    bool resumes = read_input(data, len, &conversation, &num);
    char *as_written = facts_after(&conversation, num);
    char *mixed = facts_after(&conversation, mixed_arrivals(data, len));
    char *client_first = facts_after(&conversation, 0);
    if (!resumes && (strcmp(as_written, mixed) != 0 || strcmp(as_written, client_first) != 0)) {
        fprintf(stderr, "as written\n%s\nmixed\n%s\nclient first\n%s", as_written, mixed, client_first);
        abort();
    }
    free(as_written);
    free(mixed);
    free(client_first);
    conversation_cleanup(&conversation);
    return 0;
}
