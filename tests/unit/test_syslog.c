/* The syslog sink, read by servers of this test. */
#include "../../outputs/sink.h"
#include "../../outputs/syslog.h"
#include "../../outputs/syslog_message.h"

#include "sample_event.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

static struct event alert;
static char said[1024];

static void on_message(void *context, const char *message) {
    (void)context;
    (void)snprintf(said, sizeof said, "%s", message);
}

static const struct sink_options options = {.log = on_message};

static int begin(void **state) {
    (void)state;
    said[0] = '\0';
    event_reset(&alert, DATASET_ALERT);
    sample_id(&alert);
    alert.observer_name = "sensor-1";
    alert.observer_version = "0.1.0";
    struct alert_event *a = &alert.alert;
    a->hour_ns = UINT64_C(1700006400000000000);
    a->time_ns = UINT64_C(1700006401123456789);
    a->finding = "auth.cleartext";
    a->findings = UINT64_C(1) << FINDING_AUTH_CLEARTEXT;
    a->reason = "A client logged in without encryption.";
    a->remedy = "Offer AUTH only inside TLS.";
    a->sessions = 3;
    a->peer_ip = "192.0.2.25";
    a->peer_name = "mx.example.org";
    a->source.ip = "192.0.2.10";
    a->source.port = 40001;
    a->destination.ip = "192.0.2.25";
    a->destination.port = 25;
    a->destination.domain = "mx.example.org";
    a->direction = "outbound";
    a->verdict = VERDICT_NOT_OFFERED;
    return 0;
}

static int end(void **state) {
    (void)state;
    event_cleanup(&alert);
    return 0;
}

static char *message(bool cef) {
    struct buffer out = {0};
    syslog_message(&out, &alert, SYSLOG_FACILITY_DAEMON, cef);
    buffer_add_char(&out, '\0');
    assert_false(out.failed);
    return out.data;
}

/* --- what is said --- */

#define HEADER                                                                                               \
    "<27>1 2023-11-15T00:00:01.123456Z sensor-1 starttap - auth.cleartext "                                  \
    "[origin software=\"starttap\" swVersion=\"0.1.0\"] "

static void test_plain(void **state) {
    (void)state;
    char *text = message(false);
    assert_string_equal(text,
                        HEADER "A client logged in without encryption. peer=192.0.2.25 "
                               "name=\"mx.example.org\" sessions=3 verdict=not_offered direction=outbound "
                               "client=192.0.2.10 server=192.0.2.25 port=25 "
                               "id=0123456789abcdef0123456789abcdef");
    free(text);
}

static void test_cef(void **state) {
    (void)state;
    char *text = message(true);
    assert_string_equal(
        text,
        HEADER "CEF:0|starttap|starttap|0.1.0|auth.cleartext|A client logged in without encryption.|8|"
               "rt=1700006401123 start=1700006400000 cnt=3 app=SMTP proto=TCP src=192.0.2.10 spt=40001 "
               "dst=192.0.2.25 dpt=25 dhost=mx.example.org deviceDirection=1 dvchost=sensor-1 "
               "externalId=0123456789abcdef0123456789abcdef cs1Label=verdict cs1=not_offered cs2Label=peer "
               "cs2=192.0.2.25 cs3Label=peerName cs3=mx.example.org msg=Offer AUTH only inside TLS.");
    free(text);
    alert.alert.source.ip = "2001:db8::1";
    text = message(true);
    assert_non_null(strstr(text, " c6a2Label=Source IPv6 Address c6a2=2001:db8::1 spt=40001 dst=192.0.2.25"));
    free(text);
}

/* Each severity has its level, and those of RFC 5424 and of CEF go opposite ways. */
static void test_severities(void **state) {
    (void)state;
    static const struct {
        enum finding finding;
        const char *plain, *cef;
    } cases[] = {{FINDING_PORT_UNEXPECTED, "<30>1 ", "|1|rt="},
                 {FINDING_CERT_EXPIRED, "<29>1 ", "|3|rt="},
                 {FINDING_MAIL_CLEARTEXT, "<28>1 ", "|6|rt="},
                 {FINDING_STARTTLS_MASKED, "<27>1 ", "|8|rt="}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alert.alert.findings = UINT64_C(1) << cases[i].finding;
        char *text = message(true);
        assert_memory_equal(text, cases[i].plain, strlen(cases[i].plain));
        assert_non_null(strstr(text, cases[i].cef));
        free(text);
    }
}

