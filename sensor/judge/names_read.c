/* names_read.c: a message of the DNS -> facts for the cache. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../parsers/dns.h"
#include "names.h"

#define ALIASES_MAX 8 /* CNAMEs from the question to the answer */

static const char sts_prefix[] = "_mta-sts.", tlsrpt_prefix[] = "_smtp._tls.";

struct reading {
    struct dns dns;
    struct dns_record record;
    char end[DNS_NAME_MAX + 1]; /* where CNAMEs have led from the question so far */
    unsigned num_aliases;
    uint32_t aliases_ttl_s; /* the least of theirs */
    bool end_has_address;
    struct arena *arena;
    struct name_fact *facts; /* NAMES_FACTS_MAX of them, once there is one */
    size_t num;
};

static const char *behind(const char *name, const char *prefix) {
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 && name[len] != '\0' ? name + len : NULL;
}

/* Most of what is asked has nothing to do with mail. */
static bool is_of_mail(const struct dns *dns) {
    switch (dns->question_type) {
    case 0: /* no question */
    case DNS_A:
    case DNS_AAAA:
    case DNS_CNAME:
    case DNS_MX:
        return true;
    case DNS_TLSA:
        return strstr(dns->question, "._tcp.") != NULL;
    case DNS_TXT:
        return behind(dns->question, sts_prefix) || behind(dns->question, tlsrpt_prefix);
    default:
        return false;
    }
}

static void add(struct reading *reading, enum name_kind kind, const void *key, size_t key_len,
                const void *value, size_t value_len) {
    uint32_t ttl_s = reading->record.ttl_s;
    if (reading->num == NAMES_FACTS_MAX || key_len == 0 || value_len == 0 || value_len > NAMES_VALUE_MAX)
        return;
    if (!reading->facts)
        reading->facts = arena_alloc(reading->arena, NAMES_FACTS_MAX * sizeof *reading->facts);
    uint8_t *bytes = reading->facts ? arena_alloc(reading->arena, key_len + value_len) : NULL;
    if (!bytes)
        return;
    memcpy(bytes, key, key_len);
    memcpy(bytes + key_len, value, value_len);
    if (reading->num_aliases > 0 && ttl_s > reading->aliases_ttl_s)
        ttl_s = reading->aliases_ttl_s;
    reading->facts[reading->num++] = (struct name_fact){.kind = (uint8_t)kind,
                                                        .authentic = reading->dns.authentic,
                                                        .key_len = (uint16_t)key_len,
                                                        .value_len = (uint16_t)value_len,
                                                        .ttl_s = ttl_s,
                                                        .key = bytes,
                                                        .value = bytes + key_len};
}

static void add_names(struct reading *reading, enum name_kind kind, const char *key, const char *value) {
    add(reading, kind, key, strlen(key), value, strlen(value));
}

/* The name that was asked for, where the record's owner is what CNAMEs led to; else the owner. */
static const char *asked_for(const struct reading *reading) {
    return reading->num_aliases > 0 && strcmp(reading->record.owner, reading->end) == 0
               ? reading->dns.question
               : reading->record.owner;
}

static void follow_alias(struct reading *reading) {
    const struct dns_record *record = &reading->record;
    if (record->additional || strcmp(record->owner, reading->end) != 0 ||
        reading->num_aliases == ALIASES_MAX || record->target[0] == '\0')
        return;
    if (reading->num_aliases++ == 0 || record->ttl_s < reading->aliases_ttl_s)
        reading->aliases_ttl_s = record->ttl_s;
    memcpy(reading->end, record->target, sizeof reading->end);
}

static void read_tlsa(struct reading *reading) {
    const struct dns_record *record = &reading->record;
    const char *name = asked_for(reading);
    size_t len = record->data_len + 3u;
    uint8_t *value = len <= NAMES_VALUE_MAX ? arena_alloc(reading->arena, len) : NULL;
    if (!value)
        return;
    value[0] = record->usage;
    value[1] = record->selector;
    value[2] = record->matching;
    memcpy(value + 3, record->data, record->data_len);
    add(reading, NAME_TLSA, name, strlen(name), value, len);
}

