/* sink_spec.h: how an output is written: SCHEME:TARGET?KEY=VALUE&KEY=VALUE
 *
 *     json:events.ndjson?datasets=session,peer
 *     kafka://broker1,broker2/topic?spool=/var/spool/mail
 *
 * The last '?' begins the options; a target that holds one itself is followed by another: `json:what?.json?`.
 * A key without '=' has the value "". Which keys there are depends on the scheme (sink.c). */
#ifndef STARTTAP_OUTPUTS_SINK_SPEC_H
#define STARTTAP_OUTPUTS_SINK_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#define SINK_SPEC_OPTIONS_MAX 16

struct sink_spec {
    char *text; /* owned; all else points into it */
    const char *scheme, *target;
    struct {
        const char *key, *value;
    } options[SINK_SPEC_OPTIONS_MAX];
    size_t num_options;
};

/* False with a message in error when text is not of that form, the target is empty, a key is empty, given
 * twice or one too many; spec is then empty. */
bool sink_spec_parse(struct sink_spec *spec, const char *text, char *error, size_t error_len);
void sink_spec_cleanup(struct sink_spec *spec); /* NULL is fine */

const char *sink_spec_option(const struct sink_spec *spec, const char *key); /* NULL: not given */

/* "session,peer": a bit per enum dataset, added to *datasets. False with a message in error, *datasets
 * untouched. */
bool datasets_add(unsigned *datasets, const char *text, char *error, size_t error_len);
const char *dataset_word(unsigned dataset); /* "session" */

#endif
