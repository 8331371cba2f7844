#include "verdict.h"

bool verdict_is_over(const struct evidence *e) {
    return (e->ended || e->timed_out || e->smtp->quit_seen) && !e->evicted;
}

static struct judgement decided(enum verdict verdict, const char *mode, const char *reason) {
    return (struct judgement){.verdict = verdict, .mode = mode, .reason = reason};
}

/* Which missing evidence to name, the one that explains most first. */
static struct judgement unknown(const struct evidence *e, const char *mode, const char *reason) {
    struct judgement judgement = {.verdict = VERDICT_UNKNOWN, .mode = mode, .reason = reason};
    if (e->evicted)
        judgement.unknown_reason = UNKNOWN_EVICTED;
    else if (e->midstream)
        judgement.unknown_reason = UNKNOWN_MIDSTREAM;
    else if (e->truncated)
        judgement.unknown_reason = UNKNOWN_TRUNCATED;
    else if (!e->visible[SIDE_CLIENT] || !e->visible[SIDE_SERVER])
        judgement.unknown_reason = UNKNOWN_ONE_SIDED;
    else if (e->gap)
        judgement.unknown_reason = UNKNOWN_GAP;
    else
        judgement.unknown_reason = UNKNOWN_TRUNCATED; /* the capture ended before the connection did */
    return judgement;
}

/* Everything that both sides said is there, up to where it stops. */
static bool is_whole(const struct evidence *e) {
    return !e->gap && !e->midstream && !e->truncated && e->visible[SIDE_CLIENT] && e->visible[SIDE_SERVER];
}

static bool spoke_smtp(const struct evidence *e) {
    return e->smtp->client_speaks == SMTP_SPEAKS_SMTP || e->smtp->server_speaks == SMTP_SPEAKS_SMTP;
}

/* TLS that nobody asked for by STARTTLS, as in FTP, whose first words are those of SMTP. */
static bool is_foreign_tls(const struct evidence *e) {
    bool found = e->tls_found[SIDE_CLIENT] || e->tls_found[SIDE_SERVER];
    return found && (e->smtp->requested != SMTP_YES || e->smtp->starttls_reply_code != 220);
}

/* The side spoke to a proxy, and what came then is TLS, or nothing. */
static bool is_other_behind_proxy(const struct evidence *e, enum side side, enum smtp_speaks speaks) {
    return e->asked_proxy[side] && speaks == SMTP_SPEAKS_NOTHING &&
           (e->tls_began[side] || (is_whole(e) && verdict_is_over(e)));
}

/* Said by whole lines from the start: what is picked up in the middle or after a hole may be anything. */
static bool is_other_protocol(const struct evidence *e) {
    const struct smtp_facts *smtp = e->smtp;
    if (e->midstream || smtp->client_gap || smtp->server_gap)
        return false;
    return smtp->client_speaks == SMTP_SPEAKS_OTHER || smtp->server_speaks == SMTP_SPEAKS_OTHER ||
           is_foreign_tls(e) || is_other_behind_proxy(e, SIDE_CLIENT, smtp->client_speaks) ||
           is_other_behind_proxy(e, SIDE_SERVER, smtp->server_speaks);
}

/* TLS after clear SMTP can only be STARTTLS; TLS as the first byte is implicit. */
static const char *tls_mode(const struct evidence *e) {
    if (is_foreign_tls(e))
        return NULL;
    if (e->tls_from_start[SIDE_CLIENT])
        return "implicit";
    if (spoke_smtp(e))
        return "starttls";
    if (e->tls_from_start[SIDE_SERVER])
        return "implicit";
    return NULL;
}

static struct judgement judge_established(const struct evidence *e) {
    const char *mode = tls_mode(e);
    if (!mode && is_other_protocol(e))
        return decided(VERDICT_NOT_SMTP, NULL, "TLS inside a protocol that is not SMTP");
    if (!mode)
        return unknown(e, NULL, "TLS completed, but how it began was not captured");
    if (mode[0] == 's')
        return decided(VERDICT_STARTTLS, mode, "STARTTLS was accepted and the handshake completed");
    return decided(VERDICT_IMPLICIT_TLS, mode, "TLS from the first byte, and the handshake completed");
}

static bool answered_in_clear(const struct evidence *e) {
    return e->clear_after_tls[SIDE_CLIENT] || e->clear_after_tls[SIDE_SERVER] ||
           (e->tls_began[SIDE_CLIENT] && e->smtp->clear_after_accept_server > 0) ||
           (e->tls_from_start[SIDE_CLIENT] && e->smtp->server_speaks != SMTP_SPEAKS_NOTHING);
}

static struct judgement judge_unfinished_tls(const struct evidence *e) {
    const char *mode = tls_mode(e);
    if ((is_foreign_tls(e) || !spoke_smtp(e)) && is_other_protocol(e))
        return decided(VERDICT_NOT_SMTP, NULL, "TLS inside a protocol that is not SMTP");
    bool failed = e->tls && e->tls->outcome == TLS_FAILED;
    if (failed && e->tls->num_alerts > 0)
        return decided(VERDICT_HANDSHAKE_FAILED, mode, "the handshake ended with an alert");
    if (!is_whole(e))
        return unknown(e, mode, "TLS began, and part of the handshake was not captured");
    if (failed && e->tls->encrypted_alerts > 0)
        return decided(VERDICT_HANDSHAKE_FAILED, mode, "the handshake ended with an encrypted alert");
    if (!verdict_is_over(e))
        return unknown(e, mode, "the capture ended inside the handshake");
    if (failed || answered_in_clear(e))
        return decided(VERDICT_HANDSHAKE_FAILED, mode,
                       "the handshake was answered with something that is not TLS");
    return decided(VERDICT_HANDSHAKE_FAILED, mode,
                   e->ended ? "the connection was closed inside the handshake"
                            : "the handshake was met with silence");
}

