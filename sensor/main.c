/* main.c: START HERE. Reads the configuration, wires the parts, runs the loop.
 *
 *   source (files) -> filter -> pipeline (packet in, events out) -> sinks and summary
 *
 * The only place that knows all of them, and with capture and sinks the only one that talks to the user. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../outputs/sink.h"
#include "../outputs/summary.h"
#include "capture/filter.h"
#include "capture/source.h"
#include "config.h"
#include "keylog_file.h"
#include "pipeline.h"
#include "progress.h"
#include "query.h"

enum exit_status { EXIT_READ = 0, EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_DAMAGED = 3 };

#define LOOK_EACH_MS 100 /* while events are delivered */

static volatile sig_atomic_t stop_asked, reopen_asked;

static void ask_stop(int signal_number) {
    (void)signal_number;
    stop_asked = 1;
}

static void ask_reopen(int signal_number) {
    (void)signal_number;
    reopen_asked = 1;
}

struct run {
    const struct config *config;
    struct sink **sinks; /* NULL where one failed and was closed */
    size_t num_sinks;
    struct summary *summary;
    struct filter *filter;      /* NULL: every packet */
    struct keylog_file *keylog; /* NULL: none given */
    struct pipeline *pipeline;
    struct progress progress;
    enum exit_status status;
    bool pipe_broken; /* the reader of standard output went away: end quietly */
};

static void complain(const struct run *run, const char *message) {
    if (run)
        progress_clear(&run->progress);
    fprintf(stderr, "starttap: %s\n", message);
}

/* What only -v wants to know. */
static void note(const struct run *run, int verbosity, const char *what, const char *about) {
    if (run->config->verbose < verbosity)
        return;
    progress_clear(&run->progress);
    fprintf(stderr, "starttap: %s: %s\n", what, about);
}

/* The first failure decides, and a failure to write is worse than a damaged input. */
static void fail(struct run *run, enum exit_status status) {
    if (run->status == EXIT_READ || status == EXIT_RUNTIME)
        run->status = status;
}

/* --- events --- */

static void drop_sink(struct run *run, size_t i) {
    if (sink_gone(run->sinks[i])) {
        run->pipe_broken = true;
    } else {
        complain(run, sink_error(run->sinks[i]));
        fail(run, EXIT_RUNTIME);
    }
    sink_close(run->sinks[i]);
    run->sinks[i] = NULL;
}

/* From a thread of a sink, while others may write to the terminal. */
static void on_message(void *context, const char *message) {
    const struct run *run = context;
    fprintf(stderr, "%sstarttap: %s\n", run->progress.wanted ? "\r\033[K" : "", message);
}

/* How long nothing was delivered. */
struct patience {
    uint64_t num_delivered, since_ms;
};

static bool has_patience(const struct run *run, struct sink *sink, struct patience *patience) {
    struct timespec now;
    struct sink_stats stats;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    sink_stats(sink, &stats);
    if (patience->since_ms == 0 || stats.num_delivered != patience->num_delivered)
        *patience = (struct patience){stats.num_delivered, now_ms};
    return now_ms - patience->since_ms < run->config->kafka_wait_s * UINT64_C(1000);
}

/* Reading waits for a sink that is full. */
static bool write_event(const struct run *run, struct sink *sink, const struct event *event) {
    struct patience patience = {0};
    int result;
    while ((result = sink_write(sink, event)) == SINK_FULL && !stop_asked &&
           has_patience(run, sink, &patience)) {
        if (sink_wait(sink, LOOK_EACH_MS) == 0)
            poll(NULL, 0, LOOK_EACH_MS); /* it is not the events that take the room */
    }
    return result == 0;
}

static void on_event(void *context, const struct event *event) {
    struct run *run = context;
    for (size_t i = 0; i < run->num_sinks; i++) {
        if (run->sinks[i] && !write_event(run, run->sinks[i], event))
            drop_sink(run, i);
    }
    if (run->summary)
        summary_add(run->summary, event);
}

