/* Handshake messages: what each one adds to facts and evidence, and which the handler hears of. */
#include "tls_certificate.h"
#include "tls_hello.h"
#include "tls_keyexchange.h"
#include "tls_sslv2.h"
#include "tls_state.h"

static void client_hello(struct tls *tls, struct reader body) {
    struct tls_client_hello hello;
    if (tls->facts.client_hello) {
        return; /* the answer to HelloRetryRequest; fingerprints and facts are the first one's */
    }
    if (tls_client_hello_parse(body, &hello) != PARSE_OK) {
        tls->facts.malformed = true;
        return;
    }
    tls_client_hello_note(&hello, &tls->facts);
    if (tls->handler.client_hello != NULL) {
        tls->handler.client_hello(tls->handler.context, &hello);
    }
}

static void server_hello(struct tls *tls, struct reader body) {
    struct tls_server_hello hello;
    if (tls->facts.server_hello) {
        return;
    }
    if (tls_server_hello_parse(body, &hello) != PARSE_OK) {
        tls->facts.malformed = true;
        return;
    }
    if (hello.hello_retry_request) {
        tls->facts.hello_retry = true;
        return;
    }
    tls_server_hello_note(&hello, &tls->facts);
    tls->choice = tls_server_hello_choice(&hello);
    if (tls->handler.server_hello != NULL) {
        tls->handler.server_hello(tls->handler.context, &hello);
    }
}

static void hand_on_chain(struct tls *tls, enum side side, struct tls_chain chain) {
    struct reader der;
    for (size_t i = 0; i < TLS_CHAIN_MAX && tls_chain_next(&chain, &der); i++) {
        if (tls->handler.certificate != NULL) {
            tls->handler.certificate(tls->handler.context, side, i, chain.num, der.pos, reader_left(&der));
        }
    }
    tls->facts.limits_hit += chain.num > TLS_CHAIN_MAX;
}

static void certificate(struct tls *tls, enum side side, struct reader body, bool plain) {
    struct tls_facts *facts = &tls->facts;
    bool seen = side == SIDE_SERVER ? facts->certificate_seen : facts->client_certificate_sent;
    if (seen || (side == SIDE_SERVER && facts->raw_public_key)) {
        return;
    }
    struct tls_chain chain;
    if (tls_chain_parse(body, plain && tls_version_is_13(facts->version), &chain) != PARSE_OK) {
        facts->malformed = true;
        return;
    }
    if (side == SIDE_CLIENT) {
        facts->client_certificate_sent = chain.num > 0;
    } else {
        facts->certificate_seen = chain.num > 0;
        facts->chain_length = (uint32_t)chain.num; /* each takes bytes of a TLS_MESSAGE_MAX */
        facts->ocsp_stapled = facts->ocsp_stapled || chain.ocsp;
    }
    hand_on_chain(tls, side, chain);
}

static void encrypted_extensions(struct tls *tls, struct reader body) {
    struct reader extensions = reader_vec16(&body);
    tls_server_extensions_note(extensions, &tls->facts);
}

static void server_message(struct tls *tls, const struct tls_message *message, bool plain) {
    struct tls_evidence *evidence = &tls->sides[SIDE_SERVER].evidence;
    switch (message->type) {
    case TLS_SERVER_HELLO:
        server_hello(tls, message->body);
        break;
    case TLS_HELLO_RETRY_REQUEST:
        tls->facts.hello_retry = true;
        break;
    case TLS_ENCRYPTED_EXTENSIONS:
        if (plain) {
            encrypted_extensions(tls, message->body);
        }
        break;
    case TLS_SERVER_KEY_EXCHANGE:
        evidence->full = true;
        tls_server_key_exchange_note(message->body, &tls->facts);
        break;
    case TLS_CERTIFICATE_REQUEST:
        tls->facts.certificate_requested = true;
        break;
    case TLS_SERVER_HELLO_DONE:
        evidence->full = true;
        break;
    case TLS_CERTIFICATE_VERIFY:
        if (plain) {
            tls_certificate_verify_note(message->body, &tls->facts);
        }
        break;
    case TLS_CERTIFICATE_STATUS:
        tls->facts.ocsp_stapled = true;
        break;
    default:
        break;
    }
}

/* A message whose body is missing still says that it was there. Without a gap, a limit made it go missing. */
static void skipped_message(struct tls *tls, enum side side, uint8_t type) {
    tls->facts.limits_hit += !tls->sides[side].evidence.gap;
    if (side == SIDE_SERVER && type == TLS_CERTIFICATE) {
        tls->facts.certificate_truncated = true;
    }
}

void tls_dispatch(struct tls *tls, enum side side, const struct tls_message *message, bool plain) {
    tls->stale = true;
    if (!plain && (message->type == TLS_CERTIFICATE || message->type == TLS_CLIENT_KEY_EXCHANGE)) {
        tls->sides[side].evidence.full = true;
    }
    if (message->skipped) {
        skipped_message(tls, side, message->type);
    } else if (message->type == TLS_CERTIFICATE) {
        certificate(tls, side, message->body, plain);
    } else if (side == SIDE_SERVER) {
        server_message(tls, message, plain);
    } else if (message->type == TLS_CLIENT_HELLO) {
        client_hello(tls, message->body);
    }
}

static void sslv2_server_hello(struct tls *tls, struct reader record) {
    struct tls_facts *facts = &tls->facts;
    struct tls_sslv2_server_hello hello;
    if (tls_sslv2_server_hello_parse(record, &hello) != PARSE_OK) {
        facts->malformed = true;
        return;
    }
    facts->server_hello = true;
    facts->version = hello.version;
    tls->sides[SIDE_SERVER].evidence.sslv2_resumed = hello.session_id_hit;
    size_t len = reader_left(&hello.certificate);
    if (len > 0) {
        facts->certificate_seen = true;
        facts->chain_length = 1;
        if (tls->handler.certificate != NULL) {
            tls->handler.certificate(tls->handler.context, SIDE_SERVER, 0, 1, hello.certificate.pos, len);
        }
    }
}

void tls_dispatch_sslv2_hello(struct tls *tls, enum side side, struct reader record) {
    struct tls_client_hello hello;
    tls->stale = true;
    if (side == SIDE_SERVER) {
        sslv2_server_hello(tls, record);
    } else if (tls_client_hello_parse_sslv2(record, &hello) == PARSE_OK) {
        tls_client_hello_note(&hello, &tls->facts);
        if (tls->handler.client_hello != NULL) {
            tls->handler.client_hello(tls->handler.context, &hello);
        }
    } else {
        tls->facts.malformed = true;
    }
}
