/* What is hidden of a conversation, byte by byte, in every cut. */
#include "smtp_hidden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* "C:..." and "S:..." lines; `stays` is the client's stream with 0 shown as '_' where bytes are hidden. */
struct example {
    const char *client, *server, *stays, *server_stays; /* server_stays NULL: all of it */
};

static const char ehlo_reply[] = "220 mx ESMTP\r\n250-mx\r\n250 AUTH PLAIN LOGIN\r\n";

static void check_cut(const struct conversation *conversation, const struct example *example, size_t piece) {
    struct arrival arrivals[2048];
    size_t num = 0;
    struct hidden hidden;
    struct conversation scrubbed;
    for (size_t at = 0; at < 1024; at += piece) {
        arrivals[num++] = (struct arrival){SIDE_SERVER, piece};
        arrivals[num++] = (struct arrival){SIDE_CLIENT, piece};
    }
    struct smtp *smtp = drive_hidden(conversation, arrivals, num, &hidden);
    char *facts = facts_text(smtp);
    smtp_free(smtp);
    assert_false(hidden.disorder);
    conversation_scrub(conversation, &hidden, '_', &scrubbed);
    assert_memory_equal(scrubbed.sides[SIDE_CLIENT].bytes, example->stays, strlen(example->stays));
    const char *server = example->server_stays ? example->server_stays : example->server;
    assert_memory_equal(scrubbed.sides[SIDE_SERVER].bytes, server, strlen(server));
    conversation_cleanup(&scrubbed);
    conversation_scrub(conversation, &hidden, 0, &scrubbed);
    smtp = drive_all(&scrubbed, arrivals, num);
    char *again = facts_text(smtp);
    assert_string_equal(again, facts);
    smtp_free(smtp);
    free(again);
    free(facts);
    conversation_cleanup(&scrubbed);
    hidden_cleanup(&hidden);
}

static void check(const struct example *example) {
    struct conversation conversation = {0};
    assert_int_equal(strlen(example->client), strlen(example->stays));
    stream_add(&conversation.sides[SIDE_CLIENT], example->client, strlen(example->client));
    stream_add(&conversation.sides[SIDE_SERVER], example->server, strlen(example->server));
    for (size_t piece = 1; piece < 40; piece++)
        check_cut(&conversation, example, piece);
    conversation_cleanup(&conversation);
}

static void test_passwords(void **state) {
    (void)state;
    char server[512];
    snprintf(server, sizeof server, "%s334 VXNlcg==\r\n334 UGFzcw==\r\n235 ok\r\n", ehlo_reply);
    check(&(struct example){"EHLO c\r\nAUTH LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\nQUIT\r\n", server,
                            "EHLO c\r\nAUTH LOGIN\r\n________\r\n________\r\nQUIT\r\n", NULL});
    snprintf(server, sizeof server, "%s235 ok\r\n", ehlo_reply);
    check(&(struct example){"EHLO c\r\nAUTH PLAIN AHUAcA==\r\nQUIT\r\n", server,
                            "EHLO c\r\nAUTH PLAIN ________\r\nQUIT\r\n", NULL});
    /* In the place of a response: what hangs on STARTTLS is believed whatever stands behind it. */
    check(&(struct example){"EHLO c\r\nAUTH LOGIN\r\nSTARTTLS hunter2\r\nQUIT\r\n", ehlo_reply,
                            "EHLO c\r\nAUTH LOGIN\r\nSTARTTLS _______\r\nQUIT\r\n", NULL});
    /* Sent too early, or without its command: nobody knows what it is, and the server repeats it. */
    snprintf(server, sizeof server, "%s500 what is hunter2?\r\n", ehlo_reply);
    char stays[512];
    snprintf(stays, sizeof stays, "%s500 ________________\r\n", ehlo_reply);
    check(&(struct example){"EHLO c\r\nhunter2\r\nQUIT\r\n", server, "EHLO c\r\n_______\r\nQUIT\r\n", stays});
}

static void test_contents(void **state) {
    (void)state;
    static const char server[] =
        "220 mx ESMTP\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n";
    check(&(struct example){
        "EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nSubject: x\r\n\r\nsecret\r\n.\r\nQUIT\r\n",
        server,
        "EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n____________________\r\n.\r\nQUIT\r\n",
        NULL});
    /* Octets of BDAT are counted, so that nothing of them has to stay. */
    static const char chunks[] = "220 mx ESMTP\r\n250 mx\r\n250 ok\r\n250 ok\r\n250 ok\r\n221 bye\r\n";
    check(&(struct example){
        "EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nBDAT 9 LAST\r\nse\r\n.\r\n.rQUIT\r\n", chunks,
        "EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nBDAT 9 LAST\r\n_________QUIT\r\n", NULL});
}

/* A hole in front of a line: what it was cannot be known. */
static void test_behind_a_hole(void **state) {
    (void)state;
    struct conversation conversation = {0}, scrubbed;
    struct hidden hidden;
    static const char before[] = "EHLO c\r\nAUTH LOG", behind[] = "hunter2\r\nQUIT\r\n";
    stream_add(&conversation.sides[SIDE_SERVER], ehlo_reply, strlen(ehlo_reply));
    stream_add(&conversation.sides[SIDE_CLIENT], before, strlen(before));
    stream_mark(&conversation.sides[SIDE_CLIENT], MARK_GAP, 20);
    stream_add(&conversation.sides[SIDE_CLIENT], behind, strlen(behind));
    smtp_free(drive_hidden(&conversation, NULL, 0, &hidden));
    conversation_scrub(&conversation, &hidden, 0, &scrubbed);
    const struct stream *client = &scrubbed.sides[SIDE_CLIENT];
    assert_memory_equal(client->bytes, "EHLO c\r\n", 8);
    assert_null(memmem(client->bytes, client->len, "hunter2", 7));
    conversation_cleanup(&scrubbed);
    hidden_cleanup(&hidden);
    conversation_cleanup(&conversation);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_behind_a_hole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