/* Without anybody to tell, reading on is of no use. */
static bool anyone_listens(const struct run *run) {
    if (run->num_sinks == 0)
        return true;
    for (size_t i = 0; i < run->num_sinks; i++) {
        if (run->sinks[i])
            return true;
    }
    return false;
}

static bool open_sinks(struct run *run) {
    char error[512];
    run->sinks = calloc(run->config->num_sinks + 1, sizeof *run->sinks);
    if (!run->sinks)
        return false;
    run->num_sinks = run->config->num_sinks;
    const struct config *config = run->config;
    struct sink_options options = {
        .datasets = config->datasets,
        .force = config->force,
        .kafka = {config->kafka_config, config->kafka_properties, config->num_kafka_properties},
        .spool = config->spool,
        .spool_max = (uint64_t)config->spool_max_mb << 20,
        .log = config->quiet ? NULL : on_message,
        .log_context = run,
    };
    for (size_t i = 0; i < run->num_sinks; i++) {
        run->sinks[i] = sink_open(run->config->sinks[i], &options, error, sizeof error);
        if (run->sinks[i])
            continue;
        complain(NULL, error);
        return false;
    }
    return true;
}

/* The run ends when all is delivered, or when that is in vain, or by a signal that comes meanwhile. */
static bool wait_for(struct run *run, struct sink *sink) {
    struct patience patience = {0};
    struct sink_stats stats;
    bool was_stopped = stop_asked != 0;
    uint64_t num_waiting;
    while ((num_waiting = sink_wait(sink, LOOK_EACH_MS)) > 0 && has_patience(run, sink, &patience) &&
           (was_stopped || !stop_asked))
        progress_deliver(&run->progress, sink_target(sink), num_waiting);
    if (num_waiting > 0) {
        complain(run, sink_error(sink));
        fail(run, EXIT_RUNTIME);
    }
    if (sink_stats(sink, &stats) && stats.num_rejected > 0)
        fail(run, EXIT_RUNTIME); /* the sink said of which events and why */
    return num_waiting == 0;
}

static void close_sinks(struct run *run) {
    for (size_t i = 0; i < run->num_sinks; i++) {
        if (run->sinks[i] && sink_flush(run->sinks[i]) != 0)
            drop_sink(run, i);
        if (!run->sinks[i])
            continue;
        bool delivered = wait_for(run, run->sinks[i]);
        if (sink_close(run->sinks[i]) == 0 || !delivered)
            continue;
        char message[512];
        snprintf(message, sizeof message, "%s: cannot be closed: %s", run->config->sinks[i], strerror(errno));
        complain(run, message);
        fail(run, EXIT_RUNTIME);
    }
    free(run->sinks);
}

/* Whoever renamed the files asks for new ones by SIGHUP. */
static void reopen_sinks(struct run *run) {
    reopen_asked = 0;
    for (size_t i = 0; i < run->num_sinks; i++) {
        if (run->sinks[i])
            sink_reopen(run->sinks[i]);
    }
}

/* --- packets --- */

static void read_packets(struct run *run, struct source *source) {
    struct packet packet;
    enum source_result result = SOURCE_END;
    while (!stop_asked && anyone_listens(run) && (result = source_next(source, &packet)) == SOURCE_PACKET) {
        if (!run->filter || filter_match(run->filter, &packet))
            pipeline_packet(run->pipeline, &packet);
        if (reopen_asked)
            reopen_sinks(run);
        progress_step(&run->progress, source, run->pipeline);
    }
    if (stop_asked || (result != SOURCE_DAMAGED && result != SOURCE_FAILED))
        return; /* a signal makes a waiting read fail */
    complain(run, source_message(source));
    fail(run, result == SOURCE_DAMAGED ? EXIT_DAMAGED : EXIT_RUNTIME);
}

/* In a directory of captures other files may lie; one that is named like a capture ought to be one. */
static bool is_named_like_a_capture(const char *path) {
    const char *name = strrchr(path, '/');
    return strcasestr(name ? name : path, ".pcap") != NULL || strcasestr(name ? name : path, ".cap") != NULL;
}

static bool can_read(const char *path) {
    return strcmp(path, "-") == 0 || access(path, R_OK) == 0;
}

