/* Fuzzes the SMTP parser with both streams at once.
 *
 * Besides what the sanitizers see: the facts must not depend on the interleaving of the streams, on
 * their cuts, nor on when it is known what was lost. (What the session resumes depends on when it does so:
 * then nothing is compared.) */
#include "smtp_input.h"
#include "turn.h"

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

static void compare_orders(struct conversation *conversation, size_t num, const uint8_t *data, size_t len,
                           bool resumes) {
    char *as_written = facts_after(conversation, num);
    conversation->late = true;
    char *late = facts_after(conversation, num);
    conversation->late = false;
    char *mixed = facts_after(conversation, mixed_arrivals(data, len));
    char *client_first = facts_after(conversation, 0);
    if (!resumes && (strcmp(as_written, late) != 0 || strcmp(as_written, mixed) != 0 ||
                     strcmp(as_written, client_first) != 0)) {
        fprintf(stderr, "as written\n%s\nlosses known late\n%s\nmixed\n%s\nclient first\n%s", as_written,
                late, mixed, client_first);
        abort();
    }
    free(as_written);
    free(late);
    free(mixed);
    free(client_first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct conversation conversation = {0};
    size_t num;
    if (len < 3 || len > 1u << 16) {
        return 0;
    }
    bool resumes = read_input(data, len, &conversation, arrivals, &num);
    if (has_turn(data, len, 32)) {
        compare_orders(&conversation, num, data, len, resumes);
    } else {
        smtp_free(drive_all(&conversation, arrivals, num));
    }
    conversation_cleanup(&conversation);
    return 0;
}
