/* keep_events.c: in every test program, json_encode() is this one (the linker puts it in front: --wrap). With
 * STARTTAP_KEEP_EVENTS=DIRECTORY in the environment each event that a test makes is kept there, on a line of
 * PROGRAM.ndjson, for tests/golden/unit_events.py to hold against the schema. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../outputs/json.h"

void real_json_encode(const struct event *event, struct buffer *out) __asm__("__real_json_encode");
void keeping_json_encode(const struct event *event, struct buffer *out) __asm__("__wrap_json_encode");

static void keep(const char *directory, const char *line, size_t len) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s.ndjson", directory, program_invocation_short_name);
    FILE *file = fopen(path, "a");
    if (file == NULL || fwrite(line, 1, len, file) != len || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

void keeping_json_encode(const struct event *event, struct buffer *out) {
    const char *directory = getenv("STARTTAP_KEEP_EVENTS");
    size_t before = out->len;
    real_json_encode(event, out);
    if (directory != NULL && !out->failed) {
        keep(directory, out->data + before, out->len - before);
    }
}