static void read_file(struct run *run, const char *path, bool from_directory) {
    char error[512];
    struct source *source = source_open(path, error, sizeof error);
    if (!source && from_directory && can_read(path) && !is_named_like_a_capture(path)) {
        note(run, 1, "passed over", error);
        return;
    }
    if (!source) {
        complain(run, error);
        fail(run, can_read(path) ? EXIT_DAMAGED : EXIT_RUNTIME);
        return;
    }
    note(run, 1, "reading", path);
    pipeline_next_input(run->pipeline);
    read_packets(run, source);
    source_close(source);
}

static void read_inputs(struct run *run) {
    char error[512];
    for (size_t i = 0; i < run->config->num_inputs && !stop_asked; i++) {
        struct path_list list = {0};
        if (source_expand(run->config->inputs[i], &list, error, sizeof error) != 0) {
            complain(run, error);
            fail(run, EXIT_RUNTIME);
            continue;
        }
        for (size_t k = 0; k < list.num && !stop_asked && anyone_listens(run); k++)

            read_file(run, list.paths[k], list.from_directory);
        path_list_cleanup(&list);
    }
}

/* --- the whole --- */

static void warn(void *context, const char *message) {
    const struct run *run = context;
    if (!run->config->quiet)
        complain(run, message);
}

static bool open_keylog(struct run *run) {
    char error[512];
    if (!run->config->keylog)
        return true;
    run->keylog = keylog_file_open(run->config->keylog, false, warn, run, error, sizeof error);
    if (run->keylog) {
        pipeline_set_keylog(run->pipeline, keylog_file_table(run->keylog));
        return true;
    }
    complain(NULL, error);
    run->status = EXIT_USAGE;
    return false;
}

static bool wire(struct run *run) {
    char error[512];
    const struct config *config = run->config;
    if (config->filter && !(run->filter = filter_new(config->filter, error, sizeof error))) {
        complain(NULL, error);
        run->status = EXIT_USAGE;
        return false;
    }
    run->pipeline = pipeline_new(config, on_event, run, error, sizeof error);
    if (!run->pipeline) {
        complain(NULL, error);
        run->status = config->ca_path ? EXIT_USAGE : EXIT_RUNTIME;
        return false;
    }
    if (!open_keylog(run))
        return false;
    if (!config->no_summary)
        run->summary = summary_new();
    if (open_sinks(run))
        return true;
    run->status = EXIT_RUNTIME;
    return false;
}

static bool writes_to_stdout(const struct config *config) {
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
    if (!run->summary || run->pipe_broken)
        return;
    FILE *out = writes_to_stdout(run->config) ? stderr : stdout;
    struct summary_style style = style_for(out);
    summary_print(run->summary, out, &style);
    if (fflush(out) == 0 || errno == EPIPE)
        return;
    complain(run, "standard output: the summary cannot be written");
    fail(run, EXIT_RUNTIME);
}

static void catch_signals(const struct config *config) {
    struct sigaction stop = {.sa_handler = ask_stop, .sa_flags = (int)SA_RESETHAND};
    struct sigaction reopen = {.sa_handler = ask_reopen, .sa_flags = SA_RESTART};
    if (config->num_sinks > 0)
        sigaction(SIGHUP, &reopen, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "query") == 0)
        return query(argc, argv);
    struct config config;
    enum config_result loaded = config_load(argc, argv, &config);
    if (loaded != CONFIG_RUN)
        return loaded == CONFIG_DONE ? EXIT_READ : EXIT_USAGE;
    struct run run = {.config = &config};
    catch_signals(&config);
    progress_start(&run.progress, config.quiet);
    if (wire(&run)) {
        if (!config.deliver) {
            read_inputs(&run);
            pipeline_finish(run.pipeline);
        }
        progress_clear(&run.progress);
    }
    close_sinks(&run);
    progress_clear(&run.progress);
    if (run.pipeline && !config.deliver)
        print_summary(&run);
    pipeline_free(run.pipeline);
    keylog_file_close(run.keylog);
    filter_free(run.filter);
    summary_free(run.summary);
    config_cleanup(&config);
    return (int)run.status;
}
