/* policy_judge.c: which rules a session has, and whether it kept them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "policy_cert.h"

#define REASON_MAX 256

/* --- the rules of a session --- */

struct finding_rules {
    struct policy_query query;
    struct policy_match found[POLICY_FOUND_MAX];
    size_t num;
};

static void add(struct finding_rules *f, const struct policy_rule *rule, enum policy_by by,
                const char *name) {
    for (size_t i = 0; i < f->num; i++) {
        if (f->found[i].rule == rule)
            return;
    }
    if (rule && f->num < POLICY_FOUND_MAX)
        f->found[f->num++] = (struct policy_match){rule, by, name};
}

static bool try_host(struct finding_rules *f, const char *name) {
    if (name)
        add(f, policy_find_host(&f->query, name), POLICY_BY_HOST, name);
    return f->num > 0;
}

static bool try_address(struct finding_rules *f, const char *address) {
    if (address)
        add(f, policy_find_address(&f->query, address), POLICY_BY_ADDRESS, address);
    return f->num > 0;
}

/* A wildcard's own name is that of its parents: "*.example.org" has the rule of .example.org. */
static bool is_without_rule(void *context, const char *name) {
    return !try_host(context, name);
}

static bool try_certificate(struct finding_rules *f, const struct event_cert *cert) {
    return !policy_cert_names(cert, is_without_rule, f);
}

static bool try_domains(struct finding_rules *f, const struct text_list *domains) {
    for (size_t i = 0; i < domains->num; i++) {
        const char *domain = domains->items[i];
        if (domain)
            add(f, policy_find_domain(&f->query, domain), POLICY_BY_DOMAIN, domain);
    }
    return f->num > 0;
}

static void find_rules(struct finding_rules *f, const struct session_event *s) {
    if (try_domains(f, &s->mail_rcpt_domains))
        return;
    /* Of several domains with the same mail server it is not known for which this mail is. */
    if (s->mail_rcpt_domains.num == 0 && s->dns_domains.num == 1 && try_domains(f, &s->dns_domains))
        return;
    bool inbound = s->direction && strcmp(s->direction, "inbound") == 0;
    if (inbound && (try_host(f, s->smtp_ehlo) || try_host(f, s->smtp_helo) ||
                    try_certificate(f, &s->client_cert) || try_address(f, s->source.ip)))
        return;
    if (try_host(f, s->dns_host) || try_host(f, s->tls_server_name) || try_host(f, s->smtp_server_name) ||
        try_certificate(f, &s->server_cert) || try_address(f, s->destination.ip))
        return;
    add(f, policy_find_any(&f->query), POLICY_BY_NOTHING, NULL);
}

/* --- the judgement by one rule --- */

enum result { RESULT_NONE, RESULT_PASS, RESULT_UNKNOWN, RESULT_FAIL }; /* from the best to the worst */

struct judging {
    struct event *event;
    const struct session_event *s;
    const struct policy_match *match;
    const struct policy_rule *rule;
    enum result result;
    const char *reasons[POLICY_REASONS_MAX]; /* of the worst result so far */
    size_t num_reasons;
};

