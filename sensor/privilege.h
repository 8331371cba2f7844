/* privilege.h: from root to somebody who may do little.
 *
 * Capturing needs CAP_NET_RAW, also later: an interface that went away is opened again. CAP_NET_ADMIN is for
 * time stamps by the network card alone. Nothing else is ever needed, so everything else goes: user, groups,
 * capabilities, and those that could be gained again.
 *
 * The C library gives every thread its new user and groups, but capabilities are each thread's own: call
 * privilege_drop() before threads begin. */
#ifndef STARTTAP_SENSOR_PRIVILEGE_H
#define STARTTAP_SENSOR_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PRIVILEGE_WHY_MAX 512
#define PRIVILEGE_USER    "starttap" /* whose absence makes it ... */
#define PRIVILEGE_NOBODY  "nobody"

struct privilege_user {
    uid_t uid;
    gid_t gid;
    char name[64]; /* as found, or the number */
};

/* wanted is a name or a number; NULL is PRIVILEGE_USER, or PRIVILEGE_NOBODY where there is none. A number
 * needs no entry in the user database; its group is then the same number. False with the reason in why. */
bool privilege_find_user(const char *wanted, struct privilege_user *user, char why[PRIVILEGE_WHY_MAX]);

/* Makes a directory with all above it that are missing, for this user alone. */
bool privilege_make_dir(const struct privilege_user *user, const char *dir, char why[PRIVILEGE_WHY_MAX]);

/* Gives the user a file or directory that belongs to whoever runs this. What is somebody else's, what is no
 * plain file (a link, a device, a file with two names) and what is not there is left alone. */
bool privilege_hand_over(const struct privilege_user *user, const char *path, char why[PRIVILEGE_WHY_MAX]);

/* The same with what a directory holds, one level deep. */
bool privilege_hand_over_dir(const struct privilege_user *user, const char *dir, char why[PRIVILEGE_WHY_MAX]);

enum { PRIVILEGE_NET_RAW = 1, PRIVILEGE_NET_ADMIN = 2 };

/* Becomes the user for good, without groups, and keeps the capabilities named (those of them that it has).
 * With user NULL, the user stays, and only the capabilities go. False with the reason in why: end the
 * program, as only a part of it may have happened. */
bool privilege_drop(const struct privilege_user *user, unsigned keep, char why[PRIVILEGE_WHY_MAX]);

/* Whether the user that the program now is may create, rename and remove files in dir. */
bool privilege_may_create(const char *dir);

#endif
