/* Link layers, tags, IP, TCP. Tunnels and fragments have tests of their own. */
#include "build_frame.h"

#define ETHERNET 1

static struct build b;

struct prefix_case {
    const char *name;
    int linktype;
    const char *hex; /* in front of the IP header */
    int vlan_id;
};

static const struct prefix_case IPV4_PREFIXES[] = {
    {"raw", 101, "", -1},
    {"raw, DLT value", 12, "", -1},
    {"raw, OpenBSD's DLT value", 14, "", -1},
    {"ipv4", 228, "", -1},
    {"null, little-endian", 0, "02 00 00 00", -1},
    {"null, big-endian", 0, "00 00 00 02", -1},
    {"loop", 108, "00 00 00 02", -1},
    {"sll", 113, "00 00 00 01 00 06 02 00 00 00 00 01 00 00 08 00", -1},
    {"sll, vlan", 113, "00 00 00 01 00 06 02 00 00 00 00 01 00 00 81 00 00 05 08 00", 5},
    {"sll, 802.2", 113, "00 00 00 01 00 06 02 00 00 00 00 01 00 00 00 04 aa aa 03 00 00 00 08 00", -1},
    {"sll2", 276, "08 00 00 00 00 00 00 02 00 01 00 06 02 00 00 00 00 01 00 00", -1},
    {"ppp", 9, "00 21", -1},
    {"ppp, address and control", 9, "ff 03 00 21", -1},
    {"ppp, short protocol", 9, "21", -1},
    {"ppp, address, short protocol", 9, "ff 03 21", -1},
    {"ppp, mpls", 9, "02 81 00 01 01 40", -1},
    {"ppp serial", 50, "ff 03 00 21", -1},
    {"ppp serial, cisco", 50, "0f 00 08 00", -1},
    {"pppd", 166, "00 03 00 21", -1},
    {"cisco hdlc", 104, "0f 00 08 00", -1},
    {"fddi", 10, "50 02 00 00 00 00 02 02 00 00 00 00 01 aa aa 03 00 00 00 08 00", -1},
    {"ethernet", 1, "02 00 00 00 00 02 02 00 00 00 00 01 08 00", -1},
    {"802.1Q", 1, "02 00 00 00 00 02 02 00 00 00 00 01 81 00 60 2a 08 00", 42},
    {"QinQ", 1, "02 00 00 00 00 02 02 00 00 00 00 01 88 a8 00 07 81 00 00 2a 08 00", 7},
    {"QinQ 9100", 1, "02 00 00 00 00 02 02 00 00 00 00 01 91 00 00 08 81 00 00 2a 08 00", 8},
    {"QinQ 9200", 1, "02 00 00 00 00 02 02 00 00 00 00 01 92 00 00 09 81 00 00 2a 08 00", 9},
    {"three tags", 1, "02 00 00 00 00 02 02 00 00 00 00 01 81 00 0f ff 81 00 00 02 81 00 00 03 08 00", 4095},
    {"vlan, 802.3 length", 1, "02 00 00 00 00 02 02 00 00 00 00 01 81 00 00 2a 00 38 aa aa 03 00 00 00 08 00",
     42},
    {"802.3 snap", 1, "02 00 00 00 00 02 02 00 00 00 00 01 00 38 aa aa 03 00 00 00 08 00", -1},
    {"802.3 snap, 802.1H", 1, "02 00 00 00 00 02 02 00 00 00 00 01 00 38 aa aa 03 00 00 f8 08 00", -1},
    {"802.3 llc ip", 1, "02 00 00 00 00 02 02 00 00 00 00 01 00 33 06 06 03", -1},
    {"mpls", 1, "02 00 00 00 00 02 02 00 00 00 00 01 88 47 00 01 01 40", -1},
    {"mpls, two labels, multicast", 1, "02 00 00 00 00 02 02 00 00 00 00 01 88 48 00 01 00 40 00 02 01 40",
     -1},
    {"pseudowire, control word", 1,
     "02 00 00 00 00 02 02 00 00 00 00 01 88 47 00 01 01 40 00 00 00 01"
     "02 00 00 00 00 02 02 00 00 00 00 01 08 00",
     -1},
    {"pseudowire, none", 1,
     "02 00 00 00 00 02 02 00 00 00 00 01 88 47 00 01 01 40"
     "02 00 00 00 00 02 02 00 00 00 00 01 08 00",
     -1},
    {"pppoe", 1, "02 00 00 00 00 02 02 00 00 00 00 01 88 64 11 00 00 01 00 32 00 21", -1},
    {"pppoe link", 51, "11 00 00 01 00 32 00 21", -1},
    {"pbb", 1,
     "02 00 00 00 00 04 02 00 00 00 00 03 88 a8 00 63 88 e7 00 00 00 01"
     "02 00 00 00 00 02 02 00 00 00 00 01 08 00",
     99},
    {"vn-tag", 1, "02 00 00 00 00 02 02 00 00 00 00 01 89 26 00 01 00 02 81 00 00 2a 08 00", 42},
    {"e-tag", 1, "02 00 00 00 00 02 02 00 00 00 00 01 89 3f 00 01 00 02 00 03 08 00", -1},
};

