/* Tunnels: what is in them, how deep, and that nothing else is taken for one. */
#include "build_frame.h"

#define RAW_IP 101

static struct build b;

static void build_inner(bool ipv6) {
    if (ipv6)
        build_ipv6_tcp(&b);
    else
        build_ipv4_tcp(&b);
}

static void push_outer(bool ipv6, uint8_t protocol) {
    if (ipv6)
        push_ipv6(&b, protocol);
    else
        push_ipv4(&b, protocol);
}

struct tunnel_case {
    const char *name;
    uint8_t protocol; /* of the outer IP header; 17: UDP to this port */
    uint16_t port;
    bool ethernet; /* the tunnel carries whole frames */
    const char *header;
    enum decode_result result;
};

/* Headers that name IPv4 inside; those with Ethernet inside carry both. */
static const struct tunnel_case TUNNELS[] = {
    {"ip in ip", 4, 0, false, "", DECODE_TCP},
    {"mpls in ip", 137, 0, false, "00 01 01 40", DECODE_TCP},
    {"gre", 47, 0, false, "00 00 08 00", DECODE_TCP},
    {"gre, checksum", 47, 0, false, "80 00 08 00 12 34 00 00", DECODE_TCP},
    {"gre, key", 47, 0, false, "20 00 08 00 00 00 00 01", DECODE_TCP},
    {"gre, all", 47, 0, false, "b0 00 08 00 12 34 00 00 00 00 00 01 00 00 00 02", DECODE_TCP},
    {"gre, mpls", 47, 0, false, "00 00 88 47 00 01 01 40", DECODE_TCP},
    {"gre, ethernet", 47, 0, true, "00 00 65 58", DECODE_TCP},
    {"gre, source route", 47, 0, false, "40 00 08 00 00 00 00 00", DECODE_OTHER},
    {"gre, version 2", 47, 0, false, "00 02 08 00", DECODE_OTHER},
    {"gre, other protocol", 47, 0, false, "00 00 08 06", DECODE_OTHER},
    {"pptp", 47, 0, false, "30 01 88 0b 00 24 00 01 00 00 00 07 ff 03 00 21", DECODE_TCP},
    {"pptp, acknowledges", 47, 0, false, "30 81 88 0b 00 24 00 01 00 00 00 07 00 00 00 06 00 21", DECODE_TCP},
    {"pptp, no key", 47, 0, false, "10 01 88 0b 00 00 00 07 ff 03 00 21", DECODE_OTHER},
    {"eoip", 47, 0, true, "20 01 64 00 00 3e 01 00", DECODE_TCP},
    {"erspan I", 47, 0, true, "00 00 88 be", DECODE_TCP},
    {"erspan II", 47, 0, true, "10 00 88 be 00 00 00 01 10 01 00 05 00 00 00 02", DECODE_TCP},
    {"erspan II, other version", 47, 0, true, "10 00 88 be 00 00 00 01 30 01 00 05 00 00 00 02",
     DECODE_OTHER},
    {"erspan III", 47, 0, true, "10 00 22 eb 00 00 00 01 20 01 00 05 00 00 00 02 00 00 00 00", DECODE_TCP},
    {"erspan III, subheader", 47, 0, true,
     "10 00 22 eb 00 00 00 01 20 01 00 05 00 00 00 02 00 00 00 01 00 00 00 00 00 00 00 00", DECODE_TCP},
    {"erspan III, ip", 47, 0, false, "10 00 22 eb 00 00 00 01 20 01 00 05 00 00 00 02 00 00 08 00",
     DECODE_TCP},
    {"erspan III, infiniband", 47, 0, false, "10 00 22 eb 00 00 00 01 20 01 00 05 00 00 00 02 00 00 0c 00",
     DECODE_OTHER},
    {"vxlan", 17, 4789, true, "08 00 00 00 00 00 2a 00", DECODE_TCP},
    {"vxlan, Linux' port", 17, 8472, true, "08 00 00 00 00 00 2a 00", DECODE_TCP},
    {"vxlan, group policy", 17, 4789, true, "88 00 00 07 00 00 2a 00", DECODE_TCP},
    {"vxlan, no identifier", 17, 4789, true, "00 00 00 00 00 00 2a 00", DECODE_OTHER},
    {"vxlan, another port", 17, 4790, true, "08 00 00 00 00 00 2a 00", DECODE_OTHER},
    {"geneve, ip", 17, 6081, false, "00 00 08 00 00 00 2a 00", DECODE_TCP},
    {"geneve, ethernet", 17, 6081, true, "00 00 65 58 00 00 2a 00", DECODE_TCP},
    {"geneve, options", 17, 6081, true, "02 40 65 58 00 00 2a 00 01 02 80 01 00 00 00 01", DECODE_TCP},
    {"geneve, version 1", 17, 6081, true, "40 00 65 58 00 00 2a 00", DECODE_OTHER},
    {"geneve, options overrun", 17, 6081, false, "3f 00 08 00 00 00 2a 00", DECODE_OTHER},
    {"gre in udp", 17, 4754, false, "00 00 08 00", DECODE_TCP},
    {"gtp-u", 17, 2152, false, "30 ff 00 30 00 00 00 01", DECODE_TCP},
    {"gtp-u, sequence", 17, 2152, false, "32 ff 00 34 00 00 00 01 00 07 00 00", DECODE_TCP},
    {"gtp-u, extensions", 17, 2152, false,
     "34 ff 00 40 00 00 00 01 00 00 00 85 01 10 00 85 02 10 00 00 00 00 00 00", DECODE_TCP},
    {"gtp-u, empty extension", 17, 2152, false, "34 ff 00 38 00 00 00 01 00 00 00 85 00 10 00 00",
     DECODE_OTHER},
    {"gtp-u, echo", 17, 2152, false, "30 01 00 30 00 00 00 01", DECODE_OTHER},
    {"gtp-u, prime", 17, 2152, false, "20 ff 00 30 00 00 00 01", DECODE_OTHER},
    {"gtp-u, too long", 17, 2152, false, "30 ff 00 31 00 00 00 01", DECODE_OTHER},
};

