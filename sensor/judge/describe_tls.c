#include "describe_tls.h"

#include <stdio.h>
#include <string.h>

#include "../../parsers/tls_names.h"
#include "../track/clock.h"

#define VERSION_SSL2  0x0002
#define VERSION_TLS12 0x0303
#define VERSION_TLS13 0x0304
#define WEAK_DH_BITS  2048

/* TLS 1.3 and its drafts, whose certificates are encrypted. */
static bool is_tls13(uint16_t version) {
    return version == VERSION_TLS13 || (version & 0xff00) == 0x7f00 || (version & 0xff00) == 0x7e00;
}

static bool is_obsolete(uint16_t version) {
    return version != 0 && version < VERSION_TLS12;
}

static void describe_client(struct event *event, const struct tls_facts *tls, const struct tls_notes *notes) {
    struct session_event *s = &event->session;
    if (!tls->client_hello)
        return;
    if (tls->server_name_len > 0)
        s->tls_server_name = event_text(event, tls->server_name, tls->server_name_len);
    if (notes->hello)
        hello_show(notes->hello, event);
    hello_show_versions(notes->hello, tls->client_versions, tls->num_client_versions, event);
    s->tls_ech = fact_of(tls->ech);
    s->tls_early_data = fact_of(tls->early_data);
    s->tls_legacy_hello = fact_of(tls->legacy_hello);
    s->tls_fallback_scsv = fact_of(tls->fallback_scsv);
}

static void describe_suite(struct event *event, uint16_t id) {
    struct session_event *s = &event->session;
    char name[TLS_NAME_BUF];
    const struct tls_suite *suite = tls_suite_find(id);
    s->tls_cipher = suite ? suite->name : event_string(event, tls_suite_name(id, name));
    if (!suite)
        return;
    s->tls_cipher_bits = suite->bits;
    s->tls_forward_secrecy = fact_of(suite->forward_secrecy);
    if (suite->weak)
        event_find(s, FINDING_TLS_WEAK_CIPHER);
    if (!suite->forward_secrecy)
        event_find(s, FINDING_TLS_NO_FORWARD_SECRECY);
}

static void describe_key_exchange(struct event *event, const struct tls_facts *tls) {
    struct session_event *s = &event->session;
    char name[TLS_NAME_BUF];
    if (tls->group != 0) {
        s->tls_key_exchange_group = event_name(event, tls_group_name(tls->group, name), name);
        s->tls_curve = s->tls_key_exchange_group;
        s->tls_post_quantum = fact_of(tls_group_is_post_quantum(tls->group));
    }
    if (tls->dh_bits != 0)
        s->tls_dh_bits = tls->dh_bits;
    bool weak_group = tls->group != 0 && tls_group_is_weak(tls->group);
    if (weak_group || (tls->dh_bits != 0 && tls->dh_bits < WEAK_DH_BITS))
        event_find(s, FINDING_TLS_WEAK_KEY_EXCHANGE);
    if (tls->signature_scheme != 0)
        s->tls_signature_scheme = event_name(event, tls_scheme_name(tls->signature_scheme, name), name);
}

static void describe_ja3s(struct event *event, const struct tls_notes *notes) {
    char ja3s[2 * HELLO_JA3S_LEN + 1];
    hex_lower(notes->ja3s, HELLO_JA3S_LEN, ja3s);
    event->session.tls_ja3s = event_ascii(event, ja3s, sizeof ja3s - 1);
}

static void describe_server(struct event *event, const struct tls_facts *tls, const struct tls_notes *notes) {
    struct session_event *s = &event->session;
    char name[TLS_NAME_BUF];
    if (!tls->server_hello)
        return;
    if (tls->version != 0) {
        s->tls_version = event_name(event, tls_version_name(tls->version, name), name);
        s->tls_version_protocol = tls_version_is_ssl(tls->version) ? "ssl" : "tls";
    }
    if (tls->version != VERSION_SSL2) /* its suites are no registered ones, and the client chooses */
        describe_suite(event, tls->cipher_suite);
    describe_key_exchange(event, tls);
    if (tls->next_protocol_len > 0)
        s->tls_next_protocol = event_text(event, tls->next_protocol, tls->next_protocol_len);
    if (notes->has_ja3s)
        describe_ja3s(event, notes);
    if (tls->resumed != TLS_RESUMED_OPEN)
        s->tls_resumed = fact_of(tls->resumed == TLS_RESUMED_YES);
    s->tls_hello_retry = fact_of(tls->hello_retry);
    s->tls_compression = fact_of(tls->compression != 0);
    if (tls->ocsp_stapled)
        s->tls_ocsp_stapled = FACT_YES;
    if (tls->renegotiation)
        s->tls_renegotiated = FACT_YES;
    if (is_obsolete(tls->version))
        event_find(s, FINDING_TLS_OBSOLETE_VERSION);
    if (tls->downgrade_sentinel)
        event_find(s, FINDING_TLS_DOWNGRADE_SENTINEL);
}

