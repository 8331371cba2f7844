/* test_sandbox.c: what a process cannot do any more once it is in the sandbox, and what it still can. Each
 * case is a child of its own, which ends with 0 when all was as it should be, else with the number of the
 * line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../sensor/privilege.h"
#include "../../sensor/sandbox.h"

static char scratch[] = "/tmp/test_sandbox.XXXXXX";

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            dprintf(2, "line %d: %s: %s\n", __LINE__, #condition, strerror(errno));                          \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

/* Fails, and for the reason that is meant. */
#define MUST_FAIL(call, reason) MUST((call) == -1 && errno == (reason))

static void path_in(char *out, size_t out_len, const char *name) {
    snprintf(out, out_len, "%s/%s", scratch, name);
}

static int open_in(const char *name, int flags) {
    char path[256];
    path_in(path, sizeof path, name);
    return open(path, flags, 0600);
}

/* In a directory that may be written, beside one that may be read, and one that may not be touched. */
static void enter(const struct sandbox_needs *needs) {
    char path[256], missing[SANDBOX_MISSING_MAX];
    struct sandbox *sandbox = sandbox_new();
    MUST(sandbox);
    path_in(path, sizeof path, "out");
    sandbox_allow(sandbox, SANDBOX_WRITE, path);
    path_in(path, sizeof path, "in/config");
    sandbox_allow_beside(sandbox, SANDBOX_READ, path);
    path_in(path, sizeof path, "not there");
    sandbox_allow(sandbox, SANDBOX_WRITE, path);
    sandbox_allow_system(sandbox);
    bool whole = sandbox_enter(sandbox, needs, missing);
    MUST(whole == (missing[0] == '\0'));
    sandbox_free(sandbox);
    char text[4096] = "";
    MUST(read(open("/proc/self/status", O_RDONLY), text, sizeof text - 1) > 0);
    MUST(strstr(text, "\nNoNewPrivs:\t1\n"));
}

/* What this kernel can do, found out in a child: "Landlock" or "seccomp" is missing? Says so, as skip() does
 * not give a reason. */
static bool child_misses(const char *what) {
    pid_t child = fork();
    if (child == 0) {
        char missing[SANDBOX_MISSING_MAX];
        const struct sandbox_needs needs = {false, false};
        struct sandbox *sandbox = sandbox_new();
        sandbox_enter(sandbox, &needs, missing);
        sandbox_free(sandbox);
        if (strstr(missing, what))
            dprintf(2, "skipped: %s\n", missing);
        _exit(strstr(missing, what) != NULL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) != 0;
}

static void run_child(void (*body)(void)) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        fail_msg("status %d", WEXITSTATUS(status));
}

/* --- seccomp --- */

static void no_programs(void) {
    char *const arguments[] = {"/bin/true", NULL};
    const struct sandbox_needs needs = {true, true};
    enter(&needs);
    MUST_FAIL(execv(arguments[0], arguments), EPERM);
    MUST_FAIL(syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, NULL, 0), EPERM);
    MUST_FAIL(fork(), EPERM);
    MUST_FAIL(vfork(), EPERM);
    MUST_FAIL(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0), EPERM);
    MUST_FAIL(syscall(SYS_ptrace, PTRACE_ATTACH, getppid(), 0, 0), EPERM);
    MUST_FAIL(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0), EPERM);
    MUST_FAIL(kill(getppid(), 0), EPERM);
    MUST_FAIL(syscall(SYS_tgkill, getppid(), getppid(), 0), EPERM);
}

