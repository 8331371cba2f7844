/* filter_reach.h: can a filter expression match any mail at all? "tcp port 80" cannot, and whoever gives that
 * has made a mistake that shows only in days without events. */
#ifndef STARTTAP_SENSOR_CAPTURE_FILTER_REACH_H
#define STARTTAP_SENSOR_CAPTURE_FILTER_REACH_H

#include "../config.h"

/* Runs config->filter over frames of mail, and of tunnels where those are looked into, in which all but
 * types, protocols and ports is unknown; where the program's way depends on what is unknown, both ways are
 * gone. False only when there is no way to a match. True for what means nothing on Ethernet, and without a
 * filter. */
bool filter_reaches_mail(const struct config *config);

#endif
