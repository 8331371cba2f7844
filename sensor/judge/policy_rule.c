#include "policy_rule.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHA256_HEX 64
#define BITS_MAX   1024
#define SEPARATORS ":, \t\r\n" /* of protocols and of suites; in braces only, but for ':' */

static const char *const levels[NUM_POLICY_LEVELS] = {
    [POLICY_NONE] = "none",           [POLICY_MAY] = "may",
    [POLICY_ENCRYPT] = "encrypt",     [POLICY_DANE] = "dane",
    [POLICY_DANE_ONLY] = "dane-only", [POLICY_FINGERPRINT] = "fingerprint",
    [POLICY_VERIFY] = "verify",       [POLICY_SECURE] = "secure",
};

const char *policy_level_name(enum policy_level level) {
    return levels[level];
}

bool policy_level_asks_tls(enum policy_level level) {
    return level != POLICY_NONE && level != POLICY_MAY && level != POLICY_DANE;
}

struct words {
    const char *items[POLICY_LIST_MAX];
    size_t num;
};

/* One rule while it is read. */
struct reading {
    struct policy_rule *rule;
    struct arena *arena;
    struct words matches, excludes;
    char *why, *note;
    unsigned seen; /* bit per row of attributes[] */
};

__attribute__((format(printf, 2, 3))) static bool complain(struct reading *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(r->why, POLICY_WHY_MAX, format, args);
    va_end(args);
    return false;
}

/* The last remark on a rule is the one that is kept. */
__attribute__((format(printf, 2, 3))) static void remark(struct reading *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(r->note, POLICY_WHY_MAX, format, args);
    va_end(args);
}

static bool keep(struct reading *r, struct words *list, const char *word) {
    if (list->num >= POLICY_LIST_MAX)
        return complain(r, "more than %d words", POLICY_LIST_MAX);
    list->items[list->num] = arena_copy(r->arena, word, strlen(word) + 1);
    if (!list->items[list->num])
        return complain(r, "out of memory");
    list->num++;
    return true;
}

static bool finish_list(struct reading *r, const struct words *list, struct policy_words *out) {
    if (list->num == 0)
        return true;
    out->items = arena_copy(r->arena, list->items, list->num * sizeof list->items[0]);
    out->num = list->num;
    return out->items || complain(r, "out of memory");
}

/* --- attributes that Postfix has --- */

/* "AB:CD..", to lower case without colons. */
static bool read_fingerprint(struct reading *r, const char *text) {
    char hex[2 * SHA256_HEX + 1];
    size_t len = 0;
    for (; *text; text++) {
        if (*text == ':')
            continue;
        if (!isxdigit((unsigned char)*text) || len + 1 >= sizeof hex)
            return complain(r, "match=: a fingerprint is hexadecimal digits, with or without colons");
        hex[len++] = (char)tolower((unsigned char)*text);
    }
    hex[len] = '\0';
    if (len != 32 && len != 40 && len != SHA256_HEX && len != 96 && len != 128)
        return complain(r, "match=: a fingerprint has 64 digits (SHA-256), this one has %zu", len);
    if (len != SHA256_HEX)
        remark(r, "of fingerprints only SHA-256 ones (64 digits) are judged");
    return keep(r, &r->matches, hex);
}

static bool read_match(struct reading *r, char *value) {
    enum policy_level level = r->rule->level;
    bool prints = level == POLICY_FINGERPRINT;
    char *save;
    if (!prints && level != POLICY_VERIFY && level != POLICY_SECURE && level != POLICY_NONE)
        return complain(r, "match= has no meaning at level %s", levels[level]);
    if (value[0] == '\0')
        return complain(r, "match= is empty");
    for (char *word = strtok_r(value, prints ? "|" : ":", &save); word;
         word = strtok_r(NULL, prints ? "|" : ":", &save)) {
        if (prints ? !read_fingerprint(r, word) : !keep(r, &r->matches, word))
            return false;
    }
    return true;
}

/* "TLSv1.2"; where numbers are taken, "0303", "0x303" too. 0: no version. SSLv2 is known, and nothing here.
 */
