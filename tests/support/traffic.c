#include "traffic.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../outputs/json.h"
#include "../../sensor/capture/decode.h"
#include "../../sensor/capture/source.h"
#include "../../sensor/keylog_file.h"
#include "../../sensor/pipeline.h"
#include "put_bytes.h"

#define LINKTYPE_RAW 101

uint32_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* --- segments --- */

static struct piece *append(struct traffic *traffic) {
    if (traffic->num == traffic->room) {
        traffic->room = traffic->room ? traffic->room * 2 : 256;
        traffic->pieces = realloc(traffic->pieces, traffic->room * sizeof *traffic->pieces);
        assert_non_null(traffic->pieces);
    }
    return &traffic->pieces[traffic->num++];
}

void traffic_add(struct traffic *traffic, const struct piece *piece, uint32_t from, uint32_t len) {
    struct piece *copy = append(traffic);
    *copy = *piece;
    copy->payload = malloc(len + 1);
    assert_non_null(copy->payload);
    memcpy(copy->payload, piece->payload + from, len);
    copy->len = len;
    bool syn = (piece->flags & TCP_SYN) != 0;
    copy->seq = piece->seq + from + (syn && from > 0 ? 1 : 0);
    if (from > 0)
        copy->flags = (uint8_t)(copy->flags & ~TCP_SYN);
    if (from + len < piece->len)
        copy->flags = (uint8_t)(copy->flags & ~TCP_FIN);
}

static void add_segment(struct traffic *traffic, const struct segment *s) {
    struct piece piece = {.addr_len = s->addr_len,
                          .flags = (uint8_t)s->flags,
                          .src_port = s->src_port,
                          .dst_port = s->dst_port,
                          .window = s->window,
                          .ip_id = s->ip_id,
                          .seq = s->seq,
                          .ack = s->ack,
                          .ts_ns = s->ts_ns,
                          .len = s->payload_len};
    memcpy(piece.src, s->src, s->addr_len);
    memcpy(piece.dst, s->dst, s->addr_len);
    uint8_t nothing = 0;
    piece.payload = s->payload_len > 0 ? (uint8_t *)(uintptr_t)s->payload : &nothing;
    traffic_add(traffic, &piece, 0, piece.len);
}

struct traffic traffic_read(const char *path) {
    char error[256];
    struct traffic traffic = {0};
    struct source *source = source_open(path, error, sizeof error);
    if (!source)
        fail_msg("%s", error);
    struct decode_options options = {0};
    struct decoder *decoder = decoder_new(&options);
    struct packet packet;
    struct segment segment;
    while (source_next(source, &packet) == SOURCE_PACKET) {
        if (decode_packet(decoder, &packet, &segment) == DECODE_TCP)
            add_segment(&traffic, &segment);
    }
    decoder_free(decoder);
    source_close(source);
    return traffic;
}

void traffic_cleanup(struct traffic *traffic) {
    for (size_t i = 0; i < traffic->num; i++)
        free(traffic->pieces[i].payload);
    free(traffic->pieces);
    *traffic = (struct traffic){0};
}

void traffic_swap(struct traffic *traffic, size_t a, size_t b) {
    struct piece piece = traffic->pieces[a];
    traffic->pieces[a] = traffic->pieces[b];
    traffic->pieces[b] = piece;
}

/* --- segments to packets --- */

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len) {
    memcpy(at, bytes, len);
    return at + len;
}

static uint8_t *put_ip(uint8_t *at, const struct piece *p) {
    uint32_t tcp_len = 20 + p->len;
    if (p->addr_len == 4) {
        at = put16(at, 0x4500);
        at = put16(at, 20 + tcp_len);
        at = put16(at, p->ip_id);
        at = put32(at, 0x00004006);
        at = put16(at, 0);
    } else {
        at = put32(at, 0x60000000);
        at = put16(at, tcp_len);
        at = put16(at, 0x0640);
    }
    at = put_bytes(at, p->src, p->addr_len);
    return put_bytes(at, p->dst, p->addr_len);
}

static uint32_t checksum_of(const struct piece *p) {
    uint32_t sum =
        p->seq * 31 + p->ack * 17 + p->flags; /* never verified; only has to differ as real ones do */
    for (uint32_t i = 0; i < p->len; i++)
        sum = sum * 33 + p->payload[i];
    return (sum ^ sum >> 16) & 0xffff;
}

static uint32_t encode(const struct piece *p, uint8_t *frame) {
    uint8_t *at = put_ip(frame, p);
    at = put16(at, p->src_port);
    at = put16(at, p->dst_port);
    at = put32(at, p->seq);
    at = put32(at, p->ack);
    at = put16(at, 0x5000u | p->flags);
    at = put16(at, p->window);
    at = put32(at, checksum_of(p) << 16);
    at = put_bytes(at, p->payload, p->len);
    return (uint32_t)(at - frame);
}

/* --- running --- */

static char *comparable_json(const struct event *event) {
    struct event copy = *event;
    struct session_event *s = &copy.session;
    struct buffer out = {0};
    s->start_ns = s->end_ns = 0;
    s->source.packets = s->destination.packets = 0;
    s->gap_bytes = s->out_of_order = s->retransmits = s->duplicates = 0;
    s->overlap_conflict = s->truncated = false;
    memset(copy.id, '0', sizeof copy.id - 1);
    json_encode(&copy, &out);
    buffer_add_char(&out, '\0');
    assert_false(out.failed);
    return out.data;
}

