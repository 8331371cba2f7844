#include "smtp_headers.h"

#include <stdlib.h>

void smtp_read_received(struct smtp *smtp) {
    smtp->reads_received = true;
}

void smtp_headers_begin(struct smtp *smtp) {
    if (!smtp->reads_received) {
        return;
    }
    if (smtp->received == NULL && (smtp->received = calloc(1, sizeof(*smtp->received))) == NULL) {
        return;
    }
    received_begin(smtp->received);
    smtp->in_message = true;
}

void smtp_headers_take(struct smtp *smtp, const uint8_t *data, size_t len) {
    if (smtp->in_message && len > 0) {
        (void)received_push(smtp->received, data, len);
    }
}

void smtp_headers_end(struct smtp *smtp, bool whole) {
    if (smtp->in_message) {
        received_end(smtp->received, whole);
    }
    smtp->in_message = false;
}
