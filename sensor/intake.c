#include "intake.h"

#include <stdlib.h>

#include "track/clock.h"
#include "track/flow_hash.h"
#include "track/history.h"

struct intake {
    const struct config *config;
    struct port_set watched; /* mail and TLS ports */
    struct decoder *decoder;
    struct siphash_key key; /* of flow hashes */
    struct capture_clock clock;
    struct moment now;
    bool timeless; /* the packet at hand does not move the clock */
    uint64_t window_start_ns,
        window_end_ns; /* the end is never reached before time begins, or without windows */
    struct intake_counters counters;
};

struct intake *intake_new(const struct config *config) {
    struct intake *intake = calloc(1, sizeof *intake);
    if (!intake)
        return NULL;
    intake->config = config;
    intake->key = siphash_random_key();
    intake->window_end_ns = UINT64_MAX;
    port_set_join(&config->mail_ports, &config->tls_ports, &intake->watched);
    struct decode_options decode = {.ports = config->any_port ? NULL : &intake->watched,
                                    .dns = !config->no_dns,
                                    .verify_checksums = config->verify_checksums};
    intake->decoder = decoder_new(&decode);
    if (intake->decoder)
        return intake;
    intake_free(intake);
    return NULL;
}

void intake_free(struct intake *intake) {
    if (!intake)
        return;
    decoder_free(intake->decoder);
    free(intake);
}

void intake_set_key(struct intake *intake, const struct siphash_key *key) {
    intake->key = *key;
}

void intake_reload(struct intake *intake, const struct config *fresh) {
    port_set_join(&fresh->mail_ports, &fresh->tls_ports, &intake->watched);
}

static uint64_t window_length_ns(const struct intake *intake) {
    return intake->config->peer_window_s * NS_PER_S;
}

void intake_begin(struct intake *intake, uint64_t now_ns) {
    if (intake->clock.started)
        return;
    uint64_t length_ns = window_length_ns(intake);
    clock_tick(&intake->clock, now_ns);
    intake->window_start_ns = length_ns == 0 ? now_ns : now_ns - now_ns % length_ns;
    intake->window_end_ns = length_ns == 0 ? UINT64_MAX : intake->window_start_ns + length_ns;
}

static void set_moment(struct intake *intake) {
    intake->now = (struct moment){intake->clock.elapsed_ns, intake->counters.packets, intake->clock.ahead_ns,
                                  intake->now.volume};
}

static void take_time(struct intake *intake, uint64_t ts_ns) {
    struct intake_counters *counters = &intake->counters;
    if (!intake->timeless) {
        intake_begin(intake, ts_ns);
        clock_tick(&intake->clock, ts_ns);
    }
    if (ts_ns < counters->first_ts_ns || counters->packets == 1)
        counters->first_ts_ns = ts_ns;
    if (ts_ns > counters->last_ts_ns)
        counters->last_ts_ns = ts_ns;
    set_moment(intake);
}

/* By packet time that two packets in a row have reached, so that one false stamp ends no window. */
static bool turn_window(struct intake *intake, struct window *ended) {
    if (intake->clock.reached_ns < intake->window_end_ns)
        return false;
    uint64_t length_ns = window_length_ns(intake);
    ended->start_ns = intake->window_start_ns;
    ended->end_ns = intake->clock.reached_ns - intake->clock.reached_ns % length_ns;
    intake->window_start_ns = ended->end_ns;
    intake->window_end_ns = ended->end_ns + length_ns;
    return true;
}

bool intake_arrive(struct intake *intake, const struct packet *packet, struct window *ended) {
    intake->counters.packets++;
    intake->counters.bytes += packet->wire_len;
    take_time(intake, packet->ts_ns);
    return turn_window(intake, ended);
}

bool intake_tick(struct intake *intake, uint64_t now_ns, struct window *ended) {
    if (!intake->clock.started)
        return false;
    clock_tick(&intake->clock, now_ns);
    set_moment(intake);
    return turn_window(intake, ended);
}

bool intake_segment(struct intake *intake, const struct packet *packet, struct segment *segment) {
    enum decode_result result = decode_packet(intake->decoder, packet, segment);
    intake->timeless = result == DECODE_FRAGMENT || (result == DECODE_TCP && segment->src_port == DNS_PORT);
    if (result != DECODE_TCP)
        return false;
    segment->flow_hash = flow_hash(segment, &intake->key);
    if (segment->datagram)
        return true;
    if (segment->payload_len > 0)
        intake->now.volume += segment->payload_len + HISTORY_SEGMENT;
    bool to_server = port_set_has(&intake->watched, segment->dst_port);
    bool to_client = port_set_has(&intake->watched, segment->src_port);
    intake->counters.segments_to_server += to_server && !to_client;
    intake->counters.segments_to_client += to_client && !to_server;
    return true;
}

const struct decode_piece *intake_piece(const struct intake *intake) {
    return decoder_piece(intake->decoder);
}

struct window intake_last_window(const struct intake *intake) {
    return (struct window){intake->window_start_ns, intake->counters.last_ts_ns};
}

const struct moment *intake_moment(const struct intake *intake) {
    return &intake->now;
}

const struct intake_counters *intake_counters(const struct intake *intake) {
    return &intake->counters;
}

const struct decode_counters *intake_decoded(const struct intake *intake) {
    return decoder_counters(intake->decoder);
}

void intake_counters_add(struct intake_counters *sum, const struct intake_counters *more) {
    if (more->packets > 0 && (sum->packets == 0 || more->first_ts_ns < sum->first_ts_ns))
        sum->first_ts_ns = more->first_ts_ns;
    if (more->last_ts_ns > sum->last_ts_ns)
        sum->last_ts_ns = more->last_ts_ns;
    sum->packets += more->packets;
    sum->bytes += more->bytes;
    sum->segments_to_server += more->segments_to_server;
    sum->segments_to_client += more->segments_to_client;
}
