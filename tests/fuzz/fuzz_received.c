/* Fuzzes the reader of Received fields: the first byte says how long the pieces are, then comes a message.
 * However it is cut, the same hops come out, and each text keeps its promises. */
#include <stdlib.h>
#include <string.h>

#include "../../parsers/received.h"
#include "turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_text(const char *text, size_t room) {
    size_t len = strnlen(text, room);
    require(len < room);
    for (size_t i = 0; i < len; i++)
        require(text[i] > ' ' && text[i] < 0x7f);
}

static void read_message(struct received *received, const uint8_t *data, size_t len, size_t piece) {
    received->num_hops = 0;
    received->limits_hit = 0;
    received_begin(received);
    for (size_t at = 0; at < len; at += piece)
        received_push(received, data + at, piece < len - at ? piece : len - at);
    received_end(received, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 2)
        return 0;
    static struct received whole, cut;
    bool also_cut = has_turn(data, len, 8);
    read_message(&whole, data + 1, len - 1, len);
    if (also_cut) {
        read_message(&cut, data + 1, len - 1, (size_t)data[0] + 1);
        require(whole.num_hops == cut.num_hops && whole.limits_hit == cut.limits_hit);
    }
    for (size_t i = 0; i < whole.num_hops; i++) {
        const struct received_hop *hop = &whole.hops[i];
        check_text(hop->from, sizeof hop->from);
        check_text(hop->by, sizeof hop->by);
        check_text(hop->with, sizeof hop->with);
        check_text(hop->version, sizeof hop->version);
        check_text(hop->cipher, sizeof hop->cipher);
        require(!also_cut || (strcmp(hop->by, cut.hops[i].by) == 0 && hop->tls == cut.hops[i].tls));
    }
    return 0;
}
