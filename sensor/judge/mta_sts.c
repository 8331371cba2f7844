#include "mta_sts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_LEN 253u
#define MAX_AGE_MAX  31557600ul /* section 3.2: a year */

struct mta_sts {
    struct mta_sts_policy *policies; /* by domain */
    size_t num, room;
};

/* --- one file --- */

struct line {
    const char *key, *value;
    size_t key_len, value_len;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_name_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

/* "key: value", blanks around the value. */
static bool read_line(const char *text, size_t len, struct line *line) {
    const char *colon = memchr(text, ':', len), *end = text + len;
    if (!colon || colon == text)
        return false;
    line->key = text;
    line->key_len = (size_t)(colon - text);
    line->value = colon + 1;
    while (line->value < end && is_blank(*line->value))
        line->value++;
    while (end > line->value && is_blank(end[-1]))
        end--;
    line->value_len = (size_t)(end - line->value);
    return true;
}

static bool key_is(const struct line *line, const char *key) {
    return strlen(key) == line->key_len && memcmp(line->key, key, line->key_len) == 0;
}

static bool value_is(const struct line *line, const char *value) {
    return strlen(value) == line->value_len && memcmp(line->value, value, line->value_len) == 0;
}

static char *lower_copy(const char *text, size_t len) {
    char *copy = calloc(1, len + 1);
    for (size_t i = 0; copy && i < len; i++)
        copy[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + ('a' - 'A')) : text[i];
    return copy;
}

/* A name, or "*." and a name. */
static bool is_pattern(const char *text, size_t len) {
    if (len > 2 && text[0] == '*' && text[1] == '.') {
        text += 2;
        len -= 2;
    }
    if (len == 0 || len > NAME_MAX_LEN || text[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_name_byte(text[i]))
            return false;
    }
    return true;
}

static const char *add_mx(struct mta_sts_policy *policy, const struct line *line) {
    size_t len = line->value_len;
    if (len > 1 && line->value[len - 1] == '.')
        len--;
    if (!is_pattern(line->value, len))
        return "mx: is neither a host name nor '*.' and one";
    if (policy->num_mx == MTA_STS_MX_MAX)
        return "too many mx: lines";
    char **grown = realloc(policy->mx, (policy->num_mx + 1) * sizeof *grown);
    if (!grown)
        return "out of memory";
    policy->mx = grown;
    grown[policy->num_mx] = lower_copy(line->value, len);
    if (!grown[policy->num_mx])
        return "out of memory";
    policy->num_mx++;
    return NULL;
}

static const char *set_mode(struct mta_sts_policy *policy, const struct line *line) {
    static const char *const modes[] = {"enforce", "testing", "none"};
    for (size_t i = 0; i < 3; i++) {
        if (value_is(line, modes[i])) {
            policy->mode = policy->mode ? policy->mode : modes[i];
            return NULL;
        }
    }
    return "mode: is not enforce, testing or none";
}

static const char *check_age(const struct line *line) {
    unsigned long age = 0;
    for (size_t i = 0; i < line->value_len; i++) {
        if (line->value[i] < '0' || line->value[i] > '9' || i >= 10)
            return "max_age: is not a number of seconds";
        age = age * 10 + (unsigned long)(line->value[i] - '0');
    }
    return line->value_len == 0 || age > MAX_AGE_MAX ? "max_age: is not between 0 and 31557600" : NULL;
}

/* What is required once, as far as it came. */
struct required {
    bool version, age;
};

/* NULL: fine. Of a key that comes twice the first counts; unknown keys are extensions (section 3.2). */
static const char *take_line(struct mta_sts_policy *policy, struct required *required,
                             const struct line *line) {
    if (key_is(line, "version")) {
        required->version = true;
        return value_is(line, "STSv1") ? NULL : "version: is not STSv1";
    }
    if (key_is(line, "mode"))
        return set_mode(policy, line);
    if (key_is(line, "mx"))
        return add_mx(policy, line);
    if (key_is(line, "max_age")) {
        required->age = true;
        return check_age(line);
    }
    return NULL;
}

static const char *what_lacks(const struct mta_sts_policy *policy, const struct required *required) {
    if (!required->version)
        return "no version:";
    if (!policy->mode)
        return "no mode:";
    if (!required->age)
        return "no max_age:";
    return policy->num_mx == 0 && strcmp(policy->mode, "none") != 0 ? "no mx:" : NULL;
}

static void forget_lines(struct mta_sts_policy *policy) {
    for (size_t i = 0; i < policy->num_lines; i++)
        free(policy->lines[i]);
    free(policy->lines);
    policy->lines = NULL;
    policy->num_lines = 0;
}

/* strndup() for text that no zero byte ends, which AddressSanitizer takes for an error. */
static char *copy_line(const char *text, size_t len) {
    char *line = malloc(len + 1);
    if (line) {
        memcpy(line, text, len);
        line[len] = '\0';
    }
    return line;
}

/* All lines or none: half a policy is not the policy. */
static void keep_lines(struct mta_sts_policy *policy, const char *text, size_t len) {
    const char *end = text + len;
    policy->lines = calloc(MTA_STS_LINES_MAX, sizeof *policy->lines);
    while (text < end && policy->lines) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t line_len = (size_t)((stop ? stop : end) - text);
        while (line_len > 0 && is_blank(text[line_len - 1]))
            line_len--;
        bool fits = line_len <= MTA_STS_LINE_MAX && policy->num_lines < MTA_STS_LINES_MAX;
        char *line = fits && line_len > 0 ? copy_line(text, line_len) : NULL;
        if (line)
            policy->lines[policy->num_lines++] = line;
        else if (line_len > 0)
            forget_lines(policy);
        text = stop ? stop + 1 : end;
    }
}