static uint16_t version_of(const char *text, bool numbers) {
    static const char *const names[] = {"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
    char *end;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(text, names[i]) == 0)
            return (uint16_t)(POLICY_VERSION_SSL + i);
    }
    if (strcasecmp(text, "SSLv2") == 0)
        return POLICY_VERSION_SSL - 1;
    unsigned long number = numbers && isxdigit((unsigned char)text[0]) ? strtoul(text, &end, 16) : 0;
    return number >= POLICY_VERSION_SSL && number <= POLICY_VERSION_SSL + 0xff && *end == '\0'
               ? (uint16_t)number
               : 0;
}

static uint8_t version_bit(uint16_t version) {
    return (uint8_t)(version < POLICY_VERSION_SSL ? 0 : 1u << (version - POLICY_VERSION_SSL));
}

static bool read_protocols(struct reading *r, char *value) {
    struct policy_versions *v = &r->rule->versions;
    uint8_t included = 0;
    bool list = false;
    char *save;
    v->text = arena_copy(r->arena, value, strlen(value) + 1);
    if (!v->text)
        return complain(r, "out of memory");
    for (char *word = strtok_r(value, SEPARATORS, &save); word; word = strtok_r(NULL, SEPARATORS, &save)) {
        bool bound = (word[0] == '>' || word[0] == '<') && word[1] == '=';
        uint16_t version = version_of(word + (bound ? 2 : word[0] == '!'), bound);
        if (version == 0)
            return complain(r, "protocols=: '%s' is no version: SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3",
                            word);
        if (bound && word[0] == '>')
            v->floor = version;
        else if (bound)
            v->ceiling = version;
        else if (word[0] == '!')
            v->excluded |= version_bit(version);
        else {
            included |= version_bit(version);
            list = true;
        }
    }
    if (list)
        v->excluded |= (uint8_t)~included;
    return true;
}

static bool read_ciphers(struct reading *r, char *value) {
    r->rule->grade = suite_grade_find(value);
    r->rule->has_grade = true;
    return r->rule->grade != SUITE_UNKNOWN ||
           complain(r, "ciphers=: '%s' is no grade: export, low, medium, high, null", value);
}

static bool read_exclude(struct reading *r, char *value) {
    char *save;
    for (char *word = strtok_r(value, SEPARATORS, &save); word; word = strtok_r(NULL, SEPARATORS, &save)) {
        if (!suite_word_known(word))
            remark(r, "exclude=%s is not judged: no session below TLS 1.3 can pass", word);
        if (!keep(r, &r->excludes, word))
            return false;
    }
    return true;
}

static bool read_tafile(struct reading *r, char *value) {
    if (r->rule->level != POLICY_VERIFY && r->rule->level != POLICY_SECURE && r->rule->level != POLICY_NONE)
        return complain(r, "tafile= has no meaning at level %s", levels[r->rule->level]);
    if (value[0] == '\0')
        return complain(r, "tafile= is empty");
    r->rule->has_tafile = true;
    remark(r, "tafile= is not judged: no session can pass; without it, chains are judged by --ca");
    return true;
}

static bool take(struct reading *r, char *value) {
    (void)r;
    (void)value;
    return true;
}

/* --- our own --- */

static bool read_required(struct reading *r, const char *value, bool *required) {
    *required = strcasecmp(value, "required") == 0;
    return *required || complain(r, "'%s': only 'required' can be said", value);
}

static bool read_client_cert(struct reading *r, char *value) {
    return read_required(r, value, &r->rule->client_cert);
}

static bool read_pq(struct reading *r, char *value) {
    return read_required(r, value, &r->rule->post_quantum);
}

static bool read_forward_secrecy(struct reading *r, char *value) {
    return read_required(r, value, &r->rule->forward_secrecy);
}

static bool read_min_bits(struct reading *r, char *value) {
    char *end;
    unsigned long bits = isdigit((unsigned char)value[0]) ? strtoul(value, &end, 10) : 0;
    if (bits == 0 || bits > BITS_MAX || *end != '\0')
        return complain(r, "min_bits=: '%s' is no number from 1 to %d", value, BITS_MAX);
    r->rule->min_bits = (uint32_t)bits;
    return true;
}

