/* policy_rule.h: one rule of a policy, read from its line. Inner part of policy. */
#ifndef STARTTAP_SENSOR_JUDGE_POLICY_RULE_H
#define STARTTAP_SENSOR_JUDGE_POLICY_RULE_H

#include "../config.h"
#include "policy.h"
#include "policy_suite.h"

#define POLICY_NAME_MAX    255 /* bytes of a key, or of a name that is looked up */
#define POLICY_LIST_MAX    64  /* names in match=, words in exclude= */
#define POLICY_WHY_MAX     256
#define POLICY_VERSION_SSL 0x0300

enum policy_level {
    POLICY_NONE,
    POLICY_MAY,
    POLICY_ENCRYPT,
    POLICY_DANE,
    POLICY_DANE_ONLY,
    POLICY_FINGERPRINT,
    POLICY_VERIFY,
    POLICY_SECURE,
    NUM_POLICY_LEVELS
};

enum policy_key {
    POLICY_KEY_NAME,    /* key is "name" or "name:25" */
    POLICY_KEY_HOST,    /* "[name]" or "[name]:25" */
    POLICY_KEY_PARENT,  /* ".name" */
    POLICY_KEY_ADDRESS, /* "192.0.2.1" or "[192.0.2.1]:25" */
    POLICY_KEY_NETWORK, /* in network */
    POLICY_KEY_ANY
};

/* Versions as on the wire, 0x0300 to 0x0304. */
struct policy_versions {
    uint16_t floor, ceiling; /* 0: none */
    uint8_t excluded;        /* bit per low byte */
    const char *text;        /* as it was written; NULL: Postfix's default */
};

struct policy_words {
    const char *const *items;
    size_t num;
};

struct policy_rule {
    size_t line;
    const char *key;     /* as it is looked up */
    const char *written; /* as the file has it */
    const char *text;    /* level and attributes, as the file has them */
    enum policy_key kind;
    struct network network;
    enum policy_level level;
    const char *direction; /* static: "inbound", "outbound"; NULL: any */
    struct policy_versions versions;
    enum suite_grade grade;
    struct policy_words matches, excludes;
    bool has_grade, has_tafile;
    uint32_t min_bits;
    bool client_cert, post_quantum, forward_secrecy;
};

const char *policy_level_name(enum policy_level level);

/* A session that is not encrypted breaks it. */
bool policy_level_asks_tls(enum policy_level level);

/* Sets key, written, kind and network from a file's key. Texts go to arena. False with the cause in why. */
bool policy_read_key(struct policy_rule *rule, struct arena *arena, const char *text,
                     char why[POLICY_WHY_MAX]);

/* Sets the rest from what follows the key; text is changed. False with the cause in why. A remark, which is
 * no error, is left in note, else "". */
bool policy_read_value(struct policy_rule *rule, struct arena *arena, char *text, char why[POLICY_WHY_MAX],
                       char note[POLICY_WHY_MAX]);

/* The canonical text of an address, "[IPv6:2001:DB8::1]" too. False: it is none. */
bool policy_address(const char *text, char canonical[POLICY_NAME_MAX + 1]);

#endif
