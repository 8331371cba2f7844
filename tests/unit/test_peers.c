#include "../../sensor/judge/peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peer_session.h"

#define TOLD_MAX 64

/* What was reported, as far as it is looked at here. */
struct told {
    char id[33], kind[8], name[256], ip[46], direction[16], role[8], names[256], cert[72];
    uint64_t sessions, encrypted, total, messages, bytes, first_ns, last_ns, start_ns, end_ns;
    uint64_t withdrawn, versions;
    int64_t rolled_up;
    enum fact ever_offered;
};

static struct told told[TOLD_MAX];
static size_t num_told;
static struct event event;
static struct memory *memory;
static struct digest *digest;
static struct peers *peers;

#define COPY(to, text) snprintf(to, sizeof(to), "%s", (text) ? (text) : "")

static void on_peer(void *context, struct event *peer_event) {
    (void)context;
    const struct peer_event *p = &peer_event->peer;
    assert_true(num_told < TOLD_MAX);
    struct told *t = &told[num_told++];
    *t = (struct told){.sessions = p->sessions,
                       .encrypted = p->adoption_encrypted,
                       .total = p->adoption_total,
                       .messages = p->messages_cleartext,
                       .bytes = p->bytes_cleartext,
                       .first_ns = p->first_seen_ns,
                       .last_ns = p->last_seen_ns,
                       .start_ns = p->window_start_ns,
                       .end_ns = p->window_end_ns,
                       .withdrawn = p->findings[FINDING_STARTTLS_WITHDRAWN],
                       .rolled_up = p->rolled_up,
                       .ever_offered = p->ever_offered};
    COPY(t->id, peer_event->id);
    COPY(t->kind, p->kind);
    COPY(t->name, p->name);
    COPY(t->ip, p->ip);
    COPY(t->direction, p->direction);
    COPY(t->role, p->role);
    COPY(t->cert, p->cert.subject_dn);
    for (size_t i = 0; i < p->names.num; i++) {
        strcat(t->names, p->names.items[i]);
        strcat(t->names, " ");
    }
    for (size_t i = 0; i < p->by_version.num; i++)
        t->versions += p->by_version.items[i].num;
}

static int begin_with(size_t max) {
    event_init(&event);
    num_told = 0;
    memory = memory_new(0, false);
    digest = digest_new();
    peers = peers_new(max, memory, digest, on_peer, NULL);
    return peers == NULL;
}

static int begin(void **state) {
    (void)state;
    return begin_with(0);
}

static int begin_small(void **state) {
    (void)state;
    return begin_with(2);
}

static int end(void **state) {
    (void)state;
    peers_free(peers);
    digest_free(digest);
    memory_free(memory);
    event_cleanup(&event);
    return 0;
}

static const struct told *find(const char *kind, const char *name, const char *direction) {
    for (size_t i = 0; i < num_told; i++) {
        const struct told *t = &told[i];
        if (strcmp(t->kind, kind) == 0 && strcmp(t->name, name) == 0 && strcmp(t->direction, direction) == 0)
            return t;
    }
    fail_msg("no event of %s %s %s", kind, name, direction);
    return NULL;
}

static void add(enum direction direction) {
    memory_judge(memory, &event, direction);
    peers_add(peers, &event, direction);
}