/* 220 to STARTTLS, and no TLS byte from anyone. */
static struct judgement judge_accepted(const struct evidence *e) {
    const struct smtp_facts *smtp = e->smtp;
    if (!is_whole(e))
        return unknown(e, "starttls", "STARTTLS was accepted, and what followed was not captured");
    if (!verdict_is_over(e))
        return unknown(e, "starttls", "the capture ended after STARTTLS was accepted");
    if (smtp->clear_after_accept_client > 0 || smtp->clear_after_accept_server > 0)
        return decided(VERDICT_ACCEPTED_NO_TLS, "plain", "STARTTLS was accepted, and clear text followed");
    return decided(VERDICT_HANDSHAKE_FAILED, "starttls",
                   e->ended ? "STARTTLS was accepted, and the connection was closed before any handshake"
                            : "STARTTLS was accepted, and silence followed");
}

static struct judgement judge_requested(const struct evidence *e) {
    const struct smtp_facts *smtp = e->smtp;
    if (smtp->starttls_reply_code == 220)
        return judge_accepted(e);
    if (smtp->starttls_reply_code != 0) {
        if (smtp->client_gap || smtp->server_gap || smtp->hidden_accept)
            return unknown(e, "plain", "STARTTLS was refused, and what followed was not all captured");
        if (!verdict_is_over(e))
            return unknown(e, "plain",
                           "STARTTLS was refused, and the capture ended before the connection did");
        return decided(VERDICT_REFUSED, "plain", "the client asked for STARTTLS and the server refused");
    }
    if (is_whole(e) && verdict_is_over(e) && !smtp->forced)
        return decided(VERDICT_NO_MAIL, "plain", "the connection ended before STARTTLS was answered");
    return unknown(e, "plain", "the reply to STARTTLS was not captured");
}

static bool is_clear_on_tls_port(const struct evidence *e) {
    return e->tls_port && !e->mail_port && e->smtp->client_speaks == SMTP_SPEAKS_SMTP;
}

/* In clear, and the client tried to send mail or to authenticate. */
static struct judgement judge_clear_mail(const struct evidence *e) {
    const struct smtp_facts *smtp = e->smtp;
    if (smtp->requested != SMTP_NO || smtp->hidden_accept || smtp->hidden_refusal)
        return unknown(e, "plain",
                       "clear text was seen, but STARTTLS may have been asked for in what was not captured");
    if (!verdict_is_over(e))
        return unknown(e, "plain", "clear text was seen, and the capture ended before the connection did");
    if (is_clear_on_tls_port(e))
        return decided(VERDICT_CLEARTEXT_ON_TLS_PORT, "plain", "SMTP in clear on a port meant for TLS");
    if (smtp->offered == SMTP_YES)
        return decided(VERDICT_OFFERED_UNUSED, "plain", "STARTTLS was offered and the client did not use it");
    if (smtp->masked.len > 0)
        return decided(VERDICT_MASKED, "plain", "the keyword STARTTLS was overwritten on its way");
    if (smtp->offered == SMTP_NO)
        return decided(VERDICT_NOT_OFFERED, "plain", "the server did not offer STARTTLS");
    if (!smtp->ehlo_seen && !smtp->client_gap && !e->midstream && e->visible[SIDE_CLIENT])
        return decided(VERDICT_NO_EHLO, "plain", "the client did not say EHLO, so nothing could be offered");
    return unknown(e, "plain", "whether STARTTLS was offered was not captured");
}

static struct judgement judge_quiet(const struct evidence *e) {
    const struct smtp_facts *smtp = e->smtp;
    const char *mode = spoke_smtp(e) ? "plain" : NULL;
    bool client_whole = e->visible[SIDE_CLIENT] && !e->midstream && !e->gap && !e->truncated;
    if (!client_whole)
        return unknown(e, mode, "not all of the connection was captured");
    if (!verdict_is_over(e))
        return unknown(e, mode, "the capture ended before anything was decided");
    if (is_clear_on_tls_port(e))
        return decided(VERDICT_CLEARTEXT_ON_TLS_PORT, mode, "SMTP in clear on a port meant for TLS");
    if (smtp->masked.len > 0 && smtp->offered == SMTP_NO)
        return decided(VERDICT_MASKED, mode, "the keyword STARTTLS was overwritten on its way");
    return decided(VERDICT_NO_MAIL, mode, "the connection ended before any mail");
}

struct judgement verdict_of(const struct evidence *e) {
    const struct smtp_facts *smtp = e->smtp;
    if (e->tls && e->tls->outcome == TLS_ESTABLISHED)
        return judge_established(e);
    if (e->tls_began[SIDE_CLIENT] || e->tls_began[SIDE_SERVER])
        return judge_unfinished_tls(e);
    if (smtp->requested == SMTP_YES)
        return judge_requested(e);
    if (is_other_protocol(e))
        return decided(VERDICT_NOT_SMTP, NULL, "what was said is not SMTP");
    if (smtp->mail_attempted || smtp->auth_attempted)
        return judge_clear_mail(e);
    return judge_quiet(e);
}