static void collect(void *context, const struct event *event) {
    struct outcome *outcome = context;
    if (event->dataset != DATASET_SESSION)
        return;
    outcome->events = realloc(outcome->events, (outcome->num + 1) * sizeof *outcome->events);
    outcome->json = realloc(outcome->json, (outcome->num + 1) * sizeof *outcome->json);
    assert_non_null(outcome->events);
    assert_non_null(outcome->json);
    outcome->events[outcome->num] = *event;
    outcome->json[outcome->num++] = comparable_json(event);
}

/* Sessions are reported when they end; for comparing, a stable order is needed: by port of the client. */
static void sort(struct outcome *outcome) {
    for (size_t i = 1; i < outcome->num; i++) {
        for (size_t k = i; k > 0; k--) {
            struct event *a = &outcome->events[k - 1], *b = &outcome->events[k];
            uint32_t key_a = (uint32_t)a->session.source.port << 16 | a->session.destination.port;
            uint32_t key_b = (uint32_t)b->session.source.port << 16 | b->session.destination.port;
            if (key_a <= key_b)
                break;
            struct event event = *a;
            *a = *b;
            *b = event;
            char *json = outcome->json[k - 1];
            outcome->json[k - 1] = outcome->json[k];
            outcome->json[k] = json;
        }
    }
}

static void on_warning(void *context, const char *message) {
    (void)context;
    fail_msg("%s", message);
}

static struct keylog_file *open_keys(const struct config *config) {
    char error[256];
    if (!config->keylog)
        return NULL;
    struct keylog_file *keys = keylog_file_open(config->keylog, false, on_warning, NULL, error, sizeof error);
    if (!keys)
        fail_msg("%s", error);
    return keys;
}

struct outcome traffic_run_without(const struct traffic *traffic, const bool *lost,
                                   const struct config *config) {
    static uint8_t frame[1 << 17];
    char error[256];
    struct outcome outcome = {0};
    struct pipeline *pipeline = pipeline_new(config, collect, &outcome, error, sizeof error);
    if (!pipeline)
        fail_msg("%s", error);
    struct keylog_file *keys = open_keys(config);
    if (keys)
        pipeline_set_keylog(pipeline, keylog_file_table(keys));
    for (size_t i = 0; i < traffic->num; i++) {
        if (lost && lost[i])
            continue;
        const struct piece *piece = &traffic->pieces[i];
        uint32_t len = encode(piece, frame);
        uint8_t *exact = malloc(len); /* so that a sanitizer sees a read past its end */
        assert_non_null(exact);
        memcpy(exact, frame, len);
        struct packet packet = {exact, len, len, LINKTYPE_RAW, piece->ts_ns};
        pipeline_packet(pipeline, &packet);
        free(exact);
    }
    pipeline_finish(pipeline);
    pipeline_free(pipeline);
    keylog_file_close(keys);
    sort(&outcome);
    return outcome;
}

struct outcome traffic_run(const struct traffic *traffic, const struct config *config) {
    return traffic_run_without(traffic, NULL, config);
}

void outcome_cleanup(struct outcome *outcome) {
    for (size_t i = 0; i < outcome->num; i++)
        free(outcome->json[i]);
    free(outcome->json);
    free(outcome->events);
    *outcome = (struct outcome){0};
}

static void add_port(struct port_set *set, unsigned port) {
    set->bits[port / 64] |= UINT64_C(1) << (port % 64);
}

const struct config *traffic_config(void) {
    static struct config config;
    config = (struct config){.max_flows = 4096, .no_verify = true};
    add_port(&config.mail_ports, 25);
    add_port(&config.mail_ports, 587);
    add_port(&config.mail_ports, 2525);
    add_port(&config.tls_ports, 465);
    return &config;
}

const struct config *traffic_config_with_keys(const char *path) {
    static struct config config;
    static char keys[4096];
    const char *name = strrchr(path, '/') + 1;
    snprintf(keys, sizeof keys, PCAPS_DIR "/keylogs/%.*s.keys", (int)strcspn(name, "."), name);
    config = *traffic_config();
    config.keylog = keys;
    return access(keys, R_OK) == 0 ? &config : NULL;
}

/* --- bundled captures --- */

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_capture(const struct dirent *entry) {
    return strstr(entry->d_name, ".pcap") != NULL;
}

char **bundled_captures(void) {
    struct dirent **entries;
    int num = scandir(PCAPS_DIR, &entries, is_capture, by_name);
    assert_true(num > 0);
    char **paths = calloc((size_t)num + 1, sizeof *paths);
    assert_non_null(paths);
    for (int i = 0; i < num; i++) {
        assert_true(asprintf(&paths[i], "%s/%s", PCAPS_DIR, entries[i]->d_name) > 0);
        free(entries[i]);
    }
    free(entries);
    return paths;
}

void bundled_cleanup(char **paths) {
    for (size_t i = 0; paths[i]; i++)
        free(paths[i]);
    free(paths);
}
