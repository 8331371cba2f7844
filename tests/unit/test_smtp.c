/* The parts of the SMTP parser by themselves: words, lines, commands, replies, masks, TLS, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../parsers/smtp_command.h"
#include "../../parsers/smtp_line.h"
#include "../../parsers/smtp_queue.h"
#include "../../parsers/smtp_reply.h"
#include "../../parsers/smtp_text.h"
#include "../../parsers/smtp_tls.h"
#include "smtp_drive.h"

static struct reader of(const char *text) {
    return reader_of((const uint8_t *)text, strlen(text));
}

static void assert_reader(struct reader got, const char *wanted) {
    size_t len = reader_left(&got);
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(reader_bytes(&got, len), wanted, len);
}

static size_t push(struct smtp *smtp, enum side side, const char *text) {
    return smtp_push(smtp, side, (const uint8_t *)text, strlen(text), false);
}

static void words(void **state) {
    struct reader line = of("  MAIL\tFROM:<a b>  ");
    (void)state;
    assert_reader(smtp_word(&line), "MAIL");
    assert_reader(smtp_word(&line), "FROM:<a");
    assert_reader(smtp_word(&line), "b>");
    assert_reader(smtp_word(&line), "");
    assert_reader(smtp_trim(of(" \t a b\t ")), "a b");
    assert_reader(smtp_trim(of("  ")), "");
    assert_true(smtp_is(of("StartTLS"), "STARTTLS"));
    assert_false(smtp_is(of("STARTTLSX"), "STARTTLS"));
    assert_false(smtp_is(of("STARTTL"), "STARTTLS"));
    assert_true(smtp_contains(of("a ready for Tls b"), "TLS"));
    assert_false(smtp_contains(of("a TL S"), "TLS"));
    assert_true(smtp_same(of("Plain"), of("pLAIN")));
    assert_false(smtp_same(of("PLAIN"), of("PLAINER")));
}

static void lists(void **state) {
    struct smtp_list list = {0};
    struct smtp_text texts[4];
    char big[SMTP_TEXT_MAX + 10];
    (void)state;
    memset(big, 'x', sizeof(big));
    assert_int_equal(smtp_list_at(&list, 0).len, 0);
    assert_int_equal(smtp_list_add(&list, of("one"), 3), SMTP_KEPT);
    assert_int_equal(smtp_list_add(&list, of(""), 3), SMTP_KEPT);
    assert_int_equal(smtp_list_add(&list, reader_of((const uint8_t *)big, sizeof(big)), 3), SMTP_KEPT_CUT);
    assert_int_equal(smtp_list_add(&list, of("four"), 3), SMTP_NOT_KEPT);
    assert_int_equal(smtp_list_all(&list, texts, 4), 3);
    assert_int_equal(texts[0].len, 3);
    assert_memory_equal(texts[0].data, "one", 3);
    assert_int_equal(texts[1].len, 0);
    assert_int_equal(texts[2].len, SMTP_TEXT_MAX);
    assert_true(smtp_list_has(&list, of("one")));
    assert_false(smtp_list_has(&list, of("ONE")));
    assert_int_equal(smtp_list_at(&list, 3).len, 0);
    smtp_list_clear(&list);
    assert_int_equal(smtp_list_all(&list, texts, 4), 0);
    smtp_list_cleanup(&list);
    smtp_list_cleanup(&list);
}

static void line_cuts(void **state) {
    struct smtp_line line = {0};
    struct smtp_line_whole whole;
    struct reader in = of("NOOP\r");
    (void)state;
    assert_int_equal(smtp_line_take(&line, &in, &whole), PARSE_MORE);
    assert_true(smtp_line_begun(&line));
    in = of("\nQUIT\nrest");
    assert_int_equal(smtp_line_take(&line, &in, &whole), PARSE_OK);
    assert_reader(whole.text, "NOOP");
    assert_true(whole.crlf);
    assert_int_equal(whole.wire_len, 6);
    smtp_line_drop(&line);
    assert_int_equal(smtp_line_take(&line, &in, &whole), PARSE_OK);
    assert_reader(whole.text, "QUIT");
    assert_false(whole.crlf);
    assert_null(line.bytes); /* a whole line is not copied */
    smtp_line_drop(&line);
    assert_int_equal(smtp_line_take(&line, &in, &whole), PARSE_MORE);
    smtp_line_drop(&line);
    assert_false(smtp_line_begun(&line));
}

