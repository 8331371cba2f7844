/* lab.h: one SMTP connection after another through the pipeline, packet by packet, with what an attacker
 * would change: any place, any header, copies that differ, pieces.
 *
 * The connection is one in which the server offers STARTTLS and the client sends its mail in clear
 * (offered_unused). The other bytes are those of a reply in which STARTTLS was overwritten. */
#ifndef STARTTAP_TESTS_INVARIANTS_LAB_H
#define STARTTAP_TESTS_INVARIANTS_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sensor/pipeline.h"
#include "../support/put_bytes.h"
#include "../support/traffic.h"

#define SECOND       UINT64_C(1000000000)
#define LINKTYPE_RAW 101
#define SLOTS        5u
#define TCP_HEADER   20u
#define IP_HEADER    20u
#define MORE         0x2000u

enum { CLIENT, SERVER };

/* The true reply, and one that differs from it in each slot, be they those of segments or of fragments. */
static const char TRUE_REPLY[] =
    "250-mx.example.org\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 SIZE 1000\r\n";
static const char FALSE_REPLY[] =
    "250-mX.eXaMpLe.oRg\r\n250-piPElining\r\n250-8bitMIMe\r\n250-XXXXXXXA\r\n250 SIze 1001\r\n";
#define REPLY_LEN ((uint32_t)(sizeof TRUE_REPLY - 1))

/* --- events --- */

struct seen {
    uint16_t port;
    enum verdict verdict;
    enum fact mail_cleartext;
    bool conflict;
};

struct result {
    struct seen seen[8];
    size_t num;
};

struct lab {
    struct pipeline *pipeline;
    struct config config;
    uint64_t ts_ns;
    uint16_t port, ip_id;
    struct result *results; /* by client port */
    uint32_t seq[2];
    uint8_t ttl;
    uint16_t window, urgent;
    bool bad_checksum;
};

static inline void collect(void *context, const struct event *event) {
    struct lab *lab = context;
    const struct session_event *s = &event->session;
    if (event->dataset != DATASET_SESSION)
        return;
    struct result *result = &lab->results[s->source.port == 25 ? s->destination.port : s->source.port];
    assert_true(result->num < 8);
    result->seen[result->num++] =
        (struct seen){s->source.port, s->verdict, s->mail_cleartext, s->overlap_conflict};
}

static inline struct lab *lab_new(bool verify_checksums) {
    char error[256];
    struct lab *lab = calloc(1, sizeof *lab);
    assert_non_null(lab);
    lab->results = calloc(65536, sizeof *lab->results);
    assert_non_null(lab->results);
    lab->config = *traffic_config();
    lab->config.verify_checksums = verify_checksums;
    lab->ts_ns = UINT64_C(1700000000) * SECOND;
    lab->port = 1024;
    lab->pipeline = pipeline_new(&lab->config, collect, lab, error, sizeof error);
    if (!lab->pipeline)
        fail_msg("%s", error);
    return lab;
}

static inline void lab_finish(struct lab *lab) {
    pipeline_finish(lab->pipeline);
}

static inline void lab_free(struct lab *lab) {
    pipeline_free(lab->pipeline);
    free(lab->results);
    free(lab);
}

/* --- packets --- */

static inline uint32_t add_up(const uint8_t *data, size_t len, uint32_t sum) {
    for (size_t i = 0; i < len; i++)
        sum += (uint32_t)data[i] << (i % 2 == 0 ? 8 : 0);
    return sum;
}

