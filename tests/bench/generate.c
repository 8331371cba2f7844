/* generate.c: makes the captures of the benchmark, of any size, out of sessions of our own captures.
 *
 *   bench_generate [--bytes=N] [--sessions=N] [--rate=N] [--seed=N] [--reorder=S] [--lose=S] [--duplicate=S]
 *                  [--pcaps=DIRECTORY] KIND FILE
 *
 * KIND is mail, mail-unique-certs, span, bulk, hello (connections that stay open after the ClientHello) or
 * idle (that stay open after the handshake). FILE.facts says what every session of FILE is. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "output.h"
#include "replay.h"

struct kind {
    const char *name;
    enum mix_kind mix;
    bool unique_certs, in_rounds;
    double sessions_per_s;
};

static const struct kind kinds[] = {
    {"mail", MIX_MAIL, false, false, 200}, {"mail-unique-certs", MIX_MAIL, true, false, 200},
    {"span", MIX_SPAN, false, false, 500}, {"bulk", MIX_BULK, false, false, 10},
    {"hello", MIX_HELLO, false, true, 1},  {"idle", MIX_IDLE, false, true, 1},
};

struct arguments {
    const struct kind *kind;
    const char *path, *pcaps;
    double bytes;
    struct replay_options replay;
};

static void usage(void) {
    fprintf(stderr,
            "usage: bench_generate [--bytes=N] [--sessions=N] [--rate=N] [--seed=N] [--reorder=SHARE]\n"
            "           [--lose=SHARE] [--duplicate=SHARE] [--pcaps=DIRECTORY] KIND FILE\n"
            "KIND: mail, mail-unique-certs, span, bulk, hello, idle\n");
    exit(2);
}

static void take_option(struct arguments *a, int option) {
    struct replay_options *r = &a->replay;
    switch (option) {
    case 'b':
        a->bytes = strtod(optarg, NULL);
        break;
    case 's':
        r->num_sessions = strtoull(optarg, NULL, 10);
        break;
    case 'r':
        r->sessions_per_s = strtod(optarg, NULL);
        break;
    case 'x':
        r->seed = strtoull(optarg, NULL, 10);
        break;
    case 'o':
        r->reorder = strtod(optarg, NULL);
        break;
    case 'l':
        r->lose = strtod(optarg, NULL);
        break;
    case 'd':
        r->duplicate = strtod(optarg, NULL);
        break;
    case 'p':
        a->pcaps = optarg;
        break;
    default:
        usage();
    }
}

static struct arguments read_arguments(int argc, char **argv) {
    static const struct option options[] = {
        {"bytes", required_argument, NULL, 'b'},
        {"sessions", required_argument, NULL, 's'},
        {"rate", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 'x'},
        {"reorder", required_argument, NULL, 'o'},
        {"lose", required_argument, NULL, 'l'},
        {"duplicate", required_argument, NULL, 'd'},
        {"pcaps", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    struct arguments a = {.bytes = 2e9, .pcaps = "pcaps", .replay = {.seed = 1}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        take_option(&a, option);
    if (argc - optind != 2)
        usage();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, argv[optind]) == 0)
            a.kind = &kinds[i];
    }
    if (!a.kind)
        usage();
    a.path = argv[optind + 1];
    a.replay.unique_certs = a.kind->unique_certs;
    a.replay.in_rounds = a.kind->in_rounds;
    if (a.replay.sessions_per_s <= 0)
        a.replay.sessions_per_s = a.kind->sessions_per_s;
    return a;
}

/* As many sessions as make the size that was asked for, on average. */
static uint64_t sessions_for(const struct mix *mix, double bytes) {
    double weight = 0, sum = 0;
    for (size_t i = 0; i < mix->num_roles; i++) {
        const struct role *role = &mix->roles[i];
        weight += role->weight;
        sum += role->weight * (double)(role->template.bytes_len + 16 * role->template.num_frames);
    }
    return (uint64_t)(bytes * weight / sum) + 1;
}

static void write_roles(const struct mix *mix, FILE *facts) {
    for (size_t i = 0; i < mix->num_roles; i++) {
        const struct role *role = &mix->roles[i];
        const struct template *t = &role->template;
        if (!role->mail)
            continue;
        fprintf(facts, "role\t%zu\t%s\t%u\t%s\t%s\t%u\t%u\t%llu\t%llu\t%u\t%u\t%u\t", i, role->file,
                role->connection, t->client, t->server, t->server_port, role->filler,
                (unsigned long long)t->stream_len[SIDE_CLIENT],
                (unsigned long long)t->stream_len[SIDE_SERVER], t->packets[SIDE_CLIENT],
                t->packets[SIDE_SERVER], t->serial_at);
        for (uint32_t k = 0; k < t->cert_len; k++)
            fprintf(facts, "%02x", t->cert[k]);
        fprintf(facts, "%s\n", t->cert_len > 0 ? "" : "-");
    }
}

int main(int argc, char **argv) {
    struct arguments a = read_arguments(argc, argv);
    struct mix mix;
    struct output output;
    if (!mix_load(&mix, a.kind->mix, a.pcaps) || !output_open(&output, a.path)) {
        mix_cleanup(&mix);
        return 1;
    }
    if (a.replay.num_sessions == 0)
        a.replay.num_sessions = sessions_for(&mix, a.bytes);
    write_roles(&mix, output.facts);
    bool good = replay_run(&mix, &a.replay, &output);
    fprintf(output.facts, "total\t%llu\t%llu\t%llu\n", (unsigned long long)output.packets,
            (unsigned long long)output.bytes, (unsigned long long)a.replay.num_sessions);
    good = output_close(&output) && good;
    mix_cleanup(&mix);
    return good ? 0 : 1;
}
