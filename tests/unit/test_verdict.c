#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../sensor/judge/verdict.h"

/* A connection in clear, seen whole and closed; each case changes what it is about. */
struct scene {
    struct smtp_facts smtp;
    struct tls_facts tls;
    struct evidence evidence;
};

static void set(struct scene *scene) {
    *scene = (struct scene){
        .smtp = {.client_speaks = SMTP_SPEAKS_SMTP,
                 .server_speaks = SMTP_SPEAKS_SMTP,
                 .ehlo_seen = true,
                 .ehlo_replied = SMTP_YES,
                 .offered = SMTP_NO,
                 .requested = SMTP_NO,
                 .mail_attempted = true,
                 .transactions = 1},
        .evidence = {.visible = {true, true}, .ended = true, .mail_port = true},
    };
}

static void expect(struct scene *scene, enum verdict verdict, enum unknown_reason reason) {
    scene->evidence.smtp = &scene->smtp;
    struct judgement judgement = verdict_of(&scene->evidence);
    assert_string_equal(verdict_name(judgement.verdict), verdict_name(verdict));
    assert_int_equal(judgement.unknown_reason, reason);
    assert_non_null(judgement.reason);
}

static void begin_tls(struct scene *scene, enum tls_outcome outcome) {
    scene->tls.outcome = outcome;
    scene->evidence.tls = &scene->tls;
    scene->evidence.tls_began[SIDE_CLIENT] = scene->evidence.tls_began[SIDE_SERVER] = true;
    scene->smtp.mail_attempted = false;
    scene->smtp.transactions = 0;
}

static void mail_in_clear(void **state) {
    (void)state;
    struct scene s;
    set(&s), expect(&s, VERDICT_NOT_OFFERED, UNKNOWN_NONE);
    set(&s), s.smtp.offered = SMTP_YES, expect(&s, VERDICT_OFFERED_UNUSED, UNKNOWN_NONE);
    set(&s), s.smtp.masked = (struct smtp_text){"XXXXXXXA", 8}, expect(&s, VERDICT_MASKED, UNKNOWN_NONE);
    set(&s), s.smtp.ehlo_seen = false, s.smtp.helo_seen = true, s.smtp.offered = SMTP_OPEN;
    expect(&s, VERDICT_NO_EHLO, UNKNOWN_NONE);
    set(&s), s.evidence.mail_port = false, s.evidence.tls_port = true;
    expect(&s, VERDICT_CLEARTEXT_ON_TLS_PORT, UNKNOWN_NONE);
}

static void starttls_asked_for(void **state) {
    (void)state;
    struct scene s;
    set(&s), s.smtp.requested = SMTP_YES, s.smtp.starttls_reply_code = 454,
             expect(&s, VERDICT_REFUSED, UNKNOWN_NONE);
    set(&s), s.smtp.requested = SMTP_YES, s.smtp.starttls_reply_code = 220,
             s.smtp.clear_after_accept_client = 5;
    expect(&s, VERDICT_ACCEPTED_NO_TLS, UNKNOWN_NONE);
    set(&s), s.smtp.requested = SMTP_YES, s.smtp.starttls_reply_code = 220;
    expect(&s, VERDICT_HANDSHAKE_FAILED, UNKNOWN_NONE);
    s.evidence.ended = false, expect(&s, VERDICT_UNKNOWN, UNKNOWN_TRUNCATED);
    s.evidence.timed_out = true, expect(&s, VERDICT_HANDSHAKE_FAILED, UNKNOWN_NONE);
}

static void tls_that_completed(void **state) {
    (void)state;
    struct scene s;
    set(&s), begin_tls(&s, TLS_ESTABLISHED), expect(&s, VERDICT_STARTTLS, UNKNOWN_NONE);
    s.evidence.gap = true, expect(&s, VERDICT_STARTTLS, UNKNOWN_NONE);
    set(&s), begin_tls(&s, TLS_ESTABLISHED);
    s.smtp.client_speaks = s.smtp.server_speaks = SMTP_SPEAKS_NOTHING;
    s.evidence.midstream = true, expect(&s, VERDICT_UNKNOWN, UNKNOWN_MIDSTREAM);
    s.evidence.midstream = false, s.evidence.tls_from_start[SIDE_CLIENT] = true;
    expect(&s, VERDICT_IMPLICIT_TLS, UNKNOWN_NONE);
}