static const struct prefix_case IPV6_PREFIXES[] = {
    {"raw", 101, "", -1},
    {"ipv6", 229, "", -1},
    {"null, NetBSD", 0, "18 00 00 00", -1},
    {"null, FreeBSD", 0, "1c 00 00 00", -1},
    {"null, Darwin", 0, "1e 00 00 00", -1},
    {"null, Linux", 0, "0a 00 00 00", -1},
    {"null, big-endian Darwin", 0, "00 00 00 1e", -1},
    {"sll", 113, "00 00 00 01 00 06 02 00 00 00 00 01 00 00 86 dd", -1},
    {"sll2", 276, "86 dd 00 00 00 00 00 02 00 01 00 06 02 00 00 00 00 01 00 00", -1},
    {"ppp", 9, "ff 03 00 57", -1},
    {"ethernet", 1, "02 00 00 00 00 02 02 00 00 00 00 01 86 dd", -1},
    {"mpls", 1, "02 00 00 00 00 02 02 00 00 00 00 01 88 47 00 01 01 40", -1},
    {"pppoe", 1, "02 00 00 00 00 02 02 00 00 00 00 01 88 64 11 00 00 01 00 46 00 57", -1},
};

static void link_layers_lead_to_ipv4(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof IPV4_PREFIXES / sizeof *IPV4_PREFIXES; i++) {
        const struct prefix_case *c = &IPV4_PREFIXES[i];
        build_ipv4_tcp(&b);
        push_hex(&b, c->hex);
        print_message("%s\n", c->name);
        assert_decodes_to(&b, c->linktype, DECODE_TCP, 4, c->vlan_id);
    }
}

static void link_layers_lead_to_ipv6(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof IPV6_PREFIXES / sizeof *IPV6_PREFIXES; i++) {
        const struct prefix_case *c = &IPV6_PREFIXES[i];
        build_ipv6_tcp(&b);
        push_hex(&b, c->hex);
        print_message("%s\n", c->name);
        assert_decodes_to(&b, c->linktype, DECODE_TCP, 16, c->vlan_id);
    }
}

static void other_layers_are_no_tcp(void **state) {
    (void)state;
    static const struct prefix_case others[] = {
        {"arp", 1, "02 00 00 00 00 02 02 00 00 00 00 01 08 06", -1},
        {"802.3 length above 1500", 1, "02 00 00 00 00 02 02 00 00 00 00 01 05 dd aa aa 03 00 00 00 08 00",
         -1},
        {"802.3 netbios", 1, "02 00 00 00 00 02 02 00 00 00 00 01 00 38 f0 f0 03", -1},
        {"snap of another organisation", 1,
         "02 00 00 00 00 02 02 00 00 00 00 01 00 38 aa aa 03 00 00 0c 20 00", -1},
        {"null, another family", 0, "07 00 00 00", -1},
        {"pppoe discovery", 51, "11 09 00 01 00 32 00 21", -1},
        {"ppp, compressed", 9, "00 fd", -1},
        {"mpls, unknown content", 1, "02 00 00 00 00 02 02 00 00 00 00 01 88 47 00 01 01 40 a0", -1},
        {"unknown link type", 147, "", -1},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        build_ipv4_tcp(&b);
        push_hex(&b, others[i].hex);
        print_message("%s\n", others[i].name);
        assert_decodes_to(&b, others[i].linktype, DECODE_OTHER, 0, -1);
    }
}

