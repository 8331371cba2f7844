/* main.c: START HERE. Reads the configuration, wires the parts, runs the loop.
 *
 *   offline (files) -> filter -> pipeline (packet in, events out) -> outlet (all sinks) and summary
 *   live (interfaces)       -----^
 *
 * The only place that knows all of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../outputs/sink.h"
#include "capture/filter_reach.h"
#include "confine.h"
#include "live.h"
#include "log.h"
#include "offline.h"
#include "policy_command.h"
#include "policy_open.h"
#include "query.h"
#include "run.h"
#include "signals.h"

/* What cannot be written now may be later; at the end, somebody has to know. */
static void save_state(struct run *run, bool last) {
    char error[512];
    if (!run->state || state_save(run->state, error, sizeof error))
        return;
    log_line(last ? LEVEL_ERROR : LEVEL_WARNING, "%s", error);
    if (last)
        run_fail(run, EXIT_RUNTIME);
}

static void on_event(void *context, const struct event *event) {
    struct run *run = context;
    if (event->dataset == DATASET_SENSOR) /* each interval, by whoever works on the memory */
        save_state(run, false);
    outlet_event(run->outlet, event);
    if (run->metrics)
        metrics_event(run->metrics, event);
    if (run->summary)
        summary_add(run->summary, event);
}

static void on_totals(void *context, const struct reporter_totals *totals) {
    struct run *run = context;
    metrics_totals(run->metrics, totals);
}

/* --- wiring --- */

static void warn(void *context, const char *message) {
    (void)context;
    log_line(LEVEL_WARNING, "%s", message);
}

static bool refuse(struct run *run, const char *error, enum exit_status status) {
    log_line(LEVEL_ERROR, "%s", error);
    run->status = status;
    return false;
}

static bool open_keylog(struct run *run) {
    char error[512];
    if (!run->config->keylog)
        return true;
    bool growing = run->config->num_interfaces > 0;
    run->keylog = keylog_file_open(run->config->keylog, growing, warn, NULL, error, sizeof error);
    if (!run->keylog)
        return refuse(run, error, EXIT_USAGE);
    pipeline_set_keylog(run->pipeline, keylog_file_table(run->keylog));
    return true;
}

static bool open_memory(struct run *run) {
    char error[1024];
    const struct config *config = run->config;
    if (config->num_mmdb > 0) {
        run->geo = geo_open(config->mmdb, config->num_mmdb, error, sizeof error);
        if (!run->geo)
            return refuse(run, error, EXIT_USAGE);
        pipeline_set_geo(run->pipeline, run->geo);
    }
    if (!config->state || config->deliver)
        return true;
    run->state = state_open(config->state, pipeline_memory(run->pipeline), config->max_peers, warn, NULL,
                            error, sizeof error);
    return run->state || refuse(run, error, EXIT_RUNTIME);
}

static bool open_policy(struct run *run) {
    char error[512];
    if (!run->config->policy)
        return true;
    run->policy = policy_open(run->config, error, sizeof error);
    if (!run->policy)
        return refuse(run, error, EXIT_USAGE);
    pipeline_set_policy(run->pipeline, run->policy);
    return true;
}

static bool open_metrics(struct run *run) {
    char error[512];
    if (!run->config->metrics)
        return true;
    run->metrics = metrics_open(run->config->metrics, error, sizeof error);
    if (!run->metrics)
        return refuse(run, error, EXIT_RUNTIME);
    pipeline_set_tell(run->pipeline, on_totals);
    return true;
}

static bool open_recorder(struct run *run) {
    char error[512] = "out of memory";
    struct record_file_settings settings = {.force = run->config->force, .log = warn};
    if (!run->config->record)
        return true;
    struct record_file *file = record_file_open(run->config->record, &settings, error, sizeof error);
    run->recorder = file ? recorder_new(file, run->config->scrub) : NULL;
    if (!run->recorder) {
        record_file_close(file);
        return refuse(run, error, EXIT_RUNTIME);
    }
    pipeline_set_recorder(run->pipeline, run->recorder);
    if (run->config->workers > 1)
        log_line(LEVEL_NOTICE, "-w keeps packets in their order: one worker, not %u", run->config->workers);
    return true;
}

/* Of interfaces the kernel filters. */
static bool set_filter(struct run *run) {
    char error[512];
    const struct config *config = run->config;
    if (!filter_reaches_mail(config))
        log_line(LEVEL_WARNING,
                 "no mail can match the filter '%s': see --mail-ports, --tls-ports and, for live "
                 "capture, --tunnels",
                 config->filter);
    if (!config->filter || config->num_interfaces > 0)
        return true;
    run->filter = filter_new(config->filter, error, sizeof error);
    return run->filter || refuse(run, error, EXIT_USAGE);
}

