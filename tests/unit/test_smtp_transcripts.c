/* Two-way transcripts (tests/transcripts/smtp_*.txt), each in every cut and interleaving.
 *
 *   # comment
 *   >>> text          the client's bytes and CRLF; escapes: \xNN \r \n \\; a \c at the end: no CRLF
 *   <<< text          the server's
 *   >>>gap 100        bytes that were never captured; <<<gap
 *   >>>resume         smtp_resume() of that side, which is in TLS; <<<resume
 *   midstream         the connection began before the capture
 *   === name          expected facts follow, "name value" each, names and values as in smtp_drive.h;
 *                     "name" alone: empty. Facts that are not named are compared between the cuts only. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "smtp_drive.h"

#define ARRIVALS_MAX  65536
#define RANDOM_ROUNDS 30

struct transcript {
    struct conversation conversation;
    struct arrival order[4096]; /* as written */
    size_t num_order;
    char expected[64][512];
    size_t num_expected;
};

/* Undoes the escapes in place; *end_line tells whether CRLF follows. */
static size_t unescape(char *text, bool *end_line) {
    size_t len = 0;
    *end_line = true;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '\\') {
            text[len++] = *at;
        } else if (at[1] == 'x') {
            char *end;
            const char digits[] = {at[2], at[2] != '\0' ? at[3] : '\0', '\0'};
            text[len++] = (char)strtoul(digits, &end, 16);
            assert_ptr_equal(end, digits + 2);
            at += 3;
        } else if (at[1] == 'c' && at[2] == '\0') {
            *end_line = false;
            return len;
        } else {
            at++;
            assert_true(*at == 'r' || *at == 'n' || *at == '\\');
            text[len++] = *at == 'r' ? '\r' : *at == 'n' ? '\n' : '\\';
        }
    }
    return len;
}

static void read_side(struct transcript *transcript, enum side side, char *rest) {
    struct stream *stream = &transcript->conversation.sides[side];
    size_t before = stream->len;
    if (strncmp(rest, "gap ", 4) == 0) {
        stream_mark(stream, MARK_GAP, strtoull(rest + 4, NULL, 10));
    } else if (strcmp(rest, "resume") == 0) {
        stream_mark(stream, MARK_RESUME, 0);
    } else {
        bool end_line;
        assert_true(*rest == ' ' || *rest == '\0');
        rest += *rest == ' ';
        size_t len = unescape(rest, &end_line);
        stream_add(stream, rest, len);
        if (end_line) {
            stream_add(stream, "\r\n", 2);
        }
    }
    assert_true(transcript->num_order < sizeof(transcript->order) / sizeof(transcript->order[0]));
    transcript->order[transcript->num_order++] = (struct arrival){side, stream->len - before};
}

static void read_transcript(const char *path, struct transcript *transcript) {
    static char line[1u << 16];
    FILE *file = fopen(path, "r");
    bool expects = false;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || (line[0] == '\0' && !expects)) {
            continue;
        }
        if (strncmp(line, "===", 3) == 0) {
            expects = true;
        } else if (expects && line[0] != '\0') {
            assert_true(transcript->num_expected < 64);
            assert_true(strlen(line) < sizeof(transcript->expected[0]));
            memcpy(transcript->expected[transcript->num_expected++], line, strlen(line) + 1);
        } else if (strncmp(line, ">>>", 3) == 0) {
            read_side(transcript, SIDE_CLIENT, line + 3);
        } else if (strncmp(line, "<<<", 3) == 0) {
            read_side(transcript, SIDE_SERVER, line + 3);
        } else if (strcmp(line, "midstream") == 0) {
            transcript->conversation.midstream = true;
        } else if (line[0] != '\0') {
            fail_msg("%s: what is \"%s\"?", path, line);
        }
    }
    fclose(file);
    assert_true(transcript->num_expected > 0);
}

