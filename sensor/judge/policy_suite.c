#include "policy_suite.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 64

static const char *const grade_names[] = {
    [SUITE_NULL] = "null",     [SUITE_EXPORT] = "export", [SUITE_LOW] = "low",
    [SUITE_MEDIUM] = "medium", [SUITE_HIGH] = "high",
};

enum suite_grade suite_grade_find(const char *word) {
    for (size_t i = 0; i < SUITE_UNKNOWN; i++) {
        if (strcasecmp(word, grade_names[i]) == 0)
            return (enum suite_grade)i;
    }
    return SUITE_UNKNOWN;
}

const char *suite_grade_name(enum suite_grade grade) {
    return grade < SUITE_UNKNOWN ? grade_names[grade] : "unknown";
}

/* Parts of IANA names, the first that is found decides. */
enum suite_grade suite_grade_of(const char *suite) {
    static const struct {
        const char *part;
        enum suite_grade grade;
    } parts[] = {
        {"_NULL", SUITE_NULL},       {"EXPORT", SUITE_EXPORT}, {"TLS_SHA256_", SUITE_NULL},
        {"TLS_SHA384_", SUITE_NULL}, {"DES40", SUITE_EXPORT},  {"RC4_40", SUITE_EXPORT},
        {"CBC_40", SUITE_EXPORT},    {"RC4_56", SUITE_EXPORT}, {"_AES_", SUITE_HIGH},
        {"CHACHA20", SUITE_HIGH},    {"CAMELLIA", SUITE_HIGH}, {"_ARIA_", SUITE_HIGH},
        {"3DES", SUITE_MEDIUM},      {"RC4", SUITE_MEDIUM},    {"_SEED_", SUITE_MEDIUM},
        {"_IDEA_", SUITE_MEDIUM},    {"_DES_", SUITE_LOW},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(suite, parts[i].part))
            return parts[i].grade;
    }
    return SUITE_UNKNOWN;
}

bool suite_is_tls13(const char *suite) {
    return strncmp(suite, "TLS_", 4) == 0 && !strstr(suite, "_WITH_");
}

bool suite_is_anonymous(const char *suite) {
    return strstr(suite, "_anon_") != NULL;
}

/* Where the part must stand in the name. */
enum place { ANYWHERE, AT_START, AT_END };

static const struct word {
    const char *name, *part;
    enum place place;
} words[] = {
    {"aNULL", "_anon_", ANYWHERE},
    {"ADH", "TLS_DH_anon_", AT_START},
    {"AECDH", "TLS_ECDH_anon_", AT_START},
    {"eNULL", "_NULL", ANYWHERE},
    {"NULL", "_NULL", ANYWHERE},
    {"EXPORT", "EXPORT", ANYWHERE},
    {"EXP", "EXPORT", ANYWHERE},
    {"RC4", "_RC4_", ANYWHERE},
    {"RC2", "_RC2_", ANYWHERE},
    {"IDEA", "_IDEA_", ANYWHERE},
    {"SEED", "_SEED_", ANYWHERE},
    {"3DES", "_3DES_", ANYWHERE},
    {"DES", "_DES_", ANYWHERE},
    {"AES", "_AES_", ANYWHERE},
    {"AES128", "_AES_128_", ANYWHERE},
    {"AES256", "_AES_256_", ANYWHERE},
    {"AESGCM", "_GCM_", ANYWHERE},
    {"AESCCM", "_CCM", ANYWHERE},
    {"AESCCM8", "_CCM_8", ANYWHERE},
    {"CAMELLIA", "_CAMELLIA_", ANYWHERE},
    {"CAMELLIA128", "_CAMELLIA_128_", ANYWHERE},
    {"CAMELLIA256", "_CAMELLIA_256_", ANYWHERE},
    {"ARIA", "_ARIA_", ANYWHERE},
    {"ARIAGCM", "_ARIA_", ANYWHERE},
    {"CHACHA20", "_CHACHA20_", ANYWHERE},
    {"CBC", "_CBC_", ANYWHERE},
    {"MD5", "_MD5", AT_END},
    {"SHA1", "_SHA", AT_END},
    {"SHA", "_SHA", AT_END},
    {"SHA256", "_CBC_SHA256", AT_END},
    {"SHA384", "_CBC_SHA384", AT_END},
    {"kRSA", "TLS_RSA_", AT_START},
    {"RSA", "TLS_RSA_", AT_START},
    {"aRSA", "RSA_", ANYWHERE},
    {"kDHE", "TLS_DHE_", AT_START},
    {"kEDH", "TLS_DHE_", AT_START},
    {"DHE", "TLS_DHE_", AT_START},
    {"EDH", "TLS_DHE_", AT_START},
    {"kDH", "TLS_DH_", AT_START},
    {"kECDHE", "TLS_ECDHE_", AT_START},
    {"kEECDH", "TLS_ECDHE_", AT_START},
    {"ECDHE", "TLS_ECDHE_", AT_START},
    {"EECDH", "TLS_ECDHE_", AT_START},
    {"kECDH", "TLS_ECDH_", AT_START},
    {"aDSS", "_DSS_", ANYWHERE},
    {"DSS", "_DSS_", ANYWHERE},
    {"aECDSA", "_ECDSA_", ANYWHERE},
    {"ECDSA", "_ECDSA_", ANYWHERE},
    {"PSK", "_PSK_", ANYWHERE},
    {"SRP", "_SRP_", ANYWHERE},
    {"KRB5", "_KRB5_", ANYWHERE},
};

static const struct word *word_find(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].name) == len && strncasecmp(words[i].name, name, len) == 0)
            return &words[i];
    }
    return NULL;
}

static bool grade_word(const char *name, size_t len, enum suite_grade *grade) {
    char word[WORD_MAX];
    if (len >= sizeof word)
        return false;
    memcpy(word, name, len);
    word[len] = '\0';
    *grade = suite_grade_find(word);
    return *grade == SUITE_LOW || *grade == SUITE_MEDIUM || *grade == SUITE_HIGH;
}

static bool part_known(const char *part, size_t len) {
    enum suite_grade grade;
    return word_find(part, len) != NULL || grade_word(part, len, &grade);
}

static bool part_fits(const char *part, size_t len, const char *suite) {
    enum suite_grade grade;
    const struct word *word = word_find(part, len);
    if (!word)
        return grade_word(part, len, &grade) && suite_grade_of(suite) == grade;
    size_t suite_len = strlen(suite), word_len = strlen(word->part);
    switch (word->place) {
    case AT_START:
        return strncmp(suite, word->part, word_len) == 0;
    case AT_END:
        return suite_len >= word_len && strcmp(suite + suite_len - word_len, word->part) == 0;
    case ANYWHERE:
        break;
    }
    return strstr(suite, word->part) != NULL;
}

bool suite_word_known(const char *word) {
    for (;;) {
        size_t len = strcspn(word, "+");
        if (!part_known(word, len))
            return false;
        if (word[len] == '\0')
            return true;
        word += len + 1;
    }
}

bool suite_word_fits(const char *word, const char *suite) {
    if (suite_is_tls13(suite))
        return false;
    for (;;) {
        size_t len = strcspn(word, "+");
        if (!part_fits(word, len, suite))
            return false;
        if (word[len] == '\0')
            return true;
        word += len + 1;
    }
}
