#include "../../sensor/judge/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "peer_session.h"

#define CERT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CERT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define MX     "192.0.2.25"

static struct event event;
static struct memory *memory;

static int begin(void **state) {
    (void)state;
    event_init(&event);
    memory = memory_new(0, true);
    return memory == NULL;
}

static int end(void **state) {
    (void)state;
    memory_free(memory);
    event_cleanup(&event);
    return 0;
}

static uint64_t bit(enum finding finding) {
    return UINT64_C(1) << finding;
}

/* A session without an offer, or with one. */
static struct session_event *clear(const char *client, uint64_t at_s) {
    struct session_event *s = begin_session(&event, client, MX, at_s);
    memory_judge(memory, &event, DIRECTION_OPEN);
    return s;
}

static struct session_event *tls(const char *client, uint64_t at_s) {
    struct session_event *s = begin_tls_session(&event, client, MX, at_s);
    memory_judge(memory, &event, DIRECTION_OPEN);
    return s;
}

static void test_withdrawn(void **state) {
    (void)state;
    assert_int_equal(clear("10.0.0.1", 500)->findings, 0); /* never offered */
    for (unsigned i = 1; i <= 4; i++)
        assert_int_equal(tls("10.0.0.1", 1000 * i)->findings, 0);
    struct session_event *s = clear("10.0.0.1", 9000);
    assert_int_equal(s->findings, bit(FINDING_STARTTLS_WITHDRAWN));
    assert_int_equal(s->memory_offers, 4);
    assert_int_equal(s->memory_omissions, 1);
    assert_int_equal(s->memory_first_offered_s, 1000);
    assert_int_equal(s->memory_last_offered_s, 4000);
    assert_int_equal(s->memory_confidence, 100 * 5 / 7);
    s = clear("10.0.0.1", 9001);
    assert_int_equal(s->memory_omissions, 2);
    assert_int_equal(s->memory_confidence, 100 * 5 / 8);
    assert_int_equal(clear("10.0.0.1", 900)->findings, 0); /* before the first offer */
    begin_session(&event, "10.0.0.1", MX, 9002)->destination.port = 587;
    memory_judge(memory, &event, DIRECTION_OPEN);
    assert_int_equal(event.session.findings, 0); /* another server, so to speak */
    begin_session(&event, "10.0.0.1", MX, 9003)->starttls_offered = FACT_UNKNOWN;
    memory_judge(memory, &event, DIRECTION_OPEN);
    assert_int_equal(event.session.findings, 0); /* HELO */
}

static void test_confidence_is_of_the_last(void **state) {
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        clear("10.0.0.1", 1000 + i);
    for (unsigned i = 0; i < MEMORY_RECENT_MAX; i++)
        tls("10.0.0.1", 2000 + i);
    struct session_event *s = clear("10.0.0.1", 3000);
    assert_int_equal(s->memory_omissions, 100);
    assert_int_equal(s->memory_confidence, 100 * (MEMORY_RECENT_MAX + 1) / (MEMORY_RECENT_MAX + 2));
}

static void test_differs(void **state) {
    (void)state;
    tls("10.0.0.1", 1000);
    struct session_event *s = clear("10.0.0.2", 1100);
    assert_int_equal(s->findings, bit(FINDING_STARTTLS_DIFFERS) | bit(FINDING_STARTTLS_WITHDRAWN));
    assert_string_equal(s->memory_other_client, "10.0.0.1");
    assert_int_equal(s->memory_other_offered, FACT_YES);
    assert_int_equal(s->memory_other_seen_s, 1000);
    assert_int_equal(tls("10.0.0.1", 1110)->findings, 0); /* it was told */
    assert_false(clear("10.0.0.2", 1110 + 301)->findings & bit(FINDING_STARTTLS_DIFFERS));
}

static void test_differs_the_other_way_round(void **state) {
    (void)state;
    clear("10.0.0.2", 1000);
    struct session_event *s = tls("10.0.0.1", 1100);
    assert_int_equal(s->findings, bit(FINDING_STARTTLS_DIFFERS));
    assert_string_equal(s->memory_other_client, "10.0.0.2");
    assert_int_equal(s->memory_other_offered, FACT_NO);
    assert_int_equal(tls("10.0.0.1", 1101)->findings, 0); /* once */
}

