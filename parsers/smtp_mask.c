/* smtp_mask.c: which overwritten EHLO keyword stood for STARTTLS.
 *
 * A filter that may not change the length of a packet overwrites the keywords
 * that it does not like in place. What is known of such filters:
 *
 *  - Cisco PIX and ASA (ESMTP inspection, on by default, "no allow-tls"): every
 *    keyword that is not on its list ("ehlo-reply-parameter others") becomes X's
 *    of the same length whose last letter counts the overwritten keywords of
 *    the reply: "250-XXXXXXXA", "250 XXXB". On its list, and left readable, is
 *    8BITMIME; not on it are the younger CHUNKING and SMTPUTF8, which also have
 *    eight letters.
 *  - Others write X's only ("250-XXXXXXXX"), or over a part ("STARTXXX").
 *
 * The length stays, so "XXXA" stood for HELP or another four-letter name, never
 * for STARTTLS, and an X-name with parameters is not STARTTLS either, which has
 * none (RFC 3207 section 2). Lower-case x is how people make captures anonymous,
 * not how filters write. A reply in which STARTTLS is readable was not robbed of it.
 *
 * What stays open is which name of eight letters lies under the X's:
 *
 *  - letters left in place decide it;
 *  - the ASA's form is taken as STARTTLS. The one reply known to look the same
 *    without it is Postfix without TLS, which ends in DSN, SMTPUTF8, CHUNKING:
 *    two masks right behind DSN at the very end are those two;
 *  - X's only: when it is the one overwritten keyword of the reply, the filter
 *    picked it out, and STARTTLS is what filters pick out. When the filter
 *    overwrites this and that, one of its eight-letter runs is STARTTLS for
 *    certain only if there are more of them than other names to hide under them. */
#include "smtp.h"

#include <string.h>

#include "smtp_text.h"

#define STARTTLS_LEN 8

static const char *const same_length[] = {"8BITMIME", "CHUNKING", "SMTPUTF8"};
#define NUM_SAME_LENGTH (sizeof(same_length) / sizeof(same_length[0]))

enum mask { MASK_NONE, MASK_PARTIAL, MASK_ASA, MASK_WHOLE };

static bool shows(const struct smtp_text *keywords, size_t num, const char *name) {
    for (size_t i = 0; i < num; i++) {
        struct reader line = smtp_reader_of(keywords[i]);
        if (smtp_is(smtp_word(&line), name)) {
            return true;
        }
    }
    return false;
}

/* Whether name may lie under word: same length, and every byte is X or in its place. */
static bool fits(struct reader word, const char *name) {
    while (*name != '\0' && reader_left(&word) > 0) {
        uint8_t c = reader_u8(&word);
        if (c != 'X' && c != (uint8_t)*name) {
            return false;
        }
        name++;
    }
    return *name == '\0' && reader_left(&word) == 0;
}

/* X's only, or X's and a counting letter at the end; names of two letters tell nothing. */
static enum mask mask_of(struct reader line) {
    struct reader word = smtp_word(&line);
    size_t len = reader_left(&word), num_x = 0;
    uint8_t c = 0;
    if (reader_left(&line) > 0 || len < 3) {
        return MASK_NONE;
    }
    struct reader at = word;
    while (reader_left(&at) > 0 && (c = reader_u8(&at)) == 'X') {
        num_x++;
    }
    if (num_x == len) {
        return MASK_WHOLE;
    }
    if (num_x == len - 1 && c >= 'A' && c <= 'Z') {
        return MASK_ASA;
    }
    return fits(word, "STARTTLS") ? MASK_PARTIAL : MASK_NONE;
}

static bool is_run(const struct smtp_text *keyword) {
    struct reader line = smtp_reader_of(*keyword);
    return keyword->len == STARTTLS_LEN && (mask_of(line) == MASK_ASA || mask_of(line) == MASK_WHOLE);
}

static bool is_postfix_tail(const struct smtp_text *keywords, size_t num) {
    return num >= 3 && is_run(&keywords[num - 1]) && is_run(&keywords[num - 2]) &&
           smtp_is(smtp_reader_of(keywords[num - 3]), "DSN") && !shows(keywords, num, "CHUNKING") &&
           !shows(keywords, num, "SMTPUTF8");
}

static bool whole_run_is_starttls(const struct smtp_text *keywords, size_t num) {
    size_t num_masks = 0, num_runs = 0, num_hidden = 0;
    for (size_t i = 0; i < num; i++) {
        enum mask mask = mask_of(smtp_reader_of(keywords[i]));
        num_masks += mask != MASK_NONE;
        num_runs += is_run(&keywords[i]);
    }
    for (size_t i = 0; i < NUM_SAME_LENGTH; i++) {
        num_hidden += !shows(keywords, num, same_length[i]);
    }
    return num_masks == 1 || num_runs > num_hidden;
}

static bool partial_is_starttls(struct reader word, const struct smtp_text *keywords, size_t num) {
    for (size_t i = 0; i < NUM_SAME_LENGTH; i++) {
        if (fits(word, same_length[i]) && !shows(keywords, num, same_length[i])) {
            return false;
        }
    }
    return true;
}

bool smtp_is_masked_starttls(const struct smtp_text *keywords, size_t num, size_t which) {
    struct reader word = smtp_trim(smtp_reader_of(keywords[which]));
    if (reader_left(&word) != STARTTLS_LEN || memchr(word.pos, 'X', STARTTLS_LEN) == NULL) {
        return false;
    }
    enum mask mask = mask_of(word);
    if (mask == MASK_NONE || shows(keywords, num, "STARTTLS")) {
        return false;
    }
    switch (mask) {
    case MASK_PARTIAL:
        return partial_is_starttls(word, keywords, num);
    case MASK_ASA:
        /* Among the last two, only when they are not Postfix's own. */
        return which + 2 < num || !is_postfix_tail(keywords, num);
    case MASK_WHOLE:
        return whole_run_is_starttls(keywords, num);
    case MASK_NONE:
        break;
    }
    return false;
}
