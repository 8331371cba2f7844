/* naming_sts.h: a session against the MTA-STS policies of the domains that its mail was for. Part of naming.
 *
 * The domains are the recipients' where they were seen, else those whose MX the server was seen to be; of
 * several of the latter one alone may have been meant, so only what is true of all of them is said. */
#ifndef STARTTAP_SENSOR_JUDGE_NAMING_STS_H
#define STARTTAP_SENSOR_JUDGE_NAMING_STS_H

#include "../../outputs/event.h"
#include "mta_sts.h"

void naming_judge_sts(const struct mta_sts *sts, struct event *event);

#endif
