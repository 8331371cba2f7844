/* fail.so: lets one call fail. To be preloaded (LD_PRELOAD); failures.py says when.
 *
 *     STARTTAP_FAIL=CLASS:NUMBER   the NUMBER-th call of that class fails, from 1; 0: none does
 *     STARTTAP_FAIL_COUNT=FILE     at the end the number of calls of the class is written there, and before
 * it, each on a line, the numbers of those that came from somewhere new: by callers of callers that had made
 * no such call before
 *
 * CLASS is malloc (and calloc, realloc, strdup and what else libc allocates for others by these; ENOMEM),
 * write (and pwrite, writev; ENOSPC), fsync (and fdatasync; EIO), open (files to write to; EACCES) or rename
 * (EIO). Whoever it was that called: the program, or a library it uses. With STARTTAP_FAIL_ALL=1 that call
 * and all that come after it fail, as on a disk that stays full. Standard error never fails: it says what
 * happened. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum class { CLASS_NONE, CLASS_MALLOC, CLASS_WRITE, CLASS_FSYNC, CLASS_OPEN, CLASS_RENAME };

static struct {
    enum class wanted;
    unsigned long number;
    bool all, ready;
    const char *count_to;
    atomic_ulong calls;
} state;

/* Where calls came from, as hashes, and the first number of each. */
#define SITES_MAX 65536 /* a power of two */
#define DEPTH     24    /* callers of callers */

static struct {
    uint64_t hashes[SITES_MAX];
    unsigned long numbers[SITES_MAX];
    unsigned long num;
} sites;

/* Finding the callers allocates too. */
static _Thread_local bool within;

static void note_site(unsigned long number) {
    void *callers[DEPTH];
    uint64_t hash = 14695981039346656037u;
    if (!state.count_to || within || sites.num >= SITES_MAX / 2)
        return;
    within = true;
    int depth = backtrace(callers, DEPTH);
    within = false;
    for (int i = 0; i < depth; i++)
        hash = (hash ^ (uintptr_t)callers[i]) * 1099511628211u;
    size_t at = hash & (SITES_MAX - 1);
    while (sites.hashes[at] != 0 && sites.hashes[at] != hash)
        at = (at + 1) & (SITES_MAX - 1);
    if (sites.hashes[at] == hash)
        return;
    sites.hashes[at] = hash;
    sites.numbers[sites.num++] = number;
}

static enum class class_of(const char *name, size_t len) {
    static const char *const names[] =
        {
            [CLASS_NONE] = "",
            [CLASS_MALLOC] = "malloc",
            [CLASS_WRITE] = "write",
            [CLASS_FSYNC] = "fsync",
            [CLASS_OPEN] = "open",
            [CLASS_RENAME] = "rename",
        };
    for (size_t i = 1; i < sizeof names / sizeof names[0];
         i++){if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) return (enum class)i;}
return CLASS_NONE;
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("STARTTAP_FAIL"), *colon = text ? strchr(text, ':') : NULL;
    state.count_to = getenv("STARTTAP_FAIL_COUNT");
    state.all = getenv("STARTTAP_FAIL_ALL") != NULL;
    if (!colon)
        return;
    state.wanted = class_of(text, (size_t)(colon - text));
    state.number = strtoul(colon + 1, NULL, 10);
    state.ready = true;
}

__attribute__((destructor)) static void end(void) {
    if (!state.ready || !state.count_to)
        return;
    state.ready = false;
    FILE *out = fopen(state.count_to, "w");
    if (!out)
        abort();
    for (unsigned long i = 0; i < sites.num; i++)
        fprintf(out, "%lu\n", sites.numbers[i]);
    fprintf(out, "%lu\n", atomic_load(&state.calls));
    if (fclose(out) != 0)
        abort();
}

static bool fails(enum class class, int error) {
    if (!state.ready || state.wanted != class || within)
        return false;
    unsigned long number = atomic_fetch_add(&state.calls, 1) + 1;
    note_site(number);
    bool now = state.number > 0 && (state.all ? number >= state.number : number == state.number);
    if (now)
        errno = error;
    return now;
}

/* The function of that name behind this one. */
#define NEXT(type, name)                                                                                     \
    static __typeof__(type) *next;                                                                           \
    if (!next)                                                                                               \
    *(void **)&next = dlsym(RTLD_NEXT, name)

/* libc's own, or AddressSanitizer's where the program has that: without looking for them, which allocates. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t num, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__interceptor_malloc(size_t size) __attribute__((weak));
extern void *__interceptor_calloc(size_t num, size_t size) __attribute__((weak));
extern void *__interceptor_realloc(void *old, size_t size) __attribute__((weak));

void *malloc(size_t size) {
    if (fails(CLASS_MALLOC, ENOMEM))
        return NULL;
    return __interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t num, size_t size) {
    if (fails(CLASS_MALLOC, ENOMEM))
        return NULL;
    return __interceptor_calloc ? __interceptor_calloc(num, size) : __libc_calloc(num, size);
}

void *realloc(void *old, size_t size) {
    if (fails(CLASS_MALLOC, ENOMEM))
        return NULL;
    return __interceptor_realloc ? __interceptor_realloc(old, size) : __libc_realloc(old, size);
}

ssize_t write(int fd, const void *data, size_t len) {
    NEXT(ssize_t(int, const void *, size_t), "write");
    return fd != STDERR_FILENO && fails(CLASS_WRITE, ENOSPC) ? -1 : next(fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    NEXT(ssize_t(int, const void *, size_t, off_t), "pwrite");
    return fails(CLASS_WRITE, ENOSPC) ? -1 : next(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    NEXT(ssize_t(int, const void *, size_t, off64_t), "pwrite64");
    return fails(CLASS_WRITE, ENOSPC) ? -1 : next(fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *parts, int num) {
    NEXT(ssize_t(int, const struct iovec *, int), "writev");
    return fd != STDERR_FILENO && fails(CLASS_WRITE, ENOSPC) ? -1 : next(fd, parts, num);
}

int fsync(int fd) {
    NEXT(int(int), "fsync");
    return fails(CLASS_FSYNC, EIO) ? -1 : next(fd);
}

int fdatasync(int fd) {
    NEXT(int(int), "fdatasync");
    return fails(CLASS_FSYNC, EIO) ? -1 : next(fd);
}

int rename(const char *from, const char *to) {
    NEXT(int(const char *, const char *), "rename");
    return fails(CLASS_RENAME, EIO) ? -1 : next(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    NEXT(int(int, const char *, int, const char *, unsigned), "renameat2");
    return fails(CLASS_RENAME, EIO) ? -1 : next(from_dir, from, to_dir, to, flags);
}

static bool open_fails(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY && fails(CLASS_OPEN, EACCES);
}

/* The mode is read whether it is there or not; open() looks at it only where it is. */
#define OPEN(name)                                                                                           \
    int name(const char *path, int flags, ...) {                                                             \
        NEXT(int(const char *, int, ...), #name);                                                            \
        va_list args;                                                                                        \
        va_start(args, flags);                                                                               \
        mode_t mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;                                          \
        va_end(args);                                                                                        \
        return open_fails(flags) ? -1 : next(path, flags, mode);                                             \
    }

#define OPENAT(name)                                                                                         \
    int name(int dir, const char *path, int flags, ...) {                                                    \
        NEXT(int(int, const char *, int, ...), #name);                                                       \
        va_list args;                                                                                        \
        va_start(args, flags);                                                                               \
        mode_t mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;                                          \
        va_end(args);                                                                                        \
        return open_fails(flags) ? -1 : next(dir, path, flags, mode);                                        \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