/* Opens everything that the run needs. */
static bool open_parts(struct run *run) {
    char error[512];
    const struct config *config = run->config;
    if (!set_filter(run))
        return false;
    run->pipeline = pipeline_new(config, on_event, run, error, sizeof error);
    if (!run->pipeline)
        return refuse(run, error, config->ca_path ? EXIT_USAGE : EXIT_RUNTIME);
    if (!open_keylog(run) || !open_memory(run) || !open_policy(run))
        return false;
    if (config->num_interfaces > 0 && !(run->taps = live_start(run)))
        return false;
    if (!config->no_summary)
        run->summary = summary_new();
    run->outlet = outlet_open(config, &run->progress);
    if (!run->outlet)
        run->status = EXIT_RUNTIME;
    return run->outlet != NULL && open_recorder(run) && open_metrics(run);
}

/* Threads begin last, so that they get what the program has become. */
static bool wire(struct run *run) {
    struct confine confine;
    run->status = EXIT_RUNTIME;
    if (!confine_prepare(&confine, run->config))
        return false;
    run->status = EXIT_READ;
    if (!open_parts(run))
        return false;
    if (confine_enter(&confine, run->config, run->taps && taps_needs_admin(run->taps)) &&
        outlet_start(run->outlet) && (!run->metrics || metrics_start(run->metrics)))
        return true;
    run->status = EXIT_RUNTIME;
    return false;
}

/* --- the summary --- */

static bool writes_to_stdout(const struct config *config) {
    if (config->record && record_file_is_stdout(config->record))
        return true;
    for (size_t i = 0; i < config->num_sinks; i++) {
        if (sink_is_stdout(config->sinks[i]))
            return true;
    }
    return false;
}

static bool speaks_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value && value[0])
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

/* https://no-color.org: set and not empty means no colour. */
static struct summary_style style_for(FILE *out) {
    struct summary_style style = {.utf8 = speaks_utf8()};
    struct winsize window;
    const char *no_color = getenv("NO_COLOR");
    if (!isatty(fileno(out)))
        return style;
    style.color = !no_color || !no_color[0];
    if (ioctl(fileno(out), TIOCGWINSZ, &window) != 0)
        return style;
    style.width = window.ws_col;
    style.height_max = window.ws_row;
    return style;
}

static void print_summary(struct run *run) {
    FILE *out = writes_to_stdout(run->config) ? stderr : stdout;
    struct summary_style style = style_for(out);
    summary_print(run->summary, out, &style);
    if (fflush(out) == 0 || errno == EPIPE)
        return;
    log_line(LEVEL_ERROR, "standard output: the summary cannot be written");
    run_fail(run, EXIT_RUNTIME);
}

/* --- the whole --- */

/* Nobody reads standard output any more: no failure, as with events. */
static bool close_recorder(struct run *run) {
    bool gone = run->recorder && recorder_gone(run->recorder);
    struct recorder *recorder = run->recorder;
    pipeline_set_recorder(run->pipeline, NULL);
    run->recorder = NULL;
    return recorder_close(recorder) || gone;
}

static bool read_and_report(struct run *run) {
    char error[256];
    if (!pipeline_start(run->pipeline, error, sizeof error))
        return refuse(run, error, EXIT_RUNTIME);
    service_ready(run);
    if (run->taps)
        live_capture(run);
    else
        offline_read(run);
    service_stopping(run);
    pipeline_finish(run->pipeline);
    save_state(run, true);
    progress_clear();
    return true;
}

static void work(struct run *run) {
    if (!run->config->deliver && !read_and_report(run))
        return;
    if (!outlet_finish(run->outlet) || !close_recorder(run))
        run_fail(run, EXIT_RUNTIME);
    progress_clear();
    if (run->summary && !run->config->deliver && !outlet_pipe_broken(run->outlet))
        print_summary(run);
}

static void run_cleanup(struct run *run) {
    metrics_close(run->metrics);
    outlet_free(run->outlet);
    taps_close(run->taps);
    state_close(run->state);
    pipeline_free(run->pipeline);
    geo_close(run->geo);
    policy_free(run->policy);
    recorder_close(run->recorder);
    keylog_file_close(run->keylog);
    filter_free(run->filter);
    summary_free(run->summary);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "query") == 0)
        return query(argc, argv);
    if (argc > 1 && strcmp(argv[1], "policy") == 0)
        return policy_command(argc, argv);
    struct config config;
    log_start(false, 0);
    enum config_result loaded = config_load(argc, argv, &config);
    if (loaded != CONFIG_RUN)
        return loaded == CONFIG_DONE ? EXIT_READ : EXIT_USAGE;
    struct run run = {.config = &config};
    log_set_level(config.quiet, config.verbose);
    service_open(&run.service, argc, argv, &config);
    signals_catch(config.num_sinks > 0 || config.num_interfaces > 0 || config.record);
    progress_start(&run.progress, config.quiet);
    if (wire(&run))
        work(&run);
    run_cleanup(&run);
    service_close(&run.service);
    log_stop();
    config_cleanup(&config);
    return (int)run.status;
}