/* The one client sees the server change: that is no difference between clients. */
static void test_a_change_is_no_difference(void **state) {
    (void)state;
    clear("10.0.0.2", 1000);
    tls("10.0.0.2", 1010);
    assert_int_equal(tls("10.0.0.1", 1020)->findings, 0);
    clear("10.0.0.1", 1030);
    clear("10.0.0.2", 1040);
    assert_int_equal(clear("10.0.0.1", 1050)->findings, bit(FINDING_STARTTLS_WITHDRAWN));
}

static uint64_t show_cert(const char *sha256, uint64_t at_s) {
    begin_tls_session(&event, "10.0.0.1", MX, at_s)->server_cert.sha256 = sha256;
    memory_judge(memory, &event, DIRECTION_OPEN);
    return event.session.findings;
}

static void test_cert(void **state) {
    (void)state;
    assert_int_equal(show_cert(CERT_A, 1000), 0);
    assert_int_equal(show_cert(CERT_A, 1001), 0);
    assert_int_equal(show_cert(NULL, 1002), 0);
    assert_int_equal(show_cert(CERT_B, 1003), bit(FINDING_CERT_CHANGED));
    assert_string_equal(event.session.memory_cert_sha256, CERT_A);
    assert_int_equal(event.session.memory_cert_seen_s, 1001);
    assert_int_equal(show_cert(CERT_A, 1004), 0); /* it has both */
    char other[65] = CERT_A;
    for (unsigned i = 0; i < MEMORY_CERTS_MAX; i++) {
        other[0] = (char)('0' + i);
        assert_int_equal(show_cert(other, 1010 + i), bit(FINDING_CERT_CHANGED));
    }
    assert_int_equal(show_cert(CERT_A, 1020), bit(FINDING_CERT_CHANGED)); /* forgotten */
}

static uint64_t show_key(const char *sha256, uint8_t key, uint64_t at_s) {
    struct session_event *s = begin_tls_session(&event, "10.0.0.1", MX, at_s);
    s->server_cert.sha256 = sha256;
    s->server_cert.key_known = true;
    memset(s->server_cert.key_sha256, key, sizeof s->server_cert.key_sha256);
    memory_judge(memory, &event, DIRECTION_OPEN);
    return s->findings;
}

/* A renewal that keeps its key is no change, however many there are. */
static void test_cert_renewed(void **state) {
    (void)state;
    char sha256[65] = CERT_A;
    assert_int_equal(show_key(CERT_A, 1, 1000), 0);
    for (unsigned i = 0; i < 2 * MEMORY_CERTS_MAX; i++) {
        sha256[0] = (char)('0' + i);
        assert_int_equal(show_key(sha256, 1, 1001 + i), 0);
    }
    assert_int_equal(show_key(CERT_B, 2, 1100), bit(FINDING_CERT_CHANGED));
    assert_string_equal(event.session.memory_cert_sha256, sha256); /* the renewed one */
    assert_int_equal(event.session.memory_cert_seen_s, 1000 + 2 * MEMORY_CERTS_MAX);
    assert_int_equal(show_key(CERT_A, 1, 1101), 0);                       /* its key is known */
    assert_int_equal(show_cert(CERT_B, 1102), 0);                         /* so is the certificate */
    assert_int_equal(show_cert(sha256, 1103), bit(FINDING_CERT_CHANGED)); /* CERT_A is the last of its key */
}

/* A long session that began before the new certificate, and is told of after. */
static void test_cert_of_an_older_session(void **state) {
    (void)state;
    show_cert(CERT_B, 1003);
    assert_int_equal(show_cert(CERT_A, 1000), 0);
}

static uint64_t negotiate(const char *version, const char *offered, uint64_t at_s) {
    struct session_event *s = begin_tls_session(&event, "10.0.0.1", MX, at_s);
    s->tls_client_versions = (struct text_list){&offered, offered ? 1 : 0, NULL, 0};
    s->tls_version = version;
    memory_judge(memory, &event, DIRECTION_OPEN);
    return event.session.findings;
}

static void test_version(void **state) {
    (void)state;
    assert_int_equal(negotiate("1.0", "1.2", 1000), 0);
    assert_int_equal(negotiate("1.3", "1.3", 1001), 0);
    assert_int_equal(negotiate("1.2", "1.2", 1002), 0); /* the client knows no better */
    assert_int_equal(negotiate("1.2", "1.3", 1003), bit(FINDING_TLS_VERSION_LOWERED));
    assert_string_equal(event.session.memory_tls_version, "1.3");
    assert_int_equal(event.session.memory_tls_version_seen_s, 1001);
    assert_int_equal(negotiate("1.3", "1.3", 1004), 0);
    assert_int_equal(negotiate("1.0", "1.2", 1005), bit(FINDING_TLS_VERSION_LOWERED));
    assert_string_equal(event.session.memory_tls_version, "1.2");
    assert_int_equal(negotiate("3.0", NULL, 1006), 0);
    assert_int_equal(negotiate("7.7", "1.3", 1007), 0);
}