static inline uint16_t folded(uint32_t sum) {
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* An IPv4 packet (or piece of one) around data; memory of just its size, for the sanitizer's sake. */
static inline void send_ip(struct lab *lab, int from, uint16_t flags_offset, const uint8_t *data,
                           size_t len) {
    uint8_t *packet = malloc(IP_HEADER + len);
    assert_non_null(packet);
    uint8_t *at = put16(packet, 0x4500);
    at = put16(at, (uint32_t)(IP_HEADER + len));
    at = put16(at, lab->ip_id);
    at = put16(at, flags_offset);
    *at++ = lab->ttl;
    *at++ = 6;
    at = put16(at, 0);
    at = put32(at, from == CLIENT ? 0xc0000201 : 0xc6336419);
    at = put32(at, from == CLIENT ? 0xc6336419 : 0xc0000201);
    put16(packet + 10, folded(add_up(packet, IP_HEADER, 0)));
    memcpy(at, data, len);
    struct packet p = {packet, (uint32_t)(IP_HEADER + len), (uint32_t)(IP_HEADER + len), LINKTYPE_RAW,
                       lab->ts_ns};
    pipeline_packet(lab->pipeline, &p);
    free(packet);
    lab->ts_ns += SECOND / 1000;
}

static inline size_t build_tcp(const struct lab *lab, int from, uint8_t flags, uint32_t seq, const char *text,
                               size_t len, uint8_t *out) {
    uint8_t *at = put16(out, from == CLIENT ? lab->port : 25);
    at = put16(at, from == CLIENT ? 25 : lab->port);
    at = put32(at, seq);
    at = put32(at, (flags & TCP_ACK) ? lab->seq[1 - from] : 0);
    at = put16(at, 0x5000u | flags);
    at = put16(at, lab->window);
    at = put32(at, lab->urgent);
    memcpy(at, text, len);
    size_t all = TCP_HEADER + len;
    uint32_t sum = add_up(out, all, 6 + (uint32_t)all + 0xc000 + 0x0201 + 0xc633 + 0x6419);
    put16(out + 16, folded(sum) ^ (lab->bad_checksum ? 0x5555u : 0));
    return all;
}

/* A segment at any place; what was said before does not move. */
static inline void stray(struct lab *lab, int from, uint8_t flags, uint32_t seq, const char *text,
                         size_t len) {
    uint8_t tcp[2048];
    lab->ip_id++;
    send_ip(lab, from, 0, tcp, build_tcp(lab, from, flags, seq, text, len, tcp));
}

static inline void send(struct lab *lab, int from, uint8_t flags, const char *text) {
    stray(lab, from, flags, lab->seq[from], text, strlen(text));
    lab->seq[from] += (uint32_t)strlen(text) + ((flags & (TCP_SYN | TCP_FIN)) ? 1 : 0);
}

static inline void say(struct lab *lab, int from, const char *text) {
    send(lab, from, TCP_ACK | TCP_PSH, text);
}

static inline void acknowledge(struct lab *lab, int from) {
    stray(lab, from, TCP_ACK, lab->seq[from], "", 0);
}

/* --- the connection --- */

static inline void begin(struct lab *lab) {
    lab->port++;
    lab->ts_ns += 2 * SECOND; /* the one before is reported */
    lab->seq[CLIENT] = 1000;
    lab->seq[SERVER] = UINT32_MAX - 60; /* wraps within the reply */
    lab->ttl = 64;
    lab->window = 8192;
    lab->urgent = 0;
    lab->bad_checksum = false;
}

static inline void shake_hands(struct lab *lab) {
    send(lab, CLIENT, TCP_SYN, "");
    send(lab, SERVER, TCP_SYN | TCP_ACK, "");
    send(lab, CLIENT, TCP_ACK, "");
}

static inline void greet(struct lab *lab) {
    say(lab, SERVER, "220 mx.example.org ESMTP\r\n");
    say(lab, CLIENT, "EHLO client.example.com\r\n");
}

static inline void send_mail(struct lab *lab) {
    say(lab, CLIENT, "MAIL FROM:<a@example.com>\r\n");
    say(lab, SERVER, "250 ok\r\n");
    say(lab, CLIENT, "RCPT TO:<b@example.org>\r\n");
    say(lab, SERVER, "250 ok\r\n");
    say(lab, CLIENT, "DATA\r\n");
    say(lab, SERVER, "354 go\r\n");
    say(lab, CLIENT, "Subject: x\r\n\r\nhello\r\n.\r\n");
    say(lab, SERVER, "250 queued\r\n");
}

static inline void quit(struct lab *lab) {
    say(lab, CLIENT, "QUIT\r\n");
    say(lab, SERVER, "221 bye\r\n");
    send(lab, SERVER, TCP_FIN | TCP_ACK, "");
    send(lab, CLIENT, TCP_FIN | TCP_ACK, "");
    acknowledge(lab, SERVER);
}

/* Up to the reply that is tampered with. */
static inline void approach(struct lab *lab) {
    begin(lab);
    shake_hands(lab);
    greet(lab);
}

/* From the true reply on. */
static inline void go_on(struct lab *lab) {
    say(lab, SERVER, TRUE_REPLY);
    send_mail(lab);
    quit(lab);
}

/* --- what is expected --- */

static inline const struct result *result_of(const struct lab *lab, uint16_t port) {
    return &lab->results[port];
}

static inline void expect_one(const struct lab *lab, uint16_t port, bool conflict, const char *what,
                              size_t number) {
    const struct result *result = result_of(lab, port);
    if (result->num != 1)
        fail_msg("%s %zu: %zu events", what, number, result->num);
    const struct seen *seen = &result->seen[0];
    if (seen->conflict != conflict)
        fail_msg("%s %zu: overlap_conflict is %d, verdict %s", what, number, seen->conflict,
                 verdict_name(seen->verdict));
    if (!conflict && seen->verdict != VERDICT_OFFERED_UNUSED)
        fail_msg("%s %zu: verdict %s", what, number, verdict_name(seen->verdict));
}

/* --- slices of the reply --- */

/* One of three pieces: [from, to) in slots, of the true or of the false reply. */
struct slice {
    uint8_t from, to;
    bool is_false;
};

/* Edges of the slots: of the reply, when cut in segments; of the TCP header and the reply, when in fragments.
 */
static inline uint32_t segment_edge(uint8_t slot) {
    return slot == SLOTS ? REPLY_LEN : slot * (REPLY_LEN / SLOTS);
}

static inline uint32_t fragment_edge(uint8_t slot) {
    return slot == SLOTS ? TCP_HEADER + REPLY_LEN : slot == 0 ? 0 : 24u + slot * 16u;
}

static inline void send_piece(struct lab *lab, const struct slice *slice) {
    uint8_t tcp[2048];
    uint32_t from = fragment_edge(slice->from), to = fragment_edge(slice->to);
    build_tcp(lab, SERVER, TCP_ACK | TCP_PSH, lab->seq[SERVER], slice->is_false ? FALSE_REPLY : TRUE_REPLY,
              REPLY_LEN, tcp);
    send_ip(lab, SERVER, (uint16_t)(from / 8 | (slice->to < SLOTS ? MORE : 0)), tcp + from, to - from);
}

#endif