static bool has_line(const char *text, const char *line) {
    size_t len = strlen(line);
    for (const char *at = text; (at = strstr(at, line)) != NULL; at++) {
        if ((at == text || at[-1] == '\n') && at[len] == '\n') {
            return true;
        }
    }
    return false;
}

/* The value that the facts have for the name that an expectation begins with. */
static const char *value_of(const char *text, const char *expected) {
    static char value[1024];
    char name[128];
    size_t len = strcspn(expected, " ");
    snprintf(name, sizeof(name), "\n%.*s", (int)len, expected);
    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
        if (at[len + 1] == ' ' || at[len + 1] == '\n') {
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
            return value;
        }
    }
    return "(no such fact)";
}

static int check_facts(const char *path, const struct transcript *transcript, const char *facts) {
    int wrong = 0;
    for (size_t i = 0; i < transcript->num_expected; i++) {
        if (!has_line(facts, transcript->expected[i])) {
            print_error("%s: expected \"%s\", got \"%s\"\n", path, transcript->expected[i],
                        value_of(facts, transcript->expected[i]));
            wrong++;
        }
    }
    return wrong;
}

static int check_same(const char *path, const char *how, const struct conversation *conversation,
                      const struct arrival *arrivals, size_t num, const char *facts) {
    struct smtp *smtp = drive_all(conversation, arrivals, num);
    char *text = facts_text(smtp);
    int wrong = strcmp(text, facts) != 0;
    if (wrong) {
        print_error("%s: other facts %s\n--- as written\n%s--- then\n%s", path, how, facts, text);
    }
    free(text);
    smtp_free(smtp);
    return wrong;
}

static struct arrival arrivals[ARRIVALS_MAX];

/* Each side's bytes in pieces of up to `most`, sides picked at random; most 1: byte by byte. */
static size_t random_arrivals(const struct conversation *conversation, unsigned most, unsigned seed) {
    size_t left[2] = {conversation->sides[0].len, conversation->sides[1].len};
    size_t num = 0;
    srand(seed);
    while ((left[0] > 0 || left[1] > 0) && num < ARRIVALS_MAX) {
        enum side side = left[1] == 0 || (left[0] > 0 && rand() % 2 == 0) ? SIDE_CLIENT : SIDE_SERVER;
        size_t len = 1 + (size_t)rand() % most;
        len = len < left[side] ? len : left[side];
        arrivals[num++] = (struct arrival){side, len};
        left[side] -= len;
    }
    return num;
}

static size_t bytewise_arrivals(const struct transcript *transcript) {
    size_t num = 0;
    for (size_t i = 0; i < transcript->num_order; i++) {
        for (size_t j = 0; j < transcript->order[i].len && num < ARRIVALS_MAX; j++) {
            arrivals[num++] = (struct arrival){transcript->order[i].side, 1};
        }
    }
    return num;
}

static int check_transcript(const char *path) {
    static struct transcript transcript;
    memset(&transcript, 0, sizeof(transcript));
    read_transcript(path, &transcript);
    const struct conversation *conversation = &transcript.conversation;
    struct smtp *smtp = drive_all(conversation, transcript.order, transcript.num_order);
    char *facts = facts_text(smtp);
    smtp_free(smtp);

    const struct arrival client_first[] = {{SIDE_CLIENT, SIZE_MAX}, {SIDE_SERVER, SIZE_MAX}};
    const struct arrival server_first[] = {{SIDE_SERVER, SIZE_MAX}, {SIDE_CLIENT, SIZE_MAX}};
    int wrong = check_facts(path, &transcript, facts);
    wrong += check_same(path, "client first", conversation, client_first, 2, facts);
    wrong += check_same(path, "server first", conversation, server_first, 2, facts);
    wrong += check_same(path, "byte by byte", conversation, arrivals, bytewise_arrivals(&transcript), facts);
    transcript.conversation.late = true;
    wrong += check_same(path, "with losses known late", conversation, transcript.order, transcript.num_order,
                        facts);
    transcript.conversation.late = false;
    for (unsigned round = 0; round < RANDOM_ROUNDS && wrong == 0; round++) {
        static const unsigned most[] = {1, 3, 17, 200};
        size_t num = random_arrivals(conversation, most[round % 4], round + 1);
        wrong += check_same(path, "in random pieces", conversation, arrivals, num, facts);
    }
    free(facts);
    conversation_cleanup(&transcript.conversation);
    return wrong;
}