/* One decode of what is in b; the counters are those of a fresh decoder. */
static enum decode_result decode_with(struct decode_options options, size_t captured_len,
                                      struct segment *segment, struct decode_counters *counters) {
    static uint8_t *copy; /* the segment borrows it */
    struct decoder *decoder = decoder_new(&options);
    free(copy);
    enum decode_result result = decode_first(decoder, &b, captured_len, ETHERNET, 7, segment, &copy);
    *counters = *decoder_counters(decoder);
    decoder_free(decoder);
    return result;
}

static enum decode_result decode_plain(size_t captured_len, struct segment *segment,
                                       struct decode_counters *counters) {
    return decode_with((struct decode_options){0}, captured_len, segment, counters);
}

static void padding_is_no_data(void **state) {
    (void)state;
    struct segment s;
    struct decode_counters counters;
    build_begin(&b, "\0\0\0\0\0\0", 6); /* to the 60 bytes that Ethernet wants */
    push_tcp(&b);
    push_ipv4(&b, 6);
    put_u16_at(&b, 2, 40);
    push_ethernet(&b, 0x0800);
    assert_int_equal(decode_plain(b.len, &s, &counters), DECODE_TCP);
    assert_int_equal(s.payload_wire_len, 0);
    assert_int_equal(s.payload_len, 0);
    assert_int_equal(s.network_len, 40);
    assert_int_equal(s.ip_id, 0x1234);
}

static void snap_length_cuts_and_marks(void **state) {
    (void)state;
    struct segment s;
    struct decode_counters counters;
    build_ipv4_tcp(&b);
    push_ethernet(&b, 0x0800);
    assert_int_equal(decode_plain(b.len - 3, &s, &counters), DECODE_TCP);
    assert_int_equal(s.payload_wire_len, 8);
    assert_int_equal(s.payload_len, 5);
    assert_int_equal(counters.truncated, 1);
    assert_int_equal(decode_plain(14 + 20 + 20, &s, &counters), DECODE_TCP);
    assert_int_equal(s.payload_len, 0);
    assert_int_equal(decode_plain(14 + 20 + 19, &s, &counters), DECODE_DAMAGED);
    assert_int_equal(counters.damaged, 1);
    assert_int_equal(counters.truncated, 0);
}

/* A tool that cut the frames and wrote the cut length as both: the IP header still knows. */
static void understated_record_is_a_cut(void **state) {
    (void)state;
    struct segment s;
    struct decode_counters counters;
    build_ipv4_tcp(&b);
    push_ethernet(&b, 0x0800);
    b.len -= 3;
    assert_int_equal(decode_plain(b.len, &s, &counters), DECODE_TCP);
    assert_int_equal(s.payload_wire_len, 8);
    assert_int_equal(s.payload_len, 5);
    assert_int_equal(counters.truncated, 1);
}

static void options_belong_to_the_header(void **state) {
    (void)state;
    struct segment s;
    struct decode_counters counters;
    build_begin(&b, "abc", 3);
    push_hex(&b, "02 04 05 b4 01 01 04 02");
    push_tcp(&b);
    b.start[12] = 0x70;
    push_ipv4(&b, 6);
    push_ethernet(&b, 0x0800);
    assert_int_equal(decode_plain(b.len, &s, &counters), DECODE_TCP);
    assert_int_equal(s.payload_wire_len, 3);
    assert_memory_equal(s.payload, "abc", 3);
    /* cut within the options: the fields before them still count */
    assert_int_equal(decode_plain(b.len - 7, &s, &counters), DECODE_TCP);
    assert_int_equal(s.payload_wire_len, 3);
    assert_int_equal(s.payload_len, 0);
    assert_int_equal(s.seq, BUILD_SEQ);
}

static void ip_options_are_skipped(void **state) {
    (void)state;
    build_begin(&b, BUILD_PAYLOAD, sizeof BUILD_PAYLOAD - 1);
    push_tcp(&b);
    push_hex(&b, "94 04 00 00"); /* router alert */
    push_ipv4(&b, 6);
    b.start[0] = 0x46;
    assert_decodes_to(&b, 101, DECODE_TCP, 4, -1);
}

