#include "sandbox_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#ifdef __has_feature
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer) ||       \
    HAS_FEATURE(thread_sanitizer) || HAS_FEATURE(memory_sanitizer)
#define HAS_SANITIZER true
#else
#define HAS_SANITIZER false
#endif

/* Those whose arguments do not matter. A name that an architecture does not have is passed over. */
static const char *const any_arguments[] = {
    /* memory */
    "brk",
    "munmap",
    "mremap",
    "madvise",
    "membarrier",
    "mincore",
    "msync",
    /* files: what can be opened is Landlock's part */
    "open",
    "openat",
    "openat2",
    "close",
    "close_range",
    "read",
    "readv",
    "pread64",
    "preadv",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "lseek",
    "_llseek",
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "fstatat64",
    "statx",
    "stat64",
    "lstat64",
    "fstat64",
    "statfs",
    "fstatfs",
    "statfs64",
    "fstatfs64",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents64",
    "getcwd",
    "ftruncate",
    "ftruncate64",
    "fallocate",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "fadvise64",
    "fadvise64_64",
    "readahead",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "fchmod",
    "umask",
    "flock",
    "fcntl",
    "fcntl64",
    "dup",
    "dup2",
    "dup3",
    "pipe",
    "pipe2",
    /* waiting and time */
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    "nanosleep",
    "clock_nanosleep",
    "clock_gettime",
    "clock_getres",
    "gettimeofday",
    "time",
    "times",
    "restart_syscall",
    "ppoll_time64",
    "pselect6_time64",
    "clock_gettime64",
    "clock_nanosleep_time64",
    "clock_getres_time64",
    /* threads and signals to itself */
    "futex",
    "futex_time64",
    "futex_waitv",
    "set_robust_list",
    "get_robust_list",
    "set_tid_address",
    "rseq",
    "sched_yield",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "exit",
    "exit_group",
    "gettid",
    "getpid",
    "getppid",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "rt_sigpending",
    "rt_sigsuspend",
    "sigaltstack",
    "sigreturn",
    /* who and where am I */
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getgroups",
    "capget",
    "uname",
    "sysinfo",
    "getrusage",
    "getrlimit",
    "getrandom",
    "getcpu",
    "arch_prctl",
    /* sockets, once there is one */
    "bind",
    "connect",
    "listen",
    "accept",
    "accept4",
    "shutdown",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "sendto",
    "send",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recv",
    "recvmsg",
    "recvmmsg",
    "socketpair",
};

/* Questions about terminals, sockets and interfaces. Putting bytes into somebody's terminal (TIOCSTI) and
 * changing interfaces are not among them. SIOCSHWTSTAMP takes CAP_NET_ADMIN. */
static const unsigned long requests[] = {
    TCGETS,        TIOCGWINSZ,     FIONREAD,         FIONBIO,        FIOCLEX,       FIONCLEX,
    SIOCGIFINDEX,  SIOCGIFNAME,    SIOCGIFFLAGS,     SIOCGIFMTU,     SIOCGIFHWADDR, SIOCGIFADDR,
    SIOCGIFCONF,   SIOCGIFNETMASK, SIOCGIFBRDADDR,   SIOCGIFDSTADDR, SIOCETHTOOL,   SIOCGHWTSTAMP,
    SIOCSHWTSTAMP, SIOCGSTAMP_OLD, SIOCGSTAMPNS_OLD, SIOCOUTQ,
};

static bool allow(scmp_filter_ctx filter, const char *name) {
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return true;
    int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    return result == 0 || result == -EDOM;
}

/* One argument must be value, within mask. */
static bool allow_if(scmp_filter_ctx filter, const char *name, unsigned argument, uint64_t mask,
                     uint64_t value) {
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return true;
    struct scmp_arg_cmp compare = {argument, SCMP_CMP_MASKED_EQ, mask, value};
    int result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &compare);
    return result == 0 || result == -EDOM;
}

#define ALL_BITS  UINT64_C(0xffffffff) /* of an int */
#define LONG_BITS UINT64_MAX

/* Never both writable and executable. */
static bool allow_memory(scmp_filter_ctx filter) {
    static const char *const names[] = {"mmap", "mmap2", "mprotect"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!allow_if(filter, names[i], 2, PROT_WRITE, 0) || !allow_if(filter, names[i], 2, PROT_EXEC, 0))
            return false;
    }
    return true;
}

/* Threads, and no processes. The arguments of clone3 cannot be looked at; without it the C library uses
 * clone. */