/* The value of a key in "v=STSv1; id=20160831085700Z;" (RFC 8461 section 3.1, RFC 8460 section 3). */
static size_t value_of(const struct dns_record *record, const char *key, const char **value) {
    const char *at = record->text, *end = record->text + record->text_len;
    size_t key_len = strlen(key);
    while (at < end) {
        while (at < end && (*at == ' ' || *at == '\t' || *at == ';'))
            at++;
        const char *stop = memchr(at, ';', (size_t)(end - at));
        stop = stop ? stop : end;
        if ((size_t)(stop - at) > key_len && memcmp(at, key, key_len) == 0 && at[key_len] == '=') {
            *value = at + key_len + 1;
            while (stop > *value && (stop[-1] == ' ' || stop[-1] == '\t'))
                stop--;
            return (size_t)(stop - *value);
        }
        at = stop;
    }
    return 0;
}

static void read_text(struct reading *reading) {
    static const char sts[] = "v=STSv1", tlsrpt[] = "v=TLSRPTv1";
    const struct dns_record *record = &reading->record;
    const char *name = asked_for(reading), *domain, *value;
    size_t len;
    if ((domain = behind(name, sts_prefix)) && record->text_len >= sizeof sts - 1 &&
        memcmp(record->text, sts, sizeof sts - 1) == 0 && (len = value_of(record, "id", &value)) > 0)
        add(reading, NAME_MTA_STS, domain, strlen(domain), value, len);
    if ((domain = behind(name, tlsrpt_prefix)) && record->text_len >= sizeof tlsrpt - 1 &&
        memcmp(record->text, tlsrpt, sizeof tlsrpt - 1) == 0 && (len = value_of(record, "rua", &value)) > 0)
        add(reading, NAME_TLSRPT, domain, strlen(domain), value, len);
}

static void read_address(struct reading *reading) {
    const struct dns_record *record = &reading->record;
    const char *name = asked_for(reading);
    add(reading, NAME_OF_ADDRESS, record->data, record->data_len, name, strlen(name));
    if (name == record->owner)
        return;
    add_names(reading, NAME_ALIAS, name, record->owner);
    reading->end_has_address = true;
}

/* The address comes in another answer: whoever asked goes on, and so does naming.c. */
static void read_alias_alone(struct reading *reading) {
    const char *name = reading->dns.question;
    if (reading->num_aliases == 0 || reading->end_has_address || strcmp(name, reading->end) == 0)
        return;
    reading->record.ttl_s = reading->aliases_ttl_s;
    add_names(reading, NAME_ALIAS, name, reading->end);
    add_names(reading, NAME_OF_ALIAS, reading->end, name);
}

static void read_record(struct reading *reading) {
    switch (reading->record.type) {
    case DNS_A:
    case DNS_AAAA:
        read_address(reading);
        break;
    case DNS_CNAME:
        follow_alias(reading);
        break;
    case DNS_MX:
        add_names(reading, NAME_MX, reading->record.target, asked_for(reading));
        break;
    case DNS_TLSA:
        read_tlsa(reading);
        break;
    case DNS_TXT:
        read_text(reading);
        break;
    default:
        break;
    }
}

size_t names_read(const uint8_t *message, size_t len, struct arena *arena, const struct name_fact **facts) {
    struct reading reading;
    if (dns_begin(&reading.dns, message, len) != PARSE_OK || !is_of_mail(&reading.dns))
        return 0;
    reading.arena = arena;
    reading.facts = NULL;
    reading.num = reading.num_aliases = reading.aliases_ttl_s = 0;
    reading.end_has_address = false;
    memcpy(reading.end, reading.dns.question, sizeof reading.end);
    while (dns_next(&reading.dns, &reading.record))
        read_record(&reading);
    read_alias_alone(&reading);
    *facts = reading.facts;
    return reading.num;
}