bool mta_sts_parse(const char *text, size_t len, struct mta_sts_policy *policy, unsigned *line,
                   const char **wrong) {
    struct mta_sts_policy out = {0};
    struct required required = {0};
    const char *start = text, *end = text + len;
    *wrong = NULL;
    *line = 0;
    while (text < end && !*wrong) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t line_len = (size_t)((stop ? stop : end) - text);
        struct line fields;
        ++*line;
        while (line_len > 0 && is_blank(text[line_len - 1]))
            line_len--;
        if (line_len > 0)
            *wrong =
                read_line(text, line_len, &fields) ? take_line(&out, &required, &fields) : "not 'key: value'";
        text = stop ? stop + 1 : end;
    }
    if (!*wrong && (*wrong = what_lacks(&out, &required)) != NULL)
        *line = 0;
    if (!*wrong) {
        keep_lines(&out, start, len);
        *policy = out;
    } else {
        mta_sts_policy_cleanup(&out);
    }
    return *wrong == NULL;
}

void mta_sts_policy_cleanup(struct mta_sts_policy *policy) {
    for (size_t i = 0; i < policy->num_mx; i++)
        free(policy->mx[i]);
    free(policy->mx);
    forget_lines(policy);
    free(policy->domain);
    *policy = (struct mta_sts_policy){0};
}

bool mta_sts_has_mx(const struct mta_sts_policy *policy, const char *host) {
    const char *dot = strchr(host, '.');
    for (size_t i = 0; i < policy->num_mx; i++) {
        const char *pattern = policy->mx[i];
        bool wild = pattern[0] == '*';
        if (wild ? dot && dot > host && strcasecmp(pattern + 1, dot) == 0 : strcasecmp(pattern, host) == 0)
            return true;
    }
    return false;
}

/* --- the directory --- */