static void no_powers(void) {
    const struct sandbox_needs needs = {true, true};
    enter(&needs);
    MUST_FAIL(mount("none", scratch, "tmpfs", 0, NULL), EPERM);
    MUST_FAIL(unshare(CLONE_NEWUSER), EPERM);
    MUST_FAIL(setuid(0), EPERM);
    MUST_FAIL(chroot("/"), EPERM);
    MUST_FAIL(syscall(SYS_bpf, 0, NULL, 0), EPERM);
    MUST_FAIL(syscall(SYS_io_uring_setup, 1, NULL), EPERM);
    MUST_FAIL(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0), EPERM);
    MUST_FAIL(syscall(SYS_keyctl, 0, 0, 0, 0, 0), EPERM);
    MUST_FAIL(chown(scratch, 1, 1), EPERM);
    MUST_FAIL(ioctl(0, TIOCSTI, "x"), EPERM);
    MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
         MAP_FAILED);
}

static void no_network(void) {
    const struct sandbox_needs needs = {false, false};
    enter(&needs);
    MUST_FAIL(socket(AF_INET, SOCK_STREAM, 0), EPERM);
    MUST_FAIL(socket(AF_INET6, SOCK_DGRAM, 0), EPERM);
    MUST_FAIL(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
    MUST(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
}

static void *write_one(void *file) {
    *(ssize_t *)file = write((int)*(ssize_t *)file, "x", 1);
    return NULL;
}

static void work_goes_on(void) {
    const struct sandbox_needs needs = {true, false};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_len = sizeof address;
    pthread_t thread;
    enter(&needs);
    ssize_t file = open_in("out/thread", O_CREAT | O_WRONLY);
    MUST(file >= 0);
    MUST(pthread_create(&thread, NULL, write_one, &file) == 0);
    MUST(pthread_join(thread, NULL) == 0 && file == 1);
    MUST(getaddrinfo("localhost", "25", &hints, &found) == 0);
    freeaddrinfo(found);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    MUST(bind(listener, (struct sockaddr *)&address, address_len) == 0 && listen(listener, 1) == 0);
    MUST(getsockname(listener, (struct sockaddr *)&address, &address_len) == 0);
    MUST(connect(client, (struct sockaddr *)&address, address_len) == 0);
    MUST(accept(listener, NULL, NULL) >= 0);
    void *memory = malloc(64u << 20);
    MUST(memory && memset(memory, 1, 64u << 20) && (memory = realloc(memory, 96u << 20)));
    free(memory);
    MUST(raise(0) == 0);
}

/* An assertion that fails still ends the program, and in the way that others see. */
static void abort_still_works(void) {
    const struct sandbox_needs needs = {false, false};
    enter(&needs);
    abort();
}

static void test_programs(void **state) {
    (void)state;
    if (child_misses("seccomp"))
        skip();
    run_child(no_programs);
}

static void test_powers(void **state) {
    (void)state;
    if (child_misses("seccomp"))
        skip();
    run_child(no_powers);
}

static void test_network(void **state) {
    (void)state;
    if (child_misses("seccomp"))
        skip();
    run_child(no_network);
}

static void test_work_goes_on(void **state) {
    (void)state;
    run_child(work_goes_on);
}

static void test_abort(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        abort_still_works();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* --- Landlock --- */

static void files_outside(void) {
    const struct sandbox_needs needs = {false, false};
    char from[256], to[256];
    int before = open_in("out/before", O_CREAT | O_RDWR);
    int outside = open_in("closed/before", O_CREAT | O_RDWR);
    MUST(before >= 0 && outside >= 0);
    enter(&needs);
    MUST_FAIL(open_in("closed/secret", O_RDONLY), EACCES);
    MUST_FAIL(open_in("closed/secret", O_WRONLY), EACCES);
    MUST_FAIL(open_in("closed/new", O_CREAT | O_WRONLY), EACCES);
    MUST_FAIL(open_in("out/../closed/secret", O_RDONLY), EACCES);
    MUST_FAIL(open_in("out/link", O_RDONLY), EACCES); /* to closed/secret */
    MUST_FAIL(open_in("in/config", O_WRONLY), EACCES);
    MUST_FAIL(open_in("in/new", O_CREAT | O_WRONLY), EACCES);
    MUST_FAIL(open("/etc/starttap-test", O_CREAT | O_WRONLY, 0600), EACCES);
    MUST_FAIL(open("/dev", O_RDONLY), EACCES);
    path_in(from, sizeof from, "out/before");
    path_in(to, sizeof to, "closed/moved");
    MUST(rename(from, to) == -1 && (errno == EXDEV || errno == EACCES));
    MUST(link(from, to) == -1);
    MUST(truncate(to, 0) == -1);
    MUST(write(outside, "x", 1) == 1); /* what was open stays open */
}

static void files_inside(void) {
    const struct sandbox_needs needs = {false, false};
    char from[256], to[256];
    enter(&needs);
    int file = open_in("out/new", O_CREAT | O_EXCL | O_RDWR);
    MUST(file >= 0 && write(file, "abc", 3) == 3 && ftruncate(file, 1) == 0 && fsync(file) == 0);
    path_in(from, sizeof from, "out/new");
    path_in(to, sizeof to, "out/aside");
    MUST(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0);
    MUST(open_in("out/aside", O_RDWR | O_TRUNC) >= 0);
    MUST(unlink(to) == 0);
    path_in(from, sizeof from, "out/dir");
    MUST(mkdir(from, 0700) == 0);
    MUST(open_in("out/dir/deep", O_CREAT | O_WRONLY) >= 0);
    MUST(open_in("in/config", O_RDONLY) >= 0);
    MUST(open("/dev/null", O_WRONLY) >= 0);
    MUST(open("/etc/passwd", O_RDONLY) >= 0);
    path_in(from, sizeof from, "in");
    MUST(opendir(from) != NULL);
}

/* A file that somebody replaced by another of its name, as editors and package managers do. */
static void replaced_file(void) {
    const struct sandbox_needs needs = {false, false};
    char text[8] = "";
    enter(&needs);
    int ready = open_in("out/ready", O_CREAT | O_WRONLY);
    MUST(ready >= 0);
    for (int i = 0; i < 1000 && open_in("out/go", O_RDONLY) < 0; i++)
        usleep(10000);
    int file = open_in("in/config", O_RDONLY);
    MUST(file >= 0 && read(file, text, sizeof text - 1) == 3 && strcmp(text, "new") == 0);
}

static void make_file(const char *name, const char *text) {
    int file = open_in(name, O_CREAT | O_WRONLY | O_TRUNC);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

static void test_files_outside(void **state) {
    (void)state;
    if (child_misses("Landlock"))
        skip();
    run_child(files_outside);
}

static void test_files_inside(void **state) {
    (void)state;
    run_child(files_inside);
}

static void test_replaced_file(void **state) {
    (void)state;
    char from[256], to[256], ready[256];
    int status;
    pid_t child = fork();
    if (child == 0) {
        replaced_file();
        _exit(0);
    }
    path_in(ready, sizeof ready, "out/ready");
    while (access(ready, F_OK) != 0 && waitpid(child, &status, WNOHANG) == 0)
        usleep(1000);
    make_file("in/config.tmp", "new");
    path_in(from, sizeof from, "in/config.tmp");
    path_in(to, sizeof to, "in/config");
    assert_int_equal(rename(from, to), 0);
    make_file("out/go", "");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int setup(void **state) {
    (void)state;
    char path[256], target[256];
    static const char *const dirs[] = {"out", "in", "closed"};
    assert_non_null(mkdtemp(scratch));
    for (size_t i = 0; i < 3; i++) {
        path_in(path, sizeof path, dirs[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    make_file("closed/secret", "secret");
    make_file("in/config", "old");
    path_in(path, sizeof path, "out/link");
    path_in(target, sizeof target, "closed/secret");
    return symlink(target, path);
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", scratch);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs),     cmocka_unit_test(test_powers),
        cmocka_unit_test(test_network),      cmocka_unit_test(test_work_goes_on),
        cmocka_unit_test(test_abort),        cmocka_unit_test(test_files_outside),
        cmocka_unit_test(test_files_inside), cmocka_unit_test(test_replaced_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
