/* measure.c: runs a command and says what it cost.
 *
 *   measure FILE COMMAND...
 *
 * Reads FILE first, so that it is in the page cache; the command's standard output goes nowhere. Prints wall
 * clock and CPU seconds (user, system), the peak of resident memory in KiB, and the exit status. A program of
 * its own because ru_maxrss begins with what the process had before exec: here next to nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int warm(const char *path) {
    static char piece[1 << 16];
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    while (read(fd, piece, sizeof piece) > 0)
        continue;
    return close(fd);
}

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run(char **command) {
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

int main(int argc, char **argv) {
    if (argc < 3 || warm(argv[1]) != 0) {
        fprintf(stderr, "usage: measure FILE COMMAND...\n");
        return 2;
    }
    double begin = now();
    pid_t pid = fork();
    if (pid == 0)
        run(argv + 2);
    int status = 0;
    struct rusage usage;
    if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
        perror("measure");
        return 2;
    }
    printf("%.4f %.4f %.4f %ld %d\n", now() - begin, seconds_of(usage.ru_utime), seconds_of(usage.ru_stime),
           usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}
