/* policy.c: reads a policy, and finds rules in it. */
#include "policy.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_profile.h"
#include "policy_table.h"

#define NOTE_MAX 512

struct policy {
    struct arena arena;
    struct policy_rule **rules; /* by key, direction and line; then networks, the smallest first */
    size_t num_rules, num_named;
    const char **notes;
    size_t num_notes;
};

/* A file while it is read. */
struct reading {
    struct policy *policy;
    const char *file;
    size_t line; /* where the present rule begins */
    size_t room_rules, room_notes;
    char *error;
    size_t error_len;
};

__attribute__((format(printf, 2, 3))) static bool complain(struct reading *r, const char *format, ...) {
    char message[POLICY_WHY_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (r->line > 0)
        snprintf(r->error, r->error_len, "%s:%zu: %s", r->file, r->line, message);
    else
        snprintf(r->error, r->error_len, "%s: %s", r->file, message);
    return false;
}

/* Room for one more. */
static bool grow(struct reading *r, void *list, size_t num, size_t *room, size_t size) {
    if (num < *room)
        return true;
    size_t more = *room == 0 ? 16 : *room * 2;
    void **items = list, *grown = realloc(*items, more * size);
    if (!grown)
        return complain(r, "out of memory");
    *items = grown;
    *room = more;
    return true;
}

__attribute__((format(printf, 3, 4))) static bool note(struct reading *r, size_t line, const char *format,
                                                       ...) {
    struct policy *policy = r->policy;
    char message[POLICY_WHY_MAX], text[NOTE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s:%zu: %s", r->file, line, message);
    if (!grow(r, &policy->notes, policy->num_notes, &r->room_notes, sizeof *policy->notes))
        return false;
    policy->notes[policy->num_notes] = arena_copy(&policy->arena, text, strlen(text) + 1);
    if (!policy->notes[policy->num_notes])
        return complain(r, "out of memory");
    policy->num_notes++;
    return true;
}

/* --- the text --- */

/* A logical line: key, white space, value. */
static bool read_rule(struct reading *r, char *text) {
    struct policy *policy = r->policy;
    char why[POLICY_WHY_MAX], remark[POLICY_WHY_MAX];
    char *value = text + strcspn(text, " \t");
    if (*value != '\0')
        *value++ = '\0';
    value += strspn(value, " \t");
    if (*value == '\0')
        return complain(r, "'%.80s' has no level", text);
    if (!grow(r, &policy->rules, policy->num_rules, &r->room_rules, sizeof *policy->rules))
        return false;
    struct policy_rule *rule = arena_alloc(&policy->arena, sizeof *rule);
    if (!rule)
        return complain(r, "out of memory");
    rule->line = r->line;
    rule->grade = SUITE_MEDIUM;
    if (!policy_read_key(rule, &policy->arena, text, why))
        return complain(r, "'%.80s': %s", text, why);
    if (!policy_read_value(rule, &policy->arena, value, why, remark))
        return complain(r, "%s", why);
    if (remark[0] != '\0' && !note(r, r->line, "%s", remark))
        return false;
    policy->rules[policy->num_rules++] = rule;
    return true;
}

static bool end_rule(struct reading *r, char *pending, size_t *len) {
    while (*len > 0 && isspace((unsigned char)pending[*len - 1]))
        --*len;
    pending[*len] = '\0';
    bool good = *len == 0 || read_rule(r, pending);
    *len = 0;
    return good;
}

/* Comments and empty lines may stand between a line and its continuation, as in Postfix. pending has room for
 * the whole text. */
static bool read_lines(struct reading *r, const char *text, size_t text_len, char *pending) {
    size_t pending_len = 0, number = 0;
    for (const char *at = text, *end = text + text_len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline ? (size_t)(newline - at) : (size_t)(end - at), blank = 0;
        number++;
        while (blank < len && isspace((unsigned char)at[blank]))
            blank++;
        bool empty = blank == len || at[blank] == '#';
        if (!empty && blank == 0) {
            if (!end_rule(r, pending, &pending_len))
                return false;
            r->line = number;
        } else if (!empty && pending_len == 0) {
            r->line = number;
            return complain(r,
                            "a line that begins with white space goes on with the one before: there is none");
        }
        if (!empty) {
            memcpy(pending + pending_len, at, len);
            pending_len += len;
            pending[pending_len++] = ' ';
        }
        at += len + 1;
    }
    return end_rule(r, pending, &pending_len);
}

/* --- the table --- */

static bool is_named(const struct policy_rule *rule) {
    return rule->kind != POLICY_KEY_NETWORK;
}

static int compare_text(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "");
}

static int compare(const void *one, const void *other) {
    const struct policy_rule *a = *(struct policy_rule *const *)one, *b = *(struct policy_rule *const *)other;
    int order = is_named(b) - is_named(a);
    if (order == 0 && !is_named(a))
        order = b->network.prefix_len - a->network.prefix_len;
    if (order == 0)
        order = strcmp(a->key, b->key);
    if (order == 0)
        order = compare_text(a->direction, b->direction);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

/* Of rules with the same key and direction the first one stays. */
static bool drop_doubles(struct reading *r) {
    struct policy *policy = r->policy;
    size_t kept = 0;
    for (size_t i = 0; i < policy->num_rules; i++) {
        struct policy_rule *rule = policy->rules[i], *before = kept > 0 ? policy->rules[kept - 1] : NULL;
        bool same = before && before->kind == rule->kind && strcmp(before->key, rule->key) == 0 &&
                    compare_text(before->direction, rule->direction) == 0;
        if (same && !note(r, rule->line, "'%s' has a rule already, on line %zu, which counts", rule->written,
                          before->line))
            return false;
        if (!same)
            policy->rules[kept++] = rule;
    }
    policy->num_rules = kept;
    while (policy->num_named < kept && is_named(policy->rules[policy->num_named]))
        policy->num_named++;
    return true;
}

static bool build(struct reading *r, const char *text, size_t len) {
    struct policy *policy = r->policy;
    if (memchr(text, '\0', len))
        return complain(r, "is not a text file");
    char *pending = malloc(len + 2);
    bool good = pending ? read_lines(r, text, len, pending) : complain(r, "out of memory");
    free(pending);
    if (!good || policy->num_rules == 0)
        return good;
    qsort(policy->rules, policy->num_rules, sizeof policy->rules[0], compare);
    return drop_doubles(r);
}

struct policy *policy_parse(const char *file, const char *text, size_t len, char *error, size_t error_len) {
    struct reading r = {.file = file, .error = error, .error_len = error_len};
    if (len > POLICY_FILE_MAX) {
        complain(&r, "is longer than %u bytes", POLICY_FILE_MAX);
        return NULL;
    }
    r.policy = calloc(1, sizeof *r.policy);
    if (!r.policy) {
        complain(&r, "out of memory");
        return NULL;
    }
    if (build(&r, text, len))
        return r.policy;
    policy_free(r.policy);
    return NULL;
}

/* NULL: with the cause in error; a file that is not there leaves errno ENOENT. */
static char *read_file(const char *path, size_t *len, char *error, size_t error_len) {
    char *text = NULL;
    FILE *file = fopen(path, "rb");
    if (!file) {
        int cause = errno;
        snprintf(error, error_len, "%s: %s", path, strerror(cause));
        errno = cause;
        return NULL;
    }
    text = malloc(POLICY_FILE_MAX + 1);
    if (text)
        *len = fread(text, 1, POLICY_FILE_MAX + 1, file);
    if (!text || ferror(file)) {
        snprintf(error, error_len, "%s: %s", path, text ? strerror(errno) : "out of memory");
        free(text);
        text = NULL;
        errno = 0;
    }
    (void)fclose(file);
    return text;
}

struct policy *policy_load(const char *file, char *error, size_t error_len) {
    size_t len = 0;
    char *text = read_file(file, &len, error, error_len);
    const struct policy_profile *profile = text || errno != ENOENT ? NULL : policy_profile_find(file);
    if (profile)
        return policy_parse(file, profile->text, strlen(profile->text), error, error_len);
    if (!text)
        return NULL;
    struct policy *policy = policy_parse(file, text, len, error, error_len);
    free(text);
    return policy;
}

void policy_free(struct policy *policy) {
    if (!policy)
        return;
    free(policy->rules);
    free(policy->notes);
    arena_cleanup(&policy->arena);
    free(policy);
}

size_t policy_num_rules(const struct policy *policy) {
    return policy->num_rules;
}

size_t policy_num_notes(const struct policy *policy) {
    return policy->num_notes;
}

const char *policy_note(const struct policy *policy, size_t i) {
    return policy->notes[i];
}

bool policy_has_direction(const struct policy *policy) {
    for (size_t i = 0; i < policy->num_rules; i++) {
        if (policy->rules[i]->direction)
            return true;
    }
    return false;
}

/* --- look-up --- */

/* The first rule at or after `at` with that key whose direction fits; one with a direction goes before one
 * without. */
static const struct policy_rule *choose(const struct policy_query *q, size_t at, const char *key) {
    const struct policy *policy = q->policy;
    const struct policy_rule *plain = NULL;
    for (; at < policy->num_named && strcmp(policy->rules[at]->key, key) == 0; at++) {
        const struct policy_rule *rule = policy->rules[at];
        if (!rule->direction)
            plain = rule;
        else if (q->direction && strcmp(q->direction, rule->direction) == 0)
            return rule;
    }
    return plain;
}

static const struct policy_rule *find_key(const struct policy_query *q, const char *key) {
    size_t low = 0, high = q->policy->num_named;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(q->policy->rules[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct policy_rule *rule = choose(q, low, key);
    if (q->visit)
        q->visit(q->context, key, rule);
    return rule;
}

static const struct policy_rule *find_at_port(const struct policy_query *q, const char *name, bool brackets) {
    char key[POLICY_KEY_TEXT_MAX];
    snprintf(key, sizeof key, brackets ? "[%s]:%u" : "%s:%u", name, (unsigned)q->port);
    return find_key(q, key);
}

static const struct policy_rule *find_in_brackets(const struct policy_query *q, const char *name) {
    char key[POLICY_KEY_TEXT_MAX];
    snprintf(key, sizeof key, "[%s]", name);
    return find_key(q, key);
}

/* What comes off the wire must not pass for a key of another form: "*", "[name]:25", ".name". */
bool policy_plain_name(const char *name, char plain[POLICY_NAME_MAX + 1]) {
    char address[POLICY_NAME_MAX + 1];
    size_t len = strlen(name), wildcard = strncmp(name, "*.", 2) == 0 ? 2 : 0;
    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len <= wildcard || len > POLICY_NAME_MAX || name[0] == '.' || strpbrk(name + wildcard, "*[]:"))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        plain[i] = (char)(c < 0x80 ? tolower(c) : c);
    }
    plain[len] = '\0';
    return !policy_address(plain, address);
}

static const struct policy_rule *find_parents(const struct policy_query *q, const char *name) {
    const struct policy_rule *rule = NULL;
    for (const char *dot = strchr(name, '.'); dot && !rule; dot = strchr(dot + 1, '.'))
        rule = find_key(q, dot);
    return rule;
}

static const struct policy_rule *find_name(const struct policy_query *q, const char *name) {
    const struct policy_rule *rule = find_at_port(q, name, false);
    if (!rule)
        rule = find_key(q, name);
    return rule ? rule : find_parents(q, name);
}

const struct policy_rule *policy_find_domain(const struct policy_query *q, const char *name) {
    char plain[POLICY_NAME_MAX + 1];
    return policy_plain_name(name, plain) ? find_name(q, plain) : NULL;
}

const struct policy_rule *policy_find_host(const struct policy_query *q, const char *name) {
    char plain[POLICY_NAME_MAX + 1];
    if (!policy_plain_name(name, plain))
        return NULL;
    const struct policy_rule *rule = find_at_port(q, plain, true);
    if (!rule)
        rule = find_in_brackets(q, plain);
    return rule ? rule : find_name(q, plain);
}

static bool network_holds(const struct network *network, const uint8_t *address, uint8_t addr_len) {
    unsigned whole = network->prefix_len / 8u, rest = network->prefix_len % 8u;
    if (network->addr_len != addr_len || memcmp(network->address, address, whole) != 0)
        return false;
    return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

static const struct policy_rule *find_network(const struct policy_query *q, const uint8_t *address,
                                              uint8_t addr_len) {
    const struct policy *policy = q->policy;
    for (size_t i = policy->num_named; i < policy->num_rules; i++) {
        const struct policy_rule *rule = policy->rules[i], *other;
        if (!network_holds(&rule->network, address, addr_len))
            continue;
        /* Of the same network the one without a direction comes first. */
        for (size_t k = i + 1; k < policy->num_rules; k++) {
            other = policy->rules[k];
            if (strcmp(other->key, rule->key) != 0)
                break;
            if (q->direction && strcmp(other->direction, q->direction) == 0)
                rule = other;
        }
        if (!rule->direction || (q->direction && strcmp(rule->direction, q->direction) == 0)) {
            if (q->visit)
                q->visit(q->context, rule->key, rule);
            return rule;
        }
    }
    return NULL;
}

const struct policy_rule *policy_find_address(const struct policy_query *q, const char *address) {
    char canonical[POLICY_NAME_MAX + 1];
    uint8_t bytes[16];
    if (!policy_address(address, canonical))
        return NULL;
    const struct policy_rule *rule = find_at_port(q, canonical, true);
    if (!rule)
        rule = find_key(q, canonical);
    if (rule)
        return rule;
    int family = strchr(canonical, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, canonical, bytes) != 1)
        return NULL;
    return find_network(q, bytes, family == AF_INET6 ? 16 : 4);
}

const struct policy_rule *policy_find_any(const struct policy_query *q) {
    return find_key(q, "*");
}
