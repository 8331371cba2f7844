/* Fuzzes what is hidden of SMTP: with zeros there, or ones, the parser finds the same facts, and what it
 * hides is told once and in order. Input: smtp_input.h. */
#include "../unit/smtp_hidden.h"
#include "smtp_input.h"
#include "turn.h"

static struct arrival arrivals[ARRIVALS_MAX];

static void compare(const struct conversation *conversation, size_t num, const char *facts) {
    struct smtp *smtp = drive_all(conversation, arrivals, num);
    char *scrubbed = facts_text(smtp);
    if (strcmp(scrubbed, facts) != 0) {
        fprintf(stderr, "as it was\n%s\nscrubbed\n%s", facts, scrubbed);
        abort();
    }
    free(scrubbed);
    smtp_free(smtp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct conversation conversation = {0}, scrubbed;
    struct hidden hidden;
    size_t num;
    if (len < 3 || len > 1u << 14) {
        return 0;
    }
    bool resumes = read_input(data, len, &conversation, arrivals, &num);
    struct smtp *smtp = drive_hidden(&conversation, arrivals, num, &hidden);
    if (!resumes && hidden.disorder) {
        abort();
    }
    if (!resumes && has_turn(data, len, 8)) {
        char *facts = facts_text(smtp);
        for (uint8_t with = 0; with < 2; with++) {
            conversation_scrub(&conversation, &hidden, with, &scrubbed);
            compare(&scrubbed, num, facts);
            conversation_cleanup(&scrubbed);
        }
        free(facts);
    }
    smtp_free(smtp);
    hidden_cleanup(&hidden);
    conversation_cleanup(&conversation);
    return 0;
}