/* A line around SMTP_LINE_MAX is the same whether it was cut or not. */
static void line_limit(void **state) {
    (void)state;
    for (size_t len = SMTP_LINE_MAX - 3; len < SMTP_LINE_MAX + 4; len++) {
        static char text[SMTP_LINE_MAX + 8];
        struct smtp_line cut = {0}, uncut = {0};
        struct smtp_line_whole a, b;
        memset(text, 'x', len);
        memcpy(text + len, "\r\n", 2);
        struct reader in = reader_of((const uint8_t *)text, len + 2);
        assert_int_equal(smtp_line_take(&uncut, &in, &a), PARSE_OK);
        for (size_t i = 0; i < len + 2; i++) {
            in = reader_of((const uint8_t *)text + i, 1);
            assert_int_equal(smtp_line_take(&cut, &in, &b), i == len + 1 ? PARSE_OK : PARSE_MORE);
        }
        assert_int_equal(reader_left(&a.text), reader_left(&b.text));
        assert_int_equal(reader_left(&a.text), len < SMTP_LINE_MAX ? len : SMTP_LINE_MAX);
        assert_int_equal(a.cut, len + 1 > SMTP_LINE_MAX);
        assert_int_equal(a.cut, b.cut);
        assert_true(a.crlf && b.crlf);
        assert_int_equal(a.wire_len, len + 2);
        assert_int_equal(b.wire_len, len + 2);
        smtp_line_drop(&cut);
        smtp_line_drop(&uncut);
    }
}

static void commands(void **state) {
    struct smtp_command command = smtp_command_of(of("rcpt  TO:<a@b> X=Y "));
    (void)state;
    assert_int_equal(command.verb, SMTP_VERB_RCPT);
    assert_reader(command.argument, "TO:<a@b> X=Y");
    assert_int_equal(smtp_command_of(of("STARTTLS")).verb, SMTP_VERB_STARTTLS);
    assert_int_equal(smtp_command_of(of("x-anonymoustls")).verb, SMTP_VERB_ANONYMOUSTLS);
    assert_int_equal(smtp_command_of(of("STARTTLSX")).verb, SMTP_VERB_UNKNOWN);
    assert_int_equal(smtp_command_of(of(" EHLO x")).verb, SMTP_VERB_UNKNOWN);
    assert_int_equal(smtp_command_of(of("")).verb, SMTP_VERB_UNKNOWN);
    assert_true(smtp_command_of(of("LHLO x")).lmtp);
    assert_true(smtp_command_may_become(of("START")));
    assert_true(smtp_command_may_become(of("mail fr")));
    assert_false(smtp_command_may_become(of("GET")));
    assert_false(smtp_command_may_become(of("\x05\x01")));
    command = smtp_command_of(of("MAIL me"));
    assert_false(smtp_command_well_formed(&command));
    command = smtp_command_of(of("DATA x"));
    assert_false(smtp_command_well_formed(&command));
    command = smtp_command_of(of("QUIT"));
    assert_true(smtp_command_well_formed(&command));
}

static void bdat_sizes(void **state) {
    static const char *const bad[] = {"", "LAST", "-1", "1x", "1 x", "1 LAST x", "18446744073709551616"};
    uint64_t size = 7;
    bool last = false;
    (void)state;
    assert_true(smtp_command_bdat(of("18446744073709551615 last"), &size, &last));
    assert_true(size == UINT64_MAX && last);
    assert_true(smtp_command_bdat(of("0"), &size, &last));
    assert_true(size == 0 && !last);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(smtp_command_bdat(of(bad[i]), &size, &last));
    }
    assert_int_equal(size, 0);
}

static void auth_arguments(void **state) {
    struct reader mechanism;
    bool initial;
    (void)state;
    assert_true(smtp_command_auth(of("SCRAM-SHA-256 biws"), &mechanism, &initial));
    assert_reader(mechanism, "SCRAM-SHA-256");
    assert_true(initial);
    assert_true(smtp_command_auth(of("login"), &mechanism, &initial));
    assert_false(initial);
    assert_false(smtp_command_auth(of("AHVzZXIAcGFzc3dvcmQ="), &mechanism, &initial));
    assert_false(smtp_command_auth(of("ABCDEFGHIJKLMNOPQRSTU"), &mechanism, &initial));
    assert_false(smtp_command_auth(of(""), &mechanism, &initial));
}

