/* Capture files of every format, whole, cut at every byte, and nonsense. */
#include "build_file.h"

static struct packet first_packet(void) {
    static uint8_t data[4096];
    char error[512] = "";
    struct packet packet;
    write_file(f.bytes, f.len);
    struct source *source = source_open(path, error, sizeof error);
    assert_non_null(source);
    assert_int_equal(source_next(source, &packet), SOURCE_PACKET);
    assert_true(packet.captured_len <= sizeof data);
    memcpy(data, packet.data, packet.captured_len);
    packet.data = data;
    source_close(source);
    return packet;
}

static void pcap_of_all_kinds(void **state) {
    (void)state;
    static const struct {
        uint32_t magic;
        uint64_t ns;
        size_t more; /* bytes in each record header */
    } kinds[] = {{0xa1b2c3d4, 5000, 0}, {0xa1b23c4d, 5, 0}, {0xa1b2cd34, 5000, 8}};
    for (size_t i = 0; i < 6; i++) {
        begin(i % 2);
        put_file_header(kinds[i / 2].magic, 101);
        put_u32(0xfffffffe);
        put_u32(5);
        put_u32(8);
        put_u32(1500);
        put("\1\2\3\4\5\6\7\10", kinds[i / 2].more);
        put("packet 0", 8);
        struct packet packet = first_packet();
        assert_int_equal(packet.captured_len, 8);
        assert_int_equal(packet.wire_len, 1500);
        assert_int_equal(packet.linktype, 101);
        assert_int_equal(packet.ts_ns, UINT64_C(0xfffffffe) * 1000000000 + kinds[i / 2].ns);
        assert_memory_equal(packet.data, "packet 0", 8);
    }
}

static void link_type_is_16_bits(void **state) {
    (void)state;
    begin(true);
    put_file_header(0xa1b2c3d4, 0x50000000 | 276); /* FCS of 4 bytes */
    put_record(1, 2, "packet 0", 8);
    assert_int_equal(first_packet().linktype, 276);
}

static void odd_numbers_are_tolerated(void **state) {
    (void)state;
    begin_pcap();
    put_record(UINT32_MAX, UINT32_MAX, "packet 0", 3); /* shorter on the wire than captured */
    struct packet packet = first_packet();
    assert_int_equal(packet.captured_len, 8);
    assert_int_equal(packet.wire_len, 8);
    assert_int_equal(packet.ts_ns, UINT64_C(1000) * UINT32_MAX * 1000001);
    begin_pcap();
    put_record(1, 0, "", 0);
    assert_int_equal(first_packet().captured_len, 0);
}

static void lengths_change_places_before_version_2_4(void **state) {
    (void)state;
    static const struct {
        uint8_t minor;
        uint32_t first, second;
    } cases[] = {{2, 1500, 8}, {3, 1500, 8}, {3, 8, 1500}, {4, 8, 1500}};
    for (size_t i = 0; i < 4; i++) {
        begin_pcap();
        f.bytes[6] = cases[i].minor;
        put_u32(1);
        put_u32(0);
        put_u32(cases[i].first);
        put_u32(cases[i].second);
        put("packet 0", 8);
        struct packet packet = first_packet();
        assert_int_equal(packet.captured_len, 8);
        assert_int_equal(packet.wire_len, 1500);
    }
}

static void header_alone_is_an_empty_capture(void **state) {
    (void)state;
    begin_pcap();
    struct outcome o = read_bytes(f.bytes, f.len);
    assert_int_equal(o.result, SOURCE_END);
    assert_int_equal(o.num_packets, 0);
    assert_string_equal(o.message, "");
}

