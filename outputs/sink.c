#include "sink.h"

#include "sink_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct encoder *encoder_find(const char *scheme, size_t len) {
    static const struct encoder *const encoders[] = {&json_encoder, &csv_encoder};
    for (size_t i = 0; i < sizeof encoders / sizeof encoders[0]; i++) {
        if (strlen(encoders[i]->scheme) == len && memcmp(encoders[i]->scheme, scheme, len) == 0) {
            return encoders[i];
        }
    }
    return NULL;
}

struct sink *sink_open(const char *spec, char *error, size_t error_len) {
    const char *colon = strchr(spec, ':');
    const struct encoder *encoder = colon != NULL ? encoder_find(spec, (size_t)(colon - spec)) : NULL;
    if (encoder == NULL) {
        (void)snprintf(error, error_len, "output '%s': expected json:PATH or csv:PATH", spec);
        return NULL;
    }
    if (colon[1] == '\0') {
        (void)snprintf(error, error_len, "output '%s': the path is missing ('-' is standard output)", spec);
        return NULL;
    }
    return sink_file_open(encoder, spec, colon + 1, write, error, error_len);
}

int sink_write(struct sink *sink, const struct event *event) {
    return sink->ops->write(sink, event);
}

int sink_flush(struct sink *sink) {
    return sink->ops->flush(sink);
}

int sink_close(struct sink *sink) {
    return sink != NULL ? sink->ops->close(sink) : 0;
}

const char *sink_error(const struct sink *sink) {
    return sink->ops->error(sink);
}

const char *sink_target(const struct sink *sink) {
    return sink->target;
}

bool sink_gone(const struct sink *sink) {
    return sink->gone;
}
