/* Fragments: put together in any order, under limits, or not at all. */
#include "build_frame.h"

#include "../../sensor/capture/decode_fragment.h"

#define RAW_IP   101
#define SECOND   UINT64_C(1000000000)
#define DATA_LEN 1044 /* a TCP header and 1024 bytes */

/* One datagram's TCP segment, to be cut up. */
static uint8_t data[DATA_LEN];
static struct build b;
static struct decoder *decoder;
static struct segment segment;
static uint8_t *copy; /* the last packet, which the segment may borrow */

static int set_up(void **state) {
    (void)state;
    for (size_t i = 0; i < DATA_LEN; i++)
        data[i] = (uint8_t)(i * 7 + i / 256);
    build_begin(&b, NULL, 0);
    push_tcp(&b);
    memcpy(data, b.start, 20);
    decoder = decoder_new(&(struct decode_options){.verify_checksums = false});
    return decoder == NULL;
}

static int tear_down(void **state) {
    (void)state;
    decoder_free(decoder);
    free(copy);
    copy = NULL;
    return 0;
}

struct piece {
    bool ipv6;
    uint16_t id;
    size_t from, to; /* of data */
    bool more;
    uint64_t ts_ns;
};

static void build_piece(const struct piece *p) {
    build_begin(&b, data + p->from, p->to - p->from);
    if (p->ipv6) {
        push_u16(&b, p->id);
        push_hex(&b, "00 00");
        push_u16(&b, p->from | p->more);
        push_hex(&b, "06 00");
        push_ipv6(&b, 44);
    } else {
        push_ipv4_piece(&b, 6, p->id, (uint16_t)(p->from / 8 | (p->more ? 0x2000u : 0)));
    }
}

static enum decode_result send_built(uint64_t ts_ns) {
    free(copy);
    return decode_first(decoder, &b, b.len, RAW_IP, ts_ns, &segment, &copy);
}

static enum decode_result send(struct piece p) {
    build_piece(&p);
    return send_built(p.ts_ns);
}

static void assert_whole(bool ipv6) {
    assert_int_equal(segment.addr_len, ipv6 ? 16 : 4);
    assert_int_equal(segment.src_port, BUILD_SRC_PORT);
    assert_int_equal(segment.payload_wire_len, DATA_LEN - 20);
    assert_int_equal(segment.payload_len, DATA_LEN - 20);
    assert_memory_equal(segment.payload, data + 20, DATA_LEN - 20);
    /* The network bytes are a datagram that stands for itself. */
    size_t header_len = ipv6 ? 40 : 20;
    assert_int_equal(segment.network_len, header_len + DATA_LEN);
    assert_int_equal(segment.network[ipv6 ? 6 : 9], 6);
    const uint8_t *len = segment.network + (ipv6 ? 4 : 2);
    assert_int_equal(len[0] << 8 | len[1], ipv6 ? DATA_LEN : DATA_LEN + 20);
    if (!ipv6) {
        assert_int_equal(segment.network[6], 0);
        assert_int_equal(segment.network[7], 0);
    }
}

static const size_t CUTS[] = {0, 8, 512, 1000, DATA_LEN}; /* four pieces */

static enum decode_result send_nth(bool ipv6, size_t n, uint16_t id) {
    return send((struct piece){ipv6, id, CUTS[n], CUTS[n + 1], n < 3, SECOND});
}

static void any_order_makes_the_same_segment(void **state) {
    (void)state;
    uint64_t num = 0;
    for (int ipv6 = 0; ipv6 < 2; ipv6++)
        for (unsigned order = 0; order < 256; order++) {
            size_t n[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6};
            if ((1u << n[0] | 1u << n[1] | 1u << n[2] | 1u << n[3]) != 15)
                continue;
            for (size_t i = 0; i < 3; i++) {
                assert_int_equal(send_nth(ipv6, n[i], (uint16_t)order), DECODE_FRAGMENT);
                assert_int_equal(send_nth(ipv6, n[i], (uint16_t)order), DECODE_FRAGMENT); /* again */
            }
            assert_int_equal(send_nth(ipv6, n[3], (uint16_t)order), DECODE_TCP);
            assert_whole(ipv6);
            assert_int_equal(decoder_counters(decoder)->reassembled, ++num);
        }
    assert_int_equal(num, 48);
    assert_int_equal(decoder_counters(decoder)->fragments, 48 * 7);
    assert_int_equal(decoder_counters(decoder)->damaged, 0);
}