__attribute__((format(printf, 3, 4))) static void say(struct judging *j, enum result result,
                                                      const char *format, ...) {
    char text[REASON_MAX];
    va_list args;
    if (result < j->result)
        return;
    if (result > j->result)
        j->num_reasons = 0;
    j->result = result;
    if (j->num_reasons >= POLICY_REASONS_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *reason = event_string(j->event, text);
    if (reason)
        j->reasons[j->num_reasons++] = reason;
}

/* Something that is required: said when it is not so, or not known. */
static void require(struct judging *j, enum fact fact, const char *missing, const char *unknown) {
    if (fact == FACT_NO)
        say(j, RESULT_FAIL, "%s", missing);
    else if (fact == FACT_UNKNOWN)
        say(j, RESULT_UNKNOWN, "%s", unknown);
}

/* 0x0303 of "1.2"; 0: none. */
static uint16_t version_of(const struct session_event *s) {
    const char *v = s->tls_version;
    bool ssl = s->tls_version_protocol && strcmp(s->tls_version_protocol, "ssl") == 0;
    if (!v || strlen(v) < 3 || v[1] != '.' || v[2] < '0' || v[2] > '9')
        return 0;
    if (ssl)
        return v[0] == '3' ? POLICY_VERSION_SSL : POLICY_VERSION_SSL - 1;
    return (uint16_t)(POLICY_VERSION_SSL + 1 + (v[2] - '0'));
}

static void judge_version(struct judging *j) {
    const struct policy_versions *v = &j->rule->versions;
    uint16_t version = version_of(j->s), floor = v->text ? v->floor : POLICY_VERSION_SSL + 1;
    const char *prefix = j->s->tls_version_protocol && j->s->tls_version_protocol[0] == 's' ? "SSL" : "TLS";
    if (version == 0) {
        say(j, RESULT_UNKNOWN, "the TLS version was not seen");
        return;
    }
    bool excluded = version >= POLICY_VERSION_SSL && version < POLICY_VERSION_SSL + 8 &&
                    (v->excluded >> (version - POLICY_VERSION_SSL) & 1) != 0;
    if (version < POLICY_VERSION_SSL || (floor != 0 && version < floor) ||
        (v->ceiling != 0 && version > v->ceiling) || excluded)
        say(j, RESULT_FAIL, "%s %s: protocols=%s", prefix, j->s->tls_version, v->text ? v->text : ">=TLSv1");
}

static void judge_excluded(struct judging *j, const char *suite) {
    const struct policy_words *excludes = &j->rule->excludes;
    for (size_t i = 0; i < excludes->num; i++) {
        const char *word = excludes->items[i];
        if (suite_word_known(word) && suite_word_fits(word, suite))
            say(j, RESULT_FAIL, "%s: exclude=%s", suite, word);
        else if (!suite_word_known(word) && !suite_is_tls13(suite))
            say(j, RESULT_UNKNOWN, "exclude=%s is not judged", word);
    }
}

static void judge_suite(struct judging *j) {
    const struct policy_rule *rule = j->rule;
    const char *suite = j->s->tls_cipher;
    if (!suite) {
        say(j, RESULT_UNKNOWN, "the cipher suite was not seen");
        return;
    }
    enum suite_grade grade = suite_grade_of(suite);
    if (grade == SUITE_UNKNOWN)
        say(j, RESULT_UNKNOWN, "%s: a cipher suite that is not known", suite);
    else if (grade == SUITE_NULL && rule->grade != SUITE_NULL)
        say(j, RESULT_FAIL, "%s: does not encrypt", suite);
    else if (grade < rule->grade)
        say(j, RESULT_FAIL, "%s: grade %s, ciphers=%s", suite, suite_grade_name(grade),
            suite_grade_name(rule->grade));
    if (policy_level_asks_tls(rule->level) && rule->level != POLICY_ENCRYPT && suite_is_anonymous(suite))
        say(j, RESULT_FAIL, "%s: anonymous, without a certificate", suite);
    judge_excluded(j, suite);
}

/* Before TLS 1.3 there was nothing of the kind. */
static enum fact post_quantum(const struct session_event *s) {
    uint16_t version = version_of(s);
    return s->tls_post_quantum == FACT_UNKNOWN && version != 0 && version < POLICY_VERSION_SSL + 4
               ? FACT_NO
               : s->tls_post_quantum;
}

static void judge_own(struct judging *j) {
    const struct policy_rule *rule = j->rule;
    const struct session_event *s = j->s;
    if (rule->min_bits > 0 && s->tls_cipher_bits == EVENT_ABSENT)
        say(j, RESULT_UNKNOWN, "the size of the cipher's key is not known");
    else if (rule->min_bits > 0 && s->tls_cipher_bits < (int64_t)rule->min_bits)
        say(j, RESULT_FAIL, "%d bits: min_bits=%u", (int)s->tls_cipher_bits, rule->min_bits);
    if (rule->forward_secrecy)
        require(j, s->tls_forward_secrecy, "no forward secrecy",
                "whether there is forward secrecy was not seen");
    if (rule->post_quantum)
        require(j, post_quantum(s), "the key exchange is not post-quantum",
                "whether the key exchange is post-quantum was not seen");
    if (rule->client_cert)
        require(j, s->client_cert_sent, "the client sent no certificate",
                "whether the client sent a certificate was not seen");
}

/* --- the certificate --- */

static const char *why_hidden(const struct session_event *s) {
    static const struct {
        const char *absent, *why;
    } table[] = {
        {"tls13_encrypted", "the certificate is encrypted in TLS 1.3"},
        {"resumed", "the certificate was sent in an earlier session, which this one resumes"},
        {"truncated", "the certificate was cut by the capture's snap length"},
        {"gap", "the certificate was not captured whole"},
    };
    for (size_t i = 0; s->cert_absent_reason && i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].absent, s->cert_absent_reason) == 0)
            return table[i].why;
    }
    return "the certificate was not seen";
}