static void describe_alerts(struct event *event, const struct tls_facts *tls) {
    struct session_event *s = &event->session;
    char name[TLS_NAME_BUF], text[TLS_NAME_BUF + 8]; /* "client:" */
    if (tls->encrypted_alerts > 0)
        s->tls_encrypted_alerts = tls->encrypted_alerts;
    if (tls->num_alerts == 0 || !event_list(event, &s->tls_alerts, tls->num_alerts))
        return;
    /* The client's first: which came first between the two depends on where the capture was made. */
    size_t num = 0;
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        for (size_t i = 0; i < tls->num_alerts && num < s->tls_alerts.num; i++) {
            const struct tls_alert *alert = &tls->alerts[i];
            if (alert->from != side)
                continue;
            snprintf(text, sizeof text, "%s:%s", side == SIDE_CLIENT ? "client" : "server",
                     tls_alert_name(alert->description, name));
            s->tls_alerts.items[num++] = event_string(event, text);
        }
    }
}

/* Every handshake message of that side could be read, so that what was not among them was not sent. */
static bool handshake_read(const struct session *session, const struct tls_facts *tls, enum side side) {
    if (!tls->server_hello)
        return false;
    if (is_tls13(tls->version))
        return session->decrypt && decrypt_handshake_read(session->decrypt, side);
    return tls->outcome == TLS_ESTABLISHED && !tls->server_gap && !tls->client_gap;
}

/* Why there is no certificate to look at; NULL when that cannot be told. */
static const char *why_absent(const struct tls_facts *tls, const struct flow *flow) {
    if (tls->resumed == TLS_RESUMED_YES)
        return "resumed";
    if (tls->server_hello && is_tls13(tls->version) && !handshake_read(flow->session, tls, SIDE_SERVER))
        return "tls13_encrypted";
    const struct tls_suite *suite = tls->server_hello ? tls_suite_find(tls->cipher_suite) : NULL;
    if (suite && suite->anonymous)
        return "anonymous";
    if (flow->truncated)
        return "truncated";
    if (tls->server_gap || tls->client_gap || tls->certificate_truncated)
        return "gap";
    return NULL;
}

static void describe_client_certificate(struct session_event *s, const struct session *session,
                                        const struct tls_facts *tls) {
    if (tls->certificate_requested)
        s->client_cert_requested = FACT_YES;
    else if (handshake_read(session, tls, SIDE_SERVER))
        s->client_cert_requested = FACT_NO;
    if (handshake_read(session, tls, SIDE_CLIENT) && s->client_cert_sent == FACT_UNKNOWN)
        s->client_cert_sent = fact_of(tls->client_certificate_sent);
}

static void find_in_certificate(struct session_event *s, const struct trust_judgement *judged) {
    if (judged->expired)
        event_find(s, FINDING_CERT_EXPIRED);
    if (judged->not_yet_valid)
        event_find(s, FINDING_CERT_NOT_YET_VALID);
    if (judged->expiring_soon)
        event_find(s, FINDING_CERT_EXPIRING_SOON);
    if (judged->self_signed == FACT_YES)
        event_find(s, FINDING_CERT_SELF_SIGNED);
    if (judged->chain_valid == FACT_NO)
        event_find(s, FINDING_CERT_UNTRUSTED);
    if (judged->name_match == FACT_NO)
        event_find(s, FINDING_CERT_NAME_MISMATCH);
    if (judged->weak_key)
        event_find(s, FINDING_CERT_WEAK_KEY);
    if (judged->weak_signature)
        event_find(s, FINDING_CERT_WEAK_SIGNATURE);
}

static void describe_trust(struct event *event, struct trust_chain *chain) {
    struct session_event *s = &event->session;
    struct trust_judgement judged;
    s->cert_chain_length = (int64_t)trust_chain_length(chain);
    s->cert_expected_name = s->tls_server_name ? s->tls_server_name : s->smtp_server_name;
    trust_judge(chain, (int64_t)(s->start_ns / NS_PER_S), s->cert_expected_name, &judged);
    s->cert_chain_valid = judged.chain_valid;
    s->cert_chain_error = judged.chain_error;
    s->cert_name_match = judged.name_match;
    s->cert_self_signed = judged.self_signed;
    s->cert_days_left = judged.days_left;
    find_in_certificate(s, &judged);
}

static void describe_certificates(struct event *event, const struct flow *flow, const struct tls_facts *tls,
                                  const struct tls_notes *notes) {
    struct session_event *s = &event->session;
    struct trust_chain *server = notes->chains[SIDE_SERVER], *client = notes->chains[SIDE_CLIENT];
    if (server && trust_describe(server, event, &s->server_cert)) {
        s->cert_visible = FACT_YES;
        describe_trust(event, server);
    } else if ((s->cert_absent_reason = why_absent(tls, flow)) != NULL) {
        s->cert_visible = FACT_NO;
    }
    if (client && trust_describe(client, event, &s->client_cert))
        s->client_cert_sent = FACT_YES;
    describe_client_certificate(s, flow->session, tls);
}

void describe_tls(struct event *event, const struct flow *flow) {
    const struct session *session = flow->session;
    struct session_event *s = &event->session;
    if (!session->tls)
        return;
    const struct tls_facts *tls = tls_facts(session->tls);
    if (tls->outcome == TLS_ESTABLISHED)
        s->tls_established = FACT_YES;
    else if (s->verdict == VERDICT_HANDSHAKE_FAILED)
        s->tls_established = FACT_NO;
    describe_client(event, tls, session->notes);
    describe_server(event, tls, session->notes);
    describe_alerts(event, tls);
    if (session->decrypt && decrypt_opened(session->decrypt))
        s->tls_decrypted = FACT_YES;
    describe_certificates(event, flow, tls, session->notes);
}
