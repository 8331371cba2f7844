#include "metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../outputs/buffer.h"

#ifndef STARTTAP_VERSION
#define STARTTAP_VERSION "unknown"
#endif

#define CONNECTIONS_MAX 8u
#define TIMEOUT_S       10u
#define BACKLOG         8

static const char *const tls_versions[] = {"1.3", "1.2", "1.1", "1.0", "ssl3", "ssl2"};
#define NUM_TLS_VERSIONS (sizeof tls_versions / sizeof tls_versions[0])

struct metrics {
    int fd;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* of all that follows */
    struct metrics_turn turn;
    uint64_t sessions[NUM_VERDICTS];
    uint64_t findings[NUM_FINDINGS];
    uint64_t tls[NUM_TLS_VERSIONS + 1]; /* the last: any other */
    uint64_t one_sided, midstream, truncated, gap_bytes, duplicates;
};

/* --- the page --- */

static void head(struct buffer *out, const char *name, const char *type, const char *help) {
    buffer_printf(out, "# HELP starttap_%s %s\n# TYPE starttap_%s %s\n", name, help, name, type);
}

static void counter(struct buffer *out, const char *name, const char *help, uint64_t value) {
    head(out, name, "counter", help);
    buffer_printf(out, "starttap_%s %" PRIu64 "\n", name, value);
}

static void labelled(struct buffer *out, const char *name, const char *label, const char *which,
                     uint64_t value) {
    buffer_printf(out, "starttap_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, which, value);
}

static void put_judged(struct buffer *out, const struct metrics *metrics) {
    head(out, "sessions_total", "counter", "Connections reported, by verdict.");
    for (enum verdict i = 0; i < NUM_VERDICTS; i++)
        labelled(out, "sessions_total", "verdict", verdict_name(i), metrics->sessions[i]);
    head(out, "findings_total", "counter", "Findings in reported connections, by kind.");
    for (enum finding i = 0; i < NUM_FINDINGS; i++)
        labelled(out, "findings_total", "finding", finding_info(i)->name, metrics->findings[i]);
    head(out, "tls_sessions_total", "counter", "Reported connections with TLS, by the version negotiated.");
    for (size_t i = 0; i <= NUM_TLS_VERSIONS; i++)
        labelled(out, "tls_sessions_total", "version", i < NUM_TLS_VERSIONS ? tls_versions[i] : "other",
                 metrics->tls[i]);
    counter(out, "sessions_one_sided_total", "Reported connections of which one side was captured.",
            metrics->one_sided);
    counter(out, "sessions_midstream_total", "Reported connections that began before the capture.",
            metrics->midstream);
    counter(out, "sessions_truncated_total", "Reported connections with packets cut by the snap length.",
            metrics->truncated);
    counter(out, "gap_bytes_total", "Bytes of reported connections that were not captured.",
            metrics->gap_bytes);
    counter(out, "packets_duplicate_total", "Packets of reported connections that a mirror showed twice.",
            metrics->duplicates);
}

static void put_captured(struct buffer *out, const struct metrics_turn *turn) {
    counter(out, "capture_packets_total", "Packets read.", turn->packets);
    counter(out, "capture_bytes_total", "Bytes of these packets on the wire.", turn->bytes);
    head(out, "capture_dropped_total", "counter", "Packets lost before they could be read, by where.");
    labelled(out, "capture_dropped_total", "where", "kernel", turn->kernel_dropped);
    labelled(out, "capture_dropped_total", "where", "interface", turn->interface_dropped);
    counter(out, "recorded_packets_total", "Packets written by -w.", turn->recorded_packets);
    counter(out, "recorded_lost_total", "Packets that -w could not write.", turn->recorded_lost);
    counter(out, "recorded_undecided_total", "Packets scrubbed whole, as they could not wait any longer.",
            turn->recorded_undecided);
    head(out, "build_info", "gauge", "Always 1; the version is the label.");
    buffer_printf(out, "starttap_build_info{version=\"%s\"} 1\n", STARTTAP_VERSION);
}

static void put_page(struct metrics *metrics, struct buffer *out) {
    pthread_mutex_lock(&metrics->lock);
    put_judged(out, metrics);
    put_captured(out, &metrics->turn);
    pthread_mutex_unlock(&metrics->lock);
}

/* NULL: all is well. */
static const char *ailment(struct metrics *metrics) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    pthread_mutex_lock(&metrics->lock);
    struct metrics_turn turn = metrics->turn;
    pthread_mutex_unlock(&metrics->lock);
    if (turn.now_ms == 0)
        return "starting\n";
    if (now_ms > turn.now_ms + METRICS_TURN_MAX_MS)
        return "the capture loop does not turn\n";
    return turn.sinks_good ? NULL : "no output takes events any more\n";
}