static void judge_fingerprint(struct judging *j) {
    const struct policy_words *prints = &j->rule->matches;
    const struct event_cert *cert = &j->s->server_cert;
    char key[2 * sizeof cert->key_sha256 + 1] = "";
    enum fact result = cert->key_known ? FACT_NO : FACT_UNKNOWN;
    if (cert->key_known)
        hex_lower(cert->key_sha256, sizeof cert->key_sha256, key);
    for (size_t i = 0; i < prints->num; i++) {
        const char *print = prints->items[i];
        if (strcmp(print, cert->sha256) == 0 || strcmp(print, key) == 0)
            return;
        if (strlen(print) != strlen(cert->sha256))
            result = FACT_UNKNOWN;
    }
    require(j, result, "the certificate has none of the fingerprints",
            "the certificate's key, or its fingerprint by another digest than SHA-256, is not known");
}

static void judge_chain(struct judging *j) {
    const struct session_event *s = j->s;
    if (j->rule->has_tafile)
        say(j, RESULT_UNKNOWN, "tafile= is not judged");
    else if (s->cert_chain_valid == FACT_NO)
        say(j, RESULT_FAIL, "the certificate chain is not valid: %s",
            s->cert_chain_error ? s->cert_chain_error : "no cause given");
    else if (s->cert_chain_valid == FACT_UNKNOWN)
        say(j, RESULT_UNKNOWN, "whether the certificate chain is valid was not judged");
    require(j, policy_cert_named(j->match, s, &s->server_cert), "the certificate is for another name",
            "which name the sender looked up was not seen");
}

/* Records that the resolver does not say are safe are none for Postfix. */
static bool has_safe_records(const struct session_event *s) {
    return s->dane_records.num > 0 && s->dane_dnssec && strcmp(s->dane_dnssec, "claimed") == 0;
}

static void judge_dane(struct judging *j) {
    const struct session_event *s = j->s;
    if (!has_safe_records(s) || !s->dane_result)
        say(j, RESULT_UNKNOWN, "no TLSA records of the server were seen that DNSSEC makes safe");
    else if (strcmp(s->dane_result, "mismatch") == 0)
        say(j, RESULT_FAIL, "the certificate is not what the TLSA records name");
    else if (strcmp(s->dane_result, "match") != 0)
        say(j, RESULT_UNKNOWN, "%s",
            s->server_cert.sha256 ? "the TLSA records cannot be judged" : why_hidden(s));
}

static void judge_certificate(struct judging *j) {
    const struct session_event *s = j->s;
    enum policy_level level = j->rule->level;
    bool wanted = level == POLICY_VERIFY || level == POLICY_SECURE || level == POLICY_FINGERPRINT;
    if (level == POLICY_DANE || level == POLICY_DANE_ONLY)
        judge_dane(j);
    if (!wanted)
        return;
    if (!s->server_cert.sha256)
        say(j, RESULT_UNKNOWN, "%s", why_hidden(s));
    else if (level == POLICY_FINGERPRINT)
        judge_fingerprint(j);
    else
        judge_chain(j);
}

/* --- the whole --- */

static const char *why_clear(const struct session_event *s) {
    static const char *const why[NUM_VERDICTS] = {
        [VERDICT_NOT_OFFERED] = "not encrypted: STARTTLS was not offered",
        [VERDICT_MASKED] = "not encrypted: the keyword STARTTLS was overwritten",
        [VERDICT_NO_EHLO] = "not encrypted: the client did not say EHLO",
        [VERDICT_OFFERED_UNUSED] = "not encrypted: STARTTLS was offered and not used",
        [VERDICT_REFUSED] = "not encrypted: STARTTLS was refused",
        [VERDICT_ACCEPTED_NO_TLS] = "not encrypted: STARTTLS was accepted, and clear text followed",
        [VERDICT_CLEARTEXT_ON_TLS_PORT] = "not encrypted: clear text on a port for TLS",
        [VERDICT_HANDSHAKE_FAILED] = "not encrypted: the TLS handshake failed",
        [VERDICT_NO_MAIL] = "not encrypted: STARTTLS was not offered",
    };
    return why[s->verdict] ? why[s->verdict] : "not encrypted";
}