/* The same conversation with the bytes [from, to) of a side never captured. */
static struct conversation without(const struct conversation *whole, enum side side, size_t from, size_t to) {
    struct conversation lossy = {0};
    for (int i = 0; i < 2; i++) {
        const struct stream *stream = &whole->sides[i];
        if (i != (int)side) {
            stream_add(&lossy.sides[i], stream->bytes, stream->len);
            continue;
        }
        stream_add(&lossy.sides[i], stream->bytes, from);
        stream_mark(&lossy.sides[i], MARK_GAP, to - from);
        stream_add(&lossy.sides[i], stream->bytes + to, stream->len - to);
    }
    return lossy;
}

/* What loss must not do: turn a fact into another one. Open, absent and "not seen" are honest. */
static bool is_honest(const char *truth, const char *lossy) {
    static const char *const never[] = {"offered", "requested"};
    static const char *const invented[] = {"mail_attempted", "auth_attempted", "auth_sent", "auth_ok",
                                           "requiretls_used"};
    char line[256];
    for (size_t i = 0; i < 2; i++) {
        snprintf(line, sizeof(line), "%s yes", never[i]);
        bool yes = has_line(truth, line), lossy_yes = has_line(lossy, line);
        snprintf(line, sizeof(line), "%s no", never[i]);
        if ((yes && has_line(lossy, line)) || (lossy_yes && has_line(truth, line))) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(invented) / sizeof(invented[0]); i++) {
        snprintf(line, sizeof(line), "%s yes", invented[i]);
        if (has_line(lossy, line) && !has_line(truth, line)) {
            return false;
        }
    }
    static const char *const none[] = {"masked", "injected_command_bytes 0", "injected_reply_bytes 0",
                                       "clear_after_accept_client 0", "clear_after_accept_server 0"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        if (has_line(truth, none[i]) && !has_line(lossy, none[i])) {
            return false;
        }
    }
    return has_line(lossy, "starttls_reply_code 0") ||
           has_line(lossy, value_of(truth, "starttls_reply_code"));
}

static int check_lossy(const char *path, const char *how, const struct transcript *transcript,
                       const char *truth, struct conversation *lossy) {
    struct smtp *smtp = drive_all(lossy, arrivals, bytewise_arrivals(transcript));
    char *facts = facts_text(smtp);
    int wrong = !is_honest(truth, facts);
    if (wrong) {
        print_error("%s: %s\n%s", path, how, facts);
    }
    free(facts);
    smtp_free(smtp);
    conversation_cleanup(lossy);
    return wrong;
}

static int check_loss(const char *path, const struct transcript *transcript, const char *truth,
                      enum side side, size_t from, size_t to) {
    char how[128];
    struct conversation lossy = without(&transcript->conversation, side, from, to);
    snprintf(how, sizeof(how), "without bytes %zu to %zu of the %s", from, to,
             side == SIDE_CLIENT ? "client" : "server");
    return check_lossy(path, how, transcript, truth, &lossy);
}

