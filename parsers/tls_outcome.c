#include "tls_outcome.h"

/* Finished is a 4-byte header and as many bytes as the hash has; sealed, 1 for the inner type and a tag come
 * on top (RFC 8446 sections 4.4.4 and 5.2). */
enum {
    FINISHED_SHA256_TAG8 = 4 + 32 + 1 + 8, /* TLS_AES_128_CCM_8_SHA256 */
    FINISHED_SHA256 = 4 + 32 + 1 + 16,
    FINISHED_SHA384 = 4 + 48 + 1 + 16,
    ALERT_TAG8 = 2 + 1 + 8,
    ALERT = 2 + 1 + 16,
    CLIENT_GOES_ON = 2,    /* EHLO, and what only an answer to EHLO lets follow */
    CLIENT_FLIGHT_MAX = 4, /* of 1.3: Certificate (up to 2 records), CertificateVerify, Finished */
    /* EncryptedExtensions, CertificateRequest, CertificateVerify, Finished, and a chain of 128 KB (8
       records). */
    SERVER_FLIGHT_MAX = 12,
    ENOUGH_RECORDS = SERVER_FLIGHT_MAX + 1,
    SUITE_SHA384 = 0x1302, /* TLS_AES_256_GCM_SHA384 */
    SUITE_TAG8 = 0x1305,
};

enum tls_finished_size { SIZE_SHA256_TAG8 = 1, SIZE_SHA256 = 2, SIZE_SHA384 = 4 };

enum layout { LAYOUT_UNKNOWN, LAYOUT_SSLV2, LAYOUT_12, LAYOUT_13 };

bool tls_evidence_data(struct tls_evidence *evidence, uint16_t len) {
    struct tls_progress *p = &evidence->now;
    uint8_t sizes = p->finished_sizes;
    if (len == FINISHED_SHA256_TAG8) {
        sizes |= SIZE_SHA256_TAG8;
    } else if (len == FINISHED_SHA256) {
        sizes |= SIZE_SHA256;
    } else if (len == FINISHED_SHA384) {
        sizes |= SIZE_SHA384;
    }
    bool counted = len > ALERT && p->data_records < ENOUGH_RECORDS;
    p->data_records = (uint8_t)(p->data_records + counted);
    if (p->first_data > 0 && len <= p->largest_data && sizes == p->finished_sizes &&
        evidence->data_after_gap == evidence->gap && !counted) {
        return false;
    }
    p->first_data = p->first_data > 0 ? p->first_data : len;
    p->largest_data = len > p->largest_data ? len : p->largest_data;
    p->finished_sizes = sizes;
    evidence->data_after_gap = evidence->gap;
    return true;
}

static bool offers_13(const struct tls_facts *facts) {
    for (size_t i = 0; i < facts->num_client_versions; i++) {
        if (tls_version_is_13(facts->client_versions[i])) {
            return true;
        }
    }
    return false;
}

static enum layout layout_of(const struct tls_facts *facts) {
    if (facts->version == 0) {
        return facts->client_hello && !offers_13(facts) ? LAYOUT_12 : LAYOUT_UNKNOWN;
    }
    if (facts->version == 0x0002) {
        return LAYOUT_SSLV2;
    }
    return tls_version_is_13(facts->version) ? LAYOUT_13 : LAYOUT_12;
}

static uint16_t smallest_finished(const struct tls_facts *facts) {
    return facts->cipher_suite == SUITE_TAG8 ? FINISHED_SHA256_TAG8 : FINISHED_SHA256;
}

static bool client_done_13(const struct tls_facts *facts, const struct tls_progress *p) {
    if (facts->client_hello && !facts->early_data) {
        return p->largest_data >= smallest_finished(facts);
    }
    uint8_t size = SIZE_SHA256;
    if (facts->cipher_suite == SUITE_SHA384) {
        size = SIZE_SHA384;
    } else if (facts->cipher_suite == SUITE_TAG8) {
        size = SIZE_SHA256_TAG8;
    }
    return (p->finished_sizes & size) != 0;
}

/* Did the side bring its part of the handshake to its end? */
static bool is_done(const struct tls_facts *facts, enum side side, const struct tls_progress *p,
                    bool data_after_gap, bool sslv2_resumed) {
    switch (layout_of(facts)) {
    case LAYOUT_SSLV2:
        return p->sealed_handshakes >= (side == SIDE_CLIENT && sslv2_resumed ? 1 : 2);
    case LAYOUT_12:
        return (p->ccs && p->sealed_handshakes > 0) || data_after_gap;
    case LAYOUT_13:
        return side == SIDE_CLIENT ? client_done_13(facts, p) : p->largest_data >= smallest_finished(facts);
    case LAYOUT_UNKNOWN:
        /* The ServerHello is missing. In 1.2 application data, in 1.3 sealed flights: both say the same. */
        return facts->client_hello && !facts->early_data && p->largest_data >= FINISHED_SHA256;
    }
    return false;
}

/* 1.3: the first sealed record is an alert. A client with early data may have sent two bytes of that. */
static bool begins_with_alert(const struct tls_facts *facts, enum side side, const struct tls_evidence *e) {
    uint16_t alert = facts->cipher_suite == SUITE_TAG8 ? ALERT_TAG8 : ALERT;
    bool readable = side == SIDE_SERVER || (facts->client_hello && !facts->early_data);
    return layout_of(facts) == LAYOUT_13 && readable && !e->gap && e->now.first_data == alert;
}

static bool failed_visibly(const struct tls_facts *facts, const struct tls_evidence *e) {
    return layout_of(facts) == LAYOUT_13 ? e->fatal || e->plain_fatal : e->fatal_early;
}

