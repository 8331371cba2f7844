#include "tlsrpt.h"

#include <string.h>

static bool has_alert(const struct session_event *s, const char *alert) {
    for (size_t i = 0; i < s->tls_alerts.num; i++) {
        if (s->tls_alerts.items[i] && strcmp(s->tls_alerts.items[i], alert) == 0)
            return true;
    }
    return false;
}

/* RFC 8446 section 6.2: what a client answers to a certificate that it does not take. */
static bool rejects_certificate(const struct session_event *s) {
    static const char *const alerts[] = {"client:bad_certificate", "client:unsupported_certificate",
                                         "client:certificate_revoked", "client:certificate_unknown",
                                         "client:unknown_ca"};
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        if (has_alert(s, alerts[i]))
            return true;
    }
    return false;
}

static const char *failed_handshake(const struct session_event *s) {
    if (has_alert(s, "client:certificate_expired"))
        return "certificate-expired";
    if (!rejects_certificate(s))
        return "validation-failure";
    bool only_name = s->cert_chain_valid == FACT_YES && s->cert_name_match == FACT_NO;
    return only_name ? "certificate-host-mismatch" : "certificate-not-trusted";
}

static const char *failure_of(const char *reason) {
    static const char *const types[][2] = {
        {"certificate_expired", "certificate-expired"},
        {"certificate_out_of_date", "certificate-expired"},
        {"certificate_host_mismatch", "certificate-host-mismatch"},
        {"name_mismatch", "certificate-host-mismatch"},
        {"certificate_not_trusted", "certificate-not-trusted"},
        {"no_record_matches", "certificate-not-trusted"},
        {"anchor_not_sent", "certificate-not-trusted"},
        {"chain_not_signed", "certificate-not-trusted"},
    };
    for (size_t i = 0; reason && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i][0], reason) == 0)
            return types[i][1];
    }
    return "validation-failure";
}

static bool is_word(const char *text, const char *word) {
    return text && strcmp(text, word) == 0;
}

/* Of a session that was established: DANE goes before MTA-STS (RFC 8461 section 2). */
static const char *failed_policy(const struct session_event *s) {
    if (s->dane_records.num > 0 && is_word(s->dane_dnssec, "claimed"))
        return is_word(s->dane_result, "mismatch") ? failure_of(s->dane_reason) : NULL;
    bool has_sts = is_word(s->mta_sts_mode, "enforce") || is_word(s->mta_sts_mode, "testing");
    return has_sts && is_word(s->mta_sts_result, "fail") ? failure_of(s->mta_sts_reason) : NULL;
}

const char *tlsrpt_result_type(const struct session_event *session) {
    if (session->mode && strcmp(session->mode, "implicit") == 0)
        return NULL;
    switch (session->verdict) {
    case VERDICT_NOT_OFFERED:
    case VERDICT_MASKED:
    case VERDICT_REFUSED:
        return "starttls-not-supported";
    case VERDICT_ACCEPTED_NO_TLS:
        return "validation-failure";
    case VERDICT_HANDSHAKE_FAILED:
        return failed_handshake(session);
    case VERDICT_STARTTLS:
        return failed_policy(session);
    default:
        return NULL;
    }
}