/* Names from the wire end no line, no field and no quotes. */
static void test_hostile(void **state) {
    (void)state;
    static char longest[2000];
    memset(longest, 'a', sizeof longest - 1);
    static const char evil[] = "x\n<0>1 - - - - - \"]|=\\ y\r\x1b[2J\xe2\x80\xa8\xc2\x85\xff z";
    alert.alert.peer_name = alert.alert.destination.domain = evil;
    alert.observer_name = "host name\n\"]";
    alert.observer_version = "a]\"\\b\n";
    for (int cef = 0; cef < 2; cef++) {
        char *text = message(cef != 0);
        for (const char *c = text; *c != '\0'; c++) {
            assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
        }
        assert_null(strstr(text, "\xe2\x80\xa8"));
        assert_null(strstr(text, "\xc2\x85"));
        assert_non_null(strstr(text, "Z hostname\"] starttap - auth.cleartext [origin software=\"starttap\" "
                                     "swVersion=\"a\\]\\\"\\\\b?\"] "));
        free(text);
    }
    char *text = message(true);
    assert_non_null(
        strstr(text, " dhost=x <0>1 - - - - - \"]|\\=\\\\ y  [2J  \xef\xbf\xbd z deviceDirection=1"));
    assert_non_null(strstr(text, "|a]\"\\\\b |auth.cleartext|"));
    free(text);
    alert.observer_version = "1|2";
    text = message(true);
    assert_non_null(strstr(text, "CEF:0|starttap|starttap|1\\|2|auth"));
    free(text);
    alert.alert.peer_name = longest;
    text = message(false);
    assert_true(strlen(text) < 1000);
    free(text);
}

/* Nothing but what must be there. */
static void test_least(void **state) {
    (void)state;
    event_reset(&alert, DATASET_ALERT);
    alert.observer_name = alert.observer_version = NULL;
    for (int cef = 0; cef < 2; cef++) {
        char *text = message(cef != 0);
        assert_non_null(strstr(text, "Z - starttap - - [origin software=\"starttap\" swVersion=\"\"] "));
        free(text);
    }
}

static void test_facilities(void **state) {
    (void)state;
    assert_int_equal(syslog_facility("kern"), 0);
    assert_int_equal(syslog_facility("mail"), 2);
    assert_int_equal(syslog_facility("daemon"), 3);
    assert_int_equal(syslog_facility("authpriv"), 10);
    assert_int_equal(syslog_facility("local0"), 16);
    assert_int_equal(syslog_facility("local7"), 23);
    assert_int_equal(syslog_facility("local8"), -1);
    assert_int_equal(syslog_facility(""), -1);
}

/* --- how it gets there --- */

static void test_specs(void **state) {
    (void)state;
    static const char *const good[] = {
        "syslog:unix",          "syslog:unix:/run/x.sock",
        "syslog:udp://loghost", "syslog:udp://loghost:1514?format=cef&facility=local3",
        "syslog:tcp://[::1]",   "syslog:tcp://[2001:db8::1]:601?format=rfc5424"};
    static const char *const wrong[] = {"syslog:loghost",
                                        "syslog:http://loghost",
                                        "syslog:udp://",
                                        "syslog:udp://:514",
                                        "syslog:udp://h:0",
                                        "syslog:udp://h:65536",
                                        "syslog:udp://h:",
                                        "syslog:udp://h:5x",
                                        "syslog:tcp://[::1",
                                        "syslog:tcp://[::1]514",
                                        "syslog:unix:",
                                        "syslog:udp://h/x",
                                        "syslog:unix?format=json",
                                        "syslog:unix?facility=none",
                                        "syslog:unix?datasets=session",
                                        "syslog:unix?append"};
    char error[512];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!sink_check(good[i], error, sizeof error)) {
            fail_msg("%s", error);
        }
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        error[0] = '\0';
        if (sink_check(wrong[i], error, sizeof error)) {
            fail_msg("taken: %s", wrong[i]);
        }
        assert_true(error[0] != '\0');
    }
}