static bool failed_sealed(const struct tls_facts *facts, enum side side, const struct tls_evidence *e) {
    return begins_with_alert(facts, side, e) || (layout_of(facts) == LAYOUT_12 && e->sealed_alert_early);
}

static bool is_silent(const struct tls_evidence *e) {
    const struct tls_progress *p = &e->now;
    return !p->ccs && p->sealed_handshakes == 0 && p->first_data == 0 && !e->full && !e->not_tls;
}

static bool is_finished_size(uint16_t len) {
    return len == FINISHED_SHA256_TAG8 || len == FINISHED_SHA256 || len == FINISHED_SHA384;
}

/* The server's side is missing. Data sent early looks like data sent later. */
static bool client_shows_all(const struct tls_facts *facts, const struct tls_evidence *client) {
    const struct tls_progress *p = &client->now;
    if (!facts->client_hello || facts->server_hello || facts->early_data)
        return false;
    if (p->sealed_handshakes > 0) /* 1.2 and below: Finished is of another type */
        return p->data_records >= CLIENT_GOES_ON;
    int flight = is_finished_size(p->first_data) ? 1 : CLIENT_FLIGHT_MAX;
    return p->data_records >= flight + CLIENT_GOES_ON;
}

/* The client's side is missing. */
static bool server_shows_all(const struct tls_facts *facts, const struct tls_evidence *server) {
    if (layout_of(facts) == LAYOUT_13)
        return server->now.data_records > SERVER_FLIGHT_MAX;
    return layout_of(facts) == LAYOUT_12 && server->full && server->now.ccs &&
           server->now.sealed_handshakes > 0;
}

static enum tls_outcome decide(const struct tls_facts *facts, const struct tls_evidence *client,
                               const struct tls_evidence *server) {
    bool gap = client->gap || server->gap;
    bool resumed = server->sslv2_resumed;
    bool client_done = is_done(facts, SIDE_CLIENT, &client->now, client->data_after_gap, resumed);
    bool server_done = is_done(facts, SIDE_SERVER, &server->now, server->data_after_gap, resumed);
    if (failed_visibly(facts, client) || failed_visibly(facts, server)) {
        return TLS_FAILED;
    }
    if (!gap && (failed_sealed(facts, SIDE_CLIENT, client) || failed_sealed(facts, SIDE_SERVER, server))) {
        return TLS_FAILED;
    }
    if (client_done && server_done) {
        return TLS_ESTABLISHED;
    }
    if (is_silent(server) && client_shows_all(facts, client)) {
        return TLS_ESTABLISHED;
    }
    if (is_silent(client) && server_shows_all(facts, server)) {
        return TLS_ESTABLISHED;
    }
    if (!gap && ((client->not_tls && !client_done) || (server->not_tls && !server_done))) {
        return TLS_FAILED;
    }
    return TLS_STARTED;
}

/* RFC 8446 section 4.1.3: the server could more than it chose. Benign unless the client had offered more,
 * too. */
static bool is_downgrade(const struct tls_facts *facts) {
    for (size_t i = 0; i < facts->num_client_versions; i++) {
        uint16_t offered = facts->client_versions[i];
        if (offered <= 0x0304 && offered > facts->version) { /* drafts are larger numbers: not meant */
            return true;
        }
    }
    return false;
}

static void decide_resumed(struct tls_facts *facts, const struct tls_evidence *client,
                           const struct tls_evidence *server, bool psk) {
    bool yes = false, no = false;
    switch (layout_of(facts)) {
    case LAYOUT_SSLV2:
        yes = server->sslv2_resumed;
        no = !yes;
        break;
    case LAYOUT_12:
        no = server->full || client->full;
        yes = server->abbreviated;
        break;
    case LAYOUT_13:
        yes = psk;
        no = !yes;
        break;
    case LAYOUT_UNKNOWN:
        break;
    }
    facts->resumed = no ? TLS_RESUMED_NO : yes ? TLS_RESUMED_YES : TLS_RESUMED_OPEN;
}

void tls_outcome_decide(struct tls_facts *facts, const struct tls_evidence *client,
                        const struct tls_evidence *server, struct tls_server_choice choice) {
    enum layout layout = layout_of(facts);
    bool records_12 = layout == LAYOUT_12 || layout == LAYOUT_SSLV2;
    facts->outcome = decide(facts, client, server);
    decide_resumed(facts, client, server, choice.psk);
    facts->downgrade_sentinel = choice.sentinel && layout == LAYOUT_12 && is_downgrade(facts);
    facts->client_ccs = client->now.ccs;
    facts->server_ccs = server->now.ccs;
    facts->client_protected = client->now.first_data > 0 || (records_12 && client->now.sealed_handshakes > 0);
    facts->server_protected = server->now.first_data > 0 || (records_12 && server->now.sealed_handshakes > 0);
    /* Sealed handshake records after Finished: the client's are a new ClientHello and what follows it. */
    facts->renegotiation = layout == LAYOUT_12 && client->now.ccs && client->now.sealed_handshakes > 1;
    facts->encrypted_alerts = client->sealed_alerts + server->sealed_alerts +
                              begins_with_alert(facts, SIDE_CLIENT, client) +
                              begins_with_alert(facts, SIDE_SERVER, server);
    bool resumed = server->sslv2_resumed;
    facts->client_gap = client->gap && !is_done(facts, SIDE_CLIENT, &client->at_gap, false, resumed);
    facts->server_gap = server->gap && !is_done(facts, SIDE_SERVER, &server->at_gap, false, resumed);
}
