#include "describe_received.h"

#include <stdio.h>

#define HOP_TEXT_MAX (2 * RECEIVED_NAME_MAX + 3 * RECEIVED_WORD_MAX + 64)

struct hop_text {
    char text[HOP_TEXT_MAX];
    size_t len;
};

static void add(struct hop_text *out, const char *name, const char *value) {
    if (value[0] == '\0')
        return;
    int len = snprintf(out->text + out->len, sizeof out->text - out->len, " %s=%s", name, value);
    if (len > 0 && out->len + (size_t)len < sizeof out->text)
        out->len += (size_t)len;
}

/* "1 encrypted with=ESMTPS version=1.3 cipher=TLS_AES_256_GCM_SHA384 by=mx.example.net from=a.example" */
static const char *hop_text(struct event *event, const struct received_hop *hop) {
    static const char *const states[] = {
        [RECEIVED_UNKNOWN] = "unknown", [RECEIVED_CLEAR] = "cleartext", [RECEIVED_TLS] = "encrypted"};
    struct hop_text out = {.len = 0};
    out.len = (size_t)snprintf(out.text, sizeof out.text, "%u %s", hop->number, states[hop->tls]);
    add(&out, "with", hop->with);
    add(&out, "version", hop->version);
    add(&out, "cipher", hop->cipher);
    add(&out, "by", hop->by);
    add(&out, "from", hop->from);
    return event_text(event, out.text, out.len);
}

void describe_received(struct event *event, const struct received *received) {
    struct session_event *s = &event->session;
    int64_t counts[3] = {0, 0, 0};
    if (received->num_hops == 0 || !event_list(event, &s->received_hops, received->num_hops))
        return;
    for (size_t i = 0; i < s->received_hops.num; i++) {
        s->received_hops.items[i] = hop_text(event, &received->hops[i]);
        counts[received->hops[i].tls]++;
    }
    s->received_unknown = counts[RECEIVED_UNKNOWN];
    s->received_cleartext = counts[RECEIVED_CLEAR];
    s->received_encrypted = counts[RECEIVED_TLS];
}
