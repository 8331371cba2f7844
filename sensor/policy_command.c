#include "policy_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/policy_profile.h"
#include "judge/policy_table.h"
#include "log.h"

#define DEFAULT_PORT 25

enum { STATUS_GOOD = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

static int usage(FILE *out) {
    fputs("Usage: starttap policy check FILE\n"
          "       starttap policy explain FILE PEER [inbound|outbound]\n"
          "       starttap policy list\n"
          "       starttap policy show PROFILE\n"
          "\n"
          "check    reads the rules in FILE and says what is wrong with them\n"
          "explain  says which rule PEER has, and why: a host, HOST:PORT, [HOST]:PORT, an address, or a\n"
          "         recipient (USER@DOMAIN or @DOMAIN)\n"
          "list     names the profiles that come with starttap; each may be given as FILE\n"
          "show     prints one, as a file to begin with\n",
          out);
    return out == stdout ? STATUS_GOOD : STATUS_USAGE;
}

static struct policy *load(const char *file) {
    char error[512];
    struct policy *policy = policy_load(file, error, sizeof error);
    if (!policy)
        log_line(LEVEL_ERROR, "%s", error);
    return policy;
}

static int check(const char *file) {
    struct policy *policy = load(file);
    if (!policy)
        return STATUS_USAGE;
    for (size_t i = 0; i < policy_num_notes(policy); i++)
        printf("%s\n", policy_note(policy, i));
    printf("%s: %zu rules, all good\n", file, policy_num_rules(policy));
    policy_free(policy);
    return STATUS_GOOD;
}

static int list(void) {
    for (size_t i = 0; i < policy_num_profiles; i++) {
        const struct policy_profile *profile = &policy_profiles[i];
        int len = (int)strcspn(profile->text, "\n"); /* its first line is what it is about */
        printf("%-24s %.*s\n", profile->name, len > 2 ? len - 2 : 0, profile->text + 2);
    }
    return STATUS_GOOD;
}

static int show(const char *name) {
    const struct policy_profile *profile = policy_profile_find(name);
    if (!profile) {
        fprintf(stderr, "starttap: '%s' is no profile: see starttap policy list\n", name);
        return STATUS_FAILED;
    }
    fputs(profile->text, stdout);
    return STATUS_GOOD;
}

/* --- explain --- */

/* Who is asked about. */
struct peer {
    char name[POLICY_NAME_MAX + 1];
    bool recipient;
    unsigned port;
};

static bool read_port(const char *text, unsigned *port) {
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    *port = (unsigned)number;
    return text[0] != '\0' && *end == '\0' && number > 0 && number <= 65535;
}

static bool read_peer(const char *text, struct peer *peer) {
    char plain[POLICY_NAME_MAX + 1];
    const char *at = strrchr(text, '@'), *end = strrchr(text, ']'), *colon = strrchr(end ? end : text, ':');
    *peer = (struct peer){.port = DEFAULT_PORT};
    if (strpbrk(text, " \t/*"))
        return false;
    if (at) {
        peer->recipient = true;
        return policy_plain_name(at + 1, peer->name);
    }
    if (policy_address(text, peer->name))
        return true;
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    if (len > POLICY_NAME_MAX || (colon && !read_port(colon + 1, &peer->port)))
        return false;
    memcpy(plain, text, len);
    plain[len] = '\0';
    if (policy_address(plain, peer->name))
        return true;
    bool brackets = len >= 2 && plain[0] == '[' && plain[len - 1] == ']';
    if (brackets)
        plain[len - 1] = '\0';
    return policy_plain_name(plain + brackets, peer->name);
}

static void print_try(void *context, const char *key, const struct policy_rule *rule) {
    (void)context;
    if (rule)
        printf("  %-32s line %zu\n", key, rule->line);
    else
        printf("  %-32s no rule\n", key);
}

static void print_certificate(const struct policy_rule *rule) {
    static const char *const about[NUM_POLICY_LEVELS] = {
        [POLICY_DANE] = "a certificate that the TLSA records name, where there are any",
        [POLICY_DANE_ONLY] = "a certificate that the TLSA records name",
        [POLICY_FINGERPRINT] = "a certificate or key with one of the fingerprints",
        [POLICY_VERIFY] = "a certificate with a valid chain, for the server's name",
        [POLICY_SECURE] = "a certificate with a valid chain, for the next hop's name",
    };
    if (about[rule->level])
        printf("  %s\n", about[rule->level]);
    for (size_t i = 0; i < rule->matches.num; i++)
        printf("    match=%s\n", rule->matches.items[i]);
    if (rule->has_tafile)
        printf("    tafile= is not judged: no session can pass\n");
}

static void print_tls(const struct policy_rule *rule) {
    const char *versions = rule->versions.text ? rule->versions.text : ">=TLSv1";
    printf("  versions: protocols=%s%s\n", versions[0] ? versions : "(any)",
           rule->versions.text ? "" : " (Postfix's default)");
    printf("  cipher suites up to TLS 1.2: grade %s or better%s\n", suite_grade_name(rule->grade),
           rule->has_grade ? "" : " (Postfix's default)");
    for (size_t i = 0; i < rule->excludes.num; i++)
        printf("    not %s%s\n", rule->excludes.items[i],
               suite_word_known(rule->excludes.items[i])
                   ? ""
                   : " (not judged: no session below TLS 1.3 can pass)");
    print_certificate(rule);
    if (rule->min_bits > 0)
        printf("  a cipher of %u bits or more\n", rule->min_bits);
    if (rule->forward_secrecy)
        printf("  forward secrecy\n");
    if (rule->post_quantum)
        printf("  a post-quantum key exchange\n");
    if (rule->client_cert)
        printf("  a certificate of the client\n");
}

static void print_rule(const char *file, const struct policy_rule *rule) {
    printf("%s:%zu: %s %s\n", file, rule->line, rule->written, rule->text);
    if (rule->direction)
        printf("  for %s sessions alone\n", rule->direction);
    if (rule->level == POLICY_NONE) {
        printf("  asks for nothing\n");
        return;
    }
    printf(policy_level_asks_tls(rule->level) ? "  asks for TLS; without it a session fails\n"
                                              : "  clear text is fine; where there is TLS it must have:\n");
    print_tls(rule);
}

static int explain(const char *file, const char *text, const char *direction) {
    struct peer peer;
    struct policy *policy = load(file);
    if (!policy)
        return STATUS_USAGE;
    if (!read_peer(text, &peer)) {
        fprintf(stderr, "starttap: '%s' is no host, address or recipient\n", text);
        policy_free(policy);
        return STATUS_USAGE;
    }
    struct policy_query query = {policy, (uint16_t)peer.port, direction, print_try, NULL};
    printf("%s%s, port %u%s%s: tried\n", peer.recipient ? "recipients at " : "", peer.name, peer.port,
           direction ? ", " : "", direction ? direction : "");
    char address[POLICY_NAME_MAX + 1];
    const struct policy_rule *rule = policy_address(peer.name, address) ? policy_find_address(&query, address)
                                     : peer.recipient ? policy_find_domain(&query, peer.name)
                                                      : policy_find_host(&query, peer.name);
    if (!rule)
        rule = policy_find_any(&query);
    if (rule)
        print_rule(file, rule);
    else
        printf("no rule: sessions have no result by this name\n");
    policy_free(policy);
    return STATUS_GOOD;
}

static bool is_direction(const char *word) {
    return strcmp(word, "inbound") == 0 || strcmp(word, "outbound") == 0;
}

static int run(int argc, char **argv) {
    const char *verb = argc > 2 ? argv[2] : "";
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0)
        return usage(stdout);
    if (argc == 4 && strcmp(verb, "check") == 0)
        return check(argv[3]);
    if (argc == 3 && strcmp(verb, "list") == 0)
        return list();
    if (argc == 4 && strcmp(verb, "show") == 0)
        return show(argv[3]);
    bool good = strcmp(verb, "explain") == 0 && (argc == 5 || (argc == 6 && is_direction(argv[5])));
    return good ? explain(argv[3], argv[4], argc == 6 ? argv[5] : NULL) : usage(stderr);
}

int policy_command(int argc, char **argv) {
    int status = run(argc, argv);
    if (fflush(stdout) == 0)
        return status;
    perror("starttap: standard output");
    return STATUS_FAILED;
}
