#include "naming.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "naming_sts.h"

#define PORT_SMTPS      465
#define PORT_SUBMISSION 587
#define HOST_MAX        253u

/* How sure it is that the client meant this host. */
enum rank { RANK_ADDRESS, RANK_ASKED, RANK_MX, RANK_MX_OF_RECIPIENT };

struct candidate {
    const char *host; /* NULL: none */
    enum rank rank;
    bool is_sni, in_certificate, asked;
    size_t at; /* of the hosts */
};

static void rest_on(const struct naming *naming, const struct name_found *facts, size_t num) {
    for (size_t i = 0; naming->rests_on && i < num; i++)
        naming->rests_on(naming->context, &facts[i]);
}

enum fact naming_matches(const struct text_list *names, const char *host) {
    size_t len = strlen(host);
    char name[HOST_MAX + 2];
    if (len > 1 && host[len - 1] == '.')
        len--;
    if (len == 0 || len > HOST_MAX)
        return FACT_NO;
    memcpy(name, host, len);
    name[len] = '\0';
    const char *dot = strchr(name, '.');
    for (size_t i = 0; i < names->num; i++) {
        const char *pattern = names->items[i];
        if (!pattern)
            continue;
        bool wild = pattern[0] == '*' && pattern[1] == '.' && strchr(pattern + 2, '.');
        if (wild ? dot && dot > name && strcasecmp(pattern + 1, dot) == 0 : strcasecmp(pattern, name) == 0)
            return FACT_YES;
    }
    return names->num >= EVENT_LIST_MAX ? FACT_UNKNOWN : FACT_NO; /* there may have been more */
}

/* The certificate could be read. */
static bool is_readable(const struct event_cert *cert) {
    return cert->sha256 && (cert->not_after_s != EVENT_ABSENT || cert->serial_number);
}

static bool has_domain(const struct text_list *domains, const uint8_t *domain) {
    for (size_t i = 0; i < domains->num; i++) {
        if (domains->items[i] && strcasecmp(domains->items[i], (const char *)domain) == 0)
            return true;
    }
    return false;
}

static enum rank rank_of(const struct naming *naming, const struct session_event *s,
                         const struct naming_ends *ends, const struct name_found *host) {
    struct name_found domains[NAMES_PER_KEY_MAX];
    uint16_t port = s->destination.port;
    size_t num = 0;
    if (port != PORT_SMTPS && port != PORT_SUBMISSION)
        num = names_find(naming->names, NAME_MX, host->value, host->value_len, &ends->client, s->start_ns,
                         domains);
    for (size_t i = 0; i < num; i++) {
        if (has_domain(&s->mail_rcpt_domains, domains[i].value))
            return RANK_MX_OF_RECIPIENT;
    }
    if (num > 0)
        return RANK_MX;
    return host->asked ? RANK_ASKED : RANK_ADDRESS;
}

static bool is_better(const struct candidate *a, const struct candidate *b) {
    if (!b->host || a->rank != b->rank)
        return !b->host || a->rank > b->rank;
    if (a->is_sni != b->is_sni)
        return a->is_sni;
    if (a->in_certificate != b->in_certificate)
        return a->in_certificate;
    return a->asked && !b->asked; /* else the one seen last: it came first */
}

struct hosts {
    struct name_found found[NAMING_HOSTS_MAX];
    unsigned aliases[NAMING_HOSTS_MAX]; /* steps from the address */
    size_t of[NAMING_HOSTS_MAX];        /* it is an alias of that one; of the address: of itself */
    size_t num;
};

static void add_hosts(struct hosts *hosts, const struct name_found *found, size_t num, unsigned aliases,
                      size_t of) {
    for (size_t i = 0; i < num && hosts->num < NAMING_HOSTS_MAX; i++) {
        size_t at = 0;
        while (at < hosts->num &&
               strcmp((const char *)hosts->found[at].value, (const char *)found[i].value) != 0)
            at++;
        if (at < hosts->num)
            continue; /* an alias of an alias of itself, say */
        hosts->found[at] = found[i];
        hosts->aliases[at] = aliases;
        hosts->of[at] = aliases > 0 ? of : at;
        hosts->num++;
    }
}