static void tunnels_carry_ipv4(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof TUNNELS / sizeof *TUNNELS; i++) {
        for (int ipv6_outside = 0; ipv6_outside < 2; ipv6_outside++) {
            const struct tunnel_case *c = &TUNNELS[i];
            print_message("%s\n", c->name);
            build_inner(false);
            if (c->ethernet)
                push_ethernet(&b, 0x0800);
            push_hex(&b, c->header);
            if (c->protocol == 17)
                push_udp(&b, 50000, c->port);
            push_outer(ipv6_outside, c->protocol);
            assert_decodes_to(&b, RAW_IP, c->result, 4, -1);
        }
    }
}

static void tunnels_carry_ipv6(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof TUNNELS / sizeof *TUNNELS; i++) {
        const struct tunnel_case *c = &TUNNELS[i];
        if (!c->ethernet)
            continue;
        print_message("%s\n", c->name);
        build_inner(true);
        push_ethernet(&b, 0x86dd);
        push_hex(&b, c->header);
        if (c->protocol == 17)
            push_udp(&b, 50000, c->port);
        push_outer(false, c->protocol);
        assert_decodes_to(&b, RAW_IP, c->result, 16, -1);
    }
    build_inner(true); /* 6in4 */
    push_outer(false, 41);
    assert_decodes_to(&b, RAW_IP, DECODE_TCP, 16, -1);
    build_inner(true);
    push_outer(true, 41);
    assert_decodes_to(&b, RAW_IP, DECODE_TCP, 16, -1);
}

static void answers_come_from_the_port(void **state) {
    (void)state;
    build_inner(false);
    push_ethernet(&b, 0x0800);
    push_hex(&b, "08 00 00 00 00 00 2a 00");
    push_udp(&b, 4789, 50000);
    push_outer(false, 17);
    assert_decodes_to(&b, RAW_IP, DECODE_TCP, 4, -1);
}

static void outermost_tag_is_told(void **state) {
    (void)state;
    build_inner(false);
    push_hex(&b, "00 07 08 00");
    push_ethernet(&b, 0x8100);
    push_hex(&b, "08 00 00 00 00 00 2a 00");
    push_udp(&b, 50000, 4789);
    push_outer(false, 17);
    assert_decodes_to(&b, RAW_IP, DECODE_TCP, 4, 7);
    push_hex(&b, "00 63 08 00");
    push_ethernet(&b, 0x8100);
    assert_decodes_to(&b, 1, DECODE_TCP, 4, 0x63);
}

/* Other traffic on these ports is neither TCP nor damage. */
static void udp_ports_do_not_misfire(void **state) {
    (void)state;
    static const uint16_t ports[] = {4789, 8472, 6081, 2152, 4754};
    struct decoder *decoder = decoder_new(&(struct decode_options){0});
    uint8_t noise[64];
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof noise; i++) {
            random = random * 1664525 + 1013904223;
            noise[i] = (uint8_t)(random >> 24);
        }
        build_begin(&b, noise, random >> 16 & 63);
        push_udp(&b, 53, ports[round % 5]);
        push_ipv4(&b, 17);
        struct segment segment;
        uint8_t *copy;
        assert_int_equal(decode_first(decoder, &b, b.len, RAW_IP, 0, &segment, &copy), DECODE_OTHER);
        free(copy);
    }
    assert_int_equal(decoder_counters(decoder)->damaged, 0);
    decoder_free(decoder);
}

/* What the tunnel's own length leaves out is not in it. */
static void tunnels_bound_what_they_carry(void **state) {
    (void)state;
    build_inner(false);
    push_ethernet(&b, 0x0800);
    push_hex(&b, "08 00 00 00 00 00 2a 00");
    push_udp(&b, 50000, 4789);
    put_u16_at(&b, 4, b.len - 4);
    push_outer(false, 17);
    assert_decodes_to(&b, RAW_IP, DECODE_OTHER, 0, -1);
    put_u16_at(&b, 20 + 4, b.len); /* and a length beyond the datagram is none */
    assert_decodes_to(&b, RAW_IP, DECODE_OTHER, 0, -1);
}

static void depth_is_limited(void **state) {
    (void)state;
    for (int depth = 1; depth <= DECODE_DEPTH_MAX + 1; depth++) {
        struct decoder *decoder = decoder_new(&(struct decode_options){0});
        struct segment segment;
        uint8_t *copy;
        build_inner(false);
        for (int i = 1; i < depth; i++)
            push_ipv4(&b, 4);
        enum decode_result result = decode_first(decoder, &b, b.len, RAW_IP, 0, &segment, &copy);
        assert_int_equal(result, depth <= DECODE_DEPTH_MAX ? DECODE_TCP : DECODE_OTHER);
        assert_int_equal(decoder_counters(decoder)->depth_limit, depth > DECODE_DEPTH_MAX);
        free(copy);
        decoder_free(decoder);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tunnels_carry_ipv4),         cmocka_unit_test(tunnels_carry_ipv6),
        cmocka_unit_test(answers_come_from_the_port), cmocka_unit_test(outermost_tag_is_told),
        cmocka_unit_test(udp_ports_do_not_misfire),   cmocka_unit_test(tunnels_bound_what_they_carry),
        cmocka_unit_test(depth_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
