#include "filter_mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../config_values.h"

#define LINKTYPE_ETHERNET  1
#define LINKTYPE_LINUX_SLL 113
#define VLAN_TAGS_MAX      2 /* besides one that the kernel took off */

/* What the decoder can look into (decode_layer.h), by what the kernel can know it by. */
static const struct tunnel {
    const char *name;
    const char *expression;
    bool frame; /* named by an EtherType, so it is not within IP */
} tunnels_table[] = {
    {"gre", "ip proto 47 or ip6 proto 47 or udp port 4754", false}, /* with ERSPAN, EoIP and PPTP in it */
    {"ipip", "ip proto 4 or ip6 proto 4", false},
    {"6in4", "ip proto 41 or ip6 proto 41", false},
    {"vxlan", "udp port 4789 or udp port 8472", false},
    {"geneve", "udp port 6081", false},
    {"gtpu", "udp port 2152", false},
    {"mpls", "ether proto 0x8847 or ether proto 0x8848 or ip proto 137 or ip6 proto 137", true},
    {"pppoe", "ether proto 0x8864", true},
    {"pbb", "ether proto 0x88e7", true},
    {"vntag", "ether proto 0x8926", true},
    {"etag", "ether proto 0x893f", true},
};
#define NUM_TUNNELS (sizeof tunnels_table / sizeof tunnels_table[0])

const char *filter_tunnel_name(size_t i) {
    return i < NUM_TUNNELS ? tunnels_table[i].name : NULL;
}

static bool add_tunnel(uint32_t *tunnels, const char *name, size_t len) {
    for (size_t i = 0; i < NUM_TUNNELS; i++) {
        if (strlen(tunnels_table[i].name) == len && strncasecmp(tunnels_table[i].name, name, len) == 0) {
            *tunnels |= UINT32_C(1) << i;
            return true;
        }
    }
    return false;
}

static void complain(const char *name, size_t len, char *why, size_t why_len) {
    int at = snprintf(why, why_len, "'%.*s' is no tunnel: write all, none or some of", (int)len, name);
    for (size_t i = 0; i < NUM_TUNNELS && at > 0 && (size_t)at < why_len; i++)
        at += snprintf(why + at, why_len - (size_t)at, "%s %s", i > 0 ? "," : "", tunnels_table[i].name);
}

bool filter_tunnels_add(uint32_t *tunnels, const char *text, char *why, size_t why_len) {
    uint32_t sum = *tunnels;
    if (strcasecmp(text, "none") == 0)
        return true;
    if (strcasecmp(text, "all") == 0) {
        *tunnels = (UINT32_C(1) << NUM_TUNNELS) - 1;
        return true;
    }
    for (const char *name = text;;) {
        name += strspn(name, " ");
        size_t len = strcspn(name, ", ");
        if (!add_tunnel(&sum, name, len)) {
            complain(name, len, why, why_len);
            return false;
        }
        name += len + strspn(name + len, " ");
        if (*name == '\0')
            break;
        name++;
    }
    *tunnels = sum;
    return true;
}

/* "tcp port 25 or tcp portrange 1000-2000", or "tcp". */
static void put_ports(FILE *out, const struct config *config) {
    struct port_set ports;
    char range[PORTS_TEXT_MAX];
    size_t num_ranges = 0;
    port_set_join(&config->mail_ports, &config->tls_ports, &ports);
    for (uint32_t next = 0; (next = ports_next_range(&ports, next, range)) != 0;)
        num_ranges++;
    if (config->any_port || num_ranges > FILTER_RANGES_MAX) {
        fputs("tcp", out);
        return;
    }
    const char *between = "";
    for (uint32_t next = 0; (next = ports_next_range(&ports, next, range)) != 0; between = " or ")
        fprintf(out, "%stcp %s %s", between, strchr(range, '-') ? "portrange" : "port", range);
}

/* Later fragments say which protocol they are of, but may be of a tunnel. IPv6 headers before TCP
 * (hop-by-hop, routing, authentication, destination options, mobility, HIP, shim6) have any length. */
static void put_portless(FILE *out, bool tunnels) {
    fprintf(out, " or (ip[6:2] & 0x1fff != 0%s)", tunnels ? "" : " and ip proto 6");
    fprintf(out, " or (ip6[6] = 44%s)", tunnels ? "" : " and ip6[40] != 17 and ip6[40] != 58");
    fputs(" or ip proto 51 or ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 51 or ip6[6] = 60 or ip6[6] = 135"
          " or ip6[6] = 139 or ip6[6] = 140",
          out);
}

static void put_mail(FILE *out, const struct config *config, bool has_ethertypes) {
    put_ports(out, config);
    if (!config->no_dns)
        fputs(" or udp src port 53 or tcp src port 53", out);
    put_portless(out, config->tunnels != 0);
    for (size_t i = 0; i < NUM_TUNNELS; i++) {
        if ((config->tunnels >> i & 1) != 0 && (has_ethertypes || !tunnels_table[i].frame))
            fprintf(out, " or %s", tunnels_table[i].expression);
    }
}

char *filter_mail(const struct config *config, int linktype) {
    char *expression = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&expression, &len);
    if (!out)
        return NULL;
    if (config->filter)
        fprintf(out, "(%s) and (", config->filter);
    put_mail(out, config, linktype == LINKTYPE_ETHERNET || linktype == LINKTYPE_LINUX_SLL);
    /* behind the word "vlan" all offsets are those within the tag, whatever the brackets say */
    for (unsigned i = 0; linktype == LINKTYPE_ETHERNET && i < VLAN_TAGS_MAX; i++) {
        fputs(" or (vlan and (", out);
        put_mail(out, config, true);
    }
    for (unsigned i = 0; linktype == LINKTYPE_ETHERNET && i < VLAN_TAGS_MAX; i++)
        fputs("))", out);
    /* there "vlan" is not known: all that still has a tag once the kernel took one off */
    if (linktype == LINKTYPE_LINUX_SLL)
        fputs(" or link[14:2] = 0x8100 or link[14:2] = 0x88a8", out);
    if (config->filter)
        fputc(')', out);
    if (fclose(out) == 0)
        return expression;
    free(expression);
    return NULL;
}