/* The names of the server's address, and those that are aliases of these. */
static void find_hosts(const struct naming *naming, const struct session_event *s,
                       const struct naming_ends *ends, struct hosts *hosts) {
    struct name_found found[NAMES_PER_KEY_MAX];
    size_t num = names_find(naming->names, NAME_OF_ADDRESS, ends->server.bytes, ends->server.len,
                            &ends->client, s->start_ns, found);
    hosts->num = 0;
    add_hosts(hosts, found, num, 0, 0);
    for (size_t i = 0; i < hosts->num; i++) {
        if (hosts->aliases[i] == NAMING_ALIASES_MAX)
            break; /* and so have all that follow */
        num = names_find(naming->names, NAME_OF_ALIAS, hosts->found[i].value, hosts->found[i].value_len,
                         &ends->client, s->start_ns, found);
        add_hosts(hosts, found, num, hosts->aliases[i] + 1, i);
    }
}

static void rest_on_host(const struct naming *naming, const struct hosts *hosts, size_t at) {
    rest_on(naming, &hosts->found[at], 1);
    if (hosts->of[at] != at)
        rest_on_host(naming, hosts, hosts->of[at]);
}

static struct candidate find_host(const struct naming *naming, const struct session_event *s,
                                  const struct naming_ends *ends) {
    struct hosts hosts;
    struct candidate best = {0};
    find_hosts(naming, s, ends, &hosts);
    for (size_t i = 0; i < hosts.num; i++) {
        const struct name_found *found = &hosts.found[i];
        const char *host = (const char *)found->value;
        struct candidate one = {
            .host = host,
            .rank = rank_of(naming, s, ends, found),
            .is_sni = s->tls_server_name && strcasecmp(s->tls_server_name, host) == 0,
            .in_certificate = naming_matches(&s->server_cert.alternative_names, host) == FACT_YES,
            .asked = found->asked,
            .at = i,
        };
        if (is_better(&one, &best))
            best = one;
    }
    if (best.host && best.rank == RANK_ADDRESS)
        best.host = NULL; /* somebody looked up some name of that address: it says too little */
    if (best.host)
        rest_on_host(naming, &hosts, best.at);
    return best;
}

static void expect_name(struct session_event *s, const char *host) {
    const char *before = s->cert_expected_name;
    if (s->cert_visible != FACT_YES)
        return;
    s->cert_expected_name = host;
    if (!is_readable(&s->server_cert) || (before && strcasecmp(before, host) == 0))
        return;
    s->cert_name_match = naming_matches(&s->server_cert.alternative_names, host);
    s->findings &= ~(UINT64_C(1) << FINDING_CERT_NAME_MISMATCH);
    if (s->cert_name_match == FACT_NO)
        event_find(s, FINDING_CERT_NAME_MISMATCH);
}

static void describe_domains(const struct naming *naming, struct event *event,
                             const struct naming_ends *ends) {
    struct session_event *s = &event->session;
    struct name_found domains[NAMES_PER_KEY_MAX];
    size_t num = names_find(naming->names, NAME_MX, s->dns_host, strlen(s->dns_host), &ends->client,
                            s->start_ns, domains);
    rest_on(naming, domains, num);
    if (num == 0 || !event_list(event, &s->dns_domains, num))
        return;
    for (size_t i = 0; i < s->dns_domains.num; i++)
        s->dns_domains.items[i] = event_text(event, domains[i].value, domains[i].value_len);
}

static void describe_host(const struct naming *naming, struct event *event, const struct naming_ends *ends) {
    struct session_event *s = &event->session;
    struct candidate best = find_host(naming, s, ends);
    if (!best.host)
        return;
    s->dns_host = event_string(event, best.host);
    if (!s->dns_host)
        return;
    if (best.rank >= RANK_MX)
        describe_domains(naming, event, ends);
    if (best.rank >= RANK_MX || !s->tls_server_name) {
        expect_name(s, s->dns_host);
        s->destination.domain = s->dns_host;
    }
}

/* --- DANE --- */

/* "3 1 1 0a1b...": as a zone file has it. */
static const char *record_text(struct event *event, const struct name_found *record) {
    char text[3 * 4 + 2 * 64 + 4];
    size_t len = record->value_len - 3, shown = len < 64 ? len : 64;
    int at = snprintf(text, sizeof text, "%u %u %u ", record->value[0], record->value[1], record->value[2]);
    hex_lower(record->value + 3, shown, text + at);
    if (shown < len)
        memcpy(text + (size_t)at + 2 * shown, "...", 4);
    return event_string(event, text);
}

