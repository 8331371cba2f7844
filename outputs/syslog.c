#include "syslog.h"

#include "sink_clock.h"
#include "syslog_message.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ERROR_LEN    512
#define HOST_MAX     256
#define DEFAULT_PATH "/dev/log"
#define DEFAULT_PORT "514"

struct target {
    int type; /* SOCK_DGRAM, SOCK_STREAM */
    bool is_unix;
    char host[HOST_MAX]; /* or the path */
    char port[8];
};

struct syslog_sink {
    struct sink sink; /* first, so that one can be cast to the other */
    struct target target;
    int facility;
    bool cef;
    int fd;                /* -1: not connected */
    struct buffer message; /* the one being made */
    struct buffer
        pending; /* messages not sent yet: each its length (uint32_t), and its bytes as they are sent */
    size_t done; /* bytes of pending that are over and done with */
    size_t sent; /* bytes of the first message behind these that this connection has taken */
    uint64_t pending_since_ms, try_at_ms;
    bool failing, refused; /* said once */
    struct sink_stats stats;
    void (*log)(void *context, const char *message);
    void *log_context;
    char error[ERROR_LEN]; /* "" when nothing failed */
};

/* --- the spec --- */

static bool refuse(const struct sink_spec *spec, const char *why, char *error, size_t error_len) {
    (void)snprintf(error, error_len, "output '%s:%s': %s", spec->scheme, spec->target, why);
    return false;
}

static bool is_port(const char *text) {
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && strlen(text) < 6 && port > 0 && port <= 65535;
}

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT. */
static bool read_host(struct target *target, const char *text) {
    bool bracketed = text[0] == '[';
    size_t len = bracketed ? strcspn(++text, "]") : strcspn(text, ":");
    const char *rest = text + len + (bracketed && text[len] == ']');
    const char *port = rest[0] == ':' ? rest + 1 : DEFAULT_PORT;
    if (len == 0 || len >= sizeof target->host || (bracketed && text[len] != ']') || !is_port(port) ||
        (rest[0] != '\0' && rest[0] != ':') || memchr(text, '/', len) != NULL) {
        return false;
    }
    (void)snprintf(target->host, sizeof target->host, "%.*s", (int)len, text);
    (void)snprintf(target->port, sizeof target->port, "%s", port);
    return true;
}

static bool read_target(struct target *target, const char *text) {
    const char *path = strcmp(text, "unix") == 0 ? DEFAULT_PATH : text + strlen("unix:");
    *target = (struct target){.type = SOCK_DGRAM};
    if (strcmp(text, "unix") == 0 || strncmp(text, "unix:", 5) == 0) {
        target->is_unix = true;
        (void)snprintf(target->host, sizeof target->host, "%s", path);
        return path[0] != '\0' && strlen(path) < sizeof((struct sockaddr_un *)NULL)->sun_path;
    }
    if (strncmp(text, "tcp://", 6) == 0) {
        target->type = SOCK_STREAM;
    } else if (strncmp(text, "udp://", 6) != 0) {
        return false;
    }
    return read_host(target, text + 6);
}

static bool read_spec(const struct sink_spec *spec, struct syslog_sink *syslog, char *error,
                      size_t error_len) {
    const char *format = sink_spec_option(spec, "format");
    const char *facility = sink_spec_option(spec, "facility");
    if (!read_target(&syslog->target, spec->target)) {
        return refuse(spec,
                      "write syslog:unix, syslog:unix:PATH, syslog:udp://HOST:PORT or syslog:tcp://HOST:PORT",
                      error, error_len);
    }
    if (format != NULL && strcmp(format, "rfc5424") != 0 && strcmp(format, "cef") != 0) {
        return refuse(spec, "format is rfc5424 or cef", error, error_len);
    }
    syslog->cef = format != NULL && strcmp(format, "cef") == 0;
    syslog->facility = facility != NULL ? syslog_facility(facility) : SYSLOG_FACILITY_DAEMON;
    return syslog->facility >= 0 ||
           refuse(spec, "facility is daemon, mail, local0 or the like", error, error_len);
}

bool syslog_check(const struct sink_spec *spec, char *error, size_t error_len) {
    struct syslog_sink syslog = {0};
    return read_spec(spec, &syslog, error, error_len);
}

/* --- the connection --- */

static void say(const struct syslog_sink *syslog, const char *text) {
    if (syslog->log != NULL) {
        syslog->log(syslog->log_context, text);
    }
}

static void disconnect(struct syslog_sink *syslog) {
    if (syslog->fd >= 0) {
        (void)close(syslog->fd);
    }
    syslog->fd = -1;
    syslog->sent = 0;
}

/* Tried again later; said once, until it works. */
static void fail(struct syslog_sink *syslog, const char *why) {
    char text[ERROR_LEN + 64];
    disconnect(syslog);
    syslog->try_at_ms = sink_clock_ms() + SYSLOG_RETRY_MS;
    syslog->stats.errors[SINK_ERROR_CONNECTION]++;
    (void)snprintf(syslog->error, sizeof syslog->error, "%s: %s", syslog->sink.target, why);
    if (!syslog->failing) {
        (void)snprintf(text, sizeof text, "%s; alerts wait, and it is tried again", syslog->error);
        say(syslog, text);
    }
    syslog->failing = true;
}

