#include "../../sensor/capture/filter_mail.h"

#include "../../sensor/capture/filter.h"
#include "../../sensor/config_values.h"
#include "build_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ETHERNET 1
#define SLL      113
#define RAW      101

static struct build b;

static struct config config_for(const char *tunnels) {
    char why[512];
    struct config config = {0};
    assert_true(ports_add(&config.mail_ports, "25,587", why, sizeof why));
    assert_true(ports_add(&config.tls_ports, "465,2000-2010", why, sizeof why));
    assert_true(filter_tunnels_add(&config.tunnels, tunnels, why, sizeof why));
    return config;
}

static bool passes(const struct config *config, int linktype) {
    char error[256] = "";
    char *expression = filter_mail(config, linktype);
    assert_non_null(expression);
    struct filter *filter = filter_new(expression, error, sizeof error);
    if (filter == NULL)
        fail_msg("%s: %s", error, expression);
    struct packet packet = {b.start, (uint32_t)b.len, (uint32_t)b.len, linktype, 0};
    bool match = filter_match(filter, &packet);
    filter_free(filter);
    free(expression);
    return match;
}

/* TCP with these ports in IPv4 or IPv6. */
static void build_tcp(bool ipv6, size_t src_port, size_t dst_port) {
    build_begin(&b, "EHLO a\r\n", 8);
    push_tcp(&b);
    put_u16_at(&b, 0, src_port);
    put_u16_at(&b, 2, dst_port);
    if (ipv6)
        push_ipv6(&b, 6);
    else
        push_ipv4(&b, 6);
}

static void push_tag(size_t ethertype) {
    push_u16(&b, ethertype);
    push_hex(&b, "00 07");
}

static void test_ports_and_tags(void **state) {
    (void)state;
    static const struct {
        size_t src, dst;
        bool passes;
    } cases[] = {{25, 40000, true},   {40000, 587, true}, {465, 1, true},   {1, 2000, true},
                 {2005, 1, true},     {1, 2010, true},    {1, 2011, false}, {1999, 80, false},
                 {40000, 443, false}, {53, 40000, false}, {24, 26, false},  {40000, 25, true}};
    struct config config = config_for("none");
    config.no_dns = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
            size_t ethertype = ipv6 ? 0x86dd : 0x0800;
            build_tcp(ipv6, cases[i].src, cases[i].dst);
            assert_int_equal(passes(&config, RAW), cases[i].passes);
            push_ethernet(&b, ethertype);
            assert_int_equal(passes(&config, ETHERNET), cases[i].passes);
            build_tcp(ipv6, cases[i].src, cases[i].dst);
            push_tag(ethertype);
            push_ethernet(&b, 0x8100);
            assert_int_equal(passes(&config, ETHERNET), cases[i].passes);
            build_tcp(ipv6, cases[i].src, cases[i].dst);
            push_tag(ethertype);
            push_tag(0x8100);
            push_ethernet(&b, 0x88a8);
            assert_int_equal(passes(&config, ETHERNET), cases[i].passes);
            build_tcp(ipv6, cases[i].src, cases[i].dst);
            push_u16(&b, ethertype);
            push_hex(&b, "00 00 00 01 00 06 02 00 00 00 00 01 00 00");
            assert_int_equal(passes(&config, SLL), cases[i].passes);
        }
    }
}

/* Answers of the DNS pass, questions do not. */
static void test_dns(void **state) {
    (void)state;
    struct config config = config_for("none");
    for (unsigned udp = 0; udp < 2; udp++) {
        for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
            for (unsigned answer = 0; answer < 2; answer++) {
                build_begin(&b, "0123456789abcdef0123", 20); /* ports and whatever */
                put_u16_at(&b, 0, answer ? 53 : 40000);
                put_u16_at(&b, 2, answer ? 40000 : 53);
                if (ipv6)
                    push_ipv6(&b, udp ? 17 : 6);
                else
                    push_ipv4(&b, udp ? 17 : 6);
                push_ethernet(&b, ipv6 ? 0x86dd : 0x0800);
                config.no_dns = false;
                assert_int_equal(passes(&config, ETHERNET), answer);
                config.no_dns = true;
                assert_false(passes(&config, ETHERNET));
            }
        }
    }
}

/* A later piece has no ports; its bytes may look like any. */
static void build_piece(bool ipv6, uint8_t protocol, bool more, size_t at) {
    build_begin(&b, "0123456789abcdef", 16);
    if (!ipv6) {
        push_ipv4_piece(&b, protocol, 7, (uint16_t)((more ? 0x2000 : 0) | at / 8));
        return;
    }
    push_hex(&b, "00 00 00 07");
    push_u16(&b, at | more);
    const uint8_t next[] = {protocol, 0};
    push_bytes(&b, next, sizeof next);
    push_ipv6(&b, 44);
}

static void test_fragments(void **state) {
    (void)state;
    struct config config = config_for("none"), tunnels = config_for("gre");
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        for (unsigned more = 0; more < 2; more++) {
            build_piece(ipv6, 6, more, 1480);
            assert_true(passes(&config, RAW));
            push_ethernet(&b, ipv6 ? 0x86dd : 0x0800);
            assert_true(passes(&config, ETHERNET));
            build_piece(ipv6, 17, more, 1480);
            assert_false(passes(&config, RAW));
            assert_true(passes(&tunnels, RAW)); /* may be part of a tunnel's packet */
        }
    }
    build_tcp(false, 40000, 25); /* the first piece has them */
    put_u16_at(&b, 6, 0x2000);
    assert_true(passes(&config, RAW));
    put_u16_at(&b, 22, 80);
    assert_false(passes(&config, RAW));
}