static void fail_tls(const char *client, const char *server, uint64_t at_s, enum direction direction) {
    begin_tls_session(&event, client, server, at_s)->verdict = VERDICT_HANDSHAKE_FAILED;
    event.session.tls_established = FACT_NO;
    memory_judge(memory, &event, direction);
    assert_int_equal(event.session.findings, 0);
}

static bool falls_back(const char *client, const char *server, uint64_t at_s, enum direction direction) {
    struct session_event *s = begin_session(&event, client, server, at_s);
    s->starttls_offered = FACT_UNKNOWN;
    s->mail_cleartext = FACT_YES;
    memory_judge(memory, &event, direction);
    bool found = s->findings == bit(FINDING_FALLBACK_CLEARTEXT);
    assert_true(found || s->findings == 0);
    assert_int_equal(s->memory_failed_s != EVENT_ABSENT, found);
    return found;
}

static void test_fallback(void **state) {
    (void)state;
    fail_tls("10.0.0.1", MX, 1000, DIRECTION_OPEN);
    assert_true(falls_back("10.0.0.1", MX, 1000 + 1, DIRECTION_OPEN));
    assert_int_equal(event.session.memory_failed_s, 1001);
    assert_true(falls_back("10.0.0.77", MX, 1300, DIRECTION_OPEN)); /* of the same network */
    assert_true(falls_back("10.0.0.1", MX, 1001 + 600, DIRECTION_OPEN));
    assert_false(falls_back("10.0.0.1", MX, 1001 + 601, DIRECTION_OPEN));
    assert_false(falls_back("10.0.0.1", MX, 999, DIRECTION_OPEN));
    assert_false(falls_back("10.0.1.1", MX, 1100, DIRECTION_OPEN)); /* somebody else */
    assert_false(falls_back("10.0.0.1", "192.0.2.26", 1100, DIRECTION_OPEN));
}

static void test_fallback_of_peers(void **state) {
    (void)state;
    fail_tls("10.0.0.1", MX, 1000, DIRECTION_OUTBOUND);
    assert_true(falls_back("10.9.9.9", MX, 1100, DIRECTION_OUTBOUND)); /* ours are one */
    assert_false(falls_back("10.0.0.1", MX, 1100, DIRECTION_INBOUND));
    fail_tls("2001:db8:1:2::1", "192.0.2.7", 1000, DIRECTION_INBOUND);
    assert_true(falls_back("2001:db8:1:2:ffff::9", "192.0.2.8", 1100, DIRECTION_INBOUND));
    assert_false(falls_back("2001:db8:1:3::1", "192.0.2.7", 1100, DIRECTION_INBOUND));
}

static void test_offer_of_an_address(void **state) {
    (void)state;
    assert_int_equal(memory_offer(memory, MX).ever, FACT_UNKNOWN);
    clear("10.0.0.1", 1000);
    assert_int_equal(memory_offer(memory, MX).ever, FACT_NO);
    begin_tls_session(&event, "10.0.0.1", MX, 1500)->destination.port = 587;
    memory_judge(memory, &event, DIRECTION_OPEN);
    struct memory_offer offer = memory_offer(memory, MX);
    assert_int_equal(offer.ever, FACT_YES);
    assert_int_equal(offer.last_ns, 1500 * S);
    assert_int_equal(offer.first_ns, 1000 * S);
}

/* Neither many servers nor many ports of one take more room than there is. */
static void test_limits(void **state) {
    (void)state;
    char ip[32];
    struct memory *small = memory_new(3, false);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(ip, sizeof ip, "192.0.2.%u", i);
        begin_tls_session(&event, "10.0.0.1", ip, 1000 + i);
        memory_judge(small, &event, DIRECTION_OPEN);
    }
    assert_int_equal(memory_offer(small, "192.0.2.6").ever, FACT_UNKNOWN);
    assert_int_equal(memory_offer(small, "192.0.2.7").ever, FACT_YES);
    memory_free(small);
    for (unsigned i = 0; i <= MEMORY_PORTS_MAX; i++) {
        begin_tls_session(&event, "10.0.0.1", MX, 1000 + i)->destination.port = (uint16_t)(1000 + i);
        memory_judge(memory, &event, DIRECTION_OPEN);
    }
    assert_int_equal(memory_offer(memory, MX).first_ns, 1001 * S); /* the oldest port is gone */
}