static void datagrams_are_told_apart(void **state) {
    (void)state;
    assert_int_equal(send((struct piece){false, 1, 0, 512, true, 0}), DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 2, 512, DATA_LEN, false, 0}),
                     DECODE_FRAGMENT); /* identification */
    assert_int_equal(send((struct piece){true, 1, 512, DATA_LEN, false, 0}), DECODE_FRAGMENT); /* family */
    build_piece(&(struct piece){false, 1, 512, DATA_LEN, false, 0});
    b.start[15]++; /* source */
    assert_int_equal(send_built(0), DECODE_FRAGMENT);
    build_piece(&(struct piece){false, 1, 512, DATA_LEN, false, 0});
    b.start[9] = 47; /* protocol */
    assert_int_equal(send_built(0), DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 1, 512, DATA_LEN, false, 0}), DECODE_TCP);
    assert_whole(false);
}

static void first_copy_wins(void **state) {
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        assert_int_equal(send((struct piece){ipv6, 1, 256, 512, true, 0}), DECODE_FRAGMENT);
        assert_int_equal(send((struct piece){ipv6, 1, 0, 128, true, 0}), DECODE_FRAGMENT);
        /* over both, with another content where they were */
        build_piece(&(struct piece){ipv6, 1, 64, 768, true, 0});
        memset(b.start + b.len - 704, 0xee, 64);
        memset(b.start + b.len - 704 + 192, 0xee, 256);
        assert_int_equal(send_built(0), DECODE_FRAGMENT);
        assert_int_equal(send((struct piece){ipv6, 1, 640, DATA_LEN, false, 0}), DECODE_TCP);
        assert_whole(ipv6);
    }
}

/* As some senders and tools do (RFC 6864 section 4.1 forbids it): the next datagram, with another sequence
 * number and in part the same bytes, has the identification of the one that was whole just before. */
static void one_identification_for_all_loses_none(void **state) {
    (void)state;
    for (int datagram = 0; datagram < 5; datagram++) {
        data[7] = (uint8_t)datagram; /* of the sequence number */
        data[600] = (uint8_t)datagram;
        for (size_t n = 3; n > 0; n--)
            assert_int_equal(send_nth(false, n, 7), DECODE_FRAGMENT);
        assert_int_equal(send_nth(false, 0, 7), DECODE_TCP);
        assert_whole(false);
    }
}

static void two_ends_are_damaged(void **state) {
    (void)state;
    assert_int_equal(send((struct piece){false, 1, 512, DATA_LEN, false, 0}), DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 1, 512, DATA_LEN - 4, false, 0}), DECODE_DAMAGED);
    assert_int_equal(send((struct piece){false, 1, 0, 512, true, 0}), DECODE_FRAGMENT); /* forgotten */
    assert_int_equal(send((struct piece){false, 2, 512, DATA_LEN - 4, false, 0}), DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 2, 512, DATA_LEN, false, 0}), DECODE_DAMAGED);
}

static void malformed_pieces_are_damaged(void **state) {
    (void)state;
    assert_int_equal(send((struct piece){false, 1, 0, 13, true, 0}), DECODE_DAMAGED); /* no multiple of 8 */
    assert_int_equal(send((struct piece){true, 1, 0, 13, true, 0}), DECODE_DAMAGED);
    assert_int_equal(send((struct piece){false, 1, 8, 8, true, 0}), DECODE_DAMAGED); /* empty */
    build_piece(&(struct piece){false, 1, 8, 1000, false, 0});
    put_u16_at(&b, 6, 0x1fff); /* ends beyond 65535 */
    assert_int_equal(send_built(0), DECODE_DAMAGED);
    assert_int_equal(decoder_counters(decoder)->damaged, 4);
}

static void end_before_what_has_come_is_damaged(void **state) {
    (void)state;
    assert_int_equal(send((struct piece){false, 1, 512, 1024, true, 0}), DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 1, 256, 512, false, 0}), DECODE_DAMAGED);
    assert_int_equal(send((struct piece){false, 2, 256, 512, false, 0}), DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 2, 512, 1024, true, 0}), DECODE_DAMAGED);
}

/* A hole, or a piece that the snap length cut, never becomes a segment. */
static void incomplete_is_no_segment(void **state) {
    (void)state;
    assert_int_equal(send((struct piece){false, 1, 0, 512, true, 0}), DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 1, 520, DATA_LEN, false, 0}), DECODE_FRAGMENT);
    build_piece(&(struct piece){false, 1, 512, 520, true, 0});
    free(copy);
    assert_int_equal(decode_first(decoder, &b, b.len - 1, RAW_IP, 0, &segment, &copy), DECODE_DAMAGED);
    assert_int_equal(decoder_counters(decoder)->truncated, 1);
    assert_int_equal(send((struct piece){false, 1, 512, 520, true, 0}), DECODE_TCP);
    assert_whole(false);
}

static void old_pieces_do_not_meet_new_ones(void **state) {
    (void)state;
    const uint64_t start = 1000 * SECOND;
    assert_int_equal(send((struct piece){false, 1, 0, 512, true, start}), DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 1, 512, DATA_LEN, false, start + 61 * SECOND}),
                     DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 1, 0, 512, true, start + 62 * SECOND}), DECODE_TCP);
    assert_whole(false);
}