static void test_headers_before_tcp(void **state) {
    (void)state;
    static const uint8_t headers[] = {0, 43, 51, 60, 135, 139, 140};
    struct config config = config_for("none");
    for (size_t i = 0; i < sizeof headers; i++) {
        build_begin(&b, "0123456789abcdef", 16);
        push_ipv6(&b, headers[i]);
        assert_true(passes(&config, RAW));
    }
    build_begin(&b, "0123456789abcdef", 16);
    push_ipv4(&b, 51);
    assert_true(passes(&config, RAW));
    build_begin(&b, "0123456789abcdef", 16);
    push_ipv6(&b, 58);
    assert_false(passes(&config, RAW));
}

static void test_any_port(void **state) {
    (void)state;
    struct config config = config_for("none");
    config.any_port = true;
    build_tcp(false, 40000, 4711);
    assert_true(passes(&config, RAW));
    build_begin(&b, "0123", 4);
    push_udp(&b, 40000, 25);
    push_ipv4(&b, 17);
    assert_false(passes(&config, RAW));
}

/* Each tunnel by itself lets its own packets pass and no other's; all of them are looked into by the decoder.
 */
static void test_tunnels(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint8_t protocol; /* of IP, or ... */
        uint16_t port;    /* ... of UDP, or ... */
        uint16_t ethertype;
    } cases[] = {{"gre", 47, 0, 0},       {"gre", 0, 4754, 0},     {"ipip", 4, 0, 0},
                 {"6in4", 41, 0, 0},      {"vxlan", 0, 4789, 0},   {"vxlan", 0, 8472, 0},
                 {"geneve", 0, 6081, 0},  {"gtpu", 0, 2152, 0},    {"mpls", 0, 0, 0x8847},
                 {"mpls", 137, 0, 0},     {"pppoe", 0, 0, 0x8864}, {"pbb", 0, 0, 0x88e7},
                 {"vntag", 0, 0, 0x8926}, {"etag", 0, 0, 0x893f}};
    struct config none = config_for("none"), all = config_for("all");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config = config_for(cases[i].name);
        for (unsigned tagged = 0; tagged < 2; tagged++) {
            build_begin(&b, "0123456789abcdef0123456789abcdef", 32);
            if (cases[i].port != 0)
                push_udp(&b, 40000, cases[i].port);
            if (cases[i].ethertype == 0)
                push_ipv4(&b, cases[i].port != 0 ? 17 : cases[i].protocol);
            size_t ethertype = cases[i].ethertype != 0 ? cases[i].ethertype : 0x0800;
            if (tagged)
                push_tag(ethertype);
            push_ethernet(&b, tagged ? 0x8100 : ethertype);
            print_message("%s\n", cases[i].name);
            assert_true(passes(&config, ETHERNET));
            assert_true(passes(&all, ETHERNET));
            assert_false(passes(&none, ETHERNET));
            for (size_t other = 0; filter_tunnel_name(other) != NULL; other++) {
                struct config single = config_for(filter_tunnel_name(other));
                bool same = strcmp(filter_tunnel_name(other), cases[i].name) == 0;
                assert_int_equal(passes(&single, ETHERNET), same);
            }
        }
    }
}

static void test_joined_with_an_expression(void **state) {
    (void)state;
    char mine[] = "host 10.0.0.1 or host 10.9.9.9", others[] = "host 10.9.9.9 or host 10.8.8.8";
    struct config config = config_for("none");
    build_tcp(false, 40000, 25);
    push_ethernet(&b, 0x0800);
    config.filter = mine;
    assert_true(passes(&config, ETHERNET));
    put_u16_at(&b, 14 + 22, 80);
    assert_false(passes(&config, ETHERNET));
    put_u16_at(&b, 14 + 22, 25);
    config.filter = others;
    assert_false(passes(&config, ETHERNET));
}

/* So many ports that the program would be too long: any TCP passes, and the text stays short. */
static void test_many_ports(void **state) {
    (void)state;
    char why[256], port[16];
    struct config config = {0};
    for (unsigned i = 0; i < FILTER_RANGES_MAX; i++) {
        snprintf(port, sizeof port, "%u", 1000 + 2 * i);
        assert_true(ports_add(&config.mail_ports, port, why, sizeof why));
    }
    build_tcp(false, 40000, 1001);
    assert_false(passes(&config, RAW));
    assert_true(ports_add(&config.mail_ports, "9999", why, sizeof why));
    assert_true(passes(&config, RAW));
    config = (struct config){0};
    assert_true(ports_add(&config.tls_ports, "1-65535", why, sizeof why));
    assert_true(passes(&config, RAW));
}

static void test_names(void **state) {
    (void)state;
    char why[512];
    uint32_t tunnels = 0;
    assert_true(filter_tunnels_add(&tunnels, "GRE, vxlan", why, sizeof why));
    assert_int_equal(tunnels, 1 | 1 << 3);
    assert_true(filter_tunnels_add(&tunnels, "none", why, sizeof why));
    assert_int_equal(tunnels, 1 | 1 << 3);
    assert_false(filter_tunnels_add(&tunnels, "gre,ipsec", why, sizeof why));
    assert_non_null(strstr(why, "'ipsec' is no tunnel"));
    assert_non_null(strstr(why, "etag"));
    assert_false(filter_tunnels_add(&tunnels, "gre,", why, sizeof why));
    assert_false(filter_tunnels_add(&tunnels, "", why, sizeof why));
    assert_int_equal(tunnels, 1 | 1 << 3);
    assert_null(filter_tunnel_name(1000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports_and_tags),
        cmocka_unit_test(test_dns),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_headers_before_tcp),
        cmocka_unit_test(test_any_port),
        cmocka_unit_test(test_tunnels),
        cmocka_unit_test(test_joined_with_an_expression),
        cmocka_unit_test(test_many_ports),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