static void path(const char *argument, const char *wanted) {
    struct reader domain, parameters;
    assert_true(smtp_command_path(of(argument), "FROM:", &domain, &parameters));
    assert_reader(domain, wanted);
}

static void paths(void **state) {
    struct reader domain, parameters;
    (void)state;
    path("FROM:<a@b.example>", "b.example");
    path("from:<>", "");
    path("FROM:<postmaster>", "");
    path("FROM: <a@b.example> SIZE=1", "b.example");
    path("FROM:a@b.example SIZE=1", "b.example");
    path("FROM:<@x,@y:a@b.example>", "b.example");
    path("FROM:<\"a@b>\\\"@c\"@d.example>", "d.example");
    path("FROM:<\"open@quote>", "");
    path("FROM:<a@[IPv6:::1]>", "[IPv6:::1]");
    path("FROM:<a@b.example", "b.example");
    assert_false(smtp_command_path(of("FRM:<a@b>"), "FROM:", &domain, &parameters));
    assert_true(smtp_command_path(of("FROM:<a@b> SIZE=1 X"), "FROM:", &domain, &parameters));
    assert_reader(smtp_word(&parameters), "SIZE=1");
}

static void reply_lines(void **state) {
    struct smtp_reply_line line = {0};
    static const char *const bad[] = {"",     "2",      "22",     "22x",     "2200",
                                      "220x", "199 ok", "600 ok", " 220 ok", "HTTP/1.1"};
    (void)state;
    assert_true(smtp_reply_parse(of("250-mx  hello "), &line));
    assert_int_equal(line.code, 250);
    assert_false(line.last);
    assert_reader(line.text, "mx  hello");
    assert_true(smtp_reply_parse(of("220"), &line));
    assert_true(line.last && line.code == 220 && reader_left(&line.text) == 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(smtp_reply_parse(of(bad[i]), &line));
    }
    assert_int_equal(line.code, 220);
}

static void keywords(void **state) {
    struct reader parameters;
    (void)state;
    assert_int_equal(smtp_keyword_of(of("starttls"), &parameters), SMTP_KEYWORD_STARTTLS);
    assert_int_equal(smtp_keyword_of(of("STARTTLS-X"), &parameters), SMTP_KEYWORD_UNKNOWN);
    assert_int_equal(smtp_keyword_of(of("AUTH=LOGIN PLAIN"), &parameters), SMTP_KEYWORD_AUTH);
    assert_reader(smtp_word(&parameters), "LOGIN");
    assert_int_equal(smtp_keyword_of(of("AUTH  PLAIN"), &parameters), SMTP_KEYWORD_AUTH);
    assert_reader(smtp_word(&parameters), "PLAIN");
    assert_int_equal(smtp_keyword_of(of("SIZE 10"), &parameters), SMTP_KEYWORD_KNOWN);
}

static void queue(void **state) {
    struct smtp_queue queue = {0};
    (void)state;
    assert_int_equal(smtp_queue_pop(&queue), SMTP_DUE_NONE);
    for (size_t i = 0; i < 3000; i++) { /* two in, one out: wraps and grows */
        assert_true(smtp_queue_push(&queue, i % 2 ? SMTP_DUE_MAIL : SMTP_DUE_RCPT));
        assert_true(smtp_queue_push(&queue, SMTP_DUE_DATA));
        assert_int_equal(smtp_queue_pop(&queue), i % 2   ? SMTP_DUE_DATA
                                                 : i % 4 ? SMTP_DUE_MAIL
                                                         : SMTP_DUE_RCPT);
    }
    while (!smtp_queue_full(&queue)) {
        assert_true(smtp_queue_push(&queue, SMTP_DUE_AUTH));
    }
    assert_int_equal(queue.num, SMTP_PIPELINE_MAX);
    assert_false(smtp_queue_push(&queue, SMTP_DUE_AUTH));
    smtp_queue_cleanup(&queue);
    assert_int_equal(smtp_queue_first(&queue), SMTP_DUE_NONE);
}

static enum parse_result tls(const char *bytes, size_t len) {
    return smtp_looks_like_tls((const uint8_t *)bytes, len);
}

