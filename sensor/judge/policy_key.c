/* policy_key.c: the keys of rules. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../config_values.h"
#include "policy_rule.h"

static bool complain(char why[POLICY_WHY_MAX], const char *what) {
    snprintf(why, POLICY_WHY_MAX, "%s", what);
    return false;
}

bool policy_address(const char *text, char canonical[POLICY_NAME_MAX + 1]) {
    uint8_t bytes[16];
    char inner[INET6_ADDRSTRLEN];
    size_t len = strlen(text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len > 5 && strncasecmp(text, "IPv6:", 5) == 0) {
        text += 5;
        len -= 5;
    }
    if (len >= sizeof inner)
        return false;
    memcpy(inner, text, len);
    inner[len] = '\0';
    for (int family = AF_INET;; family = AF_INET6) {
        if (inet_pton(family, inner, bytes) == 1)
            return inet_ntop(family, bytes, canonical, POLICY_NAME_MAX + 1) != NULL;
        if (family == AF_INET6)
            return false;
    }
}

/* As a domain or host: letters, digits, '-' and '_' between single dots. UTF-8 is for SMTPUTF8 domains. */
static bool name_is_good(const char *name) {
    size_t label = 0;
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        if (c == '.' && label == 0)
            return false;
        if (c != '.' && c != '-' && c != '_' && c < 0x80 && !isalnum(c))
            return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0;
}

/* The names that Postfix's own tables use; others depend on the machine. */
static bool port_read(const char *text, unsigned *port) {
    static const struct {
        const char *name;
        unsigned port;
    } services[] = {{"smtp", 25}, {"submission", 587}, {"submissions", 465}, {"smtps", 465}, {"lmtp", 24}};
    char *end;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (strcasecmp(text, services[i].name) == 0) {
            *port = services[i].port;
            return true;
        }
    }
    unsigned long number = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : 0;
    if (number == 0 || number > 65535 || *end != '\0')
        return false;
    *port = (unsigned)number;
    return true;
}

static bool set_key(struct policy_rule *rule, struct arena *arena, const char *name, bool brackets,
                    const char *port_text, char why[POLICY_WHY_MAX]) {
    char key[POLICY_NAME_MAX + 16];
    unsigned port = 0;
    if (port_text && !port_read(port_text, &port))
        return complain(why, "the port is no number from 1 to 65535");
    if (port != 0)
        snprintf(key, sizeof key, brackets ? "[%s]:%u" : "%s:%u", name, port);
    else
        snprintf(key, sizeof key, brackets ? "[%s]" : "%s", name);
    rule->key = arena_copy(arena, key, strlen(key) + 1);
    return rule->key || complain(why, "out of memory");
}

static bool read_network(struct policy_rule *rule, struct arena *arena, const char *text,
                         char why[POLICY_WHY_MAX]) {
    struct network *networks = NULL;
    size_t num = 0;
    char name[NETWORK_TEXT_MAX];
    if (strchr(text, ','))
        return complain(why, "a network is expected, such as 10.0.0.0/8");
    bool good = networks_add(&networks, &num, text, why, POLICY_WHY_MAX) && num == 1;
    if (good)
        rule->network = networks[0];
    free(networks);
    if (!good)
        return false;
    network_format(&rule->network, name);
    rule->kind = POLICY_KEY_NETWORK;
    return set_key(rule, arena, name, false, NULL, why);
}

/* "[name]" and "[name]:port"; text is in lower case. */
static bool read_bracketed(struct policy_rule *rule, struct arena *arena, char *text,
                           char why[POLICY_WHY_MAX]) {
    char address[POLICY_NAME_MAX + 1], *end = strchr(text, ']');
    if (!end || (end[1] != '\0' && end[1] != ':'))
        return complain(why, "the key is expected to be [HOST] or [HOST]:PORT");
    const char *port = end[1] == ':' ? end + 2 : NULL, *name = text + 1;
    *end = '\0';
    if (policy_address(name, address)) {
        rule->kind = POLICY_KEY_ADDRESS;
        return set_key(rule, arena, address, port != NULL, port, why);
    }
    if (!name_is_good(name))
        return complain(why, "what is in the brackets is no host");
    rule->kind = POLICY_KEY_HOST;
    return set_key(rule, arena, name, true, port, why);
}

static bool read_name(struct policy_rule *rule, struct arena *arena, char *text, char why[POLICY_WHY_MAX]) {
    char address[POLICY_NAME_MAX + 1], *colon;
    bool parent = text[0] == '.';
    if (policy_address(text, address)) {
        rule->kind = POLICY_KEY_ADDRESS;
        return set_key(rule, arena, address, false, NULL, why);
    }
    if ((colon = strrchr(text, ':')) != NULL)
        *colon++ = '\0';
    if (colon && policy_address(text, address) && !strchr(address, ':')) {
        rule->kind = POLICY_KEY_ADDRESS;
        return set_key(rule, arena, address, true, colon, why);
    }
    if (strncmp(text, "*.", 2) == 0)
        return complain(why, "names below a domain are written .DOMAIN");
    if (!name_is_good(text + parent))
        return complain(why, strchr(text, '@') ? "a key is a domain or host, no mail address"
                                               : "the key is no domain, host, address or network");
    if (parent && colon)
        return complain(why, "a key .DOMAIN takes no port");
    rule->kind = parent ? POLICY_KEY_PARENT : POLICY_KEY_NAME;
    return set_key(rule, arena, text, false, colon, why);
}

bool policy_read_key(struct policy_rule *rule, struct arena *arena, const char *written,
                     char why[POLICY_WHY_MAX]) {
    char text[POLICY_NAME_MAX + 1];
    size_t len = strlen(written);
    if (len > POLICY_NAME_MAX)
        return complain(why, "the key is longer than 255 bytes");
    memcpy(text, written, len + 1);
    for (char *c = text; *c; c++)
        *c = (char)((unsigned char)*c < 0x80 ? tolower((unsigned char)*c) : *c);
    rule->written = arena_copy(arena, written, len + 1);
    if (!rule->written)
        return complain(why, "out of memory");
    if (strcmp(text, "*") == 0) {
        rule->kind = POLICY_KEY_ANY;
        return set_key(rule, arena, text, false, NULL, why);
    }
    if (text[0] == '/')
        return complain(why, "patterns (/.../) are no keys here; see the manual for which are");
    if (strchr(text, '/'))
        return read_network(rule, arena, text, why);
    return text[0] == '[' ? read_bracketed(rule, arena, text, why) : read_name(rule, arena, text, why);
}