/* --- a second run --- */

static struct memory *second;
static size_t num_told;

static bool copy_server(void *context, const struct memory_server *server) {
    (void)context;
    num_told++;
    return memory_restore_server(second, server);
}

static bool copy_failure(void *context, const struct memory_failure *failure) {
    (void)context;
    num_told++;
    return memory_restore_failure(second, failure);
}

static bool copy_judgement(void *context, const struct memory_judgement *judgement) {
    (void)context;
    num_told++;
    return memory_restore_judgement(second, judgement);
}

static const struct memory_teller copier = {copy_server, copy_failure, copy_judgement, NULL};

static void run_again(void) {
    second = memory_new(0, true);
    num_told = 0;
    assert_true(memory_tell(memory, &copier));
    memory_free(memory);
    memory = second;
}

/* What was found at each of these, twice. */
static void read_capture(uint64_t findings[5]) {
    findings[0] = tls("10.0.0.1", 1000)->findings;
    findings[1] = show_cert(CERT_A, 1001);
    findings[2] = show_cert(CERT_B, 1002);
    fail_tls("10.0.0.1", MX, 1003, DIRECTION_OPEN);
    struct session_event *s = begin_session(&event, "10.0.0.1", MX, 1010);
    s->mail_cleartext = FACT_YES;
    memory_judge(memory, &event, DIRECTION_OPEN);
    findings[3] = s->findings;
    assert_int_equal(s->memory_offers, 4);
    assert_int_equal(s->memory_failed_s, 1004);
    findings[4] = tls("10.0.0.1", 1011)->findings;
}

static void test_the_same_again(void **state) {
    (void)state;
    uint64_t first[5], again[5];
    read_capture(first);
    assert_int_equal(first[2], bit(FINDING_CERT_CHANGED));
    assert_int_equal(first[3], bit(FINDING_FALLBACK_CLEARTEXT) | bit(FINDING_STARTTLS_WITHDRAWN));
    run_again();
    assert_int_equal(num_told, 4);
    read_capture(again);
    assert_memory_equal(first, again, sizeof first);
    struct session_event *s = clear("10.0.0.1", 2000);
    assert_int_equal(s->findings, bit(FINDING_STARTTLS_WITHDRAWN));
    assert_int_equal(s->memory_offers, 5); /* counted once */
    assert_int_equal(s->memory_omissions, 1);
}

static void test_across_runs(void **state) {
    (void)state;
    show_cert(CERT_A, 1000);
    negotiate("1.3", "1.3", 1001);
    fail_tls("10.0.0.1", MX, 1002, DIRECTION_OPEN);
    run_again();
    assert_int_equal(negotiate("1.2", "1.3", 1010), bit(FINDING_TLS_VERSION_LOWERED));
    assert_int_equal(show_cert(CERT_B, 1011), bit(FINDING_CERT_CHANGED));
    assert_true(falls_back("10.0.0.1", MX, 1100, DIRECTION_OPEN));
    assert_int_equal(clear("10.0.0.1", 1200)->findings, bit(FINDING_STARTTLS_WITHDRAWN));
}

/* Only what changed is told, until it is safe. */
static void test_telling(void **state) {
    (void)state;
    tls("10.0.0.1", 1000);
    second = memory_new(0, true);
    for (unsigned i = 0; i < 2; i++) {
        num_told = 0;
        assert_true(memory_tell(memory, &copier));
        assert_int_equal(num_told, 1);
    }
    memory_told(memory);
    num_told = 0;
    assert_true(memory_tell(memory, &copier));
    assert_int_equal(num_told, 0);
    memory_forget(memory);
    assert_int_equal(memory_offer(memory, MX).ever, FACT_UNKNOWN);
    memory_free(second);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_withdrawn),
        TEST(test_confidence_is_of_the_last),
        TEST(test_differs),
        TEST(test_differs_the_other_way_round),
        TEST(test_a_change_is_no_difference),
        TEST(test_cert),
        TEST(test_cert_renewed),
        TEST(test_cert_of_an_older_session),
        TEST(test_version),
        TEST(test_fallback),
        TEST(test_fallback_of_peers),
        TEST(test_offer_of_an_address),
        TEST(test_limits),
        TEST(test_the_same_again),
        TEST(test_across_runs),
        TEST(test_telling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
