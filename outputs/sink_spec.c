#include "sink_spec.h"

#include "event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[NUM_DATASETS] = {
    [DATASET_SESSION] = "session",
    [DATASET_PEER] = "peer",
    [DATASET_SENSOR] = "sensor",
    [DATASET_ALERT] = "alert",
};

const char *dataset_word(unsigned dataset) {
    return words[dataset];
}

static bool dataset_parse(const char *text, size_t len, unsigned *dataset) {
    for (unsigned i = 0; i < NUM_DATASETS; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0) {
            *dataset = i;
            return true;
        }
    }
    return false;
}

bool datasets_add(unsigned *datasets, const char *text, char *error, size_t error_len) {
    unsigned sum = *datasets;
    for (;;) {
        size_t len = strcspn(text, ",");
        unsigned dataset = 0;
        if (!dataset_parse(text, len, &dataset)) {
            (void)snprintf(error, error_len, "'%.*s' is not a dataset: write session, peer, sensor or alert",
                           (int)len, text);
            return false;
        }
        sum |= 1u << dataset;
        if (text[len] == '\0') {
            break;
        }
        text += len + 1;
    }
    *datasets = sum;
    return true;
}

const char *sink_spec_option(const struct sink_spec *spec, const char *key) {
    for (size_t i = 0; i < spec->num_options; i++) {
        if (strcmp(spec->options[i].key, key) == 0) {
            return spec->options[i].value;
        }
    }
    return NULL;
}

/* Adds the pair of which text begins with the key. */
static bool add_option(struct sink_spec *spec, char *text, char *error, size_t error_len) {
    char *equals = strchr(text, '=');
    if (equals != NULL) {
        *equals = '\0';
    }
    if (text[0] == '\0' || spec->num_options == SINK_SPEC_OPTIONS_MAX ||
        sink_spec_option(spec, text) != NULL) {
        const char *what = text[0] == '\0'                              ? "an option without a name"
                           : spec->num_options == SINK_SPEC_OPTIONS_MAX ? "too many options"
                                                                        : "an option is given twice";
        (void)snprintf(error, error_len, "output '%s:%s': %s%s%s", spec->scheme, spec->target, what,
                       text[0] != '\0' ? ": " : "", text);
        return false;
    }
    spec->options[spec->num_options].key = text;
    spec->options[spec->num_options].value = equals != NULL ? equals + 1 : "";
    spec->num_options++;
    return true;
}

static bool parse_options(struct sink_spec *spec, char *text, char *error, size_t error_len) {
    char *next = NULL;
    for (char *pair = strtok_r(text, "&", &next); pair != NULL; pair = strtok_r(NULL, "&", &next)) {
        if (!add_option(spec, pair, error, error_len)) {
            return false;
        }
    }
    return true;
}

bool sink_spec_parse(struct sink_spec *spec, const char *text, char *error, size_t error_len) {
    *spec = (struct sink_spec){.text = strdup(text)};
    char *colon = spec->text != NULL ? strchr(spec->text, ':') : NULL;
    char *options = spec->text != NULL ? strrchr(spec->text, '?') : NULL;
    if (spec->text == NULL) {
        (void)snprintf(error, error_len, "output '%s': out of memory", text);
        return false;
    }
    if (options != NULL) {
        *options = '\0';
    }
    if (colon == NULL || (options != NULL && options < colon)) {
        (void)snprintf(error, error_len, "output '%s': a scheme is missing, as in json:%s", text, text);
    } else if (colon[1] == '\0') {
        (void)snprintf(error, error_len, "output '%s': what follows the '%.*s:' is missing", text,
                       (int)(colon - spec->text), spec->text);
    } else {
        *colon = '\0';
        spec->scheme = spec->text;
        spec->target = colon + 1;
        if (options == NULL || parse_options(spec, options + 1, error, error_len)) {
            return true;
        }
    }
    sink_spec_cleanup(spec);
    return false;
}

void sink_spec_cleanup(struct sink_spec *spec) {
    if (spec == NULL) {
        return;
    }
    free(spec->text);
    *spec = (struct sink_spec){0};
}
