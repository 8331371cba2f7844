/* sandbox.c: Landlock (landlock(7)), and the whole; the list of system calls is in sandbox_calls.c. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_calls.h"

/* Rights of later versions of Landlock than the headers of Debian 12 know. */
#define ACCESS_TRUNCATE  (1ULL << 14) /* version 3 */
#define ACCESS_IOCTL_DEV (1ULL << 15) /* version 5 */

#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_WRITE                                                                                         \
    (ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                             \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |          \
     ACCESS_TRUNCATE)
#define ACCESS_OF_FILES                                                                                      \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |             \
     ACCESS_TRUNCATE)

struct sandbox {
    int ruleset; /* -1: this kernel has no Landlock */
    int error;   /* why not */
    uint64_t handled;
};

/* What each version of Landlock can forbid; all of it is. */
static uint64_t rights_of(long version) {
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* version 1: all up to this one */
    if (version >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        rights |= ACCESS_TRUNCATE;
    if (version >= 5)
        rights |= ACCESS_IOCTL_DEV;
    return rights;
}

struct sandbox *sandbox_new(void) {
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox)
        return NULL;
    sandbox->ruleset = -1;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version > 0) {
        sandbox->handled = rights_of(version);
        struct landlock_ruleset_attr attributes = {.handled_access_fs = sandbox->handled};
        sandbox->ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    }
    sandbox->error = errno;
    return sandbox;
}

void sandbox_free(struct sandbox *sandbox) {
    if (sandbox && sandbox->ruleset >= 0)
        close(sandbox->ruleset);
    free(sandbox);
}

void sandbox_allow(struct sandbox *sandbox, enum sandbox_access access, const char *path) {
    struct stat status;
    int fd = sandbox->ruleset >= 0 ? open(path, O_PATH | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    struct landlock_path_beneath_attr rule = {
        .allowed_access = (access == SANDBOX_WRITE ? ACCESS_WRITE : ACCESS_READ) & sandbox->handled,
        .parent_fd = fd,
    };
    if (fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode))
        rule.allowed_access &= ACCESS_OF_FILES;
    (void)syscall(SYS_landlock_add_rule, sandbox->ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(fd);
}

void sandbox_allow_beside(struct sandbox *sandbox, enum sandbox_access access, const char *path) {
    char copy[PATH_MAX];
    if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy)
        return;
    const char *directory = dirname(copy);
    sandbox_allow(sandbox, access, strcmp(directory, "/") == 0 ? path : directory);
}

void sandbox_allow_system(struct sandbox *sandbox) {
    static const char *const read[] = {"/etc", "/usr", "/lib", "/lib64", "/run", "/proc", "/sys", "/nix"};
    static const char *const devices[] = {"/dev/urandom", "/dev/random", "/dev/zero"};
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++)
        sandbox_allow(sandbox, SANDBOX_READ, read[i]);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        sandbox_allow(sandbox, SANDBOX_READ, devices[i]);
    sandbox_allow(sandbox, SANDBOX_WRITE, "/dev/null");
}

static bool restrict_files(struct sandbox *sandbox, char *missing, size_t missing_len) {
    if (sandbox->ruleset >= 0) {
        if (syscall(SYS_landlock_restrict_self, sandbox->ruleset, 0) == 0)
            return true;
        sandbox->error = errno;
    }
    snprintf(missing, missing_len, "Landlock (Linux 5.13): %s",
             sandbox->error == ENOSYS       ? "this kernel does not have it"
             : sandbox->error == EOPNOTSUPP ? "it is switched off"
                                            : strerror(sandbox->error));
    return false;
}

bool sandbox_enter(struct sandbox *sandbox, const struct sandbox_needs *needs,
                   char missing[SANDBOX_MISSING_MAX]) {
    missing[0] = '\0';
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) { /* both others depend on it */
        snprintf(missing, SANDBOX_MISSING_MAX, "no_new_privs: %s", strerror(errno));
        return false;
    }
    bool files = restrict_files(sandbox, missing, SANDBOX_MISSING_MAX);
    size_t used = strlen(missing);
    if (used > 0 && used + 2 < SANDBOX_MISSING_MAX)
        used += (size_t)snprintf(missing + used, SANDBOX_MISSING_MAX - used, "; ");
    bool calls = sandbox_calls_limit(needs, missing + used, SANDBOX_MISSING_MAX - used);
    if (calls && !files)
        missing[used - 2] = '\0';
    return files && calls;
}