/* Every line is lost with a chance of one in `odds`, on both sides. */
static int check_random_loss(const char *path, const struct transcript *transcript, const char *truth,
                             int odds) {
    char how[8192];
    size_t at[2] = {0, 0}, len = 0;
    struct conversation lossy = {0};
    how[0] = '\0';
    for (size_t i = 0; i < transcript->num_order; i++) {
        const struct arrival *line = &transcript->order[i];
        struct stream *stream = &lossy.sides[line->side];
        if (rand() % odds == 0) {
            stream_mark(stream, MARK_GAP, line->len);
            len += (size_t)snprintf(how + len, sizeof(how) - len, "lost: line %zu\n", i + 1);
        } else {
            stream_add(stream, transcript->conversation.sides[line->side].bytes + at[line->side], line->len);
        }
        at[line->side] += line->len;
    }
    return check_lossy(path, how, transcript, truth, &lossy);
}

/* The capture begins behind the first lines. */
static int check_midstream(const char *path, const struct transcript *transcript, const char *truth,
                           size_t first) {
    char how[128];
    size_t at[2] = {0, 0};
    struct conversation lossy = {.midstream = true};
    for (size_t i = 0; i < transcript->num_order; i++) {
        const struct arrival *line = &transcript->order[i];
        if (i >= first) {
            stream_add(&lossy.sides[line->side],
                       transcript->conversation.sides[line->side].bytes + at[line->side], line->len);
        }
        at[line->side] += line->len;
    }
    snprintf(how, sizeof(how), "begun behind line %zu", first);
    return check_lossy(path, how, transcript, truth, &lossy);
}

/* Drops every line in turn, and random pieces. Transcripts that show loss themselves have no truth. */
static int check_losses(const char *path) {
    static struct transcript transcript;
    memset(&transcript, 0, sizeof(transcript));
    read_transcript(path, &transcript);
    const struct conversation *whole = &transcript.conversation;
    size_t at[2] = {0, 0};
    int wrong = 0;
    bool lossless = whole->sides[0].num_marks == 0 && whole->sides[1].num_marks == 0 && !whole->midstream &&
                    whole->sides[0].len > 0 && whole->sides[1].len > 0;
    struct smtp *smtp = drive_all(whole, transcript.order, transcript.num_order);
    char *truth = facts_text(smtp);
    smtp_free(smtp);
    for (size_t i = 0; lossless && wrong == 0 && i < transcript.num_order; i++) {
        const struct arrival *line = &transcript.order[i];
        wrong += check_loss(path, &transcript, truth, line->side, at[line->side], at[line->side] + line->len);
        at[line->side] += line->len;
        wrong += check_midstream(path, &transcript, truth, i);
    }
    srand(1);
    for (int round = 0; lossless && wrong == 0 && round < 60; round++) {
        wrong += check_random_loss(path, &transcript, truth, 2 + round % 8);
    }
    for (int round = 0; lossless && wrong == 0 && round < 60; round++) {
        enum side side = rand() % 2 ? SIDE_CLIENT : SIDE_SERVER;
        size_t from = (size_t)rand() % whole->sides[side].len;
        size_t to = from + 1 + (size_t)rand() % (whole->sides[side].len - from);
        wrong += check_loss(path, &transcript, truth, side, from, to);
    }
    free(truth);
    conversation_cleanup(&transcript.conversation);
    return wrong;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_transcript(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return strncmp(entry->d_name, "smtp_", 5) == 0 && len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0;
}

static void every(int (*check)(const char *path)) {
    struct dirent **entries = NULL;
    int num = scandir(TESTS_DIR "/transcripts", &entries, is_transcript, by_name);
    int wrong = 0;
    assert_true(num > 0);
    for (int i = 0; i < num; i++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/transcripts/%s", TESTS_DIR, entries[i]->d_name);
        wrong += check(path);
        free(entries[i]);
    }
    free(entries);
    print_message("%d transcripts\n", num);
    assert_int_equal(wrong, 0);
}

static void facts_of_every_transcript(void **state) {
    (void)state;
    every(check_transcript);
}

static void loss_never_turns_a_fact(void **state) {
    (void)state;
    every(check_losses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_of_every_transcript),
        cmocka_unit_test(loss_never_turns_a_fact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
