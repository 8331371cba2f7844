/* config_check.h: what no setting on its own can know: which of them exclude each other, and whether what
 * they name is there and can be read. Part of config. */
#ifndef STARTTAP_SENSOR_CONFIG_CHECK_H
#define STARTTAP_SENSOR_CONFIG_CHECK_H

#include "config.h"

enum config_check_for {
    CONFIG_CHECK_RUN,  /* there must be something to read; files are opened when the run begins */
    CONFIG_CHECK_TEST, /* -T: the files that rules and databases are in, too, with remarks on them */
    CONFIG_CHECK_SHOW  /* neither */
};

/* False: what is wrong is on the log. */
bool config_check(const struct config *config, enum config_check_for purpose);

#endif
