/* encoder.h: event -> bytes, behind one interface, so that every transport can carry every format. */
#ifndef STARTTAP_OUTPUTS_ENCODER_H
#define STARTTAP_OUTPUTS_ENCODER_H

#include "buffer.h"
#include "event.h"

struct encoder {
    const char *scheme;    /* "json" */
    void *(*open)(void);   /* the state for the calls below; NULL when out of memory */
    void (*close)(void *); /* NULL is fine */
    void (*begin)(void *state, struct buffer *out); /* what stands before the first event */
    void (*encode)(void *state, const struct event *event, struct buffer *out);
};

extern const struct encoder json_encoder; /* json.h */
extern const struct encoder csv_encoder;  /* csv.h */

#endif