static bool allow_threads(scmp_filter_ctx filter, pid_t process) {
    int clone3 = seccomp_syscall_resolve_name("clone3");
    return (clone3 == __NR_SCMP_ERROR || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), clone3, 0) == 0) &&
           allow_if(filter, "clone", 0, CLONE_THREAD, CLONE_THREAD) &&
           allow_if(filter, "tgkill", 0, ALL_BITS, (uint64_t)process) &&
           allow_if(filter, "prctl", 0, ALL_BITS, PR_SET_NAME) &&
           allow_if(filter, "prctl", 0, ALL_BITS, PR_GET_NAME) &&
           /* limits are asked for, not set: no pointer to new ones */
           allow_if(filter, "prlimit64", 2, LONG_BITS, 0);
}

static bool allow_sockets(scmp_filter_ctx filter, const struct sandbox_needs *needs) {
    const struct {
        bool wanted;
        int family;
    } families[] = {
        {true, AF_UNIX}, /* the service manager, name services */
        {needs->network, AF_INET},
        {needs->network, AF_INET6},
        {needs->capture, AF_PACKET},
        {needs->network || needs->capture, AF_NETLINK},
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (families[i].wanted && !allow_if(filter, "socket", 0, ALL_BITS, (uint64_t)families[i].family))
            return false;
    }
    return true;
}

static bool fill(scmp_filter_ctx filter, const struct sandbox_needs *needs, pid_t process) {
    bool good = true;
    for (size_t i = 0; good && i < sizeof any_arguments / sizeof any_arguments[0]; i++)
        good = allow(filter, any_arguments[i]);
    for (size_t i = 0; good && i < sizeof requests / sizeof requests[0]; i++)
        good = allow_if(filter, "ioctl", 1, ALL_BITS, requests[i]);
    return good && allow_memory(filter) && allow_threads(filter, process) && allow_sockets(filter, needs);
}

/* --- the program for the kernel --- */

#define MAKE_WAIT_MS 10000

/* In a process of its own: ends. */
static void make_program(const struct sandbox_needs *needs, pid_t process, int out) {
    static const struct rlimit none;
    (void)setrlimit(RLIMIT_CORE, &none);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool good = filter && fill(filter, needs, process) && seccomp_export_bpf(filter, out) == 0;
    if (filter)
        seccomp_release(filter);
    _exit(good ? 0 : 1);
}

/* Up to the end of what comes; 0 when that does not come. */
static size_t read_program(int in, struct sock_filter program[BPF_MAXINSNS]) {
    size_t len = 0, room = BPF_MAXINSNS * sizeof *program;
    struct pollfd wanted = {.fd = in, .events = POLLIN};
    for (;;) {
        int ready = poll(&wanted, 1, MAKE_WAIT_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready > 0 ? read(in, (char *)program + len, room - len) : -1;
        if (got <= 0)
            return got == 0 ? len / sizeof *program : 0;
        len += (size_t)got;
    }
}

static bool ended_well(pid_t child) {
    int status = 1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* libseccomp (2.5.4) crashes, or goes round for ever, when memory runs out in it: that shall not be this
 * process. The number of instructions, 0: none. */
static size_t program_for(const struct sandbox_needs *needs, struct sock_filter program[BPF_MAXINSNS]) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    pid_t process = getpid(), child = fork();
    if (child == 0)
        make_program(needs, process, ends[1]);
    close(ends[1]);
    size_t num = child > 0 ? read_program(ends[0], program) : 0;
    close(ends[0]);
    if (child > 0 && num == 0)
        (void)kill(child, SIGKILL);
    return child > 0 && ended_well(child) ? num : 0;
}

/* 0, or an errno. */
static int load(const struct sandbox_needs *needs) {
    struct sock_filter instructions[BPF_MAXINSNS];
    struct sock_fprog program = {.filter = instructions};
    program.len = (unsigned short)program_for(needs, instructions);
    if (program.len == 0)
        return ENOMEM;
    /* A positive result is a thread that could not be given the filter. */
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    return result < 0 ? errno : result > 0 ? ECANCELED : 0;
}

bool sandbox_calls_limit(const struct sandbox_needs *needs, char *missing, size_t missing_len) {
    if (HAS_SANITIZER) {
        snprintf(missing, missing_len, "seccomp: this build has sanitizers, which need more");
        return false;
    }
    int error = load(needs);
    if (error != 0)
        snprintf(missing, missing_len, "seccomp: %s", strerror(error));
    return error == 0;
}