/* --- HTTP --- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct buffer *body,
                              const char *type) {
    bool good = !body->failed;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(good ? body->len : 0, body->data, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    enum MHD_Result result =
        MHD_queue_response(connection, good ? status : MHD_HTTP_INTERNAL_SERVER_ERROR, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **request) {
    struct metrics *metrics = context;
    struct buffer body = {0};
    unsigned status = MHD_HTTP_OK;
    const char *type = "text/plain; charset=utf-8";
    (void)version, (void)upload, (void)request;
    *upload_len = 0;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        status = MHD_HTTP_METHOD_NOT_ALLOWED;
        buffer_add_string(&body, "GET and HEAD only\n");
    } else if (strcmp(url, "/metrics") == 0) {
        type = "text/plain; version=0.0.4; charset=utf-8";
        put_page(metrics, &body);
    } else if (strcmp(url, "/healthz") == 0) {
        const char *why = ailment(metrics);
        status = why ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK;
        buffer_add_string(&body, why ? why : "ok\n");
    } else {
        status = MHD_HTTP_NOT_FOUND;
        buffer_add_string(&body, "/metrics and /healthz\n");
    }
    enum MHD_Result result = answer(connection, status, &body, type);
    buffer_cleanup(&body);
    return result;
}

/* --- the socket --- */

static bool parse_address(const char *text, struct sockaddr_storage *address, socklen_t *len) {
    char host[INET6_ADDRSTRLEN] = "127.0.0.1";
    const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
    char *end;
    if (colon) {
        bool bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
        size_t host_len = (size_t)(colon - text) - (bracketed ? 2 : 0);
        if (host_len >= sizeof host)
            return false;
        memcpy(host, text + bracketed, host_len);
        host[host_len] = '\0';
    }
    unsigned long number = strtoul(port, &end, 10);
    if (port[0] < '0' || port[0] > '9' || *end != '\0' || number == 0 || number > 65535)
        return false;
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    *address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)number);
        *len = sizeof *v4;
        return true;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)number);
    *len = sizeof *v6;
    return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

static int listen_at(const struct sockaddr_storage *address, socklen_t len) {
    const int on = 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

struct metrics *metrics_open(const char *text, char *error, size_t error_len) {
    struct sockaddr_storage address;
    socklen_t len = 0;
    if (!parse_address(text, &address, &len)) {
        snprintf(error, error_len, "--metrics: '%s' is not ADDRESS:PORT, such as 127.0.0.1:9925", text);
        return NULL;
    }
    struct metrics *metrics = calloc(1, sizeof *metrics);
    int fd = metrics ? listen_at(&address, len) : -1;
    if (fd < 0) {
        snprintf(error, error_len, "--metrics: %s: %s", text, strerror(metrics ? errno : ENOMEM));
        free(metrics);
        return NULL;
    }
    metrics->fd = fd;
    pthread_mutex_init(&metrics->lock, NULL);
    return metrics;
}

bool metrics_start(struct metrics *metrics) {
    metrics->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, on_request, metrics,
                         MHD_OPTION_LISTEN_SOCKET, metrics->fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                         MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_END);
    return metrics->daemon != NULL;
}

void metrics_close(struct metrics *metrics) {
    if (!metrics)
        return;
    if (metrics->daemon)
        MHD_stop_daemon(metrics->daemon); /* closes the socket */
    else
        close(metrics->fd);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

/* --- what is counted --- */

static void count_session(struct metrics *metrics, const struct session_event *session) {
    metrics->sessions[session->verdict]++;
    for (enum finding i = 0; i < NUM_FINDINGS; i++)
        metrics->findings[i] += event_found(session, i);
    if (session->tls_version) {
        size_t i = 0;
        while (i < NUM_TLS_VERSIONS && strcmp(session->tls_version, tls_versions[i]) != 0)
            i++;
        metrics->tls[i]++;
    }
    metrics->one_sided += session->one_sided;
    metrics->midstream += session->midstream;
    metrics->truncated += session->truncated;
    metrics->gap_bytes += session->gap_bytes > 0 ? (uint64_t)session->gap_bytes : 0;
    metrics->duplicates += session->duplicates > 0 ? (uint64_t)session->duplicates : 0;
}

void metrics_event(struct metrics *metrics, const struct event *event) {
    if (event->dataset != DATASET_SESSION)
        return;
    pthread_mutex_lock(&metrics->lock);
    count_session(metrics, &event->session);
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_turn(struct metrics *metrics, const struct metrics_turn *turn) {
    pthread_mutex_lock(&metrics->lock);
    metrics->turn = *turn;
    pthread_mutex_unlock(&metrics->lock);
}
