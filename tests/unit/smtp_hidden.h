/* smtp_hidden.h: what smtp_hide_by() hides of a conversation, and the same conversation with zeros there. */
#ifndef STARTTAP_TESTS_SMTP_HIDDEN_H
#define STARTTAP_TESTS_SMTP_HIDDEN_H

#include "smtp_drive.h"

/* Which bytes of each side are hidden. */
struct hidden {
    const struct conversation *conversation;
    bool *bytes[2]; /* true: hidden */
    uint64_t end[2];
    bool disorder; /* ranges came twice, or not in order */
};

static inline void on_hidden(void *context, enum side side, uint64_t from, uint64_t to) {
    struct hidden *hidden = context;
    const struct stream *stream = &hidden->conversation->sides[side];
    size_t marks = 0;
    hidden->disorder = hidden->disorder || from > to || from < hidden->end[side];
    hidden->end[side] = to;
    for (size_t i = 0; i < stream->len; i++) {
        while (marks < stream->num_marks && stream->marks[marks].at <= i) {
            marks++;
        }
        uint64_t offset = stream_offset(stream, i, marks);
        if (offset >= to) {
            break;
        }
        hidden->bytes[side][i] = hidden->bytes[side][i] || offset >= from;
    }
}

/* drive_all() with the parser told to say what it hides, each side's place told before each of its bytes. TLS
 * is ciphertext: nothing of it is hidden. */
static inline struct smtp *drive_hidden(const struct conversation *conversation,
                                        const struct arrival *arrivals, size_t num_arrivals,
                                        struct hidden *hidden) {
    *hidden = (struct hidden){.conversation = conversation};
    for (int side = 0; side < 2; side++) {
        hidden->bytes[side] = calloc(conversation->sides[side].len + 1, sizeof(bool));
        if (hidden->bytes[side] == NULL) {
            abort();
        }
    }
    struct smtp *smtp = drive_hiding(conversation, arrivals, num_arrivals, on_hidden, hidden);
    smtp_hide_finish(smtp);
    return smtp;
}

static inline void hidden_cleanup(struct hidden *hidden) {
    free(hidden->bytes[0]);
    free(hidden->bytes[1]);
}

/* The same conversation with `with` where something is hidden; cleaned up by the caller. */
static inline void conversation_scrub(const struct conversation *from, const struct hidden *hidden,
                                      uint8_t with, struct conversation *to) {
    *to = *from;
    for (int side = 0; side < 2; side++) {
        to->sides[side].bytes = NULL;
        to->sides[side].len = 0;
        stream_add(&to->sides[side], from->sides[side].bytes, from->sides[side].len);
        for (size_t i = 0; i < to->sides[side].len; i++) {
            if (hidden->bytes[side][i]) {
                to->sides[side].bytes[i] = with;
            }
        }
    }
}

#endif