static int serve(int type, uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int yes = 1, fd = socket(AF_INET, type, 0);
    address.sin_port = htons(*port);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    assert_true(type != SOCK_STREAM || listen(fd, 4) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static struct sink *open_sink(const char *format, unsigned port) {
    char spec[128], error[512];
    (void)snprintf(spec, sizeof spec, format, port);
    struct sink *sink = sink_open(spec, &options, error, sizeof error);
    if (sink == NULL) {
        fail_msg("%s", error);
    }
    return sink;
}

/* Waits for something to read. */
static size_t receive(int fd, char *out, size_t size) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
    ssize_t len = recv(fd, out, size - 1, 0);
    assert_true(len > 0);
    out[len] = '\0';
    return (size_t)len;
}

static int accept_one(int listener) {
    struct pollfd poll_fd = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

static void wait_for_all(struct sink *sink) {
    for (int i = 0; i < PATIENCE_MS / 100 && sink_wait(sink, 100) > 0; i++) {
    }
    assert_int_equal(sink_wait(sink, 0), 0);
}

static void test_udp(void **state) {
    (void)state;
    char text[4096];
    uint16_t port = 0;
    int server = serve(SOCK_DGRAM, &port);
    struct sink *sink = open_sink("syslog:udp://127.0.0.1:%u", port);
    struct event session = {0};
    event_init(&session);
    assert_int_equal(sink_write(sink, &session), 0); /* none of its business */
    assert_int_equal(sink_write(sink, &alert), 0);
    char *expected = message(false);
    assert_int_equal(receive(server, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
    struct sink_stats stats;
    assert_true(sink_stats(sink, &stats));
    assert_int_equal(stats.num_written, 1);
    assert_int_equal(stats.num_delivered, 1);
    assert_true(stats.remote);
    assert_int_equal(sink_close(sink), 0);
    free(expected);
    event_cleanup(&session);
    (void)close(server);
}

/* Nobody listens, which UDP says with the next message; then somebody does. */
static void test_udp_refused(void **state) {
    (void)state;
    char text[4096];
    uint16_t port = 0;
    (void)close(serve(SOCK_DGRAM, &port));
    struct sink *sink = open_sink("syslog:udp://127.0.0.1:%u", port);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sink_write(sink, &alert), 0);
    }
    assert_non_null(strstr(said, "nobody listens there"));
    int server = serve(SOCK_DGRAM, &port);
    assert_int_equal(sink_write(sink, &alert), 0);
    receive(server, text, sizeof text);
    assert_int_equal(sink_close(sink), 0);
    (void)close(server);
}

static void test_unix(void **state) {
    (void)state;
    char dir[] = "/tmp/test_syslog_XXXXXX", spec[256], text[4096], error[512];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_non_null(mkdtemp(dir));
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/log", dir);
    (void)snprintf(spec, sizeof spec, "syslog:unix:%s?format=cef&facility=mail", address.sun_path);
    struct sink *sink = sink_open(spec, &options, error, sizeof error);
    assert_non_null(sink);
    assert_int_equal(sink_write(sink, &alert), 0); /* the server is not there yet */
    assert_non_null(strstr(said, "alerts wait, and it is tried again"));
    int server = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof address), 0);
    wait_for_all(sink);
    assert_non_null(strstr(said, "taken again"));
    receive(server, text, sizeof text);
    assert_memory_equal(text, "<19>1 ", 6);
    assert_non_null(strstr(text, "CEF:0|starttap|"));
    assert_int_equal(sink_close(sink), 0);
    (void)close(server);
    (void)unlink(address.sun_path);
    (void)rmdir(dir);
}

/* Reads one message with its length in front. */
static void expect_counted(int fd, const char *expected) {
    char text[8192];
    size_t have = 0, len = 0;
    do {
        have += receive(fd, text + have, sizeof text - have);
        len = strtoul(text, NULL, 10);
    } while (have < len + 2);
    const char *space = strchr(text, ' ');
    assert_non_null(space);
    assert_string_equal(space + 1, expected);
    assert_int_equal(strlen(space + 1), len);
}

static void test_tcp(void **state) {
    (void)state;
    uint16_t port = 0;
    int listener = serve(SOCK_STREAM, &port);
    struct sink *sink = open_sink("syslog:tcp://localhost:%u", port);
    char *expected = message(false);
    assert_int_equal(sink_write(sink, &alert), 0);
    int fd = accept_one(listener);
    expect_counted(fd, expected);
    /* The server goes, which is noticed before the next message is lost, and comes back. */
    (void)close(fd);
    (void)close(listener);
    assert_int_equal(sink_write(sink, &alert), 0);
    assert_non_null(strstr(said, "alerts wait, and it is tried again"));
    assert_int_equal(sink_wait(sink, 0), 1);
    listener = serve(SOCK_STREAM, &port);
    wait_for_all(sink);
    fd = accept_one(listener);
    expect_counted(fd, expected);
    assert_int_equal(sink_close(sink), 0);
    (void)close(fd);
    (void)close(listener);
    free(expected);
}

/* A server that takes nothing: memory stays bounded, and the sink says that it is full. */
static void test_full(void **state) {
    (void)state;
    uint16_t port = 0;
    int listener = serve(SOCK_STREAM, &port);
    struct sink *sink = open_sink("syslog:tcp://127.0.0.1:%u", port);
    int result = 0;
    size_t num = 0;
    for (; result == 0 && num < 1000000; num++) {
        result = sink_write(sink, &alert);
    }
    assert_int_equal(result, SINK_FULL);
    struct sink_stats stats;
    assert_true(sink_stats(sink, &stats));
    assert_true(stats.bytes_waiting < SYSLOG_PENDING_MAX + 4096);
    assert_int_equal(stats.num_written, num - 1);
    assert_int_equal(stats.num_delivered + stats.num_waiting, stats.num_written);
    assert_int_equal(sink_close(sink), -1);
    (void)close(listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, begin, end),
        cmocka_unit_test_setup_teardown(test_cef, begin, end),
        cmocka_unit_test_setup_teardown(test_severities, begin, end),
        cmocka_unit_test_setup_teardown(test_hostile, begin, end),
        cmocka_unit_test_setup_teardown(test_least, begin, end),
        cmocka_unit_test(test_facilities),
        cmocka_unit_test(test_specs),
        cmocka_unit_test_setup_teardown(test_udp, begin, end),
        cmocka_unit_test_setup_teardown(test_udp_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_unix, begin, end),
        cmocka_unit_test_setup_teardown(test_tcp, begin, end),
        cmocka_unit_test_setup_teardown(test_full, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
