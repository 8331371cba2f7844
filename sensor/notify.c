#include "notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "/path" or, in the abstract namespace, "@name". False: no such address. */
static bool set_address(struct notify *notify, const char *path) {
    size_t len = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof notify->address.sun_path)
        return false;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, path, len + 1);
    if (path[0] == '@')
        notify->address.sun_path[0] = '\0';
    notify->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

static uint64_t number_of(const char *name) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

void notify_open(struct notify *notify) {
    const char *path = getenv("NOTIFY_SOCKET");
    *notify = (struct notify){.fd = -1};
    if (path && set_address(notify, path))
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    uint64_t pid = number_of("WATCHDOG_PID");
    if (pid == 0 || pid == (uint64_t)getpid())
        notify->watchdog_ms = number_of("WATCHDOG_USEC") / 2000;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
}

void notify_close(struct notify *notify) {
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

void notify_send(const struct notify *notify, const char *format, ...) {
    char text[NOTIFY_TEXT_MAX];
    va_list arguments;
    if (notify->fd < 0)
        return;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len <= 0)
        return;
    size_t text_len = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    (void)sendto(notify->fd, text, text_len, MSG_NOSIGNAL, (const struct sockaddr *)&notify->address,
                 notify->address_len);
}

void notify_reloading(const struct notify *notify, uint64_t now_us) {
    notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_us);
}

bool notify_turn(struct notify *notify, uint64_t now_ms) {
    if (notify->fd < 0 || notify->watchdog_ms == 0 || now_ms - notify->alive_ms < notify->watchdog_ms)
        return false;
    notify->alive_ms = now_ms;
    notify_send(notify, "WATCHDOG=1");
    return true;
}
