#include "mix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "synthetic.h"

#define MAIL_SHARE_OF_SPAN 0.05 /* of packets */
#define MAIL_SCALE         10   /* the lab has no network to speak of; with this a session takes 1 to 5 s */

struct row {
    const char *file;
    unsigned connection;
    unsigned weight;
    bool grows; /* has a body that can be made longer */
};

/* Mostly STARTTLS with TLS 1.3 and 1.2, as mail between providers is; then what else is met. */
static const struct row mail_rows[] = {
    {"postfix-to-postfix.pcap", 0, 16, true},
    {"postfix-to-postfix-secure.pcap", 0, 10, true},
    {"postfix-swaks-tls13.pcap", 0, 10, true},
    {"exim-to-exim.pcap", 0, 7, true},
    {"exim-swaks-tls13.pcap", 0, 5, true},
    {"opensmtpd-swaks-tls13.pcap", 0, 3, true},
    {"postfix-curl-587.pcap", 0, 4, true},
    {"postfix-tls13-chacha20-587.pcap", 0, 2, true},
    {"postfix-hello-retry-keylog.pcap", 0, 1, true},
    {"postfix-resumption-psk.pcap", 1, 3, true},
    {"ipv6-starttls.pcapng", 0, 4, true},
    {"postfix-465-swaks-tls13.pcap", 0, 3, true},
    {"postfix-swaks-tls12-ecdsa.pcap", 0, 8, true},
    {"postfix-self-signed.pcap", 0, 4, true},
    {"postfix-to-postfix-untrusted.pcap", 0, 3, true},
    {"postfix-chain-tls12.pcap", 0, 3, true},
    {"exim-s-client-tls12.pcap", 0, 2, true},
    {"opensmtpd-gnutls-cli-tls12.pcap", 0, 2, true},
    {"postfix-tls12-chacha20-ecdsa.pcap", 0, 1, true},
    {"postfix-tls12-dhe.pcap", 0, 1, true},
    {"postfix-to-postfix-anonymous.pcap", 0, 1, true},
    {"postfix-expired-certificate.pcap", 0, 1, true},
    {"postfix-client-certificate-tls12.pcap", 0, 1, true},
    {"postfix-resumption-ticket.pcap", 1, 2, true},
    {"postfix-resumption-session-id.pcap", 1, 1, true},
    {"postfix-465-s-client-tls12.pcap", 0, 1, true},
    {"postfix-tls10.pcap", 0, 1, true},
    {"postfix-to-postfix-not-offered.pcap", 0, 4, true},
    {"postfix-offered-unused.pcap", 0, 2, true},
    {"exim-to-exim-bdat-pipelined.pcap", 0, 1, false},
    {"postfix-auth-login-clear.pcap", 0, 1, true},
    {"postfix-helo-only.pcap", 0, 1, true},
    {"masked-postfix-to-postfix.pcap", 0, 1, true},
    {"postfix-454.pcap", 0, 1, false},
    {"failed-unknown-ca-tls12.pcap", 0, 1, false},
    {"postfix-quit-after-ehlo.pcap", 0, 2, false},
    {"postfix-banner-only.pcap", 0, 1, false},
};

/* Lengths of mails, and how many of a hundred have them. */
static const struct {
    uint32_t filler;
    unsigned weight;
} mail_sizes[] = {{0, 40}, {2000, 35}, {6000, 15}, {20000, 8}, {60000, 2}};

static struct role *add_role(struct mix *mix) {
    struct role *roles = realloc(mix->roles, (mix->num_roles + 1) * sizeof *roles);
    if (!roles) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    mix->roles = roles;
    struct role *role = &roles[mix->num_roles++];
    *role = (struct role){0};
    return role;
}

static bool add_from_capture(struct mix *mix, const char *pcaps, const struct role *like,
                             struct template_options options) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", pcaps, like->file);
    options.path = path;
    options.connection = like->connection;
    options.filler = like->filler;
    struct role *role = add_role(mix);
    *role = *like;
    return template_load(&role->template, &options);
}