static bool crossed_in_clear(const struct session_event *s) {
    return s->mail_cleartext == FACT_YES || s->auth_cleartext == FACT_YES;
}

static void judge_clear(struct judging *j) {
    const struct session_event *s = j->s;
    bool dane = j->rule->level == POLICY_DANE;
    if (dane && !has_safe_records(s))
        say(j, RESULT_UNKNOWN,
            "not encrypted; no TLSA records of the server were seen that DNSSEC makes safe");
    if (!policy_level_asks_tls(j->rule->level) && !(dane && has_safe_records(s)))
        return;
    say(j, RESULT_FAIL, "%s", why_clear(s));
    if (s->mail_cleartext == FACT_NO && s->auth_cleartext == FACT_NO)
        say(j, RESULT_FAIL, "nothing was mailed");
}

static void judge_encrypted(struct judging *j) {
    if (policy_level_asks_tls(j->rule->level) && crossed_in_clear(j->s))
        say(j, RESULT_FAIL, "mail or AUTH crossed in clear before TLS");
    judge_version(j);
    judge_suite(j);
    judge_own(j);
    judge_certificate(j);
}

static void judge_unknown(struct judging *j) {
    const struct session_event *s = j->s;
    bool clear = crossed_in_clear(s);
    if (clear && policy_level_asks_tls(j->rule->level))
        say(j, RESULT_FAIL, "not encrypted: mail or AUTH crossed in clear");
    else if (!clear || j->rule->level == POLICY_DANE)
        say(j, RESULT_UNKNOWN, "%s", s->reason ? s->reason : "the session was not captured whole");
}

/* The client left without mail; decided only where it could not have got TLS. */
static void judge_no_mail(struct judging *j) {
    if (j->s->starttls_offered == FACT_NO && policy_level_asks_tls(j->rule->level))
        judge_clear(j);
    else
        j->result = RESULT_NONE;
}

static void judge_rule(struct judging *j) {
    enum verdict verdict = j->s->verdict;
    j->result = RESULT_PASS;
    if (verdict == VERDICT_NOT_SMTP) {
        j->result = RESULT_NONE;
    } else if (verdict == VERDICT_NO_MAIL) {
        judge_no_mail(j);
    } else if (j->rule->level == POLICY_NONE) {
        return;
    } else if (verdict == VERDICT_UNKNOWN) {
        judge_unknown(j);
    } else if (verdict_counts_as(verdict) == COUNTS_ENCRYPTED) {
        judge_encrypted(j);
    } else {
        judge_clear(j);
    }
}

static void put_result(struct event *event, const struct judging *j) {
    static const char *const names[] = {NULL, "pass", "unknown", "fail"};
    struct session_event *s = &event->session;
    s->policy_rule = event_string(event, j->rule->written);
    s->policy_level = policy_level_name(j->rule->level);
    s->policy_result = names[j->result];
    if (j->num_reasons > 0 && event_list(event, &s->policy_reasons, j->num_reasons))
        memcpy(s->policy_reasons.items, j->reasons, s->policy_reasons.num * sizeof j->reasons[0]);
    if (j->result == RESULT_FAIL)
        event_find(s, FINDING_POLICY_VIOLATION);
}

void policy_judge(const struct policy *policy, struct event *event) {
    const struct session_event *s = &event->session;
    struct finding_rules f = {.query = {policy, s->destination.port, s->direction, NULL, NULL}};
    struct judging worst = {.result = RESULT_NONE};
    find_rules(&f, s);
    for (size_t i = 0; i < f.num; i++) {
        struct judging j = {.event = event, .s = s, .match = &f.found[i], .rule = f.found[i].rule};
        judge_rule(&j);
        if (j.result > worst.result)
            worst = j;
    }
    if (worst.result != RESULT_NONE)
        put_result(event, &worst);
}
