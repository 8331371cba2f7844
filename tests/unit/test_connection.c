/* Header prediction (connection.c) says what the long way says: two flows get the same segments, those of one
 * with an URG flag whose pointer is 0, which is never expected and means nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/track/connection.h"
#include "../../sensor/track/history.h"
#include "../support/traffic.h"

#define CONNECTIONS 4000
#define SEGMENTS    80
#define LONGEST     300

static struct session_tools tools;

static uint32_t draw(uint64_t *lot, uint32_t below) {
    return next_random(lot) % below;
}

static bool one_in(uint64_t *lot, uint32_t many) {
    return draw(lot, many) == 0;
}

static const char *const texts[][2] = {
    {"EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\nhello\r\n.\r\nNOOP\r\n",
     "220 mx ESMTP\r\n250-mx\r\n250 STARTTLS\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n"},
    {"EHLO a.example\r\nSTARTTLS\r\n\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00QUIT\r\n",
     "220 mx ESMTP\r\n250-mx\r\n250 STARTTLS\r\n220 go\r\n\x15\x03\x03\x00\x02\x02\x28"},
    {"GET / HTTP/1.1\r\n\r\n\x01\x02\x03", "HTTP/1.1 400 no\r\n\r\n"},
};

/* What both ends have sent so far. */
struct talk {
    uint64_t lot;
    const char *const *text;
    uint32_t isn[2];
    uint32_t sent[2];
    uint8_t bytes[LONGEST];
};

static void say(struct talk *talk, enum side side, uint32_t offset, uint32_t len) {
    size_t text_len = strlen(talk->text[side]);
    for (uint32_t i = 0; i < len; i++)
        talk->bytes[i] = (uint8_t)talk->text[side][(offset + i) % text_len];
}

static uint16_t odd_flags(uint64_t *lot) {
    static const uint16_t odd[] = {TCP_SYN,           TCP_SYN | TCP_ACK, TCP_RST,
                                   TCP_RST | TCP_ACK, TCP_FIN | TCP_ACK, 0};
    return odd[draw(lot, sizeof odd / sizeof odd[0])];
}

/* Mostly what comes next; else lost, repeated, late, changed, cut, or acknowledging what nobody saw. */
static struct segment next_segment(struct talk *talk, const struct flow *flow, enum side side) {
    uint64_t *lot = &talk->lot;
    uint32_t len = one_in(lot, 3) ? 0 : 1 + draw(lot, one_in(lot, 8) ? LONGEST - 1 : 40);
    uint32_t offset = talk->sent[side], acked = talk->sent[side_other(side)];
    if (one_in(lot, 16))
        offset = (uint32_t)flow->streams[side].next; /* what may be there and wait for the other side */
    else if (one_in(lot, 16))
        offset += draw(lot, 50);
    else if (one_in(lot, 8))
        offset -= draw(lot, offset < 100 ? offset + 1 : 100);
    if (one_in(lot, 8))
        acked -= draw(lot, acked + 1);
    else if (one_in(lot, 24))
        acked += 1 + draw(lot, 60);
    say(talk, side, offset, len);
    if (one_in(lot, 32) && len > 0)
        talk->bytes[draw(lot, len)] ^= 1;
    struct segment segment = {
        .flags = one_in(lot, 24) ? odd_flags(lot) : TCP_ACK,
        .seq = talk->isn[side] + 1 + offset,
        .ack = talk->isn[side_other(side)] + 1 + acked,
        .window = (uint16_t)draw(lot, 3),
        .ip_id = (uint16_t)draw(lot, 1000),
        .payload = talk->bytes,
        .payload_len = len,
        .payload_wire_len = len,
    };
    if (one_in(lot, 40))
        segment.payload_len -= draw(lot, len + 1);
    if (offset + len > talk->sent[side])
        talk->sent[side] = offset + len;
    return segment;
}

static void assert_same_stream(const struct stream *a, const struct stream *b) {
    assert_int_equal(a->next, b->next);
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->sent, b->sent);
    assert_int_equal(a->gap_bytes, b->gap_bytes);
    assert_int_equal(a->first_seq, b->first_seq);
    assert_int_equal(a->buffered, b->buffered);
    assert_int_equal(a->num_chunks, b->num_chunks);
    assert_int_equal(a->held, b->held);
    assert_int_equal(a->started, b->started);
    assert_int_equal(a->syn_seen, b->syn_seen);
    assert_int_equal(a->fin_seen, b->fin_seen);
    assert_int_equal(a->fin, b->fin);
}

