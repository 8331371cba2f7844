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
#include "signals.h"

#define CONNECTIONS_MAX 8u
#define TIMEOUT_S       10u
#define BACKLOG         8

struct metrics {
    int fd;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* of all that follows */
    uint64_t turned_ms;   /* of the monotonic clock; 0: the loop has not begun */
    struct metrics_numbers numbers;
};

/* --- the pages --- */

/* The numbers are copied, so that nobody waits while text is made of them. */
static void put_page(struct metrics *metrics, struct buffer *out) {
    struct metrics_numbers *numbers = malloc(sizeof *numbers);
    if (!numbers) {
        out->failed = true;
        return;
    }
    pthread_mutex_lock(&metrics->lock);
    *numbers = metrics->numbers;
    pthread_mutex_unlock(&metrics->lock);
    metrics_write_page(numbers, out);
    free(numbers);
}

static uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The first sink that failed; NULL: none. */
static const char *failed_sink(const struct metrics_numbers *numbers) {
    for (size_t i = 0; i < numbers->num_sinks; i++) {
        if (!numbers->sinks[i].works)
            return numbers->sinks[i].name;
    }
    return NULL;
}

/* Says what is wrong; true: nothing is. */
static bool put_health(struct metrics *metrics, struct buffer *out) {
    pthread_mutex_lock(&metrics->lock);
    uint64_t turned_ms = metrics->turned_ms;
    const char *failed = failed_sink(&metrics->numbers);
    pthread_mutex_unlock(&metrics->lock);
    if (turned_ms == 0)
        buffer_add_string(out, "starting\n");
    else if (clock_ms() > turned_ms + METRICS_TURN_MAX_MS)
        buffer_add_string(out, "the capture loop does not turn\n");
    else if (failed)
        buffer_printf(out, "%s: failed, and closed\n", failed);
    else
        buffer_add_string(out, "ok\n");
    return turned_ms != 0 && clock_ms() <= turned_ms + METRICS_TURN_MAX_MS && !failed;
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
        status = put_health(metrics, &body) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
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

static bool parse(const char *text, struct sockaddr_storage *address, socklen_t *len, char *error,
                  size_t error_len) {
    if (parse_address(text, address, len))
        return true;
    snprintf(error, error_len, "--metrics: '%s' is not ADDRESS:PORT, such as 127.0.0.1:9925", text);
    return false;
}

bool metrics_check(const char *text, char *error, size_t error_len) {
    struct sockaddr_storage address;
    socklen_t len;
    return parse(text, &address, &len, error, error_len);
}

struct metrics *metrics_open(const char *text, char *error, size_t error_len) {
    struct sockaddr_storage address;
    socklen_t len = 0;
    if (!parse(text, &address, &len, error, error_len))
        return NULL;
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
    signals_hold_begin(); /* they are for the loop */
    metrics->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, on_request, metrics,
                         MHD_OPTION_LISTEN_SOCKET, metrics->fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                         MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_END);
    signals_hold_end();
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

static void count_session(struct metrics_numbers *numbers, const struct session_event *session) {
    numbers->sessions[session->verdict]++;
    for (enum finding i = 0; i < NUM_FINDINGS; i++)
        numbers->findings[i] += event_found(session, i);
    if (session->tls_version)
        numbers->tls[metrics_tls_version(session->tls_version)]++;
    numbers->sessions_truncated += session->truncated;
}

void metrics_event(struct metrics *metrics, const struct event *event) {
    if (event->dataset != DATASET_SESSION)
        return;
    pthread_mutex_lock(&metrics->lock);
    count_session(&metrics->numbers, &event->session);
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_totals(struct metrics *metrics, const struct reporter_totals *totals) {
    pthread_mutex_lock(&metrics->lock);
    metrics->numbers.totals = *totals;
    pthread_mutex_unlock(&metrics->lock);
}

static void take_sinks(struct metrics_numbers *numbers, const struct metrics_turn *turn) {
    if (!turn->sinks)
        return;
    numbers->num_sinks = turn->num_sinks < METRICS_SINKS_MAX ? turn->num_sinks : METRICS_SINKS_MAX;
    for (size_t i = 0; i < numbers->num_sinks; i++) {
        struct sink_stats last = numbers->sinks[i].stats;
        numbers->sinks[i] = turn->sinks[i];
        if (!turn->sinks[i].works)
            numbers->sinks[i].stats = last; /* counters do not go back */
    }
}

void metrics_turn(struct metrics *metrics, const struct metrics_turn *turn) {
    struct metrics_numbers *numbers = &metrics->numbers;
    pthread_mutex_lock(&metrics->lock);
    metrics->turned_ms = turn->now_ms;
    numbers->dropped[0] = turn->kernel_dropped;
    numbers->dropped[1] = turn->interface_dropped;
    numbers->memory_bytes = turn->memory_bytes;
    numbers->recorded_packets = turn->recorded_packets;
    numbers->recorded_bytes = turn->recorded_bytes;
    numbers->recorded_lost = turn->recorded_lost;
    numbers->recorded_undecided = turn->recorded_undecided;
    numbers->recorded_errors = turn->recorded_errors;
    take_sinks(numbers, turn);
    pthread_mutex_unlock(&metrics->lock);
}
