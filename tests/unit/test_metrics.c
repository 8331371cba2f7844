/* The pages of --metrics, asked for as Prometheus does. STARTTAP_UPDATE_SCHEMA=1 writes
 * outputs/schema/metrics.md anew; otherwise the test fails where the file and the code differ. */
#include "../../sensor/metrics.h"

#include "sample_event.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define REFERENCE  TESTS_DIR "/../outputs/schema/metrics.md"
#define ANSWER_MAX (256u << 10)

static struct sockaddr_in address; /* of the server under test */

/* A port that nobody has: asked of the kernel, and given back. */
static struct metrics *start(void) {
    char text[32], error[256] = "";
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    snprintf(text, sizeof text, "%u", (unsigned)ntohs(address.sin_port));
    struct metrics *metrics = metrics_open(text, error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(metrics);
    assert_true(metrics_start(metrics));
    return metrics;
}

/* The whole answer, headers too; freed by the caller. */
static char *ask(const char *method, const char *path) {
    char request[128], *answer = malloc(ANSWER_MAX);
    size_t len = 0;
    ssize_t got;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_non_null(answer);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    int request_len = snprintf(request, sizeof request,
                               "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", method, path);
    assert_int_equal(write(fd, request, (size_t)request_len), request_len);
    while ((got = read(fd, answer + len, ANSWER_MAX - 1 - len)) > 0)
        len += (size_t)got;
    close(fd);
    answer[len] = '\0';
    return answer;
}

static void expect(const char *method, const char *path, const char *status, const char *part) {
    char *answer = ask(method, path);
    assert_non_null(strstr(answer, "\r\n\r\n"));
    assert_memory_equal(answer, "HTTP/1.1 ", 9);
    assert_memory_equal(answer + 9, status, 3);
    assert_non_null(strstr(answer, part));
    free(answer);
}

static uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void test_addresses(void **state) {
    static const char *const good[] = {"9925", "127.0.0.1:9925", "[::1]:9925", "0.0.0.0:1", "::1:65535"};
    static const char *const bad[] = {"",      "0",     "65536",           "nonsense:1", "127.0.0.1", ":",
                                      "1.2.3", "99 25", "127.0.0.1:9925x", "-1",         "[::1]",     "]:1"};
    char error[256];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(metrics_check(good[i], error, sizeof error));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(metrics_check(bad[i], error, sizeof error));
        assert_non_null(strstr(error, "is not ADDRESS:PORT"));
    }
}

static void test_taken_port(void **state) {
    char text[32], error[256];
    (void)state;
    struct metrics *metrics = start();
    snprintf(text, sizeof text, "%u", (unsigned)ntohs(address.sin_port));
    assert_null(metrics_open(text, error, sizeof error));
    assert_non_null(strstr(error, text));
    metrics_close(metrics);
    metrics_close(NULL);
}

static void test_requests(void **state) {
    (void)state;
    struct metrics *metrics = start();
    expect("GET", "/metrics", "200", "Content-Type: text/plain; version=0.0.4");
    expect("GET", "/metrics?x=y", "200", "\nstarttap_build_info{version=");
    expect("GET", "/elsewhere", "404", "/healthz");
    expect("POST", "/metrics", "405", "Allow: GET, HEAD");
    expect("DELETE", "/healthz", "405", "Allow: GET, HEAD");
    char *head = ask("HEAD", "/metrics");
    assert_memory_equal(head, "HTTP/1.1 200", 12);
    assert_string_equal(strstr(head, "\r\n\r\n"), "\r\n\r\n");
    free(head);
    metrics_close(metrics);
}

static void test_health(void **state) {
    (void)state;
    struct metrics *metrics = start();
    struct metrics_sink sinks[2] = {{.name = "json:a", .works = true},
                                    {.name = "kafka://b/c", .works = true}};
    struct metrics_turn turn = {.now_ms = clock_ms(), .sinks = sinks, .num_sinks = 2};
    expect("GET", "/healthz", "503", "\r\n\r\nstarting\n");
    metrics_turn(metrics, &turn);
    expect("GET", "/healthz", "200", "\r\n\r\nok\n");
    sinks[1].works = false;
    metrics_turn(metrics, &turn);
    expect("GET", "/healthz", "503", "\r\n\r\nkafka://b/c: failed, and closed\n");
    sinks[1].works = true;
    turn.now_ms -= METRICS_TURN_MAX_MS + 1;
    metrics_turn(metrics, &turn);
    expect("GET", "/healthz", "503", "\r\n\r\nthe capture loop does not turn\n");
    metrics_close(metrics);
}

