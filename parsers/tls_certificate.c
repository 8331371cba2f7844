#include "tls_certificate.h"

#include "tls_hello.h"

bool tls_chain_next(struct tls_chain *chain, struct reader *der) {
    if (reader_left(&chain->list) == 0) {
        return false;
    }
    *der = reader_vec24(&chain->list);
    if (chain->is_13) {
        struct reader block = reader_vec16(&chain->list);
        struct tls_extension e;
        while (tls_extension_next(&block, &e)) {
            chain->ocsp = chain->ocsp || e.type == TLS_EXT_STATUS_REQUEST;
        }
    }
    return reader_ok(&chain->list);
}

enum parse_result tls_chain_parse(struct reader body, bool is_13, struct tls_chain *chain) {
    struct tls_chain c = {.is_13 = is_13};
    if (is_13) {
        (void)reader_vec8(&body); /* certificate_request_context */
    }
    c.list = reader_vec24(&body);
    struct tls_chain walk = c;
    struct reader der;
    while (tls_chain_next(&walk, &der)) {
        c.num++;
    }
    if (!reader_ok(&body) || !reader_done(&walk.list)) {
        return PARSE_BAD;
    }
    c.ocsp = walk.ocsp;
    *chain = c;
    return PARSE_OK;
}
