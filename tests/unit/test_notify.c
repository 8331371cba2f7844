/* test_notify.c: what the service manager is told, over sockets of both kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../sensor/notify.h"

/* A socket such as a manager has. */
static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, address_len), 0);
    return fd;
}

/* The next datagram; "" when there is none. */
static const char *heard(int fd) {
    static char text[1024];
    ssize_t len = recv(fd, text, sizeof text - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void test_tells(void **state) {
    (void)state;
    char path[64], name[64];
    snprintf(path, sizeof path, "/tmp/test_notify.%d", (int)getpid());
    snprintf(name, sizeof name, "@test_notify.%d", (int)getpid());
    const char *const addresses[] = {path, name};
    for (size_t i = 0; i < 2; i++) {
        struct notify notify;
        int fd = listen_at(addresses[i]);
        setenv("NOTIFY_SOCKET", addresses[i], 1);
        setenv("WATCHDOG_USEC", "3000000", 1);
        notify_open(&notify);
        assert_null(getenv("NOTIFY_SOCKET")); /* it is for this process alone */
        notify_send(&notify, "READY=1\nSTATUS=%s", "capturing");
        assert_string_equal(heard(fd), "READY=1\nSTATUS=capturing");
        notify_reloading(&notify, 12345678);
        assert_string_equal(heard(fd), "RELOADING=1\nMONOTONIC_USEC=12345678");
        assert_true(notify_turn(&notify, 10000));
        assert_string_equal(heard(fd), "WATCHDOG=1");
        assert_false(notify_turn(&notify, 11499));
        assert_string_equal(heard(fd), "");
        assert_true(notify_turn(&notify, 11500));
        assert_string_equal(heard(fd), "WATCHDOG=1");
        notify_close(&notify);
        close(fd);
    }
    unlink(path);
}

static void test_nobody_listens(void **state) {
    (void)state;
    char long_path[300];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    const char *const addresses[] = {NULL, "", "/", "relative", "/tmp/no/such/socket", long_path};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct notify notify;
        if (addresses[i])
            setenv("NOTIFY_SOCKET", addresses[i], 1);
        notify_open(&notify);
        notify_send(&notify, "READY=1");
        assert_false(notify_turn(&notify, 1000000));
        notify_close(&notify);
    }
}

/* A manager that looks at another process wants no sign of life of this one. */
static void test_watchdog_of_others(void **state) {
    (void)state;
    char path[64], pid[16];
    struct notify notify;
    snprintf(path, sizeof path, "@test_notify.%d", (int)getpid());
    int fd = listen_at(path);
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "1000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    notify_open(&notify);
    assert_false(notify_turn(&notify, 1000000));
    notify_close(&notify);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "2000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    notify_open(&notify);
    assert_true(notify_turn(&notify, 1000000));
    notify_close(&notify);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_watchdog_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
