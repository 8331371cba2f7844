#include "describe.h"

#include <string.h>

#include "../../outputs/buffer.h"
#include "describe_received.h"
#include "describe_tls.h"
#include "verdict.h"

static struct endpoint_address end_of(const struct flow *flow, enum side side) {
    uint8_t end = flow_end(flow, side);
    return (struct endpoint_address){flow->key.address[end], flow->key.addr_len, flow->key.port[end]};
}

enum direction describe_direction(const struct flow *flow, const struct config *config) {
    struct endpoint_address client = end_of(flow, SIDE_CLIENT), server = end_of(flow, SIDE_SERVER);
    return address_direction(config, &client, &server);
}

static enum fact fact_from(enum smtp_fact fact) {
    static const enum fact facts[] = {[SMTP_OPEN] = FACT_UNKNOWN, [SMTP_NO] = FACT_NO, [SMTP_YES] = FACT_YES};
    return facts[fact];
}

static const char *text_of(struct event *event, struct smtp_text text) {
    return text.len > 0 ? event_text(event, text.data, text.len) : NULL;
}

static void describe_endpoint(struct event *event, struct event_endpoint *out, const struct flow *flow,
                              enum side side) {
    struct endpoint_address end = end_of(flow, side);
    char text[ADDRESS_TEXT_MAX];
    const struct stream *stream = &flow->streams[side];
    address_text(&end, text);
    out->ip = event_ascii(event, text, strlen(text));
    out->port = end.port;
    out->bytes = (int64_t)(stream->end - stream->gap_bytes);
    out->packets = flow->packets[side];
}

static void describe_network(struct event *event, const struct flow *flow, const struct config *config,
                             struct digest *digest) {
    struct session_event *s = &event->session;
    struct endpoint_address client = end_of(flow, SIDE_CLIENT), server = end_of(flow, SIDE_SERVER);
    char community_id[COMMUNITY_ID_MAX];
    describe_endpoint(event, &s->source, flow, SIDE_CLIENT);
    describe_endpoint(event, &s->destination, flow, SIDE_SERVER);
    if (address_community_id(digest, &client, &server, community_id))
        s->community_id = event_ascii(event, community_id, strlen(community_id));
    s->ipv6 = flow->key.addr_len == 16;
    s->direction = direction_name(describe_direction(flow, config));
    if (flow->vlan_id >= 0)
        s->vlan_id = flow->vlan_id;
    s->start_ns = flow->first_ts_ns;
    s->end_ns = flow->last_ts_ns;
}

static bool is_one_sided(const struct flow *flow) {
    return flow->packets[SIDE_CLIENT] == 0 || flow->packets[SIDE_SERVER] == 0;
}

static void describe_capture(struct session_event *s, const struct flow *flow) {
    s->gap_bytes = (int64_t)(flow->streams[0].gap_bytes + flow->streams[1].gap_bytes);
    s->out_of_order = flow->out_of_order;
    s->retransmits = flow->retransmits;
    s->duplicates = flow->duplicates;
    s->midstream = flow->midstream;
    s->one_sided = is_one_sided(flow);
    s->truncated = flow->truncated;
    s->overlap_conflict = flow->overlap_conflict;
}

static void describe_smtp(struct event *event, const struct smtp_facts *smtp, struct ehlo_cache *ehlos) {
    struct session_event *s = &event->session;
    s->smtp_banner = text_of(event, smtp->banner);
    s->smtp_helo = text_of(event, smtp->helo);
    s->smtp_ehlo = text_of(event, smtp->ehlo);
    s->smtp_server_name = text_of(event, smtp->server_name);
    ehlo_show(ehlos, smtp, event);
    if (smtp->last_reply_code != 0)
        s->smtp_last_reply_code = smtp->last_reply_code;
    if (smtp->requiretls_offered) /* only inside TLS may it be (RFC 8689 section 2): its absence here says
                                     nothing */
        s->requiretls_offered = FACT_YES;
    if (smtp->requiretls_used)
        s->requiretls_used = FACT_YES;
    s->starttls_offered = fact_from(smtp->offered);
    s->starttls_requested = fact_from(smtp->requested);
    s->starttls_masked_keyword = text_of(event, smtp->masked);
    if (smtp->starttls_reply_code != 0)
        s->starttls_reply_code = smtp->starttls_reply_code;
    if (smtp->injected_command_bytes > 0)
        s->injected_command_bytes = (int64_t)smtp->injected_command_bytes;
    if (smtp->injected_reply_bytes > 0)
        s->injected_reply_bytes = (int64_t)smtp->injected_reply_bytes;
}