static void tls_looks(void **state) {
    (void)state;
    assert_int_equal(tls("", 0), PARSE_MORE);
    assert_int_equal(tls("\x16", 1), PARSE_MORE);
    assert_int_equal(tls("\x16\x03\x01\x02", 4), PARSE_MORE);
    assert_int_equal(tls("\x16\x03\x01\x02\x00", 5), PARSE_OK);
    assert_int_equal(tls("\x15\x03\x03\x00\x02", 5), PARSE_OK);
    assert_int_equal(tls("\x16\x03\x01\x00\x00", 5), PARSE_BAD); /* empty */
    assert_int_equal(tls("\x16\x03\x01\x49\x00", 5), PARSE_BAD); /* too long */
    assert_int_equal(tls("\x16\x03\x05", 3), PARSE_BAD);
    assert_int_equal(tls("\x17\x03\x03\x00\x05", 5), PARSE_BAD);
    assert_int_equal(tls("EHLO", 4), PARSE_BAD);
    assert_int_equal(tls("\x80\x2e\x01\x03\x01", 5), PARSE_OK);
    assert_int_equal(tls("\x80\x2e\x01\x00\x02", 5), PARSE_OK);
    assert_int_equal(tls("\x80\x2e\x01\x03", 4), PARSE_MORE);
    assert_int_equal(tls("\x80\x2e\x04", 3), PARSE_BAD);
    assert_int_equal(tls("\x80\x02\x01\x03\x01", 5), PARSE_BAD); /* shorter than any hello */
    assert_int_equal(smtp_tls_look(of("\x17\x03\x03\x01\x05"), SMTP_TLS_AFTER_HOLE), PARSE_OK);
    assert_int_equal(smtp_tls_look(of("\x15\x03\x03\x01\x05"), SMTP_TLS_IN_TEXT), PARSE_BAD);
    assert_int_equal(
        smtp_tls_look(reader_of((const uint8_t *)"\x84\x01\x04\x00\x01\x00\x02", 7), SMTP_TLS_SERVER_START),
        PARSE_OK);
}

/* Whether the keyword marked with '>' in a list like "SIZE 1|>XXXXXXXA|DSN" stood for STARTTLS. */
static bool masked(const char *list) {
    struct smtp_text keywords[16];
    size_t num = 0, which = 0;
    for (const char *at = list; num < 16; at++) {
        size_t len = strcspn(at, "|");
        if (*at == '>') {
            which = num;
            at++;
            len--;
        }
        keywords[num++] = (struct smtp_text){at, len};
        at += len;
        if (*at == '\0') {
            break;
        }
    }
    return smtp_is_masked_starttls(keywords, num, which);
}

static void masks(void **state) {
    (void)state;
    assert_true(masked("SIZE 1|>XXXXXXXA|8BITMIME"));
    assert_true(masked(">XXXXXXXZ"));
    assert_true(masked("PIPELINING|>XXXXXXXA|XXXB"));
    assert_true(masked("8BITMIME|DSN|>XXXXXXXA"));
    assert_false(masked("8BITMIME|DSN|>XXXXXXXA|XXXXXXXB"));
    assert_true(masked(">XXXXXXXA|8BITMIME|DSN|XXXXXXXB|XXXXXXXC"));
    assert_false(masked("XXXXXXXA|8BITMIME|DSN|>XXXXXXXB|XXXXXXXC"));
    assert_false(masked("STARTTLS|>XXXXXXXA"));
    assert_false(masked(">XXXXXXXA 100"));
    assert_false(masked(">XXXXXXXa"));
    assert_false(masked(">xxxxxxxx"));
    assert_false(masked(">XXXA"));
    assert_false(masked(">XXXXXXXXA"));
    assert_true(masked("SIZE|>XXXXXXXX"));
    assert_false(masked("XXXX|>XXXXXXXX")); /* 8BITMIME, CHUNKING, SMTPUTF8 may lie under it */
    assert_true(masked("8BITMIME|CHUNKING|SMTPUTF8|XXXX|>XXXXXXXX"));
    assert_true(masked("8BITMIME|CHUNKING|>XXXXXXXX|XXXXXXXX"));
    assert_true(masked(">XTARTTLS"));
    assert_true(masked(">XXXXXTLS"));
    assert_true(masked("SMTPUTF8|>SXXXXXXX"));
    assert_false(masked(">SXXXXXXX"));
    assert_false(masked(">XFORWARD"));
    assert_false(masked(">8XXXXXXX"));
}

