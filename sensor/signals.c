#include "signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop_asked, reopen_asked;

static void ask_stop(int signal_number) {
    (void)signal_number;
    stop_asked = 1;
}

static void ask_reopen(int signal_number) {
    (void)signal_number;
    reopen_asked = 1;
}

void signals_catch(bool reopens) {
    /* without SA_RESTART: a read that waits for a stop must not go on waiting */
    struct sigaction stop = {.sa_handler = ask_stop, .sa_flags = (int)SA_RESETHAND};
    struct sigaction reopen = {.sa_handler = ask_reopen, .sa_flags = SA_RESTART};
    if (reopens)
        sigaction(SIGHUP, &reopen, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

bool signals_stop(void) {
    return stop_asked != 0;
}

bool signals_take_reopen(void) {
    bool asked = reopen_asked != 0;
    if (asked)
        reopen_asked = 0;
    return asked;
}
