/* Fuzzes the words for a proxy and the search for TLS behind them.
 *
 * Input: one byte (bit 0: the side; the rest: how long the pieces are), then that side's bytes. However they
 * are cut, the same must come out. */
#include <stdlib.h>
#include <string.h>

#include "../../parsers/proxy.h"
#include "../../parsers/tls_search.h"
#include "turn.h"

static size_t prelude_of(enum side side, const uint8_t *data, size_t len, size_t piece, struct proxy *proxy) {
    size_t taken = 0;
    for (size_t end = piece < len ? piece : len;; end = end + piece < len ? end + piece : len) {
        size_t used = 0;
        enum parse_result result = proxy_push(proxy, side, data + taken, end - taken, &used);
        taken += used;
        if (taken > end || (result == PARSE_MORE && end - taken > 7))
            abort();
        if (result == PARSE_OK || end == len)
            return taken;
    }
}

static size_t search_of(enum side side, const uint8_t *data, size_t len, size_t piece,
                        struct tls_search *search) {
    size_t seen = 0;
    for (size_t at = 0; at < len && tls_search_goes_on(search); at += piece)
        seen += tls_search_push(search, side, data + at, piece < len - at ? piece : len - at);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 2)
        return 0;
    enum side side = data[0] & 1 ? SIDE_SERVER : SIDE_CLIENT;
    size_t piece = (size_t)(data[0] >> 1) + 1;
    struct proxy whole = {0}, cut = {0};
    struct tls_search search_whole = {0}, search_cut = {0};
    bool also_cut = has_turn(data, len, 8);
    data++;
    len--;
    size_t prelude = prelude_of(side, data, len, len, &whole);
    size_t searched = search_of(side, data, len, len, &search_whole);
    if (!also_cut)
        return 0;
    if (prelude != prelude_of(side, data, len, piece, &cut) || whole.seen != cut.seen ||
        whole.opened != cut.opened)
        abort();
    if (searched != search_of(side, data, len, piece, &search_cut) || search_whole.found != search_cut.found)
        abort();
    return 0;
}
