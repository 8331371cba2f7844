/* test_privilege.c: who the program is afterwards, and what is theirs. As root; in children, which do not
 * come back from there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../sensor/privilege.h"

#define USER 54321u

static char scratch[] = "/tmp/test_privilege.XXXXXX";

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            dprintf(2, "line %d: %s: %s\n", __LINE__, #condition, strerror(errno));                          \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

static const char *in_scratch(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    return path;
}

static uid_t owner(const char *name) {
    struct stat status;
    assert_int_equal(lstat(in_scratch(name), &status), 0);
    return status.st_uid;
}

static void make_file(const char *name) {
    int file = open(in_scratch(name), O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    close(file);
}

static struct privilege_user user_of(const char *wanted) {
    char why[PRIVILEGE_WHY_MAX] = "";
    struct privilege_user user;
    if (!privilege_find_user(wanted, &user, why))
        fail_msg("%s", why);
    return user;
}

static void run_child(void (*body)(void)) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The value of a line of /proc/self/status. */
static uint64_t status_number(const char *name) {
    char text[8192] = "", key[32];
    int file = open("/proc/self/status", O_RDONLY);
    MUST(read(file, text, sizeof text - 1) > 0);
    close(file);
    snprintf(key, sizeof key, "\n%s:", name);
    const char *line = strstr(text, key);
    MUST(line);
    return strtoull(line + strlen(key), NULL, 16);
}

static void drop_to(const char *wanted, unsigned keep) {
    char why[PRIVILEGE_WHY_MAX] = "";
    struct privilege_user user;
    MUST(privilege_find_user(wanted, &user, why));
    if (!privilege_drop(&user, keep, why)) {
        dprintf(2, "%s\n", why);
        _exit(1);
    }
}

static void becomes_user(void) {
    gid_t groups[4] = {0, 4, 5, 6};
    (void)setgroups(4, groups);
    drop_to("54321", PRIVILEGE_NET_RAW);
    MUST(getuid() == USER && geteuid() == USER && getgid() == USER && getegid() == USER);
    MUST(getgroups(4, groups) == 0);
    MUST(status_number("CapEff") == 1u << 13 && status_number("CapPrm") == 1u << 13);
    MUST(status_number("CapBnd") == 1u << 13);
    MUST(status_number("CapInh") == 0 && status_number("CapAmb") == 0);
    MUST(setuid(0) != 0 && seteuid(0) != 0 && setgid(0) != 0);
    MUST(socket(AF_PACKET, SOCK_RAW, 0) >= 0); /* an interface can be opened again */
    MUST(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES);
}

static void keeps_nothing(void) {
    drop_to("nobody", 0);
    MUST(status_number("CapPrm") == 0 && status_number("CapBnd") == 0);
    MUST(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM);
}

static void root_without_powers(void) {
    drop_to("root", PRIVILEGE_NET_RAW);
    MUST(getuid() == 0 && status_number("CapPrm") == 1u << 13);
    MUST(chown(scratch, USER, USER) != 0 && errno == EPERM);
}

static void twice(void) {
    char why[PRIVILEGE_WHY_MAX] = "";
    drop_to("nobody", PRIVILEGE_NET_RAW);
    MUST(privilege_drop(NULL, PRIVILEGE_NET_RAW, why)); /* as one who was never root */
    MUST(status_number("CapPrm") == 1u << 13);
    MUST(privilege_drop(NULL, 0, why) && status_number("CapPrm") == 0);
}

static void others_cannot(void) {
    char why[PRIVILEGE_WHY_MAX] = "";
    struct privilege_user root = {.name = "root"};
    drop_to("nobody", 0);
    MUST(!privilege_drop(&root, 0, why) && strstr(why, "cannot become user root: "));
    MUST(!privilege_may_create(scratch) && privilege_may_create("/tmp"));
}

static void test_becomes_user(void **state) {
    (void)state;
    run_child(becomes_user);
    run_child(keeps_nothing);
    run_child(root_without_powers);
    run_child(twice);
    run_child(others_cannot);
}

static void test_find(void **state) {
    (void)state;
    char why[PRIVILEGE_WHY_MAX];
    struct privilege_user user;
    assert_string_equal(user_of("nobody").name, "nobody");
    assert_int_equal(user_of("0").uid, 0);
    assert_string_equal(user_of("0").name, "root");
    assert_int_equal(user_of("54321").gid, USER);
    assert_int_not_equal(user_of(NULL).uid, 0);
    static const char *const wrong[] = {"no-such-user",        "", "-1", "4294967295", "12x", " 1",
                                        "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(privilege_find_user(wrong[i], &user, why));
    assert_string_equal(why, "there is no user '99999999999999999999'");
}

static void test_make_dir(void **state) {
    (void)state;
    char why[PRIVILEGE_WHY_MAX];
    struct privilege_user user = user_of("54321");
    make_file("file");
    assert_int_equal(mkdir(in_scratch("old"), 0700), 0);
    assert_true(privilege_make_dir(&user, in_scratch("old/a/b"), why));
    assert_true(privilege_make_dir(&user, in_scratch("old/a/b/"), why));
    assert_int_equal(owner("old"), 0);
    assert_int_equal(owner("old/a"), USER);
    assert_int_equal(owner("old/a/b"), USER);
    assert_false(privilege_make_dir(&user, in_scratch("file/b"), why));
    assert_non_null(strstr(why, "cannot be made: Not a directory"));
}

static void test_hand_over(void **state) {
    (void)state;
    char why[PRIVILEGE_WHY_MAX], to[256];
    struct privilege_user user = user_of("54321");
    make_file("plain");
    make_file("twin");
    make_file("target");
    make_file("foreign");
    assert_int_equal(mkdir(in_scratch("dir"), 0700), 0);
    make_file("dir/one");
    snprintf(to, sizeof to, "%s", in_scratch("dir/twin"));
    assert_int_equal(link(in_scratch("twin"), to), 0);
    snprintf(to, sizeof to, "%s", in_scratch("target"));
    assert_int_equal(symlink(to, in_scratch("dir/link")), 0);
    assert_int_equal(chown(in_scratch("foreign"), 77, 77), 0);
    assert_true(privilege_hand_over(&user, in_scratch("plain"), why));
    assert_true(privilege_hand_over(&user, in_scratch("foreign"), why));
    assert_true(privilege_hand_over(&user, in_scratch("not there"), why));
    assert_true(privilege_hand_over(&user, "/dev/null", why));
    assert_true(privilege_hand_over_dir(&user, in_scratch("dir"), why));
    assert_true(privilege_hand_over_dir(&user, in_scratch("not there"), why));
    assert_int_equal(owner("plain"), USER);
    assert_int_equal(owner("dir"), USER);
    assert_int_equal(owner("dir/one"), USER);
    assert_int_equal(owner("foreign"), 77);
    assert_int_equal(owner("twin"), 0);     /* somebody's trick: a second name for a file of root's */
    assert_int_equal(owner("dir/link"), 0); /* and another */
    assert_int_equal(owner("target"), 0);
    struct stat status;
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_int_equal(status.st_uid, 0);
    assert_int_equal(stat(scratch, &status), 0);
    assert_int_equal(status.st_uid, 0); /* the directory above */
}

static int setup(void **state) {
    (void)state;
    return mkdtemp(scratch) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", scratch);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_becomes_user),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_make_dir),
        cmocka_unit_test(test_hand_over),
    };
    if (geteuid() != 0)
        return 77;
    return cmocka_run_group_tests(tests, setup, teardown);
}