static void zero_length_means_offload(void **state) {
    (void)state;
    build_ipv4_tcp(&b);
    put_u16_at(&b, 2, 0);
    assert_decodes_to(&b, 101, DECODE_TCP, 4, -1);
    build_ipv6_tcp(&b);
    put_u16_at(&b, 4, 0);
    assert_decodes_to(&b, 101, DECODE_TCP, 16, -1);
    /* but no card takes this much */
    struct segment s;
    struct decoder *decoder = decoder_new(&(struct decode_options){0});
    struct packet packet = {b.start, (uint32_t)b.len, 0x7fffffff, 101, 0};
    assert_int_equal(decode_packet(decoder, &packet, &s), DECODE_DAMAGED);
    decoder_free(decoder);
}

static void contradictory_headers_are_damaged(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {14, 0x55},      /* version 5 */
        {14, 0x44},      /* header of 16 bytes */
        {14, 0x4f},      /* header longer than the datagram */
        {17, 19},        /* datagram shorter than its header */
        {14 + 32, 0x40}, /* TCP header of 16 bytes */
        {14 + 32, 0xf0}, /* TCP header longer than the datagram */
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct segment s, before;
        struct decode_counters counters;
        memset(&s, 0x5a, sizeof s);
        before = s;
        build_ipv4_tcp(&b);
        push_ethernet(&b, 0x0800);
        b.start[changes[i].at] = changes[i].value;
        assert_int_equal(decode_plain(b.len, &s, &counters), DECODE_DAMAGED);
        assert_int_equal(counters.damaged, 1);
        assert_memory_equal(&s, &before, sizeof s);
    }
}

static void quoted_tcp_is_not_tcp(void **state) {
    (void)state;
    build_ipv4_tcp(&b);
    push_hex(&b, "03 03 00 00 00 00 00 00"); /* port unreachable */
    push_ipv4(&b, 1);
    assert_decodes_to(&b, 101, DECODE_OTHER, 0, -1);
    build_ipv6_tcp(&b);
    push_hex(&b, "01 04 00 00 00 00 00 00");
    push_ipv6(&b, 58);
    assert_decodes_to(&b, 101, DECODE_OTHER, 0, -1);
}

static void extension_headers_are_skipped(void **state) {
    (void)state;
    static const struct {
        uint8_t first;
        const char *hex;
        enum decode_result result;
    } cases[] = {
        {0, "06 00 01 04 00 00 00 00", DECODE_TCP},
        {60, "06 01 01 04 00 00 00 00 00 00 00 00 00 00 00 00", DECODE_TCP},
        {43, "06 00 00 00 00 00 00 00", DECODE_TCP},
        {0, "2b 00 01 04 00 00 00 00 3c 00 00 00 00 00 00 00 06 00 01 04 00 00 00 00", DECODE_TCP},
        {135, "06 00 00 00 00 00 00 00", DECODE_TCP},
        {139, "06 00 00 00 00 00 00 00", DECODE_TCP},
        {140, "06 00 00 00 00 00 00 00", DECODE_TCP},
        {44, "06 00 00 00 00 00 00 01", DECODE_TCP}, /* atomic fragment */
        {51, "06 04 00 00 00 00 00 01 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00", DECODE_TCP},
        {50, "00 00 00 01 00 00 00 01", DECODE_OTHER}, /* ESP */
        {59, "", DECODE_OTHER},                        /* no next header */
        {51, "06 00 00 00 00 00 00 01", DECODE_DAMAGED},
        {0, "06 ff 01 04 00 00 00 00", DECODE_DAMAGED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        build_begin(&b, BUILD_PAYLOAD, sizeof BUILD_PAYLOAD - 1);
        push_tcp(&b);
        push_hex(&b, cases[i].hex);
        push_ipv6(&b, cases[i].first);
        assert_decodes_to(&b, 101, cases[i].result, 16, -1);
    }
    build_begin(&b, BUILD_PAYLOAD, sizeof BUILD_PAYLOAD - 1);
    push_tcp(&b);
    push_hex(&b, "06 04 00 00 00 00 00 01 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00");
    push_ipv4(&b, 51);
    assert_decodes_to(&b, 101, DECODE_TCP, 4, -1);
    /* extension headers are IPv6's own */
    build_begin(&b, BUILD_PAYLOAD, sizeof BUILD_PAYLOAD - 1);
    push_tcp(&b);
    push_hex(&b, "06 00 01 04 00 00 00 00");
    push_ipv4(&b, 60);
    assert_decodes_to(&b, 101, DECODE_OTHER, 4, -1);
}

/* The checksums were computed by another program. */
static void build_with_checksums(bool ipv6) {
    if (ipv6) {
        build_ipv6_tcp(&b);
        put_u16_at(&b, 40 + 16, 0xbed5);
        push_ethernet(&b, 0x86dd);
    } else {
        build_ipv4_tcp(&b);
        put_u16_at(&b, 10, 0x5492);
        put_u16_at(&b, 20 + 16, 0x0648);
        push_ethernet(&b, 0x0800);
    }
}

static void checksums_count_when_asked_for(void **state) {
    (void)state;
    const struct decode_options verify = {.verify_checksums = true};
    struct segment s;
    struct decode_counters counters;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        size_t ip_len = ipv6 ? 40 : 20;
        build_with_checksums(ipv6);
        assert_int_equal(decode_with(verify, b.len, &s, &counters), DECODE_TCP);
        assert_int_equal(counters.bad_checksums, 0);
        b.start[b.len - 1] ^= 1; /* payload */
        assert_int_equal(decode_with(verify, b.len, &s, &counters), DECODE_DAMAGED);
        assert_int_equal(counters.bad_checksums, 1);
        assert_int_equal(counters.damaged, 0);
        assert_int_equal(decode_plain(b.len, &s, &counters), DECODE_TCP);
        /* what was cut cannot be verified */
        assert_int_equal(decode_with(verify, b.len - 1, &s, &counters), DECODE_TCP);
        build_with_checksums(ipv6);
        b.start[14 + ip_len - 1] ^= 1; /* destination address */
        assert_int_equal(decode_with(verify, b.len, &s, &counters), DECODE_DAMAGED);
        assert_int_equal(counters.bad_checksums, 1);
    }
    build_with_checksums(false);
    b.start[14 + 8] ^= 1; /* time to live: the IPv4 header's own checksum */
    assert_int_equal(decode_with(verify, b.len, &s, &counters), DECODE_DAMAGED);
    assert_int_equal(counters.bad_checksums, 1);
    assert_int_equal(decode_plain(b.len, &s, &counters), DECODE_TCP);
}