static void assert_same(const struct flow *a, const struct flow *b) {
    for (enum side side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        assert_same_stream(&a->streams[side], &b->streams[side]);
        assert_int_equal(a->packets[side], b->packets[side]);
        assert_int_equal(a->hole[side], b->hole[side]);
        assert_int_equal(a->rst_seen[side], b->rst_seen[side]);
        assert_int_equal(a->session ? a->session->lanes[side] : 255,
                         b->session ? b->session->lanes[side] : 255);
    }
    assert_int_equal(a->last_ts_ns, b->last_ts_ns);
    assert_int_equal(a->out_of_order, b->out_of_order);
    assert_int_equal(a->retransmits, b->retransmits);
    assert_int_equal(a->duplicates, b->duplicates);
    assert_int_equal(a->buffer_full, b->buffer_full);
    assert_int_equal(a->overlap_conflict, b->overlap_conflict);
    assert_int_equal(a->truncated, b->truncated);
    assert_int_equal(a->midstream, b->midstream);
}

static void talk_on(struct talk *talk, struct flow *flow, struct flow *long_way) {
    uint64_t elapsed_ns = 0;
    struct segment copy = {0};
    for (unsigned i = 0; i < SEGMENTS; i++) {
        enum side side = one_in(&talk->lot, 2) ? SIDE_SERVER : SIDE_CLIENT;
        struct segment segment = next_segment(talk, flow, side);
        if (i == 0 && one_in(&talk->lot, 2)) {
            side = SIDE_CLIENT;
            segment = (struct segment){.flags = TCP_SYN, .seq = talk->isn[side]};
            talk->sent[side] = 0;
        }
        elapsed_ns += one_in(&talk->lot, 30) ? 61 * NS_PER_S : NS_PER_S / 100;
        segment.ts_ns = elapsed_ns;
        if (flow->session && one_in(&talk->lot, 200))
            flow->session->lanes[side] = long_way->session->lanes[side] = LANE_DONE;
        for (int twice = one_in(&talk->lot, 20); twice >= 0; twice--) {
            assert_true(connection_segment(flow, &segment, side, elapsed_ns, &tools));
            copy = segment;
            copy.flags |= TCP_URG;
            assert_true(connection_segment(long_way, &copy, side, elapsed_ns, &tools));
            assert_same(flow, long_way);
        }
    }
}

static void end(struct flow *flow) {
    connection_finish(flow);
    session_free(flow->session);
    stream_cleanup(&flow->streams[SIDE_CLIENT]);
    stream_cleanup(&flow->streams[SIDE_SERVER]);
}

static void what_is_expected_is_taken_like_anything(void **state) {
    (void)state;
    for (uint64_t i = 0; i < CONNECTIONS; i++) {
        struct talk talk = {.lot = i, .text = texts[i % (sizeof texts / sizeof texts[0])]};
        talk.isn[SIDE_CLIENT] =
            one_in(&talk.lot, 4) ? UINT32_MAX - draw(&talk.lot, 2) * 100 : draw(&talk.lot, 1u << 31);
        talk.isn[SIDE_SERVER] = one_in(&talk.lot, 4) ? UINT32_MAX : draw(&talk.lot, 1u << 31);
        struct flow flow = {0}, long_way = {0};
        talk_on(&talk, &flow, &long_way);
        end(&flow);
        end(&long_way);
        assert_same_stream(&flow.streams[SIDE_CLIENT], &long_way.streams[SIDE_CLIENT]);
        assert_same_stream(&flow.streams[SIDE_SERVER], &long_way.streams[SIDE_SERVER]);
    }
}

static int open_tools(void **state) {
    (void)state;
    char error[128];
    tools.history = history_new(HISTORY_REACH);
    tools.digest = digest_new();
    tools.hellos = hello_cache_new(tools.digest);
    tools.ehlos = ehlo_cache_new();
    tools.trust = trust_new(&(struct trust_options){.verify = false}, tools.digest, error, sizeof error);
    return tools.history && tools.digest && tools.hellos && tools.ehlos && tools.trust ? 0 : -1;
}

static int close_tools(void **state) {
    (void)state;
    trust_free(tools.trust);
    ehlo_cache_free(tools.ehlos);
    hello_cache_free(tools.hellos);
    digest_free(tools.digest);
    history_free(tools.history);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_expected_is_taken_like_anything)};
    return cmocka_run_group_tests(tests, open_tools, close_tools);
}