static void tls_that_did_not_complete(void **state) {
    (void)state;
    struct scene s;
    set(&s), begin_tls(&s, TLS_FAILED), expect(&s, VERDICT_HANDSHAKE_FAILED, UNKNOWN_NONE);
    set(&s), begin_tls(&s, TLS_STARTED), expect(&s, VERDICT_HANDSHAKE_FAILED, UNKNOWN_NONE);
    s.evidence.gap = true, expect(&s, VERDICT_UNKNOWN, UNKNOWN_GAP);
    s.evidence.gap = false, s.evidence.visible[SIDE_SERVER] = false,
    expect(&s, VERDICT_UNKNOWN, UNKNOWN_ONE_SIDED);
    s.evidence.visible[SIDE_SERVER] = true, s.evidence.truncated = true,
    expect(&s, VERDICT_UNKNOWN, UNKNOWN_TRUNCATED);
    s.evidence.truncated = false, s.evidence.evicted = true, expect(&s, VERDICT_UNKNOWN, UNKNOWN_EVICTED);
}

static void nothing_decided(void **state) {
    (void)state;
    struct scene s;
    set(&s), s.smtp.mail_attempted = false, s.smtp.offered = SMTP_YES,
             expect(&s, VERDICT_NO_MAIL, UNKNOWN_NONE);
    s.evidence.ended = false, expect(&s, VERDICT_UNKNOWN, UNKNOWN_TRUNCATED);
    s.smtp.quit_seen = true, expect(&s, VERDICT_NO_MAIL, UNKNOWN_NONE);
    set(&s), s.smtp.client_speaks = SMTP_SPEAKS_OTHER, s.smtp.server_speaks = SMTP_SPEAKS_NOTHING;
    s.smtp.mail_attempted = false, expect(&s, VERDICT_NOT_SMTP, UNKNOWN_NONE);
}

static void tls_of_another_protocol(void **state) {
    (void)state;
    struct scene s;
    set(&s), begin_tls(&s, TLS_ESTABLISHED), s.smtp.ehlo_seen = false;
    s.evidence.tls_found[SIDE_CLIENT] = s.evidence.tls_found[SIDE_SERVER] = true;
    expect(&s, VERDICT_NOT_SMTP, UNKNOWN_NONE);
    s.tls.outcome = TLS_FAILED, expect(&s, VERDICT_NOT_SMTP, UNKNOWN_NONE);
    s.smtp.requested = SMTP_YES, s.smtp.starttls_reply_code = 382, expect(&s, VERDICT_NOT_SMTP, UNKNOWN_NONE);
    s.smtp.starttls_reply_code = 220, expect(&s, VERDICT_HANDSHAKE_FAILED, UNKNOWN_NONE);
    s.smtp.requested = SMTP_OPEN, s.smtp.client_gap = s.evidence.gap = true;
    expect(&s, VERDICT_UNKNOWN, UNKNOWN_GAP);
}

static void behind_a_proxy(void **state) {
    (void)state;
    struct scene s;
    set(&s), s.evidence.asked_proxy[SIDE_CLIENT] = s.evidence.asked_proxy[SIDE_SERVER] = true;
    expect(&s, VERDICT_NOT_OFFERED, UNKNOWN_NONE);
    s.smtp.client_speaks = s.smtp.server_speaks = SMTP_SPEAKS_NOTHING, s.smtp.mail_attempted = false;
    expect(&s, VERDICT_NOT_SMTP, UNKNOWN_NONE);
    s.evidence.ended = false, expect(&s, VERDICT_UNKNOWN, UNKNOWN_TRUNCATED);
    begin_tls(&s, TLS_ESTABLISHED), expect(&s, VERDICT_NOT_SMTP, UNKNOWN_NONE);
    s.smtp.client_gap = true, expect(&s, VERDICT_UNKNOWN, UNKNOWN_TRUNCATED);
}

/* Whatever may have been in the missing bytes. */
static void missing_evidence_leaves_it_open(void **state) {
    (void)state;
    struct scene s;
    set(&s), s.smtp.offered = SMTP_YES, s.smtp.requested = SMTP_OPEN,
             s.smtp.client_gap = s.evidence.gap = true;
    expect(&s, VERDICT_UNKNOWN, UNKNOWN_GAP);
    set(&s), s.smtp.offered = SMTP_OPEN, s.smtp.server_gap = s.evidence.gap = true;
    expect(&s, VERDICT_UNKNOWN, UNKNOWN_GAP);
    set(&s), s.smtp.offered = SMTP_OPEN, s.evidence.visible[SIDE_SERVER] = false;
    expect(&s, VERDICT_UNKNOWN, UNKNOWN_ONE_SIDED);
    set(&s), s.smtp.requested = SMTP_YES, s.smtp.server_gap = s.evidence.gap = true;
    expect(&s, VERDICT_UNKNOWN, UNKNOWN_GAP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_in_clear),      cmocka_unit_test(starttls_asked_for),
        cmocka_unit_test(tls_that_completed), cmocka_unit_test(tls_that_did_not_complete),
        cmocka_unit_test(nothing_decided),    cmocka_unit_test(missing_evidence_leaves_it_open),
        cmocka_unit_test(behind_a_proxy),     cmocka_unit_test(tls_of_another_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
