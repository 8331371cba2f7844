/* sandbox.h: what a program that reads hostile bytes takes from itself, so that whoever takes it over has
 * little: no new privileges, a list of system calls (seccomp), a list of directories (Landlock).
 *
 *     struct sandbox *sandbox = sandbox_new();
 *     sandbox_allow(sandbox, SANDBOX_WRITE, "/var/lib/starttap");
 *     sandbox_enter(sandbox, &needs, missing);
 *     sandbox_free(sandbox);
 *
 * System calls that are not on the list fail with EPERM. Running programs (execve), looking into others
 * (ptrace), signalling them, mounting, changing user or capabilities are not; nor is memory both writable and
 * executable, nor a socket of a family that is not needed.
 *
 * Of files, only what is beneath a path that was allowed can be opened; the rest fails with EACCES. What was
 * opened before stays open. The rights of the user (privilege.h) hold besides.
 *
 * Landlock is each thread's own, and goes over to those that it starts: enter before threads begin. */
#ifndef STARTTAP_SENSOR_SANDBOX_H
#define STARTTAP_SENSOR_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#define SANDBOX_MISSING_MAX 256

struct sandbox;

enum sandbox_access {
    SANDBOX_READ,
    SANDBOX_WRITE, /* reads, writes, creates, renames, removes files; directories too */
};

struct sandbox_needs {
    bool network; /* connections to others: Kafka, metrics */
    bool capture; /* opens interfaces again */
};

struct sandbox *sandbox_new(void); /* NULL: out of memory */
void sandbox_free(struct sandbox *sandbox);

/* A file, or a directory and what is beneath it. A path that is not there, or cannot be looked at, is passed
 * over: it then cannot be opened later. */
void sandbox_allow(struct sandbox *sandbox, enum sandbox_access access, const char *path);

/* The same for the directory that path is in, for a file that others replace by a new one of its name; for
 * the file alone when that directory is the root. */
void sandbox_allow_beside(struct sandbox *sandbox, enum sandbox_access access, const char *path);

/* What programs on this system need: its libraries, name resolution, certificates, /dev/null and the like, to
 * read. */
void sandbox_allow_system(struct sandbox *sandbox);

/* From here on. False when some of it is not to be had, which missing names ("Landlock: ..."); the rest holds
 * all the same. */
bool sandbox_enter(struct sandbox *sandbox, const struct sandbox_needs *needs,
                   char missing[SANDBOX_MISSING_MAX]);

#endif
