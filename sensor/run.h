/* run.h: the parts of a running program, as main wires them, for the loops that drive them. */
#ifndef STARTTAP_SENSOR_RUN_H
#define STARTTAP_SENSOR_RUN_H

#include "../outputs/summary.h"
#include "capture/filter.h"
#include "config.h"
#include "judge/geo.h"
#include "judge/policy.h"
#include "keylog_file.h"
#include "metrics.h"
#include "outlet.h"
#include "pipeline.h"
#include "progress.h"
#include "record/recorder.h"
#include "service.h"
#include "state.h"
#include "taps.h"

enum exit_status { EXIT_READ = 0, EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_DAMAGED = 3 };

struct run {
    const struct config *config;
    struct outlet *outlet;
    struct summary *summary;    /* NULL: not wanted */
    struct taps *taps;          /* NULL: files are read */
    struct filter *filter;      /* of files; NULL: every packet */
    struct keylog_file *keylog; /* NULL: none given */
    struct policy *policy;      /* NULL: none given */
    struct recorder *recorder;  /* NULL: nothing is recorded */
    struct metrics *metrics;    /* NULL: none are served */
    struct state *state;        /* NULL: nothing is remembered */
    struct geo *geo;            /* NULL: no database of addresses was given */
    struct pipeline *pipeline;
    struct progress progress;
    struct service service;
    bool ending; /* live: no more is captured than what the kernel has; set before the lanes stop */
    enum exit_status status;
};

/* The first failure decides, and a failure to write is worse than a damaged input. */
static inline void run_fail(struct run *run, enum exit_status status) {
    if (run->status == EXIT_READ || status == EXIT_RUNTIME)
        run->status = status;
}

/* SIGHUP: whoever renamed the files asks for new ones. */
static inline void run_reopen(struct run *run) {
    outlet_reopen(run->outlet);
    if (run->recorder)
        recorder_reopen(run->recorder);
}

/* There is still somebody for whom the work is done. */
static inline bool run_is_of_use(const struct run *run) {
    bool records = run->recorder && !recorder_gone(run->recorder);
    return outlet_listens(run->outlet) && (records || !run->recorder || run->config->num_sinks > 0);
}

#endif