/* Cuts what is in f at every byte: all whole records come, and then the cut is told, with its place. */
static void check_every_cut(size_t from, const size_t *ends, size_t num_ends) {
    for (size_t len = from; len <= f.len; len++) {
        size_t whole = 0;
        bool clean = len == from;
        for (size_t i = 0; i < num_ends; i++) {
            whole += len >= ends[i];
            clean = clean || len == ends[i];
        }
        struct outcome o = read_bytes(f.bytes, len);
        assert_int_equal(o.num_packets, whole);
        assert_int_equal(o.result, clean ? SOURCE_END : SOURCE_DAMAGED);
        char number[32];
        (void)snprintf(number, sizeof number, "packet %zu at byte ", whole + 1);
        assert_int_equal(strstr(o.message, number) != NULL, !clean);
        assert_int_equal(strstr(o.message, path) != NULL, !clean);
    }
}

static void pcap_cut_anywhere(void **state) {
    (void)state;
    size_t ends[3];
    begin_pcap();
    put_three_records(ends);
    check_every_cut(24, ends, 3);
    for (size_t len = 4; len < 24; len++) {
        struct outcome o = read_bytes(f.bytes, len);
        assert_int_equal(o.result, SOURCE_DAMAGED);
        assert_non_null(strstr(o.message, "file header"));
    }
}

static void impossible_lengths_are_damage(void **state) {
    (void)state;
    begin_pcap();
    put_record(1, 2, "packet 0", 8);
    size_t at = f.len;
    put_u32(1);
    put_u32(2);
    put_u32(262145);
    put_u32(262145);
    while (f.len < at + 16 + 262145)
        put_u32(0);
    struct outcome o = read_bytes(f.bytes, f.len);
    assert_int_equal(o.result, SOURCE_DAMAGED);
    assert_int_equal(o.num_packets, 1);
    char expected[128];
    (void)snprintf(expected, sizeof expected, "%s: packet 2 at byte %zu: captured length 262145", path, at);
    assert_non_null(strstr(o.message, expected));
}

static void unknown_versions_are_damage(void **state) {
    (void)state;
    begin_pcap();
    f.bytes[4] = 3;
    put_record(1, 2, "packet 0", 8);
    struct outcome o = read_bytes(f.bytes, f.len);
    assert_int_equal(o.result, SOURCE_DAMAGED);
    assert_non_null(strstr(o.message, "version 3.4"));
}

/* pcapng */

static size_t block_start;

static void begin_block(uint32_t type) {
    block_start = f.len;
    put_u32(type);
    put_u32(0);
}

static void end_block(void) {
    static const uint8_t padding[3];
    put(padding, (4 - f.len % 4) % 4);
    size_t end = f.len;
    put_u32(end + 4 - block_start);
    memcpy(f.bytes + block_start + 4, f.bytes + end, 4);
}

static void put_section(bool little_endian) {
    f.little_endian = little_endian;
    begin_block(0x0a0d0d0a);
    put_u32(0x1a2b3c4d);
    put_u16(1);
    put_u16(0);
    put_number(UINT64_MAX, 8);
    end_block();
}

/* resolution and offset_s 0: without the option. */
static void put_interface(uint16_t linktype, uint32_t snaplen, uint8_t resolution, int64_t offset_s) {
    begin_block(1);
    put_u16(linktype);
    put_u16(0);
    put_u32(snaplen);
    put_u16(2); /* a name, to be skipped with its padding */
    put_u16(5);
    put("eth99\0\0", 8);
    if (resolution != 0) {
        put_u16(9);
        put_u16(1);
        put(&(const uint8_t[4]){resolution}, 4);
    }
    if (offset_s != 0) {
        put_u16(14);
        put_u16(8);
        put_number((uint64_t)offset_s, 8);
    }
    put_u16(0);
    put_u16(0);
    end_block();
}

static void put_enhanced(uint32_t interface, uint64_t ticks, const char *data, uint32_t wire_len) {
    begin_block(6);
    put_u32(interface);
    put_u32(ticks >> 32);
    put_u32(ticks & UINT32_MAX);
    put_u32(strlen(data));
    put_u32(wire_len);
    put(data, strlen(data));
    end_block();
}

