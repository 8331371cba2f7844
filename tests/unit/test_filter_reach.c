#include "../../sensor/capture/filter_reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../sensor/config_values.h"

static struct config config_with(char *filter) {
    char why[256];
    struct config config = {.filter = filter, .num_interfaces = 1};
    assert_true(ports_add(&config.mail_ports, "25,587,2000-2010", why, sizeof why));
    assert_true(ports_add(&config.tls_ports, "465", why, sizeof why));
    return config;
}

static bool reaches(const char *filter) {
    static char text[512];
    snprintf(text, sizeof text, "%s", filter);
    struct config config = config_with(text);
    return filter_reaches_mail(&config);
}

static void test_filters_that_match_mail(void **state) {
    (void)state;
    static const char *const filters[] = {
        "tcp",
        "host 192.0.2.25",
        "src net 10.0.0.0/8 and dst host 192.0.2.1",
        "ip6 host 2001:db8::1",
        "not host 192.0.2.25",
        "tcp port 25 and not net 192.0.2.0/24",
        "src port 465",
        "dst port 587",
        "portrange 2005-2100",
        "vlan 7 and tcp",
        "vlan",
        "ether host 02:00:00:00:00:01",
        "greater 100",
        "less 100",
        "tcp[tcpflags] & tcp-syn != 0",
        "ip[6:2] & 0x1fff != 0",
        "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x45484c4f",
        "not port 80",
        "port 80 or port 25",
        "ip6",
        "inbound", /* means nothing on Ethernet that was recorded */
    };
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (!reaches(filters[i]))
            fail_msg("%s", filters[i]);
    }
    assert_true(filter_reaches_mail(&(struct config){0}));
}

static void test_filters_that_do_not(void **state) {
    (void)state;
    static const char *const filters[] = {
        "port 80",
        "udp",
        "arp",
        "tcp port 993 and host 192.0.2.25",
        "icmp or icmp6",
        "portrange 1-24",
        "vlan and udp",
        "tcp portrange 26-464 or tcp portrange 466-586",
        "ip and not tcp",
        "proto gre",
        "udp port 4789",
    };
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (reaches(filters[i]))
            fail_msg("%s", filters[i]);
    }
}

static void test_what_is_looked_at(void **state) {
    (void)state;
    char gre[] = "proto gre", web[] = "tcp port 80", mpls[] = "mpls", vxlan[] = "vlan and udp port 4789";
    char *const tunnels[] = {gre, mpls, vxlan};
    for (size_t i = 0; i < 3; i++) {
        struct config config = config_with(tunnels[i]);
        assert_false(filter_reaches_mail(&config));
        config.tunnels = 1;
        assert_true(filter_reaches_mail(&config));
        config.tunnels = 0;
        config.num_interfaces = 0; /* files are searched for all tunnels */
        assert_true(filter_reaches_mail(&config));
    }
    struct config config = config_with(web);
    assert_false(filter_reaches_mail(&config));
    config.any_port = true;
    assert_true(filter_reaches_mail(&config));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters_that_match_mail),
        cmocka_unit_test(test_filters_that_do_not),
        cmocka_unit_test(test_what_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