/* Mail or AUTH that did not cross in clear is a fact only when all clear text was seen. */
static void describe_mail(struct event *event, const struct smtp_facts *smtp, bool clear_text_whole) {
    struct session_event *s = &event->session;
    bool content = smtp->content_bytes > 0 || smtp->messages > 0;
    if (content)
        s->mail_cleartext = FACT_YES;
    else if (clear_text_whole)
        s->mail_cleartext = FACT_NO;
    if (smtp->content_bytes > 0)
        s->mail_cleartext_bytes = (int64_t)smtp->content_bytes;
    if (smtp->auth_sent)
        s->auth_cleartext = FACT_YES;
    else if (clear_text_whole)
        s->auth_cleartext = FACT_NO;
    if (smtp->auth_attempted)
        s->auth_mechanism = text_of(event, smtp->auth_mechanism);
    if (smtp->messages > 0)
        s->mail_transactions = (int64_t)smtp->messages;
    ehlo_list(event, &s->mail_from_domains, smtp->from_domains, smtp->num_from_domains);
    ehlo_list(event, &s->mail_rcpt_domains, smtp->rcpt_domains, smtp->num_rcpt_domains);
}

/* What was said inside TLS tells more of the two ends than what was said before it. */
static void describe_inner_smtp(struct event *event, const struct smtp_facts *inner,
                                struct ehlo_cache *ehlos) {
    struct session_event *s = &event->session;
    if (inner->banner_code != 0 && inner->banner.len > 0)
        s->smtp_banner = text_of(event, inner->banner);
    if (inner->helo.len > 0)
        s->smtp_helo = text_of(event, inner->helo);
    if (inner->ehlo.len > 0)
        s->smtp_ehlo = text_of(event, inner->ehlo);
    if (inner->server_name.len > 0)
        s->smtp_server_name = text_of(event, inner->server_name);
    if (inner->num_capabilities > 0) {
        s->smtp_capabilities = s->smtp_auth_mechanisms = (struct text_list){0};
        ehlo_show(ehlos, inner, event);
    }
    if (inner->last_reply_code != 0)
        s->smtp_last_reply_code = inner->last_reply_code;
    if (inner->requiretls_offered || inner->num_capabilities > 0)
        s->requiretls_offered = fact_of(inner->requiretls_offered);
    if (inner->requiretls_used)
        s->requiretls_used = FACT_YES;
}

/* None of it crossed in clear. Where mail did, before TLS, mail.* is about that. */
static void describe_inner_mail(struct event *event, const struct smtp_facts *inner) {
    struct session_event *s = &event->session;
    if (inner->auth_attempted && !s->auth_mechanism)
        s->auth_mechanism = text_of(event, inner->auth_mechanism);
    if (s->mail_cleartext == FACT_YES || s->mail_transactions > 0)
        return;
    if (inner->messages > 0)
        s->mail_transactions = (int64_t)inner->messages;
    ehlo_list(event, &s->mail_from_domains, inner->from_domains, inner->num_from_domains);
    ehlo_list(event, &s->mail_rcpt_domains, inner->rcpt_domains, inner->num_rcpt_domains);
}

static struct evidence evidence_of(const struct flow *flow, const struct smtp_facts *smtp) {
    const struct session *session = flow->session;
    struct evidence e = {
        .smtp = smtp,
        .tls = session->tls ? tls_facts(session->tls) : NULL,
        .gap = flow->streams[0].gap_bytes > 0 || flow->streams[1].gap_bytes > 0,
        .midstream = flow->midstream,
        .truncated = flow->truncated,
        .evicted = flow->evicted || smtp->no_memory,
        .ended =
            flow->rst_seen[0] || flow->rst_seen[1] || flow->streams[0].fin_seen || flow->streams[1].fin_seen,
        .timed_out = flow->timed_out,
        .mail_port = flow->mail_port,
        .tls_port = flow->tls_port,
    };
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        e.tls_began[side] = session->tls_began[side];
        e.tls_from_start[side] = session->tls_from_start[side] && flow->streams[side].syn_seen;
        e.clear_after_tls[side] = session->clear_after_tls[side];
        e.tls_found[side] = session->found_tls[side];
        e.asked_proxy[side] = session->asked_proxy[side];
        e.visible[side] = flow->packets[side] > 0;
    }
    return e;
}

