#include "query.h"

#include <stdio.h>
#include <string.h>

#include "../outputs/sqlite.h"
#include "log.h"

enum { STATUS_GOOD = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

static int explain(FILE *out) {
    fputs("Usage: starttap query DATABASE [VIEW]\n"
          "Prints a view of a database that -o sqlite:DATABASE wrote; without VIEW, which there are.\n",
          out);
    return out == stdout ? STATUS_GOOD : STATUS_USAGE;
}

int query(int argc, char **argv) {
    char error[512];
    if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
        return explain(stdout);
    if (argc < 3 || argc > 4 || argv[2][0] == '-')
        return explain(stderr);
    if (!sqlite_query(argv[2], argc == 4 ? argv[3] : NULL, stdout, error, sizeof error)) {
        log_line(LEVEL_ERROR, "%s", error);
        return STATUS_FAILED;
    }
    if (fflush(stdout) == 0)
        return STATUS_GOOD;
    perror("starttap: standard output");
    return STATUS_FAILED;
}
