/* The look at a plain frame says and counts what the layers do: for each frame of the bundled captures,
 * whole, cut short, behind VLAN tags, and with bytes changed, whichever ports are wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/capture/decode_layer.h"
#include "../../sensor/capture/source.h"
#include "../support/traffic.h"

#define FRAME_MAX     2048
#define NUM_MUTATIONS 24
#define HEADERS_LEN   80 /* changed bytes lie here */
#define MAC_PAIR_LEN  12
#define TAG_LEN       4

struct both {
    struct decoder *plain, *layers;
};

static unsigned long num_plain; /* frames for which the look was enough */

static struct both both_of(const struct decode_options *options) {
    struct both both = {decoder_new(options), decoder_new(options)};
    assert_non_null(both.plain);
    assert_non_null(both.layers);
    return both;
}

static void free_both(struct both both) {
    decoder_free(both.plain);
    decoder_free(both.layers);
}

static void same_segment(const struct segment *a, const struct segment *b) {
    assert_ptr_equal(a->src, b->src);
    assert_ptr_equal(a->dst, b->dst);
    assert_int_equal(a->addr_len, b->addr_len);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->src_port, b->src_port);
    assert_int_equal(a->dst_port, b->dst_port);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->ack, b->ack);
    assert_int_equal(a->window, b->window);
    assert_int_equal(a->checksum, b->checksum);
    assert_int_equal(a->urgent, b->urgent);
    assert_int_equal(a->ip_id, b->ip_id);
    assert_ptr_equal(a->payload, b->payload);
    assert_int_equal(a->payload_len, b->payload_len);
    assert_int_equal(a->payload_wire_len, b->payload_wire_len);
    assert_int_equal(a->vlan_id, b->vlan_id);
    assert_ptr_equal(a->network, b->network);
    assert_int_equal(a->network_len, b->network_len);
    assert_int_equal(a->ts_ns, b->ts_ns);
}

static void check_frame(struct both both, const struct packet *packet) {
    struct segment short_way, long_way;
    enum layer plain = decode_plain(both.plain, packet, &short_way);
    if (plain == LAYER_ETHERNET)
        return;
    struct decode_counters before = *decoder_counters(both.layers);
    enum decode_result result = decode_by_layers(both.layers, packet, &long_way);
    assert_memory_equal(&before, decoder_counters(both.layers), sizeof before);
    assert_int_equal(result, plain == END_TCP ? DECODE_TCP : DECODE_OTHER);
    if (result == DECODE_TCP)
        same_segment(&short_way, &long_way);
    num_plain++;
}

static void check_tagged(struct both both, const struct packet *packet) {
    uint8_t bytes[FRAME_MAX + TAG_LEN];
    const uint8_t tag[TAG_LEN] = {0x81, 0x00, 0x60, 0x2a};
    memcpy(bytes, packet->data, MAC_PAIR_LEN);
    memcpy(bytes + MAC_PAIR_LEN, tag, TAG_LEN);
    memcpy(bytes + MAC_PAIR_LEN + TAG_LEN, packet->data + MAC_PAIR_LEN, packet->captured_len - MAC_PAIR_LEN);
    struct packet tagged = *packet;
    tagged.data = bytes;
    tagged.captured_len += TAG_LEN;
    tagged.wire_len += TAG_LEN;
    check_frame(both, &tagged);
}

static void check_changed(struct both both, const struct packet *packet, uint64_t *random) {
    uint8_t bytes[FRAME_MAX];
    for (int i = 0; i < NUM_MUTATIONS; i++) {
        struct packet changed = *packet;
        changed.data = bytes;
        memcpy(bytes, packet->data, packet->captured_len);
        for (uint32_t num = 1 + next_random(random) % 2; num > 0; num--)
            bytes[MAC_PAIR_LEN + next_random(random) % (HEADERS_LEN - MAC_PAIR_LEN)] =
                (uint8_t)next_random(random);
        if (next_random(random) % 4 == 0)
            changed.captured_len = next_random(random) % (packet->captured_len + 1);
        check_frame(both, &changed);
    }
}

static void check_capture(struct both both, const char *path, uint64_t *random) {
    char error[256];
    struct packet packet;
    struct source *source = source_open(path, error, sizeof error);
    assert_non_null(source);
    while (source_next(source, &packet) == SOURCE_PACKET) {
        check_frame(both, &packet);
        if (packet.captured_len < HEADERS_LEN || packet.captured_len > FRAME_MAX)
            continue;
        check_tagged(both, &packet);
        check_changed(both, &packet, random);
    }
    source_close(source);
}

static void check_all(const struct decode_options *options) {
    uint64_t random = 4;
    struct both both = both_of(options);
    char **paths = bundled_captures();
    for (size_t i = 0; paths[i]; i++)
        check_capture(both, paths[i], &random);
    bundled_cleanup(paths);
    free_both(both);
}

static void test_all_ports(void **state) {
    (void)state;
    num_plain = 0;
    check_all(&(struct decode_options){0});
    assert_true(num_plain > 10000);
}

static void test_some_ports(void **state) {
    (void)state;
    num_plain = 0;
    check_all(&(struct decode_options){.ports = &traffic_config()->mail_ports});
    assert_true(num_plain > 10000);
}

/* Checksums are the layers' business. */
static void test_checksums(void **state) {
    (void)state;
    num_plain = 0;
    check_all(&(struct decode_options){.verify_checksums = true});
    assert_int_equal(num_plain, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ports),
        cmocka_unit_test(test_some_ports),
        cmocka_unit_test(test_checksums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
