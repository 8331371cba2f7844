/* smtp_fold.c: the parser's state, folded. */
#include <stdlib.h>

#include "fold.h"
#include "smtp_headers.h"
#include "smtp_internal.h"

/* Which lists hold something is told by a bit for each; how many texts, by a byte. */
_Static_assert(SMTP_NUM_TEXTS <= 16, "16 bits");
_Static_assert(SMTP_CAPABILITIES_MAX < UINT8_MAX && SMTP_DOMAINS_MAX < UINT8_MAX, "a byte");

bool smtp_fold(const struct smtp *smtp, struct fold *fold) {
    bool open = smtp_line_begun(&smtp->client.line) || smtp_line_begun(&smtp->server.line);
    if (open || smtp->hiding != NULL || smtp->received != NULL || smtp->queue.room > 0) {
        return false;
    }
    struct smtp state = *smtp;
    unsigned kept = 0;
    for (unsigned i = 0; i < SMTP_NUM_TEXTS; i++) {
        kept |= (unsigned)(smtp_list_num(&smtp->texts[i]) > 0) << i;
        state.texts[i] = (struct smtp_list){0};
    }
    state.texts_held = 0;
    state.report = NULL; /* made anew when somebody asks */
    fold_state(fold, &state, sizeof(state));
    fold_u8(fold, (uint8_t)(kept >> 8));
    fold_u8(fold, (uint8_t)kept);
    for (unsigned i = 0; i < SMTP_NUM_TEXTS; i++) {
        if (kept >> i & 1) {
            smtp_list_fold(&smtp->texts[i], fold);
        }
    }
    return !fold->full;
}

size_t smtp_held(const struct smtp *smtp) {
    size_t held = sizeof(*smtp) + smtp->client.line.room + smtp->server.line.room + smtp->queue.room;
    held += smtp->received != NULL ? sizeof(*smtp->received) : 0;
    held += smtp->hiding != NULL ? sizeof(*smtp->hiding) : 0;
    return held + smtp->texts_held;
}

struct smtp *smtp_unfold(struct reader *in) {
    struct smtp *smtp = malloc(sizeof(*smtp));
    if (smtp == NULL) {
        return NULL;
    }
    unfold_state(in, smtp, sizeof(*smtp));
    unsigned kept = reader_u16(in);
    for (unsigned i = 0; i < SMTP_NUM_TEXTS; i++) {
        if ((kept >> i & 1) && !smtp_list_unfold(&smtp->texts[i], in)) {
            smtp_free(smtp);
            return NULL;
        }
        smtp->texts_held += (uint32_t)smtp_list_held(&smtp->texts[i]);
    }
    return smtp;
}
