#include "encoder.h"

#include "csv.h"
#include "json.h"

#include <stdlib.h>

/* JSON needs no state; a byte stands for it, so that NULL means out of memory with every encoder. */
static void *json_open(void) {
    return malloc(1);
}

static void json_begin(void *state, struct buffer *out) {
    (void)state;
    (void)out;
}

static void json_event(void *state, const struct event *event, struct buffer *out) {
    (void)state;
    json_encode(event, out);
}

const struct encoder json_encoder = {"json", json_open, free, json_begin, json_event};

static void *csv_open(void) {
    struct csv *csv = malloc(sizeof *csv);
    if (csv != NULL) {
        csv_init(csv);
    }
    return csv;
}

static void csv_begin(void *state, struct buffer *out) {
    csv_header(state, out);
}

static void csv_event(void *state, const struct event *event, struct buffer *out) {
    csv_encode(state, event, out);
}

const struct encoder csv_encoder = {"csv", csv_open, free, csv_begin, csv_event};
