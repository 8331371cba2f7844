/* notify.h: tells the service manager how the program is, by the protocol of sd_notify(3): a datagram to the
 * socket that NOTIFY_SOCKET names. Without such a manager nothing happens. */
#ifndef STARTTAP_SENSOR_NOTIFY_H
#define STARTTAP_SENSOR_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOTIFY_TEXT_MAX 512

struct notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t address_len;
    uint64_t watchdog_ms; /* from one sign of life to the next: half of what is granted; 0: none wanted */
    uint64_t alive_ms;    /* the last one */
};

/* Before the sandbox is entered. NOTIFY_SOCKET and the rest are taken out of the environment. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/* Sends lines such as "READY=1". What cannot be sent is lost: the program goes on. */
void notify_send(const struct notify *notify, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The configuration is read again; "READY=1" says when that is done. */
void notify_reloading(const struct notify *notify, uint64_t now_us);

/* Whenever the loop turns, with a clock that does not step: a sign of life, when one is due. True when it
 * was. */
bool notify_turn(struct notify *notify, uint64_t now_ms);

#endif