/* 0, or an errno. */
static int wait_connected(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    int ready = poll(&poll_fd, 1, SYSLOG_CONNECT_MS);
    if (ready <= 0) {
        return ready == 0 ? ETIMEDOUT : errno;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

/* A connected socket; -1 with errno. */
static int connect_to(int family, int type, const struct sockaddr *address, socklen_t len) {
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int error = connect(fd, address, len) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        error = wait_connected(fd);
    }
    if (error == 0) {
        return fd;
    }
    (void)close(fd);
    errno = error;
    return -1;
}

static int connect_path(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strnlen(path, sizeof address.sun_path - 1)); /* read_target() looked */
    return connect_to(AF_UNIX, SOCK_DGRAM, (const struct sockaddr *)&address, sizeof address);
}

/* The first address of the host that answers. */
static int connect_host(const struct target *target, const char **why) {
    struct addrinfo *list, hints = {.ai_socktype = target->type};
    int fd = -1, result = getaddrinfo(target->host, target->port, &hints, &list);
    if (result != 0) {
        *why = gai_strerror(result);
        return -1;
    }
    for (const struct addrinfo *info = list; info != NULL && fd < 0; info = info->ai_next) {
        fd = connect_to(info->ai_family, target->type, info->ai_addr, info->ai_addrlen);
    }
    *why = strerror(errno);
    freeaddrinfo(list);
    return fd;
}

static bool is_connected(struct syslog_sink *syslog) {
    const char *why = NULL;
    if (syslog->fd >= 0) {
        return true;
    }
    if (sink_clock_ms() < syslog->try_at_ms) {
        return false;
    }
    if (syslog->target.is_unix) {
        syslog->fd = connect_path(syslog->target.host);
        why = strerror(errno);
    } else {
        syslog->fd = connect_host(&syslog->target, &why);
    }
    if (syslog->fd < 0) {
        fail(syslog, why);
    }
    return syslog->fd >= 0;
}