/* One packet stamped decades ahead costs the others nothing. */
static void a_clock_that_jumps_expires_no_other(void **state) {
    (void)state;
    const uint64_t start = 1000 * SECOND;
    assert_int_equal(send((struct piece){false, 1, 0, 512, true, start}), DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 2, 0, 512, true, start + 2000000000 * SECOND}),
                     DECODE_FRAGMENT);
    assert_int_equal(send((struct piece){false, 1, 512, DATA_LEN, false, start - SECOND}), DECODE_TCP);
    assert_whole(false);
}

static void oldest_goes_past_the_limit(void **state) {
    (void)state;
    for (unsigned i = 0; i <= FRAGMENT_DATAGRAMS_MAX; i++)
        assert_int_equal(send((struct piece){false, (uint16_t)i, 0, 512, true, 0}), DECODE_FRAGMENT);
    assert_int_equal(decoder_counters(decoder)->fragment_limit, 1);
    assert_int_equal(send((struct piece){false, 1, 512, DATA_LEN, false, 0}), DECODE_TCP);
    assert_int_equal(send((struct piece){false, 0, 512, DATA_LEN, false, 0}),
                     DECODE_FRAGMENT); /* it is gone */
}

static void memory_is_limited(void **state) {
    (void)state;
    /* each wants 64 KiB for a piece at its far end, twice as many as fit */
    unsigned num = 2 * DECODE_FRAGMENT_BYTES_MAX / 65536;
    for (unsigned i = 0; i < num; i++) {
        build_piece(&(struct piece){false, (uint16_t)i, 0, 8, true, 0});
        put_u16_at(&b, 6, 0x3ff0);
        assert_int_equal(send_built(0), DECODE_FRAGMENT);
    }
    assert_true(decoder_counters(decoder)->fragment_limit >= num / 2);
    assert_true(decoder_counters(decoder)->fragment_limit < num);
}

static void fragments_of_no_interest_are_not_kept(void **state) {
    (void)state;
    build_piece(&(struct piece){false, 1, 0, 512, true, 0});
    b.start[9] = 1;
    assert_int_equal(send_built(0), DECODE_OTHER);
    assert_int_equal(decoder_counters(decoder)->fragments, 1);
}

/* The tunnel's packet is cut up, and inside it the segment is as well. */
static void fragments_within_fragments(void **state) {
    (void)state;
    static uint8_t outer[2][DATA_LEN + 100];
    size_t outer_len[2];
    for (size_t i = 0; i < 2; i++) {
        build_piece(i == 0 ? &(struct piece){false, 1, 0, 512, true, 0}
                           : &(struct piece){false, 1, 512, DATA_LEN, false, 0});
        push_ethernet(&b, 0x0800);
        push_hex(&b, "08 00 00 00 00 00 2a 00");
        push_udp(&b, 50000, 4789);
        outer_len[i] = b.len;
        memcpy(outer[i], b.start, b.len);
    }
    for (size_t i = 0; i < 2; i++)
        for (size_t half = 0; half < 2; half++) {
            size_t from = half * 256;
            size_t to = half ? outer_len[i] : 256;
            build_begin(&b, outer[i] + from, to - from);
            push_ipv4_piece(&b, 17, (uint16_t)(7 + i), (uint16_t)(half ? 256 / 8 : 0x2000));
            assert_int_equal(send_built(0), i + half < 2 ? DECODE_FRAGMENT : DECODE_TCP);
        }
    assert_whole(false);
    assert_int_equal(decoder_counters(decoder)->reassembled, 3);
}

/* The type in front of the fragment header is rewritten, wherever it stands. */
static void ipv6_headers_before_the_fragment_header_stay(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        build_begin(&b, data + i * 512, i == 0 ? 512 : DATA_LEN - 512);
        push_hex(&b, i == 0 ? "06 00 00 01 00 00 00 09" : "06 00 02 00 00 00 00 09");
        push_hex(&b, "2c 00 01 04 00 00 00 00");
        push_ipv6(&b, 60);
        assert_int_equal(send_built(0), i == 0 ? DECODE_FRAGMENT : DECODE_TCP);
    }
    assert_int_equal(segment.network[6], 60);
    assert_int_equal(segment.network[40], 6);
    assert_int_equal(segment.network_len, 40 + 8 + DATA_LEN);
    assert_memory_equal(segment.payload, data + 20, DATA_LEN - 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_order_makes_the_same_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(datagrams_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(first_copy_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_ends_are_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed_pieces_are_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_identification_for_all_loses_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(end_before_what_has_come_is_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(incomplete_is_no_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_pieces_do_not_meet_new_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_jumps_expires_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(oldest_goes_past_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fragments_of_no_interest_are_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fragments_within_fragments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ipv6_headers_before_the_fragment_header_stay, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
