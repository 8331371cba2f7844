/* confine.h: what a run takes from itself once everything is open (privilege.h, sandbox.h).
 *
 *     confine_prepare()   the user; directories that the outputs will make, so that they are theirs
 *     ... everything is opened: interfaces, outputs, key log; no threads yet ...
 *     confine_enter()     becomes the user, and enters the sandbox
 *     ... threads begin, the loop runs ...
 *
 * The user changes only when root captures live: then files and directories of root's that outputs write go
 * to the user, and a file that has to be put aside later in a directory where the user may not is an error
 * now and not at midnight. */
#ifndef STARTTAP_SENSOR_CONFINE_H
#define STARTTAP_SENSOR_CONFINE_H

#include "config.h"
#include "privilege.h"

struct confine {
    bool changes_user;
    struct privilege_user user;
};

/* False: the log says why. */
bool confine_prepare(struct confine *confine, const struct config *config);

/* needs_admin: interfaces can be opened again only with CAP_NET_ADMIN. The log says, with -v, what was done,
 * and as a notice what this system does not offer. False: the log says why, and the program must end. */
bool confine_enter(const struct confine *confine, const struct config *config, bool needs_admin);

#endif
