/* config_reload.h: the configuration read once more while the program runs.
 *
 * What can change then: mail-ports, tls-ports, home, filter, filter-file, ca, no-verify, mta-sts, policy,
 * mmdb, quiet, verbose and drain-timeout. Everything else is fixed when interfaces and outputs are opened,
 * and waits for a restart. */
#ifndef STARTTAP_SENSOR_CONFIG_RELOAD_H
#define STARTTAP_SENSOR_CONFIG_RELOAD_H

#include "config.h"

#define CONFIG_NAMES_MAX 512

struct config_changes {
    char changed[CONFIG_NAMES_MAX];    /* "home, ca": what is different and can be; "" nothing */
    char restarting[CONFIG_NAMES_MAX]; /* the same of what takes a restart */
    bool filters;                      /* of the former, something that the kernel's filter is made of */
};

/* Reads command line and file as config_load() did, into fresh, and compares it to running. False: the log
 * says what is wrong with it. config_cleanup(fresh) when it is true. */
bool config_reload(int argc, char **argv, const struct config *running, struct config *fresh,
                   struct config_changes *changes);

/* Puts what can change from fresh into running, and the old values into fresh. Texts of running that were
 * borrowed before may be freed with fresh. */
void config_exchange(struct config *running, struct config *fresh);

#endif