static void test_server(void **state) {
    (void)state;
    struct session_event *s = begin_tls_session(&event, "10.0.0.1", "192.0.2.25", 100);
    s->smtp_banner = "mx1.example.org ESMTP Postfix";
    s->smtp_server_name = "MX1.example.org";
    s->tls_server_name = "mail.example.co.uk";
    s->server_cert.sha256 = "ab";
    s->server_cert.subject_cn = "*.example.org";
    add(DIRECTION_OPEN);
    s = begin_session(&event, "10.0.0.2", "192.0.2.25", 200);
    s->smtp_banner = "mx1.example.org ESMTP";
    s->mail_cleartext = FACT_YES;
    s->mail_transactions = 3;
    s->mail_cleartext_bytes = 1000;
    add(DIRECTION_OPEN);
    peers_end_window(peers, 50 * S, 300 * S);
    assert_int_equal(num_told, 1 + 3 + 2);
    const struct told *ip = find("ip", "192.0.2.25", "");
    assert_string_equal(ip->ip, "192.0.2.25");
    assert_string_equal(ip->role, "server");
    assert_string_equal(ip->names, "MX1.example.org mail.example.co.uk *.example.org ");
    assert_int_equal(ip->sessions, 2);
    assert_int_equal(ip->encrypted, 1);
    assert_int_equal(ip->total, 2);
    assert_int_equal(ip->messages, 3);
    assert_int_equal(ip->bytes, 1000);
    assert_int_equal(ip->versions, 1);
    assert_int_equal(ip->withdrawn, 1);
    assert_int_equal(ip->ever_offered, FACT_YES);
    assert_int_equal(ip->first_ns, 100 * S);
    assert_int_equal(ip->last_ns, 201 * S);
    assert_int_equal(ip->start_ns, 50 * S);
    assert_int_equal(ip->end_ns, 300 * S);
    assert_int_equal(find("name", "mx1.example.org", "")->sessions, 2);
    assert_int_equal(find("name", "*.example.org", "")->sessions, 1);
    assert_int_equal(find("name", "mail.example.co.uk", "")->sessions, 1);
    assert_int_equal(find("domain", "example.org", "")->sessions, 2); /* once for two names */
    assert_int_equal(find("domain", "example.co.uk", "")->total, 1);
    assert_string_equal(find("domain", "example.org", "")->ip, "");
    for (size_t i = 0; i < num_told; i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(told[i].id, told[k].id);
    }
    num_told = 0;
    peers_end_window(peers, 300 * S, 400 * S);
    assert_int_equal(num_told, 0); /* nothing happened */
}

static void test_directions(void **state) {
    (void)state;
    struct session_event *s = begin_session(&event, "192.0.2.25", "10.0.0.1", 100);
    s->smtp_ehlo = "out.example.org";
    s->smtp_server_name = "ours.example.net";
    add(DIRECTION_INBOUND);
    begin_tls_session(&event, "10.0.0.1", "192.0.2.25", 200)->smtp_server_name = "in.example.org";
    add(DIRECTION_OUTBOUND);
    peers_end_window(peers, 0, 300 * S);
    assert_int_equal(num_told, 6);
    const struct told *in = find("ip", "192.0.2.25", "inbound"), *out = find("ip", "192.0.2.25", "outbound");
    assert_string_equal(in->role, "client");
    assert_int_equal(in->sessions, 1);
    assert_int_equal(in->ever_offered, FACT_UNKNOWN); /* a client offers nothing */
    assert_string_equal(out->role, "server");
    assert_int_equal(out->ever_offered, FACT_YES);
    assert_string_not_equal(in->id, out->id);
    find("name", "out.example.org", "inbound");
    find("name", "in.example.org", "outbound");
    find("domain", "example.org", "inbound");
    find("domain", "example.org", "outbound");
}

/* What had no room is in `other`: no session is lost, none counted twice. */
static void test_other(void **state) {
    (void)state;
    char ip[32], name[32];
    for (unsigned i = 0; i < 5; i++) {
        snprintf(ip, sizeof ip, "192.0.2.%u", i);
        snprintf(name, sizeof name, "mx%u.example.org", i);
        begin_tls_session(&event, "10.0.0.1", ip, 100 + i)->smtp_server_name = name;
        add(DIRECTION_OPEN);
    }
    peers_end_window(peers, 0, 300 * S);
    const struct told *other = find("ip", "other", "");
    assert_int_equal(other->sessions, 3);
    assert_int_equal(other->encrypted, 3);
    assert_int_equal(other->versions, 3);
    assert_int_equal(other->rolled_up, 3);
    assert_string_equal(other->ip, "");
    assert_int_equal(other->first_ns, 100 * S);
    assert_int_equal(other->last_ns, 103 * S);
    assert_int_equal(find("ip", "192.0.2.4", "")->rolled_up, 0);
    assert_int_equal(find("name", "other", "")->sessions, 3);
    assert_int_equal(find("domain", "example.org", "")->sessions, 5);
    assert_int_equal(num_told, 3 + 3 + 1);
    num_told = 0;
    begin_tls_session(&event, "10.0.0.1", "192.0.2.9", 400);
    add(DIRECTION_OPEN);
    peers_end_window(peers, 300 * S, 500 * S);
    assert_int_equal(num_told, 1); /* who made room had no session in this window: nothing to add */
}

