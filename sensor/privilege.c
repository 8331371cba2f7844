#include "privilege.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITIES_MAX 64 /* that the interface of the kernel has room for */

/* --- who --- */

static void take_entry(struct privilege_user *user, const struct passwd *entry) {
    *user = (struct privilege_user){.uid = entry->pw_uid, .gid = entry->pw_gid};
    snprintf(user->name, sizeof user->name, "%s", entry->pw_name);
}

static bool parse_id(const char *text, uid_t *id) {
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number >= UINT32_MAX)
        return false;
    *id = (uid_t)number;
    return true;
}

static bool find_default(struct privilege_user *user, char why[PRIVILEGE_WHY_MAX]) {
    const struct passwd *entry = getpwnam(PRIVILEGE_USER);
    if (!entry)
        entry = getpwnam(PRIVILEGE_NOBODY);
    if (!entry) {
        snprintf(why, PRIVILEGE_WHY_MAX, "there is neither a user %s nor %s: name one by --user",
                 PRIVILEGE_USER, PRIVILEGE_NOBODY);
        return false;
    }
    take_entry(user, entry);
    return true;
}

bool privilege_find_user(const char *wanted, struct privilege_user *user, char why[PRIVILEGE_WHY_MAX]) {
    uid_t id;
    if (!wanted)
        return find_default(user, why);
    bool is_number = parse_id(wanted, &id);
    const struct passwd *entry = is_number ? getpwuid(id) : getpwnam(wanted);
    if (entry) {
        take_entry(user, entry);
        return true;
    }
    if (!is_number) {
        snprintf(why, PRIVILEGE_WHY_MAX, "there is no user '%s'", wanted);
        return false;
    }
    *user = (struct privilege_user){.uid = id, .gid = id};
    snprintf(user->name, sizeof user->name, "%u", id);
    return true;
}

/* --- what is theirs --- */

static bool say_why(char why[PRIVILEGE_WHY_MAX], const char *path, const char *what) {
    snprintf(why, PRIVILEGE_WHY_MAX, "%.400s: %s: %.64s", path, what, strerror(errno));
    return false;
}

bool privilege_make_dir(const struct privilege_user *user, const char *dir, char why[PRIVILEGE_WHY_MAX]) {
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s", dir) >= sizeof path) {
        errno = ENAMETOOLONG;
        return say_why(why, dir, "cannot be made");
    }
    for (char *slash = path; slash && *slash != '\0';) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(path, 0700) == 0) {
            if (lchown(path, user->uid, user->gid) != 0)
                return say_why(why, path, "cannot be handed over");
        } else if (errno != EEXIST) {
            return say_why(why, path, "cannot be made");
        }
        if (slash)
            *slash = '/';
    }
    return true;
}

/* By descriptor, so that nobody can put another file there between looking and giving. A file with a second
 * name may be one that somebody linked here to be given it. */
static bool hand_over_at(const struct privilege_user *user, int dir, const char *name) {
    struct stat status;
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    bool good = fstat(fd, &status) == 0;
    bool is_plain = S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink == 1);
    if (good && is_plain && status.st_uid == geteuid() && status.st_uid != user->uid)
        good = fchownat(fd, "", user->uid, user->gid, AT_EMPTY_PATH) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return good;
}

bool privilege_hand_over(const struct privilege_user *user, const char *path, char why[PRIVILEGE_WHY_MAX]) {
    return hand_over_at(user, AT_FDCWD, path) || say_why(why, path, "cannot be handed over");
}

bool privilege_hand_over_dir(const struct privilege_user *user, const char *dir,
                             char why[PRIVILEGE_WHY_MAX]) {
    DIR *stream = opendir(dir);
    bool good = stream != NULL;
    if (!stream)
        return errno == ENOENT || say_why(why, dir, "cannot be handed over");
    for (struct dirent *entry; good && (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, "..") != 0)
            good = hand_over_at(user, dirfd(stream), entry->d_name);
    }
    if (!good)
        say_why(why, dir, "cannot be handed over");
    closedir(stream);
    return good;
}

bool privilege_may_create(const char *dir) {
    return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0;
}

/* --- what they may do --- */

static uint64_t capability_mask(unsigned keep) {
    return ((keep & PRIVILEGE_NET_RAW) ? UINT64_C(1) << CAP_NET_RAW : 0) |
           ((keep & PRIVILEGE_NET_ADMIN) ? UINT64_C(1) << CAP_NET_ADMIN : 0);
}

/* What could be gained again by running a program. Only who has CAP_SETPCAP can give that up; for the others
 * it takes no_new_privs (sandbox.h). */
static void drop_bounding(uint64_t keep) {
    for (int i = 0; i < CAPABILITIES_MAX; i++) {
        if ((keep >> i & 1) == 0 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
            (void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    }
}

static bool set_capabilities(uint64_t keep) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capget, &header, data) != 0)
        return false;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= (uint32_t)(keep >> 32 * i);
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, data) == 0;
}

static bool become(const struct privilege_user *user) {
    return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setgroups(0, NULL) == 0 &&
           setresgid(user->gid, user->gid, user->gid) == 0 &&
           setresuid(user->uid, user->uid, user->uid) == 0 && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0;
}

bool privilege_drop(const struct privilege_user *user, unsigned keep, char why[PRIVILEGE_WHY_MAX]) {
    uint64_t mask = capability_mask(keep);
    drop_bounding(mask);
    if (user && !become(user)) {
        snprintf(why, PRIVILEGE_WHY_MAX, "cannot become user %s: %s", user->name, strerror(errno));
        return false;
    }
    if (!set_capabilities(mask)) {
        snprintf(why, PRIVILEGE_WHY_MAX, "cannot give up capabilities: %s", strerror(errno));
        return false;
    }
    if (user && user->uid != 0 && setresuid(0, 0, 0) == 0) {
        snprintf(why, PRIVILEGE_WHY_MAX, "root could be had again: this kernel does not keep its word");
        return false;
    }
    return true;
}
