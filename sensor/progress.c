#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "track/clock.h"

#define SHOW_EVERY_NS (NS_PER_S / 4)
#define SAY_EVERY_NS  (10 * NS_PER_S) /* where lines stay */

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void progress_start(struct progress *progress, bool quiet) {
    *progress =
        (struct progress){.wanted = !quiet && isatty(STDERR_FILENO), .quiet = quiet, .started_ns = now_ns()};
}

static void show(const struct source *source, const struct pipeline *pipeline, double seconds) {
    uint64_t read = 0, total = 0;
    source_progress(source, &read, &total);
    struct pipeline_counters counters = pipeline_counters(pipeline);
    double megabytes = (double)read / 1e6;
    char line[256], size[32] = "", left[32] = "";
    if (total > 0)
        snprintf(size, sizeof size, " of %.0f MB", (double)total / 1e6);
    if (total > read && read > 0)
        snprintf(left, sizeof left, "  %.0f s left", seconds * (double)(total - read) / (double)read);
    snprintf(line, sizeof line, "%.0f MB%s  %" PRIu64 " packets  %" PRIu64 " sessions  %.0f MB/s%s",
             megabytes, size, counters.packets, counters.sessions, megabytes / seconds, left);
    log_status(line);
}

void progress_step(struct progress *progress, const struct source *source, const struct pipeline *pipeline) {
    if (!progress->wanted)
        return;
    uint64_t now = now_ns();
    if (now - progress->started_ns < NS_PER_S || now - progress->shown_ns < SHOW_EVERY_NS)
        return;
    progress->shown_ns = now;
    show(source, pipeline, (double)(now - progress->started_ns) / (double)NS_PER_S);
}

void progress_deliver(struct progress *progress, const char *sink, uint64_t num_waiting) {
    uint64_t now = now_ns();
    if (progress->wanted && now - progress->shown_ns >= SHOW_EVERY_NS) {
        fprintf(stderr, "\r\033[K%s: %" PRIu64 " events to deliver", sink, num_waiting);
        (void)fflush(stderr);
        progress->shown_ns = now;
    } else if (!progress->wanted && !progress->quiet && now - progress->shown_ns >= SAY_EVERY_NS) {
        if (progress->shown_ns != 0)
            log_line(LEVEL_WARNING, "%s: %" PRIu64 " events to deliver", sink, num_waiting);
        progress->shown_ns = now;
    }
}

void progress_clear(void) {
    log_status("");
}