static void pcapng_sections_and_interfaces(void **state) {
    (void)state;
    size_t ends[6];
    begin(true);
    put_section(true);
    put_interface(ETHERNET, 0, 0, 0);
    put_interface(113, 8, 0, 0);
    size_t from = f.len;
    put_enhanced(1, 1000000, "packet 0", 100);
    ends[0] = f.len;
    begin_block(0x0bad); /* custom, to be skipped */
    put("????????", 8);
    end_block();
    put_enhanced(0, 2000000, "packet 1", 100);
    ends[1] = f.len;
    put_section(false);
    put_interface(276, 8, 0, 0);
    begin_block(2); /* obsolete packet block */
    put_u16(0);
    put_u16(7);
    put_u32(0);
    put_u32(3000000);
    put_u32(8);
    put_u32(100);
    put("packet 2", 8);
    end_block();
    ends[2] = f.len;
    begin_block(3); /* simple packet block: cut by the interface's snap length, without a time */
    put_u32(100);
    put("packet 3", 8);
    end_block();
    ends[3] = f.len;

    static const int linktypes[] = {113, ETHERNET, 276, 276};
    static const uint64_t seconds[] = {1, 2, 3, 3};
    char error[512];
    write_file(f.bytes, f.len);
    struct source *source = source_open(path, error, sizeof error);
    assert_non_null(source);
    for (size_t i = 0; i < 4; i++) {
        struct packet packet;
        assert_int_equal(source_next(source, &packet), SOURCE_PACKET);
        assert_int_equal(packet.linktype, linktypes[i]);
        assert_int_equal(packet.ts_ns, seconds[i] * 1000000000);
        assert_int_equal(packet.captured_len, 8);
        assert_int_equal(packet.wire_len, 100);
    }
    source_close(source);

    for (size_t len = 4; len <= f.len; len++) {
        size_t whole = 0;
        for (size_t i = 0; i < 4; i++)
            whole += len >= ends[i];
        struct outcome o = read_bytes(f.bytes, len);
        assert_int_equal(o.num_packets, whole);
        if (len < from || len == f.len)
            continue;
        bool at_end = false;
        for (size_t i = 0; i < 4; i++)
            at_end = at_end || len == ends[i];
        if (at_end)
            assert_int_equal(o.result, SOURCE_END);
    }
    assert_int_equal(read_bytes(f.bytes, f.len).result, SOURCE_END);
    assert_int_equal(read_bytes(f.bytes, f.len - 1).result, SOURCE_DAMAGED);
}