static bool read_file(const char *path, struct mta_sts_policy *policy, char *error, size_t error_len) {
    unsigned line = 0;
    const char *wrong = NULL;
    bool good = false;
    char *text = malloc(MTA_STS_FILE_MAX + 1);
    FILE *file = fopen(path, "rb");
    if (!file || !text) {
        snprintf(error, error_len, "cannot read '%s': %s", path, strerror(errno));
    } else {
        size_t len = fread(text, 1, MTA_STS_FILE_MAX + 1, file);
        if (ferror(file))
            snprintf(error, error_len, "cannot read '%s': %s", path, strerror(errno));
        else if (len > MTA_STS_FILE_MAX)
            snprintf(error, error_len, "%s: longer than %u bytes", path, MTA_STS_FILE_MAX);
        else if (!(good = mta_sts_parse(text, len, policy, &line, &wrong)))
            line > 0 ? snprintf(error, error_len, "%s:%u: %s", path, line, wrong)
                     : snprintf(error, error_len, "%s: %s", path, wrong);
    }
    if (file)
        (void)fclose(file);
    free(text);
    return good;
}

/* The length of DOMAIN in "DOMAIN.txt"; 0: not such a name. */
static size_t domain_len(const char *name) {
    size_t len = strlen(name);
    bool fits = len > 4 && len - 4 <= NAME_MAX_LEN && strcasecmp(name + len - 4, ".txt") == 0;
    return fits && is_pattern(name, len - 4) && name[0] != '*' ? len - 4 : 0;
}

static bool add_policy(struct mta_sts *sts, const char *directory, const char *name, char *error,
                       size_t error_len) {
    struct mta_sts_policy policy;
    char path[4096];
    if (sts->num == MTA_STS_POLICIES_MAX) {
        snprintf(error, error_len, "'%s' holds more than %u policies", directory, MTA_STS_POLICIES_MAX);
        return false;
    }
    if (sts->num == sts->room) {
        size_t room = sts->room > 0 ? 2 * sts->room : 16;
        struct mta_sts_policy *grown = realloc(sts->policies, room * sizeof *grown);
        if (!grown)
            return false;
        sts->policies = grown;
        sts->room = room;
    }
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (!read_file(path, &policy, error, error_len))
        return false;
    policy.domain = lower_copy(name, domain_len(name));
    sts->policies[sts->num++] = policy;
    return policy.domain != NULL;
}

static int by_domain(const void *a, const void *b) {
    return strcmp(((const struct mta_sts_policy *)a)->domain, ((const struct mta_sts_policy *)b)->domain);
}

struct mta_sts *mta_sts_load(const char *directory, char *error, size_t error_len) {
    bool good = true;
    struct mta_sts *sts = calloc(1, sizeof *sts);
    DIR *dir = opendir(directory);
    snprintf(error, error_len, "out of memory");
    if (!dir)
        snprintf(error, error_len, "cannot read the directory '%s': %s", directory, strerror(errno));
    for (struct dirent *entry; sts && dir && good && (entry = readdir(dir)) != NULL;)
        good = domain_len(entry->d_name) == 0 || add_policy(sts, directory, entry->d_name, error, error_len);
    if (dir)
        closedir(dir);
    if (!sts || !dir || !good) {
        mta_sts_free(sts);
        return NULL;
    }
    if (sts->num > 0)
        qsort(sts->policies, sts->num, sizeof *sts->policies, by_domain);
    return sts;
}

void mta_sts_free(struct mta_sts *sts) {
    if (!sts)
        return;
    for (size_t i = 0; i < sts->num; i++)
        mta_sts_policy_cleanup(&sts->policies[i]);
    free(sts->policies);
    free(sts);
}

static int compare_domain(const void *domain, const void *policy) {
    return strcasecmp(domain, ((const struct mta_sts_policy *)policy)->domain);
}

const struct mta_sts_policy *mta_sts_find(const struct mta_sts *sts, const char *domain) {
    if (!sts || sts->num == 0)
        return NULL;
    return bsearch(domain, sts->policies, sts->num, sizeof *sts->policies, compare_domain);
}
