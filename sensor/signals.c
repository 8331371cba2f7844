#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop_asked, reopen_asked, counters_asked;

static void ask_stop(int signal_number) {
    if (stop_asked) { /* comes to its default effect once this handler returns */
        (void)signal(signal_number, SIG_DFL);
        (void)raise(signal_number);
    }
    stop_asked = 1;
}

static void ask_reopen(int signal_number) {
    (void)signal_number;
    reopen_asked = 1;
}

static void ask_counters(int signal_number) {
    (void)signal_number;
    counters_asked = 1;
}

void signals_catch(bool reopens) {
    /* without SA_RESTART: a read that waits for a stop must not go on waiting */
    struct sigaction stop = {.sa_handler = ask_stop};
    struct sigaction reopen = {.sa_handler = ask_reopen, .sa_flags = SA_RESTART};
    struct sigaction counters = {.sa_handler = ask_counters, .sa_flags = SA_RESTART};
    if (reopens)
        sigaction(SIGHUP, &reopen, NULL);
    sigaction(SIGUSR1, &counters, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}

bool signals_stop(void) {
    return stop_asked != 0;
}

static bool take(volatile sig_atomic_t *asked) {
    bool was_asked = *asked != 0;
    if (was_asked)
        *asked = 0;
    return was_asked;
}

bool signals_take_reopen(void) {
    return take(&reopen_asked);
}

bool signals_take_counters(void) {
    return take(&counters_asked);
}

static void change_mask(int how) {
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGUSR1);
    pthread_sigmask(how, &ours, NULL);
}

void signals_hold_begin(void) {
    change_mask(SIG_BLOCK);
}

void signals_hold_end(void) {
    change_mask(SIG_UNBLOCK);
}