static bool read_direction(struct reading *r, char *value) {
    if (strcasecmp(value, "inbound") == 0)
        r->rule->direction = "inbound";
    else if (strcasecmp(value, "outbound") == 0)
        r->rule->direction = "outbound";
    return r->rule->direction || complain(r, "direction=: '%s' is not inbound or outbound", value);
}

static const struct attribute {
    const char *name;
    bool (*read)(struct reading *r, char *value);
    bool many; /* may be given several times */
} attributes[] = {
    {"match", read_match, true},
    {"protocols", read_protocols, false},
    {"ciphers", read_ciphers, false},
    {"exclude", read_exclude, false},
    {"tafile", read_tafile, true},
    {"servername", take, false},
    {"connection_reuse", take, true},
    {"enable_rpk", take, true},
    {"policy_ttl", take, false},
    {"policy_type", take, false},
    {"policy_domain", take, false},
    {"policy_string", take, true},
    {"mx_host_pattern", take, true},
    {"policy_failure", take, false},
    {"min_bits", read_min_bits, false},
    {"client_cert", read_client_cert, false},
    {"pq", read_pq, false},
    {"forward_secrecy", read_forward_secrecy, false},
    {"direction", read_direction, false},
};

static bool read_attribute(struct reading *r, char *text) {
    char *value = strchr(text, '=');
    if (!value)
        return complain(r, "'%s': an attribute is NAME=VALUE", text);
    char *name_end = value;
    *value++ = '\0';
    while (name_end > text && isspace((unsigned char)name_end[-1]))
        *--name_end = '\0';
    while (isspace((unsigned char)*value))
        value++;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (strcasecmp(attributes[i].name, text) != 0)
            continue;
        if (!attributes[i].many && (r->seen >> i & 1) != 0)
            return complain(r, "%s= is given twice", attributes[i].name);
        r->seen |= 1u << i;
        return attributes[i].read(r, value);
    }
    return complain(r, "'%s' is no attribute", text);
}

/* The next word between spaces or commas; what stands in braces is one, and comes without them. NULL: no
 * more. A brace that is not closed is left in front of the word. */
static char *next_word(char **at) {
    char *word = *at + strspn(*at, " \t\r\n,"), *end;
    if (*word == '\0')
        return NULL;
    if (*word == '{' && (end = strchr(word, '}')) != NULL) {
        char *last = end;
        *at = end + 1;
        word++;
        while (isspace((unsigned char)*word))
            word++;
        while (last > word && isspace((unsigned char)last[-1]))
            last--;
        *last = '\0';
        return word;
    }
    end = word + strcspn(word, " \t\r\n,");
    *at = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

static bool read_level(struct reading *r, const char *word) {
    for (size_t i = 0; i < NUM_POLICY_LEVELS; i++) {
        if (strcasecmp(word, levels[i]) == 0) {
            r->rule->level = (enum policy_level)i;
            return true;
        }
    }
    return complain(r, "'%s' is no level: none, may, encrypt, dane, dane-only, fingerprint, verify, secure",
                    word);
}

bool policy_read_value(struct policy_rule *rule, struct arena *arena, char *text, char why[POLICY_WHY_MAX],
                       char note[POLICY_WHY_MAX]) {
    struct reading r = {.rule = rule, .arena = arena, .why = why, .note = note};
    note[0] = '\0';
    rule->text = arena_copy(arena, text, strlen(text) + 1);
    if (!rule->text)
        return complain(&r, "out of memory");
    char *word = next_word(&text);
    if (!word)
        return complain(&r, "the level is missing");
    if (!read_level(&r, word))
        return false;
    while ((word = next_word(&text)) != NULL) {
        if (read_attribute(&r, word))
            continue;
        if (rule->level != POLICY_NONE)
            return false;
        remark(&r, "ignored at level none: %.*s", POLICY_WHY_MAX - 32, why); /* as Postfix does */
    }
    if (rule->level == POLICY_FINGERPRINT && r.matches.num == 0)
        return complain(&r, "fingerprint needs match=, the fingerprints");
    return finish_list(&r, &r.matches, &rule->matches) && finish_list(&r, &r.excludes, &rule->excludes);
}