static void pcapng_clocks(void **state) {
    (void)state;
    const uint64_t second = 1000000000;
    static const struct {
        uint8_t resolution;
        int64_t offset_s;
        uint64_t ticks, ns;
    } cases[] = {
        {0, 0, 1500000, 1500000000},
        {6, 0, 1500000, 1500000000},
        {9, 0, 1500000001, 1500000001},
        {3, 0, 1500, 1500000000},
        {12, 0, 1500000001999, 1500000001},
        {19, 0, UINT64_C(15000000000000000000), 1500000000},
        {0x80, 0, 3, 3000000000},
        {0x80 | 1, 0, 3, 1500000000},
        {0x80 | 32, 0, UINT64_C(3) << 31, 1500000000},
        {0x80 | 63, 0, UINT64_C(3) << 62, 1500000000},
        {6, 10, 1500000, 11500000000},
        {6, -1, 1500000, 500000000},
        {6, -5, 1500000, 500000000}, /* held at 1970 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int order = 0; order < 2; order++) {
            begin(order);
            put_section(order);
            put_interface(ETHERNET, 0, cases[i].resolution, cases[i].offset_s);
            put_enhanced(0, cases[i].ticks, "packet 0", 8);
            assert_int_equal(first_packet().ts_ns, cases[i].ns);
        }
    begin(true); /* beyond what 64 bits of nanoseconds hold */
    put_section(true);
    put_interface(ETHERNET, 0, 0x80, INT64_MAX);
    put_enhanced(0, UINT64_MAX, "packet 0", 8);
    assert_true(first_packet().ts_ns > UINT64_MAX - 3 * second);
}

static void assert_pcapng_damaged(const char *reason) {
    struct outcome o = read_bytes(f.bytes, f.len);
    assert_int_equal(o.result, SOURCE_DAMAGED);
    assert_int_equal(o.num_packets, 1);
    if (strstr(o.message, reason) == NULL)
        fail_msg("\"%s\" does not say %s", o.message, reason);
}

static void begin_pcapng(void) {
    begin(true);
    put_section(true);
    put_interface(ETHERNET, 0, 0, 0);
    put_enhanced(0, 0, "packet 0", 8);
}

static void pcapng_nonsense_is_damage(void **state) {
    (void)state;
    begin_pcapng();
    put_enhanced(1, 0, "packet 1", 8);
    assert_pcapng_damaged("interface 1 was not described");

    begin_pcapng(); /* the same in a section without interfaces */
    put_section(true);
    put_enhanced(0, 0, "packet 1", 8);
    assert_pcapng_damaged("interface 0 was not described");

    begin_pcapng();
    put_enhanced(0, 0, "packet 1", 8);
    f.bytes[f.len - 4]++;
    assert_pcapng_damaged("at its head");

    begin_pcapng();
    put_enhanced(0, 0, "packet 1", 8);
    f.bytes[block_start + 20] = 13; /* captured length beyond the block */
    assert_pcapng_damaged("captured length 13");

    begin_pcapng();
    begin_block(0x0bad);
    f.bytes[f.len - 4] = 8; /* shorter than a block can be */
    assert_pcapng_damaged("block length 8");

    begin_pcapng();
    begin_block(6);
    put_u32(0);
    end_block();
    assert_pcapng_damaged("too short");

    begin_pcapng();
    put_interface(ETHERNET, 0, 20, 0); /* 10^20 ticks in a second */
    assert_pcapng_damaged("interface 1");

    begin_pcapng();
    put_interface(ETHERNET, 0, 0, 0);
    f.bytes[block_start + 18] = 200; /* option beyond the block */
    assert_pcapng_damaged("interface 1");

    begin_pcapng();
    put_section(true);
    f.bytes[block_start + 12] = 2;
    assert_pcapng_damaged("version 2.0");

    begin_pcapng();
    put_section(true);
    f.bytes[block_start + 8] = 0;
    assert_pcapng_damaged("byte-order magic");

    begin_pcapng();
    begin_block(6);
    f.bytes[f.len - 1] = 0x10; /* 256 MB of packet */
    assert_pcapng_damaged("is above");
}

static void interfaces_are_limited(void **state) {
    (void)state;
    begin(true);
    put_section(true);
    for (int i = 0; i <= 65536; i++) {
        begin_block(1);
        put_u32(ETHERNET);
        put_u32(0);
        end_block();
    }
    struct outcome o = read_bytes(f.bytes, f.len);
    assert_int_equal(o.result, SOURCE_DAMAGED);
    assert_non_null(strstr(o.message, "more than 65536 interfaces"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcap_of_all_kinds),
        cmocka_unit_test(link_type_is_16_bits),
        cmocka_unit_test(odd_numbers_are_tolerated),
        cmocka_unit_test(lengths_change_places_before_version_2_4),
        cmocka_unit_test(header_alone_is_an_empty_capture),
        cmocka_unit_test(pcap_cut_anywhere),
        cmocka_unit_test(impossible_lengths_are_damage),
        cmocka_unit_test(unknown_versions_are_damage),
        cmocka_unit_test(pcapng_sections_and_interfaces),
        cmocka_unit_test(pcapng_clocks),
        cmocka_unit_test(pcapng_nonsense_is_damage),
        cmocka_unit_test(interfaces_are_limited),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