/* With segments left the checksum covers another address than the header's. */
static void routed_checksums_are_not_judged(void **state) {
    (void)state;
    const struct decode_options verify = {.verify_checksums = true};
    struct segment s;
    struct decode_counters counters;
    build_begin(&b, BUILD_PAYLOAD, sizeof BUILD_PAYLOAD - 1);
    push_tcp(&b);
    push_hex(&b, "06 02 00 01 00 00 00 00 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 03");
    push_ipv6(&b, 43);
    push_ethernet(&b, 0x86dd);
    assert_int_equal(decode_with(verify, b.len, &s, &counters), DECODE_TCP);
    b.start[14 + 40 + 3] = 0; /* no segments left */
    assert_int_equal(decode_with(verify, b.len, &s, &counters), DECODE_DAMAGED);
    assert_int_equal(counters.bad_checksums, 1);
}

static void unknown_link_types_are_counted(void **state) {
    (void)state;
    struct segment s;
    uint8_t *copy;
    struct decoder *decoder = decoder_new(&(struct decode_options){0});
    build_ipv4_tcp(&b);
    assert_int_equal(decode_first(decoder, &b, b.len, 147, 0, &s, &copy), DECODE_OTHER);
    assert_int_equal(decoder_counters(decoder)->unknown_linktype, 1);
    free(copy);
    decoder_free(decoder);
    decoder_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_layers_lead_to_ipv4),       cmocka_unit_test(link_layers_lead_to_ipv6),
        cmocka_unit_test(other_layers_are_no_tcp),        cmocka_unit_test(padding_is_no_data),
        cmocka_unit_test(snap_length_cuts_and_marks),     cmocka_unit_test(understated_record_is_a_cut),
        cmocka_unit_test(options_belong_to_the_header),   cmocka_unit_test(ip_options_are_skipped),
        cmocka_unit_test(zero_length_means_offload),      cmocka_unit_test(contradictory_headers_are_damaged),
        cmocka_unit_test(quoted_tcp_is_not_tcp),          cmocka_unit_test(extension_headers_are_skipped),
        cmocka_unit_test(checksums_count_when_asked_for), cmocka_unit_test(routed_checksums_are_not_judged),
        cmocka_unit_test(unknown_link_types_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
