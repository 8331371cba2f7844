#include "offline.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "capture/source.h"
#include "log.h"
#include "signals.h"

#define PACKETS_MAX 32 /* at once */

static bool goes_on(const struct run *run) {
    return !signals_stop() && run_is_of_use(run);
}

static size_t keep_matching(struct filter *filter, struct packet *packets, size_t num) {
    size_t kept = 0;
    for (size_t i = 0; i < num; i++) {
        if (filter_match(filter, &packets[i]))
            packets[kept++] = packets[i];
    }
    return kept;
}

/* Packets that come without waiting. Nothing else is looked at between them. */
static enum source_result read_burst(const struct run *run, struct source *source) {
    struct packet packets[PACKETS_MAX];
    size_t num;
    enum source_result result;
    do {
        result = source_next_several(source, packets, PACKETS_MAX, &num);
        if (run->filter)
            num = keep_matching(run->filter, packets, num);
        pipeline_packets(run->pipeline, packets, num);
    } while (source_at_hand(source));
    return result;
}

static void read_packets(struct run *run, struct source *source) {
    enum source_result result = SOURCE_END;
    while (goes_on(run) && (result = read_burst(run, source)) == SOURCE_PACKET) {
        service_turn(run);
        progress_step(&run->progress, source, run->pipeline);
    }
    if (signals_stop() || (result != SOURCE_DAMAGED && result != SOURCE_FAILED))
        return; /* a signal makes a waiting read fail */
    log_line(LEVEL_ERROR, "%s", source_message(source));
    run_fail(run, result == SOURCE_DAMAGED ? EXIT_DAMAGED : EXIT_RUNTIME);
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
    if (run->config->record && strcmp(path, "-") != 0 && record_file_is(run->config->record, path)) {
        log_line(LEVEL_INFO, "passed over: %s: is being written", path);
        return;
    }
    struct source *source = source_open(path, error, sizeof error);
    bool no_memory = !source && errno == ENOMEM;
    if (!source && !no_memory && from_directory && can_read(path) && !is_named_like_a_capture(path)) {
        log_line(LEVEL_INFO, "passed over: %s", error);
        return;
    }
    if (!source) {
        log_line(LEVEL_ERROR, "%s", error);
        run_fail(run, !no_memory && can_read(path) ? EXIT_DAMAGED : EXIT_RUNTIME);
        return;
    }
    log_line(LEVEL_INFO, "reading: %s", path);
    pipeline_next_input(run->pipeline);
    read_packets(run, source);
    source_close(source);
}

void offline_read(struct run *run) {
    char error[512];
    for (size_t i = 0; i < run->config->num_inputs && !signals_stop(); i++) {
        struct path_list list = {0};
        if (source_expand(run->config->inputs[i], &list, error, sizeof error) != 0) {
            log_line(LEVEL_ERROR, "%s", error);
            run_fail(run, EXIT_RUNTIME);
            continue;
        }
        for (size_t k = 0; k < list.num && goes_on(run); k++) {
            if (k + 1 < list.num)
                source_read_ahead(list.paths[k + 1]);
            else if (i + 1 < run->config->num_inputs)
                source_read_ahead(run->config->inputs[i + 1]);
            read_file(run, list.paths[k], list.from_directory);
        }
        path_list_cleanup(&list);
    }
}