static size_t find_tlsa(const struct naming *naming, const struct session_event *s,
                        const struct naming_ends *ends, const char *host,
                        struct name_found found[NAMES_PER_KEY_MAX]) {
    char owner[HOST_MAX + 16];
    int len = snprintf(owner, sizeof owner, "_%u._tcp.%.*s", s->destination.port, (int)HOST_MAX, host);
    return names_find(naming->names, NAME_TLSA, owner, (size_t)len, &ends->client, s->start_ns, found);
}

/* The records of the host, else of what its alias led to (RFC 7672 section 2.2.2 tries them the other way
 * round; a resolver that has asked once tells which there are). */
static size_t find_records(const struct naming *naming, const struct session_event *s,
                           const struct naming_ends *ends, struct name_found found[NAMES_PER_KEY_MAX]) {
    struct name_found aliases[NAMES_PER_KEY_MAX];
    const char *host =
        s->dns_host && (s->dns_domains.num > 0 || !s->tls_server_name) ? s->dns_host : s->tls_server_name;
    size_t num = 0;
    for (unsigned step = 0; host && num == 0 && step <= NAMING_ALIASES_MAX; step++) {
        num = find_tlsa(naming, s, ends, host, found);
        bool is_alias = num == 0 && names_find(naming->names, NAME_ALIAS, host, strlen(host), &ends->client,
                                               s->start_ns, aliases) > 0;
        host = is_alias ? (const char *)aliases[0].value : NULL; /* the last seen: a name has one CNAME */
        rest_on(naming, aliases, is_alias ? 1 : 0);
    }
    if (num > 0)
        rest_on(naming, found, num);
    return num;
}

static void describe_dane(const struct naming *naming, struct event *event, const struct naming_ends *ends) {
    struct session_event *s = &event->session;
    struct name_found found[NAMES_PER_KEY_MAX];
    struct dane_record records[NAMES_PER_KEY_MAX];
    static const char *const results[] = {
        [DANE_UNKNOWN] = "unknown", [DANE_MATCH] = "match", [DANE_MISMATCH] = "mismatch"};
    size_t num = find_records(naming, s, ends, found);
    bool authentic = true;
    if (num == 0 || !event_list(event, &s->dane_records, num))
        return;
    for (size_t i = 0; i < num; i++) {
        s->dane_records.items[i] = record_text(event, &found[i]);
        records[i] = (struct dane_record){.bytes = found[i].value, .len = found[i].value_len};
        digest_sha256(naming->digest, found[i].value + 3, found[i].value_len - 3, records[i].sha256);
        authentic = authentic && found[i].authentic;
    }
    const struct dane_facts facts = {
        .chain = trust_digests(naming->trust, &ends->chain, &event->arena),
        .name_wrong = s->cert_name_match == FACT_NO,
        .out_of_date = event_found(s, FINDING_CERT_EXPIRED) || event_found(s, FINDING_CERT_NOT_YET_VALID),
    };
    s->dane_result = results[dane_judge(records, num, &facts, &s->dane_reason)];
    s->dane_dnssec = authentic ? "claimed" : "not_claimed";
}

/* --- records of a domain --- */

static const char *text_of_domain(const struct naming *naming, struct event *event,
                                  const struct naming_ends *ends, enum name_kind kind) {
    struct session_event *s = &event->session;
    struct name_found found[NAMES_PER_KEY_MAX];
    const struct text_list *domains = s->mail_rcpt_domains.num > 0 ? &s->mail_rcpt_domains : &s->dns_domains;
    const char *domain = domains->num == 1 ? domains->items[0] : NULL; /* of which of several? */
    if (!domain ||
        names_find(naming->names, kind, domain, strlen(domain), &ends->client, s->start_ns, found) == 0)
        return NULL;
    rest_on(naming, found, 1);
    return event_text(event, found[0].value, found[0].value_len);
}

void naming_describe(const struct naming *naming, struct event *event, const struct naming_ends *ends) {
    struct session_event *s = &event->session;
    if (naming->names && names_count(naming->names) > 0) {
        describe_host(naming, event, ends);
        describe_dane(naming, event, ends);
        s->dns_mta_sts_id = text_of_domain(naming, event, ends, NAME_MTA_STS);
        s->dns_tlsrpt_rua = text_of_domain(naming, event, ends, NAME_TLSRPT);
    }
    if (naming->mta_sts)
        naming_judge_sts(naming->mta_sts, event);
}