/* The other end of a stream that closed it would take what is sent, and throw it away. */
static bool is_closed_by_peer(const struct syslog_sink *syslog) {
    char byte;
    return syslog->target.type == SOCK_STREAM && recv(syslog->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* --- sending --- */

static uint32_t first_len(const struct syslog_sink *syslog) {
    uint32_t len;
    memcpy(&len, syslog->pending.data + syslog->done, sizeof len);
    return len;
}

static void first_is_over(struct syslog_sink *syslog) {
    syslog->done += sizeof(uint32_t) + first_len(syslog);
    syslog->sent = 0;
    syslog->stats.num_waiting--;
    if (syslog->done == syslog->pending.len) {
        buffer_clear(&syslog->pending);
        syslog->done = 0;
    }
}

static bool is_udp(const struct syslog_sink *syslog) {
    return syslog->target.type == SOCK_DGRAM && !syslog->target.is_unix;
}

/* Of UDP, ECONNREFUSED is about an earlier message, which is lost: there is no knowing of how many more. */
static void note_refusal(struct syslog_sink *syslog) {
    char text[ERROR_LEN];
    (void)snprintf(text, sizeof text, "%s: nobody listens there, alerts may be lost", syslog->sink.target);
    if (!syslog->refused) {
        say(syslog, text);
    }
    syslog->refused = true;
    syslog->stats.errors[SINK_ERROR_CONNECTION]++;
}

/* Sends of the first message what the other end takes. False: no more for now. */
static bool send_first(struct syslog_sink *syslog) {
    uint32_t len = first_len(syslog);
    const char *data = syslog->pending.data + syslog->done + sizeof len;
    if (syslog->sent == 0 && is_closed_by_peer(syslog)) {
        disconnect(syslog);
        if (!is_connected(syslog)) {
            return false;
        }
    }
    ssize_t taken = send(syslog->fd, data + syslog->sent, len - syslog->sent, MSG_NOSIGNAL);
    if (taken < 0 && errno == ECONNREFUSED && is_udp(syslog)) {
        note_refusal(syslog);
        taken = send(syslog->fd, data, len, MSG_NOSIGNAL);
    }
    if (taken < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)) {
        return false;
    }
    if (taken < 0 && errno == EMSGSIZE) {
        syslog->stats.num_rejected++;
        first_is_over(syslog);
        return true;
    }
    if (taken < 0) {
        fail(syslog, strerror(errno));
        return false;
    }
    syslog->sent += (size_t)taken;
    if (syslog->sent == len) {
        first_is_over(syslog);
        syslog->stats.num_delivered++;
    }
    return true;
}

static void send_pending(struct syslog_sink *syslog) {
    char text[ERROR_LEN];
    uint64_t delivered = syslog->stats.num_delivered;
    while (syslog->stats.num_waiting > 0 && is_connected(syslog) && send_first(syslog)) {
    }
    if (syslog->failing && syslog->stats.num_delivered > delivered && syslog->fd >= 0) {
        syslog->failing = false;
        syslog->error[0] = '\0';
        (void)snprintf(text, sizeof text, "%s: alerts are taken again", syslog->sink.target);
        say(syslog, text);
    }
}

static void add_pending(struct syslog_sink *syslog) {
    struct buffer *pending = &syslog->pending;
    char count[16] = "";
    uint32_t len = (uint32_t)syslog->message.len;
    if (syslog->target.type == SOCK_STREAM) {
        len += (uint32_t)snprintf(count, sizeof count, "%u ", len);
    }
    if (syslog->done > 0) { /* the room of those that are done with */
        memmove(pending->data, pending->data + syslog->done, pending->len - syslog->done);
        pending->len -= syslog->done;
        syslog->done = 0;
    }
    if (buffer_reserve(pending, sizeof len + len)) {
        buffer_add(pending, (const char *)&len, sizeof len);
        buffer_add_string(pending, count);
        buffer_add(pending, syslog->message.data, syslog->message.len);
    }
}

static int syslog_write(struct sink *sink, const struct event *event) {
    struct syslog_sink *syslog = (struct syslog_sink *)sink;
    if (syslog->pending.len - syslog->done >= SYSLOG_PENDING_MAX) {
        send_pending(syslog);
        if (syslog->pending.len - syslog->done >= SYSLOG_PENDING_MAX) {
            return SINK_FULL;
        }
    }
    buffer_clear(&syslog->message);
    syslog_message(&syslog->message, event, syslog->facility, syslog->cef);
    if (!syslog->message.failed) {
        add_pending(syslog);
    }
    if (syslog->message.failed || syslog->pending.failed) {
        (void)snprintf(syslog->error, sizeof syslog->error, "%s: out of memory", sink->target);
        return -1;
    }
    if (syslog->stats.num_waiting++ == 0) {
        syslog->pending_since_ms = sink_clock_ms();
    }
    syslog->stats.num_written++;
    syslog->stats.bytes_written += syslog->message.len;
    send_pending(syslog);
    return 0;
}

static int syslog_flush(struct sink *sink) {
    send_pending((struct syslog_sink *)sink);
    return 0; /* what waits is tried again */
}

static uint64_t syslog_wait(struct sink *sink, unsigned timeout_ms) {
    struct syslog_sink *syslog = (struct syslog_sink *)sink;
    send_pending(syslog);
    if (syslog->stats.num_waiting > 0) {
        struct pollfd poll_fd = {.fd = syslog->fd, .events = POLLOUT};
        (void)poll(&poll_fd, 1, (int)timeout_ms);
        send_pending(syslog);
    }
    return syslog->stats.num_waiting;
}

static void syslog_stats(struct sink *sink, struct sink_stats *stats) {
    const struct syslog_sink *syslog = (const struct syslog_sink *)sink;
    *stats = syslog->stats;
    stats->remote = !syslog->target.is_unix;
    stats->bytes_waiting = syslog->pending.len - syslog->done;
    stats->lag_ms = stats->num_waiting > 0 ? sink_clock_ms() - syslog->pending_since_ms : 0;
}

static const char *syslog_error(const struct sink *sink) {
    const struct syslog_sink *syslog = (const struct syslog_sink *)sink;
    return syslog->error[0] != '\0' ? syslog->error : NULL;
}

/* --- opening and closing --- */

static void syslog_free(struct syslog_sink *syslog) {
    disconnect(syslog);
    buffer_cleanup(&syslog->message);
    buffer_cleanup(&syslog->pending);
    free(syslog->sink.target);
    free(syslog);
}

static int syslog_close(struct sink *sink) {
    struct syslog_sink *syslog = (struct syslog_sink *)sink;
    send_pending(syslog);
    int result = syslog->stats.num_waiting == 0 ? 0 : -1;
    syslog_free(syslog);
    return result;
}

static const struct sink_ops syslog_ops = {.write = syslog_write,
                                           .flush = syslog_flush,
                                           .close = syslog_close,
                                           .error = syslog_error,
                                           .wait = syslog_wait,
                                           .stats = syslog_stats};

struct sink *syslog_open(const struct sink_spec *spec, const char *text, const struct sink_options *options,
                         char *error, size_t error_len) {
    struct syslog_sink *syslog = calloc(1, sizeof *syslog);
    if (syslog == NULL) {
        (void)snprintf(error, error_len, "out of memory");
        return NULL;
    }
    syslog->fd = -1;
    if (!read_spec(spec, syslog, error, error_len)) {
        syslog_free(syslog);
        return NULL;
    }
    syslog->sink.ops = &syslog_ops;
    syslog->sink.target = strdup(text);
    syslog->log = options->log;
    syslog->log_context = options->log_context;
    if (syslog->sink.target == NULL) {
        (void)snprintf(error, error_len, "out of memory");
        syslog_free(syslog);
        return NULL;
    }
    return &syslog->sink;
}
