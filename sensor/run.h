/* run.h: the parts of a running program, as main wires them, for the loops that drive them. */
#ifndef STARTTAP_SENSOR_RUN_H
#define STARTTAP_SENSOR_RUN_H

#include "../outputs/summary.h"
#include "capture/filter.h"
#include "config.h"
#include "keylog_file.h"
#include "outlet.h"
#include "pipeline.h"
#include "progress.h"
#include "service.h"
#include "taps.h"

enum exit_status { EXIT_READ = 0, EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_DAMAGED = 3 };

struct run {
    const struct config *config;
    struct outlet *outlet;
    struct summary *summary;    /* NULL: not wanted */
    struct taps *taps;          /* NULL: files are read */
    struct filter *filter;      /* of files; NULL: every packet */
    struct keylog_file *keylog; /* NULL: none given */
    struct pipeline *pipeline;
    struct progress progress;
    struct service service;
    enum exit_status status;
};

/* The first failure decides, and a failure to write is worse than a damaged input. */
static inline void run_fail(struct run *run, enum exit_status status) {
    if (run->status == EXIT_READ || status == EXIT_RUNTIME)
        run->status = status;
}

#endif