static void test_numbers(void **state) {
    (void)state;
    struct metrics *metrics = start();
    struct event event = {0};
    sample_session(&event);
    event.session.verdict = VERDICT_REFUSED;
    event.session.findings = 0;
    event_find(&event.session, FINDING_CERT_EXPIRED);
    event.session.tls_version = "9.9";
    event.session.truncated = true;
    metrics_event(metrics, &event);
    metrics_event(metrics, &event);
    struct reporter_totals totals = {
        .sensor = {.packets = 7, .flows_tracked = 3, .flows_evicted = 2, .gaps = 4}};
    totals.sensor.interface_outage_ms = 1050;
    totals.limits[LIMIT_TCP_BUFFER] = 5;
    metrics_totals(metrics, &totals);
    struct metrics_sink sink = {.name = "json:a\"b\\c\nd\xff", .works = true, .stats = {.lag_ms = 2007}};
    sink.stats.errors[SINK_ERROR_DISK] = 9;
    struct metrics_turn turn = {.kernel_dropped = 11, .memory_bytes = 12, .sinks = &sink, .num_sinks = 1};
    metrics_turn(metrics, &turn);
    sink = (struct metrics_sink){.name = sink.name}; /* it fails: its counters stay */
    metrics_turn(metrics, &turn);
    static const char *const lines[] = {
        "sessions_total{verdict=\"refused\"} 2",
        "findings_total{finding=\"cert.expired\"} 2",
        "tls_sessions_total{version=\"other\"} 2",
        "sessions_truncated_total 2",
        "sessions_with_gaps_total 4",
        "capture_packets_total 7",
        "flows_tracked 3",
        "flows_evicted_total 2",
        "interface_outage_seconds_total 1.050",
        "limits_hit_total{limit=\"tcp_buffer\"} 5",
        "capture_dropped_total{where=\"kernel\"} 11",
        "memory_bytes 12",
        "sink_up{sink=\"json:a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 0",
        "sink_lag_seconds{sink=\"json:a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 2.007",
        "sink_errors_total{sink=\"json:a\\\"b\\\\c\\nd\xef\xbf\xbd\",class=\"disk\"} 9",
    };
    char *answer = ask("GET", "/metrics");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[128];
        snprintf(line, sizeof line, "\nstarttap_%s\n", lines[i]);
        if (!strstr(answer, line))
            fail_msg("%s is not on the page", lines[i]);
    }
    free(answer);
    event_cleanup(&event);
    metrics_close(metrics);
}

static size_t count_lines(const struct buffer *page) {
    size_t num = 0;
    for (size_t i = 0; i < page->len; i++)
        num += page->data[i] == '\n';
    return num;
}

/* The page does not grow with what passes: no peer, name or text from the wire is a label. */
static void test_labels_are_bounded(void **state) {
    (void)state;
    struct metrics_numbers *numbers = calloc(1, sizeof *numbers);
    struct buffer before = {0}, after = {0};
    assert_non_null(numbers);
    metrics_write_page(numbers, &before);
    assert_int_equal(metrics_tls_version("whatever a peer says"), METRICS_NUM_TLS - 1);
    memset(&numbers->totals, 0x7f, sizeof numbers->totals);
    memset(numbers->sessions, 0x7f, sizeof numbers->sessions);
    metrics_write_page(numbers, &after);
    assert_int_equal(count_lines(&before), count_lines(&after));
    buffer_cleanup(&before);
    buffer_cleanup(&after);
    free(numbers);
}

static void test_reference(void **state) {
    (void)state;
    struct buffer made = {0};
    metrics_write_reference(&made);
    assert_false(made.failed);
    if (getenv("STARTTAP_UPDATE_SCHEMA") != NULL) {
        FILE *file = fopen(REFERENCE, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(made.data, 1, made.len, file), made.len);
        assert_int_equal(fclose(file), 0);
    }
    char *stored = calloc(1, made.len + 2);
    FILE *file = fopen(REFERENCE, "rb");
    assert_non_null(stored);
    assert_non_null(file);
    assert_int_equal(fread(stored, 1, made.len + 1, file), made.len);
    fclose(file);
    assert_memory_equal(stored, made.data, made.len);
    free(stored);
    buffer_cleanup(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_taken_port),
        cmocka_unit_test(test_requests),  cmocka_unit_test(test_health),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_labels_are_bounded),
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
