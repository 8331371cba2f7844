/* smtp_input.h: a fuzzer's bytes as an SMTP conversation: one byte of flags (bit 0: midstream), then chunks:
 * an operation, a length, that many bytes. Operation: bit 0 the side; bits 1 to 3: 6 a gap, 7 smtp_resume(),
 * else bytes. */
#ifndef STARTTAP_TESTS_FUZZ_SMTP_INPUT_H
#define STARTTAP_TESTS_FUZZ_SMTP_INPUT_H

#include "../unit/smtp_drive.h"

#define ARRIVALS_MAX 8192

/* arrivals: the order of the bytes as they were written; room for ARRIVALS_MAX. True: the session resumes. */
static inline bool read_input(const uint8_t *data, size_t len, struct conversation *conversation,
                              struct arrival *arrivals, size_t *num_order) {
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

#endif