static void find_in_smtp(struct session_event *s, const struct flow *flow) {
    static const struct {
        enum verdict verdict;
        enum finding finding;
    } by_verdict[] = {
        {VERDICT_NOT_OFFERED, FINDING_STARTTLS_NOT_OFFERED},
        {VERDICT_MASKED, FINDING_STARTTLS_MASKED},
        {VERDICT_OFFERED_UNUSED, FINDING_STARTTLS_OFFERED_UNUSED},
        {VERDICT_REFUSED, FINDING_STARTTLS_REFUSED},
        {VERDICT_ACCEPTED_NO_TLS, FINDING_STARTTLS_ACCEPTED_NO_TLS},
        {VERDICT_HANDSHAKE_FAILED, FINDING_TLS_HANDSHAKE_FAILED},
    };
    for (size_t i = 0; i < sizeof by_verdict / sizeof by_verdict[0]; i++) {
        if (s->verdict == by_verdict[i].verdict)
            event_find(s, by_verdict[i].finding);
    }
    if (s->mail_cleartext == FACT_YES)
        event_find(s, FINDING_MAIL_CLEARTEXT);
    if (s->auth_cleartext == FACT_YES)
        event_find(s, FINDING_AUTH_CLEARTEXT);
    if (s->starttls_masked_keyword)
        event_find(s, FINDING_STARTTLS_MASKED);
    if (s->injected_command_bytes > 0)
        event_find(s, FINDING_STARTTLS_COMMAND_INJECTION);
    if (s->injected_reply_bytes > 0)
        event_find(s, FINDING_STARTTLS_RESPONSE_INJECTION);
    if (flow->unexpected_port)
        event_find(s, FINDING_PORT_UNEXPECTED);
}

/* All that the client said in clear is there, and nothing can follow: what was not in it did not happen. */
static bool is_clear_text_whole(const struct evidence *e) {
    if (!e->visible[SIDE_CLIENT] || e->midstream || e->smtp->client_gap)
        return false;
    bool established = e->tls && e->tls->outcome == TLS_ESTABLISHED;
    return established || (verdict_is_over(e) && !e->gap);
}

static enum fact outcome_of(enum verdict verdict) {
    switch (verdict_counts_as(verdict)) {
    case COUNTS_ENCRYPTED:
        return FACT_YES;
    case COUNTS_PLAINTEXT:
    case COUNTS_FAILED:
        return FACT_NO;
    case COUNTS_NOT:
        break;
    }
    return FACT_UNKNOWN;
}

static void describe_verdict(struct session_event *s, const struct evidence *e) {
    struct judgement judgement = verdict_of(e);
    s->verdict = judgement.verdict;
    s->unknown_reason = judgement.unknown_reason;
    s->reason = judgement.reason;
    s->mode = judgement.mode;
    s->outcome = outcome_of(judgement.verdict);
    if (judgement.verdict != VERDICT_NOT_SMTP)
        s->network_protocol = "smtp";
}

void describe_session(struct event *event, const struct flow *flow, const struct config *config,
                      const struct session_tools *tools) {
    struct session_event *s = &event->session;
    const struct smtp_facts *smtp = smtp_facts(flow->session->smtp);
    struct evidence evidence = evidence_of(flow, smtp);
    describe_network(event, flow, config, tools->digest);
    describe_capture(s, flow);
    describe_verdict(s, &evidence);
    bool clear_text_whole = is_clear_text_whole(&evidence);
    if (s->verdict != VERDICT_NOT_SMTP)
        describe_smtp(event, smtp, tools->ehlos);
    if (smtp->received)
        describe_received(event, smtp->received);
    if (s->starttls_requested == FACT_NO && !clear_text_whole)
        s->starttls_requested = FACT_UNKNOWN;
    describe_mail(event, smtp, clear_text_whole);
    if (flow->session->inner && s->verdict != VERDICT_NOT_SMTP) {
        const struct smtp_facts *inner = inner_facts(flow->session->inner);
        describe_inner_smtp(event, inner, tools->ehlos);
        describe_inner_mail(event, inner);
    }
    describe_tls(event, flow);
    find_in_smtp(s, flow);
    s->destination.domain = s->tls_server_name ? s->tls_server_name : s->smtp_server_name;
    describe_id(event, tools->digest, s->community_id, s->start_ns, 0);
}

void describe_id(struct event *event, struct digest *digest, const char *subject, uint64_t first_ns,
                 uint64_t window_ns) {
    char text[DESCRIBE_SUBJECT_MAX + 3 * (1 + BUFFER_NUMBER_MAX)], *at = text;
    uint8_t hash[32] = {0};
    size_t subject_len = subject ? strnlen(subject, DESCRIBE_SUBJECT_MAX) : 0;
    memcpy(at, subject ? subject : "", subject_len);
    at += subject_len;
    const uint64_t numbers[] = {first_ns, event->dataset, window_ns};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *at++ = '|';
        at = buffer_put_unsigned(at, numbers[i]);
    }
    digest_sha256(digest, text, (size_t)(at - text), hash);
    event->arena.failed |= digest_failed(digest); /* the event lacks something */
    hex_lower(hash, 16, event->id);
}
