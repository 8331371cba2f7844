#include "whole.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "../../outputs/json.h"
#include "../../sensor/judge/policy.h"
#include "../../sensor/record/recorder.h"
#include "../unit/rfc8448.h"

#define FEW_FLOWS  3
#define MANY_FLOWS 4096

void whole_require(bool condition, int line, const char *format, ...) {
    if (condition)
        return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "whole.h, line %d: ", line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

/* --- events --- */

static void check_json(const char *text, size_t len) {
    json_error_t error;
    WHOLE_REQUIRE(len > 1 && memchr(text, '\n', len) == text + len - 1, "not one line: %.*s", (int)len, text);
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    WHOLE_REQUIRE(json && json_is_object(json), "%s: %.*s", error.text, (int)len, text);
    const char *id = json_string_value(json_object_get(json_object_get(json, "event"), "id"));
    WHOLE_REQUIRE(id && strlen(id) == 32, "no event.id: %.*s", (int)len, text);
    json_decref(json);
}

static void keep_id(struct whole *whole, const char *id) {
    if (whole->num_ids == whole->room_ids) {
        whole->room_ids = whole->room_ids ? 2 * whole->room_ids : 16;
        whole->ids = realloc(whole->ids, whole->room_ids * sizeof *whole->ids);
        WHOLE_REQUIRE(whole->ids, "out of memory");
    }
    memcpy(whole->ids[whole->num_ids++], id, sizeof *whole->ids);
}

static void keep_session(struct whole *whole, const struct event *event) {
    struct event copy = *event;
    struct session_event *s = &copy.session;
    s->start_ns = s->end_ns = 0;
    s->source.packets = s->destination.packets = 0;
    s->out_of_order = s->retransmits = s->duplicates = 0;
    memset(copy.id, '0', sizeof copy.id - 1);
    json_encode(&copy, &whole->sessions);
}

static void on_event(void *context, const struct event *event) {
    struct whole *whole = context;
    size_t before = whole->out.len;
    json_encode(event, &whole->out);
    WHOLE_REQUIRE(!whole->out.failed, "out of memory");
    check_json(whole->out.data + before, whole->out.len - before);
    keep_id(whole, event->id);
    if (event->dataset != DATASET_SESSION)
        return;
    const struct session_event *s = &event->session;
    whole->num_sessions++;
    keep_session(whole, event);
    WHOLE_REQUIRE(s->verdict < NUM_VERDICTS && s->start_ns <= s->end_ns, "verdict or time");
    WHOLE_REQUIRE((s->verdict == VERDICT_UNKNOWN) == (s->unknown_reason != UNKNOWN_NONE), "%s",
                  whole->out.data + before);
}

static int compare_ids(const void *a, const void *b) {
    return strcmp(a, b);
}

static void check_ids(struct whole *whole) {
    qsort(whole->ids, whole->num_ids, sizeof *whole->ids, compare_ids);
    for (size_t i = 1; i < whole->num_ids; i++)
        WHOLE_REQUIRE(strcmp(whole->ids[i - 1], whole->ids[i]) != 0, "twice %s in:\n%.*s", whole->ids[i],
                      (int)whole->out.len, whole->out.data);
}

/* --- recordings --- */

static int no_sync(int fd) {
    (void)fd;
    return 0;
}

struct recorder *whole_recorder(int *fd, char path[64]) {
    static const struct sink_path_io io = {write, no_sync, rename};
    static const struct record_file_settings settings = {.io = &io, .force = true};
    char error[256];
    *fd = memfd_create("recording", MFD_CLOEXEC);
    (void)snprintf(path, 64, "/proc/self/fd/%d", *fd);
    struct record_file *file = record_file_open(path, &settings, error, sizeof error);
    WHOLE_REQUIRE(file, "%s", error);
    struct recorder *recorder = recorder_new(file, true);
    WHOLE_REQUIRE(recorder, "out of memory");
    return recorder;
}

/* --- sessions --- */

static int compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of a text, sorted; the caller frees them, and the copy that they are in. */
static char **sorted_lines(const struct buffer *text, unsigned num, char **copy) {
    char **lines = calloc(num + 1, sizeof *lines);
    *copy = calloc(1, text->len + 1);
    WHOLE_REQUIRE(lines && *copy, "out of memory");
    if (text->len > 0)
        memcpy(*copy, text->data, text->len);
    char *rest = *copy;
    for (unsigned i = 0; i < num; i++)
        lines[i] = strsep(&rest, "\n");
    qsort(lines, num, sizeof *lines, compare_lines);
    return lines;
}

void whole_require_same_sessions(const struct whole *a, const struct whole *b) {
    char *a_copy, *b_copy;
    WHOLE_REQUIRE(a->num_sessions == b->num_sessions, "%u sessions, and %u", a->num_sessions,
                  b->num_sessions);
    char **a_lines = sorted_lines(&a->sessions, a->num_sessions, &a_copy);
    char **b_lines = sorted_lines(&b->sessions, b->num_sessions, &b_copy);
    for (unsigned i = 0; i < a->num_sessions; i++)
        WHOLE_REQUIRE(strcmp(a_lines[i], b_lines[i]) == 0, "not the same session:\n%s\n%s", a_lines[i],
                      b_lines[i]);
    free(a_lines);
    free(b_lines);
    free(a_copy);
    free(b_copy);
}

/* --- settings --- */

static void add_port(struct port_set *set, unsigned port) {
    set->bits[port / 64] |= UINT64_C(1) << (port % 64);
}

static const struct config *settings(uint8_t switches, unsigned workers) {
    static struct network home = {{10}, 4, 8};
    static struct config config;
    config = (struct config){.max_flows = switches & WHOLE_FEW_FLOWS ? FEW_FLOWS : MANY_FLOWS,
                             .no_verify = true,
                             .workers = workers,
                             .verify_checksums = switches & WHOLE_CHECKSUMS,
                             .received = switches & WHOLE_MORE,
                             .peer_window_s = switches & WHOLE_WINDOWS ? 1 : 0,
                             .home = &home,
                             .num_home = switches & WHOLE_MORE ? 1 : 0,
                             .observer_name = (char *)"observer"};
    add_port(&config.mail_ports, 25);
    add_port(&config.mail_ports, 587);
    add_port(&config.tls_ports, 465);
    return &config;
}

static struct keylog *known_keys(void) {
    static struct keylog *keys;
    if (!keys) {
        keys = keylog_new(NULL, NULL);
        WHOLE_REQUIRE(keys, "out of memory");
        keylog_push(keys, (const uint8_t *)rfc8448_keylog, sizeof rfc8448_keylog - 1);
    }
    return keys;
}

static const struct policy *some_policy(void) {
    static struct policy *policy;
    static const char text[] = "mx.example secure\n* encrypt protocols=>=TLSv1.2\n";
    char error[256];
    if (!policy) {
        policy = policy_parse("policy", text, sizeof text - 1, error, sizeof error);
        WHOLE_REQUIRE(policy, "%s", error);
    }
    return policy;
}

static void run(uint8_t switches, unsigned workers, whole_feed feed, void *context, struct recorder *recorder,
                struct whole *whole) {
    char error[256] = "";
    *whole = (struct whole){0};
    struct pipeline *pipeline =
        pipeline_new(settings(switches, workers), on_event, whole, error, sizeof error);
    WHOLE_REQUIRE(pipeline, "%s", error);
    pipeline_set_keylog(pipeline, known_keys());
    if (switches & WHOLE_MORE)
        pipeline_set_policy(pipeline, some_policy());
    if (recorder)
        pipeline_set_recorder(pipeline, recorder);
    WHOLE_REQUIRE(pipeline_start(pipeline, error, sizeof error), "%s", error);
    feed(context, pipeline);
    pipeline_finish(pipeline);
    pipeline_free(pipeline);
    check_ids(whole);
}

void whole_run(uint8_t switches, whole_feed feed, void *context, struct recorder *recorder,
               struct whole *whole) {
    run(switches, 1, feed, context, recorder, whole);
}

void whole_run_twice(uint8_t switches, whole_feed feed, void *context, struct whole *whole) {
    struct whole again;
    /* Which connection goes for want of room is each worker's own decision. */
    bool workers = switches & WHOLE_WORKERS && !(switches & WHOLE_FEW_FLOWS);
    run(switches, 1, feed, context, NULL, whole);
    run(switches, workers ? 2 : 1, feed, context, NULL, &again);
    WHOLE_REQUIRE(whole->out.len == again.out.len &&
                      memcmp(whole->out.data, again.out.data, again.out.len) == 0,
                  "%s, other events:\n%.*s\n%.*s", workers ? "two workers" : "the same again",
                  (int)whole->out.len, whole->out.data, (int)again.out.len, again.out.data);
    whole_cleanup(&again);
}

void whole_cleanup(struct whole *whole) {
    buffer_cleanup(&whole->out);
    buffer_cleanup(&whole->sessions);
    free(whole->ids);
    *whole = (struct whole){0};
}