static void waits(void **state) {
    struct smtp *smtp = smtp_new();
    (void)state;
    assert_non_null(smtp);
    assert_int_equal(smtp_state(smtp, SIDE_SERVER), SMTP_READY); /* the greeting never waits */
    assert_int_equal(push(smtp, SIDE_SERVER, "220 mx\r\n250-mx\r\n"), 8);
    assert_int_equal(smtp_state(smtp, SIDE_SERVER), SMTP_WAITS);
    assert_int_equal(push(smtp, SIDE_CLIENT, "EHLO c\r\nSTARTTLS\r\nEHLO d\r\n"), 18);
    assert_int_equal(smtp_state(smtp, SIDE_CLIENT), SMTP_WAITS);
    assert_int_equal(smtp_state(smtp, SIDE_SERVER), SMTP_READY);
    assert_int_equal(push(smtp, SIDE_SERVER, "250 mx\r\n220 go\r\n"), 16);
    assert_int_equal(smtp_state(smtp, SIDE_CLIENT), SMTP_READY);
    assert_int_equal(push(smtp, SIDE_CLIENT, "\x16\x03"), 0); /* too few bytes to tell */
    assert_int_equal(smtp_state(smtp, SIDE_CLIENT), SMTP_READY);
    assert_int_equal(smtp_push(smtp, SIDE_CLIENT, (const uint8_t *)"\x16\x03\x01\x00\x05", 5, false), 0);
    assert_int_equal(smtp_state(smtp, SIDE_CLIENT), SMTP_TLS);
    assert_int_equal(push(smtp, SIDE_CLIENT, "QUIT\r\n"), 0);
    assert_false(smtp_facts(smtp)->quit_seen);
    smtp_resume(smtp, SIDE_CLIENT);
    assert_int_equal(push(smtp, SIDE_CLIENT, "QUIT\r\n"), 6);
    assert_true(smtp_facts(smtp)->quit_seen);
    smtp_free(smtp);
    smtp_free(NULL);
}

/* 4,096 unanswered commands are kept; then the client waits, and force gives up pairing. */
static void pipeline_limit(void **state) {
    struct smtp *smtp = smtp_new();
    (void)state;
    push(smtp, SIDE_SERVER, "220 mx\r\n");
    for (size_t i = 0; i < SMTP_PIPELINE_MAX; i++) {
        assert_int_equal(push(smtp, SIDE_CLIENT, "NOOP\r\n"), 6);
    }
    assert_int_equal(smtp_state(smtp, SIDE_CLIENT), SMTP_WAITS);
    assert_int_equal(push(smtp, SIDE_CLIENT, "EHLO c\r\n"), 0);
    assert_int_equal(push(smtp, SIDE_SERVER, "250 ok\r\n"), 8);
    assert_int_equal(push(smtp, SIDE_CLIENT, "EHLO c\r\n"), 8);
    assert_int_equal(smtp_push(smtp, SIDE_CLIENT, (const uint8_t *)"QUIT\r\n", 6, true), 6);
    assert_true(smtp_facts(smtp)->forced);
    assert_true(smtp_facts(smtp)->quit_seen);
    smtp_free(smtp);
}

static void list_limits(void **state) {
    struct smtp *smtp = smtp_new();
    char line[64];
    (void)state;
    push(smtp, SIDE_SERVER, "220 mx\r\n");
    push(smtp, SIDE_CLIENT, "EHLO c\r\n");
    push(smtp, SIDE_SERVER, "250-mx\r\n");
    for (int i = 0; i < SMTP_CAPABILITIES_MAX + 10; i++) {
        snprintf(line, sizeof(line), "250-X%d\r\n", i);
        push(smtp, SIDE_SERVER, line);
    }
    push(smtp, SIDE_SERVER, "250 STARTTLS\r\n");
    assert_int_equal(smtp_facts(smtp)->num_capabilities, SMTP_CAPABILITIES_MAX);
    assert_int_equal(smtp_facts(smtp)->offered, SMTP_YES); /* seen, though not kept */
    assert_int_equal(smtp_facts(smtp)->limits_hit, 11);
    for (int i = 0; i < SMTP_DOMAINS_MAX + 5; i++) {
        snprintf(line, sizeof(line), "RCPT TO:<a@d%d.example>\r\n", i);
        push(smtp, SIDE_CLIENT, line);
    }
    assert_int_equal(smtp_facts(smtp)->num_rcpt_domains, SMTP_DOMAINS_MAX);
    assert_int_equal(smtp_facts(smtp)->limits_hit, 16);
    smtp_free(smtp);
}