static bool load_mail(struct mix *mix, const char *pcaps) {
    for (unsigned i = 0; i < sizeof mail_rows / sizeof mail_rows[0]; i++) {
        const struct row *row = &mail_rows[i];
        size_t num_sizes = row->grows ? sizeof mail_sizes / sizeof mail_sizes[0] : 1;
        for (size_t k = 0; k < num_sizes; k++) {
            struct role like = {.file = row->file, .connection = row->connection, .row = i, .mail = true};
            like.filler = mail_sizes[k].filler;
            like.weight = row->weight * (row->grows ? mail_sizes[k].weight : 100);
            struct template_options options = {.scale = MAIL_SCALE, .filler_side = SIDE_CLIENT};
            if (!add_from_capture(mix, pcaps, &like, options))
                return false;
        }
    }
    return true;
}

/* --- what else is on a span port --- */

static const struct {
    const char *file; /* NULL: made up */
    uint16_t port;
    uint32_t filler;
    double weight;
} web_rows[] = {
    {"exim-465-curl.pcap", 443, 3000, 60},
    {"exim-465-curl.pcap", 443, 30000, 200},
    {"exim-465-curl.pcap", 443, 150000, 120},
    {"exim-465-curl.pcap", 443, 600000, 40},
    {"http-server-on-25.pcap", 80, 10000, 50},
    {"http-server-on-25.pcap", 80, 100000, 30},
    {NULL, 443, 20000, 120},
    {NULL, 443, 400000, 30},
    {NULL, 53, 0, 300},
};

static bool load_web(struct mix *mix, const char *pcaps) {
    for (unsigned i = 0; i < sizeof web_rows / sizeof web_rows[0]; i++) {
        struct role like = {.file = web_rows[i].file,
                            .row = 128 + i,
                            .weight = web_rows[i].weight,
                            .filler = web_rows[i].filler};
        if (like.file) {
            struct template_options options = {
                .scale = MAIL_SCALE, .port = web_rows[i].port, .filler_side = SIDE_SERVER};
            if (!add_from_capture(mix, pcaps, &like, options))
                return false;
            continue;
        }
        struct role *role = add_role(mix);
        *role = like;
        role->file = web_rows[i].port == 53 ? "dns" : "quic";
        if (web_rows[i].port == 53)
            synthetic_dns(&role->template);
        else
            synthetic_quic(&role->template, like.filler);
    }
    return true;
}

/* Weights so that mail's share of the packets is what it shall be. */
static void balance(struct mix *mix) {
    double packets[2] = {0, 0};
    for (size_t i = 0; i < mix->num_roles; i++)
        packets[mix->roles[i].mail] += mix->roles[i].weight * (double)mix->roles[i].template.num_frames;
    double factor = packets[0] * MAIL_SHARE_OF_SPAN / (1 - MAIL_SHARE_OF_SPAN) / packets[1];
    for (size_t i = 0; i < mix->num_roles; i++)
        mix->roles[i].weight *= mix->roles[i].mail ? factor : 1;
}

static bool load_one(struct mix *mix, const char *pcaps, const char *file, uint32_t filler,
                     size_t max_frames) {
    struct role like = {.file = file, .weight = 1, .filler = filler, .mail = true};
    struct template_options options = {
        .scale = MAIL_SCALE, .filler_side = SIDE_CLIENT, .max_frames = max_frames};
    return add_from_capture(mix, pcaps, &like, options);
}

bool mix_load(struct mix *mix, enum mix_kind kind, const char *pcaps) {
    *mix = (struct mix){0};
    switch (kind) {
    case MIX_MAIL:
        return load_mail(mix, pcaps);
    case MIX_SPAN:
        if (!load_mail(mix, pcaps) || !load_web(mix, pcaps))
            return false;
        balance(mix);
        return true;
    case MIX_BULK:
        return load_one(mix, pcaps, "postfix-to-postfix-not-offered.pcap", 1000000, 0);
    case MIX_HELLO: /* up to the ClientHello */
        return load_one(mix, pcaps, "postfix-to-postfix-secure.pcap", 0, 11);
    case MIX_IDLE: /* up to the first application data both ways */
        return load_one(mix, pcaps, "postfix-chain-tls12.pcap", 0, 19);
    }
    return false;
}

void mix_cleanup(struct mix *mix) {
    for (size_t i = 0; i < mix->num_roles; i++)
        template_cleanup(&mix->roles[i].template);
    free(mix->roles);
    *mix = (struct mix){0};
}