/* More versions than are told apart are still all counted. */
static void test_many_versions(void **state) {
    (void)state;
    char version[16];
    for (unsigned i = 0; i < 100; i++) {
        struct session_event *s = begin_tls_session(&event, "10.0.0.1", "192.0.2.25", 100 + i);
        snprintf(version, sizeof version, "version-%u", i);
        s->tls_version = version;
        add(DIRECTION_OPEN);
    }
    peers_end_window(peers, 0, 300 * S);
    assert_int_equal(find("ip", "192.0.2.25", "")->versions, 100);
}

static void test_names_that_are_none(void **state) {
    (void)state;
    struct session_event *s = begin_session(&event, "10.0.0.1", "192.0.2.25", 100);
    s->smtp_banner = "";
    s->smtp_server_name = "[192.0.2.25]";
    s->tls_server_name = "localhost";
    s->server_cert.subject_cn = "Example Org\nCA";
    s->destination.domain = "co.uk";
    add(DIRECTION_OPEN);
    begin_session(&event, "10.0.0.1", "192.0.2.25", 100);
    event.session.source.ip = event.session.destination.ip = NULL; /* there was no memory */
    add(DIRECTION_OPEN);
    peers_end_window(peers, 0, 300 * S);
    assert_int_equal(num_told, 2);
    find("ip", "192.0.2.25", "");
    find("name", "co.uk", ""); /* a public suffix has no domain */
}

static void add_cert(const char *server, const char *sha256, const char *subject_dn, bool whole) {
    struct session_event *s = begin_tls_session(&event, "10.0.0.1", server, 100);
    s->server_cert.sha256 = sha256;
    s->server_cert.subject_dn = subject_dn;
    s->server_cert.key_known = whole;
    add(DIRECTION_OPEN);
}

/* More certificates than are kept for the next peer, and long ones; all but two peers make room. */
static void test_many_certificates(void **state) {
    (void)state;
    static char long_text[5000];
    char server[32], sha256[65], subject[32];
    memset(long_text, 'x', sizeof long_text - 1);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(server, sizeof server, "192.0.%u.%u", i / 250, i % 250);
        snprintf(sha256, sizeof sha256, "%064x", i / 2);
        snprintf(subject, sizeof subject, "CN=%u", i / 2);
        add_cert(server, sha256, i < 900 ? subject : long_text, true);
    }
    add_cert("192.0.2.1", sha256, long_text, true);
    peers_end_window(peers, 50 * S, 300 * S);
    assert_string_equal(find("ip", server, "")->cert, find("ip", "192.0.2.1", "")->cert);
}

/* Two addresses with one certificate, of which one gets another. */
static void test_certificates_are_shared(void **state) {
    (void)state;
    add_cert("192.0.2.1", "aa", "CN=a", true);
    add_cert("192.0.2.2", "aa", "CN=a", true);
    add_cert("192.0.2.1", "bb", "CN=b", true);
    add_cert("192.0.2.3", "cc", NULL, false);
    add_cert("192.0.2.4", "cc", "CN=c", true);
    peers_end_window(peers, 50 * S, 300 * S);
    assert_string_equal(find("ip", "192.0.2.1", "")->cert, "CN=b");
    assert_string_equal(find("ip", "192.0.2.2", "")->cert, "CN=a");
    assert_string_equal(find("ip", "192.0.2.3", "")->cert, "");
    assert_string_equal(find("ip", "192.0.2.4", "")->cert, "CN=c");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_server, begin, end),
        cmocka_unit_test_setup_teardown(test_directions, begin, end),
        cmocka_unit_test_setup_teardown(test_other, begin_small, end),
        cmocka_unit_test_setup_teardown(test_many_versions, begin, end),
        cmocka_unit_test_setup_teardown(test_names_that_are_none, begin, end),
        cmocka_unit_test_setup_teardown(test_certificates_are_shared, begin, end),
        cmocka_unit_test_setup_teardown(test_many_certificates, begin_small, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