/* A reply of more lines than the limit is taken as it is, once, and its rest is skipped. */
static void reply_limit(void **state) {
    struct smtp *smtp = smtp_new();
    (void)state;
    push(smtp, SIDE_SERVER, "220 mx\r\n");
    push(smtp, SIDE_CLIENT, "STARTTLS\r\n");
    for (int i = 0; i < SMTP_REPLY_LINES_MAX + 5; i++) {
        assert_int_equal(push(smtp, SIDE_SERVER, "454-no\r\n"), 8);
    }
    assert_int_equal(smtp_facts(smtp)->starttls_reply_code, 454);
    assert_int_equal(smtp_state(smtp, SIDE_SERVER), SMTP_READY);
    assert_int_equal(push(smtp, SIDE_SERVER, "220 no\r\n220 x\r\n"), 8);
    assert_int_equal(smtp_facts(smtp)->starttls_reply_code, 454);
    assert_int_equal(smtp_facts(smtp)->limits_hit, 1);
    smtp_free(smtp);
}

/* No password, local part or content is in anything that the parser holds when the session is over. */
static void secrets_are_not_kept(void **state) {
    static const char client[] = "EHLO c\r\nAUTH PLAIN c2VjcmV0MQ==\r\n"
                                 "AUTH LOGIN\r\nc2VjcmV0Mg==\r\nc2VjcmV0Mw==\r\n"
                                 "MAIL FROM:<secret4@a.example>\r\nRCPT TO:<secret5@b.example>\r\n"
                                 "DATA\r\nSubject: secret6\r\n.\r\n";
    static const char server[] =
        "220 mx\r\n250 mx\r\n535 no\r\n334 x\r\n334 y\r\n235 ok\r\n250 ok\r\n250 ok\r\n"
        "354 go\r\n250 ok\r\n";
    struct conversation conversation = {0};
    struct arrival bytewise[1024];
    size_t num = 0;
    (void)state;
    stream_add(&conversation.sides[SIDE_CLIENT], client, strlen(client));
    stream_add(&conversation.sides[SIDE_SERVER], server, strlen(server));
    for (; num < 1024; num++) {
        bytewise[num] = (struct arrival){num % 2 ? SIDE_SERVER : SIDE_CLIENT, 1};
    }
    struct smtp *smtp = drive_all(&conversation, bytewise, num);
    char *facts = facts_text(smtp);
    assert_null(strstr(facts, "secret"));
    assert_null(strstr(facts, "c2Vj"));
    assert_non_null(strstr(facts, "auth_ok yes\n"));
    assert_non_null(strstr(facts, "auth_mechanism PLAIN\n"));
    assert_non_null(strstr(facts, "messages 1\n"));
    free(facts);
    smtp_free(smtp);
    conversation_cleanup(&conversation);
}

static void facts_stay_until_the_next_push(void **state) {
    struct smtp *smtp = smtp_new();
    (void)state;
    push(smtp, SIDE_SERVER, "220 mx ESMTP\r\n");
    const struct smtp_facts *facts = smtp_facts(smtp);
    assert_ptr_equal(facts, smtp_facts(smtp));
    assert_int_equal(facts->banner.len, 8);
    assert_memory_equal(facts->banner.data, "mx ESMTP", 8);
    push(smtp, SIDE_CLIENT, "HELO c\r\n");
    assert_true(smtp_facts(smtp)->helo_seen);
    smtp_free(smtp);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(lists),
        cmocka_unit_test(line_cuts),
        cmocka_unit_test(line_limit),
        cmocka_unit_test(commands),
        cmocka_unit_test(bdat_sizes),
        cmocka_unit_test(auth_arguments),
        cmocka_unit_test(paths),
        cmocka_unit_test(reply_lines),
        cmocka_unit_test(keywords),
        cmocka_unit_test(queue),
        cmocka_unit_test(tls_looks),
        cmocka_unit_test(masks),
        cmocka_unit_test(waits),
        cmocka_unit_test(pipeline_limit),
        cmocka_unit_test(list_limits),
        cmocka_unit_test(reply_limit),
        cmocka_unit_test(secrets_are_not_kept),
        cmocka_unit_test(facts_stay_until_the_next_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
